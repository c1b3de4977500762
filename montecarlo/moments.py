"""Means of many numbers at once, such as the bins of a histogram, with the errors of independent chains."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from montecarlo.estimates import Estimate, student_factor

Array = np.ndarray
ROUNDING = 1e-14  # of a mean, relative


@dataclass(frozen=True, slots=True)
class Estimates:
    """``Estimate`` of each element of an array: the fields with an array have its shape.

    Elements that never vary have the error 0 and no tau and R-hat. ``estimates[i]`` is the ``Estimate`` of one element;
    products with numbers are estimates again.
    """

    mean: Array
    error: Array
    tau: Array
    r_hat: Array
    n_eff: Array
    n: int
    variance: Array
    dof: float

    @property
    def shape(self) -> tuple[int, ...]:
        return self.mean.shape

    def __len__(self) -> int:
        return len(self.mean)

    def __getitem__(self, index: Any) -> Estimate:
        """Raises ``IndexError`` unless ``index`` is that of one element."""
        if np.ndim(self.mean[index]) != 0:
            raise IndexError(f"expected the index of one element of the shape {self.shape}, got {index!r}")
        names = ("mean", "error", "tau", "r_hat", "n_eff", "variance")
        numbers: dict[str, Any] = {name: float(getattr(self, name)[index]) for name in names}
        return Estimate(**numbers, n=self.n, dof=self.dof)

    def z(self, reference: Any) -> Array:
        """(mean - reference) / error of each element; 0 where both agree without an error, or infinite."""
        difference = self.mean - reference
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(difference == 0, 0.0, difference / self.error)

    def __mul__(self, factor: float) -> "Estimates":
        error, variance = abs(factor) * self.error, factor**2 * self.variance
        return replace(self, mean=factor * self.mean, error=error, variance=variance)

    __rmul__ = __mul__

    def __str__(self) -> str:
        shape = " x ".join(map(str, self.shape))
        typical = np.median(self.error[self.error > 0]) if (self.error > 0).any() else 0.0
        return f"{shape} values up to {np.max(self.mean):.4g}, median error {typical:.2g}"


class Moments:
    """Means and errors of an array of numbers for each step of many chains, which arrive in rounds.

    Only sums are kept, for each chain that of the values and for all together that of their squares: the error is that
    of the spread of the means of the chains, which are independent, widened by Student's factor for their number.

        error^2 = sum_c (mean_c - mean)^2 / (n_chains (n_chains - 1)),   tau = n error^2 / variance
    """

    def __init__(self) -> None:
        self.n_steps = 0
        self.sums = np.empty((0,))  # (n_chains, *shape)
        self.squares = np.empty(())  # (*shape)

    def update(self, blocks: Iterable[Array]) -> Self:
        """Append a round of values (n_chains, n_steps, *shape), which comes in blocks of some chains after the others.

        Raises ``ValueError`` if the number of chains or the shape changes, or for fewer than two chains.
        """
        sums: list[Array] = []
        squares, n_steps = np.zeros(()), 0
        for values in blocks:
            values, n_steps = np.asarray(values, dtype=np.float64), values.shape[1]
            sums.append(values.sum(axis=1))
            squares = squares + np.einsum("cs...,cs...->...", values, values)
        return self.add(np.concatenate(sums), squares, n_steps)

    def add(self, sums: Array, squares: Array, n_steps: int) -> Self:
        """``update`` by the sums over the steps of each chain, (n_chains, *shape), and of all squares, (*shape)."""
        if len(sums) < 2:
            raise ValueError("expected two chains or more for the errors of several numbers, found one")
        if self.n_steps and sums.shape != self.sums.shape:
            raise ValueError(f"expected a round of the shape {self.sums.shape}, found {sums.shape}")
        self.sums = self.sums + sums if self.n_steps else sums
        self.squares = self.squares + squares if self.n_steps else squares
        self.n_steps += n_steps
        return self

    @property
    def chain_means(self) -> Array:
        """Shape (n_chains, *shape)."""
        return self.sums / self.n_steps

    def estimate(self) -> Estimates:
        """The estimates of all values so far; raises ``ValueError`` if there are none."""
        if not self.n_steps:
            raise ValueError("expected values before the estimate: call update first")
        means, n_chains = self.chain_means, len(self.sums)
        n, dof, mean = n_chains * self.n_steps, n_chains - 1, means.mean(axis=0)
        spread = means.var(axis=0, ddof=1)
        spread = np.where(spread > (ROUNDING * mean) ** 2, spread, 0.0)
        variance = np.maximum(self.squares / n - mean**2, 0) * n / (n - 1)
        variance = np.where(spread > 0, variance, 0.0)
        within = np.maximum(self.squares / n - (means**2).mean(axis=0), 0) * self.n_steps / max(1, self.n_steps - 1)
        with np.errstate(divide="ignore", invalid="ignore"):
            tau = np.where(variance > 0, self.n_steps * spread / variance, np.nan)
            r_hat = np.where(within > 0, np.sqrt((self.n_steps - 1) / self.n_steps + spread / within), np.nan)
            n_eff = n / tau
        error = np.sqrt(spread / n_chains) * student_factor(dof)
        return Estimates(mean, error, tau, r_hat, n_eff, n, variance, float(dof))

    def jackknife(self, function: Any) -> Estimates:
        """A function of the mean, such as eigenvalues of a matrix, with its bias of first order removed.

        From the values with one chain after the other left out. Source: B. Efron and C. Stein, Ann. Statist. 9, 586
        (1981).
        """
        n_chains = len(self.sums)
        whole = np.asarray(function(self.sums.sum(axis=0) / (n_chains * self.n_steps)))
        others = (self.sums.sum(axis=0) - self.sums) / ((n_chains - 1) * self.n_steps)
        left_out = np.stack([np.asarray(function(mean)) for mean in others])
        mean = n_chains * whole - (n_chains - 1) * left_out.mean(axis=0)
        error = np.sqrt((n_chains - 1) * left_out.var(axis=0)) * student_factor(n_chains - 1)
        unknown = np.full(whole.shape, math.nan)
        n = n_chains * self.n_steps
        return Estimates(mean, error, unknown, unknown, unknown, n, unknown, float(n_chains - 1))

    def state(self) -> dict[str, Array]:
        """Everything as arrays, for ``from_state``."""
        return {"n_steps": np.array(self.n_steps), "sums": self.sums.copy(), "squares": self.squares.copy()}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """The moments that gave ``state``, which continue to the same bits."""
        self = cls()
        self.n_steps = int(state["n_steps"])
        self.sums, self.squares = np.array(state["sums"]), np.array(state["squares"])
        return self
