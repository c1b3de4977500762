"""The magnetisation of the ground state: by theorems where they hold, and for few spins by diagonalisation.

The theorems are for sums over the edges e = (i, j) of any graph,

    H = sum_e ( ising_e sigma^z_i sigma^z_j + exchange_e / 2 (sigma^x_i sigma^x_j + sigma^y_i sigma^y_j) ).

A rotation of some spins by pi about z changes the sign of the exchange of edges between them and the others; what
follows holds where some such rotation makes it hold, with b_e = |exchange_e| / 2.

1. ising_e = exchange_e / 2 for all e: H has every rotation as a symmetry, each level is a multiplet of some total spin,
   and each multiplet has a state with the smallest |M|, 0 or 1.
2. ising_e <= -b_e: each term is smallest, at ising_e, for two parallel spins, and so all are with all spins up:
   M = n_sites is a ground state.
3. |ising_e| <= b_e with every exchange_e <= 0: the ground state has the smallest |M|.
   D. C. Mattis, Phys. Rev. Lett. 42, 421 (1979). In the basis of sigma^x all off-diagonal elements are zero or
   negative, so that the state of even parity has no node, is alone, and M^2 cannot change on the way from the
   isotropic ferromagnet, where M = 0 is this state; every other M has a state of at least the energy of that parity.
4. ising_e >= b_e on a graph of two sublattices A and B: M = |N_A - N_B|, summed over the connected parts. By the same
   argument, on the way from the Ising antiferromagnet, whose two ground states are the ordered ones.
   E. Lieb and D. Mattis, J. Math. Phys. 3, 749 (1962), for the isotropic case.
"""

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from montecarlo.graphs import components, signs_of_sites, two_colours

if TYPE_CHECKING:
    from nqs.systems.spin_system import SpinSystem

Array = np.ndarray
MOST_SEARCHED = 14  # sites up to which every sector is diagonalised
ROUNDING = 1e-9  # relative, below which two energies or couplings are equal


class Bonds(NamedTuple):
    """H = sum_e ( ising_e sigma^z sigma^z + exchange_e / 2 (sigma^x sigma^x + sigma^y sigma^y) ), up to a constant."""

    n_sites: int
    edges: Array  # (n_edges, 2), each pair once
    ising: Array  # (n_edges,)
    exchange: Array  # (n_edges,)


def by_theorem(bonds: Bonds) -> int | None:
    """A magnetisation >= 0 of the ground state, or None where no theorem tells."""
    n, coupled = bonds.n_sites, (bonds.ising != 0) | (bonds.exchange != 0)
    edges, ising, exchange = bonds.edges[coupled], bonds.ising[coupled], bonds.exchange[coupled]
    strength, rounding = np.abs(exchange) / 2, ROUNDING * np.abs(ising)
    isotropic = (np.abs(np.abs(ising) - strength) <= rounding).all()
    if isotropic and signs_of_sites(n, edges, np.sign(ising * exchange)) is not None:
        return n % 2
    if (ising <= rounding - strength).all():
        return n
    if (np.abs(ising) <= strength + rounding).all() and signs_of_sites(n, edges, -np.sign(exchange)) is not None:
        return n % 2
    if (ising >= strength - rounding).all():
        return _imbalance(n, edges)
    return None


def _imbalance(n_sites: int, edges: Array) -> int | None:
    """|N_A - N_B|, summed over the connected parts; None without two sublattices."""
    colours = two_colours(n_sites, edges)
    if colours is None:
        return None
    return int(np.abs(np.bincount(components(n_sites, edges), weights=1 - 2 * colours)).sum())


def ground_magnetisation(system: "SpinSystem") -> int | None:
    """The magnetisation of the ground state of an H that conserves it, or None where it is not known."""
    bonds = system.exchange_bonds
    found = None if bonds is None else by_theorem(bonds)
    if found is not None:
        return found
    hamiltonian = system.hamiltonian
    if hamiltonian.isotropic:
        return system.n_sites % 2
    if system.n_sites > MOST_SEARCHED:
        return None
    return _searched(system.n_sites, tuple(hamiltonian.terms))


@lru_cache(maxsize=256)
def _searched(n_sites: int, terms: tuple[tuple[complex, str], ...]) -> int:
    from nqs.exact.diagonalisation import lowest_sector
    from nqs.systems.pauli_sum import PauliSum

    return lowest_sector(PauliSum(terms, n_sites))[0]
