"""Particles without interaction in a harmonic trap."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from neural.jit import kernel
from nqs.systems.system import (
    SPINLESS,
    System,
    check_n_up,
    check_positive_integer,
    external_potential,
    frequencies,
)

STATISTICS = ("boson", "fermion")


class _Fields(NamedTuple):
    n_particles: int
    n_dims: int
    omega: np.ndarray  # (n_dims,)
    n_up: int  # SPINLESS for bosons


class HarmonicOscillator(System, _Fields):
    """N particles in a trap, isotropic or with one frequency for each axis; units hbar = m = 1.

        H = sum_i ( -nabla_i^2 / 2 + sum_d omega_d^2 x_id^2 / 2 )

    The exact ground-state energy is N sum_d omega_d / 2 for bosons, with psi = exp(-sum omega_d x_id^2 / 2). For
    spin-1/2 fermions the particles of each spin fill the lowest orbitals, one each.

    Parameters
    ----------
    n_particles, n_dims : whole numbers from 1
    omega : one number from 1e-9 to 1e9, or one for each axis
    statistics : "boson" or "fermion" (spin 1/2)
    n_up : how many fermions have the spin up, half of them or one more by default: particles 0 .. n_up - 1

    Raises
    ------
    ValueError : for parameters outside these ranges
    """

    __slots__ = ()

    def __new__(
        cls,
        n_particles: int = 1,
        n_dims: int = 1,
        omega: float | Sequence[float] = 1.0,
        statistics: str = "boson",
        n_up: int | None = None,
    ) -> "HarmonicOscillator":
        n_particles = check_positive_integer("n_particles", n_particles)
        n_dims = check_positive_integer("n_dims", n_dims)
        if statistics not in STATISTICS:
            raise ValueError(f"expected statistics to be one of {', '.join(STATISTICS)}, got {statistics!r}")
        if statistics == "boson" and n_up is not None:
            raise ValueError(f"expected no n_up, bosons have no spin here, got {n_up!r}")
        spins = SPINLESS if statistics == "boson" else check_n_up(n_up, n_particles)
        return cls._make((n_particles, n_dims, frequencies(omega, n_dims), spins))

    @property
    def statistics(self) -> str:
        return STATISTICS[self.fermions]

    @property
    def length(self) -> np.ndarray:
        return np.sqrt(0.5 / self.omega)

    @property
    def energy_bounds(self) -> tuple[float, float]:
        """No energy is negative, as V is not."""
        return 0.0, math.inf

    @property
    def exact_energy(self) -> float:
        if not self.fermions:
            return float(self.n_particles * self.omega.sum() / 2)
        spins = self.n_up, self.n_particles - self.n_up
        return float(sum(_orbital_energies(self.omega, n).sum() for n in spins))


def _orbital_energies(omega: np.ndarray, n: int) -> np.ndarray:
    """The n lowest energies sum_d omega_d (n_d + 1/2) of one particle."""
    energies = np.zeros(1)
    for frequency in omega:
        ladder = frequency * (np.arange(n) + 0.5)
        energies = np.sort(np.add.outer(energies, ladder).ravel())[:n]
    return energies


@kernel
def trap(omega, x):
    """sum_i sum_d omega_d^2 x_id^2 / 2 for a configuration x, shape (n_particles, n_dims)."""
    energy = 0.0
    for d in range(x.shape[1]):
        squares = 0.0
        for i in range(x.shape[0]):
            squares += x[i, d] * x[i, d]
        energy += 0.5 * omega[d] * omega[d] * squares
    return energy


@external_potential.register(HarmonicOscillator)
def _(system, x):
    return trap(system.omega, x)
