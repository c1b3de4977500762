"""Boltzmann machines do not run away by themselves, and say so where they are driven to it."""

import itertools
import math
from typing import Any

import numpy as np
import pytest
from scipy import integrate

from generative import (
    BernoulliRBM,
    BoltzmannMachine,
    DeepBoltzmannMachine,
    GaussianBernoulliRBM,
    IsingRBM,
    PottsRBM,
    datasets,
)
from generative.boltzmann.restraint import correlation, excess, part_of_steps, shortened
from montecarlo.lattices import Square
from neural.divergence import DivergedError
from neural.optimizers import Adam, GradientDescent
from neural.parameters import flatten

UNIFORM = 16 * math.log(2)


def bars_and_stripes() -> np.ndarray:
    """The 30 patterns of 4 x 4 pixels of which all rows, or all columns, are of one colour; 40 of each."""
    lines = np.array(list(itertools.product([0, 1], repeat=4)))
    bars = np.repeat(lines[:, None], 4, axis=1)
    both = np.concatenate([bars, bars.transpose(0, 2, 1)]).reshape(-1, 16)
    return np.tile(np.unique(both, axis=0), (40, 1))


@pytest.mark.parametrize("optimizer", [None, Adam(0.01)])
@pytest.mark.parametrize("seed", [0, 1])
def test_few_patterns_are_learned_better_than_by_chance(optimizer, seed):
    """Each pattern has the probability 1/30: log p is at most -3.4; chains stand still in them."""
    x = 2 * bars_and_stripes() - 1
    model = IsingRBM(16, 16, seed=seed)
    *_, last = model.fit(x, n_epochs=100, optimizer=optimizer)
    assert last.chain_correlation > 0.8
    assert -5.0 < model.log_likelihood(x).mean < -math.log(30)
    assert last.learning_rate < 0.5 * (0.05 if optimizer is None else 0.01)


@pytest.mark.parametrize("seed", range(10))
def test_defaults_do_not_diverge(seed):
    """The first third of a schedule of a hundred epochs, on few patterns; real numbers of a mixture."""
    x = bars_and_stripes()
    for model, rows in ((IsingRBM(16, 16, seed=seed), 2 * x - 1), (BernoulliRBM(16, 16, seed=seed), x)):
        for _ in model.fit(rows, n_epochs=33):
            pass
        assert model.log_likelihood(rows).mean > -UNIFORM
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, (500, 2)) @ rng.normal(size=(2, 4)) * 2 + 0.3 * rng.normal(size=(500, 4))
    gaussian = GaussianBernoulliRBM(4, 4, seed=seed)
    for _ in gaussian.fit(y, n_epochs=20):
        pass
    assert gaussian.log_likelihood(y).mean > -0.5 * np.log(2 * np.pi * np.e * y.var(axis=0)).sum() - 0.1


def test_chains_that_forget_do_not_shorten_steps():
    x = datasets.ising((3, 3), 4.0, 1000, seed=0, values="spins").train
    rates = [epoch.learning_rate for epoch in IsingRBM(9, 4, seed=0).fit(x, n_epochs=5, k=5)]
    assert rates == [0.05] * 5


@pytest.mark.parametrize("scale", [1e-6, 0.1, 1.0, 1e6])
def test_real_units_are_learned_at_any_scale(scale):
    """Independent normal numbers: log p is that of their own densities; nothing depends on the unit."""
    rng = np.random.default_rng(0)
    x = scale * rng.normal([0.0, 3.0, -30.0, 300.0], 1.0, size=(2000, 4))
    model = GaussianBernoulliRBM(4, 4, seed=0)
    records = list(model.fit(x, n_epochs=20))
    deviation = x.std(axis=0)
    best = -0.5 * np.log(2 * np.pi * np.e * deviation**2).sum()
    assert model.log_likelihood(x).mean == pytest.approx(best, abs=0.05)
    assert np.all(np.abs(model.machine.sigma / deviation - 1) < 0.1)
    assert all(abs(record.pseudo_likelihood - best) < 1.5 for record in records)


