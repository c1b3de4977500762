"""The log-derivatives of a machine of visible and hidden spins, as an operator: O = [s, t, s (x) t], t = tanh theta."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from scipy.linalg import get_blas_funcs

from neural.blas import blas_threads, one_blas_thread
from neural.jit import kernel
from nqs.log_derivatives import precision
from nqs.spin_outer import SpinOuter

SAMPLES = 1024  # whose products of pairs one thread forms at a time


class MachineJacobian:
    """Columns s_i, then t_j, then s_i t_j in the order of a matrix (i, j), for samples of spins s and t = tanh theta.

    spins : (1, s), shape (n, 1 + n_sites)
    t : (1, t), shape (n, 1 + n_hidden), real or complex

    These are the columns of the outer product of the two but for the constant first one. Hence O O^H + 1 is
    (1 + S S^T) o (1 + T T^H), element by element. The second moments of the columns,

        sum_n (s_i t_j)^* (s_k t_l) = sum_n (s_i s_k) (t_j^* t_l),

    depend on the unordered pairs {i, k} and {j, l} only, up to a complex conjugation: one product of two matrices of
    pairs takes half the multiplications of the symmetric O^T O, and for complex t a quarter.
    """

    kind = "real"

    def __init__(self, spins: np.ndarray, t: np.ndarray) -> None:
        self.outer = SpinOuter(spins, t)
        (n, width), hidden = spins.shape, t.shape[1]
        self.table_shape = (width, hidden)
        self.shape = (n, width * hidden - 1)
        self.cost, self.gram_cost = self.outer.cost, self.outer.gram_cost
        pairs = hidden**2 / 4 if np.iscomplexobj(t) else hidden**2 / 2
        self.metric_cost = n * width * (width + 1) / 2 * pairs

    def matvec(self, v: np.ndarray) -> np.ndarray:
        table = np.zeros(self.table_shape, dtype=v.dtype)
        n_sites, n_hidden = self.table_shape[0] - 1, self.table_shape[1] - 1
        table[1:, 0], table[0, 1:] = v[:n_sites], v[n_sites : n_sites + n_hidden]
        table[1:, 1:] = v[n_sites + n_hidden :].reshape(n_sites, n_hidden)
        return self.outer.matvec(table)

    def rmatvec(self, u: np.ndarray) -> np.ndarray:
        table = self.outer.rmatvec(u).reshape(self.table_shape)
        return np.concatenate([table[1:, 0], table[0, 1:], table[1:, 1:].ravel()])

    def lower_gram(self, single: bool = False) -> np.ndarray:
        return self.outer.lower_gram(single)

    def lower_metric(self, single: bool = False) -> np.ndarray:
        left, right = self.outer.left, self.outer.right
        parts = (np.real(right), np.imag(right)) if np.iscomplexobj(right) else (right,)
        spins, *t = (np.ascontiguousarray(each, dtype=precision(each, single)) for each in (left, *parts))
        metric = np.zeros((self.shape[1], self.shape[1]), dtype=precision(right, single))
        moments = _pair_moments(spins, t)
        _spread(moments[0], self.table_shape, 1, 1, np.real(metric))
        if len(t) > 1:
            _spread(moments[1], self.table_shape, -1, 1, np.imag(metric))
        mean = self.rmatvec(np.full(self.shape[0], 1 / self.shape[0])).astype(metric.dtype)
        (subtract,) = get_blas_funcs(("her" if np.iscomplexobj(metric) else "syr",), (metric,))
        return subtract(-1.0, mean, a=metric.T, lower=1, overwrite_a=1)

    def dense(self) -> np.ndarray:
        table = self.outer.dense().reshape(len(self.outer.left), *self.table_shape)
        rest = table[:, 1:, 1:].reshape(len(table), -1)
        return np.concatenate([table[:, 1:, 0], table[:, 0, 1:], rest], axis=1)


def _pair_moments(spins: np.ndarray, t: list[np.ndarray]) -> np.ndarray:
    """<(s_i s_k) Re(t_j^* t_l)> for all pairs i <= k and j <= l, and for complex t the same with Im.

    Blocks of samples are shared among threads; their sum is the same for any number of them.
    """
    parts = [[each[start : start + SAMPLES] for each in (spins, *t)] for start in range(0, len(spins), SAMPLES)]
    with one_blas_thread(), ThreadPoolExecutor(blas_threads()) as pool:
        return sum(pool.map(_block_moments, parts), np.zeros((), spins.dtype)) / len(spins)


def _block_moments(parts: list[np.ndarray]) -> np.ndarray:
    spins, *t = parts
    left, *right = (_no_pairs(each) for each in (spins, *t))
    _add_pairs(spins, spins, 1, left)
    for part in t:
        _add_pairs(part, part, 1, right[0])
    if len(t) > 1:
        _add_pairs(t[0], t[1], 1, right[1])
        _add_pairs(t[1], t[0], -1, right[1])
    return np.stack([left.T @ pairs for pairs in right])


def _no_pairs(x: np.ndarray) -> np.ndarray:
    return np.zeros((len(x), x.shape[1] * (x.shape[1] + 1) // 2), dtype=x.dtype)


@kernel
def _add_pairs(a, b, sign, out):
    """Add sign a_sj b_sl to column (j, l), j <= l, of row s of ``out``."""
    width = a.shape[1]
    for s in range(a.shape[0]):
        start = 0
        for j in range(width):
            factor, row, pairs = sign * a[s, j], b[s, j:], out[s, start : start + width - j]
            for l in range(np.uintp(pairs.size)):
                pairs[l] += factor * row[l]
            start += width - j


@kernel
def _column(i, j, width, hidden):
    """Of s_i t_j among s, t and s (x) t, where i = 0 and j = 0 stand for 1."""
    if j == 0:
        return i - 1
    return width + j - 2 if i == 0 else width + hidden - 2 + (i - 1) * (hidden - 1) + j - 1


@kernel
def _pair(i, j, width):
    """The column of an unordered pair."""
    low, high = min(i, j), max(i, j)
    return low * width - low * (low - 1) // 2 + high - low


@kernel
def _spread(moments, shape, ascending, descending, out):
    """Write moments[{i, k}, {j, l}] to row (i, j), column (k, l), with a sign that tells j <= l from j > l.

    Above and on the diagonal only, which is the lower triangle of the transpose.
    """
    width, hidden = shape
    for i in range(width):
        for j in range(hidden):
            row = _column(i, j, width, hidden)
            if row < 0:
                continue
            for k in range(width):
                values = moments[_pair(i, k, width)]
                for l in range(hidden):
                    column = _column(k, l, width, hidden)
                    if column >= row:
                        out[row, column] = values[_pair(j, l, hidden)] * (ascending if j <= l else descending)
