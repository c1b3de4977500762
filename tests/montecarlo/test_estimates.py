"""The value ``Estimate``: how it prints, what can be computed with it, how several become one."""

import math
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from scipy import stats

from montecarlo import Estimate, estimate, merge
from montecarlo.estimates import student_factor
from tests.helpers_coverage import autoregressive


@pytest.mark.parametrize(
    ("value", "printed"),
    [
        (Estimate(3.000118, 0.000182, 1.9, 1.0012, 4321.0), "3.00012 +- 0.00018 [tau 1.9, R-hat 1.001, n_eff 4300]"),
        (Estimate(3.0, 0.25, 1.0, 1307623150095000.5, 10.0), "3.00 +- 0.25 [tau 1, R-hat 1.31e+15, n_eff 10]"),
        (Estimate(-3.0, 0.0996), "-3.00 +- 0.10"),
        (Estimate(3.0, 0.0994), "3.000 +- 0.099"),
        (Estimate(12.34, 9.96), "12 +- 10"),
        (Estimate(123456.0, 2345.0), "123500 +- 2300"),
        (Estimate(0.0, 1.5), "0.0 +- 1.5"),
        (Estimate(1.23456e-7, 1.2e-9), "(1.235 +- 0.012)e-07"),
        (Estimate(-1.23456e12, 1.2e10), "(-1.235 +- 0.012)e+12"),
        (Estimate(3.0, 0.0, n=8192, variance=0.0), "3 +- 0 [all 8192 samples are equal]"),
        (Estimate(3.1, math.nan), "3.1 +- nan"),
        (Estimate(math.nan, math.nan), "nan +- nan"),
        (Estimate(1.0, math.inf), "1 +- inf"),
        (Estimate(3.0, 2.3e-17), "3.000000000000000 +- 2.3e-17"),
        (Estimate(1.0, 0.1, 12.3, math.nan, 4.07e6), "1.00 +- 0.10 [tau 12, n_eff 4100000]"),
        (Estimate(1.0, 0.1, 12.3, steps_needed=600), "1.00 +- 0.10 [tau 12, too short: needs 600 steps per chain]"),
    ],
)
def test_print(value, printed):
    assert str(value) == printed


def test_arithmetic_with_numbers():
    values = autoregressive(np.random.default_rng(0), (40, 50), 3)
    original = estimate(values)
    for changed, direct in [
        (2.5 - 3 * original / 2, estimate(2.5 - 1.5 * values)),
        ((original + 1) * -2 - 4, estimate((values + 1) * -2 - 4)),
        (-original, estimate(-values)),
        (1 + original, estimate(1 + values)),
    ]:
        assert changed.mean == pytest.approx(direct.mean, rel=1e-12)
        assert changed.error == pytest.approx(direct.error, rel=1e-12)
        assert changed.variance == pytest.approx(direct.variance, rel=1e-12)
        assert (changed.n, changed.dof) == (direct.n, direct.dof)
        assert changed.tau == pytest.approx(direct.tau, rel=1e-12)


def test_difference_in_units_of_the_error():
    value = Estimate(3.02, 0.03)
    assert value.z(3.0) == pytest.approx(2 / 3)
    assert value.z(3.0, 0.04) == pytest.approx(0.4)
    assert value.z(Estimate(3.0, 0.04)) == pytest.approx(0.4)
    assert Estimate(3.0, 0.0).z(3.0) == 0.0
    assert Estimate(2.0, 0.0).z(3.0) == -math.inf
    assert Estimate(4.0, 0.0).z(3.0) == math.inf
    assert math.isnan(Estimate(math.nan, math.nan).z(3.0))
    assert math.isnan(Estimate(math.nan, 0.0).z(3.0))


def test_estimates_do_not_change():
    with pytest.raises(FrozenInstanceError):
        Estimate(1.0, 0.1).mean = 2.0  # type: ignore[misc]


@pytest.mark.parametrize(("dof", "one", "two"), [(10, 0.710, 0.951), (31, 0.691, 0.953), (255, 0.684, 0.954)])
def test_student_factor_gives_the_stated_coverage(dof, one, two):
    factor = student_factor(dof)
    assert 2 * stats.t.cdf(factor, dof) - 1 == pytest.approx(one, abs=5e-4)
    assert 2 * stats.t.cdf(2 * factor, dof) - 1 == pytest.approx(two, abs=5e-4)
    assert factor == pytest.approx(stats.t.std(dof), rel=1e-12)
    assert student_factor(math.inf) == 1.0


