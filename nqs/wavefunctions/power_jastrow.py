"""Powers of the distances of particles on a line."""

from typing import NamedTuple

import numpy as np

from montecarlo.metropolis import accept, refresh, workspace
from neural.jit import kernel
from nqs.systems.calogero_sutherland import CalogeroSutherland
from nqs.systems.system import System, check_particles, check_positive
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


class _Fields(NamedTuple):
    power: float
    n_particles: int


class PowerJastrow(WaveFunction, _Fields):
    """psi(x) = prod_{i<j} |x_i - x_j|^power for particles on a line; without parameters.

    With the power ``strength`` and a ``Gaussian`` it is the exact ground state of ``CalogeroSutherland``. With the
    power 1 and a ``Gaussian`` it is, up to the sign, the determinant of the lowest orbitals of fermions of one spin.
    Fermions on a line have no other nodes than where two of them meet, and their energy does not depend on the sign
    on either side: this factor makes a wave function of fermions from one of bosons.

    Parameters
    ----------
    system : of one dimension
    power : positive; by default ``strength`` for ``CalogeroSutherland``, and 1 for others

    Raises
    ------
    ValueError : for a system of more dimensions, or a power out of range

    Source: M. Girardeau, J. Math. Phys. 1, 516 (1960), for fermions and bosons that cannot pass one another.
    """

    __slots__ = ()

    def __new__(cls, system: System, power: float | None = None) -> "PowerJastrow":
        check_particles(system)
        if system.n_dims != 1:
            raise ValueError(f"expected a system of one dimension, got {system.n_dims}: a line has an order")
        default = system.strength if isinstance(system, CalogeroSutherland) else 1.0
        return cls._make((check_positive("power", default if power is None else power), system.n_particles))

    @property
    def antisymmetric(self) -> bool:
        """As good as that, on a line: the sign may be chosen for each ordering of the particles."""
        return True

    def sign(self, x: np.ndarray) -> np.ndarray:
        """That of prod_{i<j} (x_i - x_j), for fermions; configurations (n, n_particles, 1) -> (n,)."""
        differences = np.sign(x[:, :, None, 0] - x[:, None, :, 0])
        i, j = np.triu_indices(self.n_particles, 1)
        return differences[:, i, j].prod(axis=1)

    @property
    def shape(self) -> tuple[int, int]:
        return self.n_particles, 1


class _Work(NamedTuple):
    nothing: np.ndarray


@workspace.register(PowerJastrow)
def _(psi):
    return _Work(np.empty(0))


@refresh.register(PowerJastrow)
def _(psi, work, x):
    pass


@accept.register(PowerJastrow)
def _(psi, work, x, i, new):
    pass


@log_psi.register(PowerJastrow)
def _(psi, work, x):
    value = 0.0
    for i in range(x.shape[0]):
        for j in range(i):
            value += np.log(abs(x[i, 0] - x[j, 0]))
    return psi.power * value


@log_ratio.register(PowerJastrow)
def _(psi, work, x, i, new):
    product = 1.0
    for j in range(x.shape[0]):
        if j != i:
            product *= (new[0] - x[j, 0]) / (x[i, 0] - x[j, 0])
    return psi.power * np.log(abs(product))


@kernel
def _pull(psi, x, i, position):
    """sum_j power / (x_i - x_j) with particle i at ``position``."""
    pull = 0.0
    for j in range(x.shape[0]):
        if j != i:
            pull += psi.power / (position - x[j, 0])
    return pull


@drift.register(PowerJastrow)
def _(psi, work, x, i, out):
    out[0] += _pull(psi, x, i, x[i, 0])


@proposed_drift.register(PowerJastrow)
def _(psi, work, x, i, new, out):
    out[0] += _pull(psi, x, i, new[0])


@gradient_laplacian.register(PowerJastrow)
def _(psi, work, x, gradient):
    laplacian = 0.0
    for i in range(x.shape[0]):
        for j in range(i):
            inverse = 1.0 / (x[i, 0] - x[j, 0])
            laplacian -= 2.0 * psi.power * inverse * inverse
            gradient[i, 0] += psi.power * inverse
            gradient[j, 0] -= psi.power * inverse
    return laplacian


@row_size.register(PowerJastrow)
def _(psi):
    return 0


@write_row.register(PowerJastrow)
def _(psi, work, x, row):
    pass
