"""Restricted Boltzmann machines against sums over all their configurations."""

import itertools
import math
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from scipy import integrate, stats

from generative import BernoulliRBM, GaussianBernoulliRBM, IsingRBM, PottsRBM
from generative.boltzmann.sampling import MixingWarning, Tempering
from neural.boltzmann import BinaryBoltzmann, GaussianBoltzmann, SpinBoltzmann
from neural.parameters import flatten

N_VISIBLE, N_HIDDEN = 6, 4


def randomised(model, scale=0.8, seed=1):
    """The model with normal parameters, and a bias at beta = 0 that is not 0."""
    rng = np.random.default_rng(seed)
    a, b, W = (scale * rng.normal(size=array.shape) for array in model.machine[:3])
    model.machine = model.machine._replace(visible_bias=a, hidden_bias=b, weights=W)
    model.base_bias = 0.3 * rng.normal(size=model.n_visible)
    return model


def make(kind, scale=0.8):
    if kind is PottsRBM:
        return randomised(PottsRBM(2, 3, N_HIDDEN, seed=0), scale)
    return randomised(kind(N_VISIBLE, N_HIDDEN, seed=0), scale)


DISCRETE = [BernoulliRBM, IsingRBM, PottsRBM]


def all_configurations(model) -> np.ndarray:
    if isinstance(model, PottsRBM):
        return model.one_hot(list(itertools.product(range(model.n_states), repeat=model.n_sites)))
    low, high = model.hidden_states
    return np.array(list(itertools.product([low, high], repeat=model.n_visible)))


def probabilities(model) -> np.ndarray:
    weights = np.exp(-model.free_energy(all_configurations(model)))
    return weights / weights.sum()


@pytest.mark.parametrize("kind", DISCRETE)
@pytest.mark.parametrize("seed", range(3))
def test_log_partition_is_the_sum_over_all_configurations(kind, seed):
    model = randomised(make(kind), seed=seed)
    expected = np.logaddexp.reduce(-model.free_energy(all_configurations(model)))
    found = model.log_partition()
    assert found.method == "exact"
    assert found.mean == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("n_visible", "n_hidden"), [(3, 14), (14, 3), (13, 13)])
@pytest.mark.parametrize("kind", [BernoulliRBM, IsingRBM])
def test_either_layer_and_several_blocks_give_one_partition_function(kind, n_visible, n_hidden):
    model = randomised(kind(n_visible, n_hidden, seed=0), 0.5)
    a, b, W = model.machine
    mirrored = kind(n_hidden, n_visible, seed=0)
    mirrored.machine = type(model.machine)(b, a, W.T)
    assert model.log_partition().mean == pytest.approx(mirrored.log_partition().mean, rel=1e-12)
    assert model.log_partition().mean == pytest.approx(
        np.logaddexp.reduce(-model.free_energy(all_configurations(model))), rel=1e-12
    )


@pytest.mark.parametrize("train_sigma", [True, False])
def test_partition_function_of_real_units_is_their_integral(train_sigma):
    model = randomised(GaussianBernoulliRBM(2, 3, seed=0, sigma=0.7, train_sigma=train_sigma))
    density = lambda y, x: math.exp(-model.free_energy(np.array([[x, y]]))[0])  # noqa: E731
    integral = integrate.dblquad(density, -9, 9, -9, 9, epsabs=1e-8)[0]
    assert model.log_partition().mean == pytest.approx(math.log(integral), rel=1e-7)


@pytest.mark.parametrize("kind", [*DISCRETE, GaussianBernoulliRBM])
def test_the_path_begins_at_independent_units_and_ends_at_the_model(kind):
    model = make(kind)
    rng = np.random.default_rng(0)
    v = model.draw_base(20, rng)
    theta = model.machine.angles(v)
    np.testing.assert_allclose(model.log_weight(v, theta, 1.0), -model.free_energy(v), rtol=1e-12)
    base = kind(2, 3, N_HIDDEN, seed=0) if kind is PottsRBM else kind(N_VISIBLE, N_HIDDEN, seed=0)
    base.machine = model.machine._replace(
        visible_bias=model.base_bias, hidden_bias=np.zeros(N_HIDDEN), weights=np.zeros((N_VISIBLE, N_HIDDEN))
    )
    np.testing.assert_allclose(model.log_weight(v, theta, 0.0), -base.free_energy(v), rtol=1e-12)
    assert model.base_log_partition() == pytest.approx(base.log_partition().mean, rel=1e-12)


@pytest.mark.parametrize("kind", DISCRETE)
@pytest.mark.parametrize("method", ["gibbs", "tempering"])
def test_samples_have_the_distribution_of_the_model(kind, method):
    model = make(kind)
    v = model.sample(8000, seed=5, method=method)
    configurations = all_configurations(model)
    codes = {tuple(row): i for i, row in enumerate(configurations)}
    counts = np.bincount([codes[tuple(row)] for row in v], minlength=len(codes))
    assert chi_squared(counts, probabilities(model)) > 1e-3


