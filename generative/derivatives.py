"""Derivatives of a network's output when its input moves: forward-mode differentiation to second order."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

Layer = tuple[Tensor, Tensor]


class Motion(NamedTuple):
    """A quantity and its first two derivatives in time, of one shape."""

    value: Tensor
    first: Tensor
    second: Tensor


def _tanh(z: Tensor) -> Motion:
    a = torch.tanh(z)
    slope = 1 - a * a
    return Motion(a, slope, -2 * a * slope)


def _sigmoid(z: Tensor) -> Motion:
    a = torch.sigmoid(z)
    slope = a * (1 - a)
    return Motion(a, slope, slope * (1 - 2 * a))


def _sine(z: Tensor) -> Motion:
    a = torch.sin(z)
    return Motion(a, torch.cos(z), -a)


ACTIVATIONS: dict[str, Callable[[Tensor], Motion]] = {"tanh": _tanh, "sigmoid": _sigmoid, "sine": _sine}


def along(layers: Sequence[Layer], activation: str, x: Motion) -> Motion:
    """How the output of a feed-forward network moves when its input x (..., n, d_in) does.

    Through z = a W + b the derivatives go as z' = a' W, z'' = a'' W, and through a = f(z) as

        a' = f'(z) z',      a'' = f''(z) z'^2 + f'(z) z''

    layers : (W, b) with W (..., d_in, d_out) and b (..., d_out) or (..., 1, d_out); leading axes are many networks at
        once. All but the last layer have the activation "tanh", "sigmoid" or "sine".

    Gradients for the parameters flow through all three.
    """
    f = ACTIVATIONS[activation]
    for l, (W, b) in enumerate(layers):
        z = Motion(x.value @ W + b, x.first @ W, x.second @ W)
        if l == len(layers) - 1:
            return z
        a, slope, curvature = f(z.value)
        x = Motion(a, slope * z.first, curvature * z.first**2 + slope * z.second)
    return x
