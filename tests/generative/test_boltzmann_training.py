"""Training of restricted Boltzmann machines: what it reaches, and that it continues to the same bits."""

import itertools
from typing import Any

import numpy as np
import pytest

from generative import BernoulliRBM, GaussianBernoulliRBM, IsingRBM, PottsRBM, datasets
from generative.boltzmann.training import Training
from generative.datasets.exact_ising import enumerate_states
from montecarlo.lattices import Square
from neural.optimizers import Adam, CosineDecay, GradientDescent, Momentum
from neural.parameters import flatten


def divergence(model, target) -> float:
    """Kullback-Leibler divergence of the model from an Ising model, by a sum over all configurations, in nats."""
    spins = np.array(list(itertools.product([-1.0, 1.0], repeat=model.n_visible)))
    x = spins if model.values == "spins" else (spins + 1) / 2
    log_w = target.log_weight(spins)
    log_p = log_w - np.logaddexp.reduce(log_w)
    return float(np.exp(log_p) @ (log_p + model.free_energy(x) + model.log_partition().mean))


@pytest.mark.parametrize("method", ["cd", "pcd", "pt"])
def test_a_small_ising_model_is_learned(method):
    """9 spins; the divergence of independent spins from the truth is 2.2 nats."""
    data = datasets.ising((3, 3), 2.5, 10_000, seed=1, values="spins")
    model = IsingRBM(9, 9, seed=0, symmetric=True, scale=0.1)
    k = 5 if method == "cd" else 1
    for _ in model.fit(data.train, method=method, k=k, n_epochs=12, optimizer=Adam(CosineDecay(0.01, 1500)), seed=2):
        pass
    assert divergence(model, data.targets[0]) < 0.02
    np.testing.assert_array_equal(model.machine.visible_bias, 0.0)


def test_log_likelihood_of_test_data_approaches_minus_the_entropy():
    data = datasets.ising((3, 3), 2.5, 10_000, seed=1)
    model = BernoulliRBM(9, 9, seed=0, scale=0.1)
    epochs = list(
        model.fit(
            data.train,
            n_epochs=12,
            optimizer=Adam(CosineDecay(0.01, 1500)),
            validation=data.test,
            likelihood_every=12,
            centred=True,
        )
    )
    entropy = enumerate_states(9, Square(3).edges).thermodynamics(2.5).entropy
    likelihood = epochs[-1].log_likelihood
    assert likelihood is not None
    assert epochs[0].log_likelihood is None
    assert -entropy - 0.15 < likelihood.mean < -entropy + 4 * likelihood.error
    assert likelihood.mean == model.log_likelihood(data.test).mean


def test_real_units_learn_means_and_variances():
    """Independent normal units: the machine without weights has the likelihood of the data."""
    rng = np.random.default_rng(0)
    x = np.array([1.0, -2.0]) + np.array([0.5, 2.0]) * rng.standard_normal((20_000, 2))
    model = GaussianBernoulliRBM(2, 2, seed=0)
    for _ in model.fit(x, n_epochs=10, optimizer=Adam(0.01), batch_size=256, seed=1):
        pass
    best = -np.log(2 * np.pi * np.e) - np.log(0.5 * 2.0)
    assert model.log_likelihood(x).mean > best - 0.05


def test_potts_states_are_learned():
    """Two sites of three states, which agree in 70 % of all cases."""
    model = PottsRBM(2, 3, 6, seed=0, scale=0.1)
    rng = np.random.default_rng(0)
    first, shift = rng.integers(0, 3, 4000), rng.choice(3, 4000, p=[0.7, 0.15, 0.15])
    x = model.one_hot(np.stack([first, (first + shift) % 3], axis=1))
    for _ in model.fit(x, n_epochs=20, optimizer=Adam(CosineDecay(0.02, 1260)), seed=1):
        pass
    likelihood = model.log_likelihood(x)
    expected = -np.log(3) + 0.7 * np.log(0.7) + 0.3 * np.log(0.15)
    assert expected - 0.02 - 4 * likelihood.error < likelihood.mean < expected + 4 * likelihood.error


