"""Do samples of Markov chains follow a known density?"""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from montecarlo import estimate, integrated_autocorrelation_time

Array = NDArray[np.float64]
LEVEL = 1e-3  # probability that right samples fail one of the tests
BINS = 20


def thinned(values: Array) -> Array:
    """Values of shape (n_chains, n_steps), of which every chain keeps one in two autocorrelation times."""
    tau = integrated_autocorrelation_time(values)
    return values[:, :: math.ceil(2 * tau)].ravel()


def assert_distribution(values: Array, cdf: Callable[[Array], Array]) -> None:
    """Kolmogorov and Smirnov's test, which sees shifts, and chi-squared in equally probable bins, which sees bumps."""
    probabilities = cdf(thinned(values))
    kolmogorov = stats.kstest(probabilities, "uniform").pvalue
    assert kolmogorov > LEVEL, f"Kolmogorov-Smirnov of {probabilities.size} samples: probability {kolmogorov:.1e}"
    counts, _ = np.histogram(probabilities, BINS, (0, 1))
    chi_squared = stats.chisquare(counts).pvalue
    assert chi_squared > LEVEL, f"chi-squared of {probabilities.size} samples: probability {chi_squared:.1e}"


def assert_mean(values: Array, exact: float) -> None:
    """A two-sided z-test on the error bar that takes the autocorrelation into account."""
    found = estimate(values)
    probability = 2 * stats.norm.sf(abs(found.z(exact)))
    assert probability > LEVEL, f"{found} against the exact {exact:.6g}: probability {probability:.1e}"
