"""Convolutional encoder and decoder: images or lattices to a vector, and a vector to images."""

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from generative.networks.layers import Conv2d, Linear, initialise

Shape = tuple[int, ...]


def _smallest(shape: Shape, n_levels: int) -> tuple[int, int]:
    factor = 2**n_levels
    if len(shape) != 2 or any(length % factor for length in shape):
        raise ValueError(f"expected two lengths divisible by {factor} for {n_levels} levels, got {shape}")
    return shape[0] // factor, shape[1] // factor


class ConvEncoder(nn.Module):
    """Rows of images of ``shape`` to vectors: convolutions of ``channels``, each followed by means over 2 x 2 pixels.

    padding : "circular" for periodic lattices, "zeros" for images
    n_condition : features of a condition, which join as constant images
    """

    def __init__(
        self,
        shape: Shape,
        channels: Sequence[int],
        n_out: int,
        *,
        padding: str = "circular",
        n_condition: int = 0,
        seed: int = 0,
    ) -> None:
        super().__init__()
        h, w = _smallest(shape, len(channels))
        self.shape = tuple(shape)
        widths = [1 + n_condition, *channels]
        self.convolutions = nn.ModuleList(Conv2d(a, b, 3, padding) for a, b in itertools.pairwise(widths))
        self.leave = Linear(channels[-1] * h * w, n_out)
        initialise(self, seed)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """(b, n_features) to (b, n_out)."""
        images = x.reshape(len(x), 1, *self.shape)
        if condition is not None:
            images = torch.cat([images, condition[:, :, None, None].expand(-1, -1, *self.shape)], dim=1)
        for convolution in self.convolutions:
            images = F.avg_pool2d(F.gelu(convolution(images)), 2)
        return self.leave(images.flatten(1))


class ConvDecoder(nn.Module):
    """Vectors to rows of images of ``shape``: the encoder backwards, doubling the resolution before every convolution.

    ``channels`` are those of the encoder, in the encoder's order.
    """

    def __init__(
        self,
        n_in: int,
        channels: Sequence[int],
        shape: Shape,
        *,
        padding: str = "circular",
        n_condition: int = 0,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.smallest = _smallest(shape, len(channels))
        self.enter = Linear(n_in + n_condition, channels[-1] * self.smallest[0] * self.smallest[1])
        widths = [*reversed(channels), channels[0]]
        self.convolutions = nn.ModuleList(Conv2d(a, b, 3, padding) for a, b in itertools.pairwise(widths))
        self.leave = Conv2d(channels[0], 1, 3, padding)
        initialise(self, seed)

    def forward(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        """(b, n_in) to (b, n_features)."""
        z = z if condition is None else torch.cat([z, condition], dim=1)
        images = self.enter(z).unflatten(1, (-1, *self.smallest))
        for convolution in self.convolutions:
            images = F.gelu(convolution(F.interpolate(F.gelu(images), scale_factor=2.0)))
        return self.leave(images).flatten(1)
