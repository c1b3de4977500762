"""Estimates: exact results, a slow twin, what does not matter, and chains that allow no honest error."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from montecarlo import ChainTooShortWarning, estimate, split_r_hat
from montecarlo.diagnostics import windowed_sum
from montecarlo.estimates import student_factor
from tests.helpers_coverage import autoregressive


def chains(n_chains: int, n_steps: int, tau: float, seed: int = 0) -> np.ndarray:
    return autoregressive(np.random.default_rng(seed), (n_chains, n_steps), tau)


# --- the mean and its error


def test_independent_samples_have_the_textbook_error():
    samples = np.random.default_rng(1).exponential(size=1000)
    result = estimate(samples[:, None])
    assert result.mean == pytest.approx(samples.mean(), rel=1e-14)
    assert result.error == pytest.approx(samples.std(ddof=1) / math.sqrt(1000) * student_factor(999), rel=1e-12)
    assert (result.tau, result.n_eff, result.dof) == (pytest.approx(1.0), pytest.approx(1000.0), 999)
    assert math.isnan(result.r_hat)


def test_many_chains_have_the_error_of_their_means():
    values = chains(50, 30, 8)
    result = estimate(values)
    assert result.error == pytest.approx(values.mean(axis=1).std(ddof=1) / math.sqrt(50) * student_factor(49))
    assert result.variance == pytest.approx(values.var(ddof=1), rel=1e-13)
    assert result.n_eff == pytest.approx(1500 / result.tau)
    assert result.r_hat == pytest.approx(split_r_hat(values), rel=1e-13)


def test_window_against_sums_over_lags():
    """A slow twin in loops."""
    values = chains(3, 400, 6)
    n_steps = values.shape[1]
    n, deviation = values.size, values - values.mean()
    gamma = [np.mean(deviation[:, : n_steps - t] * deviation[:, t:]) for t in range(n_steps // 2 + 1)]
    width = 0
    while True:
        width += 1
        total = (gamma[0] + 2 * sum(gamma[1 : width + 1])) * (1 + (2 * width + 1) / n)
        tau = max(total / gamma[0], 1)
        if width >= 2.5 * tau and width >= 0.25 * math.sqrt(n * tau):
            break
    window = windowed_sum(values)
    assert (window.width, window.closed) == (width, True)
    assert window.total == pytest.approx(total, rel=1e-12)
    result = estimate(values)
    assert result.dof == pytest.approx(n / (2 * width + 1))
    assert result.error == pytest.approx(math.sqrt(total / n) * student_factor(result.dof), rel=1e-12)


@settings(max_examples=40, deadline=None)
@given(
    n_chains=st.integers(1, 40),
    n_steps=st.integers(2, 70),
    scale=st.sampled_from([1e-150, -2.0, 1e6, 1e150]),
    offset=st.sampled_from([0.0, -3.0, 1e3]),
    seed=st.integers(0, 100),
)
def test_estimate_follows_a_change_of_units(n_chains, n_steps, scale, offset, seed):
    values = chains(n_chains, n_steps, 3, seed)
    plain, changed = estimate(values, warn=False), estimate(scale * (values + offset), warn=False)
    assert changed.mean == pytest.approx(scale * (plain.mean + offset), rel=1e-10, abs=1e-12 * abs(scale))
    assert changed.error == pytest.approx(abs(scale) * plain.error, rel=1e-6)
    assert (changed.n, changed.steps_needed) == (plain.n, plain.steps_needed)


def test_order_of_chains_and_direction_of_time_do_not_matter():
    values = chains(8, 501, 4)
    plain = estimate(values)
    for same in (values[::-1], values[:, ::-1]):
        other = estimate(same)
        assert other.error == pytest.approx(plain.error, rel=1e-10)
        assert other.r_hat == pytest.approx(plain.r_hat, rel=1e-12)


# --- when there is no honest error


@pytest.mark.parametrize(
    ("n_chains", "n_steps", "tau"), [(1, 100, 12), (1, 100, 100), (4, 64, 50), (2, 30, 1), (1, 2, 1)]
)
def test_too_short_chains_say_so(n_chains, n_steps, tau):
    values = chains(n_chains, n_steps, tau)
    with pytest.warns(ChainTooShortWarning, match=rf"{n_steps} steps at tau .* run at least \d+ steps") as caught:
        result = estimate(values)
    assert result.too_short
    assert result.steps_needed > n_steps
    assert str(result.steps_needed) in str(caught[0].message)
    assert caught[0].filename == __file__
    assert repr(estimate(values, warn=False)) == repr(result)


@pytest.mark.parametrize("n_chains", [1, 4])
@pytest.mark.parametrize("tau", [1, 12])
def test_following_the_advice_gives_an_honest_error(n_chains, tau):
    """The first advice rests on 10 steps; the last comes to 50 tau steps in all, within the uncertainty of tau."""
    values, n_steps = chains(n_chains, 100_000, tau), 10
    for _ in range(5):
        result = estimate(values[:, :n_steps], warn=False)
        n_steps = result.steps_needed or n_steps
    assert not result.too_short
    assert result.dof >= 10
    assert 25 * tau < n_chains * n_steps < 200 * tau


def test_chains_stuck_at_different_values_have_the_error_of_their_spread():
    """Two modes that no chain leaves: the autocorrelation of no chain shows them."""
    values = np.random.default_rng(2).standard_normal((4, 1000)) + np.array([[0.0], [0.0], [9.0], [9.0]])
    with pytest.warns(ChainTooShortWarning, match="or 32 independent chains"):
        result = estimate(values)
    assert result.dof == 3
    assert result.error == pytest.approx(values.mean(axis=1).std(ddof=1) / 2 * math.sqrt(3))
    assert result.r_hat > 3


def test_chains_that_differ_slightly_have_the_error_of_their_spread():
    """Shifts of a tenth of the standard deviation hide in every autocorrelation, and are ten times the naive error."""
    shifts = 0.1 * np.random.default_rng(3).standard_normal((16, 1))
    values = np.random.default_rng(4).standard_normal((16, 5000)) + shifts
    result = estimate(values)
    assert result.dof == 15
    assert result.error == pytest.approx(values.mean(axis=1).std(ddof=1) / 4 * student_factor(15))


def test_equal_values_have_no_error():
    for shape in [(64, 8), (4, 100), (1, 50), (4, 20_000), (256, 1000)]:
        result = estimate(np.full(shape, 0.1))
        assert (result.mean, result.error, result.variance) == (0.1, 0.0, 0.0)
        assert math.isnan(result.tau)
        assert math.isnan(result.r_hat)
        assert not result.too_short


def test_one_value_has_no_error():
    result = estimate([2.0])
    assert result.mean == 2.0
    assert math.isnan(result.error)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("shape", [(40, 20), (2, 500), (4, 20_001)])
def test_values_that_are_not_finite_make_the_error_nan(bad, shape):
    values = chains(*shape, tau=1)
    values[-1, -1] = bad
    result = estimate(values)
    assert not math.isfinite(result.mean)
    assert math.isnan(result.error)


def test_wrong_values_are_refused():
    with pytest.raises(TypeError, match=r"pass their \.real"):
        estimate(np.ones((3, 4), complex))
    for shape in [(2, 3, 4), (0,), (3, 0), ()]:
        with pytest.raises(ValueError, match="expected values of shape"):
            estimate(np.ones(shape))
