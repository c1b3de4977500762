"""Autoregressive models against sums over all configurations."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import chi2

from generative.autoregressive import MADE, Autoregressive, CausalCNN, Reinforce, SiteTransformer
from generative.conditions import Classes, Interval
from generative.datasets.ising import IsingTarget
from generative.noise import generator
from generative.objectives import Batch
from generative.symmetries import translations
from montecarlo.lattices import Chain, Square
from neural.optimizers import CosineDecay

pytestmark = pytest.mark.interpreted

MAKERS: dict[str, Any] = {
    "dense": lambda shape, **options: MADE(shape, 3, 2, **options),
    "convolutional": lambda shape, **options: CausalCNN(shape, 4, 2, **options),
    "transformer": lambda shape, **options: SiteTransformer(shape, 8, 2, 1, **options),
}
SYMMETRIES = [dict(), dict(flip=True), dict(translation=True), dict(flip=True, translation=True)]


def make(kind: str, shape=(3, 3), scale: float = 0.5, **options) -> Autoregressive:
    """A model in double precision with random parameters, none of them zero."""
    model = MAKERS[kind](shape, **options)
    model.network.double()
    noise = generator(7)
    with torch.no_grad():
        for p in model.network.parameters():
            p += scale * torch.randn(p.shape, generator=noise, dtype=p.dtype)
    return model


def configurations(n: int) -> np.ndarray:
    return 2.0 * ((np.arange(2**n)[:, None] >> np.arange(n)) & 1) - 1


@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize("symmetries", SYMMETRIES)
def test_probabilities_of_all_configurations_sum_to_one(kind, symmetries):
    log_p = make(kind, **symmetries).log_prob(configurations(9))
    assert math.fsum(np.exp(log_p)) == pytest.approx(1.0, abs=1e-12)
    assert log_p.std() > 0.1


def test_probabilities_of_sixteen_spins_sum_to_one():
    log_p = make("dense", (4, 4), flip=True).log_prob(configurations(16), batch_size=2**14)
    assert math.fsum(np.exp(log_p)) == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("kind", MAKERS)
def test_the_symmetries_are_exact(kind):
    s = configurations(9)
    flipping = make(kind, flip=True)
    np.testing.assert_allclose(flipping.log_prob(s), flipping.log_prob(-s), atol=1e-12)
    moving = make(kind, translation=True)
    for image in translations((3, 3))[[1, 5]]:
        np.testing.assert_allclose(moving.log_prob(s), moving.log_prob(s[:, image.numpy()]), atol=1e-12)
    plain = make(kind)
    assert np.abs(plain.log_prob(s) - plain.log_prob(-s)).max() > 0.1


@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize("symmetries", SYMMETRIES)
def test_samples_have_the_probabilities_of_the_model(kind, symmetries):
    """Chi-squared of 20000 samples in the 2^6 configurations of 2 x 3 spins."""
    if kind == "convolutional":
        shape, n = (3, 3), 9
    else:
        shape, n = (2, 3), 6
    model = make(kind, shape, **symmetries)
    s = configurations(n)
    expected = 20_000 * np.exp(model.log_prob(s))
    samples = model.sample(20_000, seed=3, batch_size=20_000)
    found = np.bincount(((samples > 0) @ (1 << np.arange(n))).astype(int), minlength=2**n)
    common = expected >= 5
    o, e = np.append(found[common], found[~common].sum()), np.append(expected[common], expected[~common].sum())
    o, e = o[e > 0], e[e > 0]
    assert chi2.sf(np.sum((o - e) ** 2 / e), len(o) - 1) > 1e-3


@pytest.mark.parametrize("kind", MAKERS)
def test_a_sample_does_not_depend_on_the_number_of_samples_or_the_batch(kind):
    model = make(kind, condition=Interval(1.0, 3.0), flip=True, translation=True)
    whole = model.sample(50, seed=2, condition=2.0)
    np.testing.assert_array_equal(model.sample(50, seed=2, condition=2.0, batch_size=7), whole)
    np.testing.assert_array_equal(model.sample(11, seed=2, condition=2.0), whole[:11])
    each = np.where(np.arange(50) == 20, 1.0, 2.0)
    changed = model.sample(50, seed=2, condition=each)
    np.testing.assert_array_equal(np.delete(changed, 20, 0), np.delete(whole, 20, 0))
    assert not np.array_equal(model.sample(50, seed=3, condition=2.0), whole)


def test_bits_are_spins():
    spins, bits = make("dense"), make("dense", values="bits")
    s = configurations(9)
    np.testing.assert_array_equal(spins.log_prob(s), bits.log_prob((s + 1) / 2))
    np.testing.assert_array_equal(spins.sample(20, seed=1), 2 * bits.sample(20, seed=1) - 1)


def test_each_condition_has_a_distribution_of_its_own():
    model = make("dense", condition=Classes(3), scale=1.0)
    tables = [np.exp(model.at(label).log_prob(configurations(9))) for label in range(3)]
    for table in tables:
        assert table.sum() == pytest.approx(1.0, abs=1e-12)
    assert np.abs(tables[0] - tables[1]).sum() > 0.1
    with pytest.raises(ValueError, match=r"expected labels 0 \.\. 2"):
        model.at(3)
    with pytest.raises(ValueError, match="expected a condition"):
        model.sample(3, 0)
    with pytest.raises(ValueError, match="expected no condition"):
        make("dense").sample(3, 0, condition=1)


TARGET = IsingTarget(Square(3), 2.5)


def exact_gradient(model: Autoregressive, target: IsingTarget) -> np.ndarray:
    """Of F_q / T = sum_s q (E / T + log q), by enumeration."""
    s = torch.from_numpy(configurations(9))
    log_q = model._log_base(s, None)
    reward = torch.from_numpy(target.energy(s.numpy())) / target.temperature + log_q
    free = torch.sum(log_q.exp() * reward)
    parts = torch.autograd.grad(free, list(model.network.parameters()))
    return torch.cat([part.flatten() for part in parts]).numpy()


@pytest.mark.parametrize("flip", [False, True])
def test_the_reinforced_gradient_is_that_of_the_free_energy(flip):
    """On average over batches: the z-scores of the mean have the size of a normal variable's."""
    model = make("dense", flip=flip)
    loss = Reinforce(model, [TARGET], batch_size=60, annealing=0.0).loss
    parameters, gradients = list(model.network.parameters()), []
    for k in range(300):
        batch = Batch(torch.empty(60, 0).double(), None, generator(1, k), k, 1.0)
        parts = torch.autograd.grad(loss(batch)[0], parameters)
        gradients.append(torch.cat([part.flatten() for part in parts]).numpy())
    found, expected = np.array(gradients), exact_gradient(model, TARGET)
    error = found.std(axis=0, ddof=1) / math.sqrt(len(found))
    free = error > 1e-12  # what the masks hide has no gradient
    assert np.abs(expected[~free]).max() < 1e-12
    z = (found.mean(axis=0) - expected)[free] / error[free]
    assert np.abs(z).max() < 4.5  # of about 200 parameters
    assert np.linalg.norm(found.mean(axis=0) - expected) < 0.15 * np.linalg.norm(expected)


