"""Diffusion models of real numbers: a network that sees the noise in x_t = alpha x_0 + sigma noise.

    loss = E |noise - eps(x_t, t)|^2    or, with prediction="v",    E |v - v(x_t, t)|^2,  v = alpha noise - sigma x_0

Spins s become x = s + w g with normal numbers g, and x a spin again with p(s = 1 | x) = sigmoid(2 x / w^2). With
prediction="odds" the network f adds to what noise alone says of a spin, and the loss is that of a classifier:

    h = log p(s = 1 | x_t) / p(s = -1 | x_t) = a + f(tanh(a / 2), t),    a = 2 alpha x_t / V
    V = sigma^2 + alpha^2 w^2,    eps = sigma (x_t - alpha tanh(h / 2)) / V,    loss = -E log sigmoid(s h)

Sources: J. Ho et al., arXiv:2006.11239, eq. (14); v: T. Salimans, J. Ho, arXiv:2202.00512, appendix D; guidance: J. Ho,
T. Salimans, arXiv:2207.12598, eq. (6); the likelihood: Y. Song et al., arXiv:2011.13456, appendix D.2.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from generative.conditions import Condition
from generative.diffusion.guidance import check_guidance, dropped, guided
from generative.diffusion.samplers import DDPM, Epsilon, ProbabilityFlow, Sampler, log_likelihood
from generative.diffusion.schedules import Schedule, alpha_sigma, find_schedule, numbers
from generative.model import Likelihood, TorchModel, size
from generative.networks.denoiser import denoiser
from generative.noise import Noise
from generative.objectives import Batch, Objective
from neural.optimizers import Schedule as LearningRate

PREDICTIONS = ("epsilon", "v", "odds")
WIDTH = 0.3  # w, of the noise that makes numbers of spins: 4e-4 of them change their sign
HIGHEST = 16.0  # frequency of time that the network sees, for the steps of the flow have to follow it


class Scaled(nn.Module):
    """A network, with the mean and the standard deviation of the data it computes in."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, net: nn.Module, n_features: int) -> None:
        super().__init__()
        self.net = net
        self.register_buffer("mean", torch.zeros(n_features, dtype=torch.float32))
        self.register_buffer("deviation", torch.ones(n_features, dtype=torch.float32))

    def forward(self, x: Tensor, time: Tensor, condition: Tensor | None) -> Tensor:
        return self.net(x, time, condition)

    def learn(self, rows: Tensor, same: bool = False) -> None:
        """Take the mean of each feature, or the ``same`` for all, and one standard deviation for all."""
        mean = rows.mean().expand(rows.shape[1]) if same else rows.mean(dim=0)
        self.mean.copy_(mean)
        self.deviation.fill_(float((rows - mean).square().mean().sqrt().clamp(min=1e-6)))


