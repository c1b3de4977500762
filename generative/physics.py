"""Observables of Ising configurations with errors, their exact values, and how many standard errors lie between them.

Per site, with m the magnetisation per site: energy, |m|, specific heat C = (<E^2> - <E>^2) / N T^2, susceptibility
chi = N (<m^2> - <|m|>^2) / T, Binder cumulant U = 1 - <m^4> / 3 <m^2>^2, correlation G(r) = <s_i s_j> for sites at the
distance r. Errors are those of the jackknife.
"""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from generative.datasets.dataset import check_configurations
from generative.datasets.exact_ising import (
    Distribution,
    binder,
    correlation,
    energy_distribution,
    magnetisation_distribution,
    magnetisation_moments,
)
from generative.datasets.ising import IsingTarget
from montecarlo.estimates import Estimate

Array = np.ndarray

N_BLOCKS = 64  # divides the number of chains of a model, so that a block holds whole chains
LARGEST_TRANSFER_ROW = 8
ROUNDING = 1e-12  # relative errors that mean none


class Jackknife(NamedTuple):
    """``estimates`` of several functions of the same samples, and the covariance of their errors."""

    estimates: list[Estimate]
    covariance: Array


def jackknife(
    features: Array,
    function: Callable[[Array], Array],
    n_eff: float | None = None,
    weights: Array | None = None,
) -> Jackknife:
    """``function`` of the mean of ``features`` (n_samples, n_features); block b has every 64th sample from sample b.

    The bias of first order in 1/n is removed. Errors are scaled to ``n_eff`` independent samples where that is known.
    With ``weights`` (n_samples,) means are sum w x / sum w; the blocks see that both sums fluctuate, together.
    Source: B. Efron, The Jackknife (SIAM, 1982), eqs. (2.8) and (3.1).
    """
    n, n_blocks = len(features), min(N_BLOCKS, len(features))
    w = np.ones((n, 1)) if weights is None else np.reshape(weights, (n, 1))
    sums = np.array([(w * features)[b::n_blocks].sum(axis=0) for b in range(n_blocks)])
    masses = np.array([w[b::n_blocks].sum(axis=0) for b in range(n_blocks)])
    whole = np.atleast_1d(function(sums.sum(axis=0) / masses.sum(axis=0)))
    means = (sums.sum(axis=0) - sums) / (masses.sum(axis=0) - masses)
    without = np.array([np.atleast_1d(function(mean)) for mean in means])
    mean = n_blocks * whole - (n_blocks - 1) * without.mean(axis=0)
    covariance = np.cov(without.T, bias=True).reshape(len(whole), -1) * (n_blocks - 1) * (n / n_eff if n_eff else 1.0)
    errors = np.sqrt(np.diag(covariance))
    estimates = [Estimate(float(m), float(e), n=n, dof=n_blocks - 1.0) for m, e in zip(mean, errors)]
    return Jackknife(estimates, covariance)


OBSERVABLES = ("energy", "abs_m", "specific_heat", "susceptibility", "binder")


def distance_classes(target: IsingTarget) -> dict[float, Array]:
    """Pairs of sites (n_pairs, 2) by their distance, from nearest neighbours to half the lattice, at most 8 of them."""
    distances = target.lattice.distances
    i, j = np.triu_indices(len(distances), 1)
    rounded = np.round(distances[i, j], 6)
    shells = np.unique(rounded[np.isfinite(rounded)])[:8]
    return {float(r): np.stack([i[rounded == r], j[rounded == r]], axis=1) for r in shells}


def features(spins: Array, target: IsingTarget) -> Array:
    """Energy and magnetisation per site and the correlation at each distance of every configuration, shape (n, ...)."""
    s = np.asarray(spins, dtype=np.float64)
    products = [np.mean(s[:, ij[:, 0]] * s[:, ij[:, 1]], axis=1) for ij in distance_classes(target).values()]
    return np.stack([target.energy(s) / target.lattice.n_sites, s.mean(axis=1), *products], axis=1)


class Observables(NamedTuple):
    """Estimates by name, and the covariance of their errors in this order."""

    estimates: dict[str, Estimate]
    covariance: Array


