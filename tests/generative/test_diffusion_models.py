"""Diffusion models: the loss against the known best one, likelihoods that integrate to one, resume, conditions."""

import math
from typing import Any

import numpy as np
import pytest
import torch

from generative.conditions import Classes, Interval
from generative.diffusion import DDIM, DDPM, Diffusion, PredictorCorrector, ProbabilityFlow
from generative.diffusion.schedules import alpha_sigma
from generative.noise import generator
from generative.objectives import Batch

pytestmark = pytest.mark.interpreted


class Exact(torch.nn.Module):
    """The best network for standard normal data: eps = sigma x, v = 0."""

    def __init__(self, schedule: Any, prediction: str) -> None:
        super().__init__()
        self.zero, self.schedule, self.prediction = torch.nn.Parameter(torch.zeros(())), schedule, prediction

    def forward(self, x, time, condition=None):
        sigma = alpha_sigma(self.schedule, time)[1][:, None]
        return self.zero + (sigma * x if self.prediction == "epsilon" else 0 * x)


def exact(prediction: str, values: str = "real", **options: Any) -> Diffusion:
    model = Diffusion((2,), values, prediction=prediction, hidden=(4,), **options)
    model.scaled.net = Exact(model.schedule, prediction)
    return model


@pytest.mark.parametrize("schedule", ["linear", "cosine"])
@pytest.mark.parametrize("prediction", ["epsilon", "v"])
def test_both_predictions_are_one_model(prediction, schedule):
    model = exact(prediction, schedule=schedule, sampler=DDIM(20))
    x = np.array([[0.3, -1.0], [2.0, 0.1]])
    expected = -0.5 * (x**2).sum(1) - math.log(2 * math.pi)
    np.testing.assert_allclose(model.log_prob(x), expected, atol=1e-3)
    np.testing.assert_allclose(
        model.sample(50, 1), exact("epsilon", schedule=schedule, sampler=DDIM(20)).sample(50, 1), atol=1e-3
    )
    rows = torch.randn(40_000, 2, generator=generator(0))
    t = torch.linspace(0, 1, 10_001)
    alpha, _ = alpha_sigma(model.schedule, t)
    best = {"epsilon": float((alpha**2).mean()), "v": 1.0}[prediction]  # E|noise - sigma x|^2 = alpha^2, E v^2 = 1
    loss = float(model.loss(Batch(rows, None, generator(1), 0, 0.0)).detach())
    assert loss == pytest.approx(best, abs=4 * 2 / math.sqrt(80_000))


def test_data_is_taken_at_its_own_scale():
    """A normal distribution of any mean and width has its likelihood, when the network sees a standard one."""
    model = exact("epsilon")
    rows = torch.tensor([[3.0, -1.0]]) + 5 * torch.randn(100_000, 2, generator=generator(0))
    model.scaled.learn(rows)
    x = np.array([[3.0, 4.0], [-2.0, -1.0]])
    expected = -0.5 * (((x - [3, -1]) / 5) ** 2).sum(1) - math.log(2 * math.pi * 25)
    np.testing.assert_allclose(model.log_prob(x), expected, atol=0.03)
    model.sampler = DDIM(200)
    draws = model.sample(4000, 1)
    assert np.all(np.abs(draws.mean(0) - [3, -1]) < 4 * 5 / np.sqrt(4000) + 0.05)
    assert (draws - draws.mean(0)).std() == pytest.approx(5, rel=0.05)


