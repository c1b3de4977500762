"""Exact statistical physics of the Ising model, to judge samplers and generative models by.

    E(s) = -J sum_<ij> s_i s_j,        p(s) = e^(-E(s)/T) / Z,        K = J/T,  k_B = 1

    enumerate_states    g(E, M) of any graph to 25 sites                     everything follows, at every temperature
    magnetisation_distribution, energy_distribution, correlation             transfer matrix, rows to 10 sites
    kaufman             log Z, energy, specific heat, entropy                 periodic square lattices of any size
    onsager, yang       the same for the infinite square lattice, and its spontaneous magnetisation

Energies and specific heats are per site; log Z and entropy are those of the whole lattice, in nats (``onsager``: per
site). m is the magnetisation per site.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from generative.datasets.square_lattice import (
    CRITICAL_TEMPERATURE,
    Shape,
    Thermodynamics,
    checked_temperature,
    kaufman,
    onsager,
    yang,
)
from neural.jit import kernel

Array = np.ndarray
__all__ = [
    "CRITICAL_TEMPERATURE",
    "DensityOfStates",
    "Distribution",
    "Magnetisation",
    "Thermodynamics",
    "correlation",
    "energy_distribution",
    "enumerate_states",
    "kaufman",
    "magnetisation_distribution",
    "magnetisation_moments",
    "neighbour_table",
    "onsager",
    "yang",
]

MAX_SITES = 25  # of an enumeration: 2^24 configurations up to the sign
MAX_ROW = 10  # of a transfer matrix: 1024 x 1024


class Magnetisation(NamedTuple):
    """Moments of m, with chi = N <m^2> / T, chi_abs = N (<m^2> - <|m|>^2) / T and U = 1 - <m^4> / 3 <m^2>^2."""

    abs_m: float
    m2: float
    m4: float
    susceptibility: float
    susceptibility_abs: float
    binder: float


class Distribution(NamedTuple):
    """``probabilities`` of the ``values`` of a quantity."""

    values: Array
    probabilities: Array

    def mean(self, function: Array) -> float:
        """The expectation of a function, given by its value for each of ``values``."""
        return float(self.probabilities @ function)


def magnetisation_moments(distribution: Distribution, n_sites: int, temperature: float) -> Magnetisation:
    """The moments of m = M / n_sites from the distribution of M."""
    m = np.abs(distribution.values) / n_sites
    abs_m, m2, m4 = (distribution.mean(m**power) for power in (1, 2, 4))
    scale = n_sites / temperature
    return Magnetisation(abs_m, m2, m4, scale * m2, scale * (m2 - abs_m**2), 1 - m4 / (3 * m2**2))


@kernel
def _count_states(neighbours: Array, degrees: Array, spins: Array, counts: Array) -> None:
    """Visit all configurations with the last spin up, one flip at a time; counts[broken bonds, spins up] += 1."""
    n_sites = spins.size
    broken, up = 0, n_sites
    counts[broken, up] += 1
    for step in range(1, 2 ** (n_sites - 1)):
        i = 0
        while (step >> i) & 1 == 0:  # the Gray code flips the spin of the lowest set bit
            i += 1
        spins[i] = -spins[i]
        up += spins[i]
        for k in range(degrees[i]):
            broken -= spins[i] * spins[neighbours[i, k]]
        counts[broken, up] += 1


class DensityOfStates(NamedTuple):
    """``counts[k, u]``, the number of configurations with k broken bonds and u spins up."""

    counts: Array

    @property
    def n_bonds(self) -> int:
        return self.counts.shape[0] - 1

    @property
    def n_sites(self) -> int:
        return self.counts.shape[1] - 1

    def joint(self, temperature: float, coupling: float = 1.0) -> tuple[Array, float]:
        """p(broken bonds, spins up), shape as ``counts``, and log Z."""
        energies = coupling * (2.0 * np.arange(self.n_bonds + 1) - self.n_bonds)
        exponents = -energies / checked_temperature(temperature)
        weights = self.counts * np.exp(exponents - exponents.max())[:, None]
        return weights / weights.sum(), math.log(weights.sum()) + float(exponents.max())

    def thermodynamics(self, temperature: float, coupling: float = 1.0) -> Thermodynamics:
        """log Z, energy, specific heat and entropy at a temperature."""
        joint, log_z = self.joint(temperature, coupling)
        energies = coupling * (2.0 * np.arange(self.n_bonds + 1) - self.n_bonds)
        return _thermodynamics(Distribution(energies, joint.sum(axis=1)), log_z, self.n_sites, temperature)

    def magnetisation(self, temperature: float, coupling: float = 1.0) -> Magnetisation:
        """The moments of the magnetisation at a temperature."""
        joint, _ = self.joint(temperature, coupling)
        values = 2.0 * np.arange(self.n_sites + 1) - self.n_sites
        return magnetisation_moments(Distribution(values, joint.sum(axis=0)), self.n_sites, temperature)


def _thermodynamics(energy: Distribution, log_z: float, n_sites: int, temperature: float) -> Thermodynamics:
    mean = energy.mean(energy.values)
    variance = energy.mean((energy.values - mean) ** 2)
    return Thermodynamics(log_z, mean / n_sites, variance / (n_sites * temperature**2), log_z + mean / temperature)


def enumerate_states(n_sites: int, edges: ArrayLike) -> DensityOfStates:
    """g(E, M) of the graph with the given ``edges``, shape (n_bonds, 2), by enumeration of all configurations.

    Raises ``ValueError`` for more than 25 sites and for edges that leave the graph.
    """
    bonds = np.asarray(edges, dtype=np.int64)
    if not 1 <= n_sites <= MAX_SITES:
        raise ValueError(f"expected 1 to {MAX_SITES} sites for an enumeration, got {n_sites}")
    if bonds.ndim != 2 or bonds.shape[1] != 2 or bonds.min(initial=0) < 0 or bonds.max(initial=0) >= n_sites:
        raise ValueError(f"expected edges (n_bonds, 2) between sites 0 to {n_sites - 1}, got {bonds.tolist()}")
    neighbours, degrees = neighbour_table(n_sites, bonds)
    counts = np.zeros((len(bonds) + 1, n_sites + 1), dtype=np.int64)
    _count_states(neighbours, degrees, np.ones(n_sites, dtype=np.int64), counts)
    return DensityOfStates(counts + counts[:, ::-1])


def neighbour_table(n_sites: int, edges: Array) -> tuple[Array, Array]:
    """Neighbours of every site, shape (n_sites, largest degree), filled up with 0, and the degrees (n_sites,)."""
    ends = np.concatenate([edges, edges[:, ::-1]])
    ends = ends[np.argsort(ends[:, 0], kind="stable")]
    degrees = np.bincount(ends[:, 0], minlength=n_sites)
    table = np.zeros((n_sites, max(1, degrees.max(initial=0))), dtype=np.int64)
    column = np.arange(len(ends)) - np.repeat(np.cumsum(degrees) - degrees, degrees)
    table[ends[:, 0], column] = ends[:, 1]
    return table, degrees.astype(np.int64)


class _Strip(NamedTuple):
    """Rows of spins: all ``states`` (2^n, n), the ``bonds`` within a row and between two rows that are not broken."""

    states: Array
    within: Array  # (2^n,), broken bonds of a row
    between: Array  # (2^n, 2^n), broken bonds between two rows
    n_rows: int
    periodic: bool

    def transfer(self, bond: complex, row: Array | float = 1.0) -> Array:
        """The transfer matrix: a factor ``bond`` for every broken bond, and ``row`` (2^n,) for the state of a row."""
        powers = bond ** np.arange(self.states.shape[1] + 1)
        return powers[self.between] * (row * powers[self.within])

    def trace(self, bond: complex, row: Array) -> complex:
        """The sum over all configurations."""
        transfer = self.transfer(bond, row)
        if self.periodic:
            return np.trace(np.linalg.matrix_power(transfer, self.n_rows))
        start = row * bond**self.within
        return start @ np.linalg.matrix_power(transfer, self.n_rows - 1).sum(axis=1)


def _strip(shape: Shape, periodic: bool) -> _Strip:
    n_rows, n_columns = shape
    if not (n_rows >= 2 and 2 <= n_columns <= MAX_ROW):
        raise ValueError(f"expected at least 2 rows, each of 2 to {MAX_ROW} sites, got {shape}")
    states = 1 - 2 * ((np.arange(2**n_columns)[:, None] >> np.arange(n_columns)) & 1)
    right = np.roll(states, -1, axis=1) if periodic else states[:, 1:]
    left = states if periodic else states[:, :-1]
    within = (left != right).sum(axis=1)
    between = (n_columns - states @ states.T) // 2
    return _Strip(states, within, between, n_rows, periodic)


def _from_transform(function, n_values: int) -> Array:
    """The probabilities p_k, k < n_values, whose Fourier transform sum_k p_k e^(i phi k) is ``function(phi)``."""
    half = np.array([function(2 * math.pi * k / n_values) for k in range(n_values // 2 + 1)])
    probabilities = np.fft.irfft(np.conj(half / half[0]), n_values)
    return np.maximum(probabilities, 0.0)


def _scaled(strip: _Strip, bond: float) -> Array:
    """A constant row weight that keeps the powers of the transfer matrix near 1."""
    return np.full(len(strip.states), 1.0 / np.linalg.norm(strip.transfer(bond), 1))


def magnetisation_distribution(
    shape: Shape, temperature: float, coupling: float = 1.0, periodic: bool = True
) -> Distribution:
    """p(M) of the square lattice from its transfer matrix in a field i phi, for all phi of a discrete transform."""
    strip, n_sites = _strip(shape, periodic), shape[0] * shape[1]
    bond = math.exp(-2 * coupling / checked_temperature(temperature))
    up, scale = (strip.states == 1).sum(axis=1), _scaled(strip, bond)
    probabilities = _from_transform(lambda phi: strip.trace(bond, scale * np.exp(1j * phi * up)), n_sites + 1)
    return Distribution(2.0 * np.arange(n_sites + 1) - n_sites, probabilities)


def energy_distribution(shape: Shape, temperature: float, coupling: float = 1.0, periodic: bool = True) -> Distribution:
    """p(E) of the square lattice from its transfer matrix at complex couplings."""
    strip = _strip(shape, periodic)
    rows, columns = shape
    n_bonds = 2 * rows * columns if periodic else 2 * rows * columns - rows - columns
    bond = math.exp(-2 * coupling / checked_temperature(temperature))
    scale = _scaled(strip, bond)
    probabilities = _from_transform(lambda phi: strip.trace(bond * np.exp(1j * phi), scale), n_bonds + 1)
    return Distribution(coupling * (2.0 * np.arange(n_bonds + 1) - n_bonds), probabilities)


def correlation(shape: Shape, temperature: float, coupling: float = 1.0) -> Array:
    """G(r) = <s_0 s_r> along the columns of a periodic lattice, r = 0 to n_rows // 2."""
    strip = _strip(shape, periodic=True)
    bond = math.exp(-2 * coupling / checked_temperature(temperature))
    transfer = strip.transfer(bond, _scaled(strip, bond))
    spin = strip.states[:, 0]
    powers = [np.linalg.matrix_power(transfer, r) for r in range(strip.n_rows + 1)]
    sums = [spin @ (powers[r] * powers[strip.n_rows - r].T) @ spin for r in range(strip.n_rows // 2 + 1)]
    return np.array(sums) / np.trace(powers[-1])
