"""Electrons with Coulomb repulsion in a harmonic trap."""

import math
from typing import NamedTuple

import numpy as np

from nqs.exact import two_electron_dot
from nqs.systems.coulomb import classical_radius, coulomb
from nqs.systems.harmonic_oscillator import trap
from nqs.systems.system import (
    System,
    check_n_up,
    check_positive_integer,
    external_potential,
    frequencies,
    interaction,
)


class _Fields(NamedTuple):
    n_particles: int
    n_dims: int
    omega: np.ndarray  # (n_dims,)
    n_up: int


class QuantumDot(System, _Fields):
    """Electrons of spin 1/2 in an isotropic harmonic trap of 2 or 3 dimensions; atomic units.

        H = sum_i ( -nabla_i^2 / 2 + omega^2 r_i^2 / 2 ) + sum_{i<j} 1 / |r_i - r_j|

    Shells close at N = 2, 6, 12, 20, 30, 42, 56 in two dimensions and at N = 2, 8, 20, 40 in three. The exact energy
    is known for one and two electrons (``nqs.exact.two_electron_dot``).

    Parameters
    ----------
    n_particles : a whole number from 1
    n_dims : 2 or 3
    omega : the frequency of the trap, from 1e-9 to 1e9
    n_up : how many electrons have the spin up, half of them or one more by default: particles 0 .. n_up - 1

    Raises
    ------
    ValueError : for parameters outside these ranges
    """

    __slots__ = ()

    def __new__(
        cls, n_particles: int = 2, n_dims: int = 2, omega: float = 1.0, n_up: int | None = None
    ) -> "QuantumDot":
        n_particles = check_positive_integer("n_particles", n_particles)
        if check_positive_integer("n_dims", n_dims) not in (2, 3):
            raise ValueError(f"expected n_dims to be 2 or 3, got {n_dims!r}")
        if np.ndim(omega) != 0:
            raise ValueError(f"expected one number for omega, the trap is isotropic, got {omega!r}")
        spins = check_n_up(n_up, n_particles)
        return cls._make((n_particles, int(n_dims), frequencies(omega, n_dims), spins))

    @property
    def length(self) -> np.ndarray:
        return np.sqrt(0.5 / self.omega)

    @property
    def extent(self) -> np.ndarray:
        return (classical_radius(self.n_particles, float(self.omega[0]), self.n_dims)) + 4 * self.length

    @property
    def energy_bounds(self) -> tuple[float, float]:
        """No energy is negative, as V is not."""
        return 0.0, math.inf

    @property
    def exact_energy(self) -> float | None:
        omega = float(self.omega[0])
        if self.n_particles == 1:
            return omega * self.n_dims / 2
        if self.n_particles == 2:
            return two_electron_dot(omega, self.n_dims, triplet=self.n_up != 1)
        return None


@external_potential.register(QuantumDot)
def _(system, x):
    return trap(system.omega, x)


@interaction.register(QuantumDot)
def _(system, x):
    return coulomb(x)
