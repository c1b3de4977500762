"""Backflow: determinants at displaced coordinates."""

from typing import Any, NamedTuple

import numpy as np

from montecarlo.metropolis import accept, refresh, workspace
from neural.jit import copy, kernel
from nqs.systems.distances import set_columns, squared_distances
from nqs.systems.system import System, check_particles, check_positive, check_positive_integer
from nqs.wavefunctions.determinants import fill_curvatures
from nqs.wavefunctions.pair_product import equal_spins, spin_kinds
from nqs.wavefunctions.slater import Slater, fill_gradient
from nqs.wavefunctions.wavefunction import (
    WaveFunction,
    drift,
    gradient_laplacian,
    log_psi,
    log_ratio,
    proposed_drift,
    row_size,
    write_row,
)

ETA, KAPPA, BEND = range(3)  # of a pair: eta, 2 d eta / d r^2, and what the Laplacian of eta (x_i - x_j) is made of


class _Fields(NamedTuple):
    slater: Slater
    coefficients: np.ndarray  # (kinds, n_terms): of opposite spins, of equal spins
    log_length: np.ndarray  # (kinds,)


class Backflow(WaveFunction, _Fields):
    """psi(x) = Slater(y): determinants at the coordinates y_i = x_i + sum_j eta(r_ij) (x_i - x_j).

        eta(r) = sum_k c_k t^k,   t = 1 / (1 + r^2 / l^2),   k = 1 .. n_terms,

    with coefficients c_k and a length l for opposite, and others for equal spins. So the orbital of an electron depends
    on where the others are, and the nodes of psi with it. eta is a smooth function of the coordinates, and psi has no
    cusps but those of its other factors. All coefficients start at zero: the plain determinants.

    Parameters
    ----------
    system : of fermions
    n_terms : the degree of eta as a polynomial of t
    length : where l starts, in units of length; by default that of the trap, omega^(-1/2)
    omega : the frequency of the orbitals, as of ``Slater``

    Raises
    ------
    ValueError : for parameters outside these ranges

    Source: R. P. Feynman and M. Cohen, Phys. Rev. 102, 1189 (1956); for determinants K. E. Schmidt, M. A. Lee,
    M. H. Kalos and G. V. Chester, Phys. Rev. Lett. 47, 807 (1981).
    """

    __slots__ = ()

    def __new__(
        cls, system: System, n_terms: int = 4, *, length: float | None = None, omega: float | None = None
    ) -> "Backflow":
        check_particles(system)
        n_terms = check_positive_integer("n_terms", n_terms)
        slater = Slater(system, omega)
        unit = float(system.length.mean()) * np.sqrt(2)
        unit = check_positive("length", unit if length is None else length)
        kinds = spin_kinds(slater.n_particles, slater.n_up)
        return cls._make((slater, np.zeros((kinds, n_terms)), np.full(kinds, np.log(unit))))

    @property
    def shape(self) -> tuple[int, int]:
        return self.slater.shape

    @property
    def antisymmetric(self) -> bool:
        return True

    def coordinates(self, x: np.ndarray) -> np.ndarray:
        """The displaced coordinates y of configurations, of the shape of x."""
        x = self._check(x)
        out = np.empty(x.shape)
        _coordinates_block(self, workspace(self), x.reshape(-1, *self.shape), out.reshape(-1, *self.shape))
        return out


class _Work(NamedTuple):
    now: Any  # the workspace of the determinants at y: always with the gradient, the rest only where it is needed
    new: Any  # at the proposed y
    y: np.ndarray  # (n_particles, n_dims)
    new_y: np.ndarray
    table: np.ndarray  # [i, :, j]: the numbers of a pair, (n_particles, 3, n_particles)
    row: np.ndarray  # those of the particle that is to be moved, at its new place
    columns: np.ndarray  # x, (n_dims, n_particles)
    values: np.ndarray  # log |Slater|: now, proposed
    scale: np.ndarray  # 1 / l^2, for each kind
    jacobian: np.ndarray  # d y / d x, (n_particles, n_dims, n_particles n_dims)
    crossed: np.ndarray  # G_kl = sum_j (nabla phi_j)(y_k) inverse_lj, (n_particles, n_particles, n_dims)
    curvatures: np.ndarray  # of the orbitals of one particle, (n_dims, n_dims, n_orbitals)


@workspace.register(Backflow)
def _(psi):
    n, n_dims = psi.shape
    return _Work(
        workspace(psi.slater),
        workspace(psi.slater),
        np.empty((n, n_dims)),
        np.empty((n, n_dims)),
        np.zeros((n, 3, n)),
        np.zeros((3, n)),
        np.empty((n_dims, n)),
        np.zeros(2),
        np.exp(-2 * psi.log_length),
        np.empty((n, n_dims, n * n_dims)),
        np.empty((n, n, n_dims)),
        np.zeros((n_dims, n_dims, len(psi.slater.states))),
    )


