"""Bosons that cannot overlap in an elliptical trap: a dilute gas of cold atoms."""

import math
from typing import NamedTuple

import numpy as np

from neural.jit import kernel
from nqs.systems.harmonic_oscillator import trap
from nqs.systems.system import (
    System,
    check_positive_integer,
    check_scale,
    external_potential,
    interaction,
)

MOST_DRAWS = 1000  # of a first configuration without overlap


class _Fields(NamedTuple):
    n_particles: int
    n_dims: int
    diameter: float
    omega: np.ndarray  # (3,)


class HardSphereBosons(System, _Fields):
    """N hard spheres in a trap of three dimensions, which is tighter along z; units hbar = m = omega_xy = 1.

        H = sum_i ( -nabla_i^2 / 2 + (x_i^2 + y_i^2 + aspect^2 z_i^2) / 2 ) + sum_{i<j} V(r_ij)

    with V infinite for r < diameter, and 0 outside. Lengths are in units of sqrt(hbar / (m omega_xy)), in which the
    diameter is that of 87Rb in the trap of an early experiment. A wave function must vanish inside the spheres:
    multiply with ``HardSphereJastrow``. The exact energy is known for one particle only; ``nqs.exact.gross_pitaevskii``
    gives that of the mean field.

    Parameters
    ----------
    n_particles : a whole number from 1
    diameter : of the spheres, which is their scattering length, too; from 1e-9 to 1000
    aspect : omega_z / omega_xy, from 1e-9 to 1e9

    Raises
    ------
    ValueError : for parameters outside these ranges

    Source: J. L. DuBois and H. R. Glyde, Phys. Rev. A 63, 023602 (2001), eqs. (1)-(4).
    """

    __slots__ = ()

    def __new__(
        cls, n_particles: int = 10, diameter: float = 0.0043, aspect: float = float(np.sqrt(8))
    ) -> "HardSphereBosons":
        n_particles = check_positive_integer("n_particles", n_particles)
        omega = np.array([1.0, 1.0, check_scale("aspect", aspect)])
        return cls._make((n_particles, 3, check_scale("diameter", diameter, most=1000.0), omega))

    @property
    def aspect(self) -> float:
        return float(self.omega[2])

    @property
    def length(self) -> np.ndarray:
        return np.sqrt(0.5 / self.omega)

    @property
    def energy_bounds(self) -> tuple[float, float]:
        """No energy is negative, as V is not."""
        return 0.0, math.inf

    @property
    def exact_energy(self) -> float | None:
        return float(self.omega.sum() / 2) if self.n_particles == 1 else None

    def first_configurations(self, n: int, generator: np.random.Generator) -> np.ndarray:
        """Normally distributed particles of which no two overlap, shape (n, n_particles, 3).

        Particles follow one another, each drawn until it is clear of those before it. Where that takes too long, the
        whole cloud is drawn larger. Raises ``ValueError`` for spheres that would need a cloud of more than 100 times
        the size.
        """
        return np.stack([self._first_configuration(generator) for _ in range(n)])

    def _first_configuration(self, generator: np.random.Generator) -> np.ndarray:
        for scale in np.geomspace(1, 100, 20):
            x = np.empty((0, 3))
            for _ in range(MOST_DRAWS * self.n_particles):
                new = generator.standard_normal(3) * self.length * scale
                if (((x - new) ** 2).sum(axis=1) > self.diameter**2).all():
                    x = np.vstack([x, new])
                if len(x) == self.n_particles:
                    return x
        raise ValueError(
            f"expected spheres that fit into the trap, found {self.n_particles} of the diameter {self.diameter}"
        )


@kernel
def overlap(diameter, x):
    """Whether two particles of a configuration x, shape (n_particles, n_dims), are closer than the diameter."""
    for i in range(x.shape[0]):
        for j in range(i):
            squared = 0.0
            for d in range(x.shape[1]):
                squared += (x[i, d] - x[j, d]) ** 2
            if squared < diameter * diameter:
                return True
    return False


@external_potential.register(HardSphereBosons)
def _(system, x):
    return trap(system.omega, x)


@interaction.register(HardSphereBosons)
def _(system, x):
    return np.inf if overlap(system.diameter, x) else 0.0
