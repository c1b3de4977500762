"""Samplers and the likelihood with the exact score of Gaussians: nothing is learned, so everything is known."""

import itertools
import math

import numpy as np
import pytest
import torch
from torch import Tensor

from generative.diffusion import DDIM, DDPM, Cosine, Linear, PredictorCorrector, ProbabilityFlow, Sampler
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


def moments(schedule, sampler: Sampler) -> tuple[Tensor, Tensor]:
    """Mean and variance of the last x, for the exact score: every step is linear in x, so they obey a recursion."""
    m, v = torch.zeros(2).double(), torch.ones(2).double()
    for t, u in itertools.pairwise(sampler.times()):
        c, (a, sigma, _), (b, tau, _) = (
            coefficients(schedule, t, u, sampler.eta),
            *(numbers(schedule, x) for x in (t, u)),
        )
        slope = sigma / (a**2 * VARIANCE + sigma**2)
        gain = c.x + c.eps * slope
        m, v = gain * m - c.eps * slope * a * MEAN, gain**2 * v + c.noise**2
        e = 2 * (sampler.snr * tau) ** 2
        kept = 1 - e / (b**2 * VARIANCE + tau**2)
        for _ in range(sampler.corrections if u else 0):
            m, v = kept * m + (1 - kept) * b * MEAN, kept**2 * v + 2 * e
    return m, v


@pytest.mark.parametrize("eta", [0.5, 1.0])
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_the_samplers_converge_to_the_gaussian_with_the_first_power_of_the_step(schedule, eta):
    steps = np.array([100, 200, 400, 800])
    errors = [float((moments(schedule, DDIM(n, eta))[1] - VARIANCE).abs().max()) for n in steps]
    order = -np.polyfit(np.log(steps), np.log(errors), 1)[0]
    assert 0.8 < order < 1.3
    assert errors[-1] < 0.02
    assert float((moments(schedule, DDIM(800, eta))[0] - MEAN).abs().max()) < 0.02


DEVIATIONS = torch.tensor([0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.3]).double()


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_few_deterministic_steps_keep_the_variance(schedule):
    """The map of 50 steps is linear, so two points tell the variance of normal data of many deviations at once."""
    gauss, points = Gaussian(schedule, torch.zeros(7).double(), DEVIATIONS**2), torch.tensor([[0.0], [1.0]]).double()
    low, high = DDIM(50)(gauss, schedule, points.expand(2, 7), Noise(0, 2, dtype=torch.float64))
    errors = (((high - low) / DEVIATIONS) ** 2 - 1).abs()
    assert float(errors[0]) < 0.02
    assert float(errors[2:].max()) < 0.01


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_thousand_random_steps_keep_the_variance(schedule):
    """DDPM loses variance with the first power of the step, alike for wide and for narrow distributions."""
    low, variance = torch.tensor(0.0).double(), torch.tensor(1.0).double()
    for deviation in DEVIATIONS:
        v = variance
        for t, u in itertools.pairwise(DDPM(1000).times()):
            c, (a, sigma, _) = coefficients(schedule, t, u, 1.0), numbers(schedule, t)
            v = (c.x + c.eps * sigma / (a**2 * deviation**2 + sigma**2)) ** 2 * v + c.noise**2
        assert -0.016 < float(v / deviation**2 - 1) < low


