"""The Hilbert space of spins 1/2: which configurations there are where something is conserved."""

import math
from typing import NamedTuple

import numpy as np

from neural.records import Record

EVERY = np.empty(0, dtype=np.int64)  # every magnetisation, as an array in a wave function or a Hamiltonian


class _Fields(NamedTuple):
    n_sites: int
    magnetisation: int | None


class SpinSpace(Record, _Fields):
    """The configurations of ``n_sites`` spins +-1, all 2^n_sites or those of one ``magnetisation``.

    The magnetisation is M = sum_i sigma^z_i, an integer from -n_sites to n_sites in steps of 2; the number of spins up,
    which are the particles where the spins stand for hard-core bosons, is (n_sites + M) / 2. A wave function in such a
    space is 0 outside of it.

    Raises ``ValueError`` for a magnetisation that these spins cannot have.
    """

    __slots__ = ()

    def __new__(cls, n_sites: int, magnetisation: int | None = None) -> "SpinSpace":
        return cls._make((int(n_sites), check_magnetisation(n_sites, magnetisation)))

    @property
    def size(self) -> int:
        """The number of configurations."""
        return 2**self.n_sites if self.magnetisation is None else math.comb(self.n_sites, self.n_up)

    @property
    def n_up(self) -> int:
        """The number of spins up. Raises ``ValueError`` where it is not fixed."""
        if self.magnetisation is None:
            raise ValueError("expected a space of one magnetisation, got all of them")
        return (self.n_sites + self.magnetisation) // 2

    @property
    def sector(self) -> np.ndarray:
        """The magnetisation as an array, shape (1,), or (0,) where there are all."""
        return EVERY if self.magnetisation is None else np.array([self.magnetisation], dtype=np.int64)

    def contains(self, x: np.ndarray) -> np.ndarray:
        """Whether configurations, shape (..., n_sites), belong to it."""
        inside = np.ones(np.shape(x)[:-1], dtype=bool)
        return inside if self.magnetisation is None else np.sum(x, axis=-1, dtype=np.int64) == self.magnetisation

    def keeps(self, x: np.ndarray, sites: np.ndarray) -> np.ndarray:
        """Whether configurations of this space, shape (n, n_sites), still belong to it with some sites turned over."""
        if self.magnetisation is None:
            return np.ones(len(x), dtype=bool)
        return np.sum(x[:, sites], axis=1, dtype=np.int64) == 0

    def first_configurations(self, n: int, generator: np.random.Generator) -> np.ndarray:
        """Random configurations, all with the same probability, shape (n, n_sites), int8."""
        if self.magnetisation is None:
            return generator.choice(np.array([-1, 1], dtype=np.int8), size=(n, self.n_sites))
        spins = np.where(np.arange(self.n_sites) < self.n_up, 1, -1).astype(np.int8)
        return generator.permuted(np.tile(spins, (n, 1)), axis=1)

    def check(self, x: np.ndarray) -> None:
        """Raises ``ValueError`` for configurations outside."""
        if not self.contains(x).all():
            found = np.unique(np.sum(x, axis=-1, dtype=np.int64))
            raise ValueError(
                f"expected configurations with the magnetisation {self.magnetisation}, where the wave function is not "
                f"0, got some with {', '.join(map(str, found[:5]))}: psi.within(None) has all"
            )


def check_magnetisation(n_sites: int, magnetisation: int | None) -> int | None:
    """``magnetisation`` as an int or None, or a ``ValueError`` that names what was expected and found."""
    if magnetisation is None:
        return None
    whole = isinstance(magnetisation, int | np.integer) and not isinstance(magnetisation, bool)
    if not whole or abs(magnetisation) > n_sites or (n_sites + magnetisation) % 2:
        raise ValueError(
            f"expected a magnetisation that {n_sites} spins +-1 can have, one of {-n_sites}, {2 - n_sites}, ..., "
            f"{n_sites}, got {magnetisation!r}"
        )
    return int(magnetisation)


def as_magnetisation(sector: np.ndarray) -> int | None:
    """The inverse of ``SpinSpace.sector``."""
    return int(sector[0]) if len(sector) else None
