"""Electrons with Coulomb repulsion in two wells."""

import math
from typing import NamedTuple

import numpy as np

from neural.jit import kernel
from nqs.exact.double_well import one_electron_double_dot, two_electron_double_dot
from nqs.systems.coulomb import classical_radius, coulomb
from nqs.systems.system import (
    System,
    check_n_up,
    check_non_negative,
    check_positive_integer,
    check_scale,
    external_potential,
    interaction,
)

FARTHEST = 6.0  # distance of the wells, in units of 1 / sqrt(omega), up to which two electrons are solved
WEAKEST = 1e-6  # frequency, likewise


class _Fields(NamedTuple):
    n_particles: int
    separation: float
    omega: float
    n_up: int


class DoubleDot(System, _Fields):
    """Electrons of spin 1/2 in two harmonic wells at x = +- R / 2 in the plane; atomic units.

        H = sum_i ( -nabla_i^2 / 2 + omega^2 (r_i^2 - R |x_i| + R^2 / 4) / 2 ) + sum_{i<j} 1 / |r_i - r_j|

    The exact energy is known for one electron and for two of opposite spin up to R = 6 / sqrt(omega)
    (``nqs.exact.two_electron_double_dot``).

    Parameters
    ----------
    n_particles : a whole number from 1
    separation : R, the distance of the wells, in bohr, up to 1e9; one dot for 0
    omega : the frequency of each well, from 1e-9 to 1e9
    n_up : how many electrons have the spin up, half of them or one more by default: particles 0 .. n_up - 1

    Raises
    ------
    ValueError : for parameters outside these ranges
    """

    __slots__ = ()
    n_dims = 2

    def __new__(
        cls, n_particles: int = 2, separation: float = 2.0, omega: float = 1.0, n_up: int | None = None
    ) -> "DoubleDot":
        n_particles = check_positive_integer("n_particles", n_particles)
        if check_non_negative("separation", separation):
            check_scale("separation", separation)
        return cls._make((n_particles, float(separation), check_scale("omega", omega), check_n_up(n_up, n_particles)))

    @property
    def length(self) -> np.ndarray:
        return np.sqrt(0.5 / self.omega + np.array([self.separation / 2, 0.0]) ** 2)

    @property
    def extent(self) -> np.ndarray:
        wells = np.array([self.separation / 2, 0.0])
        return wells + classical_radius(self.n_particles, self.omega, 2) + 4 * np.sqrt(0.5 / self.omega)

    @property
    def _is_solved(self) -> bool:
        """Whether the matrix of ``two_electron_double_dot`` is large enough."""
        return self.separation * np.sqrt(self.omega) <= FARTHEST and self.omega >= WEAKEST

    @property
    def energy_bounds(self) -> tuple[float, float]:
        """No energy is negative, as V is not."""
        return 0.0, math.inf

    @property
    def exact_energy(self) -> float | None:
        if self.n_particles == 1:
            return one_electron_double_dot(self.separation, self.omega)
        if self.n_particles == 2 and self.n_up == 1 and self._is_solved:
            return two_electron_double_dot(self.separation, self.omega)
        return None


@kernel
def wells(separation, omega, x):
    """sum_i omega^2 ( (|x_i| - R / 2)^2 + y_i^2 ) / 2 for a configuration x, shape (n_particles, 2)."""
    energy = 0.0
    for i in range(x.shape[0]):
        energy += 0.5 * omega * omega * ((abs(x[i, 0]) - 0.5 * separation) ** 2 + x[i, 1] * x[i, 1])
    return energy


@external_potential.register(DoubleDot)
def _(system, x):
    return wells(system.separation, system.omega, x)


@interaction.register(DoubleDot)
def _(system, x):
    return coulomb(x)
