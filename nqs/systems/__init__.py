"""Hamiltonians."""

from nqs.systems.calogero_sutherland import CalogeroSutherland
from nqs.systems.double_dot import DoubleDot
from nqs.systems.gaussian_interaction import GaussianInteraction
from nqs.systems.hard_sphere_bosons import HardSphereBosons
from nqs.systems.harmonic_oscillator import HarmonicOscillator
from nqs.systems.heisenberg import Heisenberg
from nqs.systems.j1j2 import J1J2
from nqs.systems.pauli_sum import PauliSum
from nqs.systems.quantum_dot import QuantumDot
from nqs.systems.spin_system import SignProblemWarning, SpinSystem
from nqs.systems.system import System, external_potential, interaction, potential
from nqs.systems.transverse_field_ising import TransverseFieldIsing

__all__ = [
    "J1J2",
    "CalogeroSutherland",
    "DoubleDot",
    "GaussianInteraction",
    "HardSphereBosons",
    "HarmonicOscillator",
    "Heisenberg",
    "PauliSum",
    "QuantumDot",
    "SignProblemWarning",
    "SpinSystem",
    "System",
    "TransverseFieldIsing",
    "external_potential",
    "interaction",
    "potential",
]
