"""Configurations of the Ising model in equilibrium, with the evidence that they are."""

import math
import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from generative.datasets.dataset import Dataset
from generative.datasets.exact_ising import Thermodynamics, enumerate_states, kaufman
from generative.datasets.ising_chains import HeatBath, SwendsenWang
from montecarlo.diagnostics import integrated_autocorrelation_time
from montecarlo.estimates import ChainTooShortWarning
from montecarlo.lattices import Chain, Lattice, Square
from montecarlo.statistics import estimate
from neural.memory import check_memory

Array = np.ndarray

METHODS = {"clusters": SwendsenWang, "heat-bath": HeatBath}
FIRST_BURN_IN, MOST_OBSERVATIONS = 128, 512
BURN_IN_TAU = 20  # autocorrelation times that are thrown away
BYTES_PER_SPIN = 10  # of a configuration, as an integer and as numbers, while the data is made
SIGMAS = 4.0  # within which chains from ordered and from random starts agree


class NotThermalisedWarning(UserWarning):
    """The chains still remember how they began; the message says by how much."""


class IsingTarget(NamedTuple):
    """p(s) = e^(-E(s)/T) / Z with E = -J sum_<ij> s_i s_j on a lattice."""

    lattice: Lattice
    temperature: float
    coupling: float = 1.0

    def energy(self, spins: Array) -> Array:
        """E of spins -1 and 1, shape (n_samples, n_sites)."""
        s = np.asarray(spins, dtype=np.float64)
        i, j = self.lattice.edges.T
        return -self.coupling * np.einsum("nk,nk->n", s[:, i], s[:, j])

    def broken_bonds(self, spins: Array) -> Array:
        """How many edges join different spins, shape (n_samples,)."""
        s = np.asarray(spins) > 0
        i, j = self.lattice.edges.T
        return np.count_nonzero(s[:, i] != s[:, j], axis=1)

    def energy_of(self, broken_bonds: Array) -> Array:
        """E of configurations with these numbers of broken bonds."""
        return self.coupling * (2.0 * np.asarray(broken_bonds) - len(self.lattice.edges))

    def log_weight(self, spins: Array) -> Array:
        """log p + log Z = -E/T."""
        return -self.energy(spins) / self.temperature

    def exact(self) -> Thermodynamics | None:
        """log Z, energy, specific heat and entropy where they are known: on tori, and for up to 25 sites."""
        lattice = self.lattice
        if self.is_torus:
            n, m = lattice.extent
            return kaufman((n, m), self.temperature, self.coupling)
        if lattice.n_sites <= 25:
            return enumerate_states(lattice.n_sites, lattice.edges).thermodynamics(self.temperature, self.coupling)
        return None

    @property
    def is_torus(self) -> bool:
        """Whether the closed forms of the ferromagnet on a periodic square lattice apply."""
        lattice = self.lattice
        return isinstance(lattice, Square) and all(lattice.periodic) and min(lattice.extent) > 2 and self.coupling > 0


class Thermalisation(NamedTuple):
    """Evidence of equilibrium.

    tau : autocorrelation time in sweeps, the largest of the energy and of |m|
    sweeps_per_sample, burn_in : what was made of it
    n_independent : number of independent configurations that the samples are worth
    start_z : (energy, |m|) of the chains that started ordered, less those that started at random, in standard errors
    """

    temperature: float
    tau: float
    sweeps_per_sample: int
    burn_in: int
    n_independent: float
    start_z: tuple[float, float]

    def __str__(self) -> str:
        z = ", ".join(f"{value:+.1f}" for value in self.start_z)
        return (
            f"T = {self.temperature:g}: tau {self.tau:.1f} sweeps, {self.sweeps_per_sample} sweeps per sample after "
            f"{self.burn_in}, {self.n_independent:.0f} independent, ordered against random starts {z} sigma"
        )


def find_lattice(size: int | Sequence[int] | Lattice, periodic: bool) -> Lattice:
    """A lattice as it is, a chain for one length, a square lattice for two."""
    if isinstance(size, Lattice):
        return size
    lengths = (size,) if isinstance(size, int) else tuple(size)
    if len(lengths) not in (1, 2) or min(lengths) < 2:
        raise ValueError(f"expected size as a lattice, one length or two, each >= 2; got {size}")
    return Chain(*lengths, periodic=periodic) if len(lengths) == 1 else Square(*lengths, periodic=periodic)


