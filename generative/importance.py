"""A model with ``log_prob`` against a distribution whose energy is known: weights, free energy, exact sampling.

With w = e^(-E(s)/T) / q(s) for samples s of the model q, Z = E_q[w] and F = -T log Z; the effective sample size is
(sum w)^2 / sum w^2. Independence Metropolis proposes the samples one after the other and accepts with min(1, w'/w): its
chain has the exact distribution. Source: K. A. Nicoli et al., Phys. Rev. E 101, 023304 (2020), eqs. (6)-(14).
"""

import math
from typing import NamedTuple

import numpy as np

from montecarlo.estimates import Estimate

Array = np.ndarray


class Importance(NamedTuple):
    """``free_energy`` F = -T log Z with its error, ``n_eff`` of ``n`` samples, ``acceptance`` of the exact chain."""

    free_energy: Estimate
    n_eff: float
    n: int
    acceptance: float

    def __str__(self) -> str:
        worth = f"{self.n_eff:.0f} of {self.n} samples effective"
        return f"free energy {self.free_energy}, {worth}, independence Metropolis accepts {self.acceptance:.3f}"


def importance(log_target: Array, log_prob: Array, temperature: float, seed: int = 0) -> Importance:
    """From -E/T (n,) and log q (n,) of independent samples of q. Raises ``ValueError`` for NaN or fewer than 2."""
    log_w = np.asarray(log_target, dtype=np.float64) - np.asarray(log_prob, dtype=np.float64)
    if log_w.ndim != 1 or len(log_w) < 2 or not np.all(np.isfinite(log_w)):
        raise ValueError(f"expected finite log weights of at least 2 samples, found shape {log_w.shape}")
    w = np.exp(log_w - log_w.max())
    n, n_eff = len(w), float(w.sum() ** 2 / np.sum(w**2))
    log_z = float(log_w.max()) + math.log(float(w.mean()))
    relative = float(w.std(ddof=1) / (w.mean() * math.sqrt(n)))
    free_energy = Estimate(-temperature * log_z, temperature * relative, n_eff=n_eff, n=n)
    _, accepted = independence_metropolis(log_w, seed)
    return Importance(free_energy, n_eff, n, float(accepted.mean()))


def independence_metropolis(log_w: Array, seed: int) -> tuple[Array, Array]:
    """The chain over samples with log weights ``log_w`` (n,): the index after each proposal, and the acceptances."""
    exponentials = np.random.default_rng(seed).standard_exponential(len(log_w))
    at, chain, accepted = 0, np.zeros(len(log_w), dtype=np.int64), np.zeros(len(log_w), dtype=bool)
    for k in range(1, len(log_w)):
        accepted[k] = log_w[k] - log_w[at] > -exponentials[k]
        at = k if accepted[k] else at
        chain[k] = at
    return chain, accepted[1:]


class Variational(NamedTuple):
    """A model q set against e^(-E/T) / Z; energies and entropy are per site, in units of J and in nats.

    bound : <E + T log q>_q / N, above the free energy by T times the Kullback-Leibler divergence of q from p, over N
    free_energy : -T log <w>_q / N
    energy : <w E>_q / <w>_q / N
    entropy : of the model, -<log q>_q / N
    importance : of the weights w
    """

    bound: Estimate
    free_energy: Estimate
    energy: Estimate
    entropy: Estimate
    importance: Importance


def variational(energy: Array, log_prob: Array, temperature: float, n_sites: int, seed: int = 0) -> Variational:
    """From the energies (n,) and log q (n,) of independent samples of q."""
    weights = importance(-energy / temperature, log_prob, temperature, seed)
    bound, entropy = mean(energy + temperature * log_prob), mean(-log_prob)
    weighted = reweighted(energy, -energy / temperature - log_prob)
    bound, free_energy, weighted, entropy = (
        1 / n_sites * each for each in (bound, weights.free_energy, weighted, entropy)
    )
    return Variational(bound, free_energy, weighted, entropy, weights)


def mean(values: Array) -> Estimate:
    """Of independent values (n,)."""
    variance = float(values.var(ddof=1))
    return Estimate(float(values.mean()), math.sqrt(variance / len(values)), n=len(values), variance=variance)


def reweighted(values: Array, log_w: Array) -> Estimate:
    """sum w x / sum w of values x (n,), with the error of the ratio, sqrt(sum w^2 (x - mean)^2) / sum w.

    Source: A. Owen, Monte Carlo theory, methods and examples (2013), eq. (9.9).
    """
    w = np.exp(log_w - log_w.max())
    w /= w.sum()
    average = float(w @ values)
    error = math.sqrt(float(np.sum(w**2 * (values - average) ** 2)))
    return Estimate(average, error, n_eff=1 / float(w @ w), n=len(values))
