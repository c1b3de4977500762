"""A feed-forward network of the coordinates as a wave function."""

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from montecarlo.metropolis import accept, refresh, workspace
from neural import feedforward_kernels as network
from neural.feedforward import FeedForward
from neural.jit import copy, kernel
from nqs.systems.system import System, check_particles, check_positive_integer
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

SYMMETRIES = ("none", "sorted", "pooled")


class _Fields(NamedTuple):
    net: FeedForward
    alpha: np.ndarray  # (n_dims,)
    n_particles: int
    is_sorted: bool
    exponents: np.ndarray  # (n_features, n_dims), empty unless pooled


class Neural(WaveFunction, _Fields):
    """psi(x) = exp( f(u(x)) - sum_i,d alpha_d x_id^2 ): a network f in a trained Gaussian envelope.

    What the network sees depends on ``symmetry``:

        "none"    u = x: any function of the coordinates
        "sorted"  u = the coordinates on a line in rising order, so that psi is symmetric. Its slope jumps where two
                  particles meet: use it where psi vanishes there, else the energy lacks the kinetic energy of the kink
        "pooled"  u_k = sum_i prod_d x_id^k_d / N over all powers with 1 <= sum_d k_d <= ``degree``: smooth, and
                  symmetric. Up to degree N these sums generate all symmetric polynomials

    Parameters
    ----------
    system : the system it is for
    hidden : the widths of the hidden layers
    activation : of the hidden layers, twice differentiable: "tanh", "softplus", "gelu", "sigmoid", "sine"
    symmetry : "none", "sorted" (in one dimension) or "pooled"
    degree : of the pooled powers, min(n_particles, 4) by default
    seed : of the weights (Glorot); those of the output are scaled by ``scale``, so that psi starts near its envelope

    Raises
    ------
    ValueError : for parameters outside these ranges

    Source: H. Weyl, The Classical Groups (1946), chapter II.3, for the generators of symmetric polynomials.
    """

    __slots__ = ()

    def __new__(
        cls,
        system: System,
        hidden: Sequence[int] = (32, 32),
        *,
        activation: str = "tanh",
        symmetry: str = "none",
        degree: int | None = None,
        seed: int = 0,
        scale: float = 0.1,
    ) -> "Neural":
        check_particles(system)
        if symmetry not in SYMMETRIES:
            raise ValueError(f"expected symmetry to be one of {', '.join(SYMMETRIES)}, got {symmetry!r}")
        if symmetry == "sorted" and system.n_dims != 1:
            raise ValueError(f"expected one dimension for symmetry='sorted', got {system.n_dims}: use 'pooled'")
        if activation in ("relu", "leaky_relu"):
            raise ValueError(f"expected a smooth activation, got {activation!r}, whose kinks hide kinetic energy")
        if not isinstance(hidden, Sequence):
            raise ValueError(f"expected the widths of the hidden layers, such as (32, 32), got {hidden!r}")
        widths = [check_positive_integer("hidden", width) for width in hidden]
        exponents = np.zeros((0, system.n_dims), dtype=np.int64)
        units = np.tile(1 / system.length, system.n_particles)
        if symmetry == "pooled":
            degree = check_positive_integer("degree", min(system.n_particles, 4) if degree is None else degree)
            exponents = _exponents(system.n_dims, degree)
            units = np.prod(system.length ** -exponents.astype(float), axis=1)
        net = FeedForward.init((units.size, *widths, 1), [activation] * len(widths) + ["identity"], seed=seed)
        net.weights[0][...] *= units[:, None]
        net.weights[-1][...] *= scale
        return cls._make((net, 0.25 / system.length**2, system.n_particles, symmetry == "sorted", exponents))

    @property
    def symmetric(self) -> bool:
        return self.is_sorted or len(self.exponents) > 0

    @property
    def shape(self) -> tuple[int, int]:
        return self.n_particles, self.alpha.size


def _exponents(n_dims: int, degree: int) -> np.ndarray:
    """All (k_1, ..., k_D) with 1 <= sum k <= degree, low orders first."""
    powers = itertools.product(range(degree + 1), repeat=n_dims)
    return np.array(sorted((k for k in powers if 1 <= sum(k) <= degree), key=lambda k: (sum(k), k)), dtype=np.int64)


class _Work(NamedTuple):
    net: Any
    inputs: np.ndarray  # u
    pull: np.ndarray  # d f / d u
    order: np.ndarray  # order[k]: the particle that is the k-th input of a plain or sorted network
    powers: np.ndarray  # (n_dims, degree + 1): the powers of the coordinates of one particle
    slopes: np.ndarray  # d u_k / d x_id, shape (n_particles * n_dims, n_features)
    curvatures: np.ndarray  # the Laplacians of u_k
    output: np.ndarray  # f now, and for the proposed move
    gradient: np.ndarray  # of log psi now, (n_particles, n_dims)
    new_gradient: np.ndarray
    new_x: np.ndarray


@workspace.register(Neural)
def _(psi):
    n, d = psi.shape
    n_inputs, n_features = int(psi.net.sizes[0]), len(psi.exponents)
    degree = int(psi.exponents.sum(axis=1).max()) if n_features else 0
    return _Work(
        network.workspace(psi.net, n * d),
        np.empty(n_inputs),
        np.empty(n_inputs),
        np.arange(n),
        np.ones((d, degree + 1)),
        np.empty((n * d, n_features)),
        np.empty(n_features),
        np.empty(2),
        np.empty((n, d)),
        np.empty((n, d)),
        np.empty((n, d)),
    )


