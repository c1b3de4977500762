"""A small feed-forward network of the distance of a pair and of where it is, summed over all pairs."""

from typing import NamedTuple

import numpy as np

from montecarlo.metropolis import workspace
from neural.jit import kernel
from neural.special import exp
from nqs.systems.system import SPINLESS, System, check_particles, check_positive, check_positive_integer
from nqs.wavefunctions.pair_product import (
    GENERAL,
    LAPLACIAN,
    OTHER,
    OWN,
    PULL,
    VALUE,
    PairProduct,
    equal_spins,
    fill_pairs,
    pair_work,
    spin_kinds,
)
from nqs.wavefunctions.wavefunction import row_size, write_row

BIAS = 3  # the row of the biases in ``weights``, after those of the three inputs


class _Fields(NamedTuple):
    weights: np.ndarray  # (kinds, 4, n_hidden): of the inputs u, v, w and the biases; opposite spins, equal spins
    output: np.ndarray  # (kinds, n_hidden)
    n_particles: int
    n_dims: int
    n_up: int
    length: float


class PairNetwork(PairProduct, _Fields):
    """psi(x) = exp( sum_{i<j} f(x_i, x_j) ) with a network f for opposite and another for equal spins.

        f = sum_k c_k tanh( b_k + W_0k u + W_1k v + W_2k w )
        u = sqrt(1 + r_ij^2 / l^2),   v = rho_i + rho_j,   w = (rho_i - rho_j)^2,   rho_i = sqrt(1 + r_i^2 / l^2)

    The three inputs determine the distances r_ij, r_i and r_j from each other and from the centre of the trap, so that
    the hole around an electron may depend on the density where it is. They are smooth functions of the coordinates:
    where two electrons meet, f has no cusp, and leaves that of another factor exact.

    Parameters
    ----------
    system : where it has spins, particles 0 .. n_up - 1 are up
    n_hidden : hidden units of each network
    seed : of the weights, uniform within +-1 and biases that spread the units over the cloud; c starts at ``scale``
        times a standard normal number
    length : l, in units of length; by default that of the trap, omega^(-1/2)

    Raises
    ------
    ValueError : for parameters outside these ranges
    """

    __slots__ = ()

    def __new__(
        cls,
        system: System,
        n_hidden: int = 16,
        *,
        seed: int = 0,
        scale: float = 0.01,
        length: float | None = None,
    ) -> "PairNetwork":
        check_particles(system)
        n_hidden = check_positive_integer("n_hidden", n_hidden)
        unit = float(system.length.mean()) * np.sqrt(2)
        unit = check_positive("length", unit if length is None else length)
        n_up = getattr(system, "n_up", SPINLESS)
        kinds = spin_kinds(system.n_particles, n_up)
        rng = np.random.default_rng(seed)
        weights = rng.uniform(-1, 1, (kinds, 4, n_hidden))
        weights[:, 2] *= 0.5
        weights[:, BIAS] = -(weights[:, 0] * 2.5 + weights[:, 1] * 4) + rng.uniform(-1, 1, (kinds, n_hidden))
        output = scale * rng.standard_normal((kinds, n_hidden))
        return cls._make((weights, output, system.n_particles, system.n_dims, n_up, unit))


class _Constants(NamedTuple):
    curvature: np.ndarray  # of both networks: products of weights, (kinds, 6, n_hidden)


@workspace.register(PairNetwork)
def _(psi):
    u, v, w = psi.weights[:, 0], psi.weights[:, 1], psi.weights[:, 2]
    products = np.stack([u * u, 2 * u * v, 2 * u * w, v * v, 2 * v * w, w * w], axis=1)
    return pair_work(psi, _Constants(products), GENERAL)


@kernel
def _tanh(z):
    return 1.0 - 2.0 / (1.0 + exp(2.0 * z))


@kernel
def _inputs(psi, first, second):
    """(r_ij^2, r_i^2, r_j^2) / l^2 of a pair at two positions."""
    squared, own, other = 0.0, 0.0, 0.0
    for d in range(first.size):
        squared += (first[d] - second[d]) ** 2
        own += first[d] * first[d]
        other += second[d] * second[d]
    scale = 1.0 / (psi.length * psi.length)
    return squared * scale, own * scale, other * scale


