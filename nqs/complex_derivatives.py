"""Log-derivatives of wave functions with a phase, as operators on real parameters.

A complex parameter is a pair of real ones. Where psi is holomorphic in it, d log psi / d(Im) = i d log psi / d(Re), so
that one complex matrix O holds everything: with w = O^H u the product for the real parameters is (Re w, Im w), and
O O^T is the complex O O^H, of half the size that real arithmetic would need.
"""

import numpy as np

from nqs.log_derivatives import Jacobian

COMPLEX = 4  # real multiplications in a complex one


class Holomorphic:
    """For parameters (all real parts, then all imaginary parts) and psi that is holomorphic in them.

    inner : d log psi / d parameter, a complex matrix, shape (n_samples, n_complex_parameters)
    """

    kind = "holomorphic"

    def __init__(self, inner: Jacobian) -> None:
        self.inner = inner
        self.iterations_expected = getattr(inner, "iterations_expected", 60)
        self.n = inner.shape[1]
        self.shape = (inner.shape[0], 2 * self.n)
        self.cost, self.gram_cost = COMPLEX * inner.cost, COMPLEX * inner.gram_cost

    def matvec(self, v: np.ndarray) -> np.ndarray:
        return self.inner.matvec(v[: self.n] + 1j * v[self.n :])

    def rmatvec(self, u: np.ndarray) -> np.ndarray:
        product = self.inner.rmatvec(u)
        return np.concatenate([np.real(product), np.imag(product)])

    def gram(self) -> np.ndarray:
        return self.inner.gram()

    def lower_gram(self) -> np.ndarray:
        return self.inner.lower_gram()

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
        self.cost, self.gram_cost = COMPLEX * inner.cost, COMPLEX * inner.gram_cost

    def matvec(self, v: np.ndarray) -> np.ndarray:
        return self.inner.matvec(v)

    def rmatvec(self, u: np.ndarray) -> np.ndarray:
        return np.real(self.inner.rmatvec(u))

    def gram(self) -> np.ndarray:
        raise NotImplementedError("O Re(O^H u) is not linear in a complex u")

    def lower_gram(self) -> np.ndarray:
        return self.gram()

    def dense(self) -> np.ndarray:
        return self.inner.dense()
