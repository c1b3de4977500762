"""The partition function and the likelihood of Boltzmann machines, in nats: exact, or bracketed from both sides.

    exact       log Z = log sum_h e^(b.h) sum_v e^(v.(a + W h)), over the smaller layer, to 25 units
    annealed    forward:  E[w] = Z_1/Z_0,  w = prod_k e^(lw_k(v_k) - lw_{k-1}(v_k)), from independent units to the model
                reverse:  E[1/w] = Z_0/Z_1 from samples of the model to independent units

A finite number of chains makes the forward estimate of log Z too small on average, the reverse one too large (Jensen):
where the two agree, both are right. Sources: R. M. Neal, Stat. Comput. 11, 125 (2001); R. Salakhutdinov and I. Murray,
ICML 2008, eqs. (11)-(13); reverse: Y. Burda, R. Grosse, R. Salakhutdinov, AISTATS 2015.
"""

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from montecarlo.estimates import Estimate

Array = np.ndarray

MOST_UNITS = 25
BLOCK_UNITS = 12  # units of the layer that are summed over at once
SIGMAS = 4.0  # within which forward and reverse annealing agree


class LikelihoodWarning(UserWarning):
    """An annealed estimate that cannot be trusted; the message says why and what to change."""


@dataclass(frozen=True, slots=True)
class LogPartition(Estimate):
    """log Z with its error; ``n_eff`` is the effective number of annealed chains.

    method : "exact" or "annealed"
    reverse : the estimate from above, by annealing samples of the model
    """

    method: str = "exact"
    reverse: Estimate | None = None

    def __str__(self) -> str:
        text = Estimate.__str__(self) if self.error else f"{self.mean:.10g}"
        return f"{text} ({self.method}" + (f", reverse {self.reverse})" if self.reverse else ")")


@dataclass(frozen=True, slots=True)
class LogLikelihood(Estimate):
    """Mean log p in nats per configuration; the error is that of the mean over configurations and of log Z together."""

    log_partition: LogPartition | None = None
    bound: bool = False  # whether the mean is a lower bound of the log-likelihood, variational in the hidden units

    @property
    def method(self) -> str:
        """How log Z was found: "exact" or "annealed"."""
        return self.log_partition.method if self.log_partition else "exact"

    def __str__(self) -> str:
        return f"{'at least ' * self.bound}{Estimate.__str__(self)} nats (log Z {self.method})"


def log_mean_exp(x: Array) -> float:
    """log of the mean of e^x."""
    top = float(np.max(x))
    return top + math.log(float(np.mean(np.exp(x - top))))


def sum_over_units(
    bias: Array, weights: Array, offset: Array, log_sum: Callable[[Array], Array], states: tuple[float, float]
) -> float:
    """log sum_u e^(u.bias + log_sum(offset + u W)) over all configurations of units with two ``states``.

    ``weights`` (n_units, n_others). The last units are summed over in blocks of 2^12 configurations.
    """
    n = len(bias)
    low = min(n, BLOCK_UNITS)
    table = np.array(states)[(np.arange(2**low)[:, None] >> np.arange(low)) & 1]
    fields, exponents = table @ weights[:low], table @ bias[:low]
    blocks = np.empty(2 ** (n - low))
    for block in range(len(blocks)):
        high = np.array(states)[(block >> np.arange(n - low)) & 1]
        total = exponents + log_sum(fields + (offset + high @ weights[low:]))
        blocks[block] = log_mean_exp(total) + high @ bias[low:]
    return log_mean_exp(blocks) + n * math.log(2)


def can_sum(model: Any) -> bool:
    """Whether a layer of the model is small enough for an exact sum."""
    return model.n_hidden <= MOST_UNITS or (not model.one_hot_or_real and model.n_visible <= MOST_UNITS)


def exact_log_partition(model: Any) -> float:
    """log Z by the sum over one layer. Raises ``ValueError`` where both have more than 25 units."""
    if not can_sum(model):
        sizes = f"{model.n_visible} visible and {model.n_hidden} hidden units"
        raise ValueError(f'expected a layer of at most {MOST_UNITS} units, found {sizes}: use method="annealed"')
    a, b, W = model.machine.visible_bias, model.machine.hidden_bias, model.machine.weights
    if model.n_hidden <= min(model.n_visible, MOST_UNITS) or model.one_hot_or_real:
        return sum_over_units(b, W.T, a, model.visible_log_sum, model.hidden_states)
    return sum_over_units(a, W, b, model.machine.log_sum, model.hidden_states)


