"""The Jastrow factor of spins as a wave function: one- and two-body terms in the exponent."""

from typing import NamedTuple

import numpy as np

from montecarlo.metropolis import accept, refresh, workspace
from neural.jit import kernel
from nqs.complex_derivatives import Holomorphic, real_and_imaginary
from nqs.log_derivatives import MEMORY_BOUND, Dense, Jacobian, lower_product, precision
from nqs.spins import multiply_flip_ratios, ratio
from nqs.systems.spin_system import SpinSystem, check_spins
from nqs.wavefunctions.spin_rbm import check_dtype, joined
from nqs.wavefunctions.spin_state import SpinState
from nqs.wavefunctions.wavefunction import jacobian, log_psi, log_ratio, row_size, write_row


class Pairs(NamedTuple):
    """The real, or the imaginary parts of the parameters."""

    bias: np.ndarray  # a, (n_sites,)
    couplings: np.ndarray  # W_ij for i < j, row after row, (n_sites (n_sites - 1) / 2,)


class _Fields(NamedTuple):
    real: Pairs
    imaginary: Pairs | tuple[()]
    sector: np.ndarray  # (0,) or (1,): the magnetisation in which psi is not 0


class SpinJastrow(SpinState, _Fields):
    """The Jastrow state of all one- and two-body terms:

        psi(s) = exp( sum_i a_i s_i + sum_{i<j} W_ij s_i s_j )

    With complex parameters psi is holomorphic in them; with real ones it is positive. The local fields
    f_i = a_i + sum_j W_ij s_j are kept, so that turning site i over multiplies psi by exp(-2 s_i f_i) at the cost of
    one exponential.

    Parameters
    ----------
    system : the system it is for
    dtype : complex or float
    seed : of the parameters, normally distributed with standard deviation ``scale`` (of each part)

    Source: E. Manousakis, Rev. Mod. Phys. 63, 1 (1991), section V.A.
    """

    __slots__ = ()

    def __new__(cls, system: SpinSystem, *, dtype: type = complex, seed: int = 0, scale: float = 0.01) -> "SpinJastrow":
        space = check_spins(system)
        n = system.n_sites
        normal = np.random.default_rng(seed).standard_normal

        def draw() -> Pairs:
            return Pairs(scale * normal(n), scale * normal(n * (n - 1) // 2))

        return cls._make((draw(), draw() if check_dtype(dtype) else (), space.sector))

    @property
    def shape(self) -> tuple[int]:
        return self.real.bias.shape  # type: ignore[return-value]

    @property
    def is_complex(self) -> bool:
        return len(self.imaginary) > 0

    def couplings(self) -> tuple[np.ndarray, np.ndarray]:
        """a (n_sites,) and the symmetric W (n_sites, n_sites), whose diagonal is zero."""
        a, w = joined(self.real, self.imaginary)
        return a, symmetric(w, len(a))


def symmetric(couplings: np.ndarray, n: int) -> np.ndarray:
    """The numbers above the diagonal, row after row, and their mirror image, shape (n, n)."""
    upper = np.zeros((n, n), dtype=couplings.dtype)
    upper[np.triu_indices(n, 1)] = couplings
    return upper + upper.T


class Work(NamedTuple):
    """The axis p is the real and the imaginary part."""

    bias: np.ndarray  # (p, n_sites)
    weights: np.ndarray  # (n_sites, p, n_sites)
    field: np.ndarray  # f, (p, n_sites)


@workspace.register(SpinJastrow)
def _(psi):
    a, w = psi.couplings()
    bias = real_and_imaginary(a)
    return Work(bias, real_and_imaginary(w, axis=1), np.empty_like(bias))


@refresh.register(SpinJastrow)
def _(psi, work, x):
    for part in range(work.field.shape[0]):
        for i in range(x.size):
            work.field[part, i] = work.bias[part, i]
        for k in range(x.size):
            _add(float(x[k]), work.weights[k, part], work.field[part])


@kernel
def _add(factor, vector, out):
    for i in range(np.uintp(out.size)):
        out[i] += factor * vector[i]


@log_psi.register(SpinJastrow)
def _(psi, work, x):
    """sum_i s_i (a_i + f_i) / 2, as each pair is in two fields."""
    value = 0j
    for i in range(x.size):
        imaginary = work.bias[1, i] + work.field[1, i] if work.field.shape[0] > 1 else 0.0
        value += 0.5 * float(x[i]) * complex(work.bias[0, i] + work.field[0, i], imaginary)
    return value


@kernel
def _exponent(work, x, flips, part):
    """log psi(x') - log psi(x) = -2 ( sum_k s_k f_k - 2 sum_{k<l} W_kl s_k s_l ) over the sites turned over."""
    total = 0.0
    for k in range(1, flips[0] + 1):
        site = flips[k]
        field = work.field[part, site]
        for l in range(1, k):
            field -= 2.0 * work.weights[site, part, flips[l]] * x[flips[l]]
        total += x[site] * field
    return -2.0 * total


@log_ratio.register(SpinJastrow)
def _(psi, work, x, i, new):
    return _exponent(work, x, new, 0)


@ratio.register(SpinJastrow)
def _(psi, work, x, flips):
    size = np.exp(_exponent(work, x, flips, 0))
    if work.field.shape[0] == 1:
        return complex(size, 0.0)
    angle = _exponent(work, x, flips, 1)
    return complex(size * np.cos(angle), size * np.sin(angle))


@accept.register(SpinJastrow)
def _(psi, work, x, i, new):
    for k in range(1, new[0] + 1):
        for part in range(work.field.shape[0]):
            _add(-2.0 * x[new[k]], work.weights[new[k], part], work.field[part])


@multiply_flip_ratios.register(SpinJastrow)
def _(psi, work, x, out):
    for i in range(x.size):
        size = np.exp(-2.0 * x[i] * work.field[0, i])
        if work.field.shape[0] == 1:
            out[0, i] *= size
            out[1, i] *= size
        else:
            angle = -2.0 * x[i] * work.field[1, i]
            p, q = size * np.cos(angle), size * np.sin(angle)
            out[0, i], out[1, i] = out[0, i] * p - out[1, i] * q, out[0, i] * q + out[1, i] * p


@row_size.register(SpinJastrow)
def _(psi):
    return psi.real.bias.size


@write_row.register(SpinJastrow)
def _(psi, work, x, row):
    for i in range(x.size):
        row[i] = x[i]


@jacobian.register(SpinJastrow)
def _(psi: SpinJastrow, rows: np.ndarray) -> Jacobian:
    inner = PairJacobian(np.ascontiguousarray(rows), psi.is_complex)
    return Holomorphic(inner) if psi.is_complex else inner


class PairJacobian:
    """O = [s, s_i s_j for i < j] for samples of spins s, known by its products.

    With the vector v as a and W, O v = s.a + s^T W s / 2, and O O^T follows from G = S S^T element by element, as
    sum_{i<j} s_i s_j s'_i s'_j = (G^2 - n_sites) / 2.
    """

    kind = "real"

    def __init__(self, spins: np.ndarray, for_complex: bool = False) -> None:
        self.spins, self.for_complex = spins, for_complex
        n, n_sites = spins.shape
        self.shape = (n, n_sites * (n_sites + 1) // 2)
        self.upper = np.triu_indices(n_sites, 1)
        self.cost = spins.size * n_sites + MEMORY_BOUND * spins.size
        self.gram_cost, self.metric_cost = n * spins.size / 2, n * self.shape[1] ** 2 / 2

    def matvec(self, v: np.ndarray) -> np.ndarray:
        n_sites = self.spins.shape[1]
        a, w = v[:n_sites], symmetric(v[n_sites:], n_sites)
        return np.vecdot(self.spins, self.spins @ (w / 2) + a)

    def rmatvec(self, u: np.ndarray) -> np.ndarray:
        weighted = self.spins * u[:, None]
        product = np.concatenate([weighted.sum(axis=0), (self.spins.T @ weighted)[self.upper]])
        return product if self.for_complex else np.real(product)

    def lower_gram(self, single: bool = False) -> np.ndarray:
        """G + (G^2 - n_sites) / 2 = ((G + 1)^2 - 1 - n_sites) / 2."""
        gram = lower_product(self.spins.astype(precision(self.spins, single)))
        gram += 1.0
        gram *= gram
        gram -= 1.0 + self.spins.shape[1]
        gram /= 2
        return gram

    def lower_metric(self, single: bool = False) -> np.ndarray:
        return Dense(self.dense()).lower_metric(single)

    def dense(self) -> np.ndarray:
        left, right = self.upper
        return np.hstack([self.spins, self.spins[:, left] * self.spins[:, right]])
