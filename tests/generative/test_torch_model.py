"""What all models in torch share, shown on the smallest: data sets, labels, validation, averages, states."""

from typing import Any

import numpy as np
import pytest
import torch

import generative
from generative import MADE, Classes, Interval
from generative.conditions import encode
from generative.datasets import Dataset, IsingTarget
from montecarlo.lattices import Square

pytestmark = pytest.mark.interpreted

TARGET = IsingTarget(Square(3), 2.0)


def data(temperatures: tuple[float, ...], n: int = 1500, seed: int = 0) -> Dataset:
    """Exact samples of 3 x 3 spins."""
    s = 2.0 * ((np.arange(512)[:, None] >> np.arange(9)) & 1) - 1
    rng, parts = np.random.default_rng(seed), []
    for temperature in temperatures:
        log_p = IsingTarget(Square(3), temperature).log_weight(s)
        parts.append(s[rng.choice(512, n, p=np.exp(log_p - np.logaddexp.reduce(log_p)))])
    labels = np.repeat(temperatures, n)
    order = rng.permutation(len(labels))
    x, labels, cut = np.concatenate(parts)[order], labels[order], len(labels) // 5
    targets = tuple(IsingTarget(Square(3), temperature) for temperature in temperatures)
    return Dataset("spins", x[cut:], x[:cut], "spins", (3, 3), labels[cut:], labels[:cut], targets, (_Worth(),))


class _Worth:
    n_independent = 1500.0


def test_a_temperature_between_those_of_the_training():
    model = MADE((3, 3), 4, condition=Interval(1.5, 3.5), flip=True, seed=1)
    options: Any = dict(n_epochs=12, batch_size=128, learning_rate=5e-3, ema=0.99)
    records = list(model.fit(data((1.5, 2.0, 3.0, 3.5), 3000), **options))
    assert records[-1].validation is not None
    for temperature in (1.5, 2.5, 3.5):
        target = IsingTarget(Square(3), temperature)
        exact = target.exact()
        assert exact is not None
        found = model.thermodynamics(target, 4000, seed=1)
        assert abs(found.energy.z(exact.energy)) < 4
        plain = target.energy(model.sample(4000, seed=1, condition=temperature)).mean() / 9
        assert plain == pytest.approx(exact.energy, rel=0.05)


def test_labels_given_with_an_array_are_those_of_a_data_set():
    both = []
    whole = data((1.5, 3.0), 300)
    arguments: Any
    for arguments in (
        dict(data=whole),
        dict(data=whole.train, labels=whole.train_labels, validation=whole.test, validation_labels=whole.test_labels),
    ):
        model = MADE((3, 3), 2, condition=Interval(1.5, 3.0), seed=1)
        both.append([record.validation for record in model.fit(**arguments, n_epochs=2)])
    assert both[0] == both[1]


def test_evaluate_takes_a_model_at_a_condition():
    model = MADE((3, 3), 3, condition=Interval(1.0, 3.0), flip=True, seed=2)
    result = generative.evaluate(model.at(2.0), data((2.0,)), n_samples=500)
    assert result.importance is not None
    exact = TARGET.exact()
    assert exact is not None
    assert abs(result.importance.free_energy.z(-2.0 * exact.log_z)) < 5


def test_what_is_sampled_is_the_average():
    model = MADE((3, 3), 3, seed=1)
    fit = model.fit(data((2.0,), 500), n_epochs=3, learning_rate=0.1, ema=0.9)
    next(fit)
    sampled, log_p = model.sample(200, seed=4), model.log_prob(np.ones((1, 9)))
    state = model.state()
    assert not np.array_equal(state["average"]["first.weight"], state["network"]["first.weight"])
    again = MADE((3, 3), 3, seed=9)
    again.restore(state)
    np.testing.assert_array_equal(again.sample(200, seed=4), sampled)
    np.testing.assert_array_equal(again.log_prob(np.ones((1, 9))), log_p)
    # and the training goes on from the parameters themselves
    np.testing.assert_array_equal(model.state()["network"]["first.weight"], state["network"]["first.weight"])


def test_symmetric_images_of_the_rows_make_a_symmetric_model():
    """One row in all its images: the model of the likelihood gives all of them the same probability."""
    model = MADE((2, 2), 6, seed=1)
    rows = np.tile([[1.0, 1.0, 1.0, -1.0]], (256, 1))
    for _ in model.fit(rows, flip=True, translation=True, n_steps=400, batch_size=256, learning_rate=0.02):
        pass
    s = 2.0 * ((np.arange(16)[:, None] >> np.arange(4)) & 1) - 1
    p = np.exp(model.log_prob(s))
    images = np.abs(s.sum(axis=1)) == 2
    np.testing.assert_allclose(p[images], 1 / 8, atol=0.03)
    assert p[~images].sum() < 0.01


def test_encodings():
    np.testing.assert_array_equal(Classes(3).encode([0, 2]), [[1, 0, 0], [0, 0, 1]])
    np.testing.assert_array_equal(Interval(1.0, 3.0).encode([1.0, 2.0, 3.0]), [[1, -1], [1, 0], [1, 1]])
    whole = encode(Interval(0.0, 1.0), 0.5, 3)
    assert whole is not None
    assert torch.equal(whole, torch.tensor([[1.0, 0.0]] * 3))
    with pytest.raises(ValueError, match="finite"):
        Interval(0.0, 1.0).encode([np.nan])


@pytest.mark.parametrize("make", [lambda: Classes(0), lambda: Interval(2.0, 2.0), lambda: Interval(0.0, np.inf)])
def test_conditions_of_nothing_are_refused(make):
    with pytest.raises(ValueError, match=r"expected .* got "):
        make()


def test_conditions_of_different_kinds_differ():
    assert Interval(0.0, 1.0) == Interval(0.0, 1.0) != Interval(0.0, 2.0)
    assert Classes(1) != Interval(0.0, 1.0)


def test_too_few_labels_are_refused():
    with pytest.raises(ValueError, match=r"one label for each of 500 rows, or one for all, found shape \(499,\)"):
        MADE((3, 3), 2, condition=Classes(2)).fit(np.ones((500, 9)), labels=np.zeros(499, int), n_epochs=1)


def test_data_of_another_kind_is_refused_with_the_remedy():
    with pytest.raises(ValueError, match=r"take data\.as_spins"):
        MADE((3, 3)).fit(np.zeros((10, 9)), n_epochs=1)
    with pytest.raises(ValueError, match=r"shape \(n, 9\)"):
        MADE((3, 3)).log_prob(np.ones((10, 8)))
    with pytest.raises(ValueError, match="n >= 1"):
        MADE((3, 3)).sample(0, seed=1)
