"""Block Gibbs sampling and training of machines whose units are 0 or 1, compiled, in single precision.

    p(h_j = 1 | v) = sigmoid(b + v W)_j        p(v_i = 1 | h) = sigmoid(a + h W^T)_i

The product of bits with a matrix is a sum of rows of the matrix, those of the units that are 1: no multiplications, and
no work for units that are 0. The fields of the hidden units, those of the visible units and the sums over the samples
of a batch all have this form. A tile of columns of a block of rows is summed for all samples before the next one, so
that it comes from the fastest cache. Matrices in single precision have a whole number of tiles as columns, of which
those in excess are never read, and a last row of zeros.

Random numbers: number n of a stream is a hash of its key + n, SplitMix64 (G. L. Steele, D. Lea, C. H. Flood, OOPSLA
2014): no number waits for the one before. The sums overflow as they should; under plain Python NumPy has to be told so
(``np.errstate``).
"""

from typing import Any, NamedTuple

import numpy as np

from neural.boltzmann import softplus_sum
from neural.jit import BLOCK, ROWS_AT_ONCE, TILE, UNITS_AT_ONCE, kernel, list_ones, sum_rows, transpose_block
from neural.special import sigmoid_32

Array = np.ndarray

GOLDEN_GAMMA = np.uint64(0x9E3779B97F4A7C15)
MIX_1, MIX_2, ONE = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB), np.uint64(1)
S27, S30, S31 = np.uint64(27), np.uint64(30), np.uint64(31)
S8, TO_UNIT = np.uint32(8), np.float32(2.0**-24)
ROWS_TOGETHER = 64  # units that are summed over before the next tile: 16 KiB of a matrix
MASKS = np.arange(2**UNITS_AT_ONCE)[:, None] >> np.arange(UNITS_AT_ONCE) & 1
PLACES = np.argsort(1 - MASKS, axis=1, kind="stable").astype(np.int32)  # of the ones in a mask, and then the zeros


class Layer(NamedTuple):
    """``weights`` (n_others + 1, n_units) from the other layer, and ``bias`` (n_units,), float32."""

    weights: Array
    bias: Array


class Scratch(NamedTuple):
    """Work space of one thread: ``chosen`` (n_lists, longest), lists of indices, and their lengths ``counts``, int32;
    random ``words`` uint64, the same memory as ``halves`` uint32; ``rows`` (3, n_hidden), float64.
    """

    chosen: Array
    counts: Array
    words: Array
    halves: Array
    rows: Array


class Sums(NamedTuple):
    """``sums`` (n_visible + 1, n_hidden) of hidden means over the rows in the lists ``chosen``, from ``zeros`` on."""

    chosen: Array
    counts: Array
    zeros: Array
    sums: Array


class Batch(NamedTuple):
    """Bits ``v`` and ``h`` (n_rows, n_units), uint8, and their means (n_rows_at_most + 1, n_units), float32."""

    v: Array
    h: Array
    v_means: Array
    h_means: Array


@kernel
def random_words(key: Any, words: Array) -> None:
    """Fill ``words`` with the numbers of the stream from ``key`` on."""
    for n in range(np.uintp(words.size)):
        z = key + (np.uint64(n) + ONE) * GOLDEN_GAMMA
        z = (z ^ (z >> S30)) * MIX_1
        z = (z ^ (z >> S27)) * MIX_2
        words[n] = z ^ (z >> S31)


@kernel
def draw(means: Array, units: Array, key: Any, scratch: Scratch) -> Any:
    """units = 1 with probability ``means``; returns the key of the numbers that come next."""
    n_rows, n_units = units.shape
    n_words = (n_units + 1) // 2
    for row in range(n_rows):
        random_words(key, scratch.words[:n_words])
        key += np.uint64(n_words) * GOLDEN_GAMMA
        p, u, out = means[row], scratch.halves, units[row]
        for j in range(np.uintp(n_units)):
            out[j] = np.float32(u[j] >> S8) * TO_UNIT < p[j]
    return key


