"""Exact diagonalisation of spins, whole or in a sector of magnetisation and of lattice symmetry.

A basis state is an integer whose bit i is 1 where sigma^z_i = +1.
"""

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import scipy

from nqs.spin_space import SpinSpace

if TYPE_CHECKING:
    from nqs.systems.spin_system import SpinSystem

MOST_SITES = 24
DENSE = 200  # states up to which the matrix is diagonalised as an array
ROUNDING = 1e-10  # of energies, relative to the largest
CHUNK = 12  # bits that a table moves at once


class Basis:
    """The states of a sector.

    n_sites : at most 24
    magnetisation : the sum of all sigma^z, or None for every one
    permutations : a commutative group of permutations, shape (n_group, n_sites), first the identity; None for no
        symmetry
    characters : of a one-dimensional representation, shape (n_group,); 1 by default

    With a group, a basis state is P|r> / |P|r>|, P = sum_g conj(character_g) g / n_group, for the smallest integer
    ``states[k]`` of its orbit; its norm is ``norms[k]``.

    Source: A. W. Sandvik, AIP Conf. Proc. 1297, 135 (2010), section 4.1.
    """

    def __init__(
        self,
        n_sites: int,
        magnetisation: int | None = None,
        permutations: np.ndarray | None = None,
        characters: np.ndarray | None = None,
    ) -> None:
        if not 1 <= n_sites <= MOST_SITES:
            raise ValueError(f"expected 1 to {MOST_SITES} sites for exact diagonalisation, got {n_sites}")
        self.n_sites, self.magnetisation = n_sites, magnetisation
        self.permutations = np.arange(n_sites)[None] if permutations is None else permutations
        self.characters = np.ones(len(self.permutations)) if characters is None else np.asarray(characters)
        states = _states(n_sites, magnetisation)
        self.states, self.norms = states, np.ones(len(states))
        if len(self.permutations) > 1:
            self._reduce()

    def __len__(self) -> int:
        return len(self.states)

    def _reduce(self) -> None:
        smallest, stabilised = np.ones(len(self.states), dtype=bool), np.zeros(len(self.states), dtype=complex)
        for table, character in zip(self._tables, self.characters, strict=True):
            image = _permute(self.states, table)
            smallest &= image >= self.states
            stabilised += np.conj(character) * (image == self.states)
        norms = np.sqrt(np.maximum(np.real(stabilised), 0) / len(self.permutations))
        kept = smallest & (norms > 1e-6)
        self.states, self.norms = self.states[kept], norms[kept]

    @cached_property
    def _tables(self) -> list[np.ndarray]:
        return [_bit_table(permutation) for permutation in self.permutations]

    def find(self, states: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """For each state s the index k of its orbit and the number w with P|s> = w|k>; w = 0 outside the sector."""
        representatives, characters = states, np.ones(len(states), dtype=self.characters.dtype)
        if len(self.permutations) > 1:
            representatives, characters = states.copy(), np.conj(self.characters[0]) * characters
            for table, character in zip(self._tables, self.characters, strict=True):
                image = _permute(states, table)
                smaller = image < representatives
                representatives = np.where(smaller, image, representatives)
                characters = np.where(smaller, np.conj(character), characters)
        index = np.minimum(np.searchsorted(self.states, representatives), len(self.states) - 1)
        inside = self.states[index] == representatives
        return index, characters * self.norms[index] * inside

    @property
    def spins(self) -> np.ndarray:
        """The representatives as configurations, shape (n_states, n_sites), int8."""
        return spins_of(self.states, self.n_sites)

    def expand(self, vector: np.ndarray) -> np.ndarray:
        """A vector of this sector in the basis of all 2^n_sites states: <s|k> = conj(w), as in ``find``."""
        everything = _states(self.n_sites, self.magnetisation)
        index, weight = self.find(everything)
        full = np.zeros(2**self.n_sites, dtype=np.result_type(vector, weight))
        full[everything] = vector[index] * np.conj(weight)
        return full


def _states(n_sites: int, magnetisation: int | None) -> np.ndarray:
    states = np.arange(2**n_sites, dtype=np.int64)
    space = SpinSpace(n_sites, magnetisation)
    return states if space.magnetisation is None else states[_count(states) == space.n_up]


def _count(states: np.ndarray) -> np.ndarray:
    """How many bits are 1."""
    return sum(((states >> site) & 1 for site in range(MOST_SITES)), np.zeros_like(states))


def spins_of(states: np.ndarray, n_sites: int) -> np.ndarray:
    """Integers as configurations +-1, shape (n_states, n_sites), int8."""
    return (2 * ((states[:, None] >> np.arange(n_sites)) & 1) - 1).astype(np.int8)


def states_of(spins: np.ndarray) -> np.ndarray:
    """Configurations, shape (..., n_sites), as integers."""
    return ((np.asarray(spins) > 0).astype(np.int64) << np.arange(np.shape(spins)[-1])).sum(axis=-1)


def _bit_table(permutation: np.ndarray) -> np.ndarray:
    """Where the bits of each chunk of CHUNK bits go, shape (n_chunks, 2^CHUNK)."""
    n = len(permutation)
    values = np.arange(2**CHUNK)
    table = np.zeros((-(-n // CHUNK), 2**CHUNK), dtype=np.int64)
    for site, target in enumerate(permutation):
        table[site // CHUNK] |= ((values >> site % CHUNK) & 1) << target
    return table


def _permute(states: np.ndarray, table: np.ndarray) -> np.ndarray:
    """The states with the spin of site i at site p[i]."""
    image = np.zeros_like(states)
    for chunk, row in enumerate(table):
        image |= row[(states >> CHUNK * chunk) & (2**CHUNK - 1)]
    return image


def matrix(system: "SpinSystem", basis: Basis | None = None, *, within: bool = False) -> "scipy.sparse.csr_array":
    """The Hamiltonian in a basis, all 2^n_sites states by default; real where it can be.

    With ``within`` any operator: what leads out of the magnetisation of the basis is left out.

    Raises ``ValueError`` where the Hamiltonian does not conserve the magnetisation of the basis, or where its matrix
    is not hermitian, as it is for most permutations that do not commute with the Hamiltonian.
    """
    basis = Basis(system.n_sites) if basis is None else basis
    h = system.hamiltonian
    states, columns = basis.states, np.arange(len(basis))
    total = scipy.sparse.csr_array((len(basis), len(basis)), dtype=np.complex128)
    for flip in range(len(h.flips)):
        terms = range(h.starts[flip], h.starts[flip + 1])
        elements = sum(
            (complex(*h.coefficients[:, t]) * _signs(states, h.signs[t]) for t in terms), np.zeros(len(basis))
        )
        images = states ^ _mask(h.flips[flip])
        if basis.magnetisation is not None:
            leaves = _count(images) != _count(states)
            if not within and np.any(np.abs(elements[leaves]) > ROUNDING * np.abs(h.coefficients).max()):
                raise ValueError("expected a magnetisation that the Hamiltonian conserves: use magnetisation=None")
            elements = np.where(leaves, 0, elements)
        rows, weights = basis.find(images)
        values = elements * weights / basis.norms
        total += scipy.sparse.coo_array((values, (rows, columns)), shape=total.shape).tocsr()
    total.eliminate_zeros()
    if total.nnz and abs(total - total.conj().T).max() > 1e-10 * abs(total).max():
        raise ValueError("expected permutations that the Hamiltonian commutes with, found others")
    return total if np.abs(np.imag(total.data)).max(initial=0.0) > 1e-13 else total.real.tocsr()


def _mask(group: np.ndarray) -> int:
    return int(sum(1 << int(site) for site in group[1 : 1 + group[0]]))


def _signs(states: np.ndarray, group: np.ndarray) -> np.ndarray:
    """The product of the spins of a group of sites."""
    down = group[0] - _count(states & _mask(group))
    return 1 - 2 * (down % 2)


class Spectrum(NamedTuple):
    """The lowest energies, rising, and their states as columns in the basis."""

    energies: np.ndarray
    states: np.ndarray
    basis: Basis


def lowest(
    system: "SpinSystem", k: int = 1, *, magnetisation: int | None = None, momentum: int | None = None
) -> Spectrum:
    """The k lowest energies and states, by Lanczos; as an array where there are few states.

    Restricted to a sum of all sigma^z where ``magnetisation`` is given, and to translations with the character
    exp(2 pi i momentum t / n_translations) for the t-th one where ``momentum`` is (of a chain; 0 for any lattice).
    """
    if momentum is None:
        basis = Basis(system.n_sites, magnetisation)
    else:
        turns = np.arange(len(system.translations)) * momentum / len(system.translations)
        characters = np.exp(2j * np.pi * turns) if momentum else np.ones(len(turns))
        basis = Basis(system.n_sites, magnetisation, system.translations, characters)
    h = matrix(system, basis)
    if len(basis) <= max(DENSE, 2 * k):
        energies, states = np.linalg.eigh(h.toarray())
        return Spectrum(energies[:k], states[:, :k], basis)
    start = np.random.default_rng(0).standard_normal(len(basis))
    energies, states = scipy.sparse.linalg.eigsh(h, k, which="SA", v0=start.astype(h.dtype))
    order = np.argsort(energies)
    energies, states = energies[order], states[:, order]
    return Spectrum(*(_with_missed_ones(h, energies, states) if k > 1 else (energies, states)), basis)


def _with_missed_ones(h: "scipy.sparse.csr_array", energies: np.ndarray, states: np.ndarray) -> tuple[Any, Any]:
    """The same number of lowest energies, with the states of degenerate levels that Lanczos did not see.

    One starting vector meets each level in one direction only. H with the states that are known moved to the top of the
    spectrum has the missing ones among its lowest; they are looked for until what is found lies above.
    """
    k, generator = len(energies), np.random.default_rng(1)
    top = 2 * abs(h).sum(axis=1).max()
    known = np.linalg.qr(states)[0]
    while known.shape[1] + k < len(states):

        def lifted(x: np.ndarray, known: np.ndarray = known) -> np.ndarray:
            return h @ x + top * (known @ (known.conj().T @ x))

        operator = scipy.sparse.linalg.LinearOperator(h.shape, matvec=lifted, dtype=h.dtype)
        start = generator.standard_normal(len(states)).astype(h.dtype)
        more, others = scipy.sparse.linalg.eigsh(operator, k, which="SA", v0=start)
        known = np.linalg.qr(np.hstack([known, others]))[0]
        if more.min() > energies[k - 1] - ROUNDING * top:
            break
        found, vectors = np.linalg.eigh(known.conj().T @ (h @ known))
        energies, known = found, known @ vectors
    found, vectors = np.linalg.eigh(known.conj().T @ (h @ known))
    return found[:k], (known @ vectors)[:, :k]


def lowest_sector(system: "SpinSystem") -> tuple[int, float]:
    """The magnetisation of the ground state, the smallest where several have it, and its energy, from all sectors."""
    best, energy = system.n_sites % 2, np.inf
    for magnetisation in _sectors(system.n_sites, system.hamiltonian.even):
        found = float(lowest(system, magnetisation=magnetisation).energies[0])
        if not found >= energy - ROUNDING * max(abs(energy), abs(found)):
            best, energy = magnetisation, found
    return best, energy


def _sectors(n_sites: int, even: bool) -> Iterator[int]:
    """Every magnetisation, or those >= 0 where H does not change as all spins turn over; small ones first."""
    for size in range(n_sites % 2, n_sites + 1, 2):
        yield size
        if size and not even:
            yield -size


def ground_state_energy(system: "SpinSystem") -> float:
    """The lowest energy, in the sector of the ground state: the one that was given, or that is known, or else found.

    Where a conserved magnetisation of the ground state is not known, every one is diagonalised.
    """
    if system.magnetisation is None and system.conserves_magnetisation:
        return lowest_sector(system)[1]
    return float(lowest(system, magnetisation=system.magnetisation).energies[0])
