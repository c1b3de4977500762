"""Convolutional blocks and a small U-Net, for periodic lattices and for images.

Source: O. Ronneberger, P. Fischer, T. Brox, arXiv:1505.04597; blocks as in J. Ho, A. Jain, P. Abbeel, arXiv:2006.11239,
appendix B.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from generative.networks.dense import N_TIME, TimeFeatures, joined
from generative.networks.layers import Conv2d, Linear, initialise


class ResidualBlock(nn.Module):
    """x + conv(silu(norm(conv(silu(norm(x))) + W e))), e (b, n_embedding); the last conv starts at 0."""

    def __init__(self, n_in: int, n_out: int, n_embedding: int = 0, padding: str = "circular") -> None:
        super().__init__()
        self.first_norm, self.second_norm = (nn.GroupNorm(_groups(n), n) for n in (n_in, n_out))
        self.first, self.second = Conv2d(n_in, n_out, 3, padding), Conv2d(n_out, n_out, 3, padding, gain=0.0)
        self.embedding = Linear(n_embedding, n_out) if n_embedding else None
        self.skip = Conv2d(n_in, n_out, 1, padding) if n_in != n_out else nn.Identity()

    def forward(self, x: Tensor, embedding: Tensor | None = None) -> Tensor:
        """(b, n_in, h, w) to (b, n_out, h, w)."""
        h = self.first(F.silu(self.first_norm(x)))
        if self.embedding is not None and embedding is not None:
            h = h + self.embedding(embedding)[:, :, None, None]
        return self.skip(x) + self.second(F.silu(self.second_norm(h)))


def _groups(n: int) -> int:
    return next(groups for groups in (8, 4, 2, 1) if n % groups == 0)


class UNet(nn.Module):
    """Images of the shape of its input, from blocks at several resolutions with connections between equal ones.

    shape : (height, width), both divisible by 2 for every level after the first
    channels : of each level; between two levels the resolution halves
    n_in, n_out : channels of input and output
    time : whether a time in [0, 1] is given, of whose features ``highest`` is the largest frequency
    n_condition : features of a condition
    padding : "circular" for periodic lattices, "zeros" for images

    The last layer starts at zero.
    """

    def __init__(
        self,
        shape: tuple[int, int],
        channels: Sequence[int] = (32, 64),
        *,
        n_in: int = 1,
        n_out: int = 1,
        time: bool = True,
        n_condition: int = 0,
        padding: str = "circular",
        highest: float = 128.0,
        seed: int = 0,
    ) -> None:
        super().__init__()
        factor = 2 ** (len(channels) - 1)
        if len(shape) != 2 or any(length % factor for length in shape):
            raise ValueError(f"expected two lengths divisible by {factor} for {len(channels)} levels, got {shape}")
        self.shape, self.n_in = tuple(shape), n_in
        self.time = TimeFeatures(highest=highest) if time else None
        n_features = (N_TIME if time else 0) + n_condition
        n_embedding = 2 * channels[0] if n_features else 0
        self.embed = nn.Sequential(Linear(n_features, n_embedding), nn.SiLU()) if n_features else None
        self.enter = Conv2d(n_in, channels[0], 3, padding)
        down = [channels[0], *channels[:-1]]
        self.down = nn.ModuleList(ResidualBlock(a, b, n_embedding, padding) for a, b in zip(down, channels))
        self.middle = ResidualBlock(channels[-1], channels[-1], n_embedding, padding)
        up = [channels[-1], *reversed(channels[1:])]
        self.up = nn.ModuleList(
            ResidualBlock(a + b, b, n_embedding, padding) for a, b in zip(up, reversed(channels), strict=True)
        )
        self.norm = nn.GroupNorm(_groups(channels[0]), channels[0])
        self.leave = Conv2d(channels[0], n_out, 3, padding, gain=0.0)
        initialise(self, seed)

    def forward(self, x: Tensor, time: Tensor | None = None, condition: Tensor | None = None) -> Tensor:
        """Rows (b, n_in * h * w), or images (b, n_in, h, w), to the same with n_out channels."""
        images = x.reshape(len(x), self.n_in, *self.shape)
        embedding, h, kept = self._embedding(time, condition), self.enter(images), []
        for level, block in enumerate(self.down):
            h = block(F.avg_pool2d(h, 2) if level else h, embedding)
            kept.append(h)
        h = self.middle(h, embedding)
        for level, block in enumerate(self.up):
            h = F.interpolate(h, scale_factor=2.0) if level else h
            h = block(torch.cat([h, kept.pop()], dim=1), embedding)
        images = self.leave(F.silu(self.norm(h)))
        return images.flatten(1) if x.ndim == 2 else images

    def _embedding(self, time: Tensor | None, condition: Tensor | None) -> Tensor | None:
        return None if self.embed is None else self.embed(joined(self.time, time, condition))
