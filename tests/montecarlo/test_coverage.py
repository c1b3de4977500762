"""Error bars are tested as a measurement is: over 200 seeds they cover the known mean as often as they claim."""

import numpy as np
import pytest

from montecarlo import Accumulator, Estimate, estimate, merge
from tests.helpers_coverage import assert_coverage, autoregressive, variance_of_mean

SEEDS = 200
TRUTH = 0.0
REGIMES = [
    *[(256, 64, tau) for tau in (1, 5, 50)],  # tau 50: nearly as long as the chains, which start in equilibrium
    *[(4, 5000, tau) for tau in (1, 5, 50)],
    (16, 64, 50),  # only the spread of the 16 chains is left
    (1, 800, 5),
    (2, 400, 5),
    (4, 400, 0.5),  # anticorrelated
]


def chains_of_seeds(n_chains: int, n_steps: int, tau: float, seed: int = 0) -> np.ndarray:
    """(SEEDS, n_chains, n_steps)"""
    return autoregressive(np.random.default_rng([seed, n_chains, n_steps]), (SEEDS, n_chains, n_steps), tau)


def means_and_errors(estimates: list[Estimate]) -> tuple[list[float], list[float]]:
    return [each.mean for each in estimates], [each.error for each in estimates]


@pytest.fixture(scope="module", params=REGIMES, ids=lambda regime: "{} chains of {}, tau {}".format(*regime))
def regime(request):
    n_chains, n_steps, tau = request.param
    return request.param, [estimate(values) for values in chains_of_seeds(n_chains, n_steps, tau)]


def test_error_covers_the_truth(regime):
    _, estimates = regime
    assert_coverage(*means_and_errors(estimates), TRUTH)


def test_tau_is_unbiased(regime):
    """To 1 % that of the mean of n steps where the spread of the chains gives it, to 5 % tau where a window does."""
    (n_chains, n_steps, tau), estimates = regime
    by_spread = np.median([each.dof for each in estimates]) == n_chains - 1
    expected, bias = (n_steps * variance_of_mean(n_steps, tau), 0.01) if by_spread else (tau, 0.05)
    found = np.array([each.tau for each in estimates])
    assert abs(found.mean() - expected) < 3.3 * found.std(ddof=1) / np.sqrt(SEEDS) + bias * expected


def test_error_covers_the_truth_with_a_hidden_slow_mode():
    """A tenth of the variance relaxes 33 times more slowly than the rest, and makes most of the error."""
    fast, slow = (chains_of_seeds(4, 5000, tau, seed) for tau, seed in ((3, 1), (100, 2)))
    estimates = [estimate(values) for values in np.sqrt(0.9) * fast + np.sqrt(0.1) * slow]
    assert_coverage(*means_and_errors(estimates), TRUTH)


def test_error_covers_the_truth_for_skewed_values():
    """Squares of normal values, whose mean 1 and fourth cumulant would upset an error that assumes a normal law."""
    estimates = [estimate(values**2) for values in chains_of_seeds(64, 200, 5, seed=3)]
    assert_coverage(*means_and_errors(estimates), 1.0)


def test_error_of_rounds_in_bounded_memory_covers_the_truth(monkeypatch):
    """Blocks of 16 and more steps."""
    monkeypatch.setattr("montecarlo.statistics.BLOCKS_IN_MEMORY", 1024)
    estimates = []
    for values in chains_of_seeds(4, 5000, 20, seed=4):
        accumulator = Accumulator()
        for some in np.split(values, [7, 1000, 3333], axis=1):
            accumulator.update(some)
        assert accumulator.level >= 4
        estimates.append(accumulator.estimate())
    assert_coverage(*means_and_errors(estimates), TRUTH)


def test_error_of_merged_estimates_covers_the_truth():
    """Four runs of one chain each, of different lengths."""
    cuts = ([0, 600], [600, 1500], [1500, 3000], [3000, 5000])
    runs = chains_of_seeds(4, 5000, 5, seed=5)
    estimates = [merge([estimate(run[i, a:b]) for i, (a, b) in enumerate(cuts)]) for run in runs]
    assert_coverage(*means_and_errors(estimates), TRUTH)


@pytest.mark.parametrize(("n_chains", "n_steps"), [(256, 64), (4, 5000)])
@pytest.mark.parametrize("tau", [5, 50])
def test_error_that_ignores_autocorrelation_fails(n_chains, n_steps, tau):
    values = chains_of_seeds(n_chains, n_steps, tau)
    naive = values.std(axis=(1, 2)) / np.sqrt(n_chains * n_steps)
    with pytest.raises(AssertionError, match="1 errors cover the truth in"):
        assert_coverage(values.mean(axis=(1, 2)), naive, TRUTH)


def test_window_that_stops_at_the_fast_mode_fails():
    """The error from the first ten lags misses the slow mode, which the window of ``estimate`` finds."""
    fast, slow = (chains_of_seeds(4, 5000, tau, seed) for tau, seed in ((3, 1), (100, 2)))
    values = np.sqrt(0.9) * fast + np.sqrt(0.1) * slow
    gamma = [np.mean(values[..., : 5000 - lag] * values[..., lag:], axis=(1, 2)) for lag in range(11)]
    with pytest.raises(AssertionError, match="errors cover the truth in"):
        assert_coverage(values.mean(axis=(1, 2)), np.sqrt((2 * np.sum(gamma, axis=0) - gamma[0]) / 20_000), TRUTH)


@pytest.mark.parametrize("factor", [0.7, 1.4])
def test_coverage_check_sees_errors_wrong_by_a_factor(factor):
    deviations = np.random.default_rng(6).standard_normal(SEEDS)
    assert_coverage(deviations, np.ones(SEEDS), TRUTH)
    with pytest.raises(AssertionError, match="errors cover the truth in"):
        assert_coverage(deviations, np.full(SEEDS, factor), TRUTH)


def test_coverage_check_refuses_an_error_of_zero():
    with pytest.raises(AssertionError, match="zero, negative or NaN"):
        assert_coverage([0.0, 1.0], [1.0, 0.0], TRUTH)