@kernel
def _choose(units: Array, first: int, last: int, zeros: int, chosen: Array) -> Any:
    """List the units from ``first`` to ``last`` that are 1, then the row of ``zeros``; returns how many there are."""
    n, whole = 0, first + (last - first) // UNITS_AT_ONCE * UNITS_AT_ONCE
    for i in range(first, whole, UNITS_AT_ONCE):
        n = list_ones(units, i, PLACES, chosen, n)
    for i in range(whole, last):
        chosen[n] = i
        n += np.int64(units[i])
    for k in range(n, n + ROWS_AT_ONCE - 1):
        chosen[k] = zeros
    return n


@kernel
def _choose_rows(units: Array, scratch: Scratch, chosen: Array, counts: Array, zeros: int) -> None:
    """For every unit, list the rows of ``units`` in which it is 1, then the row of ``zeros``."""
    n_rows, n_units = units.shape
    counts[:] = 0
    for row in range(n_rows):
        for first in range(0, n_units, ROWS_TOGETHER):
            ones = scratch.chosen[0]
            for k in range(_choose(units[row], first, min(first + ROWS_TOGETHER, n_units), 0, ones)):
                i = ones[k]
                chosen[i, counts[i]] = row
                counts[i] += 1
    for i in range(n_units):
        for k in range(counts[i], counts[i] + ROWS_AT_ONCE - 1):
            chosen[i, k] = zeros


@kernel
def conditional_means(layer: Layer, others: Array, means: Array, scratch: Scratch) -> None:
    """means = sigmoid(bias + others W). ``others`` (n_rows, n_others), uint8; ``means`` (n_rows or more, n_units)."""
    fields(layer, others, means, scratch)
    for row in range(others.shape[0]):
        p = means[row]
        for j in range(np.uintp(layer.bias.size)):
            p[j] = sigmoid_32(p[j])


@kernel
def fields(layer: Layer, others: Array, out: Array, scratch: Scratch) -> None:
    """out = bias + others W; shapes as for ``conditional_means``."""
    (n_rows, n_others), zeros = others.shape, layer.weights.shape[0] - 1
    for unit in range(0, n_others, ROWS_TOGETHER):
        last = min(unit + ROWS_TOGETHER, n_others)
        for row in range(n_rows):
            scratch.counts[row] = _choose(others[row], unit, last, zeros, scratch.chosen[row])
        for column in range(0, layer.bias.size, TILE):
            for row in range(n_rows):
                first = layer.bias if unit == 0 else out[row]
                sum_rows(first, layer.weights, scratch.chosen[row], scratch.counts[row], column, out[row])


@kernel
def gibbs(visible: Layer, hidden: Layer, batch: Batch, k: int, key: Any, scratch: Scratch) -> None:
    """k steps h ~ p(h | v), v ~ p(v | h) of every row, in place; ``h_means`` are those of v before and after."""
    for _ in range(k):
        key = draw(batch.h_means, batch.h, key, scratch)
        conditional_means(visible, batch.h, batch.v_means, scratch)
        key = draw(batch.v_means, batch.v, key, scratch)
        conditional_means(hidden, batch.v, batch.h_means, scratch)


@kernel
def sum_means(batch: Batch, ours: Sums, scratch: Scratch) -> None:
    """sums[i] = sum of the hidden means of the rows in which visible unit i is 1, and the last one that of all rows."""
    (n_rows, n_units), zeros = batch.v.shape, batch.h_means.shape[0] - 1
    _choose_rows(batch.v, scratch, ours.chosen, ours.counts[:n_units], zeros)
    for k in range(n_rows + ROWS_AT_ONCE - 1):
        ours.chosen[n_units, k] = k if k < n_rows else zeros
    ours.counts[n_units] = n_rows
    for column in range(0, ours.zeros.size, TILE):
        for i in range(n_units + 1):
            sum_rows(ours.zeros, batch.h_means, ours.chosen[i], ours.counts[i], column, ours.sums[i])


@kernel
def differences(ours: Array, theirs: Array, per_row: float, per_chain: float, out: Array) -> None:
    for j in range(np.uintp(out.size)):
        out[j] = theirs[j] * per_chain - ours[j] * per_row