@kernel
def _kind(psi, i, j):
    """0 for opposite, 1 for equal spins of two particles."""
    first, last = equal_spins(psi.slater, i)
    return 1 if first <= j < last and i != j else 0


@kernel
def _fill_row(psi, work, x, i, position, row):
    """eta and its derivatives for the pairs of particle i at ``position``.

    With r = x_i - x_j and s = r^2: dt/ds = -t^2 / l^2, and nabla^2 (eta r) = (4 s eta_ss + (2 D + 4) eta_s) r.
    """
    first_equal, last_equal = equal_spins(psi.slater, i)
    squared_distances(work.columns, position, row[ETA])
    _fill_range(psi, work, 0, 0, first_equal, position.size, row)
    _fill_range(psi, work, work.scale.size - 1, first_equal, last_equal, position.size, row)
    _fill_range(psi, work, 0, last_equal, x.shape[0], position.size, row)
    for k in range(row.shape[0]):
        row[k, i] = 0.0


@kernel
def _fill_range(psi, work, kind, start, stop, n_dims, row):
    coefficients, scale = psi.coefficients[kind], work.scale[kind]
    for j in range(np.uintp(start), np.uintp(stop)):
        squared = row[ETA, j]
        t = 1.0 / (1.0 + squared * scale)
        eta, first, second = 0.0, 0.0, 0.0  # as a polynomial of t, by Horner's rule
        for k in range(coefficients.size - 1, -1, -1):
            second = second * t + 2.0 * first
            first = first * t + eta
            eta = eta * t + coefficients[k]
        second, first, eta = second * t + 2.0 * first, first * t + eta, eta * t
        bend = t * t * scale
        slope, curvature = -first * bend, (second * bend + 2.0 * first * t * scale) * bend
        row[ETA, j] = eta
        row[KAPPA, j] = 2.0 * slope
        row[BEND, j] = 4.0 * squared * curvature + (2.0 * n_dims + 4.0) * slope


@refresh.register(Backflow)
def _(psi, work, x):
    set_columns(x, work.columns)
    for i in range(x.shape[0]):
        row = work.table[i]
        _fill_row(psi, work, x, i, x[i], row)
        for d in range(x.shape[1]):
            work.y[i, d] = x[i, d]
            for j in range(x.shape[0]):
                work.y[i, d] += row[ETA, j] * (x[i, d] - x[j, d])
    _evaluate(psi, work.now, work.y)
    work.values[0] = log_psi(psi.slater, work.now, work.y)


@kernel
def _evaluate(psi, work, y):
    refresh(psi.slater, work, y)
    fill_gradient(psi.slater, work, y)


@log_psi.register(Backflow)
def _(psi, work, x):
    return work.values[0]


@log_ratio.register(Backflow)
def _(psi, work, x, i, new):
    old, row = work.table[i], work.row
    _fill_row(psi, work, x, i, new, row)
    for d in range(x.shape[1]):
        own = new[d]
        for j in range(x.shape[0]):
            pair = row[ETA, j] * (new[d] - x[j, d])
            own += pair
            work.new_y[j, d] = work.y[j, d] + old[ETA, j] * (x[i, d] - x[j, d]) - pair
        work.new_y[i, d] = own
    _evaluate(psi, work.new, work.new_y)
    work.values[1] = log_psi(psi.slater, work.new, work.new_y)
    return work.values[1] - work.values[0]


@accept.register(Backflow)
def _(psi, work, x, i, new):
    copy(work.new_y, work.y)
    copy(work.new.gradient, work.now.gradient)
    work.values[0] = work.values[1]
    for d in range(new.size):
        work.columns[d, i] = new[d]
    for k in range(work.row.shape[0]):
        for j in range(x.shape[0]):
            work.table[i, k, j] = work.row[k, j]
            work.table[j, k, i] = work.row[k, j]


@kernel
def _particle_gradient(x, i, position, row, g, out):
    """Add g_i + sum_j M_ij (g_i - g_j) to out, M_ij v = eta v + kappa r (r . v) with r = x_i - x_j."""
    for d in range(x.shape[1]):
        out[d] += g[i, d]
    for j in range(x.shape[0]):
        overlap = 0.0
        for d in range(x.shape[1]):
            overlap += (position[d] - x[j, d]) * (g[i, d] - g[j, d])
        for d in range(x.shape[1]):
            pull = row[KAPPA, j] * overlap * (position[d] - x[j, d])
            out[d] += row[ETA, j] * (g[i, d] - g[j, d]) + pull


@drift.register(Backflow)
def _(psi, work, x, i, out):
    _particle_gradient(x, i, x[i], work.table[i], work.now.gradient, out)


@proposed_drift.register(Backflow)
def _(psi, work, x, i, new, out):
    _particle_gradient(x, i, new, work.row, work.new.gradient, out)


