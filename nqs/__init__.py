"""Neural-network quantum states: ground states of many-body systems by variational Monte Carlo."""

from montecarlo.estimates import Estimate
from nqs.proposals import Gibbs, Langevin, RandomWalk
from nqs.reconfiguration import StochasticReconfiguration
from nqs.systems import HarmonicOscillator, QuantumDot
from nqs.vmc import VMC, DivergedError, VMCWarning
from nqs.wavefunctions import Gaussian, GaussianRBM, Neural, PadeJastrow, Product, WaveFunction

__all__ = [
    "VMC",
    "DivergedError",
    "Estimate",
    "Gaussian",
    "GaussianRBM",
    "Gibbs",
    "HarmonicOscillator",
    "Langevin",
    "Neural",
    "PadeJastrow",
    "Product",
    "QuantumDot",
    "RandomWalk",
    "StochasticReconfiguration",
    "VMCWarning",
    "WaveFunction",
]
