"""Means of many numbers at once, such as the bins of a histogram, with the errors of independent chains."""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from montecarlo.estimates import ByFields, Estimate, student_factor
from neural.saved import Saved

Array = np.ndarray
ROUNDING = 1e-14  # of a mean or a sum of squares, relative


@dataclass(frozen=True, slots=True, eq=False)
class Estimates(ByFields):
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

    Only sums are kept for each chain, of the values and of their squared distances from an origin, the first value, so
    that a variance far below the square of the mean is not lost. The error is that of the spread of the means of the
    chains, which are independent, widened by Student's factor for their number.

        error^2 = sum_c (mean_c - mean)^2 / (n_chains (n_chains - 1)),   tau = n error^2 / variance
    """

    def __init__(self) -> None:
        self.n_steps = 0
        self.sums = np.empty((0,))  # (n_chains, *shape)
        self.squares = np.empty((0,))  # (n_chains, *shape), about the origin
        self.origin = np.empty(())  # (*shape)

    def update(self, blocks: Iterable[Array]) -> Self:
        """Append a round of values (n_chains, n_steps, *shape), which comes in blocks of some chains after the others.

        Raises ``ValueError`` if the number of chains or the shape changes, or for fewer than two chains.
        """
        sums: list[Array] = []
        squares: list[Array] = []
        origin, n_steps = self.origin if self.n_steps else None, 0
        for values in blocks:
            values, n_steps = np.asarray(values, dtype=np.float64), values.shape[1]
            origin = values[0, 0].copy() if origin is None else origin
            self._check(self.sums.shape[:1] + values.shape[2:])
            distances = values - origin
            sums.append(values.sum(axis=1))
            squares.append(np.einsum("cs...,cs...->c...", distances, distances))
        return self.add(np.concatenate(sums), np.concatenate(squares), n_steps, origin)

    def add(self, sums: Array, squares: Array, n_steps: int, origin: Any = 0.0) -> Self:
        """``update`` by the sums of each chain over its steps, of the values and of (value - origin)^2.

        Both have the shape (n_chains, *shape); the ``origin`` is the same in all rounds.
        """
        if len(sums) < 2:
            raise ValueError("expected two chains or more for the errors of several numbers, found one")
        self._check(sums.shape)
        if not self.n_steps:
            self.origin = np.broadcast_to(np.asarray(origin, dtype=np.float64), sums.shape[1:])
        self.sums = self.sums + sums if self.n_steps else sums
        self.squares = self.squares + squares if self.n_steps else squares
        self.n_steps += n_steps
        return self

    def _check(self, shape: tuple[int, ...]) -> None:
        if self.n_steps and shape != self.sums.shape:
            raise ValueError(f"expected a round of the shape {self.sums.shape}, found {shape}")

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
        squares = self.squares.sum(axis=0)
        within = squares - self.n_steps * ((means - self.origin) ** 2).sum(axis=0)
        within = np.where(within <= ROUNDING * squares, 0.0, within)
        spread = means.var(axis=0, ddof=1)
        constant = (within == 0) & (spread <= (ROUNDING * mean) ** 2)
        spread = np.where(constant, 0.0, spread)
        variance = (within + self.n_steps * dof * spread) / (n - 1)
        within = within / (n_chains * (self.n_steps - 1)) if self.n_steps > 1 else np.full(self.origin.shape, np.nan)
        with np.errstate(divide="ignore", invalid="ignore"):
            tau = self.n_steps * spread / variance
            r_hat = np.sqrt((self.n_steps - 1) / self.n_steps + spread / within)
            n_eff = n / tau
        error = np.sqrt(spread / n_chains) * student_factor(dof)
        return Estimates(mean, error, tau, r_hat, n_eff, n, variance, float(dof))

    def jackknife(self, function: Callable[..., Any], *, variance: bool = False) -> Estimates:
        """A function of the mean, such as eigenvalues of a matrix, with its bias of first order removed.

        With ``variance`` the function takes the variance <(x - <x>)^2>, too. From the values with one chain after the
        other left out. Source: B. Efron and C. Stein, Ann. Statist. 9, 586 (1981).
        """
        n_chains = len(self.sums)

        def value(sums: Array, squares: Array, n_chains: int) -> Array:
            n = n_chains * self.n_steps
            mean = sums / n
            return np.asarray(function(mean, squares / n - (mean - self.origin) ** 2) if variance else function(mean))

        sums, squares = self.sums.sum(axis=0), self.squares.sum(axis=0)
        whole = value(sums, squares, n_chains)
        others = zip(sums - self.sums, squares - self.squares, strict=True)
        left_out = np.stack([value(*each, n_chains - 1) for each in others])
        mean = n_chains * whole - (n_chains - 1) * left_out.mean(axis=0)
        error = np.sqrt((n_chains - 1) * left_out.var(axis=0)) * student_factor(n_chains - 1)
        unknown = np.full(whole.shape, math.nan)
        n = n_chains * self.n_steps
        return Estimates(mean, error, unknown, unknown, unknown, n, unknown, float(n_chains - 1))

    def state(self) -> dict[str, Array]:
        """Everything as arrays, for ``from_state``."""
        sums = {"sums": self.sums.copy(), "squares": self.squares.copy(), "origin": self.origin.copy()}
        return {"n_steps": np.array(self.n_steps), **sums}

    @classmethod
    def from_state(cls, state: Mapping[str, Any] | Saved, n_chains: int | None = None) -> Self:
        """The moments that gave ``state``, which continue to the same bits.

        A state without ``origin`` has the squares of all chains together, about 0. Raises ``ValueError`` for what
        moments, of ``n_chains`` chains where they are given, could not have saved.
        """
        saved, self = state if isinstance(state, Saved) else Saved(state), cls()
        saved.names(("n_steps", "sums", "squares"), optional=("origin",))
        shape = np.shape(saved.entry("sums"))
        self.n_steps = saved.integer("n_steps", least=1)
        self.sums = saved.array("sums", (n_chains, *shape[1:]), np.float64, finite=False)
        if len(self.sums) < 2:
            saved.refuse("two chains or more", len(self.sums), "sums")
        if "origin" in saved:
            self.origin = saved.array("origin", shape[1:], np.float64, finite=False)
            self.squares = saved.array("squares", shape, np.float64, least=0, finite=False)
        else:
            self.origin = np.zeros(shape[1:])
            together = saved.array("squares", shape[1:], np.float64, least=0, finite=False)
            self.squares = np.broadcast_to(together / len(self.sums), shape).copy()
        return self
