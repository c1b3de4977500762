"""Deep Boltzmann machines against sums over all their configurations."""

import itertools
import math

import numpy as np
import pytest

from generative import DeepBoltzmannMachine, datasets
from generative.boltzmann.deep import DeepTraining, Parameters, _mean_slopes
from neural.optimizers import Adam, CosineDecay
from neural.parameters import flatten, unflatten
from runs.hdf5 import read_tree, write_tree

LAYERS = [(4, 3, 2), (3, 2, 3, 2)]


def randomised(layers, scale=0.8, seed=1) -> DeepBoltzmannMachine:
    model = DeepBoltzmannMachine(layers, seed=0)
    rng = np.random.default_rng(seed)
    model.parameters = unflatten(model.parameters, scale * rng.normal(size=flatten(model.parameters).size))
    return model


def all_units(model) -> list[np.ndarray]:
    """All configurations of all layers, the visible ones changing slowest."""
    x = np.array(list(itertools.product([0.0, 1.0], repeat=sum(model.layers))))
    return np.split(x, np.cumsum(model.layers)[:-1], axis=1)


def enumerated(model) -> np.ndarray:
    """log sum_h e^-E(v, h) for all v."""
    log_w = -model.energy(all_units(model)).reshape(2**model.n_visible, -1)
    return np.logaddexp.reduce(log_w, axis=1)


def visible(model) -> np.ndarray:
    return np.array(list(itertools.product([0.0, 1.0], repeat=model.n_visible)))


@pytest.mark.interpreted
@pytest.mark.parametrize("layers", LAYERS)
def test_partition_function_and_probabilities_are_sums_over_all_configurations(layers):
    model = randomised(layers)
    expected = enumerated(model)
    assert model.log_partition().mean == pytest.approx(np.logaddexp.reduce(expected), rel=1e-12)
    np.testing.assert_allclose(model.log_weight(visible(model)), expected, rtol=1e-12)
    assert np.exp(model.log_prob(visible(model))).sum() == pytest.approx(1.0, rel=1e-12)


@pytest.mark.interpreted
@pytest.mark.parametrize("layers", LAYERS)
def test_the_mean_field_bounds_the_likelihood_from_below(layers):
    model = randomised(layers)
    v = visible(model)
    gap = model.log_weight(v) - model.bound(v)
    assert np.all(gap > 0)
    units = model.mean_field(v)
    for l in range(1, len(layers)):
        np.testing.assert_allclose(units[l], model._layer_means(units, l), atol=1e-5)
    bound, exact = model.log_likelihood(v, method="variational"), model.log_likelihood(v)
    assert bound.bound
    assert not exact.bound
    assert bound.mean < exact.mean
    assert str(bound).startswith("at least")


def test_without_upper_weights_the_bound_is_exact():
    model = randomised((4, 3, 2))
    b, (W, top) = model.parameters
    model.parameters = Parameters(b, (W, 0.0 * top))
    np.testing.assert_allclose(model.bound(visible(model)), model.log_weight(visible(model)), rtol=1e-9)


@pytest.mark.interpreted
@pytest.mark.parametrize("layers", LAYERS)
def test_slopes_are_derivatives_of_the_energy(layers):
    model, step = randomised(layers), 1e-6
    units = [x[:7] for x in all_units(model)]
    slopes, vector = flatten(_mean_slopes(units)), flatten(model.parameters)
    for n in range(vector.size):
        values = []
        for sign in (1, -1):
            shifted = vector.copy()
            shifted[n] += sign * step
            model.parameters = unflatten(model.parameters, shifted)
            values.append(model.energy(units).mean())
        assert slopes[n] == pytest.approx((values[0] - values[1]) / (2 * step), abs=1e-8)


def test_samples_have_the_distribution_of_the_model():
    model = randomised((4, 3, 2))
    v = model.sample(4000, seed=1)
    p = np.exp(enumerated(model) - np.logaddexp.reduce(enumerated(model)))
    counts = np.bincount((v @ (1 << np.arange(3, -1, -1))).astype(int), minlength=16)
    chi_squared = np.sum((counts - 4000 * p) ** 2 / (4000 * p))
    assert chi_squared < 15 + 4 * math.sqrt(30)


