"""Compiled: every wave function that is a machine of visible and hidden spins, shared weights or not.

With the tables c = cosh 2W, h = sinh 2W and t_j = tanh theta_j kept for the chain, turning site i over multiplies psi
by

    exp(-2 a_i s_i) prod_j f_ij,    f_ij = c_ij - s_i t_j h_ij,

products only. For more sites c and h are those of the sum of their 2 s W, by the addition theorems. What is kept up
to date is u_j = exp(2 theta_j), which a move multiplies by (c - s h)^2, and t = 1 - 2 / (1 + u); this loses no digits
where t is near +-1, unlike an update of t itself. Real and imaginary parts are separate arrays, so that loops over
hidden units run several at a time; their first axis has length 1 for real parameters. Where products would lose digits
or overflow, for large weights and angles, ``large_angles`` takes logarithms instead.
"""

from typing import NamedTuple

import numpy as np

from montecarlo.metropolis import accept, refresh, workspace
from neural.jit import kernel
from nqs.complex_derivatives import real_and_imaginary
from nqs.spins import multiply_flip_ratios, ratio
from nqs.wavefunctions.large_angles import (
    LARGE,
    largest_weight,
    log_cosh,
    log_ratio_by_logarithms,
    needs_logarithms,
    ratio_by_logarithms,
    within_range,
)
from nqs.wavefunctions.spin_products import field, gather, multiply_complex, multiply_real, norm_of_product, product
from nqs.wavefunctions.spin_state import SpinState
from nqs.wavefunctions.wavefunction import log_psi, log_ratio, write_row

Array = np.ndarray
MOST = 300.0  # exponent: its square does not overflow either


class SpinMachine(SpinState):
    """Base class: ``couplings`` gives a, b and W of the machine, whatever the parameters are."""

    __slots__ = ()

    def couplings(self) -> tuple[Array, ...]:
        """a (n_sites,), b (n_hidden,), W (n_sites, n_hidden), all real or all complex."""
        raise NotImplementedError

    @property
    def shape(self) -> tuple[int]:
        return (len(self.couplings()[0]),)


class Work(NamedTuple):
    """The axis p is the real and the imaginary part."""

    visible_bias: Array  # (p, n_sites)
    hidden_bias: Array  # (p, n_hidden)
    field: Array  # (p, 2, n_sites): exp(2 a) and exp(-2 a), which turn down and up spins over
    weights: Array  # (n_sites, p, n_hidden)
    c: Array  # cosh 2W, the same shape
    h: Array  # sinh 2W
    c_by_unit: Array  # the same, (n_hidden, p, n_sites)
    h_by_unit: Array
    theta: Array  # (p, n_hidden), only as new as the last refresh, unless ``by_logarithms``
    u: Array  # exp(2 theta)
    t: Array  # tanh theta
    total: Array  # (2, p, n_hidden): cosh and sinh of the sum over several sites
    factors: Array  # (p, n_hidden)
    products: Array  # (p, n_sites)
    site: Array  # (2,): the move that turns a single site over
    largest: float  # weight, by its real part
    by_logarithms: bool  # in place of products, in every update


@workspace.register(SpinMachine)
def _(psi):
    a, b, w = psi.couplings()
    with np.errstate(all="ignore"):  # what overflows is not used
        grown, fallen = np.exp(2 * w), np.exp(2 * a)
        c, h, fields = (grown + 1 / grown) / 2, (grown - 1 / grown) / 2, np.stack([fallen, 1 / fallen])
    parts, n_sites, n_hidden = 1 + np.iscomplexobj(w), *w.shape
    tables = [real_and_imaginary(each) for each in (a, b, fields)]
    tables += [real_and_imaginary(each, axis=1) for each in (w, c, h, c.T, h.T)]
    theta, u, t, factors = np.empty((4, parts, n_hidden))
    total, products = np.empty((2, parts, n_hidden)), np.empty((parts, n_sites))
    site = np.ones(2, dtype=np.int64)
    kept = [*tables, theta, u, t, total, factors, products, site]
    return Work(*kept, largest=largest_weight(w), by_logarithms=needs_logarithms(b, w))


@refresh.register(SpinMachine)
def _(psi, work, x):
    for part in range(work.theta.shape[0]):
        theta = work.theta[part]
        for j in range(np.uintp(theta.size)):
            theta[j] = work.hidden_bias[part, j]
        for i in range(x.size):
            _add(float(x[i]), work.weights[i, part], theta)
    _set_exponentials(work)
    _set_tanh(work)


@kernel
def _set_exponentials(work):
    """u = exp(2 theta), or as large or as small as can be: tanh theta is then +-1 within rounding."""
    for j in range(work.theta.shape[1]):
        size = np.exp(min(max(2.0 * work.theta[0, j], -MOST), MOST))
        if work.theta.shape[0] == 1:
            work.u[0, j] = size
        else:
            work.u[0, j] = size * np.cos(2.0 * work.theta[1, j])
            work.u[1, j] = size * np.sin(2.0 * work.theta[1, j])


@kernel
def _add(factor, vector, out):
    for j in range(np.uintp(out.size)):
        out[j] += factor * vector[j]


@kernel
def _set_tanh(work):
    """t = 1 - 2 / (1 + u)."""
    if work.u.shape[0] == 1:
        u, t = work.u[0], work.t[0]
        for j in range(np.uintp(t.size)):
            t[j] = 1.0 - 2.0 / (1.0 + u[j])
    else:
        u, v, t, r = work.u[0], work.u[1], work.t[0], work.t[1]
        for j in range(np.uintp(t.size)):
            above = 1.0 + u[j]
            twice = 2.0 / (above * above + v[j] * v[j])
            t[j] = 1.0 - twice * above
            r[j] = twice * v[j]


