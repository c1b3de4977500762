"""Dense networks: ``neural.FeedForward`` in torch, with features of time and of a condition where they are needed."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from neural.feedforward import FeedForward
from neural.torch_modules import to_torch


def feed_forward(
    sizes: Sequence[int],
    activation: str = "gelu",
    seed: int = 0,
    last: str = "identity",
    dtype: torch.dtype = torch.float32,
) -> nn.Sequential:
    """A network of widths ``sizes`` = (n_in, hidden ..., n_out); activations are named as in ``neural``."""
    activations = [activation] * (len(sizes) - 2) + [last]
    return to_torch(FeedForward.init(sizes, activations, seed), dtype)


N_TIME = 32  # features of time


class TimeFeatures(nn.Module):
    """cos and sin of 2 pi f t for times t in [0, 1], with n / 2 frequencies f from 1/8 to ``highest`` in equal ratios.

    The steps of a differential equation in which the network stands have to be well below 1 / highest.
    """

    frequencies: Tensor

    def __init__(self, n: int = N_TIME, highest: float = 128.0) -> None:
        super().__init__()
        frequencies = 2.0 ** torch.linspace(-3, math.log2(highest), n // 2, dtype=torch.float32)
        self.register_buffer("frequencies", 2 * math.pi * frequencies)

    def forward(self, time: Tensor) -> Tensor:
        """Shape (b, n) for times (b,)."""
        angles = time[:, None] * self.frequencies
        return torch.cat([angles.cos(), angles.sin()], dim=1)


def joined(time_features: TimeFeatures | None, time: Tensor | None, condition: Tensor | None, *rows: Tensor) -> Tensor:
    """The inputs of a layer side by side: rows, features of time and the condition, each where there is one."""
    inputs = [*rows]
    if time_features is not None and time is not None:
        inputs.append(time_features(time))
    if condition is not None:
        inputs.append(condition)
    return inputs[0] if len(inputs) == 1 else torch.cat(inputs, dim=1)


def bilinear(x: Tensor, condition: Tensor, matrices: Iterable[Tensor]) -> Tensor | float:
    """sum_k c_k V_k x, (b, n), for rows x (b, n_in), features c (b, n_condition) and a matrix (n, n_in) for each."""
    return sum((c[:, None] * x) @ matrix.T for c, matrix in zip(condition.T, matrices))


class Dense(nn.Module):
    """A dense network of x (b, n_in), and of time (b,) and condition (b, n_condition) where it was made with them.

    highest : frequency of the features of time
    """

    def __init__(
        self,
        n_in: int,
        hidden: Sequence[int],
        n_out: int,
        *,
        activation: str = "gelu",
        time: bool = False,
        n_condition: int = 0,
        highest: float = 128.0,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.time = TimeFeatures(highest=highest) if time else None
        n_features = n_in + n_condition + (N_TIME if time else 0)
        self.layers = feed_forward([n_features, *hidden, n_out], activation, seed)

    def forward(self, x: Tensor, time: Tensor | None = None, condition: Tensor | None = None) -> Tensor:
        """Shape (b, n_out)."""
        return self.layers(joined(self.time, time, condition, x))


class Couplings(nn.Module):
    """The n fields sum_j (J_ij + sum_k c_k V_ij,k) x_j of x (b, n_in) and a condition c; J and V are 0 at first.

    n_in : n, unless given
    causal : the field at i is that of x_j for j < i alone
    """

    def __init__(self, n: int, n_condition: int = 0, *, n_in: int | None = None, causal: bool = False) -> None:
        super().__init__()
        self.matrices = nn.Parameter(torch.zeros(1 + n_condition, n, n_in or n, dtype=torch.float32))
        self.causal = causal

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """Shape (b, n)."""
        first, *others = self.matrices.tril(-1) if self.causal else self.matrices
        fields = x @ first.T
        return fields if condition is None else fields + bilinear(x, condition, others)

    def site(self, x: Tensor, i: int, condition: Tensor | None = None) -> Tensor:
        """The field at site ``i`` of those before, shape (b,)."""
        rows = x[:, :i] @ self.matrices[:, i, :i].T
        return rows[:, 0] if condition is None else rows[:, 0] + (rows[:, 1:] * condition).sum(dim=1)


class Coupled(nn.Module):
    """A dense network of x (b, n_in), time and condition, and ``Couplings``, to n_out features, n_in unless given.

    For spins these are the fields of a mean-field theory, which layers alone learn slowly.
    """

    def __init__(
        self, n_in: int, hidden: Sequence[int], n_out: int | None = None, *, n_condition: int = 0, **options: Any
    ) -> None:
        super().__init__()
        self.dense = Dense(n_in, hidden, n_out or n_in, n_condition=n_condition, **options)
        self.couplings = Couplings(n_out or n_in, n_condition, n_in=n_in)

    def forward(self, x: Tensor, time: Tensor | None = None, condition: Tensor | None = None) -> Tensor:
        """Shape (b, n_out)."""
        return self.dense(x, time, condition) + self.couplings(x, condition)


class Paired(nn.Module):
    """A dense network of x (b, n_in), of x_i sum_j J_ij x_j, and of a condition, with the fields of ``Couplings``.

    For spins these products are energies of each with the others, which layers alone learn slowly.
    """

    def __init__(self, n_in: int, hidden: Sequence[int], n_out: int, *, n_condition: int = 0, **options: Any) -> None:
        super().__init__()
        self.dense = Dense(2 * n_in, hidden, n_out, n_condition=n_condition, **options)
        self.couplings = Couplings(n_in, n_condition)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """Shape (b, n_out)."""
        return self.dense(torch.cat([x, x * self.couplings(x, condition)], dim=1), condition=condition)
