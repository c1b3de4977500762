"""Flows: densities that integrate to one and that samples follow, moons, conditions, resume, the missing package."""

import sys
from typing import Any

import numpy as np
import pytest
import torch

from generative import datasets
from generative.conditions import Interval
from generative.flows import Flow
from generative.two_sample import classifier_accuracy
from neural.optimizers import CosineDecay


@pytest.fixture(scope="module")
def moons():
    """A flow that has learned the two half moons, and their data."""
    data = datasets.moons(8000, seed=1)
    model = Flow((2,), n_maps=2, hidden=(32, 32), seed=1)
    options: Any = dict(n_steps=400, batch_size=256, learning_rate=CosineDecay(1e-2, 400), ema=0.99)
    records = list(model.fit(data, **options))
    assert records[-1].losses["nll"] < records[0].losses["nll"]
    return model, data


def grid(n: int = 300, half: float = 3.0) -> tuple[np.ndarray, float]:
    """Points of a square around the moons, and the area of each."""
    side = np.linspace(-half, half, n)
    centre = np.array([0.5, 0.25])
    return np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2) + centre, (side[1] - side[0]) ** 2


def test_the_density_integrates_to_one(moons):
    points, area = grid()
    assert np.exp(moons[0].log_prob(points)).sum() * area == pytest.approx(1.0, abs=2e-3)


def test_samples_follow_the_density(moons):
    """Moments, and the mean of log p, of samples against those of the density on a grid."""
    model, _ = moons
    points, area = grid()
    log_p = model.log_prob(points)
    x = model.sample(20_000, 3).astype(np.float64)
    found = np.column_stack([x, x**2, x[:, 0] * x[:, 1], model.log_prob(x)])
    p = np.exp(log_p) * area
    expected = p @ np.column_stack([points, points**2, points[:, 0] * points[:, 1], log_p])
    z = (found.mean(axis=0) - expected) / (found.std(axis=0) / np.sqrt(len(x)))
    assert np.all(np.abs(z) < 4), z


def test_a_classifier_hardly_tells_samples_from_moons(moons):
    model, data = moons
    test = np.asarray(data.test, dtype=np.float64)
    assert classifier_accuracy(model.sample(len(test), 2).astype(np.float64), test, 0) < 0.55


@pytest.mark.parametrize("options", [{}, {"kind": "affine"}, {"coupling": True}])
def test_the_likelihood_is_that_of_the_change_of_variables(options):
    """Against the Jacobian of the map to samples, by automatic differentiation, and the map and back."""
    model = Flow((3,), condition=Interval(0.0, 1.0), seed=2, **options)
    model.network.double()
    model.standardised.learn(torch.linspace(-1, 5, 60).reshape(20, 3).double())
    y = torch.tensor([[0.3, -1.0, 0.5]]).double()
    condition = model._encoded(0.3, 1)

    def map_back(y: torch.Tensor) -> torch.Tensor:
        return model.standardised.from_normal(y, condition)

    x = map_back(y).detach()
    jacobian = torch.autograd.functional.jacobian(map_back, y)
    assert isinstance(jacobian, torch.Tensor)
    normal = torch.distributions.Normal(0.0, 1.0).log_prob(y).sum()
    expected = normal - torch.linalg.slogdet(jacobian[0, :, 0]).logabsdet
    assert model.log_prob(x.numpy(), condition=0.3)[0] == pytest.approx(float(expected.detach()), abs=1e-6)


def test_samples_of_a_normal_distribution_at_a_condition():
    """x ~ N(c, 1) for c in [-2, 2]: its likelihood at a condition that was not shown, within the error of the fit."""
    rng = np.random.default_rng(0)
    c = rng.choice([-2.0, -1.0, 1.0, 2.0], 4000)
    model = Flow((1,), kind="affine", hidden=(16,), condition=Interval(-2.0, 2.0), seed=1)
    options: Any = dict(n_steps=600, batch_size=256, learning_rate=CosineDecay(1e-2, 600))
    list(model.fit(c[:, None] + rng.normal(size=(4000, 1)), labels=c, **options))
    x = model.sample(4000, 1, condition=0.0)
    assert abs(x.mean()) < 0.15
    assert x.std() == pytest.approx(1.0, abs=0.1)


def test_it_starts_from_its_seed_and_leaves_the_shared_generator_alone():
    before = torch.get_rng_state()
    one, other = Flow((2,), seed=3), Flow((2,), seed=3)
    assert torch.equal(torch.get_rng_state(), before)
    np.testing.assert_array_equal(one.sample(10, 1), other.sample(10, 1))
    assert not np.array_equal(one.sample(10, 1), Flow((2,), seed=4).sample(10, 1))
    np.testing.assert_allclose(one.sample(10, 1, batch_size=3), other.sample(10, 1), rtol=1e-5, atol=1e-6)


def test_resumed_to_the_bit():
    rows = np.random.default_rng(0).normal(size=(300, 2))
    options: Any = dict(n_epochs=4, batch_size=64, ema=0.9)
    whole, stopped, resumed = (Flow((2,), hidden=(8,), seed=1) for _ in range(3))
    list(whole.fit(rows, **options))
    fit = stopped.fit(rows, **options)
    next(fit)
    again = resumed.fit(rows, **options)
    again.restore(fit.state())
    list(again)
    np.testing.assert_array_equal(resumed.sample(20, 1), whole.sample(20, 1))


def test_a_missing_package_is_named_with_its_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "zuko", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install \"born\[flows\]\""):
        Flow((2,))


@pytest.mark.parametrize("options", [{"values": "spins"}, {"kind": "cubic"}, {"n_maps": 0}, {"n_bins": 1}])
def test_arguments_are_checked(options):
    with pytest.raises(ValueError, match='expected values "real"'):
        Flow((2,), **options)
