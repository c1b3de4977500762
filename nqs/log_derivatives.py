"""The matrix of log-derivatives O, shape (n_samples, n_parameters), as an operator that need not be formed.

Stochastic reconfiguration asks a Jacobian for products only: O v, O^T u, O O^T and O^T O. The restricted Boltzmann
machine has columns that are outer products of two narrow matrices, so that all four cost a fraction of what the
full matrix would.

A wave function with a phase has complex log-derivatives. Its Jacobian still takes and gives real parameters: O v is
complex, and O^T u stands for Re(O^H u). See ``nqs.complex_derivatives``.
"""

from collections.abc import Iterator
from typing import Protocol

import numpy as np
from scipy.linalg import get_blas_funcs

from neural.jit import kernel

BLOCK = 2**14  # numbers of an intermediate result, which stays in the cache
MEMORY_BOUND = 12.0  # how much longer a multiplication takes in a matrix-vector than in a matrix-matrix product


class Jacobian(Protocol):
    """A matrix for real parameters known by its products; ``kind`` is "real", "holomorphic" or "complex".

    Costs are in multiplications at the speed of a matrix product.
    """

    shape: tuple[int, int]
    kind: str

    @property
    def cost(self) -> float:
        """Of one product O v."""
        ...

    @property
    def gram_cost(self) -> float:
        """Of O O^T."""
        ...

    @property
    def metric_cost(self) -> float:
        """Of O^T O."""
        ...

    def matvec(self, v: np.ndarray) -> np.ndarray:
        """O v, shape (n_samples,)."""
        ...

    def rmatvec(self, u: np.ndarray) -> np.ndarray:
        """O^T u, shape (n_parameters,)."""
        ...

    def lower_gram(self, single: bool = False) -> np.ndarray:
        """O O^T + c 1 1^T for some number c, of which only the lower triangle has to be right; in Fortran's order.

        With ``single`` in single precision.
        """
        ...

    def lower_metric(self, single: bool = False) -> np.ndarray:
        """(C O)^T C O / n in the same form, where C takes the mean over the samples away."""
        ...

    def dense(self) -> np.ndarray:
        """O itself."""
        ...


def precision(array: np.ndarray, single: bool) -> np.dtype:
    """The type of an array, or the one of half the size."""
    smaller = np.complex64 if np.iscomplexobj(array) else np.float32
    return np.dtype(smaller) if single else np.result_type(smaller, array.dtype)


def lower_product(a: np.ndarray, factor: float = 1.0) -> np.ndarray:
    """The lower triangle of ``factor`` a a^H, in Fortran's order, by half the multiplications of the whole."""
    if np.iscomplexobj(a):
        (multiply,) = get_blas_funcs(("herk",), (a,))
        return multiply(factor, np.ascontiguousarray(a.conj()).T, trans=2, lower=1)
    (multiply,) = get_blas_funcs(("syrk",), (a,))
    return multiply(factor, np.ascontiguousarray(a).T, trans=1, lower=1)


def lower_covariance(o: np.ndarray) -> np.ndarray:
    """The lower triangle of the matrix of second moments of the columns of o about their means."""
    return lower_product((o - o.mean(axis=0)).conj().T, 1 / len(o))


@kernel
def multiply_lower(factor, out):
    """out *= factor for two upper triangles, seen as the lower ones of their transposes."""
    for i in range(out.shape[0]):
        for j in range(i, out.shape[0]):
            out[i, j] *= factor[i, j]


class Dense:
    """A Jacobian stored as an array."""

    kind = "real"

    def __init__(self, array: np.ndarray) -> None:
        self.array = array
        self.shape = array.shape
        self.cost = MEMORY_BOUND * array.size
        self.gram_cost, self.metric_cost = (size * array.size / 2 for size in array.shape)

    def matvec(self, v: np.ndarray) -> np.ndarray:
        return self.array @ v

    def rmatvec(self, u: np.ndarray) -> np.ndarray:
        return (u.conj() @ self.array).conj()

    def lower_gram(self, single: bool = False) -> np.ndarray:
        return lower_product(self.array.astype(precision(self.array, single)))

    def lower_metric(self, single: bool = False) -> np.ndarray:
        return lower_covariance(self.array.astype(precision(self.array, single)))

    def dense(self) -> np.ndarray:
        return self.array


