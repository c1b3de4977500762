"""Compiled: every wave function that is a machine of visible and hidden spins, shared weights or not.

With the tables c = cosh 2W, h = sinh 2W and t_j = tanh theta_j kept for the chain, turning site i over multiplies psi
by

    exp(-2 a_i s_i) prod_j f_ij,    f_ij = c_ij - s_i t_j h_ij,

products only. For more sites c and h are those of the sum of their 2 s W, by the addition theorems. What is kept up
to date is u_j = exp(2 theta_j), which a move multiplies by (c - s h)^2, and t = 1 - 2 / (1 + u); this loses no digits
where t is near +-1, unlike an update of t itself. Real and imaginary parts are separate arrays, so that loops over
hidden units run several at a time; their first axis has length 1 for real parameters.
"""

from typing import NamedTuple

import numpy as np

from montecarlo.metropolis import accept, refresh, workspace
from neural.jit import kernel
from nqs.complex_derivatives import real_and_imaginary
from nqs.spins import multiply_flip_ratios, ratio
from nqs.wavefunctions.spin_state import SpinState
from nqs.wavefunctions.wavefunction import log_psi, log_ratio, write_row

Array = np.ndarray


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
    theta: Array  # (p, n_hidden), only as new as the last refresh
    u: Array  # exp(2 theta)
    t: Array  # tanh theta
    total: Array  # (2, p, n_hidden): cosh and sinh of the sum over several sites
    factors: Array  # (p, n_hidden)
    products: Array  # (p, n_sites)


@workspace.register(SpinMachine)
def _(psi):
    a, b, w = psi.couplings()
    grown, field = np.exp(2 * w), np.exp(2 * a)
    c, h = (grown + 1 / grown) / 2, (grown - 1 / grown) / 2
    parts, n_sites, n_hidden = 1 + np.iscomplexobj(w), *w.shape
    tables = [real_and_imaginary(each) for each in (a, b, np.stack([field, 1 / field]))]
    tables += [real_and_imaginary(each, axis=1) for each in (w, c, h, c.T, h.T)]
    theta, u, t, factors = np.empty((4, parts, n_hidden))
    total, products = np.empty((2, parts, n_hidden)), np.empty((parts, n_sites))
    return Work._make([*tables, theta, u, t, total, factors, products])


@refresh.register(SpinMachine)
def _(psi, work, x):
    for part in range(work.theta.shape[0]):
        theta = work.theta[part]
        for j in range(np.uintp(theta.size)):
            theta[j] = work.hidden_bias[part, j]
        for i in range(x.size):
            _add(float(x[i]), work.weights[i, part], theta)
    for j in range(work.theta.shape[1]):
        size = np.exp(2.0 * work.theta[0, j])
        if work.theta.shape[0] == 1:
            work.u[0, j] = size
        else:
            work.u[0, j] = size * np.cos(2.0 * work.theta[1, j])
            work.u[1, j] = size * np.sin(2.0 * work.theta[1, j])
    _set_tanh(work)


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
    """log cosh theta = theta + log(1 + exp(-2 theta)) - log 2 for Re theta >= 0, and it is even."""
    value = 0j
    parts = work.theta.shape[0]
    for i in range(x.size):
        value += float(x[i]) * complex(work.visible_bias[0, i], work.visible_bias[1, i] if parts > 1 else 0.0)
    for j in range(work.theta.shape[1]):
        theta = complex(work.theta[0, j], work.theta[1, j] if parts > 1 else 0.0)
        theta = theta if theta.real >= 0.0 else -theta
        value += theta + np.log(1.0 + np.exp(-2.0 * theta)) - np.log(2.0)
    return value


