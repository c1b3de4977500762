"""Generative models of physics data, judged against exact statistical physics."""

from generative import datasets
from generative.boltzmann import BernoulliRBM, BoltzmannMachine, GaussianBernoulliRBM, IsingRBM, PottsRBM
from generative.evaluate import Evaluation, evaluate

__all__ = [
    "BernoulliRBM",
    "BoltzmannMachine",
    "Evaluation",
    "GaussianBernoulliRBM",
    "IsingRBM",
    "PottsRBM",
    "datasets",
    "evaluate",
]
