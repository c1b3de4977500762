"""Products over pairs of particles: what all of them share.

    log psi(x) = sum_{i<j} f_ij(x_i, x_j)

The terms are kept in a table, one row for each pair, so that a move of one particle costs N terms. A new product
registers ``fill_pairs``, which computes the row of one particle, and what belongs to its parameters.
"""

from typing import Any, NamedTuple

import numpy as np

from montecarlo.metropolis import accept, refresh
from neural.jit import generic, kernel
from nqs.systems.distances import set_columns, subtract_weighted
from nqs.systems.system import SPINLESS
from nqs.wavefunctions.wavefunction import (
    WaveFunction,
    drift,
    gradient_laplacian,
    log_psi,
    log_ratio,
    proposed_drift,
)

# The numbers of a pair: f, a with nabla_i f = a (x_i - x_j) + b x_i, (nabla_i^2 + nabla_j^2) f; then, unless the pair
# depends on the distance only, b, and b of the particle j.
VALUE, PULL, LAPLACIAN, OWN, OTHER = range(5)
RADIAL, GENERAL = 3, 5  # how many of them there are


class PairProduct(WaveFunction):
    """Base class of the products over pairs; a subclass has the fields n_particles, n_dims and n_up."""

    __slots__ = ()
    n_particles: int
    n_dims: int
    n_up: int

    @property
    def shape(self) -> tuple[int, int]:
        return self.n_particles, self.n_dims


class PairWork(NamedTuple):
    """The workspace: constants of the product, and the table of its pairs."""

    constants: Any  # arrays that follow from the parameters
    table: np.ndarray  # [i, :, j]: the numbers of the pair, (n_particles, RADIAL or GENERAL, n_particles)
    row: np.ndarray  # those of the particle that is to be moved, at its new place
    columns: np.ndarray  # the coordinates, (n_dims, n_particles)


def pair_work(psi: PairProduct, constants: Any, numbers: int = RADIAL) -> PairWork:
    """A workspace with an empty table."""
    n = psi.n_particles
    return PairWork(constants, np.zeros((n, numbers, n)), np.zeros((numbers, n)), np.empty((psi.n_dims, n)))


def spin_kinds(n_particles: int, n_up: int) -> int:
    """How many kinds of pairs there are: 1 without spins or without pairs of equal spin, else 2."""
    return 1 if n_up == SPINLESS or max(n_up, n_particles - n_up) < 2 else 2


@generic
def fill_pairs(psi: Any, work: Any, x: np.ndarray, i: int, position: np.ndarray, row: np.ndarray) -> None:
    """The numbers of the pairs (i, j) for all j, with particle i at ``position``; row[:, i] is arbitrary."""
    ...


@kernel
def equal_spins(psi, i):
    """The range of the particles with the spin of i, or nothing where there are no spins."""
    if psi.n_up < 0:
        return 0, 0
    return (0, psi.n_up) if i < psi.n_up else (psi.n_up, psi.n_particles)


@kernel
def _fill_row(psi, work, x, i, position, row):
    fill_pairs(psi, work, x, i, position, row)
    for k in range(row.shape[0]):
        row[k, i] = 0.0


@refresh.register(PairProduct)
def _(psi, work, x):
    set_columns(x, work.columns)
    for i in range(x.shape[0]):
        _fill_row(psi, work, x, i, x[i], work.table[i])


@log_psi.register(PairProduct)
def _(psi, work, x):
    value = 0.0
    for i in range(x.shape[0]):
        for j in range(i):
            value += work.table[i, VALUE, j]
    return value


@log_ratio.register(PairProduct)
def _(psi, work, x, i, new):
    _fill_row(psi, work, x, i, new, work.row)
    value = 0.0
    for j in range(x.shape[0]):
        value += work.row[VALUE, j] - work.table[i, VALUE, j]
    return value


@accept.register(PairProduct)
def _(psi, work, x, i, new):
    row, table = work.row, work.table
    for d in range(new.size):
        work.columns[d, i] = new[d]
    for k in range(row.shape[0]):
        for j in range(row.shape[1]):
            table[i, k, j] = row[k, j]
    for k in range(RADIAL):
        for j in range(row.shape[1]):
            table[j, k, i] = row[k, j]
    if row.shape[0] == GENERAL:
        for j in range(row.shape[1]):
            table[j, OWN, i] = row[OTHER, j]
            table[j, OTHER, i] = row[OWN, j]


@kernel
def _pull(columns, position, row, out):
    """Add sum_j a_ij (x_i - x_j) + b_ij x_i, with x_i = position, to out."""
    total = 0.0
    for j in range(row.shape[1]):
        total += row[PULL, j]
    if row.shape[0] == GENERAL:
        for j in range(row.shape[1]):
            total += row[OWN, j]
    for d in range(position.size):
        out[d] += total * position[d]
    subtract_weighted(row[PULL], columns, out)


@drift.register(PairProduct)
def _(psi, work, x, i, out):
    _pull(work.columns, x[i], work.table[i], out)


@proposed_drift.register(PairProduct)
def _(psi, work, x, i, new, out):
    _pull(work.columns, new, work.row, out)


@gradient_laplacian.register(PairProduct)
def _(psi, work, x, gradient):
    laplacian = 0.0
    for i in range(x.shape[0]):
        _pull(work.columns, x[i], work.table[i], gradient[i])
        for j in range(x.shape[0]):
            laplacian += work.table[i, LAPLACIAN, j]
    return 0.5 * laplacian