@kernel
def _norm(c, h, t, s):
    """prod_j |f_j|^2; c, h, t have shape (p, n_hidden). For real parameters prod_j f_j^2."""
    product = 1.0
    if t.shape[0] == 1:
        c0, h0, t0 = c[0], h[0], t[0]
        for j in range(np.uintp(t0.size)):
            product *= c0[j] - s * t0[j] * h0[j]
        return product * product
    c0, c1, h0, h1, t0, t1 = c[0], c[1], h[0], h[1], t[0], t[1]
    for j in range(np.uintp(t0.size)):
        real = c0[j] - s * (t0[j] * h0[j] - t1[j] * h1[j])
        imaginary = c1[j] - s * (t0[j] * h1[j] + t1[j] * h0[j])
        product *= real * real + imaginary * imaginary
    return product


@kernel
def _product(c, h, t, s, factors):
    """prod_j f_j. Complex factors are multiplied in halves, which vectorises."""
    if t.shape[0] == 1:
        product, c0, h0, t0 = 1.0, c[0], h[0], t[0]
        for j in range(np.uintp(t0.size)):
            product *= c0[j] - s * t0[j] * h0[j]
        return complex(product, 0.0)
    c0, c1, h0, h1, t0, t1, real, imaginary = c[0], c[1], h[0], h[1], t[0], t[1], factors[0], factors[1]
    for j in range(np.uintp(t0.size)):
        real[j] = c0[j] - s * (t0[j] * h0[j] - t1[j] * h1[j])
        imaginary[j] = c1[j] - s * (t0[j] * h1[j] + t1[j] * h0[j])
    width = np.uintp(t0.size)
    while width > np.uintp(1):
        half = width >> np.uintp(1)
        rest = width - half
        for j in range(half):
            product = real[j] * real[j + rest] - imaginary[j] * imaginary[j + rest]
            imaginary[j] = real[j] * imaginary[j + rest] + imaginary[j] * real[j + rest]
            real[j] = product
        width = rest
    return complex(real[0], imaginary[0])


@kernel
def _field(work, x, flips):
    """exp(-2 sum a s) over the sites of a move."""
    value = 1.0 + 0j
    for k in range(1, flips[0] + 1):
        i = flips[k]
        up = 1 if x[i] > 0 else 0
        value *= complex(work.field[0, up, i], work.field[1, up, i] if work.field.shape[0] > 1 else 0.0)
    return value


@kernel
def _gather(work, x, flips):
    """cosh and sinh of sum 2 s W over the sites of a move of two or more, into ``total``."""
    first = flips[1]
    c, h = work.total[0], work.total[1]
    start = 2
    if flips[0] >= 2:
        _pair(work.c, work.h, first, flips[2], float(x[first]), float(x[flips[2]]), c, h)
        start = 3
    for k in range(start, flips[0] + 1):
        _extend(work.c, work.h, flips[k], float(x[flips[k]]), c, h)


@kernel
def _pair(c, h, i, k, s, r, c_out, h_out):
    """cosh(p + q) = cosh p cosh q + sinh p sinh q, sinh(p + q) = sinh p cosh q + cosh p sinh q for p = 2 s W_i, ..."""
    if c.shape[1] == 1:
        a, b, d, e, c0, h0 = c[i, 0], c[k, 0], h[i, 0], h[k, 0], c_out[0], h_out[0]
        for j in range(np.uintp(a.size)):
            c0[j] = a[j] * b[j] + s * r * d[j] * e[j]
            h0[j] = s * d[j] * b[j] + r * a[j] * e[j]
    else:
        ci, cj, ck, cl = c[i, 0], c[i, 1], c[k, 0], c[k, 1]
        hi, hj, hk, hl = h[i, 0], h[i, 1], h[k, 0], h[k, 1]
        c0, c1, h0, h1, both = c_out[0], c_out[1], h_out[0], h_out[1], s * r
        for j in range(np.uintp(ci.size)):
            c0[j] = ci[j] * ck[j] - cj[j] * cl[j] + both * (hi[j] * hk[j] - hj[j] * hl[j])
            c1[j] = ci[j] * cl[j] + cj[j] * ck[j] + both * (hi[j] * hl[j] + hj[j] * hk[j])
            h0[j] = s * (hi[j] * ck[j] - hj[j] * cl[j]) + r * (ci[j] * hk[j] - cj[j] * hl[j])
            h1[j] = s * (hi[j] * cl[j] + hj[j] * ck[j]) + r * (ci[j] * hl[j] + cj[j] * hk[j])