@kernel
def _set_inputs(psi, work, x):
    """Fill ``work.inputs`` for x."""
    n, d = x.shape
    if psi.exponents.shape[0] > 0:
        _pool(psi, work, x)
        return
    if psi.is_sorted:
        _sort(x, work.order)
    for k in range(n):
        for c in range(d):
            work.inputs[k * d + c] = x[work.order[k], c]


@kernel
def _sort(x, order):
    """The particles of a line in rising order, by insertion: few of them change places in one move."""
    for k in range(1, order.size):
        particle, place = order[k], k
        while place > 0 and x[order[place - 1], 0] > x[particle, 0]:
            order[place] = order[place - 1]
            place -= 1
        order[place] = particle


@kernel
def _pool(psi, work, x):
    for k in range(work.inputs.size):
        work.inputs[k] = 0.0
    for i in range(x.shape[0]):
        _set_powers(work, x[i])
        for k in range(work.inputs.size):
            work.inputs[k] += _monomial(work.powers, psi.exponents[k], -1, 0) / x.shape[0]


@kernel
def _set_powers(work, position):
    for d in range(position.size):
        for e in range(1, work.powers.shape[1]):
            work.powers[d, e] = work.powers[d, e - 1] * position[d]


@kernel
def _monomial(powers, exponents, axis, order):
    """prod_d x_d^k_d, differentiated ``order`` times (0, 1 or 2) along ``axis``."""
    value = 1.0
    for d in range(exponents.size):
        e = exponents[d]
        if d == axis:
            for _ in range(order):
                value *= e
                e -= 1
            value = value * powers[d, e] if e >= 0 else 0.0
        else:
            value *= powers[d, e]
    return value


@kernel
def _set_slopes(psi, work, x):
    """The Jacobian and the Laplacians of the pooled features."""
    n, n_dims = x.shape
    work.curvatures[:] = 0.0
    for i in range(n):
        _set_powers(work, x[i])
        for d in range(n_dims):
            for k in range(work.curvatures.size):
                work.slopes[i * n_dims + d, k] = _monomial(work.powers, psi.exponents[k], d, 1) / n
                work.curvatures[k] += _monomial(work.powers, psi.exponents[k], d, 2) / n


@kernel
def _value_gradient(psi, work, x, gradient):
    """f(u(x)); the gradient of log psi goes to ``gradient``, shape (n_particles, n_dims)."""
    _set_inputs(psi, work, x)
    value = network.value_gradient(psi.net, work.net, work.inputs, work.pull)
    n, n_dims = x.shape
    pooled = psi.exponents.shape[0] > 0
    if pooled:
        _set_slopes(psi, work, x)
    for k in range(n):
        i = k if pooled else work.order[k]
        for d in range(n_dims):
            pull = 0.0
            if pooled:
                for feature in range(work.pull.size):
                    pull += work.slopes[i * n_dims + d, feature] * work.pull[feature]
            else:
                pull = work.pull[k * n_dims + d]
            gradient[i, d] = pull - 2.0 * psi.alpha[d] * x[i, d]
    return value


@refresh.register(Neural)
def _(psi, work, x):
    work.output[0] = _value_gradient(psi, work, x, work.gradient)


@log_psi.register(Neural)
def _(psi, work, x):
    value = work.output[0]
    for i in range(x.shape[0]):
        for d in range(x.shape[1]):
            value -= psi.alpha[d] * x[i, d] * x[i, d]
    return value


@log_ratio.register(Neural)
def _(psi, work, x, i, new):
    copy(x, work.new_x)
    envelope = 0.0
    for d in range(x.shape[1]):
        work.new_x[i, d] = new[d]
        envelope -= psi.alpha[d] * (new[d] - x[i, d]) * (new[d] + x[i, d])
    work.output[1] = _value_gradient(psi, work, work.new_x, work.new_gradient)
    return work.output[1] - work.output[0] + envelope


@accept.register(Neural)
def _(psi, work, x, i, new):
    work.output[0] = work.output[1]
    copy(work.new_gradient, work.gradient)


@drift.register(Neural)
def _(psi, work, x, i, out):
    for d in range(out.size):
        out[d] += work.gradient[i, d]


@proposed_drift.register(Neural)
def _(psi, work, x, i, new, out):
    for d in range(out.size):
        out[d] += work.new_gradient[i, d]


@gradient_laplacian.register(Neural)
def _(psi, work, x, gradient):
    n, n_dims = x.shape
    _set_inputs(psi, work, x)
    if psi.exponents.shape[0] > 0:
        _set_slopes(psi, work, x)
        flat = work.new_gradient.reshape(n * n_dims)
        _, laplacian = network.laplacian_along(psi.net, work.net, work.inputs, work.slopes, work.curvatures, flat)
    else:
        _, laplacian = network.laplacian(psi.net, work.net, work.inputs, work.pull)
    for d in range(n_dims):
        laplacian -= 2.0 * n * psi.alpha[d]
        for i in range(n):
            gradient[i, d] += work.gradient[i, d]
    return laplacian


@row_size.register(Neural)
def _(psi):
    return psi.net.theta.size + psi.alpha.size


@write_row.register(Neural)
def _(psi, work, x, row):
    """d f / d theta, then d log psi / d alpha_d = - sum_i x_id^2."""
    n_weights = psi.net.theta.size
    _set_inputs(psi, work, x)
    network.parameter_gradient(psi.net, work.net, work.inputs, row[:n_weights])
    for d in range(x.shape[1]):
        row[n_weights + d] = 0.0
        for i in range(x.shape[0]):
            row[n_weights + d] -= x[i, d] * x[i, d]
