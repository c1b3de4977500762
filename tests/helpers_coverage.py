"""Do error bars cover the truth as often as they claim?"""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import signal, stats

LEVEL = 1e-3  # probability that an honest error bar fails one of the two-sided tests


def assert_coverage(means: ArrayLike, errors: ArrayLike, truth: float, level: float = LEVEL) -> None:
    """Fail unless one error covers ``truth`` in 68.3 % and two errors in 95.4 % of the independent cases.

    Both are two-sided binomial tests at ``level``: errors that are too large fail as well as too small ones.
    """
    means, errors = np.asarray(means, float), np.asarray(errors, float)
    assert means.shape == errors.shape
    assert np.all(errors > 0), "an error bar is zero, negative or NaN"
    deviation = np.abs(means - truth) / errors
    for sigmas in (1, 2):
        claimed = math.erf(sigmas / math.sqrt(2))
        covered = int(np.sum(deviation < sigmas))
        probability = stats.binomtest(covered, len(means), claimed).pvalue
        assert probability > level, (
            f"{sigmas} errors cover the truth in {covered} of {len(means)} cases, "
            f"{claimed * len(means):.1f} are claimed (probability {probability:.1e})"
        )


def autoregressive(rng: np.random.Generator, shape: tuple[int, ...], tau: float) -> NDArray[np.float64]:
    """Stationary Gaussian chains along the last axis, x' = phi x + noise, mean 0, variance 1, rho(t) = phi^t.

    Their integrated autocorrelation time is (1 + phi) / (1 - phi) = ``tau``.
    """
    phi = (tau - 1) / (tau + 1)
    noise = np.sqrt(1 - phi**2) * rng.standard_normal(shape)
    noise[..., 0] /= np.sqrt(1 - phi**2)
    return np.asarray(signal.lfilter([1.0], [1.0, -phi], noise, axis=-1))


def variance_of_mean(n_steps: int, tau: float) -> float:
    """Exact variance of the mean of an autoregressive chain of ``n_steps`` steps."""
    phi, lag = (tau - 1) / (tau + 1), np.arange(1, n_steps)
    return float(1 + 2 * np.sum((1 - lag / n_steps) * phi**lag)) / n_steps
