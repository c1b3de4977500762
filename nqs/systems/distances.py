"""Loops over the particles of a configuration that the compiler can vectorise.

A loop over the coordinates inside one over the particles would prevent it, and so does a stride that is not known at
compile time: two and three dimensions have loops of their own.
"""

import numpy as np

from neural.jit import kernel


@kernel
def squared_distances(x, position, first, last, out):
    """out[j] = |x_j - position|^2 for first <= j < last and x of shape (n_particles, n_dims)."""
    flat, n_dims = x.reshape(x.size), x.shape[1]
    if n_dims == 2:
        for j in range(np.uintp(first), np.uintp(last)):
            out[j] = (flat[2 * j] - position[0]) ** 2 + (flat[2 * j + 1] - position[1]) ** 2
    elif n_dims == 3:
        for j in range(np.uintp(first), np.uintp(last)):
            squared = (flat[3 * j] - position[0]) ** 2 + (flat[3 * j + 1] - position[1]) ** 2
            out[j] = squared + (flat[3 * j + 2] - position[2]) ** 2
    else:
        for j in range(first, last):
            out[j] = 0.0
            for d in range(n_dims):
                out[j] += (x[j, d] - position[d]) ** 2


@kernel
def subtract_weighted(weights, x, out):
    """out_d -= sum_j weights_j x_jd."""
    flat, n_dims = x.reshape(x.size), x.shape[1]
    if n_dims == 2:
        first, second = 0.0, 0.0
        for j in range(np.uintp(0), np.uintp(x.shape[0])):
            first += weights[j] * flat[2 * j]
            second += weights[j] * flat[2 * j + 1]
        out[0] -= first
        out[1] -= second
    else:
        for d in range(n_dims):
            total = 0.0
            for j in range(x.shape[0]):
                total += weights[j] * x[j, d]
            out[d] -= total


@kernel
def inverse_distances(x, i):
    """sum_j<i 1 / |x_i - x_j|"""
    flat, n_dims, total = x.reshape(x.size), x.shape[1], 0.0
    if n_dims == 2:
        for j in range(np.uintp(0), np.uintp(i)):
            total += 1.0 / np.sqrt((flat[2 * j] - x[i, 0]) ** 2 + (flat[2 * j + 1] - x[i, 1]) ** 2)
    elif n_dims == 3:
        for j in range(np.uintp(0), np.uintp(i)):
            squared = (flat[3 * j] - x[i, 0]) ** 2 + (flat[3 * j + 1] - x[i, 1]) ** 2
            total += 1.0 / np.sqrt(squared + (flat[3 * j + 2] - x[i, 2]) ** 2)
    else:
        for j in range(i):
            squared = 0.0
            for d in range(n_dims):
                squared += (x[i, d] - x[j, d]) ** 2
            total += 1.0 / np.sqrt(squared)
    return total
