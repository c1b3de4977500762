"""Dense networks of a periodic lattice whose weights are shared among its translations.

    y_(a, i) = b_a + sum_(c, j) w_(a, c, i - j) x_(c, j)        sites i, j; channels a, c

Every layer sees the whole lattice, and a shift of the input shifts the output: there are as many units as in a dense
layer and N times fewer weights, each of which learns from every site. Rows are channel by channel, (b, channels * N).

Source: for permutations of any group, T. Cohen, M. Welling, arXiv:1602.07576, eq. (11).
"""

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from generative.networks.dense import N_TIME, TimeFeatures, joined
from generative.networks.layers import Linear, Seeded, initialise
from generative.symmetries import translations
from neural.torch_modules import MODULES


class SharedLinear(Seeded):
    """The layer above: ``weight`` (N, n_out, n_in) and ``bias`` (n_out,) from rows (b, n_in * N) to (b, n_out * N)."""

    def __init__(self, shape: tuple[int, ...], n_in: int, n_out: int, gain: float = 1.0, bias: bool = True) -> None:
        super().__init__()
        shifts = translations(shape)
        self.n_sites, self.gain = len(shifts), gain
        self.weight = nn.Parameter(torch.empty(self.n_sites, n_out, n_in))
        self.bias = nn.Parameter(torch.empty(n_out)) if bias else None
        self.vector: Tensor
        self.register_buffer("vector", torch.argsort(shifts, dim=0).flatten(), persistent=False)
        self.reset_parameters()

    def fan_in(self) -> int:
        return self.n_sites * self.weight.shape[2]

    def matrix(self) -> Tensor:
        """All weights, (n_out * N, n_in * N)."""
        n, n_out, n_in = self.weight.shape
        between = self.weight.index_select(0, self.vector).view(n, n, n_out, n_in)
        return between.permute(2, 1, 3, 0).reshape(n_out * n, n_in * n)

    def forward(self, x: Tensor) -> Tensor:
        bias = None if self.bias is None else self.bias.repeat_interleave(self.n_sites)
        return F.linear(x, self.matrix(), bias)


def per_site(units: Sequence[int], n_sites: int) -> list[int]:
    """Channels of layers with so many ``units``. Raises ``ValueError`` where they are not as many for each site."""
    if not units or any(n < 1 or n % n_sites for n in units):
        raise ValueError(f"expected units in groups of {n_sites}, one for each site, got {tuple(units)}")
    return [n // n_sites for n in units]


class LatticeDense(nn.Module):
    """Shared layers with ``hidden`` channels, and a shared linear connection from the input to the output.

    n_in, n_out : channels
    time, highest, n_condition : as for ``Dense``; their features shift the first layer and are the same everywhere
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        n_in: int,
        hidden: Sequence[int],
        n_out: int,
        *,
        activation: str = "gelu",
        time: bool = False,
        n_condition: int = 0,
        highest: float = 16.0,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.time = TimeFeatures(highest=highest) if time else None
        n_features = n_condition + (N_TIME if time else 0)
        self.enter = Linear(n_features, hidden[0], bias=False) if n_features else None
        widths = [n_in, *hidden, n_out]
        self.layers = nn.ModuleList(SharedLinear(shape, a, b) for a, b in itertools.pairwise(widths))
        self.skip = SharedLinear(shape, n_in, n_out, gain=0.0, bias=False)
        self.activation = MODULES[activation]()
        initialise(self, seed)

    def forward(self, x: Tensor, time: Tensor | None = None, condition: Tensor | None = None) -> Tensor:
        """Shape (b, n_out * N)."""
        h = self.layers[0](x)
        if self.enter is not None:
            shift = self.enter(joined(self.time, time, condition))
            h = h + shift.repeat_interleave(self.skip.n_sites, dim=1)
        for layer in list(self.layers)[1:]:
            h = layer(self.activation(h))
        return h + self.skip(x)
