"""The Gaussian, the ground state of bosons in a harmonic trap."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from montecarlo.metropolis import accept, refresh, workspace
from neural.jit import kernel
from nqs.log_derivatives import Dense
from nqs.systems.system import System, check_particles, one_for_each_axis
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
    alpha: np.ndarray  # (n_dims,)
    n_particles: int


class Gaussian(WaveFunction, _Fields):
    """psi(x) = exp(- sum_i sum_d alpha_d x_id^2), one variational alpha for each axis.

    With alpha_d = omega_d / 2, where it starts unless told otherwise, it is the exact ground state of
    ``HarmonicOscillator``.

    Parameters
    ----------
    system : the system it is for
    alpha : positive, one number or one for each axis; in units of 1 / length^2

    Raises
    ------
    ValueError : for alpha outside this range
    """

    __slots__ = ()

    def __new__(cls, system: System, alpha: float | Sequence[float] | np.ndarray | None = None) -> "Gaussian":
        check_particles(system)
        values = 0.25 / system.length**2 if alpha is None else one_for_each_axis("alpha", alpha, system.n_dims)
        return cls._make((values, system.n_particles))

    @property
    def shape(self) -> tuple[int, int]:
        return self.n_particles, self.alpha.size


class _Work(NamedTuple):
    squares: np.ndarray  # sum_i x_id^2 (not updated: recomputed where it is needed)


@workspace.register(Gaussian)
def _(psi):
    return _Work(np.empty(psi.alpha.size))


@refresh.register(Gaussian)
def _(psi, work, x):
    pass


@accept.register(Gaussian)
def _(psi, work, x, i, new):
    pass


@kernel
def _squares(x, out):
    out[:] = 0.0
    for i in range(x.shape[0]):
        for d in range(x.shape[1]):
            out[d] += x[i, d] * x[i, d]


@log_psi.register(Gaussian)
def _(psi, work, x):
    _squares(x, work.squares)
    value = 0.0
    for d in range(work.squares.size):
        value -= psi.alpha[d] * work.squares[d]
    return value


@log_ratio.register(Gaussian)
def _(psi, work, x, i, new):
    value = 0.0
    for d in range(x.shape[1]):
        value -= psi.alpha[d] * (new[d] - x[i, d]) * (new[d] + x[i, d])
    return value


@drift.register(Gaussian)
def _(psi, work, x, i, out):
    for d in range(x.shape[1]):
        out[d] -= 2.0 * psi.alpha[d] * x[i, d]


@proposed_drift.register(Gaussian)
def _(psi, work, x, i, new, out):
    for d in range(x.shape[1]):
        out[d] -= 2.0 * psi.alpha[d] * new[d]


@gradient_laplacian.register(Gaussian)
def _(psi, work, x, gradient):
    laplacian = 0.0
    for d in range(x.shape[1]):
        laplacian -= 2.0 * x.shape[0] * psi.alpha[d]
        for i in range(x.shape[0]):
            gradient[i, d] -= 2.0 * psi.alpha[d] * x[i, d]
    return laplacian


@row_size.register(Gaussian)
def _(psi):
    return psi.alpha.size


@write_row.register(Gaussian)
def _(psi, work, x, row):
    _squares(x, row)


@jacobian.register(Gaussian)
def _(psi, rows):
    return Dense(-rows)