class Diffusion(TorchModel):
    """A diffusion model: a dense network with ``hidden`` units, or a U-Net with ``channels``.

    shape : of one configuration
    values : "real" or "unit", or "spins" and "bits", which are taken as spins
    translation : a network that follows shifts of the periodic lattice: hidden units come in groups of one for each
        site, which share their weights
    prediction : what the network returns, "epsilon", "v" or "odds"; "odds" for spins, otherwise "epsilon", unless given
    schedule : "linear", "cosine", or one of ``generative.diffusion.schedules``
    sampler : how ``sample`` works: ``DDPM``, ``DDIM``, ``PredictorCorrector`` or ``ProbabilityFlow``; may be replaced
    guidance : w >= 0 of classifier-free guidance, eps = (1 + w) eps(x, t, c) - w eps(x, t, nothing); needs a condition
    n_steps : of the flow that ``log_prob`` integrates
    n_probes : random signs from which the divergence is estimated; None computes it exactly

    ``log_prob`` is that of the flow: exact, up to its steps, or stochastic and right on average with ``n_probes``. The
    samples of ``ProbabilityFlow(n_steps)`` follow it; those of the others in the limit of many steps and a true score.
    Of spins it is a lower bound on average, from one x: log p(s) >= E log p(x) + log p(s | x) - log q(x | s).
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        values: str = "real",
        *,
        hidden: Sequence[int] = (256, 256, 256),
        channels: Sequence[int] | None = None,
        padding: str = "circular",
        activation: str = "gelu",
        translation: bool = False,
        prediction: str | None = None,
        schedule: str | Schedule = "linear",
        sampler: Sampler | ProbabilityFlow | None = None,
        guidance: float = 0.0,
        n_steps: int = 50,
        n_probes: int | None = None,
        condition: Condition | None = None,
        seed: int = 0,
    ) -> None:
        discrete = values in ("spins", "bits")
        prediction = prediction or ("odds" if discrete else "epsilon")
        if prediction not in PREDICTIONS or (prediction == "odds" and not discrete):
            raise ValueError(f'expected prediction "epsilon", "v", or for spins "odds", got {prediction!r}')
        if n_steps < 1 or (n_probes is not None and n_probes < 1):
            raise ValueError(f"expected n_steps >= 1, and n_probes >= 1 or None, got {n_steps} and {n_probes}")
        n = size(shape)
        check_guidance(guidance, condition)
        n_condition = 0 if condition is None else condition.n_features
        options: Any = dict(
            padding=padding,
            activation=activation,
            translation=translation,
            n_condition=n_condition,
            highest=HIGHEST,
            seed=seed,
        )
        net = denoiser(shape, hidden, channels, coupled=prediction == "odds", **options)
        self.scaled = Scaled(net, n)
        if discrete:
            self.scaled.deviation.fill_(math.sqrt(1 + WIDTH**2))
        super().__init__(self.scaled, shape, values, condition, seed)
        self.prediction, self.schedule, self.guidance = prediction, find_schedule(schedule), guidance
        self.sampler = DDPM() if sampler is None else sampler
        self.n_steps, self.n_probes, self.translation = n_steps, n_probes, translation

    @property
    def discrete(self) -> bool:
        """Whether configurations are spins or bits."""
        return self.values in ("spins", "bits")

    @property
    def likelihood(self) -> Likelihood:
        if self.discrete:
            return "lower"
        return "exact" if self.n_probes is None else "stochastic"

    def _learn(self, rows: Tensor) -> None:
        if not self.discrete:
            self.scaled.learn(rows, self.translation)

    def objectives(self, learning_rate: float | LearningRate) -> list[Objective]:
        return [Objective("loss", self.loss, list(self.network.parameters()), learning_rate)]

    def loss(self, batch: Batch) -> Tensor:
        """The mean square error, or the surprise of a spin in nats, at random times, per feature."""
        made: Any = dict(generator=batch.generator, device=batch.x.device, dtype=batch.x.dtype)
        x = self.encoded(batch.x, torch.randn(batch.x.shape, **made) if self.discrete else None)
        t, noise = torch.rand(len(x), **made), torch.randn(x.shape, **made)
        condition = dropped(batch.condition, self.guidance, batch.generator)
        alpha, sigma = (each[:, None] for each in alpha_sigma(self.schedule, t))
        y = alpha * x + sigma * noise
        if self.prediction == "odds":
            return F.softplus(-self._spins(batch.x) * self._odds(y, t, alpha, sigma, condition)).mean()
        out = self.scaled(y, t, condition)
        return torch.mean(((noise if self.prediction == "epsilon" else alpha * noise - sigma * x) - out) ** 2)

    def _spins(self, x: Tensor) -> Tensor:
        return x if self.values == "spins" else 2 * x - 1

    def _variance(self, alpha: Any, sigma: Any) -> Any:
        """V of numbers that have been divided by their deviation."""
        return sigma**2 + (alpha * WIDTH) ** 2 / (1 + WIDTH**2)

    def _own(self, y: Tensor, alpha: Any, sigma: Any) -> Tensor:
        """The log odds of each spin from its own number."""
        return (2 / math.sqrt(1 + WIDTH**2)) * alpha / self._variance(alpha, sigma) * y

    def _odds(self, y: Tensor, t: Tensor, alpha: Any, sigma: Any, condition: Tensor | None) -> Tensor:
        """The log odds of each spin from all numbers."""
        own = self._own(y, alpha, sigma)
        return own + self.scaled(torch.tanh(own / 2), t, condition)

    def encoded(self, x: Tensor, g: Tensor | None) -> Tensor:
        """Rows as the network sees them: spins with noise g, zero mean, deviation 1."""
        if g is not None:
            x = self._spins(x) + WIDTH * g
        return (x - self.scaled.mean) / self.scaled.deviation

    def decoded(self, y: Tensor, noise: Noise) -> Tensor:
        """Rows of the kind of ``values``."""
        x = y * self.scaled.deviation + self.scaled.mean
        if self.discrete:
            up = (noise.uniform(self.n_features) < torch.sigmoid(2 / WIDTH**2 * x)).to(x)
            return up if self.values == "bits" else 2 * up - 1
        return x.clamp(0, 1) if self.values == "unit" else x

    def epsilon(self, condition: Tensor | None) -> Epsilon:
        """The noise that the network sees, with guidance."""

        def seen(x: Tensor, t: float, features: Tensor | None) -> Tensor:
            times, (alpha, sigma, _) = x.new_full((len(x),), t), numbers(self.schedule, t)
            if self.prediction != "odds":
                out = self.scaled(x, times, features)
                return out if self.prediction == "epsilon" else sigma * x + alpha * out
            odds = self._odds(x, times, alpha, sigma, features)
            spins = torch.tanh(odds / 2) / math.sqrt(1 + WIDTH**2)
            return sigma / self._variance(alpha, sigma) * (x - alpha * spins)

        return lambda x, t: guided(seen, x, t, condition, self.guidance)

    def _sample(self, noise: Noise, condition: Tensor | None) -> Tensor:
        start = noise.normal(self.n_features)
        return self.decoded(self.sampler(self.epsilon(condition), self.schedule, start, noise), noise)

    def _log_prob(self, x: Tensor, condition: Tensor | None, noise: Noise) -> Tensor:
        g = noise.normal(self.n_features) if self.discrete else None
        y, probes = self.encoded(x, g), None
        if self.n_probes is not None:
            probes = 2.0 * (noise.uniform(self.n_probes, self.n_features) < 0.5).to(y) - 1
        log_p = log_likelihood(self.epsilon(condition), self.schedule, y, self.n_steps, probes)
        log_p = log_p - self.scaled.deviation.double().log().sum()
        return log_p if g is None else log_p + self._odds_over_density(self._spins(x), g).sum(1)

    def _odds_over_density(self, s: Tensor, g: Tensor) -> Tensor:
        """log p(s | x) - log q(x | s) of every spin, at x = s + w g."""
        log_q = -0.5 * g**2 - math.log(WIDTH * math.sqrt(2 * math.pi))
        return (F.logsigmoid(2 / WIDTH**2 * s * (s + WIDTH * g)) - log_q).double()
