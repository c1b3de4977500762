"""Means of arrays of numbers: against the estimate of each element, in any rounds, and their errors over many seeds."""

import numpy as np
import pytest

from montecarlo.moments import Moments
from montecarlo.statistics import estimate

pytestmark = pytest.mark.interpreted


def walks(n_chains: int, n_steps: int, n: int, seed: int, memory: float = 0.7) -> np.ndarray:
    """Autoregressive chains of mean 0 and variance 1, shape (n_chains, n_steps, n)."""
    rng = np.random.default_rng(seed)
    x = np.empty((n_chains, n_steps, n))
    x[:, 0] = rng.standard_normal((n_chains, n))
    for t in range(1, n_steps):
        x[:, t] = memory * x[:, t - 1] + np.sqrt(1 - memory**2) * rng.standard_normal((n_chains, n))
    return x


def test_each_element_has_the_estimate_of_its_chains():
    """From 32 chains on ``estimate`` takes the spread of the chains, too."""
    x = walks(40, 50, 6, seed=1).reshape(40, 50, 2, 3) + 5
    found = Moments().update([x]).estimate()
    assert found.shape == (2, 3)
    for i, j in np.ndindex(2, 3):
        expected = estimate(x[..., i, j])
        for name in ("mean", "error", "tau", "n_eff", "variance", "dof"):
            assert getattr(found[i, j], name) == pytest.approx(getattr(expected, name), rel=1e-9)
        within, between = x[..., i, j].var(axis=1, ddof=1).mean(), x[..., i, j].mean(axis=1).var(ddof=1)
        assert found[i, j].r_hat == pytest.approx(np.sqrt(49 / 50 + between / within), rel=1e-9)
        assert found[i, j].n == expected.n == 2000


def test_rounds_and_blocks_do_not_matter():
    x = walks(8, 20, 3, seed=2)
    whole = Moments().update([x]).estimate()
    pieces = Moments().update([x[:3, :7], x[3:, :7]]).update([x[:, 7:]]).estimate()
    for name in ("mean", "error", "variance", "tau", "r_hat"):
        np.testing.assert_allclose(getattr(pieces, name), getattr(whole, name), rtol=1e-12)


def test_a_saved_state_continues_to_the_same_bits():
    x = walks(4, 20, 3, seed=3)
    moments = Moments().update([x[:, :9]])
    restored = Moments.from_state(moments.state()).update([x[:, 9:]])
    moments.update([x[:, 9:]])
    for name, array in moments.state().items():
        assert np.array_equal(array, restored.state()[name])


def test_chains_that_disagree_have_a_large_r_hat():
    x = walks(8, 100, 2, seed=4)
    x[:4, :, 0] += 3
    r_hat = Moments().update([x]).estimate().r_hat
    assert r_hat[0] > 1.5
    assert r_hat[1] < 1.1


def test_elements_that_never_vary_have_no_error():
    x = walks(4, 10, 2, seed=5)
    x[..., 1] = 0.1
    exact = Moments().update([x]).estimate().mean
    found = Moments().update([x]).estimate()
    assert found.error[1] == found.variance[1] == 0
    assert np.isnan(found.tau[1])
    assert found.z(exact).tolist() == [0.0, 0.0]


@pytest.mark.parametrize("mean", [0.0, 1e8, -1e12])
def test_a_variance_far_below_the_square_of_the_mean(mean):
    """The same walks about another mean: variance and tau stay, up to the rounding of the values themselves."""
    x = walks(16, 50, 3, seed=7, memory=0.0)
    found, expected = Moments().update([x + mean]).estimate(), Moments().update([x]).estimate()
    rounding = 1e-15 * max(1.0, abs(mean))
    np.testing.assert_allclose(found.variance, expected.variance, rtol=1e-9 + 10 * rounding)
    np.testing.assert_allclose(found.tau, expected.tau, rtol=1e-9 + 100 * rounding)
    np.testing.assert_allclose(found.r_hat, expected.r_hat, rtol=1e-9 + 10 * rounding)
    score = Moments().update([x + mean]).jackknife(lambda mean, variance: variance, variance=True)
    np.testing.assert_allclose(score.mean, expected.variance, rtol=0.01)


def test_chains_that_stand_still_apart():
    x = np.repeat(np.arange(4.0)[:, None, None] * 0.1, 30, axis=1)
    found = Moments().update([x]).estimate()
    assert found.r_hat[0] == np.inf
    assert found.n_eff[0] == pytest.approx(3, rel=0.01)  # three independent differences of four chains
    assert np.isnan(Moments().update([x[:, :1]]).estimate().r_hat[0])  # one step of each tells nothing


def test_a_value_that_is_no_number_has_no_error():
    x = walks(4, 10, 2, seed=5)
    x[2, 3, 1] = np.nan
    found = Moments().update([x]).estimate()
    assert np.isnan(found.error).tolist() == np.isnan(found.mean).tolist() == [False, True]


def test_a_state_of_an_earlier_version_continues():
    """It has the squares of all chains together, about 0, and no origin."""
    x = walks(4, 20, 3, seed=3) + 2
    first = x[:, :9]
    state = {"n_steps": np.array(9), "sums": first.sum(axis=1), "squares": (first**2).sum(axis=(0, 1))}
    found = Moments.from_state(state).update([x[:, 9:]]).estimate()
    expected = Moments().update([x]).estimate()
    for name in ("mean", "error", "variance", "tau", "r_hat"):
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), rtol=1e-12)


def test_errors_cover_the_truth_as_often_as_they_say():
    """300 seeds: |z| < 1 in 69 % of the cases, the coverage of Student's t with 15 degrees of freedom widened."""
    z = np.concatenate([Moments().update([walks(16, 30, 4, seed)]).estimate().z(0.0) for seed in range(300)])
    covered, wanted = np.mean(np.abs(z) < 1), 0.70
    assert abs(covered - wanted) < 3.3 * np.sqrt(wanted * (1 - wanted) / z.size)


def test_the_jackknife_of_a_linear_function_is_its_estimate():
    x = walks(12, 20, 3, seed=6)
    moments, weights = Moments().update([x]), np.array([1.0, -2.0, 0.5])
    found = moments.jackknife(lambda mean: weights @ mean)
    expected = Moments().update([(x @ weights)[..., None]]).estimate()
    assert float(found.mean) == pytest.approx(expected.mean[0], rel=1e-10)
    assert float(found.error) == pytest.approx(expected.error[0], rel=1e-10)


def test_the_jackknife_removes_the_bias_of_a_square():
    """E[mean^2] = error^2 for a true mean of 0: over 400 seeds the jackknife averages to 0."""
    moments = [Moments().update([walks(8, 5, 1, seed)]) for seed in range(400)]
    values = np.array([float(each.jackknife(np.square).mean[0]) for each in moments])
    assert abs(values.mean()) < 3.3 * values.std() / 20
    plain = np.array([float(each.estimate().mean[0]) ** 2 for each in moments])
    assert plain.mean() > 5 * plain.std() / 20


def test_what_is_refused():
    with pytest.raises(ValueError, match="expected two chains or more"):
        Moments().update([np.zeros((1, 5, 2))])
    with pytest.raises(ValueError, match=r"expected a round of the shape \(4, 2\), found \(4, 3\)"):
        Moments().update([np.zeros((4, 5, 2))]).update([np.zeros((4, 5, 3))])
    with pytest.raises(ValueError, match="expected values before the estimate"):
        Moments().estimate()
    with pytest.raises(IndexError, match=r"expected the index of one element of the shape \(2,\)"):
        _ = Moments().update([np.zeros((4, 5, 2))]).estimate()[:1]
