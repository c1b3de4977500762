"""Honest error bars for the samples of Markov chains.

Values have the shape (n_chains, n_steps); a single chain may be one-dimensional. With the pooled autocovariance
Gamma(t) about the mean of all n = n_chains * n_steps values, the variance of that mean is

    error^2 = (1/n) sum_t Gamma(t) = variance * tau / n,        tau = 1 + 2 sum_{t>=1} Gamma(t) / Gamma(0)

``estimate`` finds the sum over t in one of two ways:

- 32 chains or more: from the spread of the means of the chains. They are independent, so nothing is assumed about
  the autocorrelation, which may even be longer than the chains if these start in equilibrium. (The tau of such
  short chains is that of their mean, which is smaller than that of an endless chain.)
- fewer chains: from Gamma(t) summed up to a window that is chosen automatically, see ``windowed_sum``. Where half
  a chain is too short for the window, or where the chains differ by more than it explains (by three standard
  deviations), the spread of the chains is taken again.

Either way the error has a known number of degrees of freedom and is widened by Student's factor for it.
"""

import math
import warnings
from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from montecarlo.diagnostics import (
    Array,
    Blocking,
    as_chains,
    autocorrelation,
    blocking,
    blocking_of_blocks,
    integrated_autocorrelation_time,
    r_hat_of_blocks,
    split_r_hat,
    steps_needed,
    windowed_sum,
)
from montecarlo.estimates import (
    ENOUGH_DEGREES_OF_FREEDOM,
    ChainTooShortWarning,
    Estimate,
    exceeds,
    merge,
    student_factor,
)
from neural.saved import Saved

__all__ = [
    "Accumulator",
    "Blocking",
    "ChainTooShortWarning",
    "Estimate",
    "autocorrelation",
    "blocking",
    "estimate",
    "integrated_autocorrelation_time",
    "merge",
    "split_r_hat",
]

MANY_CHAINS = 32
BLOCKS_IN_MEMORY = 65_536
FEWEST_BLOCKS_PER_CHAIN = 256


def estimate(values: ArrayLike, warn: bool = True) -> Estimate:
    """Mean of values (n_chains, n_steps) with an honest error, see the head of this file and ``Estimate``.

    Independent samples are chains of one step: ``estimate(samples[:, None])``. Chains that leave the error with
    fewer than 10 degrees of freedom (about 50 tau samples in all) set ``steps_needed`` and, with ``warn``, give a
    ``ChainTooShortWarning``. Values that are all equal have the error 0, and tau, R-hat and n_eff are NaN; a NaN
    or an infinity among the values makes the error NaN.
    Raises TypeError for complex values, ValueError for values of another shape or without any.
    """
    accumulator = Accumulator().update(values)
    result = accumulator.estimate(warn=False)
    if warn:
        _warn_if_too_short(result, len(accumulator.blocks))
    return result


def _warn_if_too_short(result: Estimate, n_chains: int) -> None:
    if result.too_short:
        chains = (
            f"{n_chains} chains of {result.n // n_chains} steps" if n_chains > 1 else f"one chain of {result.n} steps"
        )
        message = (
            f"with {chains} at tau {result.tau:.3g} the error has {result.dof:.1f} degrees of freedom instead of "
            f"{ENOUGH_DEGREES_OF_FREEDOM:.0f} or more: run at least {result.steps_needed} steps per chain, "
            f"or {MANY_CHAINS} independent chains"
        )
        warnings.warn(message, ChainTooShortWarning, stacklevel=3)


