"""Diffusion models, of real numbers and of spins."""

from generative.diffusion.continuous import Diffusion
from generative.diffusion.samplers import DDIM, DDPM, PredictorCorrector, ProbabilityFlow, Sampler
from generative.diffusion.schedules import Cosine, Linear
from generative.diffusion.spins import SpinDiffusion

__all__ = [
    "DDIM",
    "DDPM",
    "Cosine",
    "Diffusion",
    "Linear",
    "PredictorCorrector",
    "ProbabilityFlow",
    "Sampler",
    "SpinDiffusion",
]
