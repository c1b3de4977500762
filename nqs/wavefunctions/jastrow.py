"""A Jastrow factor with parameters for each kind of pair, exact where two charges meet."""

from typing import NamedTuple

import numpy as np

from montecarlo.metropolis import workspace
from neural.jit import kernel
from nqs.systems.distances import squared_distances
from nqs.systems.system import SPINLESS, System, check_particles, check_positive, check_positive_integer
from nqs.wavefunctions.pade_jastrow import TINY, cusps
from nqs.wavefunctions.pair_product import (
    LAPLACIAN,
    PULL,
    VALUE,
    PairProduct,
    equal_spins,
    fill_pairs,
    pair_work,
    spin_kinds,
)
from nqs.wavefunctions.wavefunction import row_size, write_row


class _Fields(NamedTuple):
    coefficients: np.ndarray  # (kinds, n_terms): of opposite spins, of equal spins
    n_particles: int
    n_dims: int
    n_up: int
    length: float


class Jastrow(PairProduct, _Fields):
    """psi(x) = exp( sum_{i<j} f(r_ij) ) with f = a u + sum_k c_k u^k,  u = r / (1 + r / l),  k = 2 .. n_terms + 1.

    The first coefficient is the cusp a of ``PadeJastrow``, which the Coulomb repulsion fixes. The others, for opposite
    and for equal spins, are variational and start at zero. As f is linear in them, they are found in a few steps.

    Parameters
    ----------
    system : in 2 dimensions or more; where it has spins, particles 0 .. n_up - 1 are up
    n_terms : how many coefficients are variational
    length : l, in units of length, which is not varied

    Raises
    ------
    ValueError : for parameters outside these ranges
    """

    __slots__ = ()

    def __new__(cls, system: System, n_terms: int = 4, *, length: float | None = None) -> "Jastrow":
        check_particles(system)
        cusps(system.n_dims)
        n_terms = check_positive_integer("n_terms", n_terms)
        unit = check_positive("length", 3 * float(system.length.mean()) ** 0.5 if length is None else length)
        n_up = getattr(system, "n_up", SPINLESS)
        kinds = spin_kinds(system.n_particles, n_up)
        return cls._make((np.zeros((kinds, n_terms)), system.n_particles, system.n_dims, n_up, unit))


class _Constants(NamedTuple):
    coefficients: np.ndarray  # (2, n_terms + 1), with those of the cusps


@workspace.register(Jastrow)
def _(psi):
    coefficients = np.broadcast_to(psi.coefficients, (2, psi.coefficients.shape[1]))
    return pair_work(psi, _Constants(np.column_stack([cusps(psi.n_dims), coefficients])))


@kernel
def _fill_range(psi, coefficients, first, last, row):
    """With u' = (u / r)^2 and u'' = -2 u' (u / r) / l: f' = f_u u' and f'' = f_uu u'^2 + f_u u''."""
    for j in range(np.uintp(first), np.uintp(last)):
        r = np.sqrt(row[VALUE, j] + TINY)
        ratio = 1.0 / (1.0 + r / psi.length)
        u = r * ratio
        value, first_u, second_u = 0.0, 0.0, 0.0  # by Horner's rule
        for k in range(coefficients.size - 1, -1, -1):
            second_u = second_u * u + 2.0 * first_u
            first_u = first_u * u + value
            value = value * u + coefficients[k]
        second_u, first_u, value = second_u * u + 2.0 * first_u, first_u * u + value, value * u
        slope, inverse = first_u * ratio * ratio, 1.0 / r
        curvature = second_u * ratio**4 - 2.0 * slope * ratio / psi.length
        row[VALUE, j] = value
        row[PULL, j] = slope * inverse
        row[LAPLACIAN, j] = 2.0 * (curvature + (psi.n_dims - 1) * slope * inverse)


@fill_pairs.register(Jastrow)
def _(psi, work, x, i, position, row):
    first, last = equal_spins(psi, i)
    opposite, equal = work.constants.coefficients[0], work.constants.coefficients[1]
    squared_distances(work.columns, position, row[VALUE])
    _fill_range(psi, opposite, 0, first, row)
    _fill_range(psi, equal, first, last, row)
    _fill_range(psi, opposite, last, x.shape[0], row)


@row_size.register(Jastrow)
def _(psi):
    return psi.coefficients.size


@write_row.register(Jastrow)
def _(psi, work, x, row):
    row[:] = 0.0
    slopes = row.reshape(psi.coefficients.shape)
    for i in range(x.shape[0]):
        first, last = equal_spins(psi, i)
        for j in range(i):
            squared = 0.0
            for d in range(x.shape[1]):
                squared += (x[i, d] - x[j, d]) ** 2
            r = np.sqrt(squared)
            u = r / (1.0 + r / psi.length)
            power = u
            for k in range(slopes.shape[1]):
                power *= u
                slopes[1 if first <= j < last else 0, k] += power
