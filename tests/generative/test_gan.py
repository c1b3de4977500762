"""Adversarial networks: losses at known values, the penalty of known critics, spectral norms, resume, collapse."""

import math
import warnings
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from generative import datasets
from generative.conditions import Classes
from generative.gan import GAN, LOSSES, gradient_penalty, spectral_norm
from generative.networks.layers import Conv2d
from generative.noise import generator
from generative.objectives import Batch
from generative.vae import CollapseWarning

pytestmark = pytest.mark.interpreted


def test_losses_at_known_values():
    real, fake = torch.tensor([0.0, 2.0]), torch.tensor([0.0, -3.0])
    ln2 = math.log(2)
    expected = {
        "non-saturating": (
            [2 * ln2, math.log1p(math.exp(-2)) + math.log1p(math.exp(-3))],
            [ln2, 3 + math.log1p(math.exp(-3))],
        ),
        "hinge": ([2.0, 0.0], [0.0, 3.0]),
        "wasserstein": ([0.0, -5.0], [0.0, 3.0]),
    }
    for name, (critic, made) in expected.items():
        torch.testing.assert_close(LOSSES[name].critic(real, fake), torch.tensor(critic))
        torch.testing.assert_close(LOSSES[name].generator(fake), torch.tensor(made))


def test_the_best_critic_of_the_first_loss_is_the_log_ratio_of_densities():
    """Its loss is then 2 ln 2 - 2 JS of data and samples; no other critic is below."""
    p, q = torch.tensor([0.5, 0.3, 0.2]).double(), torch.tensor([0.1, 0.6, 0.3]).double()
    best = (p / q).log().requires_grad_()
    loss = (p * LOSSES["non-saturating"].critic(best, torch.full((3,), -1e9).double())).sum()
    loss = loss + (q * LOSSES["non-saturating"].critic(torch.full((3,), 1e9).double(), best)).sum()
    slope = torch.autograd.grad(loss, best)[0]
    torch.testing.assert_close(slope, torch.zeros(3).double(), atol=1e-12, rtol=0)
    m = (p + q) / 2
    js = 0.5 * float((p * (p / m).log()).sum() + (q * (q / m).log()).sum())
    assert float(loss.detach()) == pytest.approx(2 * math.log(2) - 2 * js)


def test_the_penalty_of_critics_whose_gradient_is_known():
    x, y = torch.randn(2, 50, 3, generator=generator(0)).double().unbind(0)
    u = torch.rand(50, 1, generator=generator(1)).double()
    w = torch.tensor([2.0, 2.0, 1.0]).double()
    assert float(gradient_penalty(lambda z: z @ w, x, y, u).detach()) == pytest.approx((3 - 1) ** 2)
    between = u * x + (1 - u) * y
    expected = ((2 * between.norm(dim=1) - 1) ** 2).mean()
    assert float(gradient_penalty(lambda z: z.square().sum(1), x, y, u).detach()) == pytest.approx(float(expected))


def test_the_penalty_is_safe_where_the_gradient_is_zero():
    w = nn.Parameter(torch.zeros(3))
    penalty = gradient_penalty(lambda z: z @ w, torch.zeros(4, 3), torch.ones(4, 3), torch.full((4, 1), 0.5))
    penalty.backward()
    assert float(penalty.detach()) == pytest.approx(1.0, abs=1e-5)
    assert w.grad is not None
    assert torch.isfinite(w.grad).all()


def test_spectral_norms_are_one_and_follow_the_weight():
    module = nn.Sequential(nn.Linear(7, 5), Conv2d(2, 3))
    with torch.no_grad():
        for k, p in enumerate(module.parameters()):
            p.copy_(torch.randn(p.shape, generator=generator(k)))
    before = torch.get_rng_state()
    spectral_norm(module, 3)
    assert torch.equal(torch.get_rng_state(), before)
    for layer in module:
        for _ in range(50):
            weight: Any = layer.weight
        assert float(torch.linalg.matrix_norm(weight.flatten(1), 2).detach()) == pytest.approx(1.0, abs=1e-3)
    scaled: Any = module[0]
    with torch.no_grad():
        scaled.parametrizations.weight.original.mul_(10.0)
    assert float(torch.linalg.matrix_norm(scaled.weight, 2).detach()) == pytest.approx(1.0, abs=1e-3)


