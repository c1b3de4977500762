"""Loops over the particles of a configuration that the compiler can vectorise.

A loop over the coordinates inside one over the particles would prevent it, and so does a stride that is not known at
compile time: the coordinates come as ``columns``, shape (n_dims, n_particles).
"""

import numpy as np

from neural.jit import kernel


@kernel
def set_columns(x, columns):
    """columns = x^T"""
    for i in range(x.shape[0]):
        for d in range(x.shape[1]):
            columns[d, i] = x[i, d]


@kernel
def squared_distances(columns, position, out):
    """out[j] = |x_j - position|^2"""
    first = columns[0]
    for j in range(np.uintp(0), np.uintp(out.size)):
        out[j] = (first[j] - position[0]) ** 2
    for d in range(1, columns.shape[0]):
        column = columns[d]
        for j in range(np.uintp(0), np.uintp(out.size)):
            out[j] += (column[j] - position[d]) ** 2


@kernel
def subtract_weighted(weights, columns, out):
    """out_d -= sum_j weights_j x_jd"""
    for d in range(columns.shape[0]):
        column, total = columns[d], 0.0
        for j in range(np.uintp(0), np.uintp(column.size)):
            total += weights[j] * column[j]
        out[d] -= total


@kernel
def inverse_distances(x):
    """sum_{i<j} 1 / |x_i - x_j| of a configuration x, shape (n_particles, n_dims)."""
    total = 0.0
    for i in range(np.uintp(1), np.uintp(x.shape[0])):
        if x.shape[1] == 2:
            for j in range(np.uintp(0), i):
                total += 1.0 / np.sqrt((x[i, 0] - x[j, 0]) ** 2 + (x[i, 1] - x[j, 1]) ** 2)
        else:
            for j in range(np.uintp(0), i):
                squared = 0.0
                for d in range(x.shape[1]):
                    squared += (x[i, d] - x[j, d]) ** 2
                total += 1.0 / np.sqrt(squared)
    return total