@pytest.mark.parametrize("method", ["cd", "pcd", "pt"])
@pytest.mark.parametrize("optimizer", [Adam(0.01), Momentum(0.05), GradientDescent(0.05)])
def test_training_continues_to_the_same_bits(method, optimizer):
    x = datasets.ising((3, 3), 2.5, 300, seed=1).train
    options: Any = dict(method=method, optimizer=optimizer, n_epochs=4, centred=True, seed=3)
    whole = BernoulliRBM(9, 5, seed=0)
    records = list(whole.fit(x, **options))
    first = BernoulliRBM(9, 5, seed=0)
    training = Training(first, x, **options)
    for _ in range(2):
        next(training)
    resumed = BernoulliRBM(9, 5, seed=7)
    again = Training(resumed, x, **options)
    again.restore(training.state())
    tail = list(again)
    np.testing.assert_array_equal(flatten(resumed.machine), flatten(whole.machine))
    assert [each._replace(wall_time=0) for each in tail] == [each._replace(wall_time=0) for each in records[2:]]


@pytest.mark.interpreted
@pytest.mark.parametrize("method", ["cd", "pcd"])
def test_an_incomplete_last_batch_counts_as_a_mean(method):
    """69 rows in batches of 64 and 5, with the same generator, against the definition."""
    rng = np.random.default_rng(0)
    x = (rng.random((69, 6)) < 0.4).astype(float)
    model, twin = BernoulliRBM(6, 4, seed=0), BernoulliRBM(6, 4, seed=0)
    training = Training(model, x, method=method, n_epochs=1, learning_rate=0.1, seed=5)
    twin.restore(model.state())
    chains = training.chains
    next(training)
    rng = np.random.Generator(np.random.SFC64([5, 1]))
    order = rng.permutation(69)
    for rows in (order[:64], order[64:]):
        data = twin.encode(x[rows])
        _, chains = twin.contrast(data, data if method == "cd" else chains, 1, rng)
        ours, theirs = twin.machine.mean_gradient(x[rows]), twin.machine.mean_gradient(twin.decode(chains))
        step = [array - 0.1 * (d - m) for array, d, m in zip(twin.machine, ours, theirs)]
        twin.machine = type(twin.machine)(*step)
    np.testing.assert_allclose(flatten(model.machine), flatten(twin.machine), atol=1e-6)


class OneByOne(Momentum):
    """Not known to the compiled pass, so that it takes its updates one by one."""


@pytest.mark.parametrize(
    ("momentum", "centred", "tolerance"), [(0.0, False, 1e-10), (0.8, False, 1e-10), (0.8, True, 1e-5)]
)
@pytest.mark.parametrize("method", ["cd", "pcd"])
def test_a_compiled_pass_is_one_of_single_updates(method, momentum, centred, tolerance):
    """With 70 visible and 131 hidden units, more than one tile and block; means of hidden units in single precision."""
    x = np.concatenate([datasets.digits().train[:300], datasets.digits().train[100:400, :6]], axis=1)
    compiled, single = BernoulliRBM(70, 131, seed=0, scale=0.1), BernoulliRBM(70, 131, seed=0, scale=0.1)
    options: Any = dict(method=method, k=2, n_epochs=3, batch_size=64, seed=1, centred=centred)
    rate = CosineDecay(0.05, 15)
    plain = Momentum(rate, momentum=momentum) if momentum else GradientDescent(rate)
    first = list(compiled.fit(x, optimizer=plain, **options))
    second = list(single.fit(x, optimizer=OneByOne(rate, momentum=momentum), **options))
    np.testing.assert_allclose(
        flatten(compiled.machine), flatten(single.machine), rtol=tolerance, atol=0.01 * tolerance
    )
    norms = [[each.gradient_norm for each in records] for records in (first, second)]
    assert norms[0] == pytest.approx(norms[1], rel=tolerance)
    assert [each.chain_correlation for each in first] == [each.chain_correlation for each in second]
    assert [each.learning_rate for each in first] == [each.learning_rate for each in second]