@kernel
def contrast(data: Batch, chains: Batch, c: float, gradient: Array, ours: Sums, theirs: Sums, scratch: Scratch) -> None:
    """dF/da, dF/db and dF/dW, averaged over the data less averaged over the chains, one after the other.

    A unit's value is s = c bit - (c - 1): c = 1 for 0 and 1, c = 2 for -1 and +1; then, for differences of averages,
    <s s'> = c^2 <v h> - c (c - 1) (<v> + <h>). Hidden units enter with their means.
    """
    n_visible, n_hidden = data.v.shape[1], data.h.shape[1]
    per_row, per_chain = 1.0 / data.v.shape[0], 1.0 / chains.v.shape[0]
    sum_means(data, ours, scratch)
    sum_means(chains, theirs, scratch)
    b = gradient[n_visible : n_visible + n_hidden]
    differences(ours.sums[n_visible], theirs.sums[n_visible], c * per_row, c * per_chain, b)
    for i in range(n_visible):
        gradient[i] = c * (theirs.counts[i] * per_chain - ours.counts[i] * per_row)
        row = gradient[n_visible + n_hidden + i * n_hidden :][:n_hidden]
        differences(ours.sums[i], theirs.sums[i], c * c * per_row, c * c * per_chain, row)
        if c != 1.0:
            for j in range(np.uintp(n_hidden)):
                row[j] -= (c - 1.0) * (gradient[i] + b[j])


@kernel
def load(parameters: Array, c: float, visible: Layer, hidden: Layer) -> None:
    """The layers in single precision of the machine of bits with the distribution of ``parameters`` a, b, W.

    Units s = c bit - (c - 1) have bits with the weights c^2 W and the biases c a_i - c (c - 1) sum_j W_ij; b alike.
    """
    n_visible, n_hidden = hidden.weights.shape[0] - 1, visible.weights.shape[0] - 1
    scaled(parameters[n_visible:], c, n_hidden, hidden.bias)
    for i in range(n_visible):
        W = parameters[n_visible + n_hidden + i * n_hidden :]
        scaled(W, c * c, n_hidden, hidden.weights[i])
        visible.bias[i] = c * parameters[i]
        if c != 1.0:
            visible.bias[i] -= c * (c - 1.0) * _total(W, n_hidden)
            for j in range(np.uintp(n_hidden)):
                hidden.bias[j] -= c * (c - 1.0) * W[j]
    transpose(hidden.weights, n_visible, n_hidden, visible.weights)


@kernel
def scaled(x: Array, factor: float, n: int, out: Array) -> None:
    for j in range(np.uintp(n)):
        out[j] = factor * x[j]


@kernel
def _total(x: Array, n: int) -> float:
    total = 0.0
    for j in range(np.uintp(n)):
        total += x[j]
    return total


@kernel
def transpose(matrix: Array, n_rows: int, n_columns: int, out: Array) -> None:
    """out = the transpose, in blocks."""
    for i in range(0, n_rows, BLOCK):
        for j in range(0, n_columns, BLOCK):
            if i + BLOCK <= n_rows and j + BLOCK <= n_columns:
                transpose_block(matrix, i, j, out)
            else:
                for row in range(i, min(i + BLOCK, n_rows)):
                    for column in range(j, min(j + BLOCK, n_columns)):
                        out[column, row] = matrix[row, column]


@kernel
def pseudo_likelihood(visible: Layer, hidden: Layer, v: Array, units: Array, theta: Array, scratch: Scratch) -> float:
    """Mean of log p(v_i | all others) = -log(1 + e^(F(v) - F(v with v_i turned))) for i = ``units[row]`` of each row.

    ``theta`` (n_rows or more, n_hidden) is scratch; F(v) = -a.v - sum_j log(1 + e^theta_j).
    """
    fields(hidden, v, theta, scratch)
    n_hidden, total = visible.weights.shape[0] - 1, 0.0
    ours, turned, means = scratch.rows[0], scratch.rows[1], scratch.rows[2]
    for row in range(v.shape[0]):
        i = units[row]
        change, angles, weights = 1.0 - 2.0 * v[row, i], theta[row], hidden.weights[i]
        for j in range(np.uintp(n_hidden)):
            ours[j] = angles[j]
            turned[j] = angles[j] + change * weights[j]
        gain = change * visible.bias[i] + softplus_sum(turned, means) - softplus_sum(ours, means)
        total -= max(gain, 0.0) + np.log1p(np.exp(-abs(gain)))
    return total / v.shape[0]