@log_psi.register(SpinMachine)
def _(psi, work, x):
    value = 0j
    parts = work.theta.shape[0]
    for i in range(x.size):
        value += float(x[i]) * complex(work.visible_bias[0, i], work.visible_bias[1, i] if parts > 1 else 0.0)
    for j in range(work.theta.shape[1]):
        value += log_cosh(complex(work.theta[0, j], work.theta[1, j] if parts > 1 else 0.0))
    return value


@log_ratio.register(SpinMachine)
def _(psi, work, x, i, new):
    if new[0] == 0:
        return 0.0
    if work.by_logarithms or new[0] * work.largest > LARGE:
        return log_ratio_by_logarithms(work, x, new).real
    site = new[1]
    if new[0] == 1:
        norm = norm_of_product(work.c[site], work.h[site], work.t, float(x[site]))
    else:
        gather(work, x, new)
        norm = norm_of_product(work.total[0], work.total[1], work.t, 1.0)
    if not within_range(complex(norm, 0.0)):
        return log_ratio_by_logarithms(work, x, new).real
    bias = 0.0
    for k in range(1, new[0] + 1):
        bias += work.visible_bias[0, new[k]] * x[new[k]]
    return 0.5 * np.log(norm) - 2.0 * bias


@accept.register(SpinMachine)
def _(psi, work, x, i, new):
    if work.by_logarithms:
        for k in range(1, new[0] + 1):
            for part in range(work.theta.shape[0]):
                _add(-2.0 * x[new[k]], work.weights[new[k], part], work.theta[part])
        _set_exponentials(work)
    for k in range(1, 1 if work.by_logarithms else new[0] + 1):
        _scale(work.c[new[k]], work.h[new[k]], float(x[new[k]]), work.u)
    _set_tanh(work)


@kernel
def _scale(c, h, s, u):
    """u <- u (c - s h)^2 = u exp(-4 s W)."""
    if u.shape[0] == 1:
        c0, h0, u0 = c[0], h[0], u[0]
        for j in range(np.uintp(u0.size)):
            d = c0[j] - s * h0[j]
            u0[j] *= d * d
    else:
        c0, c1, h0, h1, u0, u1 = c[0], c[1], h[0], h[1], u[0], u[1]
        for j in range(np.uintp(u0.size)):
            d, e = c0[j] - s * h0[j], c1[j] - s * h1[j]
            real, imaginary = d * d - e * e, 2.0 * d * e
            product = u0[j] * real - u1[j] * imaginary
            u1[j] = u0[j] * imaginary + u1[j] * real
            u0[j] = product


@ratio.register(SpinMachine)
def _(psi, work, x, flips):
    if flips[0] == 0:
        return 1.0 + 0j
    if work.by_logarithms or flips[0] * work.largest > LARGE:
        return ratio_by_logarithms(work, x, flips)
    site = flips[1]
    if flips[0] == 1:
        value = product(work.c[site], work.h[site], work.t, float(x[site]), work.factors)
    else:
        gather(work, x, flips)
        value = product(work.total[0], work.total[1], work.t, 1.0, work.factors)
    turned = value * field(work, x, flips)
    return turned if within_range(value) and within_range(turned) else ratio_by_logarithms(work, x, flips)


@multiply_flip_ratios.register(SpinMachine)
def _(psi, work, x, out):
    """All sites at once, unit by unit, so that the loop over the sites vectorises."""
    if work.by_logarithms or work.largest > LARGE:
        for i in range(x.size):
            _multiply(_single(work, x, i), out, i)
        return
    for i in range(x.size):
        up = 1 if x[i] > 0 else 0
        work.products[0, i] = work.field[0, up, i]
        if work.products.shape[0] > 1:
            work.products[1, i] = work.field[1, up, i]
    if work.products.shape[0] == 1:
        for j in range(work.t.shape[1]):
            multiply_real(work.c_by_unit[j, 0], work.h_by_unit[j, 0], work.t[0, j], x, work.products[0])
        for i in range(x.size):
            p = work.products[0, i]
            p = p if within_range(complex(p, 0.0)) else _single(work, x, i).real
            out[0, i] *= p
            out[1, i] *= p
    else:
        for j in range(work.t.shape[1]):
            multiply_complex(work.c_by_unit[j], work.h_by_unit[j], work.t[0, j], work.t[1, j], x, work.products)
        for i in range(x.size):
            z = complex(work.products[0, i], work.products[1, i])
            _multiply(z if within_range(z) else _single(work, x, i), out, i)


@kernel
def _single(work, x, i):
    """psi(x') / psi(x) for site i turned over, by logarithms."""
    work.site[1] = i
    return ratio_by_logarithms(work, x, work.site)


@kernel
def _multiply(z, out, i):
    p, q = z.real, z.imag
    out[0, i], out[1, i] = out[0, i] * p - out[1, i] * q, out[0, i] * q + out[1, i] * p


@write_row.register(SpinMachine)
def _(psi, work, x, row):
    """1 and s, then 1 and tanh theta, with the imaginary part after the real one of each."""
    parts, n = work.t.shape[0], x.size + 1
    row[0] = 1.0
    for i in range(x.size):
        row[i + 1] = x[i]
    for part in range(parts):
        row[n + part] = 1.0 - part
        for j in range(work.t.shape[1]):
            row[n + (j + 1) * parts + part] = work.t[part, j]


def spins_and_tanh(rows: Array, n_sites: int, is_complex: bool) -> tuple[Array, Array]:
    """Views of the rows: (1, s), shape (n, 1 + n_sites), and (1, tanh theta), shape (n, 1 + n_hidden)."""
    t = rows[:, n_sites + 1 :]
    return rows[:, : n_sites + 1], t.view(np.complex128) if is_complex else t
