"""Oscillator orbitals and the inverse of a matrix of them: what determinants are made of."""

import itertools

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


@kernel
def fill_hermite(omega, position, hermite):
    """Hermite polynomials of u = sqrt(omega_d) x_d, of norm 1, in hermite[d].

    h_n = sqrt(2 / n) u h_{n-1} - sqrt((n - 1) / n) h_{n-2}
    """
    for d in range(position.size):
        u = np.sqrt(omega[d]) * position[d]
        hermite[d, 0] = 1.0
        if hermite.shape[1] > 1:
            hermite[d, 1] = np.sqrt(2.0) * u
        for n in range(2, hermite.shape[1]):
            hermite[d, n] = np.sqrt(2.0 / n) * u * hermite[d, n - 1] - np.sqrt((n - 1.0) / n) * hermite[d, n - 2]


@kernel
def fill_orbitals(states, omega, position, hermite, orbitals, slopes):
    """prod_d h_{n_d}(sqrt(omega_d) x_d) of all ``states``, and their gradients, by h_n' = sqrt(2 n) h_{n-1}.

    The factor exp(-omega x^2 / 2) that all orbitals share is left out. ``hermite`` is scratch, (n_dims, order + 1).
    """
    fill_hermite(omega, position, hermite)
    for j in range(states.shape[0]):
        value = 1.0
        for d in range(position.size):
            value *= hermite[d, states[j, d]]
        orbitals[j] = value
        for d in range(position.size):
            n = states[j, d]
            slope = np.sqrt(2.0 * n * omega[d]) * hermite[d, n - 1] if n > 0 else 0.0
            for c in range(position.size):
                if c != d:
                    slope *= hermite[c, states[j, c]]
            slopes[d, j] = slope


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