def distances(x: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
    """Of the moments of normal samples from what is expected, in standard errors."""
    n = len(x)
    return torch.cat([(x.mean(0) - mean) / (variance / n).sqrt(), (x.var(0) / variance - 1) / math.sqrt(2 / n)]).abs()


@pytest.mark.parametrize("sampler", [DDPM(60), DDIM(60, eta=0.5), PredictorCorrector(30, 2, 0.3)])
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_samples_have_the_moments_of_the_recursion(schedule, sampler):
    noise = Noise(3, 20_000, dtype=torch.float64)
    x = sampler(Gaussian(schedule), schedule, noise.normal(2), noise)
    assert torch.all(distances(x, *moments(schedule, sampler)) < 4)


def test_a_wrong_score_is_found_out():
    """The same comparison fails for a score that is 10 % too large."""
    exact, noise = Gaussian(Linear()), Noise(3, 20_000, dtype=torch.float64)
    x = DDPM(60)(lambda x, t: 1.1 * exact(x, t), Linear(), noise.normal(2), noise)
    assert torch.any(distances(x, *moments(Linear(), DDPM(60))) > 4)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_the_flow_reproduces_the_gaussian(schedule):
    noise = Noise(4, 20_000, dtype=torch.float64)
    x = ProbabilityFlow(20)(Gaussian(schedule), schedule, noise.normal(2), noise)
    assert torch.all(distances(x, MEAN, VARIANCE) < 4)


@pytest.mark.parametrize("snr", [0.05, 0.3])
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_corrections_leave_their_stationary_distribution_alone(schedule, snr):
    """That of their time with the variance v / (1 - e / 2v), which is v for short steps e."""
    t = 0.4
    a, sigma, _ = numbers(schedule, t)
    variance = a**2 * VARIANCE + sigma**2
    stationary = variance / (1 - (snr * sigma) ** 2 / variance)
    noise = Noise(5, 20_000, dtype=torch.float64)
    x = a * MEAN + stationary.sqrt() * noise.normal(2)
    for _ in range(20):
        x = PredictorCorrector(snr=snr).corrected(Gaussian(schedule), schedule, x, t, noise)
    assert torch.all(distances(x, a * MEAN, stationary) < 4)


@pytest.mark.parametrize("n_steps", [12, 40])
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_corrections_repair_what_they_can(schedule, n_steps):
    """Steps of DDPM make the variance too small; corrections raise it, but none follows the last step."""
    found = [moments(schedule, PredictorCorrector(n_steps, c, 0.3))[1] / VARIANCE for c in (0, 1, 3, 10)]
    assert all(torch.all(more > fewer) for fewer, more in itertools.pairwise(found))
    assert torch.all(found[-1] < 1)


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
ON_A_LINE = torch.tensor([[-1.5], [0.3], [1.2]]).double()


def mixture(schedule, centres: Tensor = CENTRES, width: float = WIDTH):
    """eps of equal Gaussians around the centres, and their log density."""

    def logs(x: Tensor, t: float) -> tuple[Tensor, Tensor, float, float]:
        a, sigma, _ = numbers(schedule, t)
        variance = a**2 * width**2 + sigma**2
        difference = x[:, None] - a * centres
        return -0.5 * (difference**2).sum(2) / variance, difference, variance, sigma

    def eps(x: Tensor, t: float) -> Tensor:
        log_w, difference, variance, sigma = logs(x, t)
        return sigma * (torch.softmax(log_w, 1)[:, :, None] * difference).sum(1) / variance

    def log_p(x: Tensor) -> Tensor:
        log_w, _, variance, _ = logs(x, 0.0)
        return torch.logsumexp(log_w, 1) - math.log(len(centres)) - 0.5 * x.shape[1] * math.log(2 * math.pi * variance)

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


def on_a_grid(sampler: Sampler, schedule, x: Tensor) -> tuple[Tensor, Tensor]:
    """Where equally spaced x (n, 1) end, and with what weights: each step but the last is normal, so it is a matrix."""
    eps, h = mixture(schedule, ON_A_LINE)[0], float(x[1] - x[0])
    p = torch.exp(-0.5 * x[:, 0] ** 2) * h / math.sqrt(2 * math.pi)
    for t, u in itertools.pairwise(sampler.times()[:-1]):
        c, sigma = coefficients(schedule, t, u, sampler.eta), numbers(schedule, u)[1]
        p = normal(x, c.x * x + c.eps * eps(x, t), c.noise) @ p * h
        for _ in range(sampler.corrections):
            p = normal(x, x - 2 * sampler.snr**2 * sigma * eps(x, u), 2 * sampler.snr * sigma) @ p * h
    last = sampler.times()[-2]
    c = coefficients(schedule, last, 0.0, sampler.eta)
    return c.x * x + c.eps * eps(x, last), p


def normal(x: Tensor, mean: Tensor, deviation: float) -> Tensor:
    """The density of all x (rows) for all means (columns)."""
    return torch.exp(-0.5 * ((x - mean.T) / deviation) ** 2) / (deviation * math.sqrt(2 * math.pi))


def quantities(x: Tensor) -> Tensor:
    """Averages that tell mixtures apart: x, x^2, the square of the distance from a centre, and the nearest centre."""
    squares = (x - ON_A_LINE.T) ** 2
    nearest = torch.nn.functional.one_hot(squares.argmin(1), len(ON_A_LINE))
    return torch.cat([x, x**2, squares.min(1, keepdim=True).values, nearest], dim=1)


@pytest.mark.parametrize("sampler", [DDPM(12), DDIM(8, eta=0.5), PredictorCorrector(6)])
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_samples_of_a_mixture_have_the_averages_of_its_density_on_a_grid(schedule, sampler):
    n = 10_000
    noise = Noise(7, n, dtype=torch.float64)
    found = quantities(sampler(mixture(schedule, ON_A_LINE)[0], schedule, noise.normal(1), noise))
    ends, p = on_a_grid(sampler, schedule, torch.linspace(-6, 6, 1601, dtype=torch.float64)[:, None])
    assert float(p.sum()) == pytest.approx(1, abs=1e-6)
    assert torch.all((found.mean(0) - p @ quantities(ends)).abs() < 4 * found.std(0) / math.sqrt(n))


@pytest.mark.parametrize(("make", "steps", "order"), [(DDIM, [100, 200, 400], 2), (ProbabilityFlow, [20, 40, 80], 4)])
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_the_quantiles_of_a_mixture_are_approached_at_least_with_the_order_of_the_method(schedule, make, steps, order):
    """In one dimension points keep their order, and so their quantiles. The first step of DDIM knows one eps only."""
    z = torch.linspace(-2, 2, 41).double()[:, None]
    eps, errors = mixture(schedule, ON_A_LINE)[0], []
    ends = [make(n)(eps, schedule, z, Noise(0, len(z), dtype=torch.float64)) for n in (*steps, 2 * steps[-1])]
    below = [torch.special.ndtr((x - ON_A_LINE.T) / WIDTH).mean(1) for x in ends]
    errors = [float((fewer - more).abs().mean()) for fewer, more in itertools.pairwise(below)]
    assert -np.polyfit(np.log(steps), np.log(errors), 1)[0] > 0.85 * order
    assert float((below[-1] - torch.special.ndtr(z[:, 0])).abs().max()) < 0.02


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_few_deterministic_steps_keep_the_variance_of_a_mixture(schedule):
    """In one dimension points keep their order, so that quadrature over the first x gives the variance of the last."""
    z, h = torch.linspace(-6, 6, 4001, dtype=torch.float64)[:, None], 12 / 4000
    p = torch.exp(-0.5 * z[:, 0] ** 2) * h / math.sqrt(2 * math.pi)
    centres = (ON_A_LINE - ON_A_LINE.mean()) / math.sqrt(float(ON_A_LINE.var(correction=0)) + WIDTH**2)
    narrow = WIDTH / math.sqrt(float(ON_A_LINE.var(correction=0)) + WIDTH**2)
    x = DDIM(50)(mixture(schedule, centres, narrow)[0], schedule, z, Noise(0, len(z), dtype=torch.float64))[:, 0]
    assert float(p @ x**2 - (p @ x) ** 2) == pytest.approx(1.0, abs=0.01)
    y, density = z / 2, mixture(schedule, centres, narrow)[1]
    exact = (density(y).exp() * (y - centres.T).square().min(1).values).sum() * h / 2
    found = p @ (x[:, None] - centres.T).square().min(1).values
    assert float(found) == pytest.approx(float(exact), rel=0.01)


@pytest.mark.parametrize(
    "make",
    [
        lambda: DDIM(0),
        lambda: DDPM(-3),
        lambda: DDIM(2.5),  # type: ignore[arg-type]
        lambda: DDIM(10, eta=-1.0),
        lambda: DDIM(10, eta=math.nan),
        lambda: ProbabilityFlow(0),
        lambda: PredictorCorrector(10, -1),
        lambda: PredictorCorrector(10, snr=0.0),
        lambda: Linear(-1.0, 20.0),
        lambda: Cosine(0.0, 2.0),
    ],
)
def test_impossible_samplers_and_schedules_are_refused(make):
    with pytest.raises(ValueError, match=r"expected .* got "):
        make()


def test_an_unknown_schedule_is_refused():
    with pytest.raises(ValueError, match="names linear, cosine"):
        find_schedule("square")