def test_the_gradient_of_a_spectral_norm_against_finite_differences():
    layer: Any = spectral_norm(nn.Linear(4, 3).double(), 0)
    with torch.no_grad():
        layer.parametrizations.weight.original.copy_(torch.randn(3, 4, generator=generator(0)))
        for _ in range(200):
            _ = layer.weight
    layer.eval()
    c = torch.randn(3, 4, generator=generator(1)).double()
    original = layer.parametrizations.weight.original
    gradient = torch.autograd.grad((layer.weight * c).sum(), original)[0]

    def exact(w: torch.Tensor) -> float:
        return float((w / torch.linalg.matrix_norm(w, 2) * c).sum())

    w, direction, h = original.detach(), torch.randn(3, 4, generator=generator(2)).double(), 1e-5
    slope = (exact(w + h * direction) - exact(w - h * direction)) / (2 * h)
    assert float((gradient * direction).sum()) == pytest.approx(slope, rel=1e-4)


def ring() -> Any:
    return datasets.gaussian_ring(2000, n_modes=3, sigma=0.2)


def fit(model: GAN, **options: Any) -> Any:
    data = ring()
    options = {"n_steps": 900, "batch_size": 64, "learning_rate": 2e-3, "record_every": 300, "ema": 0.99, **options}
    return model.fit(data.train, validation=data.test[:64], seed=3, **options)


def test_wasserstein_covers_three_modes_and_resumes_to_the_bit():
    whole, stopped, resumed = (GAN((2,), hidden=(32, 32), n_latent=4, spectral=True, seed=s) for s in (0, 0, 1))
    list(fit(whole, n_steps=60, record_every=20))
    first = fit(stopped, n_steps=60, record_every=20)
    next(first)
    second = fit(resumed, n_steps=60, record_every=20)
    second.restore(first.state())
    list(second)
    np.testing.assert_array_equal(whole.sample(50, 1), resumed.sample(50, 1))
    model = GAN((2,), hidden=(64, 64), n_latent=4)
    *_, last = fit(model)
    assert {"critic", "generator", "coverage", "recall"} <= set(last.losses)
    nearest = np.linalg.norm(model.sample(600, 1)[:, None] - ring().targets[0].centres, axis=2).argmin(axis=1)
    assert np.all(np.bincount(nearest, minlength=3) > 60)


@pytest.mark.parametrize("loss", ["non-saturating", "hinge"])
def test_the_other_losses_bring_samples_towards_the_data(loss):
    data = ring().train + np.array([4.0, 0.0])
    model = GAN((2,), hidden=(32, 32), n_latent=4, loss=loss, spectral=True)
    before = np.linalg.norm(model.sample(500, 1).mean(0) - data.mean(0))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CollapseWarning)
        list(model.fit(data, n_steps=300, batch_size=64, learning_rate=2e-3))
    assert np.linalg.norm(model.sample(500, 1).mean(0) - data.mean(0)) < 0.5 * before


def test_collapse_raises_the_alarm():
    model = GAN((2,), hidden=(8,), loss="hinge")
    batch = Batch(5 + torch.randn(64, 2, generator=generator(0)), None, generator(1), 0, 0.5)
    with torch.no_grad():
        for p in model.generator.parameters():
            p.zero_()
    with pytest.warns(CollapseWarning, match="the generator has collapsed"):
        _, numbers = model.generator_loss(batch)
    assert float(numbers["coverage"]) < 0.1


def test_bits_pass_the_gradient_of_their_probabilities_on():
    model = GAN((3,), "spins", hidden=(), n_latent=2)
    x = model.made(Batch(torch.ones(5, 3), None, generator(0), 0, 0.0))
    assert torch.all(x.detach().abs() == 1)
    weight: Any = next(model.generator.parameters())
    hard = torch.autograd.grad(x.sum(), weight)[0]
    z = torch.randn(5, 2, generator=generator(0))
    soft = torch.autograd.grad((2 * torch.sigmoid(model.generator(z)) - 1).sum(), weight)[0]
    torch.testing.assert_close(hard, soft)


@pytest.mark.parametrize("values", ["spins", "bits"])
def test_a_model_with_flip_is_symmetric(values):
    """The generator knows one configuration, up up up down; half of the samples are its image."""
    model = GAN((4,), values, hidden=(), n_latent=2, flip=True)
    layer: Any = next(module for module in model.generator.modules() if isinstance(module, nn.Linear))
    with torch.no_grad():
        layer.weight.zero_()
        layer.bias.copy_(torch.tensor([30.0, 30.0, 30.0, -30.0]))
    known = np.array([1.0, 1.0, 1.0, -1.0])
    made = model.made(Batch(torch.ones(4000, 4), None, generator(0), 0, 0.0)).detach().numpy()
    for x in (made, model.sample(4000, 1)):
        s = x if values == "spins" else 2 * x - 1
        turned = np.all(s == -known, axis=1)
        assert np.all(turned | np.all(s == known, axis=1))
        assert abs(turned.mean() - 0.5) < 4 * 0.5 / 4000**0.5