def test_merge_is_the_estimate_of_all_samples():
    """Parts of independent samples: the mean and the variance of all of them, and their textbook error."""
    rng = np.random.default_rng(1)
    parts = [rng.normal(5.0, 2.0, size) for size in (500, 1000, 4000)]
    merged = merge([estimate(part[:, None]) for part in parts])
    every = np.concatenate(parts)
    assert merged.n == every.size
    assert merged.mean == pytest.approx(every.mean(), rel=1e-14)
    assert merged.variance == pytest.approx(every.var(), rel=1e-3)
    assert merged.error == pytest.approx(every.std() / np.sqrt(every.size), rel=0.02)
    assert merged.tau == pytest.approx(1.0)
    assert merged.n_eff == pytest.approx(every.size)


def test_merge_weights_and_degrees_of_freedom():
    part = Estimate(1.0, 0.1 * student_factor(20), 2.0, 1.0, 500.0, 1000, 5.0, 20.0)
    twice = merge([part, part])
    assert twice.dof == pytest.approx(40.0)
    assert twice.error == pytest.approx(0.1 / math.sqrt(2) * student_factor(40))
    assert twice.n_eff == pytest.approx(1000.0)
    unequal = merge([Estimate(1.0, 0.1, 1.0, n=100, variance=1.0), Estimate(2.0, 0.2, 1.0, n=300, variance=12.0)])
    assert unequal.mean == pytest.approx(1.75)
    assert unequal.error == pytest.approx(math.hypot(0.25 * 0.1, 0.75 * 0.2))
    assert merge([part]).error == pytest.approx(part.error)


def test_merge_shows_parts_that_disagree():
    rng = np.random.default_rng(2)
    agreeing = merge([estimate(rng.standard_normal((32, 100))) for _ in range(4)])
    disagreeing = merge([estimate(rng.standard_normal((32, 100)) + shift) for shift in range(4)])
    assert agreeing.r_hat < 1.01
    assert disagreeing.r_hat > 1.5


def test_merge_of_short_chains_is_long_enough():
    rng = np.random.default_rng(3)
    short = [estimate(rng.standard_normal(40), warn=False) for _ in range(8)]
    assert all(each.too_short for each in short)
    assert merge(short[:1]).steps_needed == short[0].steps_needed
    assert not merge(short).too_short


def test_merge_of_equal_samples():
    constant = estimate(np.full((40, 8), 0.1))
    merged = merge([constant, constant])
    assert (merged.mean, merged.error, merged.n) == (constant.mean, 0.0, 640)
    assert str(merged) == "0.1 +- 0 [all 640 samples are equal]"


def test_merge_of_chains_that_stand_still_apart_is_their_estimate():
    zeros, ones = np.zeros(1000), np.ones(1000)
    merged = merge([estimate(zeros), estimate(ones)])
    expected = estimate([zeros, ones], warn=False)
    assert str(merged).startswith("0.50 +- 0.87 ")
    assert merged.r_hat == expected.r_hat == math.inf
    for name in ("mean", "error", "tau", "n_eff", "variance", "dof"):
        assert getattr(merged, name) == pytest.approx(getattr(expected, name), rel=1e-3)


def test_merge_of_parts_that_disagree_has_the_error_of_their_spread():
    """16 parts of 32 chains about 0.1, 0.2, ...: the error of independent parts of one step each."""
    rng = np.random.default_rng(4)
    parts = [rng.standard_normal((32, 100)) + 0.5 * k for k in range(16)]
    merged = merge([estimate(part) for part in parts])
    means = np.array([part.mean() for part in parts])
    assert merged.error == pytest.approx(means.std(ddof=1) / 4 * student_factor(15), rel=1e-10)
    assert merged.n_eff == pytest.approx(merged.variance * 16 / means.var(ddof=1), rel=1e-10)


@pytest.mark.parametrize("parts", [[], [Estimate(1.0, 0.1)]])
def test_merge_needs_numbers_of_samples(parts):
    with pytest.raises(ValueError, match="needs at least one estimate, each with its number of samples"):
        merge(parts)