def _level(n_steps: int, n_chains: int) -> int:
    """The least level at which the blocks of a chain are not too many."""
    most, level = max(FEWEST_BLOCKS_PER_CHAIN, BLOCKS_IN_MEMORY // n_chains), 0
    while n_steps >> level > most:
        level += 1
    return level


class Accumulator:
    """``estimate`` of chains that arrive in rounds, in bounded memory.

        accumulator = Accumulator()
        accumulator.update(first)          # (n_chains, any number of steps)
        accumulator.update(second)         # the same chains, continued
        accumulator.estimate()             # as estimate(np.concatenate([first, second], axis=1))

    Chains are kept as means of blocks of 2^level steps. The level rises by one when a chain would fill more than
    max(256, 65536 / n_chains) blocks. Steps that do not fill a block yet wait in a binary counter: ``carry[:, l]`` is
    the mean of 2^l steps, and there if bit l of ``n_steps`` is 1. So the blocks do not depend, to the last bit, on
    how the steps were divided into rounds. Source: Kent et al., J. Comput. Chem. 28, 2309 (2007).
    """

    def __init__(self) -> None:
        self.n_steps = 0
        self.blocks = np.empty((0, 0))
        self.carry = np.empty((0, 0))
        self.within = 0.0  # sum of squares of the values about the means of their blocks

    @property
    def level(self) -> int:
        """A block is the mean of 2^level steps of a chain."""
        return self.carry.shape[1]

    def state(self) -> dict[str, Array]:
        """Everything as arrays, for ``from_state``."""
        return {
            "n_steps": np.array(self.n_steps),
            "blocks": self.blocks.copy(),
            "carry": self.carry.copy(),
            "within": np.array(self.within),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any] | Saved, n_chains: int | None = None) -> Self:
        """The accumulator that gave ``state``, which continues to the same bits.

        Raises ``ValueError`` for what no accumulator, of ``n_chains`` chains where they are given, could have saved.
        """
        saved, self = state if isinstance(state, Saved) else Saved(state), cls()
        saved.names(("n_steps", "blocks", "carry", "within"))
        self.n_steps = saved.integer("n_steps", least=1)
        self.within = float(saved.array("within", (), np.float64, least=0, finite=False))
        n_chains = n_chains or max(1, len(np.atleast_1d(saved.entry("blocks"))))
        level = _level(self.n_steps, n_chains)
        self.blocks = saved.array("blocks", (n_chains, self.n_steps >> level), np.float64, finite=False)
        self.carry = saved.array("carry", (n_chains, level), np.float64, finite=False)
        return self

    def update(self, values: ArrayLike) -> Self:
        """Append a round of values (n_chains, any number of steps). Raises ValueError if n_chains changes."""
        chains = as_chains(values)
        if not self.n_steps:
            self.blocks = self.carry = np.empty((len(chains), 0))
        if len(chains) != len(self.blocks):
            raise ValueError(f"expected a round of the same {len(self.blocks)} chains, found {len(chains)}")
        n_steps = self.n_steps + chains.shape[1]
        with np.errstate(invalid="ignore", over="ignore"):
            for _ in range(self.level, _level(n_steps, len(chains))):
                self._raise_level()
            for level in range(self.level):
                if self.n_steps >> level & 1:
                    chains = np.hstack([self.carry[:, level : level + 1], chains])
                chains = self._pair(chains, level)
        self.blocks = np.hstack([self.blocks, chains])
        self.n_steps = n_steps
        return self

    def _raise_level(self) -> None:
        self.carry = np.hstack([self.carry, np.zeros((len(self.carry), 1))])
        self.blocks = self._pair(self.blocks, self.level - 1)

    def _pair(self, blocks: Array, level: int) -> Array:
        """Means of neighbouring blocks of 2^level steps; one left over becomes the carry of this level."""
        even = blocks.shape[1] // 2 * 2
        if even < blocks.shape[1]:
            self.carry[:, level] = blocks[:, even]
        left, right = blocks[:, :even:2], blocks[:, 1:even:2]
        self.within += 2.0 ** (level - 1) * float(np.sum((left - right) ** 2))
        return (left + right) / 2

    def estimate(self, warn: bool = True) -> Estimate:
        """The estimate of all values so far; raises ValueError if there are none."""
        if not self.n_steps:
            raise ValueError("expected values before the estimate: call update first")
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            result = self._estimate()
        if warn:
            _warn_if_too_short(result, len(self.blocks))
        return result

    def _estimate(self) -> Estimate:
        origin = self.blocks[0, 0]  # of all sums, so that equal values have exactly no variance
        chain_means, variance = self._moments(origin)
        n, mean = len(chain_means) * self.n_steps, float(origin + chain_means.mean())
        if not variance > 0:
            return Estimate(mean, 0.0 if variance == 0 else math.nan, n=n, variance=variance)
        total, dof = self._sum_of_autocovariances(chain_means)
        tau = total / variance
        too_short = dof < ENOUGH_DEGREES_OF_FREEDOM and len(chain_means) < MANY_CHAINS
        return Estimate(
            mean=mean,
            error=math.sqrt(total / n) * student_factor(dof),
            tau=tau,
            r_hat=r_hat_of_blocks(self.blocks, 2**self.level, self.within),
            n_eff=n / tau if tau else math.inf,
            n=n,
            variance=variance,
            dof=dof,
            steps_needed=steps_needed(len(chain_means), self.n_steps, tau) if too_short else 0,
        )

    def _moments(self, origin: float) -> tuple[Array, float]:
        """Means of the chains relative to ``origin``, and the variance of all values."""
        size, carried = 2.0**self.level, [2.0**level * (self.n_steps >> level & 1) for level in range(self.level)]
        blocks, carry = self.blocks - origin, self.carry - origin
        chain_means = (size * blocks.sum(axis=1) + np.sum(carry * carried, axis=1)) / self.n_steps
        mean = chain_means.mean()
        squares = self.within + size * np.sum((blocks - mean) ** 2) + np.sum((carry - mean) ** 2 * carried)
        n = len(blocks) * self.n_steps
        return chain_means, float(squares) / (n - 1) if n > 1 else math.nan

    def _sum_of_autocovariances(self, chain_means: Array) -> tuple[float, float]:
        """sum_t Gamma(t) in units of steps, and its degrees of freedom."""
        n_chains = len(chain_means)
        spread = self.n_steps * float(chain_means.var(ddof=1)) if n_chains > 1 else math.nan
        if n_chains >= MANY_CHAINS:
            return spread, n_chains - 1.0
        window = windowed_sum(self.blocks)
        total, dof = 2**self.level * window.total, self.blocks.size / (2 * window.width + 1)
        if n_chains == 1 or (window.closed and not exceeds(spread, n_chains - 1, total, dof)):
            return total, dof
        return spread, n_chains - 1.0

    def blocking(self, significance: float = 0.01) -> Blocking:
        """``blocking`` of the values so far, from blocks of 2^level steps on."""
        return blocking_of_blocks(self.blocks, 2**self.level, significance)
