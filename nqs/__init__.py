"""Neural-network quantum states: ground states of many-body systems by variational Monte Carlo."""

from montecarlo.estimates import Estimate
from montecarlo.lattices import Chain, Graph, Honeycomb, Kagome, Lattice, Square, Triangular
from neural.divergence import DivergedError
from nqs.checks import VMCWarning
from nqs.evolution import TimeEvolution
from nqs.proposals import Gibbs, Langevin, RandomWalk, SpinExchange, SpinFlip
from nqs.reconfiguration import StochasticReconfiguration
from nqs.spin_space import SpinSpace
from nqs.systems import (
    J1J2,
    CalogeroSutherland,
    DoubleDot,
    GaussianInteraction,
    HardSphereBosons,
    HarmonicOscillator,
    Heisenberg,
    PauliSum,
    QuantumDot,
    SignProblemWarning,
    TransverseFieldIsing,
)
from nqs.systems.trap import Trap, potential
from nqs.training import default_optimizer
from nqs.vmc import VMC
from nqs.wavefunctions import (
    Backflow,
    Gaussian,
    GaussianRBM,
    HardSphereJastrow,
    Jastrow,
    Neural,
    PadeJastrow,
    PairNetwork,
    PowerJastrow,
    Product,
    Slater,
    SpinJastrow,
    SpinNeural,
    SpinRBM,
    SpinState,
    SymmetricRBM,
    WaveFunction,
    default_wavefunction,
)
from nqs.wavefunctions.own import log_psi

__all__ = [
    "J1J2",
    "VMC",
    "Backflow",
    "CalogeroSutherland",
    "Chain",
    "DivergedError",
    "DoubleDot",
    "Estimate",
    "Gaussian",
    "GaussianInteraction",
    "GaussianRBM",
    "Gibbs",
    "Graph",
    "HardSphereBosons",
    "HardSphereJastrow",
    "HarmonicOscillator",
    "Heisenberg",
    "Honeycomb",
    "Jastrow",
    "Kagome",
    "Langevin",
    "Lattice",
    "Neural",
    "PadeJastrow",
    "PairNetwork",
    "PauliSum",
    "PowerJastrow",
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
    "SpinSpace",
    "SpinState",
    "Square",
    "StochasticReconfiguration",
    "SymmetricRBM",
    "TimeEvolution",
    "TransverseFieldIsing",
    "Trap",
    "Triangular",
    "VMCWarning",
    "WaveFunction",
    "default_optimizer",
    "default_wavefunction",
    "log_psi",
    "potential",
]
