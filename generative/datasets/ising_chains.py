"""Independent Markov chains of the Ising model; the same chains on any number of threads."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numpy as np

from generative.datasets.exact_ising import neighbour_table
from generative.datasets.ising_kernels import N_CHAINS, digit_table, heat_bath, swendsen_wang

Array = np.ndarray


class _Chains:
    """What both algorithms share: random states, one for each unit of work, and the threads that share the units.

    lattice : anything with ``n_sites`` and ``edges`` (n_bonds, 2)
    K : coupling / temperature
    n_chains : number of chains; every second one starts with all spins equal, the others at random
    seed : of everything random
    """

    def __init__(self, lattice: Any, K: float, n_chains: int, seed: Any, threads: int = 1) -> None:
        if threads < 1 or n_chains < 1:
            raise ValueError(f"expected at least one thread and one chain, got {threads} and {n_chains}")
        self.n_sites, self.edges, self.K = int(lattice.n_sites), np.ascontiguousarray(lattice.edges, np.int64), K
        self.n_chains, self.threads = n_chains, threads
        sequence = seed if isinstance(seed, np.random.SeedSequence) else np.random.SeedSequence(seed)
        self.states, self.spins = self._start(np.random.default_rng(sequence))
        self._pool = ThreadPoolExecutor(threads) if threads > 1 else None

    def _start(self, rng: np.random.Generator) -> tuple[Array, Array]:
        """Random states (n_units, 4) and the first spins, their first axis the unit of work."""
        raise NotImplementedError

    def _share(self, work: Callable[[slice], None]) -> None:
        """Call ``work`` for slices of the units, one for each thread."""
        bounds = np.linspace(0, len(self.spins), min(self.threads, len(self.spins)) + 1).astype(int)
        units = [slice(first, last) for first, last in pairwise(bounds)]
        list(self._pool.map(work, units) if self._pool else map(work, units))

    def sweep(self, n_sweeps: int = 1) -> None:
        """Advance all chains by ``n_sweeps`` sweeps."""
        raise NotImplementedError

    def configurations(self) -> Array:
        """The spins of all chains, -1 and 1, shape (n_chains, n_sites), int8."""
        raise NotImplementedError


class HeatBath(_Chains):
    """Single-spin heat bath; chains come in words of 64, of which the last may be used in part."""

    def _start(self, rng: np.random.Generator) -> tuple[Array, Array]:
        neighbours, degrees = neighbour_table(self.n_sites, self.edges)
        self._lattice = neighbours, degrees, digit_table(self.K, neighbours.shape[1])
        n_words = -(-self.n_chains // N_CHAINS)
        states = rng.integers(0, 2**64, size=(n_words, 4), dtype=np.uint64)
        spins = rng.integers(0, 2**64, size=(n_words, self.n_sites), dtype=np.uint64)
        return states, spins | np.uint64(0xAAAAAAAAAAAAAAAA)

    def sweep(self, n_sweeps: int = 1) -> None:
        def work(units: slice) -> None:
            masks = np.empty(self._lattice[0].shape[1] + 1, dtype=np.uint64)
            with np.errstate(over="ignore"):
                heat_bath(self.spins[units], self.states[units], *self._lattice, masks, n_sweeps)

        self._share(work)

    def configurations(self) -> Array:
        bits = (self.spins[:, None, :] >> np.arange(N_CHAINS, dtype=np.uint64)[:, None]) & np.uint64(1)
        return (2 * bits.astype(np.int8) - 1).reshape(-1, self.n_sites)[: self.n_chains]


class SwendsenWang(_Chains):
    """Cluster updates, one chain after another."""

    def _start(self, rng: np.random.Generator) -> tuple[Array, Array]:
        states = rng.integers(0, 2**64, size=(self.n_chains, 4), dtype=np.uint64)
        spins = 2 * rng.integers(0, 2, size=(self.n_chains, self.n_sites), dtype=np.int8) - 1
        spins[1::2] = 1
        return states, spins.astype(np.int8)

    def sweep(self, n_sweeps: int = 1) -> None:
        def work(units: slice) -> None:
            parents, turns = np.empty(self.n_sites, dtype=np.int64), np.empty(self.n_sites, dtype=np.int8)
            with np.errstate(over="ignore"):
                swendsen_wang(self.spins[units], self.states[units], self.edges, self.K, parents, turns, n_sweeps)

        self._share(work)

    def configurations(self) -> Array:
        return self.spins.copy()