class Outer:
    """Columns left_si right_sj, in the order of a matrix (i, j): O v = sum_j (left V)_sj right_sj; left is real.

    The products run over blocks of the samples, and take the right factor's real and imaginary parts as columns of
    one real matrix.
    """

    kind = "real"

    def __init__(self, left: np.ndarray, right: np.ndarray) -> None:
        self.left, self.right = left, right
        self.shape = (len(left), left.shape[1] * right.shape[1])
        real_by_complex = 0.5 if np.iscomplexobj(right) else 1.0  # of a complex multiplication
        self.cost = real_by_complex * (left.size * right.shape[1] + MEMORY_BOUND * right.size)
        self.gram_cost = len(left) * ((left.size + right.size) / 2 + MEMORY_BOUND * len(left))
        self.metric_cost = self.shape[0] * self.shape[1] ** 2 / 2

    def _blocks(self) -> Iterator[slice]:
        length = max(1, BLOCK // self.right.shape[1])
        for start in range(0, len(self.left), length):
            yield slice(start, start + length)

    def matvec(self, v: np.ndarray) -> np.ndarray:
        table = v.conj().astype(np.result_type(v, self.right)).reshape(self.left.shape[1], -1)
        parts = [
            np.vecdot((self.left[block] @ table.view(np.float64)).view(table.dtype), self.right[block])
            for block in self._blocks()
        ]
        return np.concatenate(parts)

    def rmatvec(self, u: np.ndarray) -> np.ndarray:
        u = u.conj().astype(np.result_type(u, self.right))
        product = np.zeros((self.left.shape[1], self.right.shape[1]), dtype=u.dtype)
        for block in self._blocks():
            weighted = u[block, None] * self.right[block]
            product += (self.left[block].T @ weighted.view(np.float64)).view(u.dtype)
        return product.conj().ravel()

    def lower_gram(self, single: bool = False) -> np.ndarray:
        gram = lower_product(self.right.astype(precision(self.right, single)))
        multiply_lower(lower_product(self.left.astype(precision(self.left, single))).T, gram.T)
        return gram

    def lower_metric(self, single: bool = False) -> np.ndarray:
        return Dense(self.dense()).lower_metric(single)

    def dense(self) -> np.ndarray:
        return (self.left[:, :, None] * self.right[:, None, :]).reshape(self.shape)


class Blocks:
    """Jacobians side by side, for parameters that follow one another; its metric is that of real parameters."""

    def __init__(self, blocks: tuple[Jacobian, ...]) -> None:
        self.blocks = blocks
        self.shape = (blocks[0].shape[0], sum(block.shape[1] for block in blocks))
        self.cost = sum(block.cost for block in blocks)
        self.gram_cost = sum(block.gram_cost for block in blocks)
        kinds = {block.kind for block in blocks}
        self.kind = kinds.pop() if len(kinds) == 1 else "complex"
        self.metric_cost = (1 if self.kind == "real" else 4) * self.shape[0] * self.shape[1] ** 2 / 2
        self.cuts = np.cumsum([block.shape[1] for block in blocks])[:-1]

    def matvec(self, v: np.ndarray) -> np.ndarray:
        parts = zip(self.blocks, np.split(v, self.cuts), strict=True)
        return sum((block.matvec(part) for block, part in parts), np.zeros(self.shape[0]))

    def rmatvec(self, u: np.ndarray) -> np.ndarray:
        parts = [block.rmatvec(u) for block in self.blocks]
        return np.concatenate(parts if self.kind == "real" else [np.real(part) for part in parts])

    def lower_gram(self, single: bool = False) -> np.ndarray:
        first, *rest = (block.lower_gram(single) for block in self.blocks)
        return sum(rest, first)

    def lower_metric(self, single: bool = False) -> np.ndarray:
        return real_metric(self.dense(), single)

    def dense(self) -> np.ndarray:
        return np.hstack([block.dense() for block in self.blocks])


def real_metric(o: np.ndarray, single: bool) -> np.ndarray:
    """Re(O^H O) / n of centred columns, its lower triangle, for real parameters."""
    parts = [o] if np.isrealobj(o) else [np.real(o), np.imag(o)]
    first, *rest = (lower_covariance(part.astype(precision(part, single))) for part in parts)
    return sum(rest, first)
