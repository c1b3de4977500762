"""Energies of restricted Boltzmann machines: p(v) = e^-F(v) / Z with e^-F(v) = sum_h e^-E(v, h).

    BinaryBoltzmann     v in {0, 1}    h in {0, 1}    E = -a.v - b.h - v.W h
    SpinBoltzmann       v in {-1, +1}  h in {-1, +1}  E = -a.v - b.h - v.W h
    GaussianBoltzmann   v real         h in {0, 1}    E = sum_i (v_i - a_i)^2 / 2 sigma_i^2 - b.h - x.W h

a is the visible bias (n_visible,), b the hidden bias (n_hidden,), W the weights (n_visible, n_hidden). What the
hidden units see of the visibles is the *input* x_i = v_i, or v_i / sigma_i^2 for Gaussian visibles, through the
*angles* theta = b + x W. Summing over the hidden units leaves

    F(v) = visible energy(v) - sum_j g(theta_j)          g(theta) = log(1 + e^theta), or log(2 cosh theta) for spins

and the conditional means <h_j | v> = g'(theta_j): a sigmoid, or tanh for spins. No angle is too large for this.
(Spins with hidden units 0 or 1 need no machine of their own: up to a constant, those of (a, b, W) have the F of
``SpinBoltzmann(a + W.sum(1) / 2, b / 2, W / 2)``.)

The methods work on batches, v of shape (n_samples, n_visible), with NumPy; ``softplus_sum`` is the sum of g for one
configuration inside a kernel.

Sources: Smolensky, in Parallel Distributed Processing 1 (1986), ch. 6; Hinton, Neural Computation 14 (2002) 1771;
Gaussian visibles in this scaling: Cho, Ilin, Raiko, ICANN (2011).
"""

from typing import Any, NamedTuple, Self

import numpy as np

from neural.activations import sigmoid
from neural.jit import COMPILED, kernel
from neural.memory import check_memory
from neural.records import Record
from neural.special import exp

BYTES_PER_WEIGHT = 40  # with a gradient, and both in single precision
CHUNK = 512  # factors 1 + e^-|theta| <= 2 in one product: 2^512 is far from overflow


@kernel
def _softplus_chunk(theta: np.ndarray, means: np.ndarray, start: int, stop: int) -> float:
    positive = 0.0
    product = 1.0
    for j in range(np.uintp(start), np.uintp(stop)):  # unsigned: no check for negative indices, so it vectorises
        x = theta[j]
        e = exp(-abs(x))
        positive += max(x, 0.0)
        product *= 1.0 + e
        means[j] = (1.0 if x >= 0.0 else e) / (1.0 + e)
    return positive + np.log(product)


@kernel
def softplus_sum(theta: np.ndarray, means: np.ndarray) -> float:
    """sum_j log(1 + e^theta_j); writes the sigmoids of theta into ``means``.

    One exponential for each unit and one logarithm for each CHUNK of them:
    log(1 + e^x) = max(x, 0) + log(1 + e^-|x|), and the factors 1 + e^-|x| are multiplied. The error is absolute,
    about one rounding for each unit.
    """
    total = 0.0
    for start in range(0, theta.size, CHUNK):
        total += _softplus_chunk(theta, means, start, min(start + CHUNK, theta.size))
    return total


class Features(NamedTuple):
    """What the parameter derivatives are made of: dF/db = -hidden, dF/dW = -visible (x) hidden."""

    visible: np.ndarray  # (n_samples, n_visible), the inputs x
    hidden: np.ndarray  # (n_samples, n_hidden), the conditional means <h | v>


@kernel
def _softplus_sums(theta: np.ndarray, means: np.ndarray, out: np.ndarray) -> None:
    for row in range(theta.shape[0]):
        out[row] = softplus_sum(theta[row], means)


def softplus_of_rows(theta: np.ndarray) -> np.ndarray:
    """sum_j log(1 + e^theta_j) over the last axis, with one logarithm for CHUNK units."""
    if COMPILED and theta.ndim == 2:
        sums = np.empty(len(theta))
        _softplus_sums(np.ascontiguousarray(theta), np.empty(theta.shape[1]), sums)
        return sums
    factors = 1.0 + np.exp(-np.abs(theta))
    products = np.multiply.reduceat(factors, np.arange(0, theta.shape[-1], CHUNK), axis=-1)
    return np.maximum(theta, 0.0).sum(axis=-1) + np.log(products).sum(axis=-1)


