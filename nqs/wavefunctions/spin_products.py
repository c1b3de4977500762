"""Compiled: products over the hidden units of a spin machine, f_j = c_j - s t_j h_j, in loops that vectorise.

Real and imaginary parts are separate arrays; their axis has length 1 for real parameters. See ``spin_machine``.
"""

import numpy as np

from neural.jit import kernel


@kernel
def norm_of_product(c, h, t, s):
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
def product(c, h, t, s, factors):
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
def field(work, x, flips):
    """exp(-2 sum a s) over the sites of a move."""
    value = 1.0 + 0j
    for k in range(1, flips[0] + 1):
        i = flips[k]
        up = 1 if x[i] > 0 else 0
        value *= complex(work.field[0, up, i], work.field[1, up, i] if work.field.shape[0] > 1 else 0.0)
    return value


@kernel
def gather(work, x, flips):
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


@kernel
def multiply_real(c, h, t, x, products):
    for i in range(np.uintp(products.size)):
        products[i] *= c[i] - t * x[i] * h[i]


@kernel
def multiply_complex(c, h, t, r, x, products):
    c0, c1, h0, h1, p, q = c[0], c[1], h[0], h[1], products[0], products[1]
    for i in range(np.uintp(p.size)):
        k, l = x[i] * h0[i], x[i] * h1[i]
        real, imaginary = c0[i] - (t * k - r * l), c1[i] - (t * l + r * k)
        product = p[i] * real - q[i] * imaginary
        q[i] = p[i] * imaginary + q[i] * real
        p[i] = product
