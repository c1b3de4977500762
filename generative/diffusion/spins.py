"""Diffusion of spins: each flips at random until nothing is left, and a network that guesses them takes them back.

    q(s_t | s_0) = prod_i (1 + m(t) s_t,i s_0,i) / 2,    m(t) = 1 - t,    t from 0 to 1

For u < t the spins s_u are independent given s_0 and s_t, with means c s_t + d s_0, and in the model c s_t + d <s_0>
with <s_0> = E[s_0 | s_t]: again a step is two numbers,

    c +- d = (r +- m(u)) / (1 +- m(t)),    r = m(t) / m(u)

    log p(s_0) >= -E sum_u KL(q(s_u | s_t, s_0) | p(s_u | s_t)),      over the steps t -> u of a grid

The model of independent spins in a step is exact for short steps: with the exact <s_0>, averages are wrong by 1/n_steps
and the bound is low by 1/n_steps; the divergence of the distribution falls with the square. For 3 x 3 Ising spins at
the critical temperature and 16 steps these are 3 % of the energy, 0.117 and 0.0048 nats.

Sources: J. Sohl-Dickstein et al., arXiv:1503.03585, section 2.4 and table App.1; J. Austin et al., arXiv:2107.03006,
eqs. (1) to (4), for uniform transitions.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from generative.conditions import Condition
from generative.diffusion.guidance import check_guidance, dropped, guided
from generative.model import TorchModel, size
from generative.networks.denoiser import denoiser
from generative.noise import Noise
from generative.objectives import Batch, Objective
from neural.optimizers import Schedule

LogOdds = Callable[[Tensor, Tensor], Tensor]
"""log p(s_0 = +1 | s_t) / p(s_0 = -1 | s_t) of every spin, for rows s_t (n, n_sites) and times t (n,)."""


class Back(NamedTuple):
    """The mean of s_u is ``here`` * s_t + ``there`` * s_0. Numbers, or one for each row."""

    here: Tensor
    there: Tensor


def back(t: Tensor, u: Tensor) -> Back:
    """From t to u < t, shapes (...); at u = 0 exactly (0, 1)."""
    m, w = 1 - t, 1 - u
    r = m / w
    plus, minus = (r + w) / (1 + m), (r - w) / (1 - m)
    return Back((plus + minus) / 2, (plus - minus) / 2)


def _if(step: Back, s: Tensor) -> tuple[Tensor, Tensor]:
    """p(s_u = +1 | s_t, s_0) for s_0 up, and for s_0 down; without the rounding below 0."""
    here = 1 + step.here * s
    return ((here + step.there) / 2).clamp(min=0), ((here - step.there) / 2).clamp(min=0)


def probability_up(step: Back, s: Tensor, log_odds: Tensor) -> Tensor:
    """p(s_u = +1 | s_t), accurate also where it is small."""
    if_up, if_down = _if(step, s)
    return if_up * torch.sigmoid(log_odds) + if_down * torch.sigmoid(-log_odds)


def log_probability_up(step: Back, s: Tensor, up: Tensor, down: Tensor) -> Tensor:
    """log p(s_u = +1 | s_t) from log p(s_0 = +1) and log p(s_0 = -1): finite however small it is, and its gradient."""
    if_up, if_down = _if(step, s)
    return torch.logaddexp(if_up.log() + up, if_down.log() + down)


def divergence(step: Back, s: Tensor, s_0: Tensor, log_odds: Tensor) -> Tensor:
    """KL(q(s_u | s_t, s_0) | p(s_u | s_t)) in nats, summed over the spins of a row: (n,)."""
    q = ((1 + step.here * s + step.there * s_0) / 2).clamp(0, 1)
    logs = F.logsigmoid(log_odds), F.logsigmoid(-log_odds)
    up, down = log_probability_up(step, s, *logs), log_probability_up(step, -s, *logs[::-1])
    return (torch.xlogy(q, q) + torch.xlogy(1 - q, 1 - q) - q * up - (1 - q) * down).sum(1)


def noisy(s_0: Tensor, t: Tensor, u: Tensor) -> Tensor:
    """s_t from s_0 (n, n_sites), times (n,) and uniform numbers u of the shape of s_0."""
    return torch.where(u < t[:, None] / 2, -s_0, s_0)


def chain(log_odds: LogOdds, n_steps: int, noise: Noise, n_sites: int) -> Tensor:
    """Spins (n, n_sites) from the model, in ``n_steps`` equal steps."""
    s = _draw(torch.full((noise.n, n_sites), 0.5, device=noise.device, dtype=noise.dtype), noise)
    for k in range(n_steps, 0, -1):
        t, u = (torch.full((noise.n,), j / n_steps, device=noise.device, dtype=noise.dtype) for j in (k, k - 1))
        step = back(t[:, None], u[:, None])
        s = _draw(probability_up(step, s, log_odds(s, t)), noise)
    return s


def _draw(probability: Tensor, noise: Noise) -> Tensor:
    return torch.where(noise.uniform(probability.shape[1]) < probability, 1.0, -1.0).to(probability)


def bound(log_odds: LogOdds, s_0: Tensor, n_steps: int, noise: Noise) -> Tensor:
    """The lower bound of log p(s_0) for rows s_0 (n, n_sites), from one s_t for every step: (n,), float64."""
    total = torch.zeros(len(s_0), dtype=torch.float64, device=s_0.device)
    for k in range(1, n_steps + 1):
        t, u = (s_0.new_full((len(s_0),), j / n_steps) for j in (k, k - 1))
        s = noisy(s_0, t, noise.uniform(s_0.shape[1]))
        total -= divergence(back(t[:, None], u[:, None]), s, s_0, log_odds(s, t)).double()
    return total


class SpinDiffusion(TorchModel):
    """A diffusion model of spins or bits: a dense network with ``hidden`` units, or a U-Net with ``channels``.

    By Bayes' rule the log odds of s_0,i are 2 artanh(m) s_t,i, what its own spin says, plus what the others say, which
    is the network.

    translation : a model that is invariant under shifts of the periodic lattice: hidden units come in groups of one for
        each site, which share their weights
    n_steps : of the process
    guidance : w >= 0 of classifier-free guidance of the log odds, (1 + w) h(s, t, c) - w h(s, t, nothing)
    """

    likelihood = "lower"

    def __init__(
        self,
        shape: tuple[int, ...],
        values: str = "spins",
        *,
        hidden: Sequence[int] = (256, 256),
        channels: Sequence[int] | None = None,
        padding: str = "circular",
        activation: str = "gelu",
        translation: bool = False,
        n_steps: int = 64,
        guidance: float = 0.0,
        condition: Condition | None = None,
        seed: int = 0,
    ) -> None:
        if values not in ("spins", "bits") or n_steps < 1:
            raise ValueError(f'expected values "spins" or "bits" and n_steps >= 1, got {values!r} and {n_steps}')
        size(shape)
        check_guidance(guidance, condition)
        n_condition = 0 if condition is None else condition.n_features
        options: Any = dict(
            padding=padding, activation=activation, translation=translation, n_condition=n_condition, seed=seed
        )
        network = denoiser(shape, hidden, channels, coupled=True, **options)
        super().__init__(network, shape, values, condition, seed)
        self.n_steps, self.guidance = n_steps, guidance

    def objectives(self, learning_rate: float | Schedule) -> list[Objective]:
        return [Objective("nats", self.loss, list(self.network.parameters()), learning_rate)]

    def loss(self, batch: Batch) -> Tensor:
        """Minus the bound, from one random step for each row."""
        made: Any = dict(generator=batch.generator, device=batch.x.device, dtype=batch.x.dtype)
        s_0, n = self._spins(batch.x), len(batch.x)
        # The steps of a batch are spread evenly, which makes the mean less noisy.
        place = (torch.arange(n, device=s_0.device) + torch.rand(1, **made)) / n
        k = torch.floor(place * self.n_steps).clamp(max=self.n_steps - 1).to(s_0) + 1
        t, u = k / self.n_steps, (k - 1) / self.n_steps
        s = noisy(s_0, t, torch.rand(s_0.shape, **made))
        condition = dropped(batch.condition, self.guidance, batch.generator)
        h = self._own(s, t) + self._others(s, t, condition)
        return self.n_steps * divergence(back(t[:, None], u[:, None]), s, s_0, h).mean()

    def log_odds(self, condition: Tensor | None) -> LogOdds:
        """Of the initial spins, with guidance."""

        return lambda s, t: self._own(s, t) + guided(self._others, s, t, condition, self.guidance)

    def _others(self, s: Tensor, t: Tensor, condition: Tensor | None) -> Tensor:
        """The network sees m(t) s_t, the mean of each s_0 given its own spin."""
        return self.network((1 - t)[:, None] * s, t, condition)

    @staticmethod
    def _own(s: Tensor, t: Tensor) -> Tensor:
        """2 artanh(1 - t) s = log((2 - t) / t) s."""
        return torch.log((2 - t) / t)[:, None] * s

    def _spins(self, x: Tensor) -> Tensor:
        return x if self.values == "spins" else 2 * x - 1

    def _sample(self, noise: Noise, condition: Tensor | None) -> Tensor:
        s = chain(self.log_odds(condition), self.n_steps, noise, self.n_features)
        return s if self.values == "spins" else (s + 1) / 2

    def _log_prob(self, x: Tensor, condition: Tensor | None, noise: Noise) -> Tensor:
        return bound(self.log_odds(condition), self._spins(x), self.n_steps, noise)
