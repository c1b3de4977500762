"""Positive definite linear equations: Cholesky factors, and conjugate gradients that such a factor may precondition."""

from collections.abc import Callable

import numpy as np
from scipy.linalg import get_blas_funcs, get_lapack_funcs

Operator = Callable[[np.ndarray], np.ndarray]


class Cholesky:
    """The factor L of a matrix A = L L^H that is known by its lower triangle, in Fortran's order.

    The matrix is overwritten, and the solution has the precision of its type. Raises ``LinAlgError`` where it is not
    positive definite within rounding.
    """

    def __init__(self, matrix: np.ndarray) -> None:
        (factorise,) = get_lapack_funcs(("potrf",), (matrix,))
        self.factor, failed = factorise(matrix, lower=1, clean=0, overwrite_a=1)
        if failed:
            raise np.linalg.LinAlgError(f"expected a positive definite matrix, leading minor {failed} is not")
        (self._substitute,) = get_blas_funcs(("trsv",), (self.factor,))

    def solve(self, right: np.ndarray) -> np.ndarray:
        """A^-1 b for a vector b, in the type of b."""
        if np.iscomplexobj(right) and np.isrealobj(self.factor):
            return self.solve(np.real(right)) + 1j * self.solve(np.imag(right))
        forward = self._substitute(self.factor, right.astype(self.factor.dtype), lower=1, overwrite_x=1)
        return self._substitute(self.factor, forward, lower=1, trans=2, overwrite_x=1).astype(right.dtype)


def conjugate_gradients(
    operator: Operator,
    right: np.ndarray,
    *,
    start: np.ndarray | None = None,
    precondition: Operator = np.copy,
    tolerance: float,
    max_iterations: int,
) -> tuple[np.ndarray, int, bool]:
    """The solution x of A x = b, the number of iterations, and whether r^H M r <= tolerance^2 b^H M b was reached.

    A is a Hermitian, positive definite operator, r = b - A x the residual, and M, an approximation of A^-1, the
    preconditioner; with a good one, the bound is on the error of x in the norm of A. The iterations begin at the
    multiple of ``start`` that is nearest to x in that norm.
    """
    solution, residual = np.zeros_like(right), right.copy()
    if start is not None and start.any():
        image = operator(start)
        length = _product(start, right) / _product(start, image)
        solution += length * start
        residual -= length * image
    goal = tolerance**2 * _product(right, precondition(right))
    conjugate = precondition(residual)
    squared = _product(residual, conjugate)
    iterations = 0
    while squared > goal and iterations < max_iterations:
        image = operator(conjugate)
        length = squared / _product(conjugate, image)
        solution += length * conjugate
        residual -= length * image
        nearer = precondition(residual)
        squared, previous = _product(residual, nearer), squared
        conjugate = nearer + (squared / previous) * conjugate
        iterations += 1
    return solution, iterations, squared <= goal


def _product(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.vdot(a, b).real)
