"""Outer products of spins with hidden units: spins are bits, so that most multiplications are left out.

In the product S V of spins +-1, shape (n, N), with a matrix V, the GROUP rows of V that belong to a group of spins can
be summed with 2^GROUP different signs. These sums are tabulated, an addition each; then every sample adds one row for
a group instead of one for a spin. S^T Y runs the other way: every sample adds its row of Y to the entry of the table
that its spins name, and the entries are summed with their signs at the end. Elements of S S^T count equal bits.

Source: V. L. Arlazarov, E. A. Dinic, M. A. Kronrod and I. A. Faradzhev, Sov. Math. Dokl. 11, 1209 (1970).
"""

from functools import cached_property

import numpy as np

from neural.jit import count_ones, kernel
from nqs.log_derivatives import Outer, lower_product, precision

GROUP = 6  # spins
LOOKED_UP = 4.0  # the time to add a number that is looked up, in multiplications of a matrix product
WORD = 64  # bits

Array = np.ndarray


class SpinOuter(Outer):
    """The outer product of (1, s), shape (n, 1 + N), and a real or complex t, shape (n, m)."""

    def __init__(self, left: Array, right: Array) -> None:
        super().__init__(left, right)
        n_groups = -(-(left.shape[1] - 1) // GROUP)
        real_by_complex = 0.5 if np.iscomplexobj(right) else 1.0  # of a complex multiplication
        self.cost = real_by_complex * LOOKED_UP * n_groups * right.size

    @cached_property
    def spins(self) -> Array:
        """Whether a spin is up, shape (n, N)."""
        return self.left[:, 1:] > 0

    @cached_property
    def groups(self) -> Array:
        """The numbers, shape (n, n_groups), whose bits are the spins of every group; the last may be smaller."""
        site = np.arange(self.spins.shape[1])
        values = np.zeros((len(site), -(-len(site) // GROUP)))
        values[site, site // GROUP] = 2.0 ** (site % GROUP)
        return (self.spins @ values).astype(np.uint8)

    @cached_property
    def t(self) -> Array:
        """The right factor as numbers, shape (n, p, m)."""
        return _in_parts(self.right)

    @cached_property
    def table(self) -> Array:
        """To be written on, shape (n_groups, 2^GROUP, p, m): a row for every value of every group."""
        return np.empty((self.groups.shape[1], 2**GROUP, *self.t.shape[1:]))

    def matvec(self, v: Array) -> Array:
        if np.iscomplexobj(v) and np.isrealobj(self.right):
            return self.matvec(np.real(v)) + 1j * self.matvec(np.imag(v))
        out = np.empty(self.t.shape[:2])
        _tabulate(_in_parts(v.astype(self.right.dtype).reshape(self.left.shape[1], -1)), self.table)
        _contract(self.groups, self.table, self.t, out)
        return _from_parts(out)

    def rmatvec(self, u: Array) -> Array:
        if np.iscomplexobj(u) and np.isrealobj(self.right):
            return self.rmatvec(np.real(u)) + 1j * self.rmatvec(np.imag(u))
        out = np.empty((self.left.shape[1], *self.t.shape[1:]))
        _distribute(self.groups, _in_parts(u.astype(self.right.dtype)), self.t, self.table)
        _collect(self.table, out)
        return _from_parts(out).ravel()

    def lower_gram(self, single: bool = False) -> Array:
        gram = lower_product(self.right.astype(precision(self.right, single)))
        padding = -self.spins.shape[1] % WORD
        words = np.packbits(np.pad(self.spins, ((0, 0), (0, padding))), axis=1).view(np.uint64).T
        _multiply_by_overlaps(np.ascontiguousarray(words), self.spins.shape[1], gram.T, np.empty(len(gram), np.int64))
        return gram


def _in_parts(values: Array) -> Array:
    """A real and, for complex numbers, an imaginary part: shape (n, ...) -> (n, p, ...)."""
    parts = (np.real(values), np.imag(values)) if np.iscomplexobj(values) else (values,)
    return np.stack(parts, axis=1)


def _from_parts(values: Array) -> Array:
    """The inverse of ``_in_parts``."""
    return values[:, 0] + 1j * values[:, 1] if values.shape[1] > 1 else values[:, 0]


@kernel
def _multiply_by_overlaps(words, n_spins, out, counts):
    """out_sr *= 1 + s . r for configurations s <= r, whose spins are the first bits of words, shape (n_words, n)."""
    for s in range(out.shape[0]):
        row, differ = out[s, s:], counts[s:]
        for j in range(np.uintp(row.size)):
            differ[j] = 0
        for w in range(words.shape[0]):
            word, others = words[w, s], words[w, s:]
            for j in range(np.uintp(row.size)):
                differ[j] += count_ones(word ^ others[j])
        for j in range(np.uintp(row.size)):
            row[j] *= 1 + n_spins - 2 * differ[j]


@kernel
def _tabulate(rows, table):
    """Row 0, which belongs to the constant, with all sums +- of those of a group, whose bits tell the signs."""
    for g in range(table.shape[0]):
        first = 1 + g * GROUP
        size = min(GROUP, rows.shape[0] - first)
        _set(1.0 if g == 0 else 0.0, rows[0], 0.0, rows[0], table[g, 0])
        for k in range(size):
            _add(-1.0, rows[first + k], table[g, 0])
        for k in range(size):
            for number in range(1 << k):
                _set(1.0, table[g, number], 2.0, rows[first + k], table[g, number + (1 << k)])


@kernel
def _collect(table, out):
    """The transpose of ``_tabulate``, which leaves nothing of use in the table."""
    for g in range(table.shape[0]):
        first = 1 + g * GROUP
        size = min(GROUP, out.shape[0] - first)
        for k in range(size - 1, -1, -1):
            total = out[first + k]
            _set(-1.0, table[g, 0], 1.0, table[g, 1 << k], total)
            _add(1.0, table[g, 1 << k], table[g, 0])
            for number in range(1, 1 << k):
                higher = table[g, number + (1 << k)]
                _add(-1.0, table[g, number], total)
                _add(1.0, higher, total)
                _add(1.0, higher, table[g, number])
    _set(1.0, table[0, 0], 0.0, table[0, 0], out[0])


@kernel
def _set(a, x, b, y, out):
    """out = a x + b y for rows of p parts."""
    for p in range(out.shape[0]):
        first, second, total = x[p], y[p], out[p]
        for j in range(np.uintp(total.size)):
            total[j] = a * first[j] + b * second[j]


@kernel
def _add(factor, x, out):
    """out += factor x for rows of p parts."""
    for p in range(out.shape[0]):
        row, total = x[p], out[p]
        for j in range(np.uintp(total.size)):
            total[j] += factor * row[j]


@kernel
def _contract(groups, table, t, out):
    """sum_j t_sj times the sum over the groups of their rows, two of them at a time."""
    last = groups.shape[1] - 1
    for s in range(groups.shape[0]):
        real, imaginary = 0.0, 0.0
        for g in range(0, last, 2):
            a, b = _sum_of_products(table[g, groups[s, g]], table[g + 1, groups[s, g + 1]], t[s])
            real += a
            imaginary += b
        if last % 2 == 0:
            row = table[last, groups[s, last]]
            a, b = _sum_of_products(row, row, t[s])
            real += 0.5 * a
            imaginary += 0.5 * b
        out[s, 0] = real
        if out.shape[1] > 1:
            out[s, 1] = imaginary


@kernel
def _sum_of_products(a, b, t):
    """The real and the imaginary part of (a + b) . t, without complex conjugation."""
    real, imaginary = 0.0, 0.0
    if t.shape[0] == 1:
        a0, b0, t0 = a[0], b[0], t[0]
        for j in range(np.uintp(t0.size)):
            real += (a0[j] + b0[j]) * t0[j]
    else:
        a0, a1, b0, b1, t0, t1 = a[0], a[1], b[0], b[1], t[0], t[1]
        for j in range(np.uintp(t0.size)):
            x, y = a0[j] + b0[j], a1[j] + b1[j]
            real += x * t0[j] - y * t1[j]
            imaginary += x * t1[j] + y * t0[j]
    return real, imaginary


@kernel
def _distribute(groups, u, t, table):
    """Add u_s t_s^* to the row that every group of the spins of s names, in a table of zeros."""
    for g in range(table.shape[0]):
        for number in range(table.shape[1]):
            table[g, number, :, :] = 0.0
    for s in range(groups.shape[0]):
        if t.shape[1] == 1:
            for g in range(groups.shape[1]):
                _add_scaled(u[s, 0], t[s, 0], table[g, groups[s, g], 0])
        else:
            for g in range(groups.shape[1]):
                row = table[g, groups[s, g]]
                _add_rotated(u[s, 0], u[s, 1], t[s, 0], t[s, 1], row[0], row[1])


@kernel
def _add_scaled(factor, t, row):
    for j in range(np.uintp(t.size)):
        row[j] += factor * t[j]


@kernel
def _add_rotated(c, d, t, r, real, imaginary):
    for j in range(np.uintp(t.size)):
        real[j] += c * t[j] + d * r[j]
        imaginary[j] += d * t[j] - c * r[j]
