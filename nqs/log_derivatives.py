"""The matrix of log-derivatives O, shape (n_samples, n_parameters), as an operator that need not be formed.

Stochastic reconfiguration asks a Jacobian for products only: O v, O^T u and O O^T. The restricted Boltzmann
machine has columns that are outer products of two narrow matrices, so that all three cost a fraction of what the
full matrix would.

A wave function with a phase has complex log-derivatives. Its Jacobian still takes and gives real parameters: O v is
complex, and O^T u stands for Re(O^H u). See ``nqs.complex_derivatives``.
"""

from typing import Protocol

import numpy as np
from scipy.linalg.blas import dsyrk, zherk  # pyright: ignore[reportAttributeAccessIssue]

from neural.jit import kernel


class Jacobian(Protocol):
    """A matrix for real parameters known by its products; ``kind`` is "real", "holomorphic" or "complex"."""

    shape: tuple[int, int]
    kind: str

    @property
    def cost(self) -> float:
        """Of one product O v, in multiplications at the speed of a matrix product."""
        ...

    @property
    def gram_cost(self) -> float:
        """Of O O^T, in the same units."""
        ...

    def matvec(self, v: np.ndarray) -> np.ndarray:
        """O v, shape (n_samples,)."""
        ...

    def rmatvec(self, u: np.ndarray) -> np.ndarray:
        """O^T u, shape (n_parameters,)."""
        ...

    def gram(self) -> np.ndarray:
        """O O^T, shape (n_samples, n_samples)."""
        ...

    def lower_gram(self) -> np.ndarray:
        """O O^T + c 1 1^T for some number c, of which only the lower triangle has to be right; in Fortran's order."""
        ...

    def dense(self) -> np.ndarray:
        """O itself."""
        ...


def lower_product(a: np.ndarray) -> np.ndarray:
    """The lower triangle of a a^H, in Fortran's order, by half the multiplications of the whole."""
    if np.iscomplexobj(a):
        return zherk(1.0, np.ascontiguousarray(a.conj()).T, trans=2, lower=1)
    return dsyrk(1.0, np.ascontiguousarray(a).T, trans=1, lower=1)


@kernel
def multiply_lower(factor, out):
    """out *= factor for two upper triangles, seen as the lower ones of their transposes."""
    for i in range(out.shape[0]):
        for j in range(i, out.shape[0]):
            out[i, j] *= factor[i, j]


MEMORY_BOUND = 12.0  # how much longer a multiplication takes in a matrix-vector than in a matrix-matrix product


class Dense:
    """A Jacobian stored as an array."""

    kind = "real"

    def __init__(self, array: np.ndarray) -> None:
        self.array = array
        self.shape = array.shape
        self.cost = MEMORY_BOUND * array.size
        self.gram_cost = len(array) * array.size / 2

    def matvec(self, v: np.ndarray) -> np.ndarray:
        return self.array @ v

    def rmatvec(self, u: np.ndarray) -> np.ndarray:
        product = u @ self.array.conj()
        return product if np.iscomplexobj(self.array) else np.real(product)

    def gram(self) -> np.ndarray:
        return self.array @ self.array.conj().T

    def lower_gram(self) -> np.ndarray:
        return lower_product(self.array)

    def dense(self) -> np.ndarray:
        return self.array


class Outer:
    """Columns left_si right_sj, in the order of a matrix (i, j): O v = sum_j (left V)_sj right_sj; left is real."""

    kind = "real"

    def __init__(self, left: np.ndarray, right: np.ndarray) -> None:
        self.left, self.right = left, right
        self.shape = (len(left), left.shape[1] * right.shape[1])
        self.cost = left.size * right.shape[1] + MEMORY_BOUND * right.size
        self.gram_cost = len(left) * ((left.size + right.size) / 2 + MEMORY_BOUND * len(left))

    def matvec(self, v: np.ndarray) -> np.ndarray:
        return np.vecdot(self.right.conj(), self.left @ v.reshape(self.left.shape[1], -1))

    def rmatvec(self, u: np.ndarray) -> np.ndarray:
        product = (self.left.T @ (u[:, None] * self.right.conj())).ravel()
        return product if np.iscomplexobj(self.right) else np.real(product)

    def gram(self) -> np.ndarray:
        return (self.left @ self.left.T) * (self.right @ self.right.conj().T)

    def lower_gram(self) -> np.ndarray:
        gram = lower_product(self.right)
        multiply_lower(lower_product(self.left).T, gram.T)
        return gram

    def dense(self) -> np.ndarray:
        return (self.left[:, :, None] * self.right[:, None, :]).reshape(self.shape)


class Blocks:
    """Jacobians side by side, for parameters that follow one another."""

    def __init__(self, blocks: tuple[Jacobian, ...]) -> None:
        self.blocks = blocks
        self.shape = (blocks[0].shape[0], sum(block.shape[1] for block in blocks))
        self.cost = sum(block.cost for block in blocks)
        self.gram_cost = sum(block.gram_cost for block in blocks)
        kinds = {block.kind for block in blocks}
        self.kind = kinds.pop() if len(kinds) == 1 else "complex"
        self.cuts = np.cumsum([block.shape[1] for block in blocks])[:-1]

    def matvec(self, v: np.ndarray) -> np.ndarray:
        parts = zip(self.blocks, np.split(v, self.cuts), strict=True)
        return sum((block.matvec(part) for block, part in parts), np.zeros(self.shape[0]))

    def rmatvec(self, u: np.ndarray) -> np.ndarray:
        return np.concatenate([block.rmatvec(u) for block in self.blocks])

    def gram(self) -> np.ndarray:
        return sum((block.gram() for block in self.blocks), np.zeros((self.shape[0], self.shape[0])))

    def lower_gram(self) -> np.ndarray:
        first, *rest = (block.lower_gram() for block in self.blocks)
        return sum(rest, first)

    def dense(self) -> np.ndarray:
        return np.hstack([block.dense() for block in self.blocks])