def test_the_noise_of_the_gradient_vanishes_at_the_solution():
    """A model of free spins at infinite temperature is exact when it is uniform: every reward is the same."""
    model = MADE((3, 3), 3, seed=1)
    model.network.double()
    loss = Reinforce(model, [IsingTarget(Square(3), 1e12)], 50, 0.0).loss
    value, numbers = loss(Batch(torch.empty(50, 0).double(), None, generator(1), 0, 1.0))
    parts = torch.autograd.grad(value, list(model.network.parameters()), allow_unused=True)
    assert max(float(part.abs().max()) for part in parts if part is not None) < 1e-9
    assert float(numbers["entropy"]) == pytest.approx(math.log(2))


def test_trained_on_the_energy_it_approaches_the_exact_free_energy_from_above():
    model = MADE((3, 3), 4, 2, flip=True, seed=1)
    exact = TARGET.exact()
    assert exact is not None
    free = -TARGET.temperature * exact.log_z / 9
    options: Any = dict(batch_size=128, learning_rate=CosineDecay(2e-2, 250))
    records = list(model.fit_energy(TARGET, n_steps=250, **options))
    assert records[-1].losses["spread"] < 0.3
    found = model.thermodynamics(TARGET, 4000, seed=2)
    assert free < found.bound.mean + 4 * found.bound.error
    assert found.bound.mean - free < 2e-3 * abs(free)
    assert abs(found.free_energy.z(free)) < 4
    assert abs(found.energy.z(exact.energy)) < 4
    log_p = model.log_prob(configurations(9))
    divergence = np.sum(np.exp(log_p) * (log_p - TARGET.log_weight(configurations(9)) + exact.log_z))
    assert (found.bound.mean - free) * 9 / TARGET.temperature == pytest.approx(
        divergence, abs=4 * found.bound.error * 9 / TARGET.temperature
    )


