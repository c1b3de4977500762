"""Networks, Boltzmann machines, their derivatives, and training: the core that both halves of Born share."""

from neural.boltzmann import BinaryBoltzmann, GaussianBoltzmann, SpinBoltzmann
from neural.feedforward import FeedForward
from neural.optimizers import (
    AdaGrad,
    Adam,
    AdamW,
    Constant,
    CosineDecay,
    ExponentialDecay,
    GradientDescent,
    Momentum,
    Nesterov,
    RMSProp,
    WarmUp,
)
from neural.training import fit

__all__ = [
    "AdaGrad",
    "Adam",
    "AdamW",
    "BinaryBoltzmann",
    "Constant",
    "CosineDecay",
    "ExponentialDecay",
    "FeedForward",
    "GaussianBoltzmann",
    "GradientDescent",
    "Momentum",
    "Nesterov",
    "RMSProp",
    "SpinBoltzmann",
    "WarmUp",
    "fit",
]
