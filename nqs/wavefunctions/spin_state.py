"""What every wave function of spins offers, and the product of two of them.

A configuration x is an int8 vector of n_sites numbers +-1, a move a list of sites to turn over (``nqs.spins``). A new
wave function registers in its own file ``workspace``, ``refresh`` and ``accept`` of ``montecarlo.metropolis``,
``ratio`` and ``multiply_flip_ratios`` of ``nqs.spins``, and ``log_psi``, ``log_ratio``, ``write_row``, ``row_size``
and ``jacobian`` of ``nqs.wavefunctions.wavefunction``, where log_psi returns a complex number here.
"""

from typing import Any

import numpy as np

from montecarlo.metropolis import refresh, workspace
from neural.jit import follow_changes, kernel
from nqs.spins import multiply_flip_ratios, ratio
from nqs.wavefunctions.wavefunction import Product, WaveFunction, log_psi


class SpinState(WaveFunction):
    """Base class of the wave functions of spins: ``*`` multiplies them, and the rest is for looking at one."""

    __slots__ = ()

    def __mul__(self, other: WaveFunction) -> "SpinProduct":
        if not isinstance(other, SpinState):
            self._no_arithmetic(other)
        if self.shape != other.shape:
            raise ValueError(f"expected two factors for the same sites, got {self.shape} and {other.shape}")
        return SpinProduct(self, other)

    @property
    def is_complex(self) -> bool:
        """Whether psi has a phase that depends on the configuration."""
        raise NotImplementedError

    def log_psi(self, x: np.ndarray) -> np.ndarray:
        """log psi of configurations, shape (n_sites,) or (n, n_sites); complex where psi is."""
        x = self._check(x)
        out = np.empty(x.shape[:-1], dtype=np.complex128)
        _log_psi_block(self, workspace(self), x.reshape(-1, *self.shape), out.reshape(-1))
        return out[()] if self.is_complex else out.real[()]

    def ratios(self, x: np.ndarray, flips: np.ndarray) -> np.ndarray:
        """psi(x') / psi(x) for configurations x, shape (n, n_sites), and the moves that are the rows of ``flips``.

        Each row is the number of sites to turn over, then which ones; the result has the shape (n, n_moves).
        """
        x = self._check(x).reshape(-1, *self.shape)
        out = np.empty((len(x), len(flips)), dtype=np.complex128)
        _ratio_block(self, workspace(self), x, np.ascontiguousarray(flips, dtype=np.int64), out)
        return out if self.is_complex else out.real

    def flip_ratios(self, x: np.ndarray) -> np.ndarray:
        """psi(x') / psi(x) for each site turned over alone, shape (n, n_sites)."""
        x = self._check(x).reshape(-1, *self.shape)
        out = np.ones((len(x), 2, *self.shape)) * np.array([1.0, 0.0])[:, None]
        _flip_ratio_block(self, workspace(self), x, out)
        return out[:, 0] + 1j * out[:, 1] if self.is_complex else out[:, 0]

    def _each(self, x: np.ndarray, block: Any, shape: tuple[int, ...]) -> np.ndarray:
        x = self._check(x)
        out = np.zeros((*x.shape[:-1], *shape))
        block(self, workspace(self), x.reshape(-1, *self.shape), out.reshape(-1, *shape))
        return out

    def gradient_laplacian(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Raises TypeError: spins have no coordinates."""
        raise TypeError("expected a wave function of particles: spins have neither gradient nor Laplacian")

    def _check(self, x: np.ndarray) -> np.ndarray:
        follow_changes()
        found = np.asarray(x)
        if found.shape[-1:] != self.shape or not np.isin(found, (-1, 1)).all():
            raise ValueError(f"expected spins +-1 of shape (..., {self.shape[0]}), got shape {found.shape}")
        return np.ascontiguousarray(found, dtype=np.int8)


class SpinProduct(SpinState, Product):
    """psi(x) = left(x) right(x)."""

    __slots__ = ()

    @property
    def is_complex(self) -> bool:
        return self.left.is_complex or self.right.is_complex


@ratio.register(SpinProduct)
def _(psi, work, x, flips):
    return ratio(psi.left, work.left, x, flips) * ratio(psi.right, work.right, x, flips)


@multiply_flip_ratios.register(SpinProduct)
def _(psi, work, x, out):
    multiply_flip_ratios(psi.left, work.left, x, out)
    multiply_flip_ratios(psi.right, work.right, x, out)


@kernel
def _log_psi_block(psi, work, x, out):
    for s in range(x.shape[0]):
        refresh(psi, work, x[s])
        out[s] = log_psi(psi, work, x[s])


@kernel
def _ratio_block(psi, work, x, flips, out):
    for s in range(x.shape[0]):
        refresh(psi, work, x[s])
        for move in range(flips.shape[0]):
            out[s, move] = ratio(psi, work, x[s], flips[move])


@kernel
def _flip_ratio_block(psi, work, x, out):
    for s in range(x.shape[0]):
        refresh(psi, work, x[s])
        multiply_flip_ratios(psi, work, x[s], out[s])
