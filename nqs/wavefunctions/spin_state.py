"""What every wave function of spins offers, and the product of two of them.

A configuration x is an int8 vector of n_sites numbers +-1, a move a list of sites to turn over (``nqs.spins``). A new
wave function registers in its own file ``workspace``, ``refresh`` and ``accept`` of ``montecarlo.metropolis``,
``ratio`` and ``multiply_flip_ratios`` of ``nqs.spins``, and ``log_psi``, ``log_ratio``, ``write_row``, ``row_size``
and ``jacobian`` of ``nqs.wavefunctions.wavefunction``, where log_psi returns a complex number here. All of these are
for configurations of one space; its field ``sector``, an integer array, says in which magnetisation psi is not 0
(``nqs.spin_space``).
"""

from collections.abc import Callable
from typing import Any, Self

import numpy as np

from montecarlo.metropolis import refresh, workspace
from neural.jit import follow_changes, kernel
from nqs.spin_space import EVERY, SpinSpace, as_magnetisation
from nqs.spins import multiply_flip_ratios, ratio
from nqs.wavefunctions.wavefunction import Product, WaveFunction, log_psi


class SpinState(WaveFunction):
    """Base class of the wave functions of spins: ``*`` multiplies them, and the rest is for looking at one."""

    __slots__ = ()
    _replace: Callable[..., Self]

    def __mul__(self, other: WaveFunction) -> "SpinProduct":
        if not isinstance(other, SpinState):
            self._no_arithmetic(other)
        if self.shape != other.shape:
            raise ValueError(f"expected two factors for the same sites, got {self.shape} and {other.shape}")
        found = {each.space.magnetisation for each in (self, other)} - {None}
        if len(found) > 1:
            raise ValueError(f"expected two factors of one magnetisation, got {found}: their product is 0")
        return SpinProduct(self, other)

    @property
    def space(self) -> SpinSpace:
        """The space outside of which psi is 0, normally the one in which its system has its ground state."""
        return SpinSpace(self.shape[0], as_magnetisation(getattr(self, "sector", EVERY)))

    def within(self, magnetisation: int | None) -> Self:
        """The same wave function, 0 for every other sum of all sigma^z, or for none where it is None."""
        sector = SpinSpace(self.shape[0], magnetisation).sector
        return self._replace(sector=sector) if hasattr(self, "sector") else self

    @property
    def is_complex(self) -> bool:
        """Whether psi has a phase that depends on the configuration."""
        raise NotImplementedError

    def log_psi(self, x: np.ndarray) -> np.ndarray:
        """log psi of configurations, shape (n_sites,) or (n, n_sites); complex where psi is, -inf outside its space."""
        x = self._check(x)
        out = np.empty(x.shape[:-1], dtype=np.complex128)
        _log_psi_block(self, workspace(self), x.reshape(-1, *self.shape), out.reshape(-1))
        out[~self.space.contains(x)] = -np.inf
        return out[()] if self.is_complex else out.real[()]

    def ratios(self, x: np.ndarray, flips: np.ndarray) -> np.ndarray:
        """psi(x') / psi(x) for configurations x, shape (n, n_sites), and the moves that are the rows of ``flips``.

        Each row is the number of sites to turn over, then which ones; the result has the shape (n, n_moves). Where x'
        is outside of the space of psi it is 0. Raises ``ValueError`` where x is.
        """
        x = self._inside(x)
        flips = self._check_moves(flips)
        out = np.empty((len(x), len(flips)), dtype=np.complex128)
        _ratio_block(self, workspace(self), x, flips, out)
        for move, column in zip(flips, out.T, strict=True):
            column[~self.space.keeps(x, move[1 : 1 + move[0]])] = 0
        return out if self.is_complex else out.real

    def flip_ratios(self, x: np.ndarray) -> np.ndarray:
        """psi(x') / psi(x) for each site turned over alone, shape (n, n_sites); 0 where psi has one magnetisation."""
        x = self._inside(x)
        if self.space.magnetisation is not None:
            return np.zeros(x.shape, dtype=np.complex128 if self.is_complex else np.float64)
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

    def _inside(self, x: np.ndarray) -> np.ndarray:
        x = self._check(x).reshape(-1, *self.shape)
        self.space.check(x)
        return x

    def _check_moves(self, flips: np.ndarray) -> np.ndarray:
        n = self.shape[0]
        moves = np.ascontiguousarray(flips, dtype=np.int64)
        if moves.ndim != 2 or ((moves < 0) | (moves > [moves.shape[1] - 1] + [n - 1] * (moves.shape[1] - 1))).any():
            raise ValueError(
                f"expected moves such as [2, 0, 3], how many of the sites 0 to {n - 1} to turn over, then which, "
                f"in rows of one length, got {np.asarray(flips).tolist()}"
            )
        return moves

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
    def space(self) -> SpinSpace:
        left, right = self.left.space, self.right.space
        return right if left.magnetisation is None else left

    def within(self, magnetisation: int | None) -> "SpinProduct":
        return SpinProduct(self.left.within(magnetisation), self.right.within(magnetisation))

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