class _Machine(Record):
    """What all machines share. A machine adds its visible units, and spins their hidden units too."""

    __slots__ = ()

    visible_bias: np.ndarray
    hidden_bias: np.ndarray
    weights: np.ndarray

    def __new__(cls, visible_bias: Any, hidden_bias: Any, weights: Any, *constants: Any) -> Self:
        """Raises ``ValueError`` for shapes that do not belong together, empty arrays, NaN and infinity."""
        return cls._make((*_checked(visible_bias, hidden_bias, weights), *constants))  # type: ignore[attr-defined]

    def __repr__(self) -> str:
        n_visible, n_hidden = self.weights.shape
        n = sum(np.size(leaf) for leaf in self if np.ndim(leaf))  # type: ignore[attr-defined]
        return f"{type(self).__name__}(n_visible={n_visible}, n_hidden={n_hidden}, {n} parameters)"

    @classmethod
    def init(cls, n_visible: int, n_hidden: int, *, seed: Any, scale: float = 0.01, **constants: Any) -> Self:
        """Zero biases and normal weights of standard deviation ``scale``; ``constants`` go to the constructor."""
        if n_visible < 1 or n_hidden < 1:
            raise ValueError(f"expected at least one visible and one hidden unit, got {n_visible} and {n_hidden}")
        check_memory(BYTES_PER_WEIGHT * n_visible * n_hidden, f"{n_visible} x {n_hidden} weights", "fewer units")
        weights = np.random.default_rng(seed).normal(scale=scale, size=(n_visible, n_hidden))
        return cls(np.zeros(n_visible), np.zeros(n_hidden), weights, **constants)

    def inputs(self, v: np.ndarray) -> np.ndarray:
        """x, what the hidden units see of the visibles: v, or v / sigma^2; shape as v."""
        return v

    def angles(self, v: np.ndarray) -> np.ndarray:
        """theta = b + x W, shape (n_samples, n_hidden)."""
        return self.inputs(v) @ self.weights + self.hidden_bias

    def field(self, h: np.ndarray) -> np.ndarray:
        """a + W h, what the visible units see of the hidden ones, shape (n_samples, n_visible)."""
        return h @ self.weights.T + self.visible_bias

    def log_sum(self, theta: np.ndarray) -> np.ndarray:
        """sum_j g(theta_j), the logarithm of a sum over all hidden configurations; shape (n_samples,)."""
        return softplus_of_rows(theta)

    def unit_means(self, theta: np.ndarray) -> np.ndarray:
        """g'(theta), the mean of a unit in the field theta; shape as theta."""
        return sigmoid(theta)

    def visible_energy(self, v: np.ndarray) -> np.ndarray:
        """The part of E without hidden units: -a.v, shape (n_samples,)."""
        return -(v @ self.visible_bias)

    def energy(self, v: np.ndarray, h: np.ndarray) -> np.ndarray:
        """E(v, h) of pairs of configurations, shape (n_samples,)."""
        return self.visible_energy(v) - np.sum(self.angles(v) * h, axis=-1)

    def free_energy(self, v: np.ndarray) -> np.ndarray:
        """F(v) = -log sum_h e^-E(v, h), shape (n_samples,)."""
        return self.visible_energy(v) - self.log_sum(self.angles(v))

    def hidden_means(self, v: np.ndarray) -> np.ndarray:
        """<h | v>: the probability of h = 1, or tanh(theta) for spins; shape (n_samples, n_hidden)."""
        return self.unit_means(self.angles(v))

    def visible_means(self, h: np.ndarray) -> np.ndarray:
        """<v | h>: the probability of v = 1, tanh(a + W h) for spins, a + W h for Gaussian visibles."""
        return self.unit_means(self.field(h))

    def draw_hidden(self, v: np.ndarray, uniforms: np.ndarray) -> np.ndarray:
        """h ~ p(h | v) from ``uniforms`` in [0, 1) of shape (n_samples, n_hidden)."""
        return (uniforms < self.hidden_means(v)).astype(np.float64)

    def draw_visible(self, h: np.ndarray, noise: np.ndarray) -> np.ndarray:
        """v ~ p(v | h) from ``noise`` of shape (n_samples, n_visible): uniforms, or standard normals for Gaussians."""
        return (noise < self.visible_means(h)).astype(np.float64)

    def features(self, v: np.ndarray) -> Features:
        """The inputs x and the means <h | v>: all that the derivatives for the parameters need of a sample."""
        return Features(self.inputs(v), self.hidden_means(v))

    def visible_bias_gradient(self, v: np.ndarray) -> np.ndarray:
        """dF/da, shape (n_samples, n_visible)."""
        return -v

    def gradients(self, v: np.ndarray) -> np.ndarray:
        """dF/d(parameters) of every sample, shape (n_samples, n_parameters), in the order of ``flatten``."""
        x, t = self.features(v)
        outer = (x[:, :, None] * t[:, None, :]).reshape(len(v), -1)
        return np.concatenate([self.visible_bias_gradient(v), -t, -outer], axis=1)

    def mean_gradient(self, v: np.ndarray) -> Self:
        """The sample mean of dF/d(parameters), in a machine of the same shape, without the dense gradients."""
        x, t = self.features(v)
        return self._replace(  # type: ignore[attr-defined]
            visible_bias=self.visible_bias_gradient(v).mean(axis=0),
            hidden_bias=-t.mean(axis=0),
            weights=-(x.T @ t) / len(v),
        )


