"""A few electrons in a two-dimensional dot, by diagonalisation in the determinants of its one-electron states."""

import functools
import itertools
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import scipy

LARGEST = 30  # quanta, for which the quadrature is exact to rounding
RADIUS, WAVE_NUMBER, POINTS = 14.0, 26.0, 200  # the orbitals end at sqrt(2 (q + 1)), their products at twice that


class SpinOrbital(NamedTuple):
    """A state of one electron: nodes of the radial function, angular momentum, spin 0 (up) or 1 (down)."""

    n: int
    m: int
    spin: int

    @property
    def quanta(self) -> int:
        return 2 * self.n + abs(self.m)


Determinant = tuple[SpinOrbital, ...]


def configuration_interaction(
    n_up: int, n_down: int, omega: float, quanta: int, angular_momentum: int = 0
) -> tuple[float, int]:
    """The lowest energy in the determinants of up to ``quanta`` oscillator quanta, and how many these are.

        H = sum_i omega (q_i + 1) + sum_{i<j} 1 / r_ij

    The energy is an upper bound that falls towards the exact one with a power of ``quanta``: slowly where opposite
    spins meet in a cusp, faster for equal spins. All states of one number of quanta are kept together, so that the
    motion of the centre of mass stays exact. Atomic units; seconds for 3 electrons and 20 quanta.

    Raises ``ValueError`` where there is no such determinant, and beyond 30 quanta.

    Source: P.-O. Loewdin, Phys. Rev. 97, 1474 (1955), for matrix elements between determinants.
    """
    if quanta > LARGEST:
        raise ValueError(f"expected at most {LARGEST} quanta, got {quanta}")
    determinants = _determinants(n_up, n_down, quanta, angular_momentum)
    if not determinants:
        raise ValueError(
            f"expected enough quanta for {n_up} + {n_down} electrons of angular momentum {angular_momentum}, "
            f"got {quanta}"
        )
    one_body = [omega * sum(orbital.quanta + 1 for orbital in determinant) for determinant in determinants]
    matrix = scipy.sparse.diags(one_body) + np.sqrt(omega) * _interaction(determinants)
    if len(determinants) < 3:
        return float(np.linalg.eigvalsh(matrix.toarray())[0]), len(determinants)
    start = np.ones(len(determinants))
    (lowest,) = scipy.sparse.linalg.eigsh(matrix, k=1, which="SA", v0=start, return_eigenvectors=False)
    return float(lowest), len(determinants)


def _determinants(n_up: int, n_down: int, quanta: int, angular_momentum: int) -> list[Determinant]:
    spaces = [SpinOrbital((q - abs(m)) // 2, m, 0) for q in range(quanta + 1) for m in range(-q, q + 1, 2)]
    ups = _fillings(spaces, n_up, quanta)
    downs = [tuple(o._replace(spin=1) for o in filling) for filling in _fillings(spaces, n_down, quanta)]
    return [
        up + down
        for up, down in itertools.product(ups, downs)
        if sum(o.m for o in up + down) == angular_momentum and _quanta(up + down) <= quanta
    ]


def _quanta(orbitals: Iterable[SpinOrbital]) -> int:
    return sum(orbital.quanta for orbital in orbitals)


def _fillings(orbitals: list[SpinOrbital], n: int, quanta: int) -> list[Determinant]:
    """All choices of n of the orbitals, in their order, with at most ``quanta``."""
    if n == 0:
        return [()]
    return [
        (first, *rest)
        for k, first in enumerate(orbitals)
        if first.quanta * n <= quanta  # the orbitals stand in the order of their quanta
        for rest in _fillings(orbitals[k + 1 :], n - 1, quanta - first.quanta)
    ]


def _interaction(determinants: list[Determinant]) -> "scipy.sparse.csr_array":
    """sum_{i<j} 1 / r_ij between determinants, at omega = 1: elements of pairs, the other electrons looking on."""
    onlookers: dict[Any, list[tuple[int, int, tuple[SpinOrbital, SpinOrbital]]]] = {}
    for index, determinant in enumerate(determinants):
        for i, j in itertools.combinations(range(len(determinant)), 2):
            a, b = determinant[i], determinant[j]
            rest = determinant[:i] + determinant[i + 1 : j] + determinant[j + 1 :]
            sign = -1 if (i + j) % 2 == 0 else 1  # of bringing the pair to the front
            onlookers.setdefault((rest, a.m + b.m, a.spin + b.spin), []).append((index, sign, (a, b)))
    rows, columns, values = [], [], []
    for states in onlookers.values():
        indices = np.array([index for index, _, _ in states])
        signs = np.array([sign for _, sign, _ in states])
        block = _pair_elements([pair for _, _, pair in states]) * np.outer(signs, signs)
        rows.append(np.repeat(indices, len(indices)))
        columns.append(np.tile(indices, len(indices)))
        values.append(block.ravel())
    entries = np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))
    return scipy.sparse.coo_array(entries, shape=(len(determinants),) * 2).tocsr()


