"""Slater determinants of oscillator orbitals."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from montecarlo.metropolis import accept, refresh, workspace
from neural.jit import kernel
from nqs.systems.system import System, check_particles, one_for_each_axis
from nqs.wavefunctions.determinants import Orbitals, fill_orbitals, invert, lowest_states, oscillator_orbitals
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

UPDATES = 100  # of one inverse before it is computed anew: its rounding errors stay near 1e-13
LARGE_RATIO = 5.0  # |log ratio| of a move that costs so many digits that the inverse is computed anew at once


class _Fields(NamedTuple):
    log_omega: np.ndarray  # (1,), or (n_dims,) where the axes differ
    states: np.ndarray  # (n_orbitals, n_dims), the quantum numbers, lowest orbital first
    n_particles: int
    n_up: int


class Slater(WaveFunction, _Fields):
    """psi(x) = det[ phi_j(x_i) ]_up det[ phi_j(x_i) ]_down with the orbitals of a harmonic oscillator.

        phi_n(x) = prod_d H_{n_d}( sqrt(omega_d) x_d ) exp( -omega_d x_d^2 / 2 )

    Each spin fills the lowest orbitals; of an open shell it takes the first in the order of ``states``. The frequency
    is variational. At any frequency psi is an eigenstate of that oscillator, with energy E_0, which gives the Laplacian
    without one of an orbital:

        nabla^2 psi / psi = sum_i,d omega_d^2 x_id^2 - 2 E_0.

    And as it depends on sqrt(omega_d) x_d only, d log psi / d log omega_d = sum_i x_id (d log psi / d x_id) / 2 up to
    a constant.

    Parameters
    ----------
    system : of fermions; particles 0 .. n_up - 1 have spin up
    omega : where the frequency starts, that of the trap by default; one number, or one for each axis

    Raises
    ------
    ValueError : for bosons, or omega <= 0

    Source: D. Ceperley, G. V. Chester and M. H. Kalos, Phys. Rev. B 16, 3081 (1977), eqs. (28)-(32), for the update
    of the inverse (Sherman and Morrison's formula).
    """

    __slots__ = ()

    def __new__(cls, system: System, omega: float | Sequence[float] | np.ndarray | None = None) -> "Slater":
        check_particles(system)
        if not system.fermions:
            raise ValueError(f"expected a system of fermions for a determinant, got bosons in {type(system).__name__}")
        n_up: int = system.n_up  # type: ignore[attr-defined]
        trap = 0.5 / system.length**2
        frequencies = one_for_each_axis("omega", trap if omega is None else omega, system.n_dims)
        states = lowest_states(trap, max(n_up, system.n_particles - n_up))
        isotropic = np.all(trap == trap[0]) and np.all(frequencies == frequencies[0])
        return cls._make((np.log(frequencies[:1] if isotropic else frequencies), states, system.n_particles, n_up))

    @property
    def shape(self) -> tuple[int, int]:
        return self.n_particles, self.states.shape[1]

    @property
    def antisymmetric(self) -> bool:
        return True

    def sign(self, x: np.ndarray) -> np.ndarray:
        """The sign of psi(x) of configurations, shape (n_particles, n_dims) or (n, n_particles, n_dims)."""
        return self._each(x, _sign_block, ())


class _Work(NamedTuple):
    basis: Orbitals
    omega: np.ndarray  # (n_dims,)
    energy: np.ndarray  # E_0, (1,)
    orbitals: np.ndarray  # phi_j(x_i) without the exponential, (n_particles, n_orbitals)
    slopes: np.ndarray  # their gradients, (n_particles, n_dims, n_orbitals)
    inverse: np.ndarray  # [i, j]: element (j, i) of the inverse of the matrix of the spin of i
    gradient: np.ndarray  # of log psi, (n_particles, n_dims), where the spin is not stale
    stale: np.ndarray  # for each spin, whether the gradient belongs to an older configuration
    updates: np.ndarray  # for each spin, of the inverse since it was computed
    log_det: np.ndarray  # for each spin, log |det|
    sign: np.ndarray  # for each spin, the sign of det
    new_orbitals: np.ndarray
    new_slopes: np.ndarray
    ratio: np.ndarray  # of determinants, (1,)
    matrix: np.ndarray  # scratch, (n_orbitals, n_orbitals)
    pivots: np.ndarray  # scratch, (n_orbitals,)


@workspace.register(Slater)
def _(psi):
    n, n_dims = psi.shape
    n_orbitals = len(psi.states)
    omega = np.broadcast_to(np.exp(psi.log_omega), (n_dims,)).copy()
    energies = (psi.states + 0.5) @ omega
    energy = energies[: psi.n_up].sum() + energies[: n - psi.n_up].sum()
    return _Work(
        oscillator_orbitals(psi.states, omega),
        omega,
        np.array([energy]),
        np.empty((n, n_orbitals)),
        np.empty((n, n_dims, n_orbitals)),
        np.empty((n, n_orbitals)),
        np.empty((n, n_dims)),
        np.ones(2, dtype=np.int64),
        np.zeros(2, dtype=np.int64),
        np.zeros(2),
        np.ones(2),
        np.empty(n_orbitals),
        np.empty((n_dims, n_orbitals)),
        np.ones(1),
        np.empty((n_orbitals, n_orbitals)),
        np.empty(n_orbitals, dtype=np.int64),
    )


@kernel
def spin_of(psi, i):
    """0 for spin up, 1 for down, and the particles first .. last - 1 of that spin."""
    return (0, 0, psi.n_up) if i < psi.n_up else (1, psi.n_up, psi.n_particles)


# The inverse


@kernel
def _refresh_inverse(psi, work, i):
    """The inverse of the spin of particle i, from the orbitals."""
    spin, first, last = spin_of(psi, i)
    n = last - first
    for k in range(n):
        for j in range(n):
            work.matrix[k, j] = work.orbitals[first + k, j]
    log_det, sign = invert(work.matrix, n, work.pivots)
    for k in range(n):
        for j in range(n):
            work.inverse[first + k, j] = work.matrix[j, k]
    work.log_det[spin], work.sign[spin] = log_det, sign
    work.updates[spin], work.stale[spin] = 0, 1


@kernel
def _update_inverse(psi, work, i):
    """Sherman and Morrison: particle i has new orbitals, whose ratio of determinants is in ``work.ratio``."""
    spin, first, last = spin_of(psi, i)
    n, scale = last - first, 1.0 / work.ratio[0]
    for k in range(first, last):
        if k != i:
            overlap = 0.0
            for j in range(n):
                overlap += work.new_orbitals[j] * work.inverse[k, j]
            overlap *= scale
            for j in range(n):
                work.inverse[k, j] -= overlap * work.inverse[i, j]
    for j in range(n):
        work.inverse[i, j] *= scale
    work.updates[spin] += 1
    work.stale[spin] = 1


# The protocol


@refresh.register(Slater)
def _(psi, work, x):
    for i in range(x.shape[0]):
        fill_orbitals(work.basis, x[i], work.orbitals[i], work.slopes[i])
    if psi.n_up > 0:
        _refresh_inverse(psi, work, 0)
    if psi.n_up < psi.n_particles:
        _refresh_inverse(psi, work, psi.n_up)


@log_psi.register(Slater)
def _(psi, work, x):
    value = work.log_det[0] + work.log_det[1]
    for i in range(x.shape[0]):
        for d in range(x.shape[1]):
            value -= 0.5 * work.omega[d] * x[i, d] * x[i, d]
    return value


@log_ratio.register(Slater)
def _(psi, work, x, i, new):
    fill_orbitals(work.basis, new, work.new_orbitals, work.new_slopes)
    _, first, last = spin_of(psi, i)
    ratio, exponent = 0.0, 0.0
    for j in range(last - first):
        ratio += work.new_orbitals[j] * work.inverse[i, j]
    for d in range(x.shape[1]):
        exponent -= 0.5 * work.omega[d] * (new[d] - x[i, d]) * (new[d] + x[i, d])
    work.ratio[0] = ratio
    return np.log(abs(ratio)) + exponent


@accept.register(Slater)
def _(psi, work, x, i, new):
    spin, first, last = spin_of(psi, i)
    log = np.log(abs(work.ratio[0]))
    for j in range(last - first):
        work.orbitals[i, j] = work.new_orbitals[j]
        for d in range(x.shape[1]):
            work.slopes[i, d, j] = work.new_slopes[d, j]
    if work.updates[spin] >= UPDATES or abs(log) > LARGE_RATIO:
        _refresh_inverse(psi, work, i)
        return
    _update_inverse(psi, work, i)
    work.log_det[spin] += log
    work.sign[spin] *= 1.0 if work.ratio[0] > 0.0 else -1.0


@kernel
def _particle_gradient(work, i, n, position, slopes, scale, out):
    """Add sum_j (nabla phi_j) inverse_ij * scale - omega x to out."""
    for d in range(position.size):
        pull = 0.0
        for j in range(n):
            pull += slopes[d, j] * work.inverse[i, j]
        out[d] += pull * scale - work.omega[d] * position[d]


@drift.register(Slater)
def _(psi, work, x, i, out):
    _, first, last = spin_of(psi, i)
    _particle_gradient(work, i, last - first, x[i], work.slopes[i], 1.0, out)


@proposed_drift.register(Slater)
def _(psi, work, x, i, new, out):
    _, first, last = spin_of(psi, i)
    _particle_gradient(work, i, last - first, new, work.new_slopes, 1.0 / work.ratio[0], out)


@kernel
def fill_gradient(psi, work, x):
    """The gradient of log psi for the particles of every spin that moved since it was filled."""
    for i in range(x.shape[0]):
        spin, first, last = spin_of(psi, i)
        if work.stale[spin]:
            work.gradient[i, :] = 0.0
            _particle_gradient(work, i, last - first, x[i], work.slopes[i], 1.0, work.gradient[i])
    work.stale[0], work.stale[1] = 0, 0


@gradient_laplacian.register(Slater)
def _(psi, work, x, gradient):
    fill_gradient(psi, work, x)
    laplacian = -2.0 * work.energy[0]
    for i in range(x.shape[0]):
        for d in range(x.shape[1]):
            slope = work.gradient[i, d]
            laplacian += (work.omega[d] * x[i, d]) ** 2 - slope * slope
            gradient[i, d] += slope
    return laplacian


@row_size.register(Slater)
def _(psi):
    return psi.log_omega.size


@write_row.register(Slater)
def _(psi, work, x, row):
    fill_gradient(psi, work, x)
    row[:] = 0.0
    for i in range(x.shape[0]):
        for d in range(x.shape[1]):
            row[d if row.size > 1 else 0] += 0.5 * x[i, d] * work.gradient[i, d]


@kernel
def _sign_block(psi, work, x, out):
    for s in range(x.shape[0]):
        refresh(psi, work, x[s])
        out[s] = work.sign[0] * work.sign[1]
