"""Variational autoencoders: the KL, a linear decoder whose likelihood is known, the bound, resume, samples by seed."""

import itertools
import math
import warnings
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import chisquare
from torch import nn

from generative import datasets
from generative.conditions import Classes
from generative.decoders import decoded
from generative.noise import Noise, generator
from generative.objectives import Batch
from generative.vae import VAE, Autoencoder, CollapseWarning, gaussian_kl
from neural.optimizers import CosineDecay

pytestmark = pytest.mark.interpreted

N_FEATURES, N_LATENT, SIGMA = 5, 2, 0.6


def test_kl_against_torch_and_against_monte_carlo():
    mean, log_variance = torch.tensor([0.3, -1.2, 0.0]).double(), torch.tensor([0.5, -2.0, 0.0]).double()
    q = torch.distributions.Normal(mean, torch.exp(0.5 * log_variance))
    prior = torch.distributions.Normal(torch.zeros(3).double(), 1.0)
    kl = gaussian_kl(mean, log_variance)
    torch.testing.assert_close(kl, torch.distributions.kl_divergence(q, prior), rtol=1e-12, atol=1e-12)
    z = mean + q.stddev * torch.randn(20_000, 3, generator=generator(1), dtype=torch.float64)
    ratio = q.log_prob(z) - prior.log_prob(z)
    error = ratio.std(dim=0) / len(z) ** 0.5
    assert torch.all((ratio.mean(dim=0) - kl).abs() <= 4 * error)


@pytest.mark.parametrize("values", ["bits", "spins"])
def test_probabilities_of_all_configurations_sum_to_one(values):
    h = torch.linspace(-2, 3, 4).double()
    states = torch.tensor(list(itertools.product([0.0, 1.0], repeat=4))).double()
    x = states if values == "bits" else 2 * states - 1
    p = decoded(values, 4).log_prob(x, h).exp()
    assert float(p.sum()) == pytest.approx(1.0, abs=1e-12)
    torch.testing.assert_close((p[:, None] * x).sum(0), decoded(values, 4).mean(h))


@pytest.mark.parametrize("values", ["bits", "spins", "real"])
def test_the_misfit_is_minus_the_sum_of_log_probabilities(values):
    h = torch.randn(6, 4, generator=generator(0)).double()
    x = (torch.randn(6, 4, generator=generator(1)) > 0).double()
    decoder = decoded(values, 4).double()
    torch.testing.assert_close(decoder.misfit(2 * x - 1, h), -decoder.log_prob(2 * x - 1, h).sum())


def test_a_real_decoder_is_a_normal_distribution():
    real = decoded("real", 3).double()
    nn.init.constant_(real.log_sigma, -0.7)  # pyright: ignore[reportArgumentType]
    x, h = torch.randn(2, 3, generator=generator(0)).double(), torch.ones(3).double()
    expected = torch.distributions.Normal(h, np.exp(-0.7)).log_prob(x).sum(1)
    torch.testing.assert_close(real.log_prob(x, h), expected)


@pytest.mark.parametrize("values", ["bits", "spins", "real"])
def test_draws_have_the_mean_of_the_decoder(values):
    h = torch.tensor([[-1.0, 0.0, 2.0]]).expand(20_000, 3)
    x = decoded(values, 3).draw(h, Noise(1, 20_000)).detach().numpy()
    z = (x.mean(axis=0) - decoded(values, 3).mean(h[0]).detach().numpy()) / (x.std(axis=0) / np.sqrt(20_000))
    assert np.all(np.abs(z) < 4)


