"""The Gaussian-binary restricted Boltzmann machine as a wave function."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from montecarlo.metropolis import accept, refresh, workspace
from neural.boltzmann import softplus_sum
from neural.jit import kernel
from nqs.log_derivatives import Blocks, Dense, Outer
from nqs.systems.system import System, check_particles, check_positive_integer, one_for_each_axis
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

POWERS = {"density": 0.5, "amplitude": 1.0}


class _Fields(NamedTuple):
    visible_bias: np.ndarray  # a, (n_particles, n_dims)
    hidden_bias: np.ndarray  # b, (n_hidden,)
    weights: np.ndarray  # W, (n_particles, n_dims, n_hidden)
    log_sigma: np.ndarray  # (n_dims,)
    train_sigma: bool
    power: float


class GaussianRBM(WaveFunction, _Fields):
    """A restricted Boltzmann machine of Gaussian visible units, the coordinates, and binary hidden units.

        F(x) = sum_i,d (x_id - a_id)^2 / (2 sigma_d^2) - sum_j log(1 + exp theta_j)
        theta_j = b_j + sum_i,d x_id W_idj / sigma_d^2

    is its free energy, P = exp(-F) its unnormalised density. By default |psi|^2 = P, hence log psi = -F / 2; with
    ``represents="amplitude"`` psi itself is P. The widths sigma_d start at the width of the trap's ground state, so
    that zero weights give the exact state of free bosons.

    Every particle has weights of its own: exchanging two of them changes psi. As a factor beside a determinant, as in
    the literature, it spoils the antisymmetry, and the energy is an upper bound to that of bosons only. ``PairNetwork``
    and ``Neural`` with pooled powers are symmetric.

    Parameters
    ----------
    system : the system it is for
    n_hidden : hidden units
    seed : of the weights and biases, normally distributed with standard deviation ``scale``
    sigma : the widths, one or one for each axis, in units of length
    train_sigma : whether the widths are trained with the rest; their log-derivatives are 0 otherwise
    represents : "density" (psi^2 = P) or "amplitude" (psi = P)

    Raises
    ------
    ValueError : for parameters outside these ranges

    Source: G. Carleo and M. Troyer, Science 355, 602 (2017), for Gaussian visibles as in K. Cho, A. Ilin and
    T. Raiko, ICANN 2011, eq. (4).
    """

    __slots__ = ()

    def __new__(
        cls,
        system: System,
        n_hidden: int = 2,
        *,
        seed: int = 0,
        scale: float = 0.05,
        sigma: float | Sequence[float] | np.ndarray | None = None,
        train_sigma: bool = False,
        represents: str = "density",
    ) -> "GaussianRBM":
        check_particles(system)
        n_hidden = check_positive_integer("n_hidden", n_hidden)
        if represents not in POWERS:
            raise ValueError(f"expected represents to be one of {', '.join(POWERS)}, got {represents!r}")
        power = POWERS[represents]
        widths = system.length * np.sqrt(2 * power)
        if sigma is not None:
            widths = one_for_each_axis("sigma", sigma, system.n_dims)
        shape = (system.n_particles, system.n_dims)
        normal = np.random.default_rng(seed).standard_normal
        return cls._make(
            (
                scale * normal(shape),
                scale * normal(n_hidden),
                scale * normal((*shape, n_hidden)),
                np.log(widths),
                bool(train_sigma),
                power,
            )
        )

    @property
    def symmetric(self) -> bool:
        return False

    @property
    def shape(self) -> tuple[int, int]:
        return self.visible_bias.shape  # type: ignore[return-value]


class _Work(NamedTuple):
    scaled: np.ndarray  # W / sigma^2
    squared: np.ndarray  # sum_i,d (W_idj / sigma_d^2)^2
    precision: np.ndarray  # 1 / sigma^2
    theta: np.ndarray
    sigmoid: np.ndarray
    new_theta: np.ndarray
    new_sigmoid: np.ndarray
    softplus: np.ndarray  # sum_j log(1 + exp theta_j): now, proposed


@workspace.register(GaussianRBM)
def _(psi):
    precision = np.exp(-2 * psi.log_sigma)
    scaled = psi.weights * precision[:, None]
    n_hidden = psi.hidden_bias.size
    theta, sigmoid, new_theta, new_sigmoid = np.empty((4, n_hidden))
    squared = np.square(scaled).sum(axis=(0, 1))
    return _Work(scaled, squared, precision, theta, sigmoid, new_theta, new_sigmoid, np.empty(2))


@refresh.register(GaussianRBM)
def _(psi, work, x):
    for j in range(work.theta.size):
        work.theta[j] = psi.hidden_bias[j]
    for i in range(x.shape[0]):
        for d in range(x.shape[1]):
            for j in range(work.theta.size):
                work.theta[j] += x[i, d] * work.scaled[i, d, j]
    work.softplus[0] = softplus_sum(work.theta, work.sigmoid)


@log_psi.register(GaussianRBM)
def _(psi, work, x):
    squares = 0.0
    for i in range(x.shape[0]):
        for d in range(x.shape[1]):
            squares += (x[i, d] - psi.visible_bias[i, d]) ** 2 * work.precision[d]
    return psi.power * (work.softplus[0] - 0.5 * squares)


@log_ratio.register(GaussianRBM)
def _(psi, work, x, i, new):
    for j in range(work.theta.size):
        work.new_theta[j] = work.theta[j]
    squares = 0.0
    for d in range(x.shape[1]):
        step = new[d] - x[i, d]
        squares += step * (new[d] + x[i, d] - 2.0 * psi.visible_bias[i, d]) * work.precision[d]
        for j in range(work.theta.size):
            work.new_theta[j] += step * work.scaled[i, d, j]
    work.softplus[1] = softplus_sum(work.new_theta, work.new_sigmoid)
    return psi.power * (work.softplus[1] - work.softplus[0] - 0.5 * squares)


@accept.register(GaussianRBM)
def _(psi, work, x, i, new):
    for j in range(work.theta.size):
        work.theta[j] = work.new_theta[j]
        work.sigmoid[j] = work.new_sigmoid[j]
    work.softplus[0] = work.softplus[1]


@kernel
def _particle_gradient(psi, work, i, position, sigmoid, out):
    """Add c (a - x + sum_j W_j sigmoid_j) / sigma^2 of particle i to out."""
    for d in range(position.size):
        pull = 0.0
        for j in range(sigmoid.size):
            pull += work.scaled[i, d, j] * sigmoid[j]
        out[d] += psi.power * (pull - (position[d] - psi.visible_bias[i, d]) * work.precision[d])


@drift.register(GaussianRBM)
def _(psi, work, x, i, out):
    _particle_gradient(psi, work, i, x[i], work.sigmoid, out)


@proposed_drift.register(GaussianRBM)
def _(psi, work, x, i, new, out):
    _particle_gradient(psi, work, i, new, work.new_sigmoid, out)


@gradient_laplacian.register(GaussianRBM)
def _(psi, work, x, gradient):
    for i in range(x.shape[0]):
        _particle_gradient(psi, work, i, x[i], work.sigmoid, gradient[i])
    laplacian = 0.0
    for d in range(x.shape[1]):
        laplacian -= x.shape[0] * work.precision[d]
    for j in range(work.theta.size):
        laplacian += work.sigmoid[j] * (1.0 - work.sigmoid[j]) * work.squared[j]
    return psi.power * laplacian


@row_size.register(GaussianRBM)
def _(psi):
    return 1 + psi.visible_bias.size + psi.hidden_bias.size + psi.log_sigma.size


@write_row.register(GaussianRBM)
def _(psi, work, x, row):
    """1, x / sigma^2, c sigmoid(theta), and the log-derivatives for log sigma."""
    n_particles, n_dims = x.shape
    first_hidden = 1 + n_particles * n_dims
    widths = row[row.size - n_dims :]
    widths[:] = 0.0
    row[0] = 1.0
    for i in range(n_particles):
        for d in range(n_dims):
            row[1 + i * n_dims + d] = x[i, d] * work.precision[d]
            if psi.train_sigma:
                pull = 0.0
                for j in range(work.sigmoid.size):
                    pull += work.scaled[i, d, j] * work.sigmoid[j]
                square = (x[i, d] - psi.visible_bias[i, d]) ** 2 * work.precision[d]
                widths[d] += psi.power * (square - 2.0 * x[i, d] * pull)
    for j in range(work.sigmoid.size):
        row[first_hidden + j] = psi.power * work.sigmoid[j]


@jacobian.register(GaussianRBM)
def _(psi, rows):
    """Columns for a, for b and W together (b_j is the weight of a visible unit that is always 1), for log sigma."""
    first_hidden = 1 + psi.visible_bias.size
    visible, hidden, widths = np.split(rows, [first_hidden, first_hidden + psi.hidden_bias.size], axis=1)
    centre = (psi.visible_bias * np.exp(-2 * psi.log_sigma)).ravel()
    return Blocks((Dense(psi.power * (visible[:, 1:] - centre)), Outer(visible, hidden), Dense(widths)))
