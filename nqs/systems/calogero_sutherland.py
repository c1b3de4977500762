"""Particles on a line that repel each other as the inverse square of their distance: exactly solvable."""

from typing import NamedTuple

import numpy as np

from neural.jit import kernel
from nqs.systems.system import System, check_positive_integer, check_scale, external_potential, interaction


class _Fields(NamedTuple):
    n_particles: int
    n_dims: int
    strength: float
    omega: float


class CalogeroSutherland(System, _Fields):
    """N particles on a line in a harmonic trap; units hbar = m = 1.

        H = sum_i ( -d^2 / dx_i^2 / 2 + omega^2 x_i^2 / 2 ) + sum_{i<j} lambda (lambda - 1) / (x_i - x_j)^2

    The ground state and its energy are

        psi = prod_{i<j} |x_i - x_j|^lambda exp( -omega sum_i x_i^2 / 2 ),   E = omega (N + lambda N (N - 1)) / 2,

    which is ``PowerJastrow(system) * Gaussian(system)``. Particles never pass one another, so that each ordering of
    them is a problem by itself, with one energy for all: bosons and fermions do not differ.

    Parameters
    ----------
    n_particles : a whole number from 1
    strength : lambda, above 1/2; lambda and 1 - lambda have the same potential, of which psi takes the larger. There
        is no interaction for 1, where the particles are free fermions, and an attraction below 1
    omega : the frequency of the trap, from 1e-9 to 1e9

    Raises
    ------
    ValueError : for parameters outside these ranges

    Source: F. Calogero, J. Math. Phys. 12, 419 (1971); B. Sutherland, J. Math. Phys. 12, 246 (1971), eqs. (4)-(7).
    """

    __slots__ = ()

    def __new__(cls, n_particles: int = 2, strength: float = 2.0, omega: float = 1.0) -> "CalogeroSutherland":
        n_particles = check_positive_integer("n_particles", n_particles)
        if check_scale("strength", strength) <= 0.5:
            raise ValueError(
                f"expected strength to be above 1/2, got {strength}: {1 - strength:.10g} gives the same potential"
            )
        return cls._make((n_particles, 1, float(strength), check_scale("omega", omega)))

    @property
    def length(self) -> np.ndarray:
        return np.sqrt([0.5 / self.omega])

    @property
    def exact_energy(self) -> float:
        n = self.n_particles
        return self.omega * (n + self.strength * n * (n - 1)) / 2

    @property
    def extent(self) -> np.ndarray:
        """The edge of the semicircle that the density of many particles follows, and a tail."""
        edge = np.sqrt(2 * self.strength * (self.n_particles - 1) / self.omega)
        return edge + 4 * self.length

    def first_configurations(self, n: int, generator: np.random.Generator) -> np.ndarray:
        """Particles normally distributed over the extent of the exact state: omega^2 sum <x^2> = E, by the virial."""
        width = np.sqrt(self.exact_energy / self.n_particles) / self.omega
        return generator.standard_normal((n, self.n_particles, 1)) * width


@external_potential.register(CalogeroSutherland)
def _(system, x):
    return trap_on_a_line(system.omega, x)


@interaction.register(CalogeroSutherland)
def _(system, x):
    energy = 0.0
    for i in range(x.shape[0]):
        for j in range(i):
            energy += 1.0 / (x[i, 0] - x[j, 0]) ** 2
    return system.strength * (system.strength - 1.0) * energy


@kernel
def trap_on_a_line(omega, x):
    """sum_i omega^2 x_i^2 / 2 for a configuration x, shape (n_particles, 1)."""
    energy = 0.0
    for i in range(x.shape[0]):
        energy += x[i, 0] * x[i, 0]
    return 0.5 * omega * omega * energy