def linear_model(exact_posterior: bool, n_importance: int) -> tuple[VAE, torch.distributions.Distribution]:
    """x = W z + b + sigma noise, W with orthogonal columns, so that the exact posterior is diagonal too.

    p(x) = N(b, W W^T + sigma^2),  p(z | x) = N(C W^T (x - b) / sigma^2, C),  C = (1 + W^T W / sigma^2)^-1
    """
    model = VAE((N_FEATURES,), "real", n_latent=N_LATENT, hidden=(), n_importance=n_importance)
    model.network.double()
    basis = torch.linalg.qr(torch.randn(N_FEATURES, N_LATENT, generator=generator(3), dtype=torch.float64)).Q
    W, b = basis * torch.tensor([1.5, 0.7]).double(), torch.linspace(-1, 1, N_FEATURES).double()
    C = 1 / (1 + (W**2).sum(0) / SIGMA**2)
    encode = C[:, None] * W.T / SIGMA**2
    parameters: Any = model.network
    with torch.no_grad():
        parameters.decoder.layers[0].weight.copy_(W)
        parameters.decoder.layers[0].bias.copy_(b)
        parameters.decoded.log_sigma.fill_(float(np.log(SIGMA)))
        log_variance = C.log() if exact_posterior else C.log() + 0.5
        parameters.encoder.layers[0].weight.copy_(torch.cat([encode, torch.zeros_like(encode)]))
        parameters.encoder.layers[0].bias.copy_(torch.cat([-encode @ b, log_variance]))
    covariance = W @ W.T + SIGMA**2 * torch.eye(N_FEATURES).double()
    return model, torch.distributions.MultivariateNormal(b, covariance)


ROWS = 2 * torch.randn(300, N_FEATURES, generator=generator(2), dtype=torch.float64)


@pytest.mark.parametrize("k", [1, 7])
def test_with_the_exact_posterior_the_bound_is_the_likelihood_for_any_number_of_samples(k):
    model, exact = linear_model(True, k)
    np.testing.assert_allclose(model.log_prob(ROWS.numpy()), exact.log_prob(ROWS), rtol=0, atol=1e-10)


def test_the_bound_rises_to_the_exact_likelihood():
    truth, gaps = linear_model(False, 1)[1].log_prob(ROWS).numpy(), []
    for k in (1, 8, 1000):
        gap = truth - linear_model(False, k)[0].log_prob(ROWS.numpy(), seed=k)
        gaps.append((gap.mean(), gap.std() / np.sqrt(len(gap))))
    assert gaps[0][0] > gaps[1][0] > abs(gaps[2][0])
    assert abs(gaps[0][0] - gaussian_gap()) < 4 * gaps[0][1]
    assert abs(gaps[2][0]) < 4 * gaps[2][1] < 0.01


def gaussian_gap() -> float:
    """KL(q | p(z | x)) for equal means and a log variance that is 1/2 too large, for each of the latent numbers."""
    return N_LATENT * 0.5 * (np.exp(0.5) - 0.5 - 1)


def test_the_loss_is_the_negative_bound_of_one_sample_on_average():
    model, _ = linear_model(False, 1)
    batch = Batch(ROWS.repeat(100, 1), None, generator(5), 1, 0.0)
    loss, numbers = model.loss(batch)
    bound = np.concatenate([model.log_prob(ROWS.numpy(), seed=seed) for seed in range(100)])
    error = bound.std() / np.sqrt(len(bound))
    assert abs(float(loss.detach()) + bound.mean()) < 4 * np.sqrt(2) * error
    assert float(numbers["elbo"].detach()) == pytest.approx(-float(loss.detach()))


@pytest.mark.parametrize("values", ["bits", "spins", "real"])
@pytest.mark.parametrize("channels", [None, (4,)])
def test_gradients_against_finite_differences(values, channels):
    condition = Classes(2)
    model = VAE((2, 4), values, n_latent=2, hidden=(6,), channels=channels, activation="tanh", condition=condition)
    model.network.double()
    x = torch.randint(2, (3, 8), generator=generator(0)).double()
    x = 2 * x - 1 if values == "spins" else x
    c = torch.eye(2).double()[[0, 1, 0]]

    def loss() -> torch.Tensor:
        return model.loss(Batch(x, c, generator(1), 1, 0.0))[0]

    parameters = list(model.network.parameters())
    gradients = torch.autograd.grad(loss(), parameters)
    for p, gradient in zip(parameters, gradients, strict=True):
        direction = torch.randn(p.shape, generator=generator(2), dtype=torch.float64)
        values_at = []
        for h in (1e-5, -1e-5):
            with torch.no_grad():
                p += h * direction
                values_at.append(float(loss().detach()))
                p -= h * direction
        slope = (values_at[0] - values_at[1]) / 2e-5
        assert float((gradient * direction).sum()) == pytest.approx(slope, rel=1e-5, abs=1e-8)