def ising(
    size: int | Sequence[int] | Lattice,
    temperature: float | Sequence[float],
    n_samples: int,
    seed: int,
    coupling: float = 1.0,
    periodic: bool = True,
    *,
    method: str = "auto",
    values: str = "bits",
    test_fraction: float = 0.2,
    n_chains: int = 128,
    threads: int = 1,
    max_sweeps: int = 2**16,
) -> Dataset:
    """``n_samples`` configurations of the Ising model in equilibrium, for each ``temperature``.

    size : a lattice of ``montecarlo.lattices``, or the lengths of a chain or a square lattice
    temperature : in units of k_B; for several, the labels of the data are the temperatures
    method : "clusters" (Swendsen-Wang), "heat-bath" (single spins), or "auto": clusters unless they are frustrated
    values : "bits" (0, 1) or "spins" (-1, 1)
    test_fraction : of the samples; they come from chains of their own
    n_chains : independent chains, half of which start ordered, half at random
    threads : how many threads share the chains; the data does not depend on it
    max_sweeps : of the burn-in

    Chains burn in for 20 autocorrelation times and are thinned by one, both measured. Warns with
    ``NotThermalisedWarning`` where the energies or magnetisations of the two kinds of start still differ.
    """
    lattice = find_lattice(size, periodic)
    temperatures = [float(t) for t in np.atleast_1d(np.asarray(temperature, dtype=np.float64))]
    _check(temperatures, n_samples, values, test_fraction, n_chains)
    _check_memory(lattice, len(temperatures) * n_samples, n_chains)
    sampler = METHODS[_find_method(method, lattice, coupling)]
    n_test, n_test_chains = round(test_fraction * n_samples), round(test_fraction * n_chains)
    parts = []
    for t, child in zip(temperatures, np.random.SeedSequence(seed).spawn(len(temperatures))):
        chains = sampler(lattice, coupling / t, n_chains, child, threads)
        target = IsingTarget(lattice, t, coupling)
        parts.append((target, *_sample(chains, target, n_samples, n_test, n_test_chains, max_sweeps)))
    targets, train, test, evidence = zip(*parts)
    data = Dataset(
        name=f"Ising model on {lattice!r}, J = {coupling:g}, T = {', '.join(f'{t:g}' for t in temperatures)}",
        train=np.concatenate(train).astype(np.float32),
        test=np.concatenate(test).astype(np.float32),
        values="spins",
        shape=tuple(lattice.extent) if np.prod(lattice.extent) == lattice.n_sites else (lattice.n_sites,),
        train_labels=np.repeat(temperatures, [len(part) for part in train]),
        test_labels=np.repeat(temperatures, [len(part) for part in test]),
        targets=targets,
        diagnostics=evidence,
    )
    return data if values == "spins" else data.as_bits()


def _check(temperatures: list[float], n_samples: int, values: str, test_fraction: float, n_chains: int) -> None:
    if not temperatures or not all(0 < t < math.inf for t in temperatures):
        raise ValueError(f"expected finite temperatures > 0, got {temperatures}")
    if values not in ("bits", "spins"):
        raise ValueError(f'expected values "bits" or "spins", got {values!r}')
    if n_samples < 2 or n_chains < 4:
        raise ValueError(f"expected n_samples >= 2 and n_chains >= 4, got {n_samples} and {n_chains}")
    if not 0 < test_fraction < 1 or not 1 <= round(test_fraction * n_chains) < n_chains:
        raise ValueError(f"expected a test_fraction of at least one of {n_chains} chains, not all, got {test_fraction}")
    if not 1 <= round(test_fraction * n_samples) < n_samples:
        raise ValueError(f"expected test_fraction to leave samples on both sides, got {test_fraction} of {n_samples}")


