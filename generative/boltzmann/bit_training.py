"""Gradient descent of machines whose units are 0 or 1: a pass through the data in one kernel; see ``bit_kernels``.

Centred gradients: J. Melchior, A. Fischer, L. Wiskott, JMLR 17, 1 (2016), eqs. (8)-(11).
"""

from typing import Any, NamedTuple

import numpy as np

from generative.boltzmann.bit_kernels import (
    Batch,
    Layer,
    Scratch,
    Sums,
    conditional_means,
    differences,
    gibbs,
    load,
    scaled,
    sum_means,
    transpose,
)
from neural.jit import kernel

Array = np.ndarray


class Descent(NamedTuple):
    """u <- momentum u + gradient, parameters <- parameters - rate u, with the rate ``rates[n]`` for batch number n.

    u is ``velocity`` (n_parameters,). Units are measured from ``visible_mean`` and ``hidden_mean``, and the latter
    follows the means of the batches: hidden_mean <- hidden_mean + follow (mean of the batch - hidden_mean).
    """

    rates: Array
    momentum: float
    velocity: Array
    visible_mean: Array
    hidden_mean: Array
    follow: float


@kernel
def _copy(source: Array, out: Array, n_rows: int) -> None:
    for row in range(n_rows):
        a, b = source[row], out[row]
        for i in range(np.uintp(a.size)):
            b[i] = a[i]


@kernel
def _take(rows: Array, chosen: Array, out: Array) -> None:
    """out = rows[chosen]."""
    for n in range(chosen.size):
        a, b = rows[chosen[n]], out[n]
        for i in range(np.uintp(a.size)):
            b[i] = a[i]


@kernel
def _first_rows(batch: Batch, n: int) -> Batch:
    """The first rows, and all means, of which the last row is zero."""
    return Batch(batch.v[:n], batch.h[:n], batch.v_means, batch.h_means)


@kernel
def _step(parameters: Array, velocity: Array, gradient: Array, rate: float, momentum: float, single: Array) -> float:
    """One step of ``Descent``, and the new parameters in ``single`` precision; the square of the gradient's norm."""
    total = 0.0
    for n in range(np.uintp(gradient.size)):
        u = momentum * velocity[n] + gradient[n]
        p = parameters[n] - rate * u
        velocity[n] = u
        parameters[n] = p
        single[n] = p
        total += gradient[n] * gradient[n]
    return total


@kernel
def _measured_from_means(gradient: Array, slope: float, slopes: Array, mean: float, means: Array) -> None:
    for j in range(np.uintp(gradient.size)):
        gradient[j] -= mean * slopes[j] + slope * means[j]


@kernel
def _shift(bias: Array, velocity: Array, means: Array, mean: float) -> float:
    """bias += mean velocity; returns velocity . means."""
    total = 0.0
    for j in range(np.uintp(bias.size)):
        bias[j] += mean * velocity[j]
        total += velocity[j] * means[j]
    return total


@kernel
def _descend(
    parameters: Array, descent: Descent, rate: float, batches: Any, sums: Any, layers: Any, scratch: Scratch
) -> float:
    """One step down the gradient of ``contrast`` for units 0 and 1, also in the ``layers``; the gradient's norm.

    With units measured from their means, mu and lambda, dF/dW is dW - mu db^T - da lambda^T, and the step of W shifts
    the biases: a -= (step of W) lambda, b -= mu (step of W).
    """
    (data, chains), (ours, theirs), (visible, hidden) = batches, sums, layers
    (_, momentum, velocity, visible_mean, hidden_mean, follow) = descent
    n_visible, n_hidden = data.v.shape[1], data.h.shape[1]
    per_row, per_chain = 1.0 / data.v.shape[0], 1.0 / chains.v.shape[0]
    sum_means(data, ours, scratch)
    sum_means(chains, theirs, scratch)
    row, slopes = scratch.rows[0], scratch.rows[1]
    differences(ours.sums[n_visible], theirs.sums[n_visible], per_row, per_chain, slopes)
    for j in range(np.uintp(n_hidden)):
        hidden_mean[j] += follow * (per_row * ours.sums[n_visible, j] - hidden_mean[j])
    b, b_velocity = parameters[n_visible:][:n_hidden], velocity[n_visible:][:n_hidden]
    total = _step(b, b_velocity, slopes, rate, momentum, hidden.bias)
    for i in range(n_visible):
        start, slope = n_visible + n_hidden * (i + 1), theirs.counts[i] * per_chain - ours.counts[i] * per_row
        differences(ours.sums[i], theirs.sums[i], per_row, per_chain, row)
        _measured_from_means(row, slope, slopes, visible_mean[i], hidden_mean)
        u = velocity[start:][:n_hidden]
        total += _step(parameters[start:][:n_hidden], u, row, rate, momentum, hidden.weights[i]) + slope * slope
        velocity[i] = momentum * velocity[i] + slope
        parameters[i] -= rate * (velocity[i] - _shift(b, u, hidden_mean, rate * visible_mean[i]))
        visible.bias[i] = parameters[i]
    scaled(b, 1.0, n_hidden, hidden.bias)
    transpose(hidden.weights, n_visible, n_hidden, visible.weights)
    return np.sqrt(total)


@kernel
def one_epoch(
    parameters: Array,
    rows: Array,
    order: Array,
    descent: Descent,
    keys: Array,
    k: int,
    persistent: bool,
    layers: tuple[Layer, Layer],
    all_data: Batch,
    all_chains: Batch,
    before: Array,
    sums: tuple[Sums, Sums],
    scratch: Scratch,
) -> float:
    """Gradient descent of ``parameters``, in place, over batches of ``rows`` (n, n_visible), uint8, in this ``order``.

    Units are 0 and 1. Batch number n has the random numbers from ``keys[n]`` on. Its chains go on from
    ``all_chains.v`` if they are ``persistent``, and start from its rows if not. ``all_data`` is scratch for a whole
    batch, ``before`` ends as the last chains before their steps. Stops at a gradient that is not finite. Returns the
    mean norm of the gradients.
    """
    (visible, hidden), total = layers, 0.0
    load(parameters, 1.0, visible, hidden)
    for n in range(keys.size):
        chosen = order[n * all_data.v.shape[0] : (n + 1) * all_data.v.shape[0]]
        data, chains = _first_rows(all_data, chosen.size), all_chains
        _take(rows, chosen, data.v)
        conditional_means(hidden, data.v, data.h_means, scratch)
        if persistent:
            conditional_means(hidden, chains.v, chains.h_means, scratch)
        else:
            chains = _first_rows(all_chains, chosen.size)
            _copy(data.v, chains.v, chosen.size)
            _copy(data.h_means, chains.h_means, chosen.size)
        _copy(chains.v, before, chains.v.shape[0])
        gibbs(visible, hidden, chains, k, keys[n], scratch)
        norm = _descend(parameters, descent, descent.rates[n], (data, chains), sums, layers, scratch)
        total += norm
        if not np.isfinite(norm):
            break
    return total / keys.size
