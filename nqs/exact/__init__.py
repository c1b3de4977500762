"""Exact energies and states from small numerical solvers and closed forms."""

from nqs.exact.bethe_ansatz import heisenberg_ring
from nqs.exact.diagonalisation import Basis, Spectrum, ground_state_energy, lowest, matrix
from nqs.exact.free_fermions import transverse_field_chain
from nqs.exact.full_summation import FullSummation
from nqs.exact.two_electron_dot import two_electron_dot

__all__ = [
    "Basis",
    "FullSummation",
    "Spectrum",
    "ground_state_energy",
    "heisenberg_ring",
    "lowest",
    "matrix",
    "transverse_field_chain",
    "two_electron_dot",
]