@kernel
def _extend(c, h, k, r, c_out, h_out):
    """The same for a sum p in c_out and h_out and one more site."""
    parts = c.shape[1]
    for j in range(c_out.shape[1]):
        p = complex(c_out[0, j], c_out[1, j] if parts > 1 else 0.0)
        q = complex(h_out[0, j], h_out[1, j] if parts > 1 else 0.0)
        b = complex(c[k, 0, j], c[k, 1, j] if parts > 1 else 0.0)
        e = r * complex(h[k, 0, j], h[k, 1, j] if parts > 1 else 0.0)
        cosh, sinh = p * b + q * e, q * b + p * e
        c_out[0, j], h_out[0, j] = cosh.real, sinh.real
        if parts > 1:
            c_out[1, j], h_out[1, j] = cosh.imag, sinh.imag


@log_ratio.register(SpinMachine)
def _(psi, work, x, i, new):
    if new[0] == 0:
        return 0.0
    site = new[1]
    if new[0] == 1:
        norm = _norm(work.c[site], work.h[site], work.t, float(x[site]))
    else:
        _gather(work, x, new)
        norm = _norm(work.total[0], work.total[1], work.t, 1.0)
    bias = 0.0
    for k in range(1, new[0] + 1):
        bias += work.visible_bias[0, new[k]] * x[new[k]]
    return 0.5 * np.log(norm) - 2.0 * bias


@accept.register(SpinMachine)
def _(psi, work, x, i, new):
    for k in range(1, new[0] + 1):
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
    site = flips[1]
    if flips[0] == 1:
        product = _product(work.c[site], work.h[site], work.t, float(x[site]), work.factors)
    else:
        _gather(work, x, flips)
        product = _product(work.total[0], work.total[1], work.t, 1.0, work.factors)
    return product * _field(work, x, flips)


@multiply_flip_ratios.register(SpinMachine)
def _(psi, work, x, out):
    """All sites at once, unit by unit, so that the loop over the sites vectorises."""
    for i in range(x.size):
        up = 1 if x[i] > 0 else 0
        work.products[0, i] = work.field[0, up, i]
        if work.products.shape[0] > 1:
            work.products[1, i] = work.field[1, up, i]
    if work.products.shape[0] == 1:
        for j in range(work.t.shape[1]):
            _multiply_real(work.c_by_unit[j, 0], work.h_by_unit[j, 0], work.t[0, j], x, work.products[0])
        for i in range(x.size):
            out[0, i] *= work.products[0, i]
            out[1, i] *= work.products[0, i]
    else:
        for j in range(work.t.shape[1]):
            _multiply_complex(work.c_by_unit[j], work.h_by_unit[j], work.t[0, j], work.t[1, j], x, work.products)
        for i in range(x.size):
            p, q = work.products[0, i], work.products[1, i]
            out[0, i], out[1, i] = out[0, i] * p - out[1, i] * q, out[0, i] * q + out[1, i] * p


@kernel
def _multiply_real(c, h, t, x, products):
    for i in range(np.uintp(products.size)):
        products[i] *= c[i] - t * x[i] * h[i]


@kernel
def _multiply_complex(c, h, t, r, x, products):
    c0, c1, h0, h1, p, q = c[0], c[1], h[0], h[1], products[0], products[1]
    for i in range(np.uintp(p.size)):
        k, l = x[i] * h0[i], x[i] * h1[i]
        real, imaginary = c0[i] - (t * k - r * l), c1[i] - (t * l + r * k)
        product = p[i] * real - q[i] * imaginary
        q[i] = p[i] * imaginary + q[i] * real
        p[i] = product


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