def test_the_unit_of_real_data_does_not_matter():
    rng = np.random.default_rng(1)
    x = rng.integers(0, 2, (500, 2)) @ rng.normal(size=(2, 4)) + 0.3 * rng.normal(size=(500, 4))
    models = [GaussianBernoulliRBM(4, 3, seed=0) for _ in range(2)]
    for model, unit in zip(models, (1.0, 1024.0)):
        for _ in model.fit(unit * x, n_epochs=5):
            pass
    (a, b, W, sigma), other = models[0].machine, models[1].machine
    for found, expected in zip(other, (1024 * a, b, 1024 * W, 1024 * sigma)):
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6 * np.abs(expected).max())


def test_grey_digits_keep_their_widths():
    x = datasets.digits(binarise=False).train
    model = GaussianBernoulliRBM(64, 64, seed=0)
    records = list(model.fit(x, n_epochs=4))
    deviation = np.maximum(x.std(axis=0), 0.01 * x.std(axis=0).max())
    assert np.all(model.machine.sigma <= 2.01 * deviation)
    assert np.isfinite([record.pseudo_likelihood for record in records]).all()
    assert np.median([record.pseudo_likelihood for record in records]) > 30.0  # independent units: 32


def test_correlated_real_units_are_no_worse_than_independent_ones():
    rng = np.random.default_rng(0)
    x = rng.integers(0, 2, (2000, 3)) @ rng.normal(size=(3, 6)) * 3 + 0.3 * rng.normal(size=(2000, 6))
    independent = -0.5 * np.log(2 * np.pi * np.e * x.var(axis=0)).sum()
    model = GaussianBernoulliRBM(6, 6, seed=0)
    for _ in model.fit(x, n_epochs=30):
        pass
    assert model.log_likelihood(x).mean > independent + 1.0


def test_the_pseudo_likelihood_of_real_units_is_made_of_exact_conditionals():
    """Against adaptive quadrature of e^-F along each axis."""
    model = GaussianBernoulliRBM(3, 4, seed=0, sigma=0.7)
    rng = np.random.default_rng(2)
    a, b, W = (rng.normal(size=array.shape) for array in model.machine[:3])
    model.machine = model.machine._replace(visible_bias=a, hidden_bias=b, weights=W)
    x = rng.normal(size=(2, 3))
    expected = np.zeros(2)
    for row, i in itertools.product(range(2), range(3)):

        def density(y: float, row: int = row, i: int = i) -> float:
            v = x[row].copy()
            v[i] = y
            return math.exp(-model.free_energy(v[None])[0])

        expected[row] += math.log(density(x[row, i]) / integrate.quad(density, -15, 15, limit=400)[0])
    np.testing.assert_allclose(model.pseudo_log_likelihood(x), expected, rtol=1e-8)
    estimates = [model.estimate_pseudo_likelihood(np.repeat(x, 500, axis=0), rng) for _ in range(20)]
    assert abs(np.mean(estimates) - expected.mean()) < 4 * np.std(estimates) / math.sqrt(20)


@pytest.mark.parametrize("rate", [0.4, 1000.0])
def test_natural_steps_are_as_long_as_the_distribution_allows(rate):
    """Spins that are mostly ordered, few filters and small batches, with which the metric errs."""
    data = datasets.ising((4, 4), 2.0, 20_000, seed=0, values="spins")
    model = IsingRBM(16, 32, seed=0, scale=0.05, symmetric=True, permutations=Square(4).translations)
    for _ in model.fit(data.train, natural=0.01, learning_rate=rate, k=5, batch_size=256, n_epochs=3):
        pass
    exact = data.targets[0].exact()
    assert exact is not None
    assert model.log_likelihood(data.test).mean > (-exact.entropy - 1.0 if rate < 1 else -UNIFORM)


