"""Exact energies and states from small numerical solvers and closed forms."""

from nqs.exact.bethe_ansatz import heisenberg_ring
from nqs.exact.configuration_interaction import configuration_interaction
from nqs.exact.diagonalisation import Basis, Spectrum, ground_state_energy, lowest, matrix
from nqs.exact.double_well import one_electron_double_dot, two_electron_double_dot
from nqs.exact.free_fermions import transverse_field_chain
from nqs.exact.full_summation import FullSummation
from nqs.exact.gross_pitaevskii import gross_pitaevskii
from nqs.exact.time_evolution import evolve
from nqs.exact.two_electron_dot import two_electron_dot
from nqs.exact.two_on_a_line import two_with_gaussian_interaction

__all__ = [
    "Basis",
    "FullSummation",
    "Spectrum",
    "configuration_interaction",
    "evolve",
    "gross_pitaevskii",
    "ground_state_energy",
    "heisenberg_ring",
    "lowest",
    "matrix",
    "one_electron_double_dot",
    "transverse_field_chain",
    "two_electron_dot",
    "two_electron_double_dot",
    "two_with_gaussian_interaction",
]