def test_centred_training_does_not_care_which_state_is_called_one():
    """A centred step of a machine and of the one with 0 and 1 exchanged lead to the same distribution."""
    rng = np.random.default_rng(0)
    x, chains = (rng.random((50, 6)) < 0.3).astype(float), (rng.random((64, 6)) < 0.5).astype(float)

    def step(model, data, other):
        training = Training(model, data, centred=True, learning_rate=0.5, seed=0)
        gradient, _ = model.contrast(model.encode(data), model.encode(other), 0, rng)
        training._update(gradient, model.encode(data))

    model, mirrored = BernoulliRBM(6, 4, seed=0, scale=0.5), BernoulliRBM(6, 4, seed=0, scale=0.5)
    model.trained = mirrored.trained = True
    a, b, W = model.machine
    mirrored.machine = type(model.machine)(-a, b + W.sum(axis=0), -W)
    step(model, x, chains)
    step(mirrored, 1 - x, 1 - chains)
    v = np.array(list(itertools.product([0.0, 1.0], repeat=6)))
    gap = model.free_energy(v) - mirrored.free_energy(1 - v)
    assert np.ptp(gap) < 1e-5


def test_records_show_what_happens():
    x = datasets.digits()
    model = BernoulliRBM(64, 32, seed=0)
    records = list(model.fit(x.train, method="cd", validation=x.test, n_epochs=20))
    assert [record.epoch for record in records] == list(range(1, 21))
    assert records[-1].reconstruction < records[0].reconstruction
    assert all(-1 <= record.chain_correlation <= 1 for record in records)
    assert all(record.free_energy_gap is not None for record in records)
    assert "pseudo-likelihood" in str(records[0])


@pytest.mark.parametrize("method", ["cd", "pcd"])
def test_rare_records_are_those_of_every_epoch(method):
    x = np.random.default_rng(0).integers(0, 2, (50, 6)).astype(float)
    every, third = (BernoulliRBM(6, 4, seed=0) for _ in range(2))
    options: Any = dict(method=method, n_epochs=8, batch_size=20, learning_rate=0.1)
    records = {record.epoch: record for record in every.fit(x, **options)}
    for record in third.fit(x, record_every=3, **options):
        expected = records.pop(record.epoch)
        assert record._replace(wall_time=0.0) == expected._replace(wall_time=0.0)
    assert sorted(records) == [1, 2, 4, 5, 7]
    np.testing.assert_array_equal(flatten(every.machine), flatten(third.machine))


@pytest.mark.parametrize(
    ("options", "message"),
    [(dict(method="ml"), "cd, pcd, pt"), (dict(k=0), "k >= 1"), (dict(batch_size=0), "batch_size >= 1")],
)
def test_wrong_options(options, message):
    with pytest.raises(ValueError, match=message):
        BernoulliRBM(2, 2, seed=0).fit(np.zeros((3, 2)), **options)


def test_data_of_the_wrong_kind_names_the_remedy():
    with pytest.raises(ValueError, match=r"training data.*as_spins"):
        IsingRBM(2, 2, seed=0).fit(np.zeros((3, 2)))


def test_divergence_stops_the_training():
    model = GaussianBernoulliRBM(2, 2, seed=0)
    with pytest.raises(FloatingPointError, match="learning rate"):
        for _ in model.fit(np.random.default_rng(0).normal(size=(100, 2)), learning_rate=1e200, n_epochs=5):
            pass


def test_a_compiled_pass_that_diverges_leaves_the_last_finite_parameters():
    model = BernoulliRBM(6, 4, seed=0)
    training = model.fit((np.random.default_rng(0).random((100, 6)) < 0.5).astype(float), learning_rate=1e308)
    with pytest.raises(FloatingPointError, match=r"epoch 1.*learning rate"):
        next(training)
    assert np.isfinite(flatten(model.machine)).all()
