"""What the correlations within and between Markov chains look like: autocorrelation, blocking, R-hat.

Values have the shape (n_chains, n_steps); a single chain may be one-dimensional.
"""

import math
import warnings
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from montecarlo.estimates import ENOUGH_DEGREES_OF_FREEDOM, ChainTooShortWarning

Array = NDArray[np.float64]
LEAST_CHANCE = 1e-3  # what happens less often is no chance
ROUNDING = 1e-12  # of the mean size of values: those that differ by less are equal


def as_chains(values: ArrayLike) -> Array:
    """Values as a float array (n_chains, n_steps)."""
    array = np.asarray(values)
    if np.iscomplexobj(array):
        raise TypeError("expected real values, found complex ones: pass their .real and .imag one after the other")
    if array.ndim not in (1, 2) or array.size == 0:
        raise ValueError(f"expected values of shape (n_steps,) or (n_chains, n_steps), none empty; found {array.shape}")
    return np.atleast_2d(array).astype(np.float64, copy=False)


def _constant(chains: Array) -> bool:
    """Whether all values are equal, to the last bit."""
    return bool((chains == chains[0, 0]).all())


def _autocovariance(chains: Array, n_lags: int) -> Array:
    """Gamma(t), t < n_lags, averaged over the chains, about the mean of all values; by FFT with zero padding."""
    n_chains, n_steps = chains.shape
    length = 1 << (n_steps + n_lags - 1).bit_length()
    spectrum = np.fft.rfft(chains - chains.mean(), length, axis=1)
    power = (spectrum.real**2 + spectrum.imag**2).sum(axis=0)
    return np.fft.irfft(power, length)[:n_lags] / (n_chains * (n_steps - np.arange(n_lags)))


def autocorrelation(values: ArrayLike) -> Array:
    """Autocorrelation function rho(t) = Gamma(t) / Gamma(0) at the lags t = 0 .. n_steps - 1.

    Gamma(t) is the average of (x_s - mean)(x_{s+t} - mean) over s and over the chains, with the mean of all chains:
    chains that disagree show as a correlation that does not decay. NaN for values that are all equal.
    """
    chains = as_chains(values)
    gamma = _autocovariance(chains, chains.shape[1])
    return np.full_like(gamma, np.nan) if _constant(chains) else gamma / gamma[0]


class Window(NamedTuple):
    """sum_{|t| <= width} Gamma(t); ``closed`` where the chains are long enough for the window that it needs."""

    total: float
    width: int
    closed: bool


