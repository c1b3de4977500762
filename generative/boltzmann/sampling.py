"""Independent samples from Boltzmann machines: block Gibbs and parallel tempering, watched while they run.

Source of the ladder: S. Syed, A. Bouchard-Cote, G. Deligiannidis, A. Doucet, J. R. Stat. Soc. B 84, 321 (2022): swaps
of even and odd pairs in turn, temperatures that make all pairs reject equally often.
"""

import math
import warnings
from typing import Any

import numpy as np

from montecarlo.diagnostics import integrated_autocorrelation_time, split_r_hat
from montecarlo.estimates import ChainTooShortWarning
from montecarlo.tempering import Ladder

Array = np.ndarray

N_CHAINS = 128
FIRST_ROUND, BURN_IN_TAU, LARGEST_R_HAT = 32, 20, 1.05
MOST_LEVELS, N_ADAPTATIONS = 64, 4


class MixingWarning(UserWarning):
    """The samples are not independent draws from the model; the message says how far they are from it."""


class Gibbs:
    """Chains of block Gibbs steps, ``v`` (n_chains, n_visible), started at beta = 0."""

    def __init__(self, model: Any, n_chains: int, rng: np.random.Generator) -> None:
        self.model, self.rng = model, rng
        self.v = model.draw_base(n_chains, rng)

    def step(self) -> None:
        """One step of all chains."""
        self.v = self.model.gibbs(self.v, 1, self.rng)


class Tempering:
    """Parallel tempering: every chain at all inverse temperatures ``betas`` at once, exchanged between neighbours.

    ``levels`` has shape (n_levels, n_chains, n_visible); its last row is at beta = 1.
    """

    def __init__(self, model: Any, n_chains: int, rng: np.random.Generator, betas: Array | None = None) -> None:
        self.model, self.rng = model, rng
        betas = np.linspace(0.0, 1.0, 8) if betas is None else np.asarray(betas, dtype=np.float64)
        if betas[0] != 0.0 or betas[-1] != 1.0 or np.any(np.diff(betas) <= 0):
            raise ValueError(f"expected betas that increase from 0 to 1, got {betas}")
        self.levels = np.stack([model.draw_base(n_chains, rng) for _ in betas])
        self.ladder = Ladder(betas, n_chains)

    @property
    def v(self) -> Array:
        """The configurations at beta = 1."""
        return self.levels[-1]

    @property
    def betas(self) -> Array:
        """The inverse temperatures, shape (n_levels,)."""
        return self.ladder.betas

    @property
    def acceptance(self) -> Array:
        """The fraction of swaps accepted by each pair of neighbours, shape (n_levels - 1,)."""
        return self.ladder.acceptance

    @property
    def trips_per_step(self) -> float:
        """How often a replica comes from beta = 0 to beta = 1, for each chain and step."""
        return self.ladder.trips_per_step

    def step(self) -> None:
        """One Gibbs step at every level, and swaps of all even or all odd pairs."""
        n_chains, n_visible = self.levels.shape[1:]
        rows, beta = self.levels.reshape(-1, n_visible), np.repeat(self.betas, n_chains)[:, None]
        self.levels = self.model.gibbs(rows, 1, self.rng, beta).reshape(self.levels.shape)
        gain = self._gain()
        self.ladder.exchange(gain, self.rng.standard_exponential(gain.shape), self.levels)

    def _gain(self) -> Array:
        """By how much the swap of each pair raises the log-density, shape (n_pairs, n_chains)."""
        lower, _ = self.ladder.pairs()
        n_pairs, n_chains = len(self.betas[lower]), self.levels.shape[1]
        if n_pairs == 0:
            return np.empty((0, n_chains))
        used = slice(lower.start, lower.start + 2 * n_pairs)
        rows, betas = self.levels[used].reshape(-1, self.levels.shape[2]), self.betas[used]
        theta, exchanged = self.model.machine.angles(rows), betas.reshape(-1, 2)[:, ::-1].ravel()
        here, there = (
            self.model.log_weight(rows, theta, np.repeat(each, n_chains)[:, None]) for each in (betas, exchanged)
        )
        return (there - here).reshape(-1, 2, n_chains).sum(axis=1)

    def adapt(self) -> None:
        """Move the temperatures so that all pairs reject equally often, about half of the swaps; count anew."""
        before = self.betas
        self.ladder.adapt(min(MOST_LEVELS, max(3, 1 + math.ceil(2 * self.ladder.barrier[-1]))))
        self.levels = self.levels[np.argmin(np.abs(before - self.betas[:, None]), axis=1)]


