"""Every Jacobian is the matrix that it stands for."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import nqs
from nqs import log_derivatives, machine_derivatives
from nqs.log_derivatives import Blocks, Dense, Jacobian, Outer
from nqs.machine_derivatives import MachineJacobian
from nqs.reconfiguration import Centred
from nqs.spin_outer import SpinOuter
from nqs.wavefunctions.spin_jastrow import PairJacobian
from nqs.wavefunctions.wavefunction import jacobian

N_SAMPLES = 7
normal = np.random.default_rng(0).standard_normal


def of_rbm() -> Jacobian:
    """The one that a restricted Boltzmann machine makes of its rows; which numbers these are does not matter here."""
    psi = nqs.GaussianRBM(nqs.HarmonicOscillator(2, 2), n_hidden=3)
    return jacobian(psi, normal((N_SAMPLES, 4 + 3 + 2)))


def of_machine(is_complex: bool) -> MachineJacobian:
    """(1, s) and (1, t) of a machine with three sites and two hidden units."""
    spins, t = np.sign(normal((N_SAMPLES, 3))), normal((N_SAMPLES, 2)) + 1j * is_complex * normal((N_SAMPLES, 2))
    return MachineJacobian(*(np.insert(each, 0, 1, axis=1) for each in (spins, t if is_complex else t.real)))


def of_spins(n_spins: int, is_complex: bool) -> SpinOuter:
    """(1, s) and t for as many spins, in groups of which the last is smaller."""
    return SpinOuter(
        np.insert(np.sign(normal((N_SAMPLES, n_spins))), 0, 1, axis=1), numbers(is_complex, (N_SAMPLES, 2))
    )


def numbers(is_complex: bool, shape: tuple[int, ...]) -> np.ndarray:
    return normal(shape) + 1j * normal(shape) if is_complex else normal(shape)


# One line for each kind of Jacobian: its name, how it is made, and its matrix.
JACOBIANS: dict[str, Callable[[], Jacobian]] = {
    "Dense": lambda: Dense(normal((N_SAMPLES, 5))),
    "Outer": lambda: Outer(normal((N_SAMPLES, 3)), normal((N_SAMPLES, 4))),
    "Blocks": lambda: Blocks((Dense(normal((N_SAMPLES, 5))), Outer(normal((N_SAMPLES, 3)), normal((N_SAMPLES, 2))))),
    "Blocks of one": lambda: Blocks((Dense(normal((N_SAMPLES, 1))),)),
    "Blocks of Blocks": lambda: Blocks((of_rbm(), Blocks((Dense(normal((N_SAMPLES, 2))), of_rbm())))),
    "GaussianRBM": of_rbm,
    "PairJacobian": lambda: PairJacobian(np.sign(normal((N_SAMPLES, 5)))),
    "MachineJacobian": lambda: of_machine(False),
}
COMPLEX: dict[str, Callable[[], MachineJacobian]] = {
    "complex MachineJacobian": lambda: of_machine(True),
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


STRUCTURED = ["Dense", "Outer", "Blocks", "GaussianRBM", "PairJacobian", "MachineJacobian", "complex MachineJacobian"]


@pytest.mark.parametrize("single", [False, True])
@pytest.mark.parametrize("name", STRUCTURED)
def test_products_with_the_transpose(name, single):
    """O O^H up to a constant and the covariance of the columns, lower triangles in Fortran's order."""
    operator: Any = (JACOBIANS | COMPLEX)[name]()
    dense = operator.dense()
    gram, metric = operator.lower_gram(single), operator.lower_metric(single)
    tolerance = 1e-5 if single else 1e-13
    difference = np.tril(gram - dense @ dense.conj().T)
    np.testing.assert_allclose(difference, np.tril(np.full_like(difference, difference[0, 0].real)), atol=tolerance)
    covariance = np.cov(dense.T, bias=True).reshape(metric.shape)
    np.testing.assert_allclose(np.tril(metric), np.tril(covariance.conj()), atol=tolerance)
    for matrix in (gram, metric):
        assert matrix.flags.f_contiguous
        assert matrix.itemsize * (2 if single else 1) == dense.itemsize