def _pair_elements(pairs: list[tuple[SpinOrbital, SpinOrbital]]) -> np.ndarray:
    """<ab| 1/r |cd> - <ab| 1/r |dc> between pairs, shape (n, n)."""
    elements = np.empty((len(pairs), len(pairs)))
    for i, (a, b) in enumerate(pairs):
        for j in range(i + 1):
            elements[i, j] = elements[j, i] = _coulomb(a, b, *pairs[j]) - _coulomb(a, b, *reversed(pairs[j]))
    return elements


def _coulomb(a: SpinOrbital, b: SpinOrbital, c: SpinOrbital, d: SpinOrbital) -> float:
    """<ab| 1/r |cd> = int dq F_ac(q) F_bd(q), as 1 / r is 2 pi / q in the space of wave vectors."""
    if a.spin != c.spin or b.spin != d.spin:
        return 0.0
    return _space_element(a[:2], b[:2], c[:2], d[:2])


@functools.lru_cache(maxsize=2**20)
def _space_element(a: tuple, b: tuple, c: tuple, d: tuple) -> float:
    return float(_form_factor(*sorted((a, c))) @ _form_factor(*sorted((b, d))))


@functools.lru_cache(maxsize=2**14)
def _form_factor(a: tuple[int, int], c: tuple[int, int]) -> np.ndarray:
    """F_ac(q) = int r R_a(r) R_c(r) J_k(q r) dr, k = |m_a - m_c|, times the root of the weight of q."""
    r, weights = _gauss(RADIUS)
    _, q_weights = _gauss(WAVE_NUMBER)
    return np.sqrt(q_weights) * ((weights * r * _radial(*a) * _radial(*c)) @ _bessel(abs(a[1] - c[1])))


@functools.cache
def _gauss(end: float) -> tuple[np.ndarray, np.ndarray]:
    """Points and weights of Gauss and Legendre on [0, end]."""
    points, weights = np.polynomial.legendre.leggauss(POINTS)
    return (points + 1) * end / 2, weights * end / 2


@functools.cache
def _bessel(k: int) -> np.ndarray:
    return scipy.special.jv(k, np.outer(_gauss(RADIUS)[0], _gauss(WAVE_NUMBER)[0]))


@functools.cache
def _radial(n: int, m: int) -> np.ndarray:
    """R(r) = sqrt(2 n! / (n + |m|)!) r^|m| L_n^|m|(r^2) exp(-r^2 / 2), of norm int R^2 r dr = 1."""
    r, m = _gauss(RADIUS)[0], abs(m)
    log_norm = (np.log(2) + scipy.special.gammaln(n + 1) - scipy.special.gammaln(n + m + 1)) / 2
    return np.exp(log_norm - r * r / 2) * r**m * scipy.special.eval_genlaguerre(n, m, r * r)