def test_annealing_agrees_with_the_sum():
    model = randomised((8, 6, 5), 0.5)
    found = model.log_partition(method="annealed", n_steps=100, n_chains=100, seed=1)
    assert abs(found.z(model.log_partition().mean)) < 4


def correlated_rows(n: int) -> np.ndarray:
    """Three bits and their copies, of which every one is wrong with probability 0.1; the entropy is 3.05 nats."""
    rng = np.random.default_rng(0)
    bits = rng.random((n, 3)) < 0.5
    return np.concatenate([bits, bits ^ (rng.random((n, 3)) < 0.1)], axis=1).astype(float)


def test_training_finds_the_correlations():
    x, entropy = correlated_rows(1500), 3 * (math.log(2) - 0.1 * math.log(0.1) - 0.9 * math.log(0.9))
    model = DeepBoltzmannMachine((6, 6, 4), seed=0, scale=0.1).pretrain(x, n_epochs=5)
    fit = model.fit(x, n_epochs=40, k=2, optimizer=Adam(CosineDecay(0.02, 40 * 24)), likelihood_every=40)
    *_, last = fit
    assert last.log_likelihood is not None
    independent = 6 * math.log(2)
    likelihood = model.log_likelihood(x)
    assert -independent < -0.5 * (independent + entropy) < likelihood.mean < -entropy + 4 * likelihood.error


def test_pretraining_brings_the_likelihood_up():
    x = correlated_rows(1500)
    model = DeepBoltzmannMachine((6, 6, 4), seed=0)
    before = model.log_likelihood(x).mean
    assert model.pretrain(x, n_epochs=10, rate=0.02).log_likelihood(x).mean > before + 0.1


def test_training_continues_to_the_same_bits(tmp_path):
    import h5py

    x = correlated_rows(200)
    whole, first, resumed = (DeepBoltzmannMachine((6, 4, 3), seed=seed) for seed in (0, 0, 5))
    for _ in whole.fit(x, n_epochs=4, seed=1):
        pass
    training = DeepTraining(first, x, n_epochs=4, seed=1)
    for _ in range(2):
        next(training)
    with h5py.File(tmp_path / "state.h5", "w") as file:
        write_tree(file.create_group("state"), training.state())
    again = DeepTraining(resumed, x, n_epochs=4, seed=1)
    with h5py.File(tmp_path / "state.h5") as file:
        again.restore(read_tree(file["state"]))  # type: ignore[arg-type]
    for _ in again:
        pass
    np.testing.assert_array_equal(flatten(resumed.parameters), flatten(whole.parameters))
    np.testing.assert_array_equal(resumed.sample(5, 1), whole.sample(5, 1))


def test_messages():
    with pytest.raises(ValueError, match="two or more hidden layers"):
        DeepBoltzmannMachine((4, 3), seed=0)
    model = DeepBoltzmannMachine((4, 30, 20), seed=0)
    with pytest.raises(ValueError, match="variational"):
        model.log_prob(np.zeros((1, 4)))
    with pytest.raises(ValueError, match="saved state, biases"):
        model.restore(DeepBoltzmannMachine((4, 3, 2), seed=0).state())
    with pytest.raises(ValueError, match="k >= 1"):
        model.fit(np.zeros((3, 4)), k=0)


def test_digits_are_learned_better_than_by_independent_pixels():
    data = datasets.digits()
    model = DeepBoltzmannMachine((64, 20, 10), seed=0)
    for _ in model.fit(data.train[:600], n_epochs=10, optimizer=Adam(0.01)):
        pass
    p = np.clip(data.train.mean(axis=0), 0.01, 0.99)
    independent = float(np.mean(np.log(np.where(data.test == 1, p, 1 - p)).sum(axis=1)))
    assert model.log_likelihood(data.test[:100]).mean > independent
