"""Oscillator orbitals and the inverse of a matrix of them: what determinants are made of."""

import itertools
from typing import NamedTuple

import numpy as np

from neural.jit import kernel


def lowest_states(omega: np.ndarray, n: int) -> np.ndarray:
    """The quantum numbers, shape (n, n_dims), of the lowest orbitals of an oscillator.

    Orbitals of one energy are in lexicographic order, (0, 2), (1, 1), (2, 0).
    """
    highest = np.zeros(len(omega), dtype=int)
    while np.prod(highest + 1) < n:  # enough orbitals: fill the axis whose next quantum is the cheapest
        highest[np.argmin(omega * (highest + 1))] += 1
    bound = float(omega @ highest)
    ranges = [range(int(bound / frequency + 1e-9) + 1) for frequency in omega]
    states = sorted(itertools.product(*ranges), key=lambda k: (round(float(omega @ np.array(k)) / omega.min(), 9), k))
    return np.array(states[:n], dtype=np.int64)


class Orbitals(NamedTuple):
    """Oscillator orbitals without the exponential that all share, and scratch for their polynomials.

    h_n(x_d) is the Hermite polynomial of sqrt(omega_d) x_d, of norm 1.
    """

    states: np.ndarray  # (n_orbitals, n_dims)
    omega: np.ndarray  # (n_dims,)
    up: np.ndarray  # h_n = up_n x h_{n-1} - down_n h_{n-2}; both of shape (n_dims, order + 1)
    down: np.ndarray
    ladder: np.ndarray  # h_n' = ladder_n h_{n-1}
    hermite: np.ndarray  # h_n and its first two derivatives at one position, (3, n_dims, order + 1)


def oscillator_orbitals(states: np.ndarray, omega: np.ndarray) -> Orbitals:
    """The orbitals of ``states`` for the frequencies omega, shape (n_dims,)."""
    orders = np.arange(states.max() + 1)
    divisors = np.maximum(orders, 1)
    up = np.sqrt(2 * omega[:, None] / divisors)
    down = np.broadcast_to(np.sqrt((divisors - 1) / divisors), up.shape).copy()
    return Orbitals(states, omega, up, down, np.sqrt(2 * omega[:, None] * orders), np.zeros((3, *up.shape)))


@kernel
def _fill_hermite(orbitals, position):
    h = orbitals.hermite
    for d in range(position.size):
        h[0, d, 0] = 1.0
        for n in range(1, h.shape[2]):
            h[0, d, n] = orbitals.up[d, n] * position[d] * h[0, d, n - 1]
            if n > 1:
                h[0, d, n] -= orbitals.down[d, n] * h[0, d, n - 2]
            h[1, d, n] = orbitals.ladder[d, n] * h[0, d, n - 1]


@kernel
def fill_orbitals(orbitals, position, values, slopes):
    """prod_d h_{n_d}(x_d) for all states, (n_orbitals,), and their gradients, (n_dims, n_orbitals)."""
    _fill_hermite(orbitals, position)
    h, states = orbitals.hermite, orbitals.states
    for j in range(states.shape[0]):
        value = 1.0
        for d in range(position.size):
            value *= h[0, d, states[j, d]]
        values[j] = value
        for d in range(position.size):
            slope = h[1, d, states[j, d]]
            for c in range(position.size):
                if c != d:
                    slope *= h[0, c, states[j, c]]
            slopes[d, j] = slope


@kernel
def fill_curvatures(orbitals, position, curvatures):
    """The second derivatives of the orbitals, (n_dims, n_dims, n_orbitals), of which c <= d is filled."""
    _fill_hermite(orbitals, position)
    h, states = orbitals.hermite, orbitals.states
    for d in range(position.size):
        for n in range(1, h.shape[2]):
            h[2, d, n] = orbitals.ladder[d, n] * h[1, d, n - 1]
        for c in range(d + 1):
            for j in range(states.shape[0]):
                value = 1.0
                for e in range(position.size):
                    value *= h[(e == c) + (e == d), e, states[j, e]]
                curvatures[c, d, j] = value


@kernel
def invert(a, n, pivots):
    """Invert the leading n x n part of ``a`` in place (Gauss and Jordan, pivots by rows); log |det| and its sign."""
    log_det, sign = 0.0, 1.0
    for k in range(n):
        pivots[k] = _largest(a, k, n)
        if pivots[k] != k:
            sign = -sign
            for j in range(n):
                a[k, j], a[pivots[k], j] = a[pivots[k], j], a[k, j]
        sign = -sign if a[k, k] < 0.0 else sign
        log_det += np.log(abs(a[k, k]))
        _eliminate(a, k, n)
    for k in range(n - 1, -1, -1):
        for r in range(n):
            a[r, k], a[r, pivots[k]] = a[r, pivots[k]], a[r, k]
    return log_det, sign


@kernel
def _largest(a, k, n):
    """The row from k on with the largest element in column k."""
    largest = k
    for r in range(k + 1, n):
        if abs(a[r, k]) > abs(a[largest, k]):
            largest = r
    return largest


@kernel
def _eliminate(a, k, n):
    scale = 1.0 / a[k, k]
    a[k, k] = 1.0
    for j in range(n):
        a[k, j] *= scale
    for r in range(n):
        if r != k:
            factor = a[r, k]
            a[r, k] = 0.0
            for j in range(n):
                a[r, j] -= factor * a[k, j]
