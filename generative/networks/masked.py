"""Networks whose output at site i is a function of the sites before i: dense with masks, and convolutional.

Sites are in row-major order. ``conditionals`` gives the outputs one site after the other, as sampling needs them.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from generative.networks.dense import bilinear
from generative.networks.layers import Conv2d, Linear, Seeded, initialise

Conditional = Callable[[Tensor, int], Tensor]


class MaskedLinear(Linear):
    """A linear layer from ``n_in`` numbers to ``n_out`` numbers per site: site i sees the sites before i.

    With ``strict=False`` it also sees the inputs of site i itself.
    """

    mask: Tensor

    def __init__(self, n_sites: int, n_in: int, n_out: int, strict: bool, gain: float = 1.0, bias: bool = True) -> None:
        super().__init__(n_sites * n_in, n_sites * n_out, gain, bias)
        self.per_input, self.per_output, self.strict = n_in, n_out, strict
        allowed = torch.ones(n_sites, n_sites).tril(-1 if strict else 0)
        mask = allowed.repeat_interleave(n_out, 0).repeat_interleave(n_in, 1)
        self.register_buffer("mask", mask, persistent=False)

    def fan_in(self) -> Tensor:
        return self.mask.sum(dim=1, keepdim=True)

    def forward(self, x: Tensor) -> Tensor:
        """(b, n_sites * n_in) to (b, n_sites * n_out)."""
        return F.linear(x, self.weight * self.mask, self.bias)

    def site(self, x: Tensor, i: int) -> Tensor:
        """The outputs of site ``i`` alone, (b, n_out): the mask leaves it the first columns of x."""
        seen = (i if self.strict else i + 1) * self.per_input
        rows = slice(i * self.per_output, (i + 1) * self.per_output)
        return F.linear(x[:, :seen], self.weight[rows, :seen], None if self.bias is None else self.bias[rows])


class MaskedDense(nn.Module):
    """Masked layers with ``units`` hidden units per site, and a masked linear connection from the input to the output.

    Sampling computes every hidden unit once, so that it costs as much as one pass through the network. Source:
    M. Germain, K. Gregor, I. Murray, H. Larochelle, ICML 2015, arXiv:1502.03509; here hidden units belong to sites.
    """

    def __init__(self, n_sites: int, units: int = 16, n_layers: int = 2, n_condition: int = 0, seed: int = 0) -> None:
        super().__init__()
        if min(n_sites, units, n_layers) < 1:
            raise ValueError(f"expected positive n_sites, units and n_layers, got {n_sites}, {units} and {n_layers}")
        self.n_sites, self.units = n_sites, units
        self.first = MaskedLinear(n_sites, 1, units, strict=True)
        self.hidden = nn.ModuleList(MaskedLinear(n_sites, units, units, strict=False) for _ in range(n_layers - 1))
        self.leave = MaskedLinear(n_sites, units, 1, strict=False, gain=0.0)
        self.skip = MaskedLinear(n_sites, 1, 1, strict=True, gain=0.0, bias=False)
        self.couplings: Tensor
        self.register_buffer("couplings", torch.zeros(n_sites, n_sites))
        self.condition = Linear(n_condition, n_sites * units, bias=False) if n_condition else None
        self.condition_skip = Linear(n_condition, n_sites * n_sites, gain=0.0, bias=False) if n_condition else None
        initialise(self, seed)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """(b, n_sites) to (b, n_sites)."""
        h = F.silu(self.first(x) + self._shift(condition))
        for layer in self.hidden:
            h = h + F.silu(layer(h))
        return self.leave(h) + self.skip(x) + x @ self.couplings.T + self._bilinear(x, condition)

    @torch.no_grad()
    def couple(self, couplings: Tensor) -> None:
        """Add to the output at site i the fixed field sum_j<i of ``couplings`` (N, N) times x_j."""
        self.couplings.copy_(couplings.tril(-1))

    def _shift(self, condition: Tensor | None) -> Tensor | float:
        return 0.0 if self.condition is None else self.condition(condition)

    def _bilinear(self, x: Tensor, condition: Tensor | None) -> Tensor | float:
        """sum_j V_ij(c) x_j with V linear in the condition c: couplings that change with the temperature."""
        if self.condition_skip is None or condition is None:
            return 0.0
        tensor = self.condition_skip.weight.view(self.n_sites, self.n_sites, -1)
        tensor = tensor * self.skip.mask[:, :, None]
        return bilinear(x, condition, tensor.unbind(2))

    def conditionals(self, n: int, condition: Tensor | None = None) -> Conditional:
        """A function of x (n, n_sites) and i = 0, 1, ... in turn: the output of site i, shape (n,)."""
        shape = (n, self.n_sites * self.units)
        caches = [self.first.weight.new_empty(shape) for _ in range(len(self.hidden) + 1)]
        shift = self._shift(condition)

        def output(x: Tensor, i: int) -> Tensor:
            columns = slice(i * self.units, (i + 1) * self.units)
            moved = shift if not isinstance(shift, Tensor) else shift[:, columns]
            caches[0][:, columns] = F.silu(self.first.site(x, i) + moved)
            for layer, old, new in zip(self.hidden, caches, caches[1:]):
                new[:, columns] = old[:, columns] + F.silu(layer.site(old, i))  # type: ignore[operator]
            direct = x[:, :i] @ self.couplings[i, :i] + self._bilinear_site(x, condition, i)
            return (self.leave.site(caches[-1], i) + self.skip.site(x, i))[:, 0] + direct

        return output

    def _bilinear_site(self, x: Tensor, condition: Tensor | None, i: int) -> Tensor | float:
        if self.condition_skip is None or condition is None:
            return 0.0
        tensor = self.condition_skip.weight.view(self.n_sites, self.n_sites, -1)[i, :i]
        return torch.sum((x[:, :i] @ tensor) * condition, dim=1)


class MaskedConv2d(Seeded, nn.Conv2d):
    """A convolution over the rows above (kernel (k, 2k - 1)), or over the sites to the left (kernel (1, k)).

    strict : without the present row, or the present site
    """

    def __init__(self, n_in: int, n_out: int, kernel: int, vertical: bool, strict: bool, periodic: bool) -> None:
        nn.Conv2d.__init__(self, n_in, n_out, (kernel, 2 * kernel - 1) if vertical else (1, kernel))
        self.vertical, self.strict, self.periodic, self.reach = vertical, strict, periodic, kernel

    def forward(self, x: Tensor) -> Tensor:
        """(b, n_in, h, w) to (b, n_out, h, w)."""
        before, after = (self.reach, -1) if self.strict else (self.reach - 1, 0)
        if not self.vertical:
            return nn.Conv2d.forward(self, F.pad(x, (before, after)))
        sides = self.reach - 1
        x = F.pad(x, (sides, sides, 0, 0), mode="circular" if self.periodic else "constant")
        return nn.Conv2d.forward(self, F.pad(x, (0, 0, before, after)))


class CausalConv(nn.Module):
    """Convolutions over the rows above and over the sites to the left, in two stacks without a blind spot.

    With ``padding`` "circular" the rows above continue periodically, and every site also sees the sites of the first
    row and of the first column that it meets across the boundary. A bias of each site tells where it is. Source:
    A. van den Oord et al., arXiv:1606.05328, section 2.2, with residual layers in place of gates.
    """

    def __init__(
        self,
        shape: tuple[int, int],
        channels: int = 32,
        n_layers: int = 3,
        kernel: int = 3,
        padding: str = "circular",
        n_condition: int = 0,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if len(shape) != 2 or padding not in ("circular", "zeros") or kernel > min(shape):
            raise ValueError(f"expected two lengths >= kernel and a known padding, got {shape}, {kernel}, {padding!r}")
        periodic = padding == "circular"
        self.shape, self.n_sites, self.periodic = tuple(shape), shape[0] * shape[1], periodic

        def layer(n_in: int, vertical: bool, strict: bool) -> MaskedConv2d:
            return MaskedConv2d(n_in, channels, kernel, vertical, strict, periodic)

        self.above = nn.ModuleList([layer(1, True, True), *(layer(channels, True, False) for _ in range(n_layers))])
        self.left = nn.ModuleList([layer(1, False, True), *(layer(channels, False, False) for _ in range(n_layers))])
        self.links = nn.ModuleList(Conv2d(channels, channels, 1, "zeros") for _ in range(n_layers + 1))
        self.wrap = nn.ModuleList(Conv2d(1, channels, 1, "zeros") for _ in range(2 * periodic))
        self.position = nn.Parameter(torch.zeros(channels, *shape))
        self.condition = Linear(n_condition, channels) if n_condition else None
        self.leave = Conv2d(channels, 1, 1, "zeros", gain=0.0)
        initialise(self, seed)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """(b, n_sites) to (b, n_sites)."""
        images = x.reshape(len(x), 1, *self.shape)
        return self._rows(images, self._from_above(images, condition)).flatten(1)

    def _from_above(self, images: Tensor, condition: Tensor | None) -> list[Tensor]:
        """What each layer of a row adds to it, given all rows before it."""
        v = self.above[0](images)
        terms = [self.links[0](v) + self.position[:, : images.shape[2]]]
        for layer, link in zip(list(self.above)[1:], list(self.links)[1:]):
            v = v + layer(F.silu(v))
            terms.append(link(F.silu(v)))
        if self.periodic:
            first = images[:, :, :1].expand(-1, -1, images.shape[2] - 1, -1)
            terms[0] = terms[0] + self.wrap[0](F.pad(first, (0, 0, 1, 0)))
        if self.condition is not None and condition is not None:
            terms[0] = terms[0] + self.condition(condition)[:, :, None, None]
        return terms

    def _rows(self, images: Tensor, terms: list[Tensor]) -> Tensor:
        """The outputs of rows, (b, 1, h, w), each given what it got from above."""
        h = self.left[0](images) + terms[0]
        if self.periodic:
            first = images[:, :, :, :1].expand(-1, -1, -1, images.shape[3] - 1)
            h = h + self.wrap[1](F.pad(first, (1, 0)))
        for layer, term in zip(list(self.left)[1:], terms[1:]):
            h = h + layer(F.silu(h)) + term
        return self.leave(F.silu(h))

    def conditionals(self, n: int, condition: Tensor | None = None) -> Conditional:
        """A function of x (n, n_sites) and i = 0, 1, ... in turn: the output of site i, shape (n,)."""
        width, terms = self.shape[1], []

        def output(x: Tensor, i: int) -> Tensor:
            row, column = divmod(i, width)
            images = x[:, : (row + 1) * width].reshape(n, 1, row + 1, width)
            if column == 0:  # the rows above are complete
                terms[:] = [term[:, :, row:] for term in self._from_above(images, condition)]
            return self._rows(images[:, :, row:], terms)[:, 0, 0, column]

        return output