def chi_squared(counts: np.ndarray, p: np.ndarray) -> float:
    """The p-value, with the rarest configurations in one class."""
    order = np.argsort(p)
    expected = p[order] * counts.sum()
    first = int(np.searchsorted(np.cumsum(expected), 10.0)) + 1
    group = np.r_[0, np.arange(first, len(p))]
    return float(stats.chisquare(np.add.reduceat(counts[order], group), np.add.reduceat(expected, group)).pvalue)


def test_samples_of_real_units_have_the_moments_of_the_model():
    """The mixture over the 2^4 hidden configurations: weights, means and variances in closed form."""
    model = make(GaussianBernoulliRBM, scale=0.6)
    h = np.array(list(itertools.product([0.0, 1.0], repeat=N_HIDDEN)))
    means = model.machine.field(h)
    log_p = h @ model.machine.hidden_bias + model.visible_log_sum(means)
    p = np.exp(log_p - np.logaddexp.reduce(log_p))
    v = model.sample(6000, seed=3)
    mean, second = p @ means, p @ (means**2 + 1.0)
    z_mean = (v.mean(axis=0) - mean) / (v.std(axis=0) / math.sqrt(len(v)))
    z_second = ((v**2).mean(axis=0) - second) / ((v**2).std(axis=0) / math.sqrt(len(v)))
    assert np.sum(z_mean**2) < stats.chi2.ppf(0.999, N_VISIBLE)
    assert np.abs(z_second).max() < 4.2


@pytest.mark.parametrize("kind", [BernoulliRBM, IsingRBM])
def test_compiled_chains_have_the_distribution_of_the_model(kind):
    model = make(kind, scale=0.4)
    rng = np.random.default_rng(2)
    chains = model.encode(model.draw_base(20_000, rng))
    _, chains = model.contrast(chains[:2], chains, 30, rng)
    counts = np.bincount(chains @ (1 << np.arange(N_VISIBLE - 1, -1, -1)), minlength=2**N_VISIBLE)
    assert chi_squared(counts, probabilities(model)) > 1e-3


@pytest.mark.interpreted
@pytest.mark.parametrize("kind", [BernoulliRBM, IsingRBM])
def test_compiled_gradient_is_that_of_the_energies(kind):
    """Data and chains differ in number, as in the last batch of an epoch: each counts as a mean."""
    model = make(kind)
    rng = np.random.default_rng(0)
    data, chains = model.draw_base(5, rng), model.draw_base(64, rng)
    expected = flatten(model.machine.mean_gradient(data)) - flatten(model.machine.mean_gradient(chains))
    found, same = model.contrast(model.encode(data), model.encode(chains), 0, rng)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    np.testing.assert_array_equal(model.decode(same), chains)


@pytest.mark.interpreted
@pytest.mark.parametrize("kind", [BernoulliRBM, IsingRBM])
def test_compiled_diagnostics_are_those_of_the_energies(kind):
    model: Any = make(kind)
    v = model.draw_base(40, np.random.default_rng(0))
    units = np.random.default_rng(1).integers(0, N_VISIBLE, 40)
    expected = model._log_conditional(v, model.machine.angles(v), units).mean()
    assert model.bits.pseudo_likelihood(model.encode(v), units) == pytest.approx(expected, abs=1e-6)
    means = model.decode(model.bits.reconstruction(model.encode(v), 1))
    h = model.decode(model.bits.chains.h[:40])
    np.testing.assert_allclose(means, model.machine.visible_means(h), atol=1e-6)


def test_draws_are_independent_of_each_other():
    """Of 2^20 bits with probability 1/3: their mean, and the correlations between neighbours in every direction."""
    model = BernoulliRBM(64, 3, seed=0)
    a, b, W = model.machine
    model.machine = type(model.machine)(a + np.log(0.5), b, 0.0 * W)
    rng = np.random.default_rng(0)
    v = np.stack([model.gibbs(np.zeros((128, 64)), 1, rng) for _ in range(128)]) - 1 / 3
    variance, n = 2 / 9, v.size
    assert abs(v.mean()) < 4 * math.sqrt(variance / n)
    for shift in ((1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 0, 32), (0, 1, 1)):
        product = v * np.roll(v, shift, axis=(0, 1, 2))
        assert abs(product.mean()) < 4 * variance / math.sqrt(n)


