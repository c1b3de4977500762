"""The same feed-forward network in torch, and back: equal parameters, in the same order, and equal outputs.

torch keeps the weights of a linear layer as (n_out, n_in), which is how ``FeedForward.theta`` holds them, so that
``parameters_to_vector(to_torch(net).parameters())`` is ``flatten(net)``.
"""

from collections.abc import Callable
from functools import partial

import torch
from torch import nn

from neural.activations import LEAK
from neural.feedforward import FeedForward


class Sine(nn.Module):
    """sin z, element by element."""

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return torch.sin(z)


MODULES: dict[str, Callable[[], nn.Module]] = {
    "identity": nn.Identity,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "leaky_relu": partial(nn.LeakyReLU, LEAK),
    "softplus": partial(nn.Softplus, threshold=100.0),  # torch's own 20 cuts e^-20 off, a relative 1e-10
    "gelu": nn.GELU,
    "sine": Sine,
}
NAMES = {repr(make()): name for name, make in MODULES.items()}  # the settings of a module are part of its repr


def to_torch(net: FeedForward, dtype: torch.dtype = torch.float64) -> nn.Sequential:
    """A module with copies of the parameters of ``net``: linear layers and activations in turn."""
    modules: list[nn.Module] = []
    for weights, bias, name in zip(net.weights, net.biases, net.activations, strict=True):
        linear = nn.Linear(*weights.shape, dtype=dtype, device="meta")  # draws no random numbers
        linear.weight = nn.Parameter(torch.tensor(weights.T, dtype=dtype))
        linear.bias = nn.Parameter(torch.tensor(bias, dtype=dtype))
        modules += [linear, MODULES[name]()]
    return nn.Sequential(*modules)


def from_torch(module: nn.Sequential) -> FeedForward:
    """The ``FeedForward`` with copies of the parameters of ``module``, exact when they are float64 or shorter.

    ``module`` is a sequence of ``nn.Linear`` with biases, each followed by one of the activations in ``MODULES`` or by
    none, the identity. Raises ``ValueError`` for anything else.
    """
    linears: list[nn.Linear] = []
    activations: list[str] = []
    for child in module:
        if isinstance(child, nn.Linear) and child.bias is not None:
            linears.append(child)
            activations.append("identity")
        elif repr(child) in NAMES and linears and activations[-1] == "identity":
            activations[-1] = NAMES[repr(child)]
        else:
            raise ValueError(f"expected nn.Linear with a bias, or after it one of {', '.join(NAMES)}; found {child}")
    weights = [linear.weight.detach().cpu().double().numpy().T for linear in linears]
    biases = [linear.bias.detach().cpu().double().numpy() for linear in linears]
    return FeedForward.from_layers(weights, biases, activations)
