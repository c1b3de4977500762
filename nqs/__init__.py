"""Neural-network quantum states: ground states of many-body systems by variational Monte Carlo."""

from montecarlo.estimates import Estimate
from montecarlo.lattices import Chain, Graph, Honeycomb, Kagome, Lattice, Square, Triangular
from nqs.checks import DivergedError, VMCWarning
from nqs.proposals import Gibbs, Langevin, RandomWalk, SpinExchange, SpinFlip
from nqs.reconfiguration import StochasticReconfiguration
from nqs.systems import (
    J1J2,
    HarmonicOscillator,
    Heisenberg,
    PauliSum,
    QuantumDot,
    SignProblemWarning,
    TransverseFieldIsing,
)
from nqs.vmc import VMC
from nqs.wavefunctions import (
    Gaussian,
    GaussianRBM,
    Neural,
    PadeJastrow,
    PairNetwork,
    Product,
    Slater,
    SpinJastrow,
    SpinNeural,
    SpinRBM,
    SpinState,
    SymmetricRBM,
    WaveFunction,
)

__all__ = [
    "J1J2",
    "VMC",
    "Chain",
    "DivergedError",
    "Estimate",
    "Gaussian",
    "GaussianRBM",
    "Gibbs",
    "Graph",
    "HarmonicOscillator",
    "Heisenberg",
    "Honeycomb",
    "Kagome",
    "Langevin",
    "Lattice",
    "Neural",
    "PadeJastrow",
    "PairNetwork",
    "PauliSum",
    "Product",
    "QuantumDot",
    "RandomWalk",
    "SignProblemWarning",
    "Slater",
    "SpinExchange",
    "SpinFlip",
    "SpinJastrow",
    "SpinNeural",
    "SpinRBM",
    "SpinState",
    "Square",
    "StochasticReconfiguration",
    "SymmetricRBM",
    "TransverseFieldIsing",
    "Triangular",
    "VMCWarning",
    "WaveFunction",
]