def _slowest_direction(model: Any) -> Array:
    """That of the strongest weights, along which RBMs are slowest; shape (n_visible,)."""
    return np.linalg.svd(model.machine.weights, full_matrices=False)[0][:, 0]


def _tau_and_r_hat(series: Array) -> tuple[float, float]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ChainTooShortWarning)
        tau = float(np.nanmax([1.0, *(integrated_autocorrelation_time(each) for each in series)]))
    return tau, float(np.nanmax([1.0, *(split_r_hat(each) for each in series)]))


def _burn_in(chains: Any, max_steps: int) -> tuple[float, bool, str]:
    """Step until the start is forgotten: tau in steps, whether that succeeded, and what was found."""
    n_steps, done, direction = FIRST_ROUND, 0, _slowest_direction(chains.model)
    while True:
        record = []
        for _ in range(n_steps):
            chains.step()
            projection = chains.v @ direction
            record.append([chains.model.machine.free_energy(chains.v), projection, np.abs(projection)])
        done += n_steps
        tau, r_hat = _tau_and_r_hat(np.stack(record, axis=-1)[:, :, n_steps // 2 :])
        if done >= BURN_IN_TAU * tau and r_hat < LARGEST_R_HAT:
            return tau, True, ""
        if done + 2 * n_steps > max_steps:
            return tau, False, f"after {done} steps tau is {tau:.3g} or more and R-hat {r_hat:.3f}"
        n_steps *= 2


def _tempered(model: Any, n_chains: int, rng: np.random.Generator) -> Tempering:
    chains = Tempering(model, n_chains, rng)
    for _ in range(N_ADAPTATIONS):
        for _ in range(FIRST_ROUND):
            chains.step()
        chains.adapt()
    return chains


def sample(model: Any, n: int, seed: Any, *, method: str = "auto", max_steps: int = 4096) -> Array:
    """``n`` decorrelated configurations of ``model``, shape (n, n_visible).

    method : "gibbs", "tempering", or "auto": block Gibbs, and parallel tempering where that mixes too slowly
    max_steps : of the burn-in, and between two samples of a chain

    128 chains start from independent units, burn in for 20 autocorrelation times of the free energy and of the
    slowest direction, and are thinned by one. Warns with ``MixingWarning`` where that takes more than ``max_steps``.
    """
    if n < 1 or max_steps < 2 * FIRST_ROUND:
        raise ValueError(f"expected n >= 1 and max_steps >= {2 * FIRST_ROUND}, got {n} and {max_steps}")
    makers = {"gibbs": [Gibbs], "tempering": [_tempered], "auto": [Gibbs, _tempered]}
    if method not in makers:
        raise ValueError(f'expected method "gibbs", "tempering" or "auto", got {method!r}')
    rng = np.random.default_rng(seed)
    for make in makers[method]:
        chains = make(model, N_CHAINS, rng)
        tau, mixed, found = _burn_in(chains, max_steps)
        if mixed:
            break
    if not mixed:
        other = ', or take method="tempering"' if method == "gibbs" else ""
        advice = f"the samples depend on each other: raise max_steps{other}"
        warnings.warn(f"{model!r} mixes slowly: {found}; {advice}", MixingWarning, stacklevel=3)
    parts = []
    for _ in range(-(-n // N_CHAINS)):
        for _ in range(min(max_steps, math.ceil(tau))):
            chains.step()
        parts.append(chains.v.copy())
    return np.concatenate(parts)[:n]
