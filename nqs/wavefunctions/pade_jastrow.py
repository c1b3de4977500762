"""The Pade-Jastrow factor, exact where two charges meet."""

from typing import NamedTuple

import numpy as np

from montecarlo.metropolis import accept, refresh, workspace
from neural.jit import kernel
from nqs.log_derivatives import Dense
from nqs.systems.system import SPINLESS, System, check_particles, check_positive
from nqs.wavefunctions.wavefunction import (
    WaveFunction,
    drift,
    gradient_laplacian,
    jacobian,
    log_psi,
    log_ratio,
    proposed_drift,
    row_size,
    write_row,
)


class _Fields(NamedTuple):
    log_beta: np.ndarray  # (1,) or (2,): opposite spins, equal spins
    n_particles: int
    n_dims: int
    n_up: int


class PadeJastrow(WaveFunction, _Fields):
    """psi(x) = exp( sum_{i<j} a_ij r_ij / (1 + beta_ij r_ij) ) with the exact cusp for the Coulomb repulsion.

    Where two electrons meet, the kinetic energy must cancel 1 / r. This fixes a_ij = 1 / (D - 1) for opposite
    spins, and 1 / (D + 1) for equal ones, whose wave function vanishes linearly: 1 and 1/3 in two dimensions, 1/2
    and 1/4 in three. Variational are the ranges: beta for opposite spins and, where there are any, for equal ones.

    Parameters
    ----------
    system : in 2 dimensions or more; where it has spins, particles 0 .. n_up - 1 are up
    beta : positive, in units of 1 / length; where it starts, by default near its best value for two electrons

    Raises
    ------
    ValueError : for a one-dimensional system, where no such cusp exists, or beta <= 0

    Source: T. Kato, Commun. Pure Appl. Math. 10, 151 (1957); R. T. Pack and W. Byers Brown, J. Chem. Phys. 45, 556
    (1966), eq. (29), for equal spins.
    """

    __slots__ = ()

    def __new__(cls, system: System, beta: float | None = None) -> "PadeJastrow":
        check_particles(system)
        if system.n_dims < 2:
            raise ValueError(
                f"expected a system of 2 dimensions or more, got {system.n_dims}: 1 / r has no cusp on a line"
            )
        start = check_positive("beta", 0.35 / float(system.length.mean()) ** 0.5 if beta is None else beta)
        n_up = getattr(system, "n_up", SPINLESS)
        # the pairs of a system without spins all meet like opposite spins
        kinds = 1 if n_up == SPINLESS or max(n_up, system.n_particles - n_up) < 2 else 2
        return cls._make((np.full(kinds, np.log(start)), system.n_particles, system.n_dims, n_up))

    @property
    def shape(self) -> tuple[int, int]:
        return self.n_particles, self.n_dims


class _Work(NamedTuple):
    beta: np.ndarray  # (2,)
    cusp: np.ndarray  # (2,)
    distances: np.ndarray  # (n_particles, n_particles)
    new_distances: np.ndarray  # (n_particles,)


@workspace.register(PadeJastrow)
def _(psi):
    n, d = psi.n_particles, psi.n_dims
    beta = np.broadcast_to(np.exp(psi.log_beta), (2,)).copy()
    return _Work(beta, np.array([1 / (d - 1), 1 / (d + 1)]), np.empty((n, n)), np.empty(n))


@kernel
def _kind(psi, i, j):
    """0 for opposite spins and for bosons, 1 for equal spins."""
    return 1 if psi.n_up != SPINLESS and (i < psi.n_up) == (j < psi.n_up) else 0


@kernel
def _distances(x, i, position, out):
    for j in range(x.shape[0]):
        squared = 0.0
        for d in range(x.shape[1]):
            squared += (x[j, d] - position[d]) ** 2
        out[j] = np.sqrt(squared)
    out[i] = 0.0


@refresh.register(PadeJastrow)
def _(psi, work, x):
    for i in range(x.shape[0]):
        _distances(x, i, x[i], work.distances[i])


@log_psi.register(PadeJastrow)
def _(psi, work, x):
    value = 0.0
    for i in range(x.shape[0]):
        for j in range(i):
            kind, r = _kind(psi, i, j), work.distances[i, j]
            value += work.cusp[kind] * r / (1.0 + work.beta[kind] * r)
    return value


@log_ratio.register(PadeJastrow)
def _(psi, work, x, i, new):
    """The pairs of particle i, with a r' / (1 + b r') - a r / (1 + b r) = a (r' - r) / ((1 + b r') (1 + b r))."""
    _distances(x, i, new, work.new_distances)
    value = 0.0
    for j in range(x.shape[0]):
        kind, r, s = _kind(psi, i, j), work.distances[i, j], work.new_distances[j]
        value += work.cusp[kind] * (s - r) / ((1.0 + work.beta[kind] * s) * (1.0 + work.beta[kind] * r))
    return value


@accept.register(PadeJastrow)
def _(psi, work, x, i, new):
    for j in range(x.shape[0]):
        work.distances[i, j] = work.new_distances[j]
        work.distances[j, i] = work.new_distances[j]


@kernel
def _pull(psi, work, x, i, position, distances, out):
    """Add sum_j (x_i - x_j) / r_ij * a / (1 + b r_ij)^2 to out."""
    for j in range(x.shape[0]):
        if j != i:
            kind, r = _kind(psi, i, j), distances[j]
            factor = work.cusp[kind] / (r * (1.0 + work.beta[kind] * r) ** 2)
            for d in range(x.shape[1]):
                out[d] += factor * (position[d] - x[j, d])


@drift.register(PadeJastrow)
def _(psi, work, x, i, out):
    _pull(psi, work, x, i, x[i], work.distances[i], out)


@proposed_drift.register(PadeJastrow)
def _(psi, work, x, i, new, out):
    _pull(psi, work, x, i, new, work.new_distances, out)


@gradient_laplacian.register(PadeJastrow)
def _(psi, work, x, gradient):
    """Each pair adds 2 (f'' + (D - 1) f' / r), f' = a / (1 + b r)^2, f'' = -2 b f' / (1 + b r), to the Laplacian."""
    laplacian = 0.0
    for i in range(x.shape[0]):
        for j in range(i):
            kind, r = _kind(psi, i, j), work.distances[i, j]
            inverse = 1.0 / (1.0 + work.beta[kind] * r)
            first = work.cusp[kind] * inverse * inverse
            laplacian += 2.0 * first * ((x.shape[1] - 1) / r - 2.0 * work.beta[kind] * inverse)
            for d in range(x.shape[1]):
                pull = first / r * (x[i, d] - x[j, d])
                gradient[i, d] += pull
                gradient[j, d] -= pull
    return laplacian


@row_size.register(PadeJastrow)
def _(psi):
    return psi.log_beta.size


@write_row.register(PadeJastrow)
def _(psi, work, x, row):
    """d log psi / d log beta = - sum_{i<j} a beta r^2 / (1 + beta r)^2."""
    row[:] = 0.0
    for i in range(x.shape[0]):
        for j in range(i):
            kind, r = _kind(psi, i, j), work.distances[i, j]
            slot = kind if row.size == 2 else 0
            scaled = work.beta[kind] * r / (1.0 + work.beta[kind] * r)
            row[slot] -= work.cusp[kind] / work.beta[kind] * scaled * scaled


@jacobian.register(PadeJastrow)
def _(psi, rows):
    return Dense(rows)
