"""The repulsion of point charges, in atomic units."""

import numpy as np

from neural.jit import kernel


@kernel
def coulomb(x):
    """sum_{i<j} 1 / |x_i - x_j| for a configuration x, shape (n_particles, n_dims)."""
    energy = 0.0
    for i in range(x.shape[0]):
        for j in range(i):
            squared = 0.0
            for d in range(x.shape[1]):
                squared += (x[i, d] - x[j, d]) ** 2
            energy += 1.0 / np.sqrt(squared)
    return energy