def bits(n: int = 256, n_features: int = 16) -> np.ndarray:
    rng = np.random.default_rng(0)
    hidden = rng.integers(0, 2, (n, 2))
    return np.repeat(hidden, n_features // 2, axis=1) ^ (rng.random((n, n_features)) < 0.05)


def test_warm_up_scales_the_prior():
    model = VAE((16,), beta=2.0, warm_up=0.5, n_latent=3)
    x = model.tensor(bits())
    for progress, beta in ((0.0, 0.0), (0.25, 1.0), (0.5, 2.0), (0.9, 2.0)):
        loss, numbers = model.loss(Batch(x, None, generator(0), 1, progress))
        assert float((loss + numbers["elbo"]).detach()) == pytest.approx(
            float((beta - 1) * numbers["kl"].detach()), abs=1e-4
        )


def test_it_learns_two_hidden_bits_and_resumes_to_the_bit():
    def fit(model: VAE) -> Any:
        return model.fit(bits(), n_epochs=40, batch_size=64, learning_rate=1e-2, ema=0.9, seed=7)

    whole, stopped, resumed = (VAE((16,), n_latent=4, hidden=(32,), seed=seed) for seed in (0, 0, 1))
    records = list(fit(whole))
    assert -records[-1].losses["elbo"] < 6.0 < 10.0 < -records[0].losses["elbo"]  # entropy: 2 ln 2 + 16 * 0.199 = 4.56
    assert np.sum(whole.activity(bits()) > 0.01) >= 2
    first = fit(stopped)
    next(first)
    second = fit(resumed)
    second.restore(first.state())
    list(second)
    np.testing.assert_array_equal(whole.sample(10, 1), resumed.sample(10, 1))
    np.testing.assert_array_equal(whole.log_prob(bits()[:9]), resumed.log_prob(bits()[:9]))


@pytest.mark.parametrize("values", ["bits", "spins", "unit", "real"])
def test_samples_are_of_the_right_kind_and_do_not_depend_on_how_many_are_drawn(values):
    model = VAE((4, 4), values, channels=(4,), condition=Classes(2), n_latent=3)
    many = model.sample(20, seed=3, condition=1, batch_size=7)
    assert model.tensor(many).shape == (20, 16)
    np.testing.assert_allclose(model.sample(5, seed=3, condition=1), many[:5], atol=1e-5)
    assert not np.array_equal(model.sample(20, seed=4, condition=1), many)


def test_collapse_raises_the_alarm():
    x = np.random.default_rng(0).integers(0, 2, (256, 4))  # independent bits: nothing to put into z
    model = VAE((4,), n_latent=2, hidden=(8,), beta=5.0)
    with pytest.warns(CollapseWarning, match="none of 2 latent units is active"):
        list(model.fit(x, n_epochs=100, batch_size=64, learning_rate=1e-2))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        list(VAE((16,), n_latent=2, hidden=(8,)).fit(bits(), n_epochs=30, batch_size=64, learning_rate=1e-2))


def test_an_autoencoder_restores_what_was_corrupted():
    model = Autoencoder((16,), n_latent=2, hidden=(32,), corruption=0.1, seed=2)
    list(model.fit(bits(), n_epochs=60, batch_size=64, learning_rate=1e-2))
    clean = np.repeat(np.random.default_rng(5).integers(0, 2, (64, 2)), 8, axis=1)
    noisy = clean ^ (np.random.default_rng(6).random(clean.shape) < 0.1)
    assert np.mean((model.reconstruct(noisy) > 0.5) != clean) < 0.01 < np.mean(noisy != clean)
    with pytest.raises(ValueError, match="no distribution to sample from"):
        model.sample(2, seed=0)
    with pytest.raises(ValueError, match="Autoencoder has none"):
        model.log_prob(bits())


@pytest.mark.parametrize("values", ["bits", "spins", "real"])
def test_corruption_has_its_size(values):
    model = Autoencoder((4,), values, corruption=0.2)
    x = torch.ones(10_000, 4)
    changed = model.corrupted(x, generator(0)) - x
    if values == "real":
        assert float(changed.std()) == pytest.approx(0.2, rel=0.03)
    else:
        rate = float((changed != 0).float().mean())
        assert abs(rate - 0.2) < 4 * (0.16 / 40_000) ** 0.5
        assert set(changed.unique().tolist()) <= {0.0, -1.0 if values == "bits" else -2.0}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(values="colours"), "expected values"),
        (dict(beta=-1.0), "beta >= 0"),
        (dict(shape=(5, 4), channels=(4,)), "divisible by 2 for 1 levels"),
    ],
)
def test_arguments_are_checked(options, message):
    with pytest.raises(ValueError, match=message):
        VAE(**{"shape": (4, 4), **options})


