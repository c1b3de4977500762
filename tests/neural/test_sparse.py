"""Sparse regression finds laws that are exactly in its library."""

import numpy as np
import pytest

from neural.sparse import equation, monomials, sparse_regression

pytestmark = pytest.mark.interpreted


def test_the_monomials_of_two_columns():
    x = np.array([[2.0, 3.0], [-1.0, 0.5]])
    library, names = monomials(x, 2)
    assert names == ["1", "x", "y", "x^2", "x y", "y^2"]
    np.testing.assert_array_equal(library, [[1, 2, 3, 4, 6, 9], [1, -1, 0.5, 1, -0.5, 0.25]])
    assert monomials(x[:, :1], 3)[1] == ["1", "z", "z^2", "z^3"]


def test_an_exact_law_is_found_to_rounding():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 3))
    library, _ = monomials(x, 2)
    truth = np.zeros((10, 2))
    truth[1, 0], truth[5, 0], truth[0, 1] = -2.0, 0.3, 1.5
    np.testing.assert_allclose(sparse_regression(library, library @ truth, 0.1), truth, atol=1e-13)


def test_terms_below_the_threshold_are_dropped_and_the_rest_refitted():
    x = np.linspace(-1, 1, 50)[:, None]
    library, _ = monomials(x, 1)
    found = sparse_regression(library, 2 * x + 0.05, 0.1)
    assert found[0, 0] == 0
    assert found[1, 0] == pytest.approx(2.0, rel=1e-12)
    assert not sparse_regression(library, 0.01 * x, 0.1).any()


def test_equations_are_printed_without_zeros():
    names = ["1", "z", "sin z"]
    assert equation("z''", np.array([0.0, 0.0, -0.98765]), names) == "z'' = -0.9877 sin z"
    assert equation("x'", np.array([1.5, -2.0, 0.0]), names) == "x' = 1.5 - 2 z"
    assert equation("x'", np.zeros(3), names) == "x' = 0"


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="expected x of shape"):
        monomials(np.ones((3, 4)), 2)
    with pytest.raises(ValueError, match="expected arrays"):
        sparse_regression(np.ones((3, 2)), np.ones(3), 0.1)
