"""Generative models of physics data, judged against exact statistical physics.

Models in torch are imported when they are asked for, so that the others need not wait for it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from generative import datasets
from generative.boltzmann import (
    BernoulliRBM,
    BoltzmannMachine,
    DeepBoltzmannMachine,
    GaussianBernoulliRBM,
    IsingRBM,
    PottsRBM,
)
from generative.evaluate import Evaluation, evaluate

if TYPE_CHECKING:
    from generative.autoregressive import MADE, CausalCNN, SiteTransformer
    from generative.conditions import Classes, Interval

__all__ = [
    "MADE",
    "BernoulliRBM",
    "BoltzmannMachine",
    "CausalCNN",
    "Classes",
    "DeepBoltzmannMachine",
    "Evaluation",
    "GaussianBernoulliRBM",
    "Interval",
    "IsingRBM",
    "PottsRBM",
    "SiteTransformer",
    "datasets",
    "evaluate",
]

IN_TORCH = {
    "MADE": "generative.autoregressive",
    "CausalCNN": "generative.autoregressive",
    "SiteTransformer": "generative.autoregressive",
    "Classes": "generative.conditions",
    "Interval": "generative.conditions",
}


def __getattr__(name: str) -> Any:
    if name not in IN_TORCH:
        raise AttributeError(f"module 'generative' has no attribute {name!r}")
    return getattr(import_module(IN_TORCH[name]), name)
