"""Observables of spins: functions of configurations, shape (n, n_sites), for ``VMC.measure``.

vmc.measure(2**16, {"m^2": squared_magnetisation, "C(3)": correlation(lattice, 3)})

Operators that are not diagonal can be given as they are: vmc.measure(2**16, {"XX": PauliSum([(1.0, "X0 X1")])}).
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from montecarlo.estimates import Estimate
from montecarlo.lattices import Lattice
from montecarlo.moments import Moments
from neural.records import Bound, Record
from nqs.energy import local_energies
from nqs.observables import Axis, WithEnergies
from nqs.spin_space import SpinSpace
from nqs.systems.pauli_sum import PauliSum, WithinSector
from nqs.systems.spin_system import SpinSystem
from nqs.wavefunctions.spin_state import SpinState

Observable = Callable[[np.ndarray], np.ndarray]


def magnetisation(x: np.ndarray) -> np.ndarray:
    """m = sum_i s_i / N, along z."""
    return x.mean(axis=1)


def absolute_magnetisation(x: np.ndarray) -> np.ndarray:
    """|m|, which does not average to zero where the two signs are equally likely."""
    return np.abs(x.mean(axis=1))


def squared_magnetisation(x: np.ndarray) -> np.ndarray:
    """m^2."""
    return x.mean(axis=1) ** 2


def staggered_magnetisation(lattice: Lattice) -> Observable:
    """The square of sum_i +- s_i / N, + on one sublattice. Raises ValueError for a lattice without two sublattices."""
    colours = lattice.sublattices
    if colours is None:
        raise ValueError(f"expected a lattice of two sublattices, got {lattice}")
    return Bound(_squared_mean, 1.0 - 2.0 * colours)


def _squared_mean(signs: np.ndarray, x: np.ndarray) -> np.ndarray:
    return (x @ signs / x.shape[1]) ** 2


def correlation(lattice: Lattice, order: int) -> Observable:
    """<s_i s_j>, the mean over the pairs at the ``order``-th smallest distance of the lattice."""
    return Bound(_mean_product, *lattice.neighbours(order).T)


def _mean_product(left: np.ndarray, right: np.ndarray, x: np.ndarray) -> np.ndarray:
    return (x[:, left] * x[:, right]).astype(np.float64).mean(axis=1)


def structure_factor(lattice: Lattice, momentum: np.ndarray) -> Observable:
    """S(q) = |sum_i s_i exp(i q r_i)|^2 / N for a momentum q, shape (n_dims,)."""
    return Bound(_squared_sum, np.exp(1j * lattice.positions @ np.asarray(momentum, dtype=np.float64)))


def _squared_sum(phases: np.ndarray, x: np.ndarray) -> np.ndarray:
    return np.abs(x @ phases) ** 2 / x.shape[1]


class _Shells(NamedTuple):
    lattice: Lattice
    n_shells: int | None


class Correlations(Record, _Shells):
    """<s_i s_j> of every shell of neighbours of the lattice, or of the first ``n_shells``, shape (n, n_shells)."""

    __slots__ = ()

    def __new__(cls, lattice: Lattice, n_shells: int | None = None) -> "Correlations":
        return cls._make((lattice, n_shells))

    @property
    def axes(self) -> tuple[Axis, ...]:
        """The distances."""
        return (Axis("distance", self.lattice.shell_distances[: self.n_shells], "lattice spacing"),)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        orders = range(1, 1 + len(self.axes[0].values))
        return np.stack([correlation(self.lattice, order)(x) for order in orders], axis=1)


class _OnLattice(NamedTuple):
    lattice: Lattice


class StructureFactors(Record, _OnLattice):
    """S(k) for every momentum k = sum_d 2 pi k_d b_d / extent_d of the lattice, b_d being its reciprocal vectors.

    The values have the shape (n, *extent). Raises ``ValueError`` for a lattice with several sites in a cell.
    """

    __slots__ = ()

    @property
    def axes(self) -> tuple[Axis, ...]:
        """The whole numbers k_d."""
        return tuple(Axis(f"k{d + 1}", np.arange(n)) for d, n in enumerate(self.lattice.extent))

    def __call__(self, x: np.ndarray) -> np.ndarray:
        extent = self.lattice.extent
        if np.prod(extent) != self.lattice.n_sites:
            raise ValueError(f"expected a lattice with one site in each cell, got {self.lattice}")
        waves = np.fft.fftn(x.reshape(-1, *extent), axes=range(1, 1 + len(extent)))
        return np.abs(waves) ** 2 / self.lattice.n_sites


class _Operator(NamedTuple):
    operator: Any
    psi: Any
    space: SpinSpace


class Expectation(Record, _Operator):
    """<psi|A|psi> of any operator A, a ``PauliSum`` or another system, by its local values in samples of |psi|^2:

        A(x) = Re sum_x' <x|A|x'> psi(x') / psi(x),

    where psi(x') is 0 outside of ``space``, so that what leads out of it does not count. ``VMC.measure`` makes it of an
    operator: vmc.measure(2**16, {"XX": PauliSum([(1.0, "X0 X1")])}).

    Raises
    ------
    TypeError : unless psi is a wave function of spins
    ValueError : for an operator on other sites; a ``PauliSum`` may have fewer
    """

    __slots__ = ()

    def __new__(cls, operator: SpinSystem, psi: SpinState, space: SpinSpace | None = None) -> "Expectation":
        if not isinstance(psi, SpinState):
            raise TypeError(
                f"expected a wave function of spins for {type(operator).__name__}, got {type(psi).__name__}"
            )
        n, found = psi.shape[0], operator.n_sites
        if found > n or (found < n and not isinstance(operator, PauliSum)):
            raise ValueError(f"expected an operator on {n} sites, got one on {found}")
        return cls._make((operator, psi, psi.space if space is None else space))

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Shape (n,) for configurations of shape (n, n_sites)."""
        inside = self.space.magnetisation is None or self.operator.conserves_magnetisation
        operator = self.operator if inside else WithinSector(self.operator.hamiltonian)
        return np.real(local_energies(operator, self.psi, x))

    def __hash__(self) -> int:
        """Without the parameters of psi, which may change."""
        return hash((type(self), self.space))

    def local_estimator(self, psi: SpinState, space: SpinSpace | None = None) -> "Expectation":
        """The same of another wave function."""
        return Expectation(self.operator, psi, space)


class _OfState(NamedTuple):
    psi: Any
    space: SpinSpace


class TransverseMagnetisation(Record, _OfState):
    """sum_i sigma^x_i / N, by the local estimator Re psi(x') / psi(x) over the single flips of ``psi``.

    It is 0 where psi has one magnetisation, out of which they all lead.
    """

    __slots__ = ()

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Shape (n,) for configurations of shape (n, n_sites)."""
        if self.space.magnetisation is not None:
            return np.zeros(len(x))
        return np.real(self.psi.flip_ratios(x)).mean(axis=1)

    def __hash__(self) -> int:
        """Without the parameters of psi, which may change."""
        return hash((type(self), self.space))

    def local_estimator(self, psi: Any, space: SpinSpace | None = None) -> "TransverseMagnetisation":
        """The same of another wave function: a measurement's own."""
        return TransverseMagnetisation(psi, psi.space if space is None else space)


def transverse_magnetisation(psi: SpinState) -> TransverseMagnetisation:
    """sum_i sigma^x_i / N in samples of |psi|^2."""
    return TransverseMagnetisation(psi, psi.space)


def v_score(energy: float, variance: float, n_sites: int, infinite_temperature: float = 0.0) -> float:
    """N Var(H) / (E - E_inf)^2, which compares how well different problems are solved.

    E_inf is the mean energy of all states, 0 where every Pauli string of H has a trace of 0.
    Source: D. Wu et al., Science 386, 296 (2024), eq. (2).
    """
    return n_sites * variance / (energy - infinite_temperature) ** 2


class VScore(WithEnergies):
    """``v_score`` as an observable with its error: vmc.measure(2**16, {"v_score": VScore(n_sites)}).

    The mean and the variance of E_L determine it; error and bias are those of the jackknife over the chains.
    """

    n_sites: int
    infinite_temperature: float

    def __new__(cls, n_sites: int, infinite_temperature: float = 0.0) -> "VScore":
        self = super().__new__(cls, _real_and_imaginary)
        self.n_sites, self.infinite_temperature = n_sites, infinite_temperature
        return self

    def derived(self, name: str, sums: Moments) -> dict[str, Estimate]:
        """The score in place of the mean."""

        def score(mean: np.ndarray, variance: np.ndarray) -> float:
            return v_score(mean[0, 0], variance.sum(), self.n_sites, self.infinite_temperature)

        return {name: sums.jackknife(score, variance=True)[()]}


def _real_and_imaginary(x: np.ndarray, energies: np.ndarray) -> np.ndarray:
    """Shape (n, 1, 2)."""
    return np.stack([np.real(energies), np.imag(energies)], axis=1)[:, None]


def renyi_2(psi: SpinState, x: np.ndarray, sites: np.ndarray) -> np.ndarray:
    """Samples whose mean is exp(-S_2) = tr rho_A^2 for the ``sites`` of A, by exchanging A between two replicas.

    x : independent configurations drawn from |psi|^2, shape (2 n, n_sites); sample k pairs k with k + n.
    The estimator is Re psi(a' b) psi(a b') / (psi(a b) psi(a' b')), shape (n,); psi is 0 outside of its space.

    Raises ``ValueError`` for configurations outside of the space of psi.

    Source: M. B. Hastings et al., Phys. Rev. Lett. 104, 157201 (2010), eq. (4).
    """
    psi.space.check(np.asarray(x))
    first, second = np.split(np.asarray(x)[: len(x) // 2 * 2], 2)
    swapped_first, swapped_second = first.copy(), second.copy()
    swapped_first[:, sites], swapped_second[:, sites] = second[:, sites], first[:, sites]
    exponent = psi.log_psi(swapped_first) + psi.log_psi(swapped_second) - psi.log_psi(first) - psi.log_psi(second)
    return np.real(np.exp(exponent))
