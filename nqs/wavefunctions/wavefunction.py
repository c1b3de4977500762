"""What every wave function of particles offers, and the product of two of them.

A wave function is a NamedTuple whose float arrays are its parameters. Its logarithm and derivatives are written for
one configuration x, shape (n_particles, n_dims), as functions that a new wave function registers in its own file:
the ones below, and ``workspace``, ``refresh`` and ``accept`` of ``montecarlo.metropolis``. All of them but
``workspace``, ``row_size`` and ``jacobian`` are compiled into the sampler.
"""

from typing import Any, NamedTuple, NoReturn, Self

import numpy as np

from montecarlo.metropolis import accept, log_density, log_density_ratio, refresh, workspace
from neural.jit import follow_changes, generic, kernel
from neural.parameters import flatten, n_parameters, named_parameters, unflatten
from neural.records import Record
from nqs.log_derivatives import Blocks, Dense, Jacobian


@generic
def log_psi(psi: Any, work: Any, x: np.ndarray) -> float:
    """log |psi(x)|; ``work`` belongs to x."""
    ...


@generic
def log_ratio(psi: Any, work: Any, x: np.ndarray, i: int, new: np.ndarray) -> float:
    """log |psi(x') / psi(x)|, x' being x with particle i at ``new``; leaves in ``work`` what accept needs."""
    ...


@generic
def drift(psi: Any, work: Any, x: np.ndarray, i: int, out: np.ndarray) -> None:
    """Add the gradient of log |psi| for particle i at x to ``out``, shape (n_dims,)."""
    ...


@generic
def proposed_drift(psi: Any, work: Any, x: np.ndarray, i: int, new: np.ndarray, out: np.ndarray) -> None:
    """Add the gradient of log |psi| for particle i at x' to ``out``, asked after ``log_ratio``."""
    ...


@generic
def gradient_laplacian(psi: Any, work: Any, x: np.ndarray, gradient: np.ndarray) -> float:
    """Add the gradient of log |psi| to ``gradient``, shape (n_particles, n_dims), and return its Laplacian."""
    ...


@generic
def write_row(psi: Any, work: Any, x: np.ndarray, row: np.ndarray) -> None:
    """Write the numbers of x from which ``jacobian`` makes the log-derivatives, shape (row_size(psi),)."""
    ...


@generic
def row_size(psi: Any) -> int:
    """The length of a row of ``write_row``."""
    ...


@generic
def jacobian(psi: Any, rows: np.ndarray) -> Jacobian:
    """The operator O, O_sk = d log psi(x_s) / d theta_k, from the rows of the samples, shape (n, row_size(psi))."""
    ...