@pytest.mark.parametrize("complex_vectors", [False, True])
@pytest.mark.parametrize("is_complex", [False, True])
@pytest.mark.parametrize("n_spins", [1, 6, 15, 64, 70])
def test_products_by_groups_of_spins(n_spins, is_complex, complex_vectors):
    """One group, a smaller last one, an odd number of them, one word of bits and more."""
    operator = of_spins(n_spins, is_complex)
    plain = Outer(operator.left, operator.right)
    v, u = (numbers(complex_vectors, (size,)) for size in operator.shape[::-1])
    np.testing.assert_allclose(operator.matvec(v), plain.matvec(v), rtol=0, atol=1e-12)
    np.testing.assert_allclose(operator.rmatvec(u), plain.rmatvec(u), rtol=0, atol=1e-12)
    np.testing.assert_allclose(np.tril(operator.lower_gram()), np.tril(plain.lower_gram()), rtol=0, atol=1e-11)


@pytest.mark.parametrize("name", ["MachineJacobian", "complex MachineJacobian"])
def test_products_of_a_machine_with_complex_vectors(name):
    operator: Any = (JACOBIANS | COMPLEX)[name]()
    dense = operator.dense()
    v, u = (normal(size) + 1j * normal(size) for size in dense.shape[::-1])
    np.testing.assert_allclose(operator.matvec(v), dense @ v, rtol=0, atol=1e-12)
    np.testing.assert_allclose(operator.rmatvec(u), dense.conj().T @ u, rtol=0, atol=1e-12)


def test_products_run_over_blocks_of_the_samples(monkeypatch):
    """A block is shorter than the samples, and the last one is shorter still."""
    left, right = normal((N_SAMPLES, 3)), normal((N_SAMPLES, 4))
    whole = Outer(left, right)
    v, u = normal(12), normal(N_SAMPLES)
    expected = whole.matvec(v), whole.rmatvec(u)
    monkeypatch.setattr(log_derivatives, "BLOCK", 4 * 3)
    np.testing.assert_allclose(whole.matvec(v), expected[0], rtol=1e-13)
    np.testing.assert_allclose(whole.rmatvec(u), expected[1], rtol=1e-13)


def test_moments_of_pairs_are_summed_over_blocks_of_the_samples(monkeypatch):
    operator = of_machine(True)
    expected = operator.lower_metric()
    monkeypatch.setattr(machine_derivatives, "SAMPLES", 3)
    np.testing.assert_allclose(operator.lower_metric(), expected, rtol=0, atol=1e-14)


def test_transpose(operator):
    """u . (O v) = (O^T u) . v"""
    v, u = normal(operator.shape[1]), normal(operator.shape[0])
    assert u @ operator.matvec(v) == pytest.approx(operator.rmatvec(u) @ v, abs=1e-12)


def test_columns_of_an_outer_product_are_in_the_order_of_a_matrix():
    left, right = normal((N_SAMPLES, 3)), normal((N_SAMPLES, 4))
    expected = np.array([np.outer(a, b).ravel() for a, b in zip(left, right, strict=True)])
    assert np.array_equal(Outer(left, right).dense(), expected)


def test_centred_operator():
    centred = Centred(of_rbm())
    dense = centred.jacobian.dense()
    dense = dense - dense.mean(axis=0)
    v, u = normal(dense.shape[1]), normal(dense.shape[0])
    np.testing.assert_allclose(centred.matvec(v), dense @ v, atol=1e-13)
    np.testing.assert_allclose(centred.rmatvec(u), dense.T @ u, atol=1e-13)
    np.testing.assert_allclose(centred.metric(0.1)(v), dense.T @ (dense @ v) / N_SAMPLES + 0.1 * v, atol=1e-13)
    np.testing.assert_allclose(centred.gram(0.1)(u), dense @ (dense.T @ u) + 0.1 * u, atol=1e-12)
