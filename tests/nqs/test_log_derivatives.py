"""Every Jacobian is the matrix that it stands for."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import nqs
from nqs.log_derivatives import Blocks, Dense, Jacobian, Outer
from nqs.reconfiguration import Centred
from nqs.wavefunctions.spin_jastrow import PairJacobian
from nqs.wavefunctions.wavefunction import jacobian

N_SAMPLES = 7
normal = np.random.default_rng(0).standard_normal


def of_rbm() -> Jacobian:
    """The one that a restricted Boltzmann machine makes of its rows; which numbers these are does not matter here."""
    psi = nqs.GaussianRBM(nqs.HarmonicOscillator(2, 2), n_hidden=3)
    return jacobian(psi, normal((N_SAMPLES, 4 + 3 + 2)))


# One line for each kind of Jacobian: its name, how it is made, and its matrix.
JACOBIANS: dict[str, Callable[[], Jacobian | Centred]] = {
    "Dense": lambda: Dense(normal((N_SAMPLES, 5))),
    "Outer": lambda: Outer(normal((N_SAMPLES, 3)), normal((N_SAMPLES, 4))),
    "Blocks": lambda: Blocks((Dense(normal((N_SAMPLES, 5))), Outer(normal((N_SAMPLES, 3)), normal((N_SAMPLES, 2))))),
    "Blocks of one": lambda: Blocks((Dense(normal((N_SAMPLES, 1))),)),
    "Blocks of Blocks": lambda: Blocks((of_rbm(), Blocks((Dense(normal((N_SAMPLES, 2))), of_rbm())))),
    "GaussianRBM": of_rbm,
    "PairJacobian": lambda: PairJacobian(np.sign(normal((N_SAMPLES, 5)))),
    "Centred": lambda: Centred(of_rbm()),
}


@pytest.fixture(params=JACOBIANS)
def operator(request):
    return JACOBIANS[request.param]()


def test_products_equal_those_of_the_dense_matrix(operator):
    dense = operator.dense()
    assert operator.shape == dense.shape
    v, u = normal(dense.shape[1]), normal(dense.shape[0])
    np.testing.assert_allclose(operator.matvec(v), dense @ v, rtol=0, atol=1e-13)
    np.testing.assert_allclose(operator.rmatvec(u), dense.T @ u, rtol=0, atol=1e-13)
    np.testing.assert_allclose(operator.gram(), dense @ dense.T, rtol=0, atol=1e-13)


@pytest.mark.parametrize("name", ["Dense", "Outer", "Blocks", "GaussianRBM", "PairJacobian"])
def test_lower_triangle_up_to_a_constant(name):
    operator: Any = JACOBIANS[name]()
    difference = np.tril(operator.lower_gram() - operator.gram())
    np.testing.assert_allclose(difference, np.tril(np.full_like(difference, difference[0, 0])), atol=1e-13)


def test_transpose(operator):
    """u . (O v) = (O^T u) . v"""
    v, u = normal(operator.shape[1]), normal(operator.shape[0])
    assert u @ operator.matvec(v) == pytest.approx(operator.rmatvec(u) @ v, abs=1e-12)


def test_columns_of_an_outer_product_are_in_the_order_of_a_matrix():
    left, right = normal((N_SAMPLES, 3)), normal((N_SAMPLES, 4))
    expected = np.array([np.outer(a, b).ravel() for a, b in zip(left, right, strict=True)])
    assert np.array_equal(Outer(left, right).dense(), expected)


def test_centred_columns_have_no_mean():
    centred = Centred(of_rbm())
    np.testing.assert_allclose(centred.dense().mean(axis=0), 0, atol=1e-15)
    np.testing.assert_allclose(centred.matvec(normal(centred.shape[1])).mean(), 0, atol=1e-14)
