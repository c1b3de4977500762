"""Samplers and the likelihood with the exact score of Gaussians: nothing is learned, so everything is known."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from generative.diffusion import DDIM, DDPM, Cosine, Linear, PredictorCorrector, ProbabilityFlow
from generative.diffusion.samplers import EARLIEST, coefficients, log_likelihood
from generative.diffusion.schedules import alpha_sigma, find_schedule, numbers
from generative.noise import Noise, generator

pytestmark = pytest.mark.interpreted

SCHEDULES = [Linear(), Cosine()]
MEAN, VARIANCE = torch.tensor([1.0, -0.5]).double(), torch.tensor([0.25, 2.0]).double()


class Gaussian:
    """eps = sigma (x - alpha m) / (alpha^2 v + sigma^2) for data N(m, v)."""

    def __init__(self, schedule, mean: Tensor = MEAN, variance: Tensor = VARIANCE) -> None:
        self.schedule, self.mean, self.variance = schedule, mean, variance

    def __call__(self, x: Tensor, t: float) -> Tensor:
        a, sigma, _ = numbers(self.schedule, t)
        return sigma * (x - a * self.mean) / (a**2 * self.variance + sigma**2)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_schedules_preserve_the_variance_and_agree_with_their_rates(schedule):
    t = torch.linspace(0.001, 1, 500).double().requires_grad_()
    alpha, sigma = alpha_sigma(schedule, t)
    torch.testing.assert_close(alpha**2 + sigma**2, torch.ones_like(t))
    slope = torch.autograd.grad(schedule.log_alpha(t).sum(), t)[0]
    torch.testing.assert_close(-2 * slope, schedule.beta(t.detach()), rtol=1e-8, atol=0)
    assert float(alpha[-1].detach()) < 0.011
    assert numbers(schedule, 0.0)[:2] == (1.0, 0.0)


def test_the_linear_schedule_is_the_one_of_ddpm():
    """beta_k from 1e-4 to 0.02 in 1000 steps: the product of 1 - beta_k, to the first order in the step."""
    betas = np.linspace(1e-4, 0.02, 1000)
    product = np.cumsum(np.log1p(-betas))
    ours = 2 * Linear().log_alpha(torch.arange(1, 1001) / 1000)
    assert np.max(np.abs(np.exp(product) - ours.exp().numpy())) < 3e-3


def moments(schedule, n_steps: int, eta: float) -> tuple[Tensor, Tensor]:
    """Mean and variance of the last x, for the exact score: every step is linear in x, so they obey a recursion."""
    m, v = torch.zeros(2).double(), torch.ones(2).double()
    for k in range(n_steps, 0, -1):
        t, u = k / n_steps, (k - 1) / n_steps
        c, (a, sigma, _) = coefficients(schedule, t, u, eta), numbers(schedule, t)
        slope = sigma / (a**2 * VARIANCE + sigma**2)
        gain = c.x + c.eps * slope
        m, v = gain * m - c.eps * slope * a * MEAN, gain**2 * v + c.noise**2
    return m, v


@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_the_samplers_converge_to_the_gaussian_with_the_first_power_of_the_step(schedule, eta):
    steps = np.array([100, 200, 400, 800])
    errors = [float((moments(schedule, n, eta)[1] - VARIANCE).abs().max()) for n in steps]
    order = -np.polyfit(np.log(steps), np.log(errors), 1)[0]
    assert 0.8 < order < 1.3
    assert errors[-1] < 0.02
    assert float((moments(schedule, 800, eta)[0] - MEAN).abs().max()) < 0.02


@pytest.mark.parametrize("sampler", [DDPM(60), DDIM(60), DDIM(60, eta=0.5)])
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_samples_have_the_moments_of_the_recursion(schedule, sampler):
    n = 20_000
    noise = Noise(3, n, dtype=torch.float64)
    x = sampler(Gaussian(schedule), schedule, noise.normal(2), noise)
    mean, variance = moments(schedule, sampler.n_steps, sampler.eta)
    assert torch.all((x.mean(0) - mean).abs() < 4 * (variance / n).sqrt())
    assert torch.all((x.var(0) - variance).abs() < 4 * variance * math.sqrt(2 / n))


@pytest.mark.parametrize("sampler", [DDPM(400), DDIM(400), PredictorCorrector(200, 2), ProbabilityFlow(20)])
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_every_sampler_reproduces_the_gaussian(schedule, sampler):
    n = 5000
    noise = Noise(4, n, dtype=torch.float64)
    x = sampler(Gaussian(schedule), schedule, noise.normal(2), noise)
    assert torch.all((x.mean(0) - MEAN).abs() < 4 * (VARIANCE / n).sqrt())
    assert torch.all((x.var(0) - VARIANCE).abs() < 4 * VARIANCE * math.sqrt(2 / n))


def test_a_wrong_score_is_found_out():
    """The same comparison fails for a score that is 10 % too large."""
    exact, n = Gaussian(Linear()), 5000
    noise = Noise(4, n, dtype=torch.float64)
    x = DDPM(400)(lambda x, t: 1.1 * exact(x, t), Linear(), noise.normal(2), noise)
    assert torch.any((x.var(0) - VARIANCE).abs() > 4 * VARIANCE * math.sqrt(2 / n))


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_corrections_leave_the_distribution_of_their_time_alone(schedule):
    t, n = 0.4, 20_000
    a, sigma, _ = numbers(schedule, t)
    variance = a**2 * VARIANCE + sigma**2
    noise = Noise(5, n, dtype=torch.float64)
    x = a * MEAN + variance.sqrt() * noise.normal(2)
    for _ in range(20):
        x = PredictorCorrector(snr=0.05).corrected(Gaussian(schedule), schedule, x, t, noise)
    assert torch.all((x.mean(0) - a * MEAN).abs() < 4 * (variance / n).sqrt())
    assert torch.all((x.var(0) / variance - 1).abs() < 4 * math.sqrt(2 / n) + 0.01)  # 0.01: the step of Langevin


def test_corrections_repair_a_predictor_with_few_steps():
    n = 20_000
    errors = []
    for corrections in (0, 3):
        noise = Noise(6, n, dtype=torch.float64)
        x = PredictorCorrector(40, corrections, 0.3)(Gaussian(Linear()), Linear(), noise.normal(2), noise)
        errors.append(float((x.var(0) / VARIANCE - 1).abs().max()))
    assert errors[1] < 0.75 * errors[0]


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_the_flow_keeps_the_quantiles_of_a_gaussian(schedule):
    """In one dimension the flow maps x_1 = z to m + sqrt(v) z, up to the end of the schedule."""
    z = torch.linspace(-3, 3, 13).double()[:, None]
    eps = Gaussian(schedule, MEAN[:1], VARIANCE[:1])
    x = ProbabilityFlow(40)(eps, schedule, z, Noise(0, 13))
    a, sigma, _ = numbers(schedule, 1.0)
    first, last = a**2 * VARIANCE[0] + sigma**2, VARIANCE[0] + EARLIEST * 0.1
    exact = MEAN[0] + (z - a * MEAN[0]) * (last / first).sqrt()
    assert float((x - exact).abs().max()) < 1e-3


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_the_likelihood_is_that_of_the_flow(schedule):
    """The flow is linear, x_0 = m + sqrt(v_0 / v_1) (x_1 - alpha_1 m), v_t = alpha^2 v + sigma^2."""
    x = MEAN + 2 * VARIANCE.sqrt() * torch.randn(50, 2, generator=generator(0), dtype=torch.float64)
    a, sigma, _ = numbers(schedule, 1.0)
    scale = (VARIANCE / (a**2 * VARIANCE + sigma**2)).sqrt()
    exact = torch.distributions.Normal(MEAN - scale * a * MEAN, scale).log_prob(x).sum(1)
    assert float((log_likelihood(Gaussian(schedule), schedule, x, 50) - exact).abs().max()) < 2e-4


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_the_likelihood_of_a_centred_gaussian_is_exact(schedule):
    """As a model sees it: without mean, and variances of mean 1; alpha^2 remains of the data at the last time."""
    variance = torch.tensor([0.25, 1.75]).double()
    normal = torch.distributions.Normal(torch.zeros(2).double(), variance.sqrt())
    x = variance.sqrt() * torch.randn(50, 2, generator=generator(0), dtype=torch.float64)
    found = log_likelihood(Gaussian(schedule, torch.zeros(2), variance), schedule, x, 50)
    assert float((found - normal.log_prob(x).sum(1)).abs().max()) < 1e-3


CENTRES, WIDTH = torch.tensor([[1.0, 1.0], [-1.0, 0.5], [0.0, -1.5]]).double(), 0.3


def mixture(schedule):
    """eps of equal Gaussians around CENTRES, and their log density at the time t."""

    def logs(x: Tensor, t: float) -> tuple[Tensor, Tensor, float, float]:
        a, sigma, _ = numbers(schedule, t)
        variance = a**2 * WIDTH**2 + sigma**2
        difference = x[:, None] - a * CENTRES
        return -0.5 * (difference**2).sum(2) / variance, difference, variance, sigma

    def eps(x: Tensor, t: float) -> Tensor:
        log_w, difference, variance, sigma = logs(x, t)
        return sigma * (torch.softmax(log_w, 1)[:, :, None] * difference).sum(1) / variance

    def log_p(x: Tensor) -> Tensor:
        log_w, _, variance, _ = logs(x, 0.0)
        return torch.logsumexp(log_w, 1) - math.log(3 * 2 * math.pi * variance)

    return eps, log_p


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_the_likelihood_of_a_mixture_with_the_exact_divergence_and_with_probes(schedule):
    eps, log_p = mixture(schedule)
    x = torch.randn(40, 2, generator=generator(1), dtype=torch.float64)
    found = log_likelihood(eps, schedule, x, 100)
    assert float((found - log_p(x)).abs().max()) < 5e-3
    n = 400
    probes = 2.0 * torch.randint(2, (n, 1, 2), generator=generator(2)).double() - 1
    estimates = log_likelihood(eps, schedule, x[:1].expand(n, 2), 100, probes)
    assert abs(float(estimates.mean() - found[0])) < 4 * float(estimates.std()) / math.sqrt(n)
    assert float(estimates.std()) > 1e-3


@pytest.mark.parametrize("sampler", [DDPM(200), DDIM(200), PredictorCorrector(200), ProbabilityFlow(50)])
def test_every_sampler_finds_the_parts_of_a_mixture(sampler):
    n = 3000
    noise = Noise(7, n, dtype=torch.float64)
    x = sampler(mixture(Linear())[0], Linear(), noise.normal(2), noise)
    distance = torch.cdist(x, CENTRES)
    counts = torch.bincount(distance.argmin(1), minlength=3)
    assert float(((counts - n / 3) ** 2 / (n / 3)).sum()) < 13.8  # chi-squared of 2, probability 1e-3
    square = distance.min(1).values.square()
    assert float(square.mean()) == pytest.approx(2 * WIDTH**2, rel=0.1)


def test_an_unknown_schedule_is_refused():
    with pytest.raises(ValueError, match="names linear, cosine"):
        find_schedule("square")
