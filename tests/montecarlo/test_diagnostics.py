"""Autocorrelation, blocking and split R-hat, against exact results and independent programs."""

import math
import warnings

import numpy as np
import pytest

from montecarlo import (
    Accumulator,
    ChainTooShortWarning,
    Estimate,
    autocorrelation,
    blocking,
    estimate,
    integrated_autocorrelation_time,
    split_r_hat,
)
from montecarlo.diagnostics import windowed_sum
from tests.helpers_coverage import autoregressive, variance_of_mean

pyblock = pytest.importorskip("pyblock")
with warnings.catch_warnings():
    warnings.simplefilter("ignore", FutureWarning)  # announces the next version
    arviz = pytest.importorskip("arviz")


def chains(n_chains: int, n_steps: int, tau: float, seed: int = 0) -> np.ndarray:
    return autoregressive(np.random.default_rng(seed), (n_chains, n_steps), tau)


# --- autocorrelation


def test_autocorrelation_against_direct_sums():
    values = chains(3, 50, 4)
    deviation = values - values.mean()
    gamma = np.array([np.mean(deviation[:, : 50 - t] * deviation[:, t:]) for t in range(50)])
    np.testing.assert_allclose(autocorrelation(values), gamma / gamma[0], rtol=0, atol=1e-13)
    assert np.all(np.isnan(autocorrelation(np.ones(9))))


