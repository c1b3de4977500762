"""What every system of spins on a lattice offers.

A configuration is an int8 vector of n_sites numbers +-1, the eigenvalues of sigma^z. A system is a NamedTuple of
numbers and arrays with the field ``translations``, the lattice translations it commutes with (permutations, shape
(n_translations, n_sites)), for which ``local_energy`` of ``nqs.systems.system`` is registered:
E_L = sum_x' <x|H|x'> psi(x') / psi(x), a complex number.
"""

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from neural.records import Record

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
        total = float(np.hypot(*self.hamiltonian.coefficients).sum())
        return self.n_sites / total if total else 1.0

    @property
    def bonds(self) -> np.ndarray:
        """The pairs of sites that the Hamiltonian joins, shape (n_bonds, 2)."""
        raise NotImplementedError

    @property
    def exact_energy(self) -> float | None:
        """The exact ground-state energy, where a closed form is known."""
        return None

    @property
    def magnetisation(self) -> int | None:
        """The sum of all sigma^z in the sector of the ground state, or None where it is not conserved."""
        return None

    @property
    def stoquastic(self) -> bool:
        """Whether every off-diagonal element of H is zero or negative, so that the ground state can be positive."""
        return self.hamiltonian.stoquastic

    @property
    def hamiltonian(self) -> "PauliSum":
        """The same operator as a sum of Pauli strings."""
        raise NotImplementedError

    def first_configurations(self, n: int, generator: np.random.Generator) -> np.ndarray:
        """Random spins, shape (n, n_sites), of the magnetisation of the ground state where that is conserved."""
        if self.magnetisation is None:
            return generator.choice(np.array([-1, 1], dtype=np.int8), size=(n, self.n_sites))
        up = (self.n_sites + self.magnetisation) // 2
        spins = np.where(np.arange(self.n_sites) < up, 1, -1).astype(np.int8)
        return generator.permuted(np.tile(spins, (n, 1)), axis=1)

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