@kernel
def _fill_jacobian(work, x):
    """d y_k / d x_l: -M_kl for k != l, 1 + sum_j M_kj for k = l."""
    n, n_dims = x.shape
    for k in range(n):
        for c in range(n_dims):
            for d in range(n_dims):
                work.jacobian[k, c, k * n_dims + d] = 1.0 if c == d else 0.0
        for j in range(n):
            if j != k:
                eta, kappa = work.table[k, ETA, j], work.table[k, KAPPA, j]
                for c in range(n_dims):
                    for d in range(n_dims):
                        m = kappa * (x[k, c] - x[j, c]) * (x[k, d] - x[j, d])
                        m += eta if c == d else 0.0
                        work.jacobian[k, c, j * n_dims + d] = -m
                        work.jacobian[k, c, k * n_dims + d] += m


@kernel
def _fill_crossed(work, first, last):
    for k in range(first, last):
        for c in range(work.y.shape[1]):
            for m in range(first, last):
                value = 0.0
                for j in range(last - first):
                    value += work.now.slopes[k, c, j] * work.now.inverse[m, j]
                work.crossed[k, m, c] = value


@kernel
def _metric(work, k, c, m, d):
    """(J J^T) for the coordinate c of particle k and d of m."""
    value = 0.0
    left, right = work.jacobian[k, c], work.jacobian[m, d]
    for e in range(left.size):
        value += left[e] * right[e]
    return value


@kernel
def _second_order(psi, work, first, last):
    """sum H J J^T over the coordinates of one spin, H the second derivatives of log det - omega y^2 / 2.

    H_kc,ld = delta_kl sum_j (d_c d_d phi_j)(y_k) inverse_kj - G_kl,c G_lk,d - delta_kl delta_cd omega_c
    """
    n_dims, total = work.y.shape[1], 0.0
    _fill_crossed(work, first, last)
    for k in range(first, last):
        fill_curvatures(work.now.basis, work.y[k], work.curvatures)
        for d in range(n_dims):
            for c in range(d + 1):
                h = -work.now.omega[c] if c == d else 0.0
                for j in range(last - first):
                    h += work.curvatures[c, d, j] * work.now.inverse[k, j]
                total += (1.0 if c == d else 2.0) * h * _metric(work, k, c, k, d)
        for m in range(first, k + 1):
            weight = 1.0 if m == k else 2.0
            for c in range(n_dims):
                for d in range(n_dims):
                    product = work.crossed[k, m, c] * work.crossed[m, k, d]
                    total -= weight * product * _metric(work, k, c, m, d)
    return total


@gradient_laplacian.register(Backflow)
def _(psi, work, x, gradient):
    _evaluate(psi, work.now, work.y)
    _fill_jacobian(work, x)
    n_up, n, g = psi.slater.n_up, x.shape[0], work.now.gradient
    laplacian = _second_order(psi, work, 0, n_up) + _second_order(psi, work, n_up, n)
    for i in range(n):
        _particle_gradient(x, i, x[i], work.table[i], g, gradient[i])
        for j in range(i):
            overlap = 0.0
            for d in range(x.shape[1]):
                overlap += (x[i, d] - x[j, d]) * (g[i, d] - g[j, d])
            laplacian += 2.0 * work.table[i, BEND, j] * overlap
    return laplacian


@row_size.register(Backflow)
def _(psi):
    return row_size(psi.slater) + psi.coefficients.size + psi.log_length.size


@write_row.register(Backflow)
def _(psi, work, x, row):
    """Those of Slater at y; then d eta / d theta r_ij . (g_i - g_j) summed over pairs, for c_k and log l.

    d t^k / d log l = 2 k t^k (1 - t)
    """
    n_slater, n_terms, g = row_size(psi.slater), psi.coefficients.shape[1], work.now.gradient
    row[:] = 0.0
    write_row(psi.slater, work.now, work.y, row[:n_slater])
    for i in range(x.shape[0]):
        for j in range(i):
            kind, squared, overlap = _kind(psi, i, j), 0.0, 0.0
            for d in range(x.shape[1]):
                squared += (x[i, d] - x[j, d]) ** 2
                overlap += (x[i, d] - x[j, d]) * (g[i, d] - g[j, d])
            t = 1.0 / (1.0 + squared * work.scale[kind])
            power, first = overlap, n_slater + kind * n_terms
            for k in range(n_terms):
                power *= t
                row[first + k] += power
                stretch = 2.0 * (k + 1) * power * (1.0 - t)
                row[row.size - psi.log_length.size + kind] += psi.coefficients[kind, k] * stretch


@kernel
def _coordinates_block(psi, work, x, out):
    for s in range(x.shape[0]):
        refresh(psi, work, x[s])
        copy(work.y, out[s])
