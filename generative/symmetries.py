"""Symmetries of spins on a periodic lattice: all flipped, and shifted."""

from collections.abc import Callable

import torch
from torch import Tensor

Augmentation = Callable[[Tensor, torch.Generator], Tensor]


def augmentation(shape: tuple[int, ...], values: str, flip: bool, translation: bool) -> Augmentation:
    """Rows (b, n_features) to random images of themselves, one for each row.

    flip : s -> -s, or 1 - s for bits, with probability 1/2
    translation : by a random vector of the periodic lattice of ``shape``

    Raises ``ValueError`` for a flip of numbers that are neither spins nor bits.
    """
    check_flip(flip, values)
    shifts = translations(shape)

    def apply(x: Tensor, generator: torch.Generator) -> Tensor:
        if translation:
            chosen = torch.randint(len(shifts), (len(x),), generator=generator, device=x.device)
            x = x.gather(1, shifts.to(x.device)[chosen])
        return flipped(x, values, generator) if flip else x

    return apply


def check_flip(flip: bool, values: str) -> None:
    """Raises ``ValueError`` for a flip of numbers that are neither spins nor bits."""
    if flip and values not in ("spins", "bits"):
        raise ValueError(f'expected values "spins" or "bits" for flip=True, got {values!r}')


def turned(x: Tensor, values: str) -> Tensor:
    """-x of spins, 1 - x of bits."""
    return -x if values == "spins" else 1 - x


def flipped(x: Tensor, values: str, generator: torch.Generator) -> Tensor:
    """Each row flipped with probability 1/2."""
    turn = torch.randint(2, (len(x), 1), generator=generator, device=x.device, dtype=torch.bool)
    return torch.where(turn, turned(x, values), x)


def translations(shape: tuple[int, ...]) -> Tensor:
    """For every vector of the lattice, the sites in the order in which the shifted lattice has them: (N, N)."""
    sites = torch.arange(int(torch.tensor(shape).prod())).reshape(shape)
    axes = tuple(range(len(shape)))
    vectors = torch.cartesian_prod(*(torch.arange(length) for length in shape)).reshape(-1, len(shape))
    return torch.stack([torch.roll(sites, tuple(vector.tolist()), axes).flatten() for vector in vectors])