@kernel
def _fill_pair(psi, weights, products, output, first, second, row, j):
    """The numbers of one pair.

    With the metric g_ab = nabla a . nabla b of the inputs, over both particles, the Laplacian of a unit is
    sum_k c_k ( tanh'' sum_ab W_ak W_bk g_ab + tanh' sum_a W_ak nabla^2 a ), here in units of 1 / l^2.
    """
    n_dims, scale = first.size, 1.0 / (psi.length * psi.length)
    squared, own, other = _inputs(psi, first, second)
    u, rho, sigma = np.sqrt(1.0 + squared), np.sqrt(1.0 + own), np.sqrt(1.0 + other)
    inverse_u, inverse_rho, inverse_sigma = 1.0 / u, 1.0 / rho, 1.0 / sigma
    v, difference = rho + sigma, rho - sigma
    w = difference * difference
    # |nabla rho|^2, |nabla sigma|^2, nabla u . nabla rho, nabla u . nabla sigma, and the Laplacians of rho and sigma
    g_rho, g_sigma = own * inverse_rho * inverse_rho, other * inverse_sigma * inverse_sigma
    u_rho = 0.5 * (squared + own - other) * inverse_u * inverse_rho
    u_sigma = 0.5 * (squared + other - own) * inverse_u * inverse_sigma
    l_rho, l_sigma = (n_dims - g_rho) * inverse_rho, (n_dims - g_sigma) * inverse_sigma
    g_uu = 2.0 * squared * inverse_u * inverse_u
    g_uv, g_uw = u_rho + u_sigma, 2.0 * difference * (u_rho - u_sigma)
    g_vv, g_vw = g_rho + g_sigma, 2.0 * difference * (g_rho - g_sigma)
    g_ww = 4.0 * w * g_vv
    l_u, l_v = (2.0 * n_dims - g_uu) * inverse_u, l_rho + l_sigma
    l_w = 2.0 * difference * (l_rho - l_sigma) + 2.0 * g_vv
    value, f_u, f_v, f_w, laplacian = 0.0, 0.0, 0.0, 0.0, 0.0
    for k in range(output.size):
        t = _tanh(weights[BIAS, k] + weights[0, k] * u + weights[1, k] * v + weights[2, k] * w)
        slope = output[k] * (1.0 - t * t)
        value += output[k] * t
        f_u += slope * weights[0, k]
        f_v += slope * weights[1, k]
        f_w += slope * weights[2, k]
        metric = products[0, k] * g_uu + products[1, k] * g_uv + products[2, k] * g_uw
        metric += products[3, k] * g_vv + products[4, k] * g_vw + products[5, k] * g_ww
        laplacian -= 2.0 * t * slope * metric
    laplacian += f_u * l_u + f_v * l_v + f_w * l_w
    row[VALUE, j] = value
    row[PULL, j] = f_u * inverse_u * scale
    row[LAPLACIAN, j] = laplacian * scale
    row[OWN, j] = (f_v + 2.0 * difference * f_w) * inverse_rho * scale
    row[OTHER, j] = (f_v - 2.0 * difference * f_w) * inverse_sigma * scale


@fill_pairs.register(PairNetwork)
def _(psi, work, x, i, position, row):
    first, last = equal_spins(psi, i)
    for j in range(x.shape[0]):
        if j != i:
            kind = 1 if first <= j < last else 0
            weights, products = psi.weights[kind], work.constants.curvature[kind]
            _fill_pair(psi, weights, products, psi.output[kind], position, x[j], row, j)


@row_size.register(PairNetwork)
def _(psi):
    return psi.weights.size + psi.output.size


@write_row.register(PairNetwork)
def _(psi, work, x, row):
    slopes = row[: psi.weights.size].reshape(psi.weights.shape)
    values = row[psi.weights.size :].reshape(psi.output.shape)
    row[:] = 0.0
    for i in range(x.shape[0]):
        first, last = equal_spins(psi, i)
        for j in range(i):
            kind = 1 if first <= j < last else 0
            _add_log_derivatives(psi, psi.weights[kind], psi.output[kind], x[i], x[j], slopes[kind], values[kind])


@kernel
def _add_log_derivatives(psi, weights, output, first, second, slopes, values):
    squared, own, other = _inputs(psi, first, second)
    u, rho, sigma = np.sqrt(1.0 + squared), np.sqrt(1.0 + own), np.sqrt(1.0 + other)
    v, w = rho + sigma, (rho - sigma) * (rho - sigma)
    for k in range(output.size):
        t = _tanh(weights[BIAS, k] + weights[0, k] * u + weights[1, k] * v + weights[2, k] * w)
        slope = output[k] * (1.0 - t * t)
        values[k] += t
        slopes[0, k] += slope * u
        slopes[1, k] += slope * v
        slopes[2, k] += slope * w
        slopes[BIAS, k] += slope
