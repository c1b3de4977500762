"""Hamiltonians."""

from nqs.systems.harmonic_oscillator import HarmonicOscillator
from nqs.systems.quantum_dot import QuantumDot
from nqs.systems.system import System, potential

__all__ = ["HarmonicOscillator", "QuantumDot", "System", "potential"]
