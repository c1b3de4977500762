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
from neural.divergence import DivergedError

if TYPE_CHECKING:
    from generative.autoregressive import MADE, CausalCNN, SiteTransformer
    from generative.conditions import Classes, Interval
    from generative.diffusion import DDIM, DDPM, Diffusion, PredictorCorrector, ProbabilityFlow, SpinDiffusion
    from generative.flows import Flow
    from generative.gan import GAN
    from generative.vae import VAE, Autoencoder

__all__ = [
    "DDIM",
    "DDPM",
    "GAN",
    "MADE",
    "VAE",
    "Autoencoder",
    "BernoulliRBM",
    "BoltzmannMachine",
    "CausalCNN",
    "Classes",
    "DeepBoltzmannMachine",
    "Diffusion",
    "DivergedError",
    "Evaluation",
    "Flow",
    "GaussianBernoulliRBM",
    "Interval",
    "IsingRBM",
    "PottsRBM",
    "PredictorCorrector",
    "ProbabilityFlow",
    "SiteTransformer",
    "SpinDiffusion",
    "datasets",
    "evaluate",
]

IN_TORCH = {
    "MADE": "generative.autoregressive",
    "CausalCNN": "generative.autoregressive",
    "SiteTransformer": "generative.autoregressive",
    "Classes": "generative.conditions",
    "Interval": "generative.conditions",
    "Autoencoder": "generative.vae",
    "VAE": "generative.vae",
    "Flow": "generative.flows",
    "GAN": "generative.gan",
    "DDIM": "generative.diffusion",
    "DDPM": "generative.diffusion",
    "Diffusion": "generative.diffusion",
    "PredictorCorrector": "generative.diffusion",
    "ProbabilityFlow": "generative.diffusion",
    "SpinDiffusion": "generative.diffusion",
}


def __getattr__(name: str) -> Any:
    if name not in IN_TORCH:
        raise AttributeError(f"module 'generative' has no attribute {name!r}")
    return getattr(import_module(IN_TORCH[name]), name)