def test_a_model_with_couplings_learns_neighbours_that_the_condition_joins():
    """Neighbours are equal with probability 0.95 for one label and 0.5 for the other."""
    rng = np.random.default_rng(0)
    labels = rng.integers(2, size=4000)
    equal = rng.random((4000, 5)) < np.where(labels, 0.95, 0.5)[:, None]
    steps = np.concatenate([rng.choice([-1.0, 1.0], (4000, 1)), np.where(equal, 1.0, -1.0)], axis=1)
    rows, found = np.cumprod(steps, axis=1), {}
    model = GAN((6,), "spins", hidden=(32,), flip=True, couplings=True, n_critic=2, penalty=1.0, condition=Classes(2))
    for _ in model.fit(rows, labels=labels, n_steps=500, batch_size=128, learning_rate=3e-3, ema=0.99):
        pass
    for label in (0, 1):
        s = model.sample(4000, 1, condition=label)
        found[label] = np.mean(s[:, :-1] * s[:, 1:])
    assert abs(found[0]) < 0.15
    assert abs(found[1] - 0.9) < 0.15


@pytest.mark.parametrize("values", ["spins", "bits", "unit", "real"])
def test_samples_do_not_depend_on_how_many_are_drawn(values):
    model = GAN((4, 4), values, channels=(4,), condition=Classes(2))
    many = model.sample(12, 3, condition=1, batch_size=5)
    assert model.tensor(many).shape == (12, 16)
    np.testing.assert_allclose(model.sample(4, 3, condition=1), many[:4], atol=1e-6)
    with pytest.raises(ValueError, match="GAN has none"):
        model.log_prob(many)


def test_arguments_are_checked():
    with pytest.raises(ValueError, match="names non-saturating, hinge, wasserstein"):
        GAN((2,), loss="least squares")
    with pytest.raises(ValueError, match="for flip=True, got 'real'"):
        GAN((2,), flip=True)
    with pytest.raises(ValueError, match="spectral=False and no channels"):
        GAN((2,), couplings=True, spectral=True)


def test_generator_and_critic_follow_one_schedule():
    critic, made = GAN((2,), n_critic=5).objectives(lambda step: 1.0 - step / 100)
    for step in (4, 49, 99):  # the generator learns at every fifth step
        assert made.rate(step) == pytest.approx(critic.rate(step - 4))


@pytest.mark.parametrize("n_critic", [1, 99, 100, 101, 250])
def test_any_number_of_updates_of_the_critic_trains(n_critic):
    model = GAN((2,), hidden=(8,), n_critic=n_critic)
    *_, last = model.fit(np.random.default_rng(0).normal(size=(64, 2)), n_steps=260, record_every=260, batch_size=32)
    assert set(last.losses) == {"critic", "generator", "coverage", "recall"}


@pytest.mark.parametrize("options", [{"n_critic": 0}, {"n_critic": -1}, {"penalty": -1.0}, {"n_latent": 0}])
def test_impossible_numbers_are_refused(options):
    with pytest.raises(ValueError, match="n_latent >= 1, n_critic >= 1 and penalty >= 0"):
        GAN((4,), **options)


def test_losses_of_a_moving_critic_do_not_end_a_training():
    x = np.random.default_rng(0).normal(size=(64, 2))
    with pytest.raises(ValueError, match="patience=None: values of critic"):
        GAN((2,)).fit(x, validation=x, n_steps=10, patience=3)


def test_samples_have_the_unit_of_the_data():
    """Those of x = 300 + 100 y are 300 + 100 times those of y."""
    y = np.random.default_rng(0).normal(size=(512, 2))
    y, found = (y - y.mean(0)) / y.std(0), []
    for unit, mean in ((1.0, 0.0), (100.0, 300.0)):
        model = GAN((2,), hidden=(16,), seed=1)
        list(model.fit(mean + unit * y, n_steps=50, learning_rate=1e-3))
        found.append((model.sample(500, 1) - mean) / unit)
    np.testing.assert_allclose(found[0], found[1], atol=1e-3)
