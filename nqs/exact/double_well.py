"""One and two electrons in a double dot: a half line, and a matrix in a basis that has the cusp of the repulsion."""

import functools
from typing import NamedTuple

import numpy as np
import scipy

from nqs.exact.half_line import lowest_on_half_line
from nqs.exact.two_electron_dot import chebyshev


@functools.cache
def one_electron_double_dot(separation: float, omega: float) -> float:
    """The energy of one electron, in atomic units: omega / 2 for y, and the even state in (|x| - R / 2)^2 for x.

    Wells that are far apart, R > 12 / sqrt(omega), are one each: tunnelling changes the energy by exp(-omega R^2 / 4).
    """
    if separation * np.sqrt(omega) > 12:
        return omega
    end = separation / 2 + 9 / np.sqrt(omega)
    doubled = lowest_on_half_line(lambda x: omega**2 * (x - separation / 2) ** 2, end, odd=False, n_points=120)
    return omega / 2 + doubled / 2


@functools.cache
def two_electron_double_dot(separation: float, omega: float, size: int = 16) -> float:
    """The ground-state energy of two electrons of opposite spin in a double dot, in atomic units.

    Since |x_1| + |x_2| = max(2 |X|, |x|), with X = (x_1 + x_2) / 2 and x = x_1 - x_2, the Hamiltonian is that of a
    single dot, whose parts separate, and one term that joins the centre of mass and the relative motion:

        H = omega / 2 (from Y) + H_X + H_r + omega^2 R^2 / 4 - omega^2 R max(2 |X|, |x|) / 2.

    Its matrix is taken between products of oscillator states of X and eigenstates f_mj(r) cos(m phi) of H_r, which
    hold the repulsion; the symmetries leave even states of X and even m. The lowest eigenvalue lies above the exact
    energy, by about 1e-6 up to R = 6 / sqrt(omega).

    Parameters
    ----------
    size : number of oscillator states, of radial states, and of angular momenta
    """
    relative, centre = _relative_motion(omega, size), _CentreOfMass(omega, size)
    couplings = -(omega**2) * separation / 2 * relative.weights * centre.larger(relative.distances)  # (n, k, n_nodes)
    energies = np.add.outer(centre.energies, relative.energies)

    def apply(vector: np.ndarray) -> np.ndarray:
        vector = vector.reshape(energies.shape)
        at_nodes = np.einsum("nkq,kq->nq", couplings, vector @ relative.states)
        return (energies * vector + at_nodes @ relative.states.T).ravel()

    hamiltonian = scipy.sparse.linalg.LinearOperator((energies.size, energies.size), apply, dtype=np.float64)  # type: ignore
    start = np.exp(-energies / omega).ravel()
    lowest = scipy.sparse.linalg.eigsh(hamiltonian, k=1, which="SA", v0=start, ncv=40, return_eigenvectors=False)[0]
    return float(omega / 2 + omega**2 * separation**2 / 4 + lowest)


class _RelativeMotion(NamedTuple):
    energies: np.ndarray  # (n_states,)
    states: np.ndarray  # (n_states, n_nodes), at the nodes of an integral over the plane
    weights: np.ndarray  # (n_nodes,)
    distances: np.ndarray  # (n_nodes,), |x| there


def _relative_motion(omega: float, size: int) -> _RelativeMotion:
    r, weights, radial = _radial_states(omega, size)
    nodes, angular_weights = np.polynomial.legendre.leggauss(2 * size + 8)
    phi, angular_weights = (nodes + 1) * np.pi / 4, angular_weights * np.pi  # a quarter of the circle, four times
    energies, states = [], []
    for m, (values, functions) in radial.items():
        angular = np.cos(m * phi) / np.sqrt(2 * np.pi if m == 0 else np.pi)
        energies.append(values)
        states.append((functions[:, :, None] * angular).reshape(len(values), -1))
    return _RelativeMotion(
        np.concatenate(energies),
        np.vstack(states),
        np.outer(weights * r, angular_weights).ravel(),
        np.outer(r, np.cos(phi)).ravel(),
    )


