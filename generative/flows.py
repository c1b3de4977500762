"""Normalising flows: an invertible map y = f(x) to standard normal numbers, so that the likelihood is exact.

    log p(x) = log N(f(x); 0, 1) + log |det df/dx|

The maps are those of the package zuko, an extra: ``pip install "born[flows]"``. Each feature is mapped by a monotonic
function whose parameters a masked network computes from the features before it.

Sources: splines, C. Durkan et al., arXiv:1906.04032; affine maps, G. Papamakarios et al., arXiv:1705.07057.
"""

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

import torch
from torch import Tensor, nn

from generative.conditions import Condition
from generative.model import TorchModel, size
from generative.noise import Noise, hashed
from generative.objectives import Batch, Objective
from neural.optimizers import Schedule

MAPS = {"spline": "NSF", "affine": "MAF"}


def _zuko() -> Any:
    try:
        return import_module("zuko")
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            'expected the package zuko, which flows are made of; found none: pip install "born[flows]"'
        ) from None


def in_single_precision(make: Callable[..., nn.Module], *arguments: Any, **options: Any) -> nn.Module:
    """What ``make`` returns where single precision is the default type of torch."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float32)
    try:
        return make(*arguments, **options)
    finally:
        torch.set_default_dtype(before)


class Standardised(nn.Module):
    """A flow of (x - mean) / deviation, feature by feature."""

    def __init__(self, flow: nn.Module, n_features: int) -> None:
        super().__init__()
        self.flow = flow
        self.mean: Tensor
        self.deviation: Tensor
        self.register_buffer("mean", torch.zeros(n_features, dtype=torch.float32))
        self.register_buffer("deviation", torch.ones(n_features, dtype=torch.float32))

    def learn(self, rows: Tensor) -> None:
        """Take mean and deviation of ``rows``."""
        self.mean.copy_(rows.mean(dim=0))
        self.deviation.copy_(rows.std(dim=0, correction=0).clamp(min=1e-6))

    def log_prob(self, x: Tensor, condition: Tensor | None) -> Tensor:
        """Nats, (n,), for rows x."""
        density = self.flow(condition).log_prob((x - self.mean) / self.deviation)
        return density - self.deviation.log().sum()

    def from_normal(self, y: Tensor, condition: Tensor | None) -> Tensor:
        """x = f^-1(y)."""
        return self.flow(condition).transform.inv(y) * self.deviation + self.mean


class Flow(TorchModel):
    """A flow of real numbers.

    shape : of one configuration
    kind : "spline", rational-quadratic in ``n_bins`` pieces within 5 deviations of the mean and the identity beyond, or
        "affine"
    n_maps : one after the other, with the features in turn in order and backwards
    hidden : widths of the network of each map
    coupling : maps of two halves in place of feature by feature; samples take 2 steps for each map, not n_features

    Raises ``ModuleNotFoundError`` where zuko is not installed.
    """

    likelihood = "exact"

    def __init__(
        self,
        shape: tuple[int, ...],
        values: str = "real",
        *,
        kind: str = "spline",
        n_maps: int = 3,
        hidden: Sequence[int] = (64, 64),
        n_bins: int = 8,
        coupling: bool = False,
        condition: Condition | None = None,
        seed: int = 0,
    ) -> None:
        if values != "real" or kind not in MAPS or n_maps < 1 or n_bins < 2:
            raise ValueError(
                f'expected values "real", kind {" or ".join(MAPS)}, n_maps >= 1 and n_bins >= 2, '
                f"got {values!r}, {kind!r}, {n_maps} and {n_bins}"
            )
        n, n_condition = size(shape), 0 if condition is None else condition.n_features
        options: Any = {"bins": n_bins} if kind == "spline" else {}
        if coupling:
            options["passes"] = 2
        make = getattr(_zuko().flows, MAPS[kind])
        with torch.random.fork_rng(devices=[]):  # zuko draws from the generator that everybody shares
            torch.default_generator.manual_seed(hashed(seed))
            flow = in_single_precision(
                make, n, n_condition, transforms=n_maps, hidden_features=tuple(hidden), **options
            )
        self.standardised = Standardised(flow, n)
        super().__init__(self.standardised, shape, values, condition, seed)

    def _learn(self, rows: Tensor) -> None:
        self.standardised.learn(rows)

    def objectives(self, learning_rate: float | Schedule) -> list[Objective]:
        """The negative log-likelihood in nats."""
        return [Objective("nll", self._nll, list(self.network.parameters()), learning_rate)]

    def _nll(self, batch: Batch) -> Tensor:
        return -self.standardised.log_prob(batch.x, batch.condition).mean()

    def _sample(self, noise: Noise, condition: Tensor | None) -> Tensor:
        return self.standardised.from_normal(noise.normal(self.n_features), condition)

    def _log_prob(self, x: Tensor, condition: Tensor | None, noise: Noise) -> Tensor:
        return self.standardised.log_prob(x, condition)