def test_several_temperatures_from_the_energy_alone():
    model = MADE((3, 3), 4, 2, flip=True, condition=Interval(2.0, 3.0), seed=1)
    targets = [IsingTarget(Square(3), t) for t in (2.0, 2.5, 3.0)]
    for _ in model.fit_energy(targets, n_steps=250, batch_size=192, learning_rate=CosineDecay(2e-2, 250)):
        pass
    for temperature in (2.0, 2.25, 3.0):  # one of them was not trained
        target = IsingTarget(Square(3), temperature)
        exact = target.exact()
        assert exact is not None
        free = -temperature * exact.log_z / 9
        found = model.thermodynamics(target, 4000, seed=2)
        assert found.bound.mean - free < 5e-3 * abs(free)
        assert abs(found.free_energy.z(free)) < 4


def test_trained_on_data_it_approaches_their_distribution():
    """20000 exact samples of 3 x 3 spins: the divergence from the truth, summed over all configurations."""
    s = configurations(9)
    log_p = TARGET.log_weight(s)
    log_p -= np.logaddexp.reduce(log_p)
    rows = np.random.default_rng(1).choice(512, 20_000, p=np.exp(log_p))
    model = MADE((3, 3), 4, 2, flip=True, translation=True, seed=1)
    fit = model.fit(s[rows], n_epochs=8, batch_size=200, learning_rate=CosineDecay(1e-2, 800), ema=0.99)
    losses = [record.losses["nll"] for record in fit]
    assert losses[-1] < losses[0]
    divergence = np.sum(np.exp(log_p) * (log_p - model.log_prob(s)))
    assert 0 < divergence < 0.01
    # with the average put away, the state alone gives the same model back
    again = MADE((3, 3), 4, 2, flip=True, translation=True, seed=2)
    again.restore(model.state())
    np.testing.assert_array_equal(again.log_prob(s), model.log_prob(s))


@pytest.mark.parametrize(
    ("targets", "options", "message"),
    [
        ([IsingTarget(Square(4), 2.0)], {}, "targets of 9 sites"),
        ([TARGET, TARGET], {}, "expected one target"),
        ([TARGET], {"batch_size": 1}, "equal parts"),
    ],
)
def test_targets_are_checked(targets, options, message):
    with pytest.raises(ValueError, match=message):
        MADE((3, 3)).fit_energy(targets, n_steps=1, **options)


def test_the_couplings_are_exact_for_an_open_chain():
    """p(s_i | before) = sigmoid(2 J s_(i-1) / T) there; the first spin is free."""
    target = IsingTarget(Chain(9, periodic=False), 1.7, coupling=0.8)
    model = MADE((9,), 2, seed=1)
    model.network.double()
    next(model.fit_energy(target, n_steps=1, batch_size=8, annealing=0.0, learning_rate=0.0))
    log_p = target.log_weight(configurations(9))
    np.testing.assert_allclose(model.log_prob(configurations(9)), log_p - np.logaddexp.reduce(log_p), atol=1e-6)