def observables(
    spins: Array, target: IsingTarget, n_eff: float | None = None, log_weights: Array | None = None
) -> Observables:
    """Every observable of ``spins`` (n_samples, n_sites), -1 and +1, worth ``n_eff`` independent ones.

    log_weights : (n_samples,), of samples from another distribution; any constant may be added to them

    What has the same value in all samples, such as the energy of cold spins, has the error that one more sample with
    one spin turned would make: rarer events cannot be seen. The Binder cumulant is NaN where m = 0.

    Raises ``ValueError`` for numbers other than -1 and +1.
    """
    s = check_configurations(spins, target.lattice.n_sites, "spins", "spins")
    columns = _columns(s, target)
    weights = None if log_weights is None else np.exp(log_weights - np.max(log_weights))
    estimates, covariance = jackknife(columns, lambda mean: _derived(mean, target), n_eff, weights)
    errors = np.sqrt(np.diag(covariance))
    silent = _silent(columns)
    if np.any(silent):
        change = np.where(silent, _unseen(s[:1], columns, target, n_eff or len(s)), 0.0)
        covariance = covariance + np.outer(change, change)
        estimates = [replace(each, error=float(e)) for each, e in zip(estimates, np.hypot(errors, change))]
    names = [*OBSERVABLES, *(f"G({r:g})" for r in distance_classes(target))]
    return Observables(dict(zip(names, estimates)), covariance)


def _columns(spins: Array, target: IsingTarget) -> Array:
    """What observables are functions of the means of: e, e^2, |m|, m^2, m^4 and the correlations."""
    energy, m, *products = features(spins, target).T
    return np.stack([energy, energy**2, np.abs(m), m**2, m**4, *products], axis=1)


def _derived(mean: Array, target: IsingTarget) -> Array:
    """The observables from the means."""
    n_sites, temperature = target.lattice.n_sites, target.temperature
    e, e2, abs_m, m2, m4 = mean[:5]
    heat = n_sites * (e2 - e**2) / temperature / temperature
    chi = n_sites * (m2 - abs_m**2) / temperature
    return np.array([e, abs_m, heat, chi, binder(m2, m4), *mean[5:]])


def _silent(columns: Array) -> Array:
    """Which observables are functions of columns that do not vary."""
    constant = np.ptp(columns, axis=0) <= ROUNDING * np.abs(columns).max(axis=0)
    e, e2, abs_m, m2, m4, *products = constant
    return np.array([e, abs_m, e and e2, abs_m and m2, m2 and m4, *products])


def _unseen(row: Array, columns: Array, target: IsingTarget, n: float) -> Array:
    """By how much observables change where one of ``n`` samples is ``row`` (1, n_sites) with its first spin turned."""
    turned, mean = np.concatenate([-row[:, :1], row[:, 1:]], axis=1), columns.mean(axis=0)
    change = _derived(mean + (_columns(turned, target)[0] - columns[0]) / n, target) - _derived(mean, target)
    return np.nan_to_num(change)


def exact_observables(target: IsingTarget) -> dict[str, float]:
    """What is known exactly: on tori the energy and the specific heat, and with rows to 8 sites the rest."""
    exact = target.exact()
    if exact is None:
        return {}
    values = {"energy": exact.energy, "specific_heat": exact.specific_heat}
    shape = target.lattice.extent
    if target.is_torus and shape[1] <= LARGEST_TRANSFER_ROW:
        distribution = magnetisation_distribution((shape[0], shape[1]), target.temperature, target.coupling)
        moments = magnetisation_moments(distribution, target.lattice.n_sites, target.temperature)
        values |= {"abs_m": moments.abs_m, "susceptibility": moments.susceptibility_abs, "binder": moments.binder}
        if shape[0] == shape[1]:
            decay = correlation((shape[0], shape[1]), target.temperature, target.coupling)
            values |= {f"G({r})": float(decay[r]) for r in range(1, len(decay))}
    return values


class Histogram(NamedTuple):
    """Counts of the energies of samples, with what is expected; ``chi_squared`` with its ``dof``, NaN if unknown."""

    energies: Array
    counts: Array
    expected: Array | None
    chi_squared: float
    dof: int


def energy_histogram(spins: Array, target: IsingTarget) -> Histogram:
    """The energies of ``spins`` against their exact distribution, known for tori with rows to 8 sites.

    Energies that are expected fewer than 10 times share one class in chi-squared.
    """
    spins = check_configurations(spins, target.lattice.n_sites, "spins", "spins")
    broken = target.broken_bonds(spins)
    shape = target.lattice.extent
    if not (target.is_torus and shape[1] <= LARGEST_TRANSFER_ROW):
        kinds, counts = np.unique(broken, return_counts=True)
        return Histogram(target.energy_of(kinds), counts, None, math.nan, 0)
    exact: Distribution = energy_distribution((shape[0], shape[1]), target.temperature, target.coupling)
    found = np.bincount(broken, minlength=len(exact.values)).astype(float)
    expected = exact.probabilities * len(spins)
    common = expected >= 10
    pairs = [(found[common], expected[common])]
    if expected[~common].sum() > 1:
        pairs.append((found[~common].sum(keepdims=True), expected[~common].sum(keepdims=True)))
    chi_squared = sum(float(np.sum((o - e) ** 2 / e)) for o, e in pairs)
    return Histogram(exact.values, found, expected, chi_squared, sum(len(o) for o, _ in pairs) - 1)