def _radial_states(omega: float, size: int) -> tuple[np.ndarray, np.ndarray, dict[int, tuple[np.ndarray, np.ndarray]]]:
    """Points, weights and, for each m, the energies and the lowest states of

    -f'' - f' / r + (m^2 / r^2 + omega^2 r^2 / 4 + 1 / r) f = e f, multiplied by r^2 to be regular at the origin.
    """
    n_points = 60 + 4 * size
    end = (2 / omega**2) ** (1 / 3) + (9 + size / 2) / np.sqrt(omega)
    x, d = chebyshev(n_points)
    r, d, weights = end * (1 - x) / 2, -2 / end * d, end / 2 * clenshaw_curtis(n_points)
    states = {}
    for m in range(0, 2 * size, 2):
        kept = slice(1 if m else 0, n_points)
        power = r[:, None] ** (2 if m else 1)  # at r = 0 the equation times r fixes the slope of f for m = 0
        operator = -power * (d @ d) - power / np.where(r > 0, r, 1)[:, None] * d
        operator[0] -= d[0] * (m == 0)
        operator += np.diag(power[:, 0] * (omega**2 * r**2 / 4) + (r + m**2 if m else np.ones_like(r)))
        energies, vectors = scipy.linalg.eig(operator[kept, kept], np.diag(power[kept, 0]))[:2]
        order = np.argsort(np.where(np.isfinite(energies) & (np.real(energies) > 0), np.real(energies), np.inf))[:size]
        functions = np.zeros((size, n_points + 1))
        functions[:, kept] = np.real(vectors[:, order]).T
        functions /= np.sqrt(functions**2 @ (weights * r))[:, None]
        states[m] = np.real(energies[order]), functions
    return r, weights, states


def clenshaw_curtis(n: int) -> np.ndarray:
    """Weights of the integral over [-1, 1] at the n + 1 Chebyshev points, n even.

    Source: L. N. Trefethen, SIAM Review 50, 67 (2008).
    """
    k = np.arange(n + 1)
    moments = np.where(k % 2 == 0, 2 / (1.0 - np.where(k % 2 == 0, k, 0) ** 2), 0.0)
    moments[[0, n]] /= 2
    weights = 2 / n * np.cos(np.pi * np.outer(k, k) / n) @ moments
    weights[[0, n]] /= 2
    return weights


class _CentreOfMass:
    """The even oscillator states of X, a particle of mass 2."""

    def __init__(self, omega: float, size: int) -> None:
        self.omega, self.n = omega, 2 * np.arange(size)
        self.energies = omega * (self.n + 0.5)

    def states(self, position: np.ndarray) -> np.ndarray:
        """Shape (..., size)."""
        xi = np.sqrt(2 * self.omega) * position[..., None]
        norm = 0.25 * np.log(2 * self.omega / np.pi) - 0.5 * (self.n * np.log(2) + scipy.special.gammaln(self.n + 1))
        return scipy.special.eval_hermite(self.n, xi) * np.exp(norm - xi**2 / 2)

    def larger(self, s: np.ndarray) -> np.ndarray:
        """<n| max(2 |X|, s) |k> = <n| 2 |X| |k> + 2 int_0^{s/2} (s - 2 X) n(X) k(X) dX, shape (size, size, n_s)."""
        nodes, weights = np.polynomial.legendre.leggauss(3 * len(self.n) + 30)
        fraction, weights = (nodes + 1) / 2, weights / 2
        end = (9 + len(self.n) / 2) / np.sqrt(self.omega)
        states = self.states(end * fraction)
        whole = (states.T * (4 * end**2 * fraction * weights)) @ states
        near = self.states(s[:, None] / 2 * fraction)
        weighted = near * ((1 - fraction) * weights * (s**2)[:, None])[:, :, None]
        return whole[:, :, None] + np.moveaxis(near.transpose(0, 2, 1) @ weighted, 0, -1)