class WaveFunction(Record):
    """Base class of the wave functions of particles: ``*`` multiplies them, and the rest is for looking at one."""

    __slots__ = ()

    def __mul__(self, other: "WaveFunction") -> "Product":
        if not isinstance(other, WaveFunction):
            self._no_arithmetic(other)
        if self.shape != other.shape:
            raise ValueError(
                f"expected two factors of one system, got {type(self).__name__} for (n_particles, n_dims) = "
                f"{self.shape} and {type(other).__name__} for {other.shape}"
            )
        if self.antisymmetric and other.antisymmetric:
            raise ValueError("expected one determinant in a product, got two: their product is symmetric")
        return Product(self, other)

    def _no_arithmetic(self, other: Any) -> NoReturn:
        raise TypeError(
            f"expected a product of two wave functions of one system, got {type(self).__name__} and "
            f"{type(other).__name__}: wave functions have no sums or multiples, their norm is arbitrary"
        )

    __add__ = __radd__ = __rmul__ = _no_arithmetic

    __hash__ = None  # type: ignore[assignment]  # parameters may change

    def __repr__(self) -> str:
        return f"{type(self).__name__}(shape={self.shape}, n_parameters={self.n_parameters})"

    @property
    def antisymmetric(self) -> bool:
        """Whether psi changes its sign when two particles of the same spin are exchanged."""
        return False

    @property
    def symmetric(self) -> bool:
        """Whether psi stays the same when two particles of the same spin are exchanged, but for its sign."""
        return True

    @property
    def shape(self) -> tuple[int, int]:
        """(n_particles, n_dims)."""
        raise NotImplementedError

    @property
    def n_parameters(self) -> int:
        return n_parameters(self)  # type: ignore[arg-type]

    @property
    def parameters(self) -> np.ndarray:
        """All parameters as one vector, shape (n_parameters,)."""
        return flatten(self)  # type: ignore[arg-type]

    def with_parameters(self, vector: np.ndarray) -> Self:
        """The same wave function with other parameters."""
        return unflatten(self, vector)  # type: ignore[type-var]

    def named_parameters(self) -> dict[str, np.ndarray]:
        """Copies of the parameter arrays by name."""
        return {name: array.copy() for name, array in named_parameters(self)}  # type: ignore[arg-type]

    def log_psi(self, x: np.ndarray) -> np.ndarray:
        """log |psi| of configurations, shape (n_particles, n_dims) or (n, n_particles, n_dims)."""
        return self._each(x, _log_psi_block, ())

    def gradient_laplacian(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Gradient, shape of x, and Laplacian of log |psi| of configurations."""
        x = self._check(x)
        gradient = np.zeros(x.shape)
        batch = x.reshape(-1, *self.shape), gradient.reshape(-1, *self.shape)
        laplacian = np.empty(len(batch[0]))
        _gradient_laplacian_block(self, workspace(self), *batch, laplacian)
        return gradient, laplacian.reshape(x.shape[:-2])[()]

    def rows(self, x: np.ndarray) -> np.ndarray:
        """What ``jacobian`` makes the log-derivatives of configurations from, shape (..., row_size(psi))."""
        return self._each(x, _row_block, (row_size(self),))

    def log_derivatives(self, x: np.ndarray) -> np.ndarray:
        """d log |psi| / d theta_k of configurations, shape (..., n_parameters)."""
        rows = self.rows(x)
        dense = jacobian(self, rows.reshape(-1, row_size(self))).dense()
        return dense.reshape(*rows.shape[:-1], self.n_parameters)

    def _check(self, x: np.ndarray) -> np.ndarray:
        follow_changes()
        x = np.ascontiguousarray(x, dtype=np.float64)
        if x.shape[-2:] != self.shape:
            raise ValueError(f"expected configurations of shape (..., {self.shape[0]}, {self.shape[1]}), got {x.shape}")
        return x

    def _each(self, x: np.ndarray, block: Any, shape: tuple[int, ...]) -> np.ndarray:
        x = self._check(x)
        out = np.zeros((*x.shape[:-2], *shape))
        block(self, workspace(self), x.reshape(-1, *self.shape), out.reshape(-1, *shape))
        return out[()]


@log_density.register(WaveFunction)
def _(psi, work, x):
    return 2.0 * log_psi(psi, work, x).real


@jacobian.register(WaveFunction)
def _(psi, rows):
    """Where nothing else is registered, the rows are the log-derivatives themselves."""
    return Dense(rows)


@log_density_ratio.register(WaveFunction)
def _(psi, work, x, i, new):
    return 2.0 * log_ratio(psi, work, x, i, new)


@kernel
def _log_psi_block(psi, work, x, out):
    for s in range(x.shape[0]):
        refresh(psi, work, x[s])
        out[s] = log_psi(psi, work, x[s])


@kernel
def _gradient_laplacian_block(psi, work, x, gradient, laplacian):
    for s in range(x.shape[0]):
        refresh(psi, work, x[s])
        laplacian[s] = gradient_laplacian(psi, work, x[s], gradient[s])


@kernel
def _row_block(psi, work, x, rows):
    for s in range(x.shape[0]):
        refresh(psi, work, x[s])
        write_row(psi, work, x[s], rows[s])


class _Factors(NamedTuple):
    left: Any
    right: Any


class Product(WaveFunction, _Factors):
    """psi(x) = left(x) right(x): logarithms and their derivatives add, parameters follow one another."""

    __slots__ = ()

    @property
    def shape(self) -> tuple[int, int]:
        return self.left.shape

    @property
    def antisymmetric(self) -> bool:
        return self.left.antisymmetric or self.right.antisymmetric

    @property
    def symmetric(self) -> bool:
        return self.left.symmetric and self.right.symmetric

    def __repr__(self) -> str:
        return " * ".join(map(repr, self.factors))

    @property
    def factors(self) -> tuple[WaveFunction, ...]:
        """The factors from left to right, products taken apart."""
        left = self.left.factors if isinstance(self.left, Product) else (self.left,)
        right = self.right.factors if isinstance(self.right, Product) else (self.right,)
        return left + right


@workspace.register(Product)
def _(psi):
    return _Factors(workspace(psi.left), workspace(psi.right))


@refresh.register(Product)
def _(psi, work, x):
    refresh(psi.left, work.left, x)
    refresh(psi.right, work.right, x)


@accept.register(Product)
def _(psi, work, x, i, new):
    accept(psi.left, work.left, x, i, new)
    accept(psi.right, work.right, x, i, new)


@log_psi.register(Product)
def _(psi, work, x):
    return log_psi(psi.left, work.left, x) + log_psi(psi.right, work.right, x)


@log_ratio.register(Product)
def _(psi, work, x, i, new):
    return log_ratio(psi.left, work.left, x, i, new) + log_ratio(psi.right, work.right, x, i, new)


@drift.register(Product)
def _(psi, work, x, i, out):
    drift(psi.left, work.left, x, i, out)
    drift(psi.right, work.right, x, i, out)


@proposed_drift.register(Product)
def _(psi, work, x, i, new, out):
    proposed_drift(psi.left, work.left, x, i, new, out)
    proposed_drift(psi.right, work.right, x, i, new, out)


@gradient_laplacian.register(Product)
def _(psi, work, x, gradient):
    laplacian = gradient_laplacian(psi.left, work.left, x, gradient)
    return laplacian + gradient_laplacian(psi.right, work.right, x, gradient)


@row_size.register(Product)
def _(psi):
    return row_size(psi.left) + row_size(psi.right)


@write_row.register(Product)
def _(psi, work, x, row):
    n = row_size(psi.left)
    write_row(psi.left, work.left, x, row[:n])
    write_row(psi.right, work.right, x, row[n:])


@jacobian.register(Product)
def _(psi, rows):
    n = row_size(psi.left)
    return Blocks((jacobian(psi.left, rows[:, :n]), jacobian(psi.right, rows[:, n:])))