class _Arrays(NamedTuple):
    visible_bias: np.ndarray
    hidden_bias: np.ndarray
    weights: np.ndarray


class BinaryBoltzmann(_Machine, _Arrays):
    """Visible and hidden units 0 or 1: F = -a.v - sum_j log(1 + e^theta_j)."""

    __slots__ = ()

    def as_spins(self) -> "tuple[SpinBoltzmann, float]":
        """The machine of s = 2v - 1, h' = 2h - 1 with the same p, and c in F(v) = F_spin(s) + c."""
        a, b, W = self
        spins = SpinBoltzmann(a / 2 + W.sum(axis=1) / 4, b / 2 + W.sum(axis=0) / 4, W / 4)
        return spins, -float(a.sum() / 2 + b.sum() / 2 + W.sum() / 4)


class SpinBoltzmann(_Machine, _Arrays):
    """Visible and hidden units -1 or +1: F = -a.v - sum_j log(2 cosh theta_j)."""

    __slots__ = ()

    def log_sum(self, theta: np.ndarray) -> np.ndarray:
        """sum_j log(2 cosh theta_j) with log(2 cosh theta) = |theta| + log(1 + e^(-2 |theta|))."""
        return np.abs(theta).sum(axis=-1) + softplus_of_rows(-2.0 * np.abs(theta))

    def unit_means(self, theta: np.ndarray) -> np.ndarray:
        """tanh(theta)."""
        return np.tanh(theta)

    def draw_hidden(self, v: np.ndarray, uniforms: np.ndarray) -> np.ndarray:
        """h ~ p(h | v) with p(h_j = 1) = (1 + tanh theta_j) / 2."""
        return np.where(2.0 * uniforms - 1.0 < self.hidden_means(v), 1.0, -1.0)

    def draw_visible(self, h: np.ndarray, noise: np.ndarray) -> np.ndarray:
        """v ~ p(v | h) from uniforms."""
        return np.where(2.0 * noise - 1.0 < self.visible_means(h), 1.0, -1.0)


class _GaussianArrays(NamedTuple):
    visible_bias: np.ndarray
    hidden_bias: np.ndarray
    weights: np.ndarray
    sigma: float | np.ndarray