def drive(model: Any, x: Any, **options: Any) -> tuple[Any, np.ndarray]:
    """A training that is driven away: it stops, with finite parameters, and its state is one to go on from."""
    training = model.fit(x, **options)
    with pytest.raises(DivergedError, match=r"learning rate.*the parameters are those of epoch") as caught:
        list(training)
    assert caught.value.step > training.epoch
    parameters = flatten(model.parameters if isinstance(model, DeepBoltzmannMachine) else model.machine)
    assert np.isfinite(parameters).all()
    again = type(training)(model, x, **options)
    again.restore(training.state())
    assert again.epoch == training.epoch
    return training, parameters


BITS = (np.random.default_rng(0).random((200, 6)) < 0.3).astype(float)


@pytest.mark.parametrize("rate", [1e30, 1e200])
@pytest.mark.parametrize("method", ["cd", "pcd"])
def test_absurd_rates_are_an_outcome_with_a_name(rate, method):
    options: Any = dict(learning_rate=rate, method=method, n_epochs=10)
    drive(BernoulliRBM(6, 4, seed=0), BITS, **options)
    drive(IsingRBM(6, 4, seed=0), 2 * BITS - 1, **options)
    drive(PottsRBM(3, 2, 4, seed=0), np.stack([BITS[:, :3], 1 - BITS[:, :3]], axis=2).reshape(-1, 6), **options)


@pytest.mark.parametrize("rate", [1e30, 1e200])
def test_no_rate_drives_real_units_away(rate):
    """Steps are shortened as far as need be, or refused: never a silent nonsense."""
    x = np.random.default_rng(0).normal(size=(100, 2))
    model = GaussianBernoulliRBM(2, 2, seed=0)
    try:
        for _ in model.fit(x, learning_rate=rate, n_epochs=10):
            pass
    except DivergedError:
        pass
    assert model.log_likelihood(x).mean > -4.0


def test_a_deep_machine_stops_with_its_last_good_parameters():
    drive(DeepBoltzmannMachine((6, 4, 3), seed=0), BITS, optimizer=GradientDescent(1e30), n_epochs=20)


def test_a_machine_of_visible_spins_keeps_its_last_good_couplings():
    model = BoltzmannMachine(6)
    with pytest.raises(DivergedError, match="learning rate"):
        list(model.fit(2 * BITS - 1, "pcd", n_steps=50, optimizer=GradientDescent(1e200)))
    assert np.isfinite(model.J).all()
    assert np.isfinite(model.h).all()


def test_training_goes_on_with_other_settings():
    model = BernoulliRBM(6, 4, seed=0)
    training, _ = drive(model, BITS, learning_rate=1e30, method="pcd", n_epochs=10)
    slower: Any = model.fit(BITS, learning_rate=0.05, method="pcd", n_epochs=20)
    slower.restore(training.state())
    assert len(list(slower)) == 20 - training.epoch


def test_the_proof_of_a_useless_model():
    """One configuration that is not in the data has all the weight: log p of the data is below that of chance."""
    model = IsingRBM(6, 1, seed=0)
    x = 2 * BITS - 1
    machine = model.machine._replace(visible_bias=np.full(6, 5.0))
    found = excess(machine, x, np.ones((1, 6)))
    assert found > 6 * math.log(2)
    model.machine = machine
    assert model.log_likelihood(x).mean < -found


@pytest.mark.interpreted
def test_parts_of_steps():
    assert part_of_steps(1.0, 0.0, 10.0) == 1.0  # chains that forget at once may be left behind
    assert part_of_steps(1.0, 0.5, 0.1) == 1.0
    assert part_of_steps(1.0, 0.5, 0.125) == pytest.approx(0.8)
    assert part_of_steps(1.0, 0.99, 1.0) == 0.5
    assert part_of_steps(0.5, 0.0, 0.1) == 0.75
    assert part_of_steps(0.3, math.nan, 0.1) == 0.3
    assert part_of_steps(0.3, 0.9, 0.0) == 0.3
    assert shortened(lambda t: np.array([0.0, 16.0 * t]), 2.0) == 0.25
    assert shortened(lambda t: np.array([0.0, np.nan]), 2.0) == 0.0
    v = np.random.default_rng(0).normal(size=(50, 3))
    assert correlation(v, v) == pytest.approx(1.0)
    assert math.isnan(correlation(v, v[:10]))
