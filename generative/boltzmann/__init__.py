"""Boltzmann machines as generative models."""

from generative.boltzmann.deep import DeepBoltzmannMachine, DeepEpoch, DeepTraining
from generative.boltzmann.gaussian import GaussianBernoulliRBM
from generative.boltzmann.likelihood import LikelihoodWarning, LogLikelihood, LogPartition
from generative.boltzmann.models import BernoulliRBM, IsingRBM, PottsRBM
from generative.boltzmann.sampling import MixingWarning, Tempering
from generative.boltzmann.training import Epoch, Training
from generative.boltzmann.visible import BoltzmannMachine

__all__ = [
    "BernoulliRBM",
    "BoltzmannMachine",
    "DeepBoltzmannMachine",
    "DeepEpoch",
    "DeepTraining",
    "Epoch",
    "GaussianBernoulliRBM",
    "IsingRBM",
    "LikelihoodWarning",
    "LogLikelihood",
    "LogPartition",
    "MixingWarning",
    "PottsRBM",
    "Tempering",
    "Training",
]