def test_corruption_is_checked():
    with pytest.raises(ValueError, match="below 1/2 for bits and spins"):
        Autoencoder((4,), corruption=0.5)


@pytest.mark.parametrize("values", ["spins", "bits"])
def test_a_model_with_flip_is_symmetric(values):
    """Two separate halves: only the symmetric model finds them, and its probabilities sum to at most one."""
    rng = np.random.default_rng(0)
    s = np.where(rng.random((2000, 7)) < 0.95, 1.0, -1.0) * rng.choice([-1.0, 1.0], (2000, 1))
    s[:, 4:] *= rng.choice([-1.0, 1.0], (2000, 1))
    rows = s if values == "spins" else (s + 1) / 2
    model = VAE((7,), values, n_latent=2, hidden=(16,), flip=True, n_importance=256, seed=1)
    for _ in model.fit(rows, n_steps=400, batch_size=128, learning_rate=1e-2):
        pass
    found = model.sample(4000, 1)
    spins = found if values == "spins" else 2 * found - 1
    assert abs(spins.mean()) < 4 / math.sqrt(4000)
    np.testing.assert_allclose(spins.T @ spins / 4000, s.T @ s / 2000, atol=0.15)
    states = np.array(list(itertools.product([-1.0, 1.0] if values == "spins" else [0.0, 1.0], repeat=7)))
    p = np.exp(model.log_prob(states))
    np.testing.assert_allclose(p, p[::-1], atol=0.03)  # without flip 0.3: up to the noise of the bound
    assert 0.9 < p.sum() < 1.02
    up = model.turned_up(model.tensor(rows)).numpy()
    assert np.all((up if values == "spins" else 2 * up - 1).sum(axis=1) >= 0)
    turned = model.tensor(rows), model.turned(model.tensor(rows))
    np.testing.assert_array_equal(model.turned_up(turned[0]).numpy(), model.turned_up(turned[1]).numpy())


def test_flip_is_for_spins_and_bits():
    with pytest.raises(ValueError, match="for flip=True or couplings=True, got 'real'"):
        VAE((2,), "real", flip=True)
    with pytest.raises(ValueError, match="expected flip=False"):
        Autoencoder((2,), "spins", flip=True)


@pytest.mark.parametrize("values", ["spins", "bits"])
@pytest.mark.parametrize("flip", [False, True])
def test_a_decoder_with_couplings_is_a_distribution_that_samples_follow(values, flip):
    """Blind to z and with the prior for its posterior, the bound is exact: all configurations sum to one."""
    model = VAE((4,), values, n_latent=2, hidden=(), couplings=True, flip=flip, condition=Classes(2), n_importance=3)
    noise = generator(4)
    with torch.no_grad():
        for p in model.network.parameters():
            p.copy_(0.7 * torch.randn(p.shape, generator=noise))
        network: Any = model.network
        network.decoder.layers[0].weight[:, :2] = 0
        for p in network.encoder.parameters():
            p.zero_()
    states = np.array(list(itertools.product([-1.0, 1.0] if values == "spins" else [0.0, 1.0], repeat=4)))
    differing = []
    for label in (0, 1):
        probabilities = np.exp(model.log_prob(states, condition=label))
        assert probabilities.sum() == pytest.approx(1.0, abs=1e-6)
        drawn = model.sample(20_000, seed=1, condition=label)
        counts = np.all(drawn[:, None] == states, axis=2).sum(axis=0)
        assert counts.sum() == len(drawn)
        assert chisquare(counts, 20_000 * probabilities / probabilities.sum()).pvalue > 1e-4
        differing.append(probabilities)
    assert np.abs(differing[0] - differing[1]).max() > 0.02