def annealing_schedule(n_steps: int) -> Array:
    """``n_steps`` + 1 inverse temperatures from 0 to 1, denser at both ends, where the free energy bends most."""
    t = np.linspace(0.0, 1.0, n_steps + 1)
    return t * t * (3.0 - 2.0 * t)


def anneal(model: Any, v: Array, betas: Array, rng: np.random.Generator) -> Array:
    """log w of the chains ``v`` (n_chains, n_visible), which are draws at betas[0], along all ``betas``."""
    log_w = np.zeros(len(v))
    for before, beta in pairwise(betas):
        theta = model.machine.angles(v)
        log_w += model.log_weight(v, theta, beta) - model.log_weight(v, theta, before)
        v = model.draw_visible(model.draw_hidden(theta, rng, beta), rng, beta)
    return log_w


def _estimate(log_w: Array, sign: float, base: float) -> Estimate:
    """base + sign log E[e^log_w], with the error of the mean weight carried over to its logarithm."""
    weights = np.exp(log_w - log_w.max())
    relative = float(weights.std(ddof=1) / (weights.mean() * math.sqrt(len(weights))))
    n_eff = float(weights.sum() ** 2 / np.sum(weights**2))
    return Estimate(base + sign * log_mean_exp(log_w), relative, n_eff=n_eff, n=len(log_w), variance=float(log_w.var()))


def annealed_log_partition(
    model: Any, *, n_chains: int = 256, n_steps: int = 1000, seed: int = 0, reverse: bool = True
) -> LogPartition:
    """log Z by annealed importance sampling of ``n_chains`` chains over ``n_steps`` temperatures.

    With ``reverse``, samples of the model are annealed back. Warns with ``LikelihoodWarning`` where the two disagree,
    and where fewer than a tenth of the chains carry the weight.
    """
    if n_chains < 2 or n_steps < 1:
        raise ValueError(f"expected n_chains >= 2 and n_steps >= 1, got {n_chains} and {n_steps}")
    forward_seed, sample_seed, reverse_seed = np.random.SeedSequence(seed).spawn(3)
    rng, base, betas = np.random.default_rng(forward_seed), model.base_log_partition(), annealing_schedule(n_steps)
    forward = _estimate(anneal(model, model.draw_base(n_chains, rng), betas, rng), 1.0, base)
    backward = None
    if reverse:
        v = np.asarray(model.sample(n_chains, sample_seed), dtype=np.float64)
        backward = _estimate(anneal(model, v, betas[::-1], np.random.default_rng(reverse_seed)), -1.0, base)
    _warn_if_wrong(forward, backward)
    return LogPartition(
        forward.mean,
        forward.error,
        n_eff=forward.n_eff,
        n=n_chains,
        variance=forward.variance,
        method="annealed",
        reverse=backward,
    )


def _warn_if_wrong(forward: Estimate, backward: Estimate | None) -> None:
    remedy = "take more n_steps"
    if forward.n_eff < forward.n / 10:
        found = f"{forward.n_eff:.1f} of {forward.n} annealed chains carry the weight"
        warnings.warn(f"{found}; log Z may be too small: {remedy}", LikelihoodWarning, stacklevel=4)
    if backward is not None and abs(forward.z(backward)) > SIGMAS:
        found = f"forward annealing finds log Z = {forward}, reverse annealing {backward}"
        warnings.warn(f"{found}; the truth lies between: {remedy}", LikelihoodWarning, stacklevel=4)


def log_partition(model: Any, method: str = "auto", **options: Any) -> LogPartition:
    """log Z: "exact", "annealed", or "auto", exact where a layer has at most 25 units.

    ``options`` are those of ``annealed_log_partition``.
    """
    if method not in ("auto", "exact", "annealed"):
        raise ValueError(f'expected method "auto", "exact" or "annealed", got {method!r}')
    if method == "annealed" or (method == "auto" and not can_sum(model)):
        return annealed_log_partition(model, **options)
    return LogPartition(exact_log_partition(model), 0.0, method="exact")


def log_likelihood(model: Any, x: Array, *, log_z: LogPartition | None = None, **options: Any) -> LogLikelihood:
    """The mean of -F(x) - log Z over the rows of ``x``; ``log_z`` if it is known, otherwise with these ``options``."""
    partition = log_z or log_partition(model, **options)
    values = -model.machine.free_energy(x.astype(np.float64))
    n = len(values)
    variance = float(values.var(ddof=1)) if n > 1 else math.nan
    error = math.hypot(math.sqrt(variance / n), partition.error)
    mean = float(values.mean()) - partition.mean
    return LogLikelihood(mean, error, n_eff=n, n=n, variance=variance, log_partition=partition)
