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
    """psi on the configurations of its space, or of one ``magnetisation``: it is 0 on all others.

    Raises ``ValueError`` for more than 16 sites, or a magnetisation in which psi is 0.
    """

    def __init__(self, psi: "SpinState", magnetisation: int | None = None) -> None:
        n_sites = psi.shape[0]
        if n_sites > MOST_SITES:
            raise ValueError(f"expected at most {MOST_SITES} sites for the sum over all configurations, got {n_sites}")
        own = psi.space.magnetisation
        if magnetisation is not None and own not in (None, magnetisation):
            raise ValueError(
                f"expected the magnetisation {own} of the wave function, which is 0 elsewhere, got {magnetisation}: "
                f"psi.within({magnetisation}) has it"
            )
        self.basis = Basis(n_sites, own if magnetisation is None else magnetisation)
        self.psi = psi.within(self.basis.magnetisation)

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
        """<psi|operator|psi> of any sum of Pauli strings, such as a Hamiltonian; what leads out of the space is 0."""
        image = matrix(operator, self.basis, within=True) @ self.amplitudes
        return float(np.real(np.vdot(self.amplitudes, image)))

    def variance(self, operator: "SpinSystem") -> float:
        """<psi|operator^2|psi> - <psi|operator|psi>^2, with what operator|psi> has outside of the space."""
        state, basis = self.amplitudes, self.basis
        if not operator.conserves_magnetisation:
            state, basis = basis.expand(state), Basis(basis.n_sites)
        image = matrix(operator, basis) @ state
        return float(np.linalg.norm(image - np.vdot(state, image) * state) ** 2)

    def fidelity(self, state: np.ndarray) -> float:
        """|<state|psi>|^2 with a normalised state in the same basis, or in that of all configurations."""
        inside = state if len(state) == len(self.basis) else state[self.basis.states]
        return float(abs(np.vdot(inside, self.amplitudes)) ** 2)

    def entropy(self, sites: np.ndarray) -> float:
        """The Renyi-2 entropy -log tr rho_A^2 of the ``sites`` of A."""
        n = self.basis.n_sites
        full = self.basis.expand(self.amplitudes).reshape((2,) * n)
        axes = [n - 1 - int(site) for site in sites]  # the last axis is bit 0
        matrix_of_a = np.moveaxis(full, axes, range(len(axes))).reshape(2 ** len(axes), -1)
        density = matrix_of_a @ matrix_of_a.conj().T
        return -float(np.log(np.sum(np.abs(density) ** 2)))
