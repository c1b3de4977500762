"""Linear and convolutional layers whose weights ``initialise`` draws from a seed."""

import math

import torch
from torch import Tensor, nn

from generative.noise import generator


class Seeded(nn.Module):
    """A layer that starts at zero; ``initialise`` draws its weights with standard deviation gain / sqrt(fan in)."""

    gain: float = 1.0
    weight: nn.Parameter
    bias: nn.Parameter | None

    def reset_parameters(self) -> None:
        nn.init.zeros_(self.weight)
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def fan_in(self) -> Tensor | int:
        """Inputs of each unit."""
        return self.weight[0].numel()


class Linear(Seeded, nn.Linear):
    """x W^T + b."""

    def __init__(self, n_in: int, n_out: int, gain: float = 1.0, bias: bool = True) -> None:
        nn.Linear.__init__(self, n_in, n_out, bias)
        self.gain = gain


class Conv2d(Seeded, nn.Conv2d):
    """A convolution that keeps the size: ``padding`` is "circular" for periodic lattices, "zeros" for images."""

    def __init__(self, n_in: int, n_out: int, kernel: int = 3, padding: str = "circular", gain: float = 1.0) -> None:
        if kernel % 2 == 0 or padding not in ("circular", "zeros"):
            raise ValueError(f'expected an odd kernel and padding "circular" or "zeros", got {kernel} and {padding!r}')
        nn.Conv2d.__init__(self, n_in, n_out, kernel, padding=kernel // 2, padding_mode=padding)
        self.gain = gain


@torch.no_grad()
def initialise(module: nn.Module, seed: int) -> None:
    """Draw the weights of all layers of this package: uniform, with variance gain^2 / fan in; biases zero.

    Source: Y. LeCun et al., Efficient BackProp (1998), section 4.6. A layer with gain 0 starts at zero. The module
    is in single precision then, whatever torch's default is.
    """
    module.float()
    noise = generator(seed)
    for layer in module.modules():
        if isinstance(layer, Seeded):
            draw = 2 * torch.rand(layer.weight.shape, generator=noise, dtype=torch.float64) - 1
            fan_in = torch.as_tensor(layer.fan_in(), dtype=torch.float64).clamp(min=1)
            layer.weight.copy_(draw * layer.gain * math.sqrt(3) / fan_in.sqrt())
