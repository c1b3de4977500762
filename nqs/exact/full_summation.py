"""Expectation values of a wave function of few spins by the sum over every configuration."""

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from nqs.exact.diagonalisation import Basis, matrix

if TYPE_CHECKING:
    from nqs.systems.spin_system import SpinSystem
    from nqs.wavefunctions.spin_state import SpinState

MOST_SITES = 16


class FullSummation:
    """psi on all 2^n_sites configurations, or on those of one ``magnetisation``.

    Raises ``ValueError`` for more than 16 sites.
    """

    def __init__(self, psi: "SpinState", magnetisation: int | None = None) -> None:
        n_sites = psi.shape[0]
        if n_sites > MOST_SITES:
            raise ValueError(f"expected at most {MOST_SITES} sites for the sum over all configurations, got {n_sites}")
        self.psi, self.basis = psi, Basis(n_sites, magnetisation)

    @cached_property
    def amplitudes(self) -> np.ndarray:
        """psi of every configuration of the basis, normalised, shape (n_states,)."""
        log_psi = self.psi.log_psi(self.basis.spins)
        amplitudes = np.exp(log_psi - np.real(log_psi).max())
        return amplitudes / np.linalg.norm(amplitudes)

    @property
    def probabilities(self) -> np.ndarray:
        """|psi|^2, shape (n_states,)."""
        return np.abs(self.amplitudes) ** 2

    def expectation(self, operator: "SpinSystem") -> float:
        """<psi|operator|psi> of any sum of Pauli strings, such as a Hamiltonian."""
        return float(np.real(np.vdot(self.amplitudes, matrix(operator, self.basis) @ self.amplitudes)))

    def variance(self, operator: "SpinSystem") -> float:
        """<psi|operator^2|psi> - <psi|operator|psi>^2."""
        image = matrix(operator, self.basis) @ self.amplitudes
        return float(np.linalg.norm(image - np.vdot(self.amplitudes, image) * self.amplitudes) ** 2)

    def fidelity(self, state: np.ndarray) -> float:
        """|<state|psi>|^2 with a normalised state in the same basis."""
        return float(abs(np.vdot(state, self.amplitudes)) ** 2)

    def entropy(self, sites: np.ndarray) -> float:
        """The Renyi-2 entropy -log tr rho_A^2 of the ``sites`` of A."""
        n = self.basis.n_sites
        full = self.basis.expand(self.amplitudes).reshape((2,) * n)
        axes = [n - 1 - int(site) for site in sites]  # the last axis is bit 0
        matrix_of_a = np.moveaxis(full, axes, range(len(axes))).reshape(2 ** len(axes), -1)
        density = matrix_of_a @ matrix_of_a.conj().T
        return -float(np.log(np.sum(np.abs(density) ** 2)))