def windowed_sum(chains: Array) -> Window:
    """Sum of the autocovariance up to the smallest window W <= n_steps / 2 with

        W >= 2.5 tau(W) max(1, sqrt(N / (100 tau(W)))),        tau(W) = 1 + 2 sum_{t<=W} rho(t), at least 1

    2.5 tau is Sokal's self-consistent window: for one exponential, rho(W) = exp(-5) (Sokal, Monte Carlo Methods in
    Statistical Mechanics, in Functional Integration, 131 (1997), section 3). Its systematic error is hidden when
    a slow mode of small amplitude comes on top, so with more data the window grows as sqrt(N tau), the order
    at which batch means are consistent (Flegal and Jones, Ann. Stat. 38, 1034 (2010)): 100 tau samples leave
    20 degrees of freedom N / (2 W + 1), 10^6 tau samples 2000. The factor 1 + (2 W + 1)/N undoes the bias of
    subtracting the sample mean (Wolff, Comput. Phys. Commun. 156, 143 (2004), eq. 49). Noise can make the sum
    negative; half of the sum with Bartlett's triangular weights, which is never negative, is the least returned.
    """
    n_chains, n_steps = chains.shape
    n = n_chains * n_steps
    gamma = _autocovariance(chains, n_steps // 2 + 1)
    lag = np.arange(len(gamma))
    totals = (2 * np.cumsum(gamma) - gamma[0]) * (1 + (2 * lag + 1) / n)
    tau = np.maximum(totals / gamma[0], 1.0)
    wide_enough = lag >= 2.5 * tau * np.maximum(1.0, np.sqrt(n / (100 * tau)))
    closed = bool(wide_enough.any())
    width = int(np.argmax(wide_enough)) if closed else len(gamma) - 1
    weights = np.maximum(1 - lag / (width + 1), 0) * (1 - lag / n_steps)
    triangular = 2 * np.sum(weights * gamma) - gamma[0]
    return Window(float(max(totals[width], triangular / 2)), width, closed)


def integrated_autocorrelation_time(values: ArrayLike) -> float:
    """tau = 1 + 2 sum_{t>=1} rho(t) in units of recorded samples, with the automatic window of ``estimate``.

    Independent samples have tau = 1, and n samples are worth n / tau independent ones. (Many texts call tau / 2
    the integrated autocorrelation time.) NaN for values that are all equal. Warns with ``ChainTooShortWarning``
    if the window does not fit into half a chain: tau is then too small.
    """
    chains = as_chains(values)
    n_chains, n_steps = chains.shape
    variance = float(chains.var())
    if _constant(chains) or not variance > 0:
        return math.nan
    window = windowed_sum(chains)
    tau = window.total / (variance + window.total / chains.size)
    if not window.closed:
        needed = steps_needed(n_chains, n_steps, tau)
        message = f"chains of {n_steps} steps are too short for their autocorrelation time, {tau:.3g} or more"
        warnings.warn(f"{message}: run at least {needed} steps", ChainTooShortWarning, stacklevel=2)
    return tau


def steps_needed(n_chains: int, n_steps: int, tau: float) -> int:
    """Steps per chain that hold the window at ``tau`` and leave enough degrees of freedom.

    At least twice the present ``n_steps``: the tau of a chain that is too short is more often too small than too large.
    """
    width = math.ceil(2.5 * max(tau, 1.0))
    needed = math.ceil(ENOUGH_DEGREES_OF_FREEDOM * (2 * width + 1) / n_chains)
    return max(needed, 2 * width, 2 * n_steps)


def split_r_hat(values: ArrayLike, rank_normalized: bool = False) -> float:
    """Split R-hat: every chain is cut into halves of n steps; with the variance W within and B/n between their means

        R-hat = sqrt( ((n - 1)/n W + B/n) / W )

    near 1 when all halves agree; above 1.01 (many short chains: 1.05) they have not mixed. ``rank_normalized``
    takes normal scores of the ranks of the values and of their distances from the median, and returns the larger
    R-hat of the two, which sees heavy tails and chains that differ in spread only; values that differ by rounding
    share a rank, which would else depend on the way to a configuration. NaN below 4 steps or for values that are all
    equal; infinite if every chain stands still at another value.
    Source: Vehtari, Gelman, Simpson, Carpenter, Buerkner, Bayesian Analysis 16, 667 (2021), eqs. 1-4, 14.
    """
    halves = _halves(as_chains(values))
    if not rank_normalized or halves.shape[1] < 2:
        return _r_hat(halves)
    tolerance = ROUNDING * float(np.mean(np.abs(halves), where=np.isfinite(halves)))
    folded = np.abs(halves - np.median(halves))
    return max(_r_hat(_normal_scores(halves, tolerance)), _r_hat(_normal_scores(folded, tolerance)))


def _normal_scores(values: Array, tolerance: float) -> Array:
    """Normal quantiles of the ranks (ties share their average rank), (rank - 3/8) / (N + 1/4)."""
    from scipy.special import ndtri  # costs 0.2 s of start-up, needed only here

    return ndtri((_ranks(values, tolerance) - 0.375) / (values.size + 0.25))


def _ranks(values: Array, tolerance: float) -> Array:
    """1 .. N; neighbours no further apart than the tolerance are ties."""
    order = np.argsort(values, axis=None)
    is_next = np.diff(values.ravel()[order]) > tolerance
    first = np.concatenate([[0], np.flatnonzero(is_next) + 1, [values.size]])
    ranks = np.empty(values.size)
    ranks[order] = np.repeat((first[:-1] + first[1:] + 1) / 2, np.diff(first))
    return ranks.reshape(values.shape)


def still_chains(values: Array) -> int:
    """How many chains never change while the others change so often that this is no chance.

    A rare value that comes and goes changes a chain twice. Of chains that change independently m times on average,
    no more than one in exp(m / 2) does not change at all.
    """
    changes = np.count_nonzero(np.diff(values, axis=1), axis=1)
    expected_by_chance = len(values) * math.exp(-min(float(changes.mean()) / 2, 700.0))
    return int(np.count_nonzero(changes == 0)) if expected_by_chance < LEAST_CHANCE else 0


def r_hat_of_blocks(blocks: Array, size: int, within: float) -> float:
    """Split R-hat from means of blocks of ``size`` steps and the sum of squares ``within`` the blocks."""
    return _r_hat(_halves(blocks), size, within)


def _halves(chains: Array) -> Array:
    """The first and the last halves of all chains; an odd step in the middle is left out."""
    half = chains.shape[1] // 2
    return np.concatenate([chains[:, :half], chains[:, chains.shape[1] - half :]])


def _r_hat(chains: Array, size: int = 1, within: float = 0.0) -> float:
    """R-hat of means of blocks of ``size`` steps; ``within`` is the sum of squares within the blocks."""
    n = chains.shape[1] * size
    if n < 2:
        return math.nan
    if not within and (chains == chains[:, :1]).all():  # to the last bit: rounding shall not decide
        return math.inf if (chains != chains[0, 0]).any() else math.nan
    means = chains.mean(axis=1)
    squares = size * np.sum((chains - means[:, None]) ** 2) + within
    variance_within = squares / (len(chains) * (n - 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.sqrt((n - 1) / n + means.var(ddof=1) / variance_within))


class Blocking(NamedTuple):
    """Standard error of the mean against the size of the blocks; ``plateau`` is an index into the arrays or None."""

    size: NDArray[np.int64]
    n_blocks: NDArray[np.int64]
    error: Array
    error_of_error: Array
    plateau: int | None


def blocking(values: ArrayLike, significance: float = 0.01) -> Blocking:
    """Flyvbjerg and Petersen's blocking: the error from means of blocks of 1, 2, 4, ... steps of a chain.

        error = sqrt(s^2 / n),    error of the error = error / sqrt(2 (n - 1))        for n blocks of variance s^2

    rises until the blocks are longer than the autocorrelation, and then stays. The plateau is the first size from
    which on no correlation between neighbouring blocks is seen: the sum of z_k^2 over this and all larger sizes,
    where z_k is the lag-1 correlation in units of its standard deviation, is below the 1 - ``significance`` quantile
    of chi squared. None if that leaves fewer than 11 blocks: too few to see a correlation, or to give an error.
    Sources: Flyvbjerg and Petersen, J. Chem. Phys. 91, 461 (1989); the test: Jonsson, Phys. Rev. E 98, 043304 (2018),
    with neighbours counted within each chain.
    """
    return blocking_of_blocks(as_chains(values), 1, significance)


def blocking_of_blocks(blocks: Array, size: int, significance: float) -> Blocking:
    """``blocking`` that starts from means of blocks of ``size`` steps."""
    sizes, counts, errors, scores = [], [], [], []
    blocks = np.zeros_like(blocks) if blocks.size and _constant(blocks) else blocks
    while blocks.size >= 2 and blocks.shape[1] >= 1:
        sizes.append(size)
        counts.append(blocks.size)
        errors.append(np.sqrt(blocks.var(ddof=1) / blocks.size))
        scores.append(_lag_one_score(blocks))
        even = blocks.shape[1] // 2 * 2
        blocks, size = (blocks[:, :even:2] + blocks[:, 1:even:2]) / 2, 2 * size
    n, error = np.array(counts), np.array(errors)
    plateau = _plateau(np.array(scores), n, significance)
    return Blocking(np.array(sizes), n, error, error / np.sqrt(2 * (n - 1)), plateau)


def _lag_one_score(blocks: Array) -> float:
    """Lag-1 correlation of neighbouring blocks over its standard deviation; 0 where nothing is correlated."""
    deviation = blocks - blocks.mean()
    squares, pairs = np.sum(deviation**2), blocks.size - len(blocks)
    if pairs == 0 or squares == 0:
        return 0.0
    products = np.sum(deviation[:, :-1] * deviation[:, 1:])
    # Subtracting the mean lowers every product by variance / n on average.
    return float((products * blocks.size / squares + pairs / blocks.size) / np.sqrt(pairs))


def _plateau(scores: Array, n_blocks: NDArray[np.int64], significance: float) -> int | None:
    from scipy.special import chdtri  # costs 0.2 s of start-up, needed only here

    remaining = np.cumsum(scores[::-1] ** 2)[::-1]
    passed = remaining < chdtri(np.arange(len(scores), 0, -1), significance)
    passed &= n_blocks > ENOUGH_DEGREES_OF_FREEDOM
    return int(np.argmax(passed)) if passed.any() else None
