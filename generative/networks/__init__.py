"""Networks of the models in torch; every one is made from a seed and draws nothing from torch's shared generator."""

from generative.networks.convolutional import ResidualBlock, UNet
from generative.networks.dense import Coupled, Couplings, Dense, Paired, TimeFeatures, feed_forward
from generative.networks.lattice import LatticeDense, SharedLinear
from generative.networks.layers import Conv2d, Linear, initialise
from generative.networks.masked import CausalConv, MaskedDense
from generative.networks.transformer import CausalTransformer

__all__ = [
    "CausalConv",
    "CausalTransformer",
    "Conv2d",
    "Coupled",
    "Couplings",
    "Dense",
    "LatticeDense",
    "Linear",
    "MaskedDense",
    "Paired",
    "ResidualBlock",
    "SharedLinear",
    "TimeFeatures",
    "UNet",
    "feed_forward",
    "initialise",
]