def test_autocorrelation_of_a_known_chain():
    """rho(t) = phi^t; the standard deviation is Bartlett's for t = 1, sqrt((1 - phi^2) / n)."""
    phi, n = 4 / 6, 400_000
    rho = autocorrelation(chains(4, n // 4, 5))
    assert abs(rho[1] - phi) < 3.3 * math.sqrt((1 - phi**2) / n)
    np.testing.assert_allclose(rho[:10], phi ** np.arange(10), atol=3.3 * math.sqrt(5 / n))


@pytest.mark.parametrize("tau", [0.5, 1, 5, 50])
def test_autocorrelation_time_of_a_known_chain(tau):
    values = chains(4, 100_000, tau)
    width = windowed_sum(values).width
    error = tau * math.sqrt(2 * (2 * width + 1) / values.size)
    assert abs(integrated_autocorrelation_time(values) - tau) < 3.3 * error


@pytest.mark.parametrize(("n_chains", "n_steps", "tau"), [(4, 5000, 1), (4, 5000, 5), (4, 20_000, 50), (64, 1000, 5)])
def test_effective_sample_size_agrees_with_arviz(n_chains, n_steps, tau):
    """Two windows of the same samples: each is off by sqrt(2 / dof) at most, and they share most of it."""
    values = chains(n_chains, n_steps, tau)
    result = estimate(values)
    assert result.n_eff == pytest.approx(arviz.ess(values, method="mean"), rel=2 * math.sqrt(2 / result.dof))
    width = windowed_sum(values).width
    time = integrated_autocorrelation_time(values)
    assert values.size / time == pytest.approx(
        arviz.ess(values, method="mean"), rel=2 * math.sqrt(2 * (2 * width + 1) / values.size)
    )


def test_autocorrelation_time_of_a_short_chain_warns():
    with pytest.warns(ChainTooShortWarning, match=r"or more: run at least \d+ steps"):
        integrated_autocorrelation_time(chains(4, 40, 50))
    assert math.isnan(integrated_autocorrelation_time(np.ones(10)))


# --- R-hat


@pytest.mark.parametrize(("n_chains", "n_steps"), [(4, 1000), (7, 33), (256, 8), (2, 4)])
def test_split_r_hat_agrees_with_arviz(n_chains, n_steps):
    values = chains(n_chains, n_steps, 6) ** 3
    assert split_r_hat(values) == pytest.approx(arviz.rhat(values, method="split"), rel=1e-12)
    assert split_r_hat(values, rank_normalized=True) == pytest.approx(arviz.rhat(values, method="rank"), rel=1e-12)
    ties = np.round(values)
    assert split_r_hat(ties, rank_normalized=True) == pytest.approx(arviz.rhat(ties, method="rank"), rel=1e-12)


def test_split_r_hat_of_one_chain_is_that_of_its_halves():
    values = chains(1, 200, 6)
    assert split_r_hat(values[0]) == pytest.approx(arviz.rhat(values.reshape(2, 100), method="identity"), rel=1e-12)


def test_rank_normalised_r_hat_sees_chains_that_differ_in_spread():
    values = np.random.default_rng(5).standard_normal((4, 2000)) * np.array([[1.0], [1.0], [1.0], [3.0]])
    assert split_r_hat(values) < 1.01
    assert split_r_hat(values, rank_normalized=True) > 1.05


def test_r_hat_without_variation():
    assert math.isnan(split_r_hat(np.ones((4, 10))))
    assert split_r_hat(np.arange(4.0)[:, None] * np.ones(10)) == math.inf
    assert math.isnan(split_r_hat(np.ones((4, 1))))


# --- blocking


@pytest.mark.parametrize("n", [4096, 1000, 77])
def test_blocking_curve_agrees_with_pyblock(n):
    values = chains(1, n, 5)[0]
    curve, expected = blocking(values), pyblock.blocking.reblock(values)
    np.testing.assert_array_equal(curve.n_blocks, [level.ndata for level in expected])
    np.testing.assert_allclose(curve.error, [level.std_err for level in expected], rtol=1e-12)
    np.testing.assert_allclose(curve.error_of_error, [level.std_err_err for level in expected], rtol=1e-12)
    np.testing.assert_array_equal(curve.size, 2 ** np.arange(len(expected)))


def test_blocking_of_chains_is_that_of_the_joined_chain_while_blocks_fit():
    values = chains(8, 512, 5)
    curve, expected = blocking(values), pyblock.blocking.reblock(values.ravel())
    assert curve.size[-1] == 512
    np.testing.assert_allclose(curve.error, [level.std_err for level in expected[:10]], rtol=1e-12)
    assert curve.error[-1] == pytest.approx(values.mean(axis=1).std(ddof=1) / math.sqrt(8))


@pytest.mark.parametrize(("n_chains", "n_steps", "tau"), [(1, 65536, 5), (4, 20_000, 50), (256, 256, 5)])
def test_blocking_plateau_is_the_exact_error(n_chains, n_steps, tau):
    values = chains(n_chains, n_steps, tau)
    curve = blocking(values)
    assert curve.plateau is not None
    exact = math.sqrt(variance_of_mean(n_steps, tau) / n_chains)
    # Correlations that the test cannot see at its level of 1 % lower the plateau by a few percent more.
    assert abs(curve.error[curve.plateau] - exact) < 3.3 * curve.error_of_error[curve.plateau] + 0.05 * exact
    assert curve.error[0] < 0.5 * exact
    assert curve.size[curve.plateau] > tau / 2
    assert curve.error[curve.plateau] == pytest.approx(estimate(values).error, rel=0.25)


def test_blocking_plateau_agrees_with_pyblock():
    values = chains(1, 2**16, 10)[0]
    curve, levels = blocking(values), pyblock.blocking.reblock(values)
    (optimal,) = pyblock.blocking.find_optimal_block(values.size, levels)
    assert curve.plateau is not None
    spread = 3.3 * float(levels[optimal].std_err_err)
    assert abs(curve.error[curve.plateau] - float(levels[optimal].std_err)) < spread


def test_blocking_sees_no_correlation_in_independent_values():
    """The test's level of 1 %: of 400 series at most 12 (binomial, 1e-3) are seen as correlated."""
    series = np.random.default_rng(6).standard_normal((400, 256))
    assert sum(blocking(values).plateau != 0 for values in series) <= 12


def test_blocking_of_a_trend_has_no_plateau():
    assert blocking(np.arange(256.0)).plateau is None


def test_accumulated_blocking_continues_the_curve():
    values = chains(2, 70_000, 5)
    accumulator = Accumulator().update(values)
    curve, whole = accumulator.blocking(), blocking(values)
    level = accumulator.level
    assert level == 2
    np.testing.assert_array_equal(curve.size, whole.size[level:])
    np.testing.assert_allclose(curve.error, whole.error[level:], rtol=1e-10)


# --- values that are all equal, which rounding shall not hide


@pytest.mark.parametrize("value", [0.1, 0.3, 1e8 / 3, -1e-300])
@pytest.mark.parametrize("shape", [(1000,), (4, 1000), (40, 77)])
def test_equal_values_have_no_autocorrelation_and_no_r_hat(value, shape):
    values = np.full(shape, value)
    assert math.isnan(integrated_autocorrelation_time(values))
    assert math.isnan(split_r_hat(values))
    assert math.isnan(split_r_hat(values, rank_normalized=True))
    assert np.isnan(autocorrelation(values)).all()
    assert (blocking(values).error == 0).all()
    found = estimate(values)
    assert (found.mean, found.error, found.variance) == (value, 0.0, 0.0)
    assert math.isnan(found.tau)
    assert math.isnan(found.r_hat)


def test_chains_that_stand_still_apart_have_an_infinite_r_hat():
    values = np.repeat([[0.1], [0.3], [0.7]], 1000, axis=1)
    assert split_r_hat(values) == estimate(values, warn=False).r_hat == math.inf
    assert "R-hat inf" in str(estimate(values, warn=False))


@pytest.mark.parametrize(("r_hat", "text"), [(1.0, "1.000"), (1.2345, "1.234"), (13.87, "13.9"), (1.3e15, "1.3e+15")])
def test_r_hat_is_shown_with_few_digits(r_hat, text):
    assert f"R-hat {text}" in str(Estimate(1.0, 0.1, r_hat=r_hat))
