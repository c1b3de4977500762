"""The Heisenberg model, and what models of spin exchange share."""

from typing import NamedTuple

import numpy as np

from montecarlo.lattices import Chain, Lattice, space_group
from nqs.exact.bethe_ansatz import heisenberg_ring
from nqs.spin_space import SpinSpace, as_magnetisation
from nqs.spins import ratio
from nqs.systems.ground_sector import Bonds
from nqs.systems.pauli_sum import PauliSum
from nqs.systems.spin_system import SpinSystem, check_finite, check_lattice
from nqs.systems.system import local_energy


class _Fields(NamedTuple):
    flips: np.ndarray  # (n_edges, 3): 2, then the sites of each edge
    ising: np.ndarray  # (n_edges,): factor of s_i s_j
    exchange: np.ndarray  # (n_edges,): element between antiparallel spins and the same exchanged
    translations: np.ndarray
    point_group: np.ndarray  # rotations and reflections, as permutations of the sites
    ring: float  # J of an isotropic chain that is closed, else 0
    sector: np.ndarray  # the magnetisation that was asked for, shape (1,) or (0,)


class ExchangeModel(SpinSystem, _Fields):
    """H = sum_<ij> ( ising_ij sigma^z_i sigma^z_j + exchange_ij (sigma^+_i sigma^-_j + sigma^-_i sigma^+_j) )."""

    __slots__ = ()

    @property
    def symmetries(self) -> np.ndarray:
        return space_group(self.translations, self.point_group)

    @property
    def bonds(self) -> np.ndarray:
        return self.flips[:, 1:]

    @property
    def conserves_magnetisation(self) -> bool:
        return True

    @property
    def given_magnetisation(self) -> int | None:
        return as_magnetisation(self.sector)

    @property
    def exchange_bonds(self) -> Bonds:
        return Bonds(self.n_sites, self.bonds, self.ising, self.exchange)

    @property
    def exact_energy(self) -> float | None:
        if self.ring <= 0 or self.n_sites % 2 or self.given_magnetisation:
            return None
        return self.ring * heisenberg_ring(self.n_sites)

    @property
    def stoquastic(self) -> bool:
        return bool((self.exchange <= 0).all())

    @property
    def hamiltonian(self) -> PauliSum:
        """sigma^+ sigma^- + sigma^- sigma^+ = (X X + Y Y) / 2, with sigma^+- that have the element 1."""
        terms: list[tuple[complex, str]] = []
        for (i, j), ising, exchange in zip(self.bonds, self.ising, self.exchange, strict=True):
            terms += [(ising, f"Z{i} Z{j}"), (exchange / 2, f"X{i} X{j}"), (exchange / 2, f"Y{i} Y{j}")]
        return PauliSum(terms, self.n_sites, self.translations)


class Heisenberg(ExchangeModel):
    """H = J sum_<ij> ( S^x_i S^x_j + S^y_i S^y_j + anisotropy S^z_i S^z_j ), in spin operators S = sigma / 2.

    Parameters
    ----------
    lattice : such as ``Chain(20)`` or ``Square(6)``
    J : coupling of nearest neighbours, antiferromagnetic where positive
    anisotropy : of the z part
    marshall : turn the spins of one sublattice by pi about z, which changes the sign of the x and y part and makes the
        ground state of an antiferromagnet positive; by default where the lattice has two sublattices and J > 0
    magnetisation : the sum of all sigma^z, which is conserved, where the ground state is sought in one that is given;
        by default the one of the ground state, where it can be known

    Sample with ``SpinExchange``, which keeps the magnetisation. The exact energy of the isotropic ring of an even
    number of sites comes from the Bethe ansatz.

    Raises
    ------
    TypeError : unless ``lattice`` is one
    ValueError : for couplings that are not finite, ``marshall=True`` without two sublattices, or a magnetisation that
        these spins cannot have

    Source of the sign rule: W. Marshall, Proc. R. Soc. A 232, 48 (1955).
    """

    __slots__ = ()

    def __new__(
        cls,
        lattice: Lattice,
        J: float = 1.0,
        anisotropy: float = 1.0,
        marshall: bool | None = None,
        magnetisation: int | None = None,
    ) -> "Heisenberg":
        J, anisotropy = check_finite("J", J), check_finite("anisotropy", anisotropy)
        edges = check_lattice(lattice).edges
        signs = exchange_signs(
            lattice, edges, lattice.sublattices is not None and J > 0 if marshall is None else marshall
        )
        closed = isinstance(lattice, Chain) and lattice.periodic[0] and lattice.n_sites > 2 and anisotropy == 1
        ising, exchange = np.full(len(edges), J * anisotropy / 4), J / 2 * signs
        permutations, space = (lattice.translations, lattice.point_group), SpinSpace(lattice.n_sites, magnetisation)
        return cls._make((pair_flips(edges), ising, exchange, *permutations, J * closed, space.sector))


def exchange_signs(lattice: Lattice, edges: np.ndarray, marshall: bool) -> np.ndarray:
    """-1 for the edges whose exchange changes sign when one sublattice of the lattice is turned, else 1."""
    if not marshall:
        return np.ones(len(edges))
    colours = lattice.sublattices
    if colours is None:
        raise ValueError(f"expected a lattice of two sublattices for marshall=True, got {lattice}")
    return np.where(colours[edges[:, 0]] == colours[edges[:, 1]], 1.0, -1.0)


def pair_flips(edges: np.ndarray) -> np.ndarray:
    """The moves that turn over both ends of an edge, shape (n_edges, 3)."""
    return np.insert(edges, 0, 2, axis=1).astype(np.int64)


@local_energy.register(ExchangeModel)
def _(system, psi, work, x, scratch):
    diagonal, energy = 0.0, 0j
    for e in range(system.flips.shape[0]):
        if x[system.flips[e, 1]] == x[system.flips[e, 2]]:
            diagonal += system.ising[e]
        else:
            diagonal -= system.ising[e]
            energy += system.exchange[e] * ratio(psi, work, x, system.flips[e])
    return diagonal + energy
