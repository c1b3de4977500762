"""Log-derivatives of wave functions with a phase, as operators on real parameters.

A complex parameter is a pair of real ones. Where psi is holomorphic in it, d log psi / d(Im) = i d log psi / d(Re), so
that one complex matrix O holds everything: with w = O^H u the product for the real parameters is (Re w, Im w), and
O O^T and O^T O are the complex O O^H and O^H O, of half the size that real arithmetic would need.
"""

import numpy as np

from nqs.log_derivatives import Jacobian, real_metric

COMPLEX = 4  # real multiplications in a complex one


def as_complex(v: np.ndarray) -> np.ndarray:
    """The complex vector of n numbers from their real, then their imaginary parts."""
    real, imaginary = v.reshape(2, -1)
    return real + 1j * imaginary


def as_real(w: np.ndarray) -> np.ndarray:
    """The inverse of ``as_complex``."""
    return np.concatenate([np.real(w), np.imag(w)])


def real_and_imaginary(values: np.ndarray, axis: int = 0) -> np.ndarray:
    """The parts of a complex array along a new axis of length 2, or a real array with one of length 1; contiguous."""
    parts = (np.real(values), np.imag(values)) if np.iscomplexobj(values) else (values,)
    return np.ascontiguousarray(np.stack(parts, axis=axis))


class Holomorphic:
    """For parameters (all real parts, then all imaginary parts) and psi that is holomorphic in them.

    inner : d log psi / d parameter, a complex matrix, shape (n_samples, n_complex_parameters)

    Its metric is the complex one, of shape (n_complex_parameters, n_complex_parameters).
    """

    kind = "holomorphic"

    def __init__(self, inner: Jacobian) -> None:
        self.inner = inner
        self.shape = (inner.shape[0], 2 * inner.shape[1])
        self.cost, self.gram_cost, self.metric_cost = (
            COMPLEX * cost for cost in (inner.cost, inner.gram_cost, inner.metric_cost)
        )

    def matvec(self, v: np.ndarray) -> np.ndarray:
        return self.inner.matvec(as_complex(v))

    def rmatvec(self, u: np.ndarray) -> np.ndarray:
        return as_real(self.inner.rmatvec(u))

    def lower_gram(self, single: bool = False) -> np.ndarray:
        return self.inner.lower_gram(single)

    def lower_metric(self, single: bool = False) -> np.ndarray:
        return self.inner.lower_metric(single)

    def dense(self) -> np.ndarray:
        array = self.inner.dense()
        return np.hstack([array, 1j * array])


class RealParameters:
    """For real parameters of a complex log psi, or complex ones in which it is not holomorphic, as pairs.

    inner : the complex matrix, one column for each real parameter
    """

    kind = "complex"

    def __init__(self, inner: Jacobian) -> None:
        self.inner, self.shape = inner, inner.shape
        self.cost, self.gram_cost, self.metric_cost = (
            COMPLEX * cost for cost in (inner.cost, inner.gram_cost, inner.metric_cost)
        )

    def matvec(self, v: np.ndarray) -> np.ndarray:
        return self.inner.matvec(v)

    def rmatvec(self, u: np.ndarray) -> np.ndarray:
        return np.real(self.inner.rmatvec(u))

    def lower_gram(self, single: bool = False) -> np.ndarray:
        raise NotImplementedError("O Re(O^H u) is not linear in a complex u")

    def lower_metric(self, single: bool = False) -> np.ndarray:
        return real_metric(self.inner.dense(), single)

    def dense(self) -> np.ndarray:
        return self.inner.dense()
