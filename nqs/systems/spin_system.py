"""What every system of spins on a lattice offers.

A configuration is an int8 vector of n_sites numbers +-1, the eigenvalues of sigma^z. A system is a NamedTuple of
numbers and arrays with the field ``translations``, the lattice translations it commutes with (permutations, shape
(n_translations, n_sites)), for which ``local_energy`` of ``nqs.systems.system`` is registered:
E_L = sum_x' <x|H|x'> psi(x') / psi(x), a complex number.
"""

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from neural.records import Record
from nqs.spin_space import SpinSpace
from nqs.systems.ground_sector import Bonds, ground_magnetisation

if TYPE_CHECKING:
    from montecarlo.lattices import Lattice
    from nqs.systems.pauli_sum import PauliSum


class SignProblemWarning(UserWarning):
    """The wave function cannot have the signs that the ground state needs."""


class SpinSystem(Record):
    """Base class of the systems of spins 1/2."""

    __slots__ = ()
    translations: np.ndarray
    configuration_dtype = np.int8
    energy_dtype = np.complex128

    def _arguments(self) -> dict[str, Any]:
        return {"n_sites": self.n_sites, **super()._arguments()}

    @property
    def n_sites(self) -> int:
        return self.translations.shape[1]

    @property
    def shape(self) -> tuple[int]:
        """Of a configuration: (n_sites,)."""
        return (self.n_sites,)

    @property
    def symmetries(self) -> np.ndarray:
        """The permutations of the sites that are known to leave H as it is, shape (n_symmetries, n_sites)."""
        return self.translations

    @property
    def time(self) -> float:
        """The unit of steps in imaginary time: 1 / sum_t |c_t| of the Pauli strings of H, for each site."""
        largest = self.energy_bounds[1]
        return self.n_sites / largest if largest else 1.0

    @property
    def energy_bounds(self) -> tuple[float, float]:
        """Between which every energy lies: -+ sum_t |c_t| of the Pauli strings of H, which have the eigenvalues +-1."""
        largest = float(np.hypot(*self.hamiltonian.coefficients).sum())
        return -largest, largest

    @property
    def bonds(self) -> np.ndarray:
        """The pairs of sites that the Hamiltonian joins, shape (n_bonds, 2)."""
        raise NotImplementedError

    @property
    def exact_energy(self) -> float | None:
        """The exact ground-state energy, where a closed form is known."""
        return None

    @property
    def conserves_magnetisation(self) -> bool:
        """Whether H commutes with sum_i sigma^z_i."""
        return self.hamiltonian.conserves_magnetisation

    @property
    def given_magnetisation(self) -> int | None:
        """The magnetisation in which the ground state is sought because it was asked for."""
        return None

    @property
    def magnetisation(self) -> int | None:
        """sum_i sigma^z_i of the ground state, one of them where several have it.

        None where H does not conserve it, or where it is neither given, nor known by a theorem, nor found by
        diagonalisation because there are more than 14 sites: see ``nqs.systems.ground_sector``.
        """
        if self.given_magnetisation is not None:
            return self.given_magnetisation
        return ground_magnetisation(self) if self.conserves_magnetisation else None

    @property
    def space(self) -> SpinSpace:
        """The space in which the ground state is sought."""
        return SpinSpace(self.n_sites, self.magnetisation)

    @property
    def exchange_bonds(self) -> Bonds | None:
        """H as pairs of spins with z and exchange parts, or None where it has others."""
        return self.hamiltonian.exchange_bonds

    @property
    def stoquastic(self) -> bool:
        """Whether every off-diagonal element of H is zero or negative, so that the ground state can be positive."""
        return self.hamiltonian.stoquastic

    @property
    def hamiltonian(self) -> "PauliSum":
        """The same operator as a sum of Pauli strings."""
        raise NotImplementedError

    def own_state(self, factory: Any, kinds: tuple[str, ...], values: list[Any]) -> Any:
        """The wave function that ``nqs.log_psi`` made of a function, for these spins."""
        from nqs.wavefunctions.own_spins import OwnComplexState, OwnSpinState

        space = check_spins(self)
        pair = factory.returns_pair(np.ones(self.shape, dtype=np.int8), kinds, values)
        cls = factory.class_for(OwnComplexState if pair else OwnSpinState, kinds)
        return cls._make((*values, self.n_sites, space.sector))

    def first_configurations(self, n: int, generator: np.random.Generator) -> np.ndarray:
        """Random spins, shape (n, n_sites), of the magnetisation of the ground state where that is known."""
        return self.space.first_configurations(n, generator)

    def space_for(self, proposal: Any) -> SpinSpace:
        """The space that chains with these moves sample: of one magnetisation where the moves conserve it, else all.

        Raises ``ValueError`` where the moves conserve a magnetisation that H does not, or that is not known, or leave
        the one that was asked for.
        """
        name = type(self).__name__
        if not proposal.conserves_magnetisation:
            if self.given_magnetisation is not None:
                raise ValueError(
                    f"expected SpinExchange(system) for the magnetisation {self.given_magnetisation}, got "
                    f"{type(proposal).__name__}, which leaves it"
                )
            return SpinSpace(self.n_sites)
        space = self.space
        if space.magnetisation is None and self.conserves_magnetisation:
            raise ValueError(
                f"expected the magnetisation of the ground state of {name}, which is not known for {self.n_sites} "
                f"sites: give it, as in {name}(..., magnetisation={self.n_sites % 2}), or sample all with SpinFlip()"
            )
        if space.magnetisation is None:
            raise ValueError(
                f"expected SpinFlip() for {name}, got {type(proposal).__name__}, which keeps the magnetisation that "
                "the chains begin with: that of this system is not fixed"
            )
        proposal.check(space)
        return space

    def local_estimator(self, psi: Any, space: SpinSpace | None = None) -> Callable[[np.ndarray], np.ndarray]:
        """<psi|A|psi> of this operator A as an observable of samples of psi, which is 0 outside of ``space``."""
        from nqs.spin_observables import Expectation

        return Expectation(self, psi, space)

    def check(self, psi: Any) -> None:
        """Warn where psi cannot have the signs of the ground state. Raises ``ValueError`` for another lattice."""
        if psi.shape != self.shape:
            raise ValueError(f"expected a wave function of {self.n_sites} sites, got one of shape {psi.shape}")
        if not psi.is_complex and not self.stoquastic:
            warnings.warn(
                f"{type(psi).__name__} with real parameters is positive, but {type(self).__name__} has positive "
                "off-diagonal elements: choose dtype=complex, or the sign rule (marshall=True) where there is one",
                SignProblemWarning,
                stacklevel=4,
            )


def check_spins(system: Any) -> SpinSpace:
    """The space in which a system of spins has its ground state. Raises TypeError for anything else."""
    if not isinstance(system, SpinSystem):
        found = system.__name__ if isinstance(system, type) else type(system).__name__
        raise TypeError(f"expected a system of spins, such as TransverseFieldIsing(Chain(40)), got {found}")
    return system.space


def check_lattice(lattice: "Lattice") -> "Lattice":
    """``lattice`` as it is. Raises TypeError for anything else."""
    from montecarlo.lattices import Lattice

    if not isinstance(lattice, Lattice):
        raise TypeError(f"expected a lattice such as Chain(40) or Square(6), got {lattice!r}")
    return lattice


def check_finite(name: str, value: float) -> float:
    """``value`` as a float, or a ValueError that names what was expected and found."""
    if not np.isrealobj(value) or np.ndim(value) != 0 or not np.isfinite(value):
        raise ValueError(f"expected {name} to be a finite number, got {value!r}")
    return float(value)
