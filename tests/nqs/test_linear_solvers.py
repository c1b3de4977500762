"""Cholesky factors and conjugate gradients against dense solutions."""

import numpy as np
import pytest

from nqs.linear_solvers import Cholesky, conjugate_gradients

pytestmark = pytest.mark.interpreted
N = 30


def numbers(dtype: type, *shape: int) -> np.ndarray:
    normal = np.random.default_rng(0).standard_normal
    return normal(shape) + 1j * normal(shape) if dtype is complex else normal(shape)


def positive(dtype: type, condition: float = 100.0) -> np.ndarray:
    """A Hermitian matrix with eigenvalues from 1 / condition to 1, in Fortran's order."""
    q, _ = np.linalg.qr(numbers(dtype, N, N))
    return np.asfortranarray((q * np.geomspace(1 / condition, 1, N)) @ q.conj().T)


SINGLE = {float: np.float32, complex: np.complex64}


@pytest.mark.parametrize("dtype", [float, complex])
@pytest.mark.parametrize(("single", "tolerance"), [(False, 1e-12), (True, 1e-5)])
def test_cholesky_solves_from_the_lower_triangle(dtype, single, tolerance):
    matrix, right = positive(dtype), numbers(dtype, N)
    lower = np.tril(matrix).astype(SINGLE[dtype] if single else dtype, order="F")
    solution = Cholesky(lower).solve(right)
    assert solution.dtype == right.dtype
    np.testing.assert_allclose(matrix @ solution, right, rtol=0, atol=tolerance * np.abs(solution).max())


def test_a_real_factor_solves_for_complex_vectors():
    matrix, right = positive(float), numbers(complex, N)
    np.testing.assert_allclose(matrix @ Cholesky(matrix.copy(order="F")).solve(right), right, atol=1e-11)


def test_a_matrix_that_is_not_positive():
    matrix = np.asfortranarray(np.eye(N))
    matrix[7, 7] = -1.0
    with pytest.raises(np.linalg.LinAlgError, match="leading minor 8 is not"):
        Cholesky(matrix)


@pytest.mark.parametrize("dtype", [float, complex])
def test_a_preconditioner_of_single_precision_saves_iterations(dtype):
    matrix, right = positive(dtype, condition=1e4), numbers(dtype, N)
    expected = np.linalg.solve(matrix, right)
    counts = {}
    factor = Cholesky(matrix.astype(SINGLE[dtype]))
    for name, precondition in {"none": np.copy, "factor": factor.solve}.items():
        solution, counts[name], found = conjugate_gradients(
            lambda v: matrix @ v, right, precondition=precondition, tolerance=1e-12, max_iterations=1000
        )
        assert found
        np.testing.assert_allclose(solution, expected, rtol=0, atol=1e-8 * np.abs(expected).max())
    assert counts["factor"] <= 5 < counts["none"]


def test_the_start_and_the_limit_of_iterations():
    matrix, right = positive(float), numbers(float, N)
    solution = np.linalg.solve(matrix, right)
    options = {"tolerance": 1e-6, "max_iterations": 3}
    for start in (solution, -1e-3 * solution):  # a multiple of the solution is as good
        found_solution, iterations, found = conjugate_gradients(lambda v: matrix @ v, right, start=start, **options)
        assert (iterations, found) == (0, True)
        np.testing.assert_allclose(found_solution, solution, rtol=1e-12)
    _, iterations, found = conjugate_gradients(lambda v: matrix @ v, right, **options)
    assert (iterations, found) == (3, False)


def test_no_right_hand_side():
    solution, iterations, found = conjugate_gradients(np.copy, np.zeros(N), tolerance=1e-6, max_iterations=3)
    assert not solution.any()
    assert (iterations, found) == (0, True)
