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
from collections.abc import Callable
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
    "binder",
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
    scale, variance = n_sites / temperature, distribution.mean((m - abs_m) ** 2)
    return Magnetisation(abs_m, m2, m4, scale * m2, scale * variance, float(binder(m2, m4)))


def binder(m2: float | Array, m4: float | Array) -> float | Array:
    """U = 1 - <m^4> / 3 <m^2>^2, NaN where m is always 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return 1 - np.divide(m4, 3 * np.square(m2))


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
        weights, lowest = self._weights(checked_temperature(temperature), coupling)
        return weights / weights.sum(), math.log(weights.sum()) - lowest / temperature

    def _energies(self, coupling: float) -> Array:
        """E for every number of broken bonds."""
        return coupling * (2.0 * np.arange(self.n_bonds + 1) - self.n_bonds)

    def _weights(self, temperature: float, coupling: float) -> tuple[Array, float]:
        """g e^(-(E - E_0) / T) with the lowest energy E_0 that there is."""
        energies = self._energies(coupling)
        lowest = float(energies[self.counts.any(axis=1)].min())
        return self.counts * np.exp(-np.maximum(energies - lowest, 0.0) / temperature)[:, None], lowest

    def thermodynamics(self, temperature: float, coupling: float = 1.0) -> Thermodynamics:
        """log Z, energy, specific heat and entropy at a temperature."""
        weights, lowest = self._weights(checked_temperature(temperature), coupling)
        energy = Distribution(self._energies(coupling), weights.sum(axis=1) / weights.sum())
        mean, above = energy.mean(energy.values), energy.mean(energy.values - lowest)
        deviations = (energy.values - mean) / temperature
        heat = float(energy.probabilities * deviations @ deviations) / self.n_sites
        log_sum = math.log(weights.sum())
        return Thermodynamics(log_sum - lowest / temperature, mean / self.n_sites, heat, log_sum + above / temperature)

    def magnetisation(self, temperature: float, coupling: float = 1.0) -> Magnetisation:
        """The moments of the magnetisation at a temperature."""
        joint, _ = self.joint(temperature, coupling)
        values = 2.0 * np.arange(self.n_sites + 1) - self.n_sites
        return magnetisation_moments(Distribution(values, joint.sum(axis=0)), self.n_sites, temperature)


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

    def transfer(self, log_bond: float, phase: float, row: Array | float) -> Array:
        """The transfer matrix: e^(log_bond + i phase) for every broken bond, and ``row`` (2^n,) for the state of a row.

        What all configurations have in common is left out: the largest factors of bonds are 1.
        """
        return self._factors(self.between, log_bond, phase) * (row * self._factors(self.within, log_bond, phase))

    def _factors(self, broken: Array, log_bond: float, phase: float) -> Array:
        factors = np.exp(log_bond * (broken - broken.max() * (log_bond > 0)))
        return factors * np.exp(1j * phase * broken) if phase else factors

    def trace(self, log_bond: float, phase: float, row: Array) -> complex:
        """The sum over all configurations."""
        transfer = self.transfer(log_bond, phase, row)
        if self.periodic:
            return np.trace(np.linalg.matrix_power(transfer, self.n_rows))
        start = row * self._factors(self.within, log_bond, phase)
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


def _from_transform(function: Callable[[float], complex], n_values: int) -> Array:
    """The probabilities p_k, k < n_values, whose Fourier transform sum_k p_k e^(i phi k) is ``function(phi)``.

    Raises ``ValueError`` where the sum of all is too small for a number, as of frustrated lattices that are too cold.
    """
    half = np.array([function(2 * math.pi * k / n_values) for k in range(n_values // 2 + 1)])
    if not 0 < abs(half[0]) < math.inf:
        raise ValueError("expected a higher temperature: a frustrated lattice as cold as this cannot be summed")
    probabilities = np.fft.irfft(np.conj(half / half[0]), n_values)
    return np.maximum(probabilities, 0.0)


def _scaled(strip: _Strip, log_bond: float) -> Array:
    """A constant row weight that keeps the powers of the transfer matrix near 1."""
    return np.full(len(strip.states), 1.0 / np.linalg.norm(strip.transfer(log_bond, 0.0, 1.0), 1))


def magnetisation_distribution(
    shape: Shape, temperature: float, coupling: float = 1.0, periodic: bool = True
) -> Distribution:
    """p(M) of the square lattice from its transfer matrix in a field i phi, for all phi of a discrete transform."""
    strip, n_sites = _strip(shape, periodic), shape[0] * shape[1]
    log_bond = -2 * coupling / checked_temperature(temperature)
    up, scale = (strip.states == 1).sum(axis=1), _scaled(strip, log_bond)
    probabilities = _from_transform(lambda phi: strip.trace(log_bond, 0.0, scale * np.exp(1j * phi * up)), n_sites + 1)
    return Distribution(2.0 * np.arange(n_sites + 1) - n_sites, probabilities)


def energy_distribution(shape: Shape, temperature: float, coupling: float = 1.0, periodic: bool = True) -> Distribution:
    """p(E) of the square lattice from its transfer matrix at complex couplings."""
    strip = _strip(shape, periodic)
    rows, columns = shape
    n_bonds = 2 * rows * columns if periodic else 2 * rows * columns - rows - columns
    log_bond = -2 * coupling / checked_temperature(temperature)
    scale = _scaled(strip, log_bond)
    probabilities = _from_transform(lambda phi: strip.trace(log_bond, phi, scale), n_bonds + 1)
    return Distribution(coupling * (2.0 * np.arange(n_bonds + 1) - n_bonds), probabilities)


def correlation(shape: Shape, temperature: float, coupling: float = 1.0) -> Array:
    """G(r) = <s_0 s_r> along the columns of a periodic lattice, r = 0 to n_rows // 2."""
    strip = _strip(shape, periodic=True)
    log_bond = -2 * coupling / checked_temperature(temperature)
    transfer = strip.transfer(log_bond, 0.0, _scaled(strip, log_bond))
    spin = strip.states[:, 0]
    powers = [np.linalg.matrix_power(transfer, r) for r in range(strip.n_rows + 1)]
    sums = [spin @ (powers[r] * powers[strip.n_rows - r].T) @ spin for r in range(strip.n_rows // 2 + 1)]
    return np.array(sums) / np.trace(powers[-1])
