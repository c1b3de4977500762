"""Wave functions, to be multiplied with ``*``."""

from nqs.wavefunctions.backflow import Backflow
from nqs.wavefunctions.default import default_wavefunction
from nqs.wavefunctions.gaussian import Gaussian
from nqs.wavefunctions.gaussian_rbm import GaussianRBM
from nqs.wavefunctions.hard_sphere_jastrow import HardSphereJastrow
from nqs.wavefunctions.jastrow import Jastrow
from nqs.wavefunctions.neural import Neural
from nqs.wavefunctions.pade_jastrow import PadeJastrow
from nqs.wavefunctions.pair_network import PairNetwork
from nqs.wavefunctions.power_jastrow import PowerJastrow
from nqs.wavefunctions.slater import Slater
from nqs.wavefunctions.spin_jastrow import SpinJastrow
from nqs.wavefunctions.spin_neural import SpinNeural
from nqs.wavefunctions.spin_rbm import SpinRBM
from nqs.wavefunctions.spin_state import SpinState
from nqs.wavefunctions.symmetric_rbm import SymmetricRBM
from nqs.wavefunctions.wavefunction import Product, WaveFunction

__all__ = [
    "Backflow",
    "Gaussian",
    "GaussianRBM",
    "HardSphereJastrow",
    "Jastrow",
    "Neural",
    "PadeJastrow",
    "PairNetwork",
    "PowerJastrow",
    "Product",
    "Slater",
    "SpinJastrow",
    "SpinNeural",
    "SpinRBM",
    "SpinState",
    "SymmetricRBM",
    "WaveFunction",
    "default_wavefunction",
]