def _check_memory(lattice: Lattice, n_samples: int, n_chains: int) -> None:
    """Raises ``ValueError`` for more configurations or chains than memory holds."""
    n_sites, n_edges = lattice.n_sites, len(lattice.edges)
    check_memory(
        n_samples * n_sites * BYTES_PER_SPIN, f"{n_samples} configurations of {n_sites} spins", "fewer of them"
    )
    n_bytes = n_chains * (17 * n_edges + 10 * n_sites)  # the energies of all chains are found together
    check_memory(n_bytes, f"{n_chains} chains of {n_sites} spins", "a smaller n_chains")


def _find_method(method: str, lattice: Lattice, coupling: float) -> str:
    if method in METHODS:
        return method
    if method != "auto":
        raise ValueError(f'expected method "clusters", "heat-bath" or "auto", got {method!r}')
    return "clusters" if coupling > 0 or lattice.sublattices is not None else "heat-bath"


def _sample(
    chains: Any, target: IsingTarget, n_samples: int, n_test: int, n_test_chains: int, max_sweeps: int
) -> tuple[Array, Array, Thermalisation]:
    """Training and test configurations, the latter from the last ``n_test_chains`` chains."""
    tau, burn_in, start_z = _equilibrate(chains, target, max_sweeps)
    sweeps = max(1, math.ceil(tau))
    n_train, n_train_chains = n_samples - n_test, chains.n_chains - n_test_chains
    length = max(-(-n_train // n_train_chains), -(-n_test // n_test_chains))
    samples = np.empty((length, chains.n_chains, chains.n_sites), dtype=np.int8)
    for row in samples:
        chains.sweep(sweeps)
        row[:] = chains.configurations()
    thinned = _tau(np.stack([_observables(target, row) for row in samples], axis=-1))
    evidence = Thermalisation(target.temperature, tau, sweeps, burn_in, n_samples / thinned, start_z)
    train, test = samples[:, :n_train_chains], samples[:, n_train_chains:]
    return train.reshape(-1, chains.n_sites)[:n_train], test.reshape(-1, chains.n_sites)[:n_test], evidence


def _observables(target: IsingTarget, spins: Array) -> Array:
    """Energy and |m| of the chains, shape (2, n_chains)."""
    return np.stack([target.energy(spins), np.abs(spins.mean(axis=1))])


def _tau(series: Array) -> float:
    """The largest autocorrelation time of the observables, shape (2, n_chains, n_steps); at least 1."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ChainTooShortWarning)
        return float(np.nanmax([1.0, *(integrated_autocorrelation_time(each) for each in series)]))


def _equilibrate(chains: Any, target: IsingTarget, max_sweeps: int) -> tuple[float, int, tuple[float, float]]:
    """Sweep until the chains have forgotten their start: tau in sweeps, sweeps made, and how far the starts differ."""
    n_sweeps = burn_in = FIRST_BURN_IN
    chains.sweep(n_sweeps)
    while True:
        stride = max(1, n_sweeps // MOST_OBSERVATIONS)
        record = []
        for _ in range(n_sweeps // stride):
            chains.sweep(stride)
            record.append(_observables(target, chains.configurations()))
        burn_in += n_sweeps
        series = np.stack(record, axis=-1)
        tau, start_z = stride * _tau(series), _start_z(series)
        agree = max(map(abs, start_z)) < SIGMAS
        if agree and burn_in >= BURN_IN_TAU * tau:
            return tau, burn_in, start_z
        if burn_in + 2 * n_sweeps > max_sweeps:
            where = f"T = {target.temperature:g}: after {burn_in} sweeps with tau of {tau:.3g}"
            found = f"energies and |m| of ordered and random starts differ by {start_z} standard errors"
            advice = 'try method="clusters", a higher temperature or more max_sweeps'
            warnings.warn(f"{where}, {found}; {advice}", NotThermalisedWarning, stacklevel=4)
            return tau, burn_in, start_z
        n_sweeps *= 2


def _start_z(series: Array) -> tuple[float, float]:
    """Means of the chains from ordered starts less those from random starts, in standard errors."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ChainTooShortWarning)
        energy, magnetisation = (estimate(each[1::2]).z(estimate(each[0::2])) for each in series)
    return energy, magnetisation
