"""The variance-preserving process, x_t = alpha(t) x_0 + sigma(t) noise with alpha^2 + sigma^2 = 1, t from 0 to 1.

    dx = -beta(t) x / 2 dt + sqrt(beta(t)) dw,    log alpha(t) = -1/2 int_0^t beta

Source: Y. Song et al., arXiv:2011.13456, eqs. (11) and (29); DDPM with N steps has its times t = k / N.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Linear:
    """beta(t) = low + (high - low) t. Source: J. Ho et al., arXiv:2006.11239, with beta_k = beta(k / 1000) / 1000."""

    low: float = 0.1
    high: float = 20.0

    def __post_init__(self) -> None:
        if not 0 < self.low <= self.high < math.inf:
            raise ValueError(f"expected 0 < low <= high < infinity, got {self.low} and {self.high}")

    def beta(self, t: Tensor) -> Tensor:
        """The rate of the noise."""
        return self.low + (self.high - self.low) * t

    def log_alpha(self, t: Tensor) -> Tensor:
        """The logarithm of what is left of the data."""
        return -0.5 * t * (self.low + 0.5 * (self.high - self.low) * t)


@dataclass(frozen=True)
class Cosine:
    """alpha(t) = cos(a(t)) / cos(a(0)), a from ``first`` to ``last``, in equal steps.

    Source: A. Nichol, P. Dhariwal, arXiv:2102.09672, eq. (17); ``last`` below pi / 2 takes the place of their largest
    beta.
    """

    first: float = 0.5 * math.pi * 0.008 / 1.008
    last: float = 0.5 * math.pi - 0.01

    def __post_init__(self) -> None:
        if not 0 <= self.first < self.last < 0.5 * math.pi:
            raise ValueError(f"expected 0 <= first < last < pi / 2, got {self.first} and {self.last}")

    def beta(self, t: Tensor) -> Tensor:
        """The rate of the noise."""
        return 2 * (self.last - self.first) * torch.tan(self._angle(t))

    def log_alpha(self, t: Tensor) -> Tensor:
        """The logarithm of what is left of the data."""
        return torch.log(torch.cos(self._angle(t)) / math.cos(self.first))

    def _angle(self, t: Tensor) -> Tensor:
        return self.first + (self.last - self.first) * t


Schedule = Linear | Cosine
SCHEDULES: dict[str, Schedule] = {"linear": Linear(), "cosine": Cosine()}


def find_schedule(schedule: "str | Schedule") -> Schedule:
    """A schedule, or the one of that name. Raises ``ValueError`` for an unknown name."""
    if not isinstance(schedule, str):
        return schedule
    if schedule not in SCHEDULES:
        raise ValueError(f"expected a schedule of the names {', '.join(SCHEDULES)}, got {schedule!r}")
    return SCHEDULES[schedule]


def alpha_sigma(schedule: Schedule, t: Tensor) -> tuple[Tensor, Tensor]:
    """alpha(t) and sigma(t) = sqrt(1 - alpha(t)^2), without loss of digits at small t."""
    log_alpha = schedule.log_alpha(t)
    return torch.exp(log_alpha), torch.sqrt(-torch.expm1(2 * log_alpha))


def numbers(schedule: Schedule, t: float) -> tuple[float, float, float]:
    """alpha, sigma and beta at one time."""
    time = torch.tensor(t, dtype=torch.float64)
    alpha, sigma = alpha_sigma(schedule, time)
    return float(alpha), float(sigma), float(schedule.beta(time))