class GaussianBoltzmann(_Machine, _GaussianArrays):
    """Real visibles, hidden units 0 or 1; F = sum_i (v_i - a_i)^2 / 2 sigma_i^2 - sum_j log(1 + e^theta_j).

    ``sigma`` as a number is fixed; as an array of shape (n_visible,), or (1,) for one of all, it is a parameter.
    """

    __slots__ = ()

    def __new__(cls, visible_bias: Any, hidden_bias: Any, weights: Any, sigma: Any = 1.0) -> Self:
        n_visible = np.size(visible_bias)
        return super().__new__(cls, visible_bias, hidden_bias, weights, _checked_sigma(sigma, n_visible))

    def inputs(self, v: np.ndarray) -> np.ndarray:
        """x = v / sigma^2."""
        return v / self.sigma**2

    def visible_energy(self, v: np.ndarray) -> np.ndarray:
        """sum_i (v_i - a_i)^2 / 2 sigma_i^2."""
        return 0.5 * np.sum(((v - self.visible_bias) / self.sigma) ** 2, axis=-1)

    def visible_means(self, h: np.ndarray) -> np.ndarray:
        """<v | h> = a + W h."""
        return self.field(h)

    def draw_visible(self, h: np.ndarray, noise: np.ndarray) -> np.ndarray:
        """v ~ p(v | h): normal with mean a + W h and standard deviation sigma, from standard normals."""
        return self.field(h) + self.sigma * noise

    def visible_bias_gradient(self, v: np.ndarray) -> np.ndarray:
        """dF/da = -(v - a) / sigma^2."""
        return -(v - self.visible_bias) / self.sigma**2

    def sigma_gradient(self, v: np.ndarray) -> np.ndarray:
        """dF/dsigma_i = (2 v_i (W <h>)_i - (v_i - a_i)^2) / sigma_i^3, shape (n_samples, sigma.size)."""
        pull = self.hidden_means(v) @ self.weights.T
        slopes = (2.0 * v * pull - (v - self.visible_bias) ** 2) / self.sigma**3
        return slopes if np.size(self.sigma) == slopes.shape[1] else slopes.sum(axis=1, keepdims=True)

    def gradients(self, v: np.ndarray) -> np.ndarray:
        """dF/d(parameters) of every sample, with those for sigma last when it is an array."""
        dense = super().gradients(v)
        return dense if isinstance(self.sigma, float) else np.concatenate([dense, self.sigma_gradient(v)], axis=1)

    def mean_gradient(self, v: np.ndarray) -> Self:
        """The sample mean of dF/d(parameters), in a machine of the same shape."""
        mean = super().mean_gradient(v)
        return mean if isinstance(self.sigma, float) else mean._replace(sigma=self.sigma_gradient(v).mean(axis=0))

    def visible_gradient(self, v: np.ndarray) -> np.ndarray:
        """dF/dv = (v - a - W <h|v>) / sigma^2, shape (n_samples, n_visible)."""
        return (v - self.field(self.hidden_means(v))) / self.sigma**2

    def visible_laplacian(self, v: np.ndarray) -> np.ndarray:
        """sum_i d^2F/dv_i^2 = sum_i 1/sigma_i^2 - sum_ij (W_ij/sigma_i^2)^2 <h_j>(1 - <h_j>), shape (n_samples,)."""
        inverse_variance = np.broadcast_to(1.0 / np.square(self.sigma), v.shape[-1:])
        curvature = (inverse_variance**2) @ self.weights**2
        t = self.hidden_means(v)
        return inverse_variance.sum() - (t * (1.0 - t)) @ curvature


def _checked(visible_bias: Any, hidden_bias: Any, weights: Any) -> list[np.ndarray]:
    arrays = [np.ascontiguousarray(array, dtype=np.float64) for array in (visible_bias, hidden_bias, weights)]
    a, b, W = arrays
    if a.ndim != 1 or b.ndim != 1 or W.shape != (a.size, b.size) or W.size == 0:
        raise ValueError(
            "expected visible_bias (n_visible,), hidden_bias (n_hidden,) and weights (n_visible, n_hidden), not empty; "
            f"got shapes {np.shape(visible_bias)}, {np.shape(hidden_bias)} and {np.shape(weights)}"
        )
    for name, array in zip(_Arrays._fields, arrays):
        if not np.isfinite(array).all():
            raise ValueError(f"expected finite numbers in {name}, found NaN or infinity")
    return arrays


def _checked_sigma(sigma: Any, n_visible: int) -> float | np.ndarray:
    if np.shape(sigma) not in ((), (1,), (n_visible,)):
        raise ValueError(f"expected sigma as a number or of shape (1,) or ({n_visible},), got {np.shape(sigma)}")
    if not (np.all(np.isfinite(sigma)) and np.all(np.asarray(sigma) > 0)):
        raise ValueError(f"expected finite sigma > 0, got {sigma}")
    return float(sigma) if np.ndim(sigma) == 0 else np.ascontiguousarray(sigma, dtype=np.float64)
