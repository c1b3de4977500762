"""Conditional means, draws and correlations of units that are 0 or 1, compiled, in single precision.

The product of such units with a matrix is a sum of rows of the matrix, those of the units that are 1: no
multiplications, and no work for units that are 0. The sums over hidden units, over visible units and over the samples
of a batch all have this form.
"""

from typing import Any

import numpy as np

from neural.jit import kernel
from neural.special import exp

Array = np.ndarray

TO_UNIT = np.float32(2.0**-32)
ROWS_AT_ONCE = 4


@kernel
def _add_rows(matrix: Array, chosen: Array, n_chosen: int, out: Array) -> None:
    """out += sum_k matrix[chosen[k]], four rows at a time: one pass over ``out`` serves all four."""
    full = n_chosen - n_chosen % ROWS_AT_ONCE
    for k in range(0, full, ROWS_AT_ONCE):
        a, b, c, d = matrix[chosen[k]], matrix[chosen[k + 1]], matrix[chosen[k + 2]], matrix[chosen[k + 3]]
        for j in range(np.uintp(out.size)):  # unsigned: no check for negative indices, so it vectorises
            out[j] += (a[j] + b[j]) + (c[j] + d[j])
    for k in range(full, n_chosen):
        a = matrix[chosen[k]]
        for j in range(np.uintp(out.size)):
            out[j] += a[j]


@kernel
def _choose(units: Array, chosen: Array) -> Any:
    """Write the indices of the units that are 1, and return how many there are."""
    n = 0
    for i in range(units.size):
        chosen[n] = i
        n += np.int64(units[i])
    return n


@kernel
def _sigmoids(theta: Array) -> None:
    for j in range(np.uintp(theta.size)):
        e = exp(-abs(theta[j]))
        theta[j] = (1.0 if theta[j] >= 0.0 else e) / (1.0 + e)


@kernel
def conditional_means(weights: Array, bias: Array, units: Array, means: Array, chosen: Array) -> None:
    """means = sigmoid(bias + units W) for every row of ``units``.

    ``weights`` (n_units, n_others); ``units`` (n_rows, n_units), uint8, 0 and 1; ``means`` (n_rows, n_others);
    ``chosen`` (at least n_units + 1,) is scratch.
    """
    for row in range(units.shape[0]):
        out = means[row]
        for j in range(out.size):
            out[j] = bias[j]
        _add_rows(weights, chosen, _choose(units[row], chosen), out)
        _sigmoids(out)


@kernel
def draw(means: Array, words: Array, units: Array) -> None:
    """units = 1 with probability ``means``, from random ``words`` of 32 bits; all of shape (n_rows, n_units)."""
    for row in range(units.shape[0]):
        for j in range(np.uintp(units.shape[1])):
            units[row, j] = np.float32(words[row, j]) * TO_UNIT < means[row, j]


@kernel
def correlations(units: Array, means: Array, out: Array, chosen: Array) -> None:
    """out_ij = sum_rows units_i means_j, shape (n_units, n_others); ``chosen`` (at least n_rows + 1,) is scratch."""
    for i in range(units.shape[1]):
        out[i] = 0.0
        _add_rows(means, chosen, _choose(units[:, i], chosen), out[i])
