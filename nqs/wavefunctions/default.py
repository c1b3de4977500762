"""A good wave function for each system of particles."""

import numpy as np

from nqs.systems.calogero_sutherland import CalogeroSutherland
from nqs.systems.double_dot import DoubleDot
from nqs.systems.gaussian_interaction import GaussianInteraction
from nqs.systems.hard_sphere_bosons import HardSphereBosons
from nqs.systems.quantum_dot import QuantumDot
from nqs.systems.spin_system import SpinSystem
from nqs.systems.system import System, check_particles
from nqs.wavefunctions.backflow import Backflow
from nqs.wavefunctions.gaussian import Gaussian
from nqs.wavefunctions.hard_sphere_jastrow import HardSphereJastrow
from nqs.wavefunctions.neural import Neural
from nqs.wavefunctions.pade_jastrow import PadeJastrow
from nqs.wavefunctions.pair_network import PairNetwork
from nqs.wavefunctions.pair_product import spin_kinds
from nqs.wavefunctions.power_jastrow import PowerJastrow
from nqs.wavefunctions.slater import Slater
from nqs.wavefunctions.symmetric_rbm import SymmetricRBM
from nqs.wavefunctions.wavefunction import WaveFunction

LEAST_FILTERS = 6


def default_wavefunction(system: System | SpinSystem, seed: int = 0) -> WaveFunction:
    """The wave function that suits the system, at initial values from which training starts well.

    Spins: a restricted Boltzmann machine that does not change under any symmetry of the lattice, real where the ground
    state can be positive. Particles: the product of these factors.

    Electrons in a quantum dot: determinants with backflow where there are equal spins, the exact cusps, and a network
    of pairs; its energy starts below that of Hartree and Fock. Electrons in two wells have a network of pooled powers
    instead, which does not take the centre for the middle of the cloud. Hard spheres and the Calogero-Sutherland model
    have their own pair factors. Other bosons have a Gaussian and a network of pairs, other fermions determinants and a
    network of pooled powers; on a line, fermions of one spin are told apart by their order.

    ``seed`` is that of the weights. Raises ``TypeError`` for anything but a system.
    """
    if isinstance(system, SpinSystem):
        dtype = float if system.stoquastic else complex
        return SymmetricRBM(system, default_filters(system), permutations=system.symmetries, dtype=dtype, seed=seed)
    check_particles(system)
    if isinstance(system, QuantumDot | DoubleDot):
        determinants = Backflow(system) if _has_equal_spins(system) else Slater(system)
        pairs = PairNetwork(system, seed=seed) if isinstance(system, QuantumDot) else _pooled(system, seed)
        return determinants * PadeJastrow(system) * pairs
    if isinstance(system, HardSphereBosons):
        return Gaussian(system) * HardSphereJastrow(system)
    if isinstance(system, CalogeroSutherland):
        return Gaussian(system) * PowerJastrow(system)
    if system.n_dims == 1 and system.fermions and _n_up(system) == system.n_particles:
        return PowerJastrow(system) * Neural(system, symmetry="sorted", seed=seed)
    if system.fermions:
        return Slater(system) * _pooled(system, seed)
    alpha = 0.25 / system.cloud**2 if isinstance(system, GaussianInteraction) else None
    # Pooled powers in place of pairs left a wild tail, where the local energy varied a thousand times more.
    return Gaussian(system, alpha) * PairNetwork(system, seed=seed)


def default_filters(system: SpinSystem) -> int:
    """Filters of a symmetric machine: as many as give two hidden units for each site, and no less than six."""
    return max(LEAST_FILTERS, -(-2 * system.n_sites // len(system.symmetries)))


def _pooled(system: System, seed: int) -> Neural:
    """A network without an envelope, which another factor has already."""
    net = Neural(system, (16, 16), symmetry="pooled", degree=4, seed=seed)
    return net._replace(alpha=np.zeros(system.n_dims))


def _n_up(system: System) -> int:
    return system.n_up  # type: ignore[attr-defined]


def _has_equal_spins(system: System) -> bool:
    return spin_kinds(system.n_particles, _n_up(system)) == 2