@pytest.mark.parametrize("values", ["spins", "bits"])
def test_the_bound_of_spins_is_that_of_their_cells(values):
    """p(s) = 1/4 for a standard normal y, and E log p(y in the cell of s) + 2 log(2 / deviation) bounds it."""
    model = exact("epsilon", values)
    deviation = math.sqrt(4 / 3)
    model.scaled.get_buffer("deviation").fill_(deviation)
    rows = np.repeat([[1.0, -1.0]] if values == "spins" else [[1.0, 0.0]], 500, axis=0)
    found = model.log_prob(rows)
    second = 4 / 3 / deviation**2  # E (1 + u)^2 = 4/3
    expected = 2 * (-0.5 * second - 0.5 * math.log(2 * math.pi) + math.log(2 / deviation))
    assert abs(found.mean() - expected) < 4 * found.std() / math.sqrt(500)
    assert expected < math.log(0.25)
    assert model.likelihood == "lower"
    model.sampler = DDIM(20)
    up = model.sample(4000, 2).mean()
    assert abs(up - (0 if values == "spins" else 0.5)) < 4 / math.sqrt(8000)


def two_points(n: int = 512) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, n)
    return np.stack([4.0 * labels - 2, np.zeros(n)], 1) + 0.2 * rng.normal(size=(n, 2)), labels


def fit(model: Diffusion, **options: Any) -> Any:
    x, labels = two_points()
    options = {"n_steps": 400, "batch_size": 128, "record_every": 100, "learning_rate": 3e-3, "ema": 0.98, **options}
    return model.fit(x, labels=labels if model.condition else None, seed=3, **options)


def test_it_learns_two_points_resumes_to_the_bit_and_integrates_to_one():
    whole, stopped, resumed = (Diffusion((2,), hidden=(64, 64), seed=seed, sampler=DDIM(30)) for seed in (0, 0, 1))
    list(fit(whole))
    first = fit(stopped)
    next(first)
    second = fit(resumed)
    second.restore(first.state())
    list(second)
    np.testing.assert_array_equal(whole.sample(50, 1), resumed.sample(50, 1))
    found = whole.sample(500, 1)
    assert np.mean(found[:, 0] > 0) == pytest.approx(0.5, abs=0.1)
    assert np.mean(np.abs(np.abs(found[:, 0]) - 2) < 0.8) > 0.8
    side = np.linspace(-6, 6, 61)
    grid = np.stack(np.meshgrid(side, side), -1).reshape(-1, 2)
    p = np.exp(whole.log_prob(grid, batch_size=8192))
    assert p.sum() * (side[1] - side[0]) ** 2 == pytest.approx(1.0, abs=0.01)


def test_the_condition_chooses_and_guidance_sharpens():
    model = Diffusion((2,), hidden=(64, 64), condition=Classes(2), sampler=DDIM(20))
    list(fit(model))
    for label in (0, 1):
        x = model.sample(200, 1, condition=label)
        assert np.mean((x[:, 0] > 0) == label) > 0.97
    other = Diffusion((2,), hidden=(4,), condition=Classes(2), guidance=2.0)
    x, c = torch.randn(3, 2, generator=generator(0)), torch.eye(2)[[0, 1, 1]]
    with torch.no_grad():
        t = torch.full((3,), 0.3)
        conditional, nothing = (other.scaled(x, t, features) for features in (c, 0 * c))
        torch.testing.assert_close(other.epsilon(c)(x, 0.3), 3 * conditional - 2 * nothing)


@pytest.mark.parametrize("sampler", [DDPM(5), DDIM(5), PredictorCorrector(3), ProbabilityFlow(3)])
def test_samples_do_not_depend_on_how_many_are_drawn(sampler):
    model = Diffusion((4, 4), "spins", channels=(4, 8), condition=Interval(2.0, 3.0), guidance=0.5, sampler=sampler)
    many = model.sample(12, 3, condition=2.5, batch_size=5)
    assert model.tensor(many).shape == (12, 16)
    np.testing.assert_array_equal(model.sample(4, 3, condition=2.5), many[:4])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(prediction="x"), "expected prediction epsilon or v"),
        (dict(guidance=1.0), "a condition to be guided by"),
        (dict(schedule="square"), "names linear, cosine"),
    ],
)
def test_arguments_are_checked(options, message):
    with pytest.raises(ValueError, match=message):
        Diffusion((2,), **options)
