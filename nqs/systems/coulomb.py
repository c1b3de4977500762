"""The repulsion of point charges, in atomic units."""

import numpy as np

from neural.jit import kernel
from nqs.systems.distances import inverse_distances


@kernel
def coulomb(x):
    """sum_{i<j} 1 / |x_i - x_j| for a configuration x, shape (n_particles, n_dims)."""
    return inverse_distances(x)


def classical_radius(n_particles: int, omega: float, n_dims: int) -> float:
    """The radius to which a classical charged fluid fills an isotropic trap: R^3 = c N / omega^2.

    In three dimensions the density is constant and c = 1; in two it is that of a half sphere and c = 3 pi / 4.
    """
    return float(((3 * np.pi / 4 if n_dims == 2 else 1.0) * n_particles / omega**2) ** (1 / 3))
