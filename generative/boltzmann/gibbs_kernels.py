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
ROWS_AT_ONCE = 8


@kernel
def _add_rows(matrix: Array, chosen: Array, n_chosen: int, out: Array) -> None:
    """out += sum_k matrix[chosen[k]], eight rows at a time: one pass over ``out`` serves all of them."""
    full = n_chosen - n_chosen % ROWS_AT_ONCE
    for k in range(0, full, ROWS_AT_ONCE):
        a, b, c, d = matrix[chosen[k]], matrix[chosen[k + 1]], matrix[chosen[k + 2]], matrix[chosen[k + 3]]
        e, f, g, h = matrix[chosen[k + 4]], matrix[chosen[k + 5]], matrix[chosen[k + 6]], matrix[chosen[k + 7]]
        for j in range(np.uintp(out.size)):  # unsigned: no check for negative indices, so it vectorises
            out[j] += ((a[j] + b[j]) + (c[j] + d[j])) + ((e[j] + f[j]) + (g[j] + h[j]))
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
        x = np.float64(theta[j])
        e = exp(-abs(x))
        theta[j] = (1.0 if x >= 0.0 else e) / (1.0 + e)


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
def _mean_rows(matrix: Array, chosen: Array, n_chosen: int, out: Array) -> None:
    """out = sum_k matrix[chosen[k]] / the number of all rows."""
    for j in range(np.uintp(out.size)):
        out[j] = 0.0
    _add_rows(matrix, chosen, n_chosen, out)
    scale = 1.0 / matrix.shape[0]
    for j in range(np.uintp(out.size)):
        out[j] *= scale


@kernel
def contrast(
    data: Array, data_means: Array, units: Array, means: Array, out: Array, rows: Array, chosen: Array
) -> None:
    """<v>, <h> and <v h> over the data less those over the chains, one after the other in ``out``.

    ``data`` and ``units`` (n_rows, n_visible), uint8; their ``means`` (n_rows, n_hidden); ``out`` of n_parameters;
    scratch: ``rows`` (2, n_hidden) and ``chosen``, one more than the larger number of rows.
    """
    n_visible, n_hidden = data.shape[1], means.shape[1]
    for i in range(n_visible):
        n = _choose(data[:, i], chosen)
        _mean_rows(data_means, chosen, n, rows[0])
        m = _choose(units[:, i], chosen)
        _mean_rows(means, chosen, m, rows[1])
        out[i] = n / data.shape[0] - m / units.shape[0]
        _difference(rows, out[n_visible + n_hidden + i * n_hidden :])
    for k in range(chosen.size):
        chosen[k] = k
    _mean_rows(data_means, chosen, data.shape[0], rows[0])
    _mean_rows(means, chosen, units.shape[0], rows[1])
    _difference(rows, out[n_visible:])


@kernel
def _difference(rows: Array, out: Array) -> None:
    for j in range(np.uintp(rows.shape[1])):
        out[j] = rows[0, j] - rows[1, j]
