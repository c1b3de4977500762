"""What the outputs h of a decoder mean: p(x | h), every feature on its own.

bits     p(x = 1)  = 1 / (1 + e^-h)                log p = x h - log(1 + e^h)
spins    p(s = +1) = 1 / (1 + e^-h)                log p = -log(1 + e^-(s h))
real     p(x) = N(x; m + d h, (d sigma)^2)         sigma, one for each feature, is learned; m and d are the mean
                                                   and the deviation of the data
unit     p(x) = N(x; h, sigma^2)                   samples are clipped to [0, 1]
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from generative.networks.scale import Scale
from generative.noise import Noise


class Bits(nn.Module):
    """Bernoulli."""

    def log_prob(self, x: Tensor, h: Tensor) -> Tensor:
        """Nats, summed over features, for x (..., n_features)."""
        x, h = torch.broadcast_tensors(x, h)
        return F.binary_cross_entropy_with_logits(h, x, reduction="none").sum(-1).neg()

    def misfit(self, x: Tensor, h: Tensor) -> Tensor:
        """-log p of all rows together, for x and h of one shape."""
        return F.binary_cross_entropy_with_logits(h, x, reduction="sum")

    def mean(self, h: Tensor) -> Tensor:
        """The expectation of x."""
        return torch.sigmoid(h)

    def draw(self, h: Tensor, noise: Noise) -> Tensor:
        """One x for each row of h (n, n_features)."""
        return (noise.uniform(h.shape[1]) < torch.sigmoid(h)).to(h)


class Spins(Bits):
    """Spins -1 and +1."""

    def log_prob(self, x: Tensor, h: Tensor) -> Tensor:
        return -F.softplus(-x * h).sum(-1)

    def misfit(self, x: Tensor, h: Tensor) -> Tensor:
        return F.softplus(-x * h).sum()

    def mean(self, h: Tensor) -> Tensor:
        return torch.tanh(h / 2)

    def draw(self, h: Tensor, noise: Noise) -> Tensor:
        return 2 * super().draw(h, noise) - 1


class Unit(nn.Module):
    """Normal, with log sigma as parameters (n_features,), 0 at first."""

    def __init__(self, n_features: int) -> None:
        super().__init__()
        self.log_sigma = nn.Parameter(torch.zeros(n_features, dtype=torch.float32))

    def log_prob(self, x: Tensor, h: Tensor) -> Tensor:
        z = (x - h) * torch.exp(-self.log_sigma)
        return -(0.5 * z**2 + self.log_sigma + 0.5 * math.log(2 * math.pi)).sum(-1)

    def misfit(self, x: Tensor, h: Tensor) -> Tensor:
        return -self.log_prob(x, h).sum()

    def mean(self, h: Tensor) -> Tensor:
        return h

    def draw(self, h: Tensor, noise: Noise) -> Tensor:
        return self._drawn(h, noise).clamp(0, 1)

    def _drawn(self, h: Tensor, noise: Noise) -> Tensor:
        return h + torch.exp(self.log_sigma) * noise.normal(h.shape[1])


class Real(Unit):
    """The same in the units of the data."""

    def __init__(self, n_features: int) -> None:
        super().__init__(n_features)
        self.scale = Scale(n_features)

    def log_prob(self, x: Tensor, h: Tensor) -> Tensor:
        return super().log_prob(self.scale.standard(x), h) - self.scale.log_volume()

    def mean(self, h: Tensor) -> Tensor:
        return self.scale.natural(h)

    def draw(self, h: Tensor, noise: Noise) -> Tensor:
        return self.scale.natural(self._drawn(h, noise))


Decoded = Bits | Unit


def decoded(values: str, n_features: int) -> Decoded:
    """The distribution for ``values`` "bits", "spins", "unit" or "real"."""
    if values in ("bits", "spins"):
        return Bits() if values == "bits" else Spins()
    if values not in ("real", "unit"):
        raise ValueError(f'expected values "bits", "spins", "unit" or "real", got {values!r}')
    return Unit(n_features) if values == "unit" else Real(n_features)