@pytest.mark.parametrize("kind", DISCRETE)
def test_pseudo_likelihood_is_made_of_exact_conditionals(kind):
    model = make(kind)
    configurations, p = all_configurations(model), probabilities(model)
    sites = configurations if kind is not PottsRBM else model.states(configurations)
    log_conditionals = np.zeros(len(p))
    for site in range(sites.shape[1]):
        others = np.delete(sites, site, axis=1)
        for i, row in enumerate(others):
            same = np.all(others == row, axis=1)
            log_conditionals[i] += math.log(p[i] / p[same].sum())
    np.testing.assert_allclose(model.pseudo_log_likelihood(configurations), log_conditionals, rtol=1e-10)
    estimates = [model.estimate_pseudo_likelihood(configurations, np.random.default_rng(s)) for s in range(200)]
    if kind is not PottsRBM:
        error = np.std(estimates) / math.sqrt(200)
        assert abs(np.mean(estimates) - log_conditionals.mean()) < 4 * error


def test_annealing_brackets_the_truth():
    model = randomised(BernoulliRBM(20, 10, seed=0), 0.6)
    exact = model.log_partition().mean
    found = model.log_partition(method="annealed", n_steps=300, n_chains=200, seed=1)
    assert found.method == "annealed"
    assert found.reverse is not None
    assert abs(found.z(exact)) < 4
    assert abs(found.reverse.z(exact)) < 4
    assert 20 < found.n_eff <= 200


def test_error_bars_of_annealing_cover_the_truth():
    inside = 0
    for seed in range(60):
        model = randomised(IsingRBM(12, 8, seed=0), 0.4, seed)
        found = model.log_partition(method="annealed", n_steps=100, n_chains=100, seed=seed, reverse=False)
        inside += abs(found.z(model.log_partition().mean)) < 1.96
    assert stats.binomtest(inside, 60, 0.95).pvalue > 1e-3


@pytest.mark.parametrize("kind", DISCRETE)
def test_log_likelihood_of_all_configurations_is_minus_the_entropy(kind):
    model = make(kind)
    p = probabilities(model)
    x = all_configurations(model)
    log_p = np.array([model.log_likelihood(row[None]).mean for row in x])
    np.testing.assert_allclose(log_p, np.log(p), rtol=1e-10)
    likelihood = model.log_likelihood(x)
    assert likelihood.method == "exact"
    assert likelihood.mean == pytest.approx(np.log(p).mean())
    assert "exact" in str(likelihood)


def test_two_deep_minima_are_reported_and_tempering_crosses_between_them():
    """All visibles follow one hidden spin: block Gibbs never turns them all."""
    model = IsingRBM(20, 1, seed=0)
    model.machine = SpinBoltzmann(np.zeros(20), np.zeros(1), np.full((20, 1), 1.0))
    with pytest.warns(MixingWarning, match="tempering"):
        model.sample(10, seed=0, method="gibbs", max_steps=256)
    chains = Tempering(model, 64, np.random.default_rng(0))
    for _ in range(300):
        chains.step()
    up = chains.v.sum(axis=1) > 0
    assert 0.2 < up.mean() < 0.8
    assert chains.trips_per_step > 0.005
    assert np.all(chains.acceptance > 0.1)


def test_adapted_temperatures_reject_equally_often():
    model = make(BernoulliRBM, scale=2.0)
    chains = Tempering(model, 200, np.random.default_rng(0), betas=np.array([0.0, 0.01, 0.02, 0.1, 1.0]))
    for _ in range(5):
        for _ in range(100):
            chains.step()
        chains.adapt()
    for _ in range(400):
        chains.step()
    assert np.ptp(chains.acceptance) < 0.15


@pytest.mark.parametrize("kind", [*DISCRETE, GaussianBernoulliRBM])
def test_a_saved_model_comes_back(kind):
    model, other = make(kind), make(kind, scale=0.1)
    other.restore(model.state())
    x = model.draw_base(5, np.random.default_rng(0))
    np.testing.assert_array_equal(other.free_energy(x), model.free_energy(x))
    assert other.log_partition() == model.log_partition()
    with pytest.raises(ValueError, match="saved state, parameters"):
        randomised(BernoulliRBM(2, 2, seed=0)).restore(model.state())


def test_machines_are_those_of_the_core():
    assert isinstance(BernoulliRBM(3, 2, seed=0).machine, BinaryBoltzmann)
    assert isinstance(IsingRBM(3, 2, seed=0).machine, SpinBoltzmann)
    assert isinstance(GaussianBernoulliRBM(3, 2, seed=0).machine, GaussianBoltzmann)


def test_messages():
    model = BernoulliRBM(40, 30, seed=0)
    with pytest.raises(ValueError, match="at most 25"):
        model.log_partition(method="exact")
    with pytest.raises(ValueError, match="as_bits"):
        model.log_likelihood(-np.ones((2, 40)))
    with pytest.raises(ValueError, match="gibbs"):
        model.sample(3, 0, method="exact")
    with pytest.raises(ValueError, match="one_hot"):
        PottsRBM(2, 3, 4, seed=0).free_energy(np.zeros((1, 6)))


def test_import_does_not_load_torch():
    code = "import sys, generative; assert 'torch' not in sys.modules and 'matplotlib' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
