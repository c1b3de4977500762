"""Diffusion models: the loss against the known best one, likelihoods that integrate to one, resume, conditions."""

import math
from typing import Any

import numpy as np
import pytest
import torch

from generative.conditions import Classes, Interval
from generative.diffusion import DDIM, DDPM, Diffusion, PredictorCorrector, ProbabilityFlow
from generative.diffusion.continuous import WIDTH
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


class Pair(torch.nn.Module):
    """The best network for two spins with p = exp(K s_1 s_2) / 4 cosh K, for any of the three predictions."""

    def __init__(self, model: Diffusion, coupling: float) -> None:
        super().__init__()
        self.zero, self.model, self.coupling = torch.nn.Parameter(torch.zeros(())), [model], coupling

    def forward(self, y, time, condition=None):
        (model,) = self.model
        alpha, sigma = (each[:, None] for each in alpha_sigma(model.schedule, time))
        odds_known = model.prediction == "odds"  # then y is what the own number tells of the spin
        own = 2 * torch.atanh(y.clamp(-1 + 1e-12, 1 - 1e-12)) if odds_known else model._own(y, alpha, sigma)
        field, K = own.flip(1) / 2, torch.tensor(self.coupling)  # of the other spin
        odds = torch.logaddexp(K + field, -K - field) - torch.logaddexp(K - field, field - K)
        if odds_known:
            return self.zero + odds
        spins = torch.tanh((own + odds) / 2) / math.sqrt(1 + WIDTH**2)
        eps = sigma / model._variance(alpha, sigma) * (y - alpha * spins)
        return self.zero + (eps if model.prediction == "epsilon" else (eps - sigma * y) / alpha)


@pytest.mark.parametrize(("prediction", "values"), [("odds", "spins"), ("odds", "bits"), ("epsilon", "spins")])
def test_two_spins(prediction, values):
    """The bound is tight to the overlap of the noise of both signs, 1e-3, and samples have the correlation."""
    coupling = 0.7
    model = Diffusion((2,), values, prediction=prediction, hidden=(4,), sampler=DDPM(100))
    model.scaled.net = Pair(model, coupling)
    model.network.double()
    assert model.likelihood == "lower"
    for s in ([1.0, 1.0], [1.0, -1.0]):
        rows = np.repeat([s if values == "spins" else [(each + 1) / 2 for each in s]], 400, axis=0)
        found, exact = model.log_prob(rows), coupling * s[0] * s[1] - math.log(4 * math.cosh(coupling))
        error = found.std() / math.sqrt(len(found))
        assert -0.01 - 4 * error < found.mean() - exact < 4 * error
    x = model.sample(4000, 2)
    s = x if values == "spins" else 2 * x - 1
    for product, expected in ((s[:, 0] * s[:, 1], math.tanh(coupling)), (s[:, 0], 0.0)):
        # 100 steps move averages by a part in a hundred
        assert abs(product.mean() - expected) < 4 / math.sqrt(4000) + 0.01


def test_the_loss_of_odds_is_least_for_the_best_network():
    model = Diffusion((2,), "spins", hidden=(4,))
    rng = np.random.default_rng(0)
    first = 2.0 * rng.integers(0, 2, 20_000) - 1
    second = np.where(rng.random(20_000) < 1 / (1 + math.exp(-1.4)), first, -first)
    rows = torch.tensor(np.stack([first, second], 1))
    losses = []
    for coupling in (0.3, 0.7, 1.1):
        model.scaled.net = Pair(model, coupling)
        losses.append(float(model.loss(Batch(rows, None, generator(1), 0, 0.0)).detach()))
    assert losses[1] < min(losses[0], losses[2]) - 1e-3


def two_points(n: int = 512) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, n)
    return np.stack([4.0 * labels - 2, np.zeros(n)], 1) + 0.2 * rng.normal(size=(n, 2)), labels


def fit(model: Diffusion, **options: Any) -> Any:
    x, labels = two_points()
    options = {"n_steps": 400, "batch_size": 128, "record_every": 100, "learning_rate": 3e-3, "ema": 0.98, **options}
    return model.fit(x, labels=labels if model.condition else None, seed=3, **options)


@pytest.fixture(scope="module")
def learned() -> Diffusion:
    """Two points, learned."""
    model = Diffusion((2,), hidden=(64, 64), seed=0, sampler=ProbabilityFlow(50))
    list(fit(model))
    return model


def test_it_learns_two_points(learned):
    found = learned.sample(2000, 1)
    assert np.mean(found[:, 0] > 0) == pytest.approx(0.5, abs=0.1)
    assert np.mean(np.abs(np.abs(found[:, 0]) - 2) < 0.8) > 0.85


def test_training_resumes_to_the_bit(learned):
    stopped, resumed = (Diffusion((2,), hidden=(64, 64), seed=seed, sampler=ProbabilityFlow(50)) for seed in (0, 1))
    first = fit(stopped)
    next(first)
    second = fit(resumed)
    second.restore(first.state())
    list(second)
    np.testing.assert_array_equal(learned.sample(20, 1), resumed.sample(20, 1))


def averages_on_a_grid(model: Diffusion) -> tuple[float, np.ndarray]:
    """The integral of the density, and the averages of ``quantities`` in it."""
    x, y = np.arange(-45, 46) / 10, np.arange(-25, 26) / 10
    grid = np.stack(np.meshgrid(x, y, indexing="ij"), -1).reshape(-1, 2)
    p = np.exp(model.log_prob(grid, batch_size=8192)) / 100
    return float(p.sum()), p @ quantities(grid) / p.sum()


def quantities(x: np.ndarray) -> np.ndarray:
    """What tells how much lies at either point, how much between, and how wide the points are."""
    radius = np.abs(x[:, 0])
    return np.stack([np.tanh(4 * x[:, 0]), radius, radius**2, (radius - 2) ** 2, x[:, 1] ** 2], axis=1)


def test_samples_of_the_flow_follow_its_own_density(learned):
    """Within the errors of 4000 samples, as those of DDIM in 50 steps; those of DDIM in 8 steps do not."""
    integral, expected = averages_on_a_grid(learned)
    assert integral == pytest.approx(1.0, abs=2e-3)

    def z() -> np.ndarray:
        found = quantities(learned.sample(4000, 1, batch_size=4000))
        return (found.mean(0) - expected) / (found.std(0) / math.sqrt(len(found)))

    assert np.abs(z()).max() < 4
    learned.sampler = DDIM(50)
    assert np.abs(z()).max() < 4
    learned.sampler = DDIM(8)
    assert np.abs(z()).max() > 8
    learned.sampler = ProbabilityFlow(50)


def test_the_steps_of_the_flow_resolve_a_trained_network(learned):
    """50 and 100 steps lead from the same noise to the same samples, and find the same likelihood of these."""
    few = learned.sample(200, 2)
    learned.sampler = ProbabilityFlow(100)
    many = learned.sample(200, 2)
    learned.sampler = ProbabilityFlow(50)
    assert np.median(np.abs(few - many)) < 5e-3
    log_p = learned.log_prob(many)
    learned.n_steps = 100
    assert np.median(np.abs(learned.log_prob(many) - log_p)) < 0.02
    learned.n_steps = 50


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
        (dict(prediction="x"), 'expected prediction "epsilon"'),
        (dict(prediction="odds"), 'for spins "odds"'),
        (dict(guidance=1.0), "a condition to be guided by"),
        (dict(schedule="square"), "names linear, cosine"),
    ],
)
def test_arguments_are_checked(options, message):
    with pytest.raises(ValueError, match=message):
        Diffusion((2,), **options)
