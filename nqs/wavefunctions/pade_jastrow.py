"""The Pade-Jastrow factor, exact where two charges meet."""

from typing import NamedTuple

import numpy as np

from montecarlo.metropolis import workspace
from nqs.systems.distances import squared_distances
from nqs.systems.system import SPINLESS, System, check_particles, check_positive
from nqs.wavefunctions.pair_product import (
    LAPLACIAN,
    PULL,
    VALUE,
    PairProduct,
    fill_pairs,
    pair_work,
    spin_kinds,
)
from nqs.wavefunctions.wavefunction import row_size, write_row

TINY = 1e-300  # the pair of a particle with itself is finite


class _Fields(NamedTuple):
    log_beta: np.ndarray  # (1,) or (2,): opposite spins, equal spins
    n_particles: int
    n_dims: int
    n_up: int


class PadeJastrow(PairProduct, _Fields):
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
        cusps(system.n_dims)
        start = check_positive("beta", 0.35 / float(system.length.mean()) ** 0.5 if beta is None else beta)
        n_up = getattr(system, "n_up", SPINLESS)
        kinds = spin_kinds(system.n_particles, n_up)  # without spins, all pairs meet like opposite spins
        return cls._make((np.full(kinds, np.log(start)), system.n_particles, system.n_dims, n_up))


def cusps(n_dims: int) -> np.ndarray:
    """The slopes of log psi where two electrons of opposite, and of equal spin meet: 1 / (D - 1) and 1 / (D + 1)."""
    if n_dims < 2:
        raise ValueError(f"expected a system of 2 dimensions or more, got {n_dims}: 1 / r has no cusp on a line")
    return np.array([1 / (n_dims - 1), 1 / (n_dims + 1)])


class _Constants(NamedTuple):
    beta: np.ndarray  # [s, j]: of a particle with the spin s (0 up, 1 down) and particle j, (2, n_particles)
    cusp: np.ndarray  # likewise
    opposite: np.ndarray  # likewise: beta / cusp for opposite, 0 for equal spins
    equal: np.ndarray  # likewise, the other way round


@workspace.register(PadeJastrow)
def _(psi):
    up = np.arange(psi.n_particles) < psi.n_up
    kind = np.stack([up, ~up]).astype(np.int64) * (psi.n_up != SPINLESS)
    beta, cusp = np.broadcast_to(np.exp(psi.log_beta), (2,))[kind], cusps(psi.n_dims)[kind]
    return pair_work(psi, _Constants(beta, cusp, beta / cusp * (1 - kind), beta / cusp * kind))


@fill_pairs.register(PadeJastrow)
def _(psi, work, x, i, position, row):
    """f = a r t with t = 1 / (1 + b r), f' = a t^2 and f'' = -2 b a t^3."""
    spin = 0 if i < psi.n_up else 1
    betas, slopes, n_dims = work.constants.beta[spin], work.constants.cusp[spin], position.size
    squared_distances(work.columns, position, row[VALUE])
    for j in range(np.uintp(0), np.uintp(x.shape[0])):
        r = np.sqrt(row[VALUE, j] + TINY)
        beta, t = betas[j], 1.0 / (1.0 + betas[j] * r)
        slope, inverse = slopes[j] * t * t, 1.0 / r
        row[VALUE, j] = slopes[j] * r * t
        row[PULL, j] = slope * inverse
        row[LAPLACIAN, j] = 2.0 * slope * ((n_dims - 1) * inverse - 2.0 * beta * t)


@row_size.register(PadeJastrow)
def _(psi):
    return psi.log_beta.size


@write_row.register(PadeJastrow)
def _(psi, work, x, row):
    """d log psi / d log beta = - sum_{i<j} a beta r^2 t^2 = - sum_{i<j} f^2 beta / a."""
    opposite, equal = 0.0, 0.0
    for i in range(x.shape[0]):
        spin, values = 0 if i < psi.n_up else 1, work.table[i, VALUE]
        first, second = work.constants.opposite[spin], work.constants.equal[spin]
        for j in range(np.uintp(0), np.uintp(x.shape[0])):
            square = values[j] * values[j]
            opposite += square * first[j]
            equal += square * second[j]
    row[0] = -0.5 * (opposite if row.size == 2 else opposite + equal)
    if row.size == 2:
        row[1] = -0.5 * equal
