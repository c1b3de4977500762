"""Particles on a line with an interaction of finite range."""

from typing import Any, NamedTuple

import numpy as np
import scipy

from nqs.exact.two_on_a_line import two_with_gaussian_interaction
from nqs.systems.calogero_sutherland import trap_on_a_line
from nqs.systems.harmonic_oscillator import STATISTICS
from nqs.systems.spin_system import check_finite
from nqs.systems.system import (
    LARGEST,
    SPINLESS,
    System,
    check_positive_integer,
    check_scale,
    external_potential,
    interaction,
)

NARROWEST = 0.01  # range of the interaction, in lengths of the trap, for which two particles are solved


class _Fields(NamedTuple):
    n_particles: int
    n_dims: int
    strength: float
    width: float
    omega: float
    n_up: int  # SPINLESS for bosons


class GaussianInteraction(System, _Fields):
    """N bosons, or fermions all of one spin, on a line in a harmonic trap; units hbar = m = 1.

        H = sum_i ( -d^2 / dx_i^2 / 2 + omega^2 x_i^2 / 2 )
            + sum_{i<j} V_0 / (sqrt(2 pi) sigma) exp( -(x_i - x_j)^2 / (2 sigma^2) )

    The energy is known for one particle, for two (``nqs.exact.two_with_gaussian_interaction``, for a range of 0.01 or
    more lengths of the trap), and without any
    interaction. For sigma -> 0 bosons touch with the strength V_0, and fermions do not feel each other.

    Parameters
    ----------
    n_particles : a whole number from 1
    strength : V_0, repulsive where positive, up to 1e9
    width : sigma, from 1e-9 to 1e9
    omega : the frequency of the trap, from 1e-9 to 1e9
    statistics : "fermion" or "boson"

    Raises
    ------
    ValueError : for parameters outside these ranges

    Source: J. W. T. Keeble et al., Phys. Rev. A 108, 063320 (2023), eqs. (1) and (2).
    """

    __slots__ = ()

    def __new__(
        cls,
        n_particles: int = 2,
        strength: float = 1.0,
        width: float = 0.5,
        omega: float = 1.0,
        statistics: str = "fermion",
    ) -> "GaussianInteraction":
        n_particles = check_positive_integer("n_particles", n_particles)
        if statistics not in STATISTICS:
            raise ValueError(f"expected statistics to be one of {', '.join(STATISTICS)}, got {statistics!r}")
        numbers = _check_strength(strength), check_scale("width", width), check_scale("omega", omega)
        return cls._make((n_particles, 1, *numbers, n_particles if statistics == "fermion" else SPINLESS))

    @property
    def statistics(self) -> str:
        return STATISTICS[self.fermions]

    @property
    def length(self) -> np.ndarray:
        return np.sqrt([0.5 / self.omega])

    @property
    def exact_energy(self) -> float | None:
        if self.n_particles == 1 or self.strength == 0:
            return self.omega * (self.n_particles**2 if self.fermions else self.n_particles) / 2
        if self.n_particles == 2 and self.width * np.sqrt(self.omega) >= NARROWEST:
            return two_with_gaussian_interaction(self.strength, self.width, self.omega, self.fermions)
        return None

    @property
    def extent(self) -> np.ndarray:
        """The highest orbital of fermions, what the largest force or the range of the repulsion adds, and a tail."""
        others = self.n_particles - 1
        orbital = np.sqrt((2 * others + 1 if self.fermions or self.strength > 0 else 1) / self.omega)
        force = max(0.0, self.strength) * others / (np.sqrt(2 * np.pi * np.e) * self.width**2)
        return orbital + min(force / self.omega**2, 2 * self.width * others) + 4 * self.length

    @property
    def height(self) -> float:
        """The interaction of two particles at one place."""
        return self.strength / (np.sqrt(2 * np.pi) * self.width)

    @property
    def time(self) -> float:
        return 1 / (self.omega + abs(self.height))

    @property
    def cloud(self) -> float:
        """The width w of a normal cloud of bosons that repel each other, where its energy is lowest; else of the trap.

        E / N = omega^2 w^2 / 2 + 1 / (8 w^2) + (N - 1) V_0 / (2 sqrt(2 pi (sigma^2 + 2 w^2)))
        """
        narrowest = float(self.length[0])
        if self.strength <= 0 or self.fermions:
            return narrowest

        def energy(w: float) -> float:
            repulsion = (self.n_particles - 1) * self.height / np.sqrt(1 + 2 * (w / self.width) ** 2)
            return (self.omega * w) ** 2 / 2 + 1 / (8 * w**2) + repulsion / 2

        found: Any = scipy.optimize.minimize_scalar(energy, bounds=(narrowest, float(self.extent[0])), method="bounded")
        return float(found.x)

    def first_configurations(self, n: int, generator: np.random.Generator) -> np.ndarray:
        """Normally distributed particles, fermions over a cloud as wide as without interaction."""
        width = self.length * np.sqrt(self.n_particles) if self.fermions else self.cloud
        return generator.standard_normal((n, self.n_particles, 1)) * width


def _check_strength(strength: float) -> float:
    if abs(check_finite("strength", strength)) > LARGEST:
        raise ValueError(f"expected strength to be a number from -{LARGEST:g} to {LARGEST:g}, got {strength}")
    return float(strength)


@external_potential.register(GaussianInteraction)
def _(system, x):
    return trap_on_a_line(system.omega, x)


@interaction.register(GaussianInteraction)
def _(system, x):
    energy = 0.0
    for i in range(x.shape[0]):
        for j in range(i):
            energy += np.exp(-0.5 * ((x[i, 0] - x[j, 0]) / system.width) ** 2)
    return system.strength / (np.sqrt(2.0 * np.pi) * system.width) * energy
