"""A causal transformer over sites: the output at site i is a function of the sites before i in row-major order.

Source: A. Vaswani et al., arXiv:1706.03762, with the normalisation before each layer (R. Xiong et al.,
arXiv:2002.04745).
"""

from torch import Tensor, nn
from torch.nn import functional as F

from generative.networks.layers import Linear, initialise
from generative.networks.masked import Conditional


class CausalAttention(nn.Module):
    """Every site attends to itself and to those before it."""

    def __init__(self, width: int, n_heads: int) -> None:
        super().__init__()
        if width % n_heads:
            raise ValueError(f"expected a width divisible by the number of heads, got {width} and {n_heads}")
        self.n_heads = n_heads
        self.queries_keys_values, self.leave = Linear(width, 3 * width), Linear(width, width, gain=0.0)

    def forward(self, x: Tensor) -> Tensor:
        """(b, n, width) to (b, n, width)."""
        parts = self.queries_keys_values(x).unflatten(2, (3, self.n_heads, -1)).permute(2, 0, 3, 1, 4)
        out = F.scaled_dot_product_attention(parts[0], parts[1], parts[2], is_causal=True)
        return self.leave(out.transpose(1, 2).flatten(2))


class TransformerBlock(nn.Module):
    """x + attention(norm(x)), then x + MLP(norm(x)); both start at zero."""

    def __init__(self, width: int, n_heads: int) -> None:
        super().__init__()
        self.first_norm, self.second_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = CausalAttention(width, n_heads)
        self.mlp = nn.Sequential(Linear(width, 4 * width), nn.GELU(), Linear(4 * width, width, gain=0.0))

    def forward(self, x: Tensor) -> Tensor:
        """(b, n, width) to (b, n, width)."""
        x = x + self.attention(self.first_norm(x))
        return x + self.mlp(self.second_norm(x))


class CausalTransformer(nn.Module):
    """One output for each of n sites, from the sites before it and a condition (b, n_condition).

    width : of the representation of a site, divisible by ``n_heads``
    """

    def __init__(
        self,
        n_sites: int,
        width: int = 64,
        n_heads: int = 4,
        n_layers: int = 2,
        n_condition: int = 0,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.enter = Linear(1, width, bias=False)
        self.position = Linear(n_sites, width, gain=float(n_sites) ** 0.5, bias=False)  # a vector for each site
        self.condition = Linear(n_condition, width) if n_condition else None
        self.blocks = nn.Sequential(*(TransformerBlock(width, n_heads) for _ in range(n_layers)))
        self.norm, self.leave = nn.LayerNorm(width), Linear(width, 1, gain=0.0)
        initialise(self, seed)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """(b, n_sites) to (b, n_sites)."""
        before = F.pad(x, (1, -1))[:, :, None]  # site i sees x_(i-1), and through attention all before it
        h = self.enter(before) + self.position.weight.T[: x.shape[1]]
        if self.condition is not None and condition is not None:
            h = h + self.condition(condition)[:, None]
        return self.leave(self.norm(self.blocks(h)))[:, :, 0]

    def conditionals(self, n: int, condition: Tensor | None = None) -> Conditional:
        """A function of x (n, n_sites) and i = 0, 1, ... in turn: the output of site i, shape (n,)."""

        def output(x: Tensor, i: int) -> Tensor:
            return self(x[:, : i + 1], condition)[:, i]

        return output