def test_couplings_carry_what_independent_spins_cannot():
    """Neighbours in a row are equal with probability 0.9, and the code is one number."""
    rng = np.random.default_rng(2)
    bonds = np.where(rng.random((4000, 7)) < 0.9, 1.0, -1.0)
    rows = np.cumprod(np.concatenate([rng.choice([-1.0, 1.0], (4000, 1)), bonds], axis=1), axis=1)
    found = {}
    for couplings in (False, True):
        model = VAE((8,), "spins", n_latent=1, hidden=(16,), couplings=couplings, seed=1)
        for _ in model.fit(rows, n_steps=800, batch_size=128, learning_rate=CosineDecay(3e-2, 800)):
            pass
        s = model.sample(20_000, 1)
        found[couplings] = np.mean(s[:, :-1] * s[:, 1:])
    assert found[False] < 0.7
    assert abs(found[True] - 0.8) < 0.03  # the data themselves are 0.0045 off


def test_couplings_of_a_mean_are_those_of_mean_field_theory():
    model = VAE((3,), "spins", n_latent=1, hidden=(), couplings=True)
    network: Any = model.network
    with torch.no_grad():
        network.couplings.matrices.fill_(0.5)
        network.decoder.layers[0].weight.zero_()
        network.decoder.layers[0].bias.fill_(1.0)
    first = math.tanh(0.5)
    second = math.tanh(0.5 + 0.25 * first)
    expected = [[first, second, math.tanh(0.5 + 0.25 * (first + second))]]
    np.testing.assert_allclose(model.decode([[0.3]]), expected, rtol=1e-6)


def test_couplings_are_for_spins_and_bits():
    with pytest.raises(ValueError, match="couplings=True, got 'real'"):
        VAE((2,), "real", couplings=True)
    with pytest.raises(ValueError, match="couplings=False"):
        Autoencoder((2,), "spins", couplings=True)


def test_patience_does_not_end_a_training_whose_prior_is_still_warming_up():
    """Validated with the growing weight, it ended at step 140 of 400 with -5.35 nats; there are -4.64 without."""
    data = datasets.ising((4, 4), 2.269185, 3000, seed=0, values="spins")
    found = []
    for options in ({}, {"patience": 5}):
        model = VAE((4, 4), "spins", n_latent=4, hidden=(64,), warm_up=0.5, seed=1)
        arguments: Any = {"n_steps": 400, "learning_rate": 3e-3, "record_every": 10, **options}
        *_, last = model.fit(data, **arguments)
        found.append((last.step, float(model.log_prob(data.test, seed=1).mean())))
    assert found[1][0] > 250
    assert found[1][1] == pytest.approx(found[0][1], abs=0.1)


def test_real_numbers_may_have_any_unit():
    """log p(x) = log p(y) - log(100) for every feature of x = 300 + 100 y; samples have the unit of x."""
    rng = np.random.default_rng(0)
    y = rng.normal(size=(1000, 1)) + 0.3 * rng.normal(size=(1000, 4))
    y = ((y - y.mean(0)) / y.std(0)).astype(np.float32)
    found = []
    for unit, mean in ((1.0, 0.0), (100.0, 300.0)):
        model, x = VAE((4,), "real", n_latent=2, hidden=(32,), n_importance=16, seed=1), mean + unit * y
        list(model.fit(x, n_steps=300, learning_rate=3e-3))
        samples, restored = (np.asarray(each) for each in (model.sample(2000, 1), model.reconstruct(x)))
        found.append(float(model.log_prob(x[:200]).mean()) + 4 * np.log(unit))
        assert np.corrcoef(restored.ravel(), x.ravel())[0, 1] > 0.8
        np.testing.assert_allclose(samples.mean(0), mean, atol=0.15 * unit)
        np.testing.assert_allclose(samples.std(0), unit, rtol=0.15)
        assert model.activity(x).max() > 0.5
    assert found[0] == pytest.approx(found[1], abs=0.02)
    assert found[0] > -4.5  # independent features have -4 (1 + log 2 pi) / 2 = -5.68
