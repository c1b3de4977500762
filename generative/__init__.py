"""Generative models of physics data, judged against exact statistical physics."""

from generative import datasets
from generative.boltzmann import BernoulliRBM, GaussianBernoulliRBM, IsingRBM, PottsRBM

__all__ = ["BernoulliRBM", "GaussianBernoulliRBM", "IsingRBM", "PottsRBM", "datasets"]
