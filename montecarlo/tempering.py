"""Parallel tempering: chains of p^beta at several inverse temperatures beta, exchanged between neighbours.

Where beta is small the density is flat and a chain goes anywhere; exchanges bring what it finds to beta = 1. Two
neighbours exchange x and y with the probability min(1, (p(x) / p(y))^(beta_y - beta_x)), beta_x being that of x.

Source: S. Syed, A. Bouchard-Cote, G. Deligiannidis, A. Doucet, J. R. Stat. Soc. B 84, 321 (2022): exchanges of even
and odd pairs in turn, temperatures at which all pairs reject equally often.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from montecarlo.chains import Chains, part_of
from montecarlo.metropolis import accept, log_density, log_density_ratio, observe, refresh, workspace
from montecarlo.random import Seed, check_distinct, generator_states, restore_generators, spawn
from neural.exclusive import Exclusive
from neural.jit import kernel
from neural.saved import Saved

Array = np.ndarray
N_ADAPTATIONS = 4


class Ladder:
    """Inverse temperatures in rising order for each of several chains, and the fate of their exchanges."""

    def __init__(self, betas: Array, n_chains: int) -> None:
        self.betas = np.asarray(betas, dtype=np.float64)
        if len(self.betas) < 2 or self.betas[0] < 0 or self.betas[-1] != 1 or np.any(np.diff(self.betas) <= 0):
            raise ValueError(f"expected inverse temperatures that rise from 0 or more to 1, got {self.betas}")
        self.reset(n_chains)

    def reset(self, n_chains: int) -> None:
        """Count anew."""
        n_levels = len(self.betas)
        self.rejected, self.n_exchanges = np.zeros(n_levels - 1), np.zeros(n_levels - 1)
        self.came_from_lowest = np.zeros((n_levels, n_chains), dtype=bool)
        self.n_trips, self.n_steps = 0, 0

    @property
    def acceptance(self) -> Array:
        """The fraction of exchanges accepted by each pair of neighbours, shape (n_levels - 1,)."""
        return 1.0 - self.rejected / np.maximum(self.n_exchanges, 1)

    @property
    def trips_per_step(self) -> float:
        """How often a configuration comes from the lowest beta to beta = 1, for each chain and step."""
        return self.n_trips / max(1, self.n_steps * self.came_from_lowest.shape[1])

    def pairs(self) -> tuple[slice, slice]:
        """The lower and the upper levels of the pairs whose turn it is."""
        first = self.n_steps % 2
        return slice(first, len(self.betas) - 1, 2), slice(first + 1, len(self.betas), 2)

    def exchange(self, log_ratio: Array, exponentials: Array, *arrays: Array) -> None:
        """Exchange in place, with the probability min(1, exp(log_ratio)), the levels of ``arrays`` of the pairs.

        log_ratio, exponentials : for each pair and chain; the latter standard exponential random numbers
        arrays : their first axes are level and chain
        """
        lower, upper = self.pairs()
        accepted = log_ratio > -exponentials
        for array in (*arrays, self.came_from_lowest):
            low, up = array[lower].copy(), array[upper].copy()
            mask = accepted.reshape(accepted.shape + (1,) * (low.ndim - 2))
            array[lower], array[upper] = np.where(mask, up, low), np.where(mask, low, up)
        self.rejected[lower] += 1.0 - accepted.mean(axis=1)
        self.n_exchanges[lower] += 1
        self.n_steps += 1
        self.n_trips += int(self.came_from_lowest[-1].sum())
        self.came_from_lowest[-1] = False
        self.came_from_lowest[0] = True

    @property
    def barrier(self) -> Array:
        """The rates of rejection summed up to each level, shape (n_levels,)."""
        return np.concatenate([[0.0], np.cumsum(np.maximum(1.0 - self.acceptance, 1e-3))])

    def adapt(self, n_levels: int | None = None) -> None:
        """Move the temperatures, as many or ``n_levels``, so that all pairs reject equally often, and count anew."""
        barrier = self.barrier
        wanted = np.linspace(0, barrier[-1], n_levels or len(self.betas))
        ends = self.betas[[0, -1]]
        self.betas = np.interp(wanted, barrier, self.betas)
        self.betas[[0, -1]] = ends
        self.reset(self.came_from_lowest.shape[1])

    def state(self) -> dict[str, Any]:
        """Everything as arrays and numbers, for ``restored``."""
        return {
            "betas": self.betas.copy(),
            "rejected": self.rejected.copy(),
            "n_exchanges": self.n_exchanges.copy(),
            "came_from_lowest": self.came_from_lowest.astype(np.int8),
            "n_trips": self.n_trips,
            "n_steps": self.n_steps,
        }

    def restored(self, saved: Saved) -> "Ladder":
        """The ladder that gave a state, which has as many levels and chains and the same ends as this one."""
        n_levels, n_chains = self.came_from_lowest.shape
        betas = saved.array("betas", (n_levels,), np.float64, least=0, most=1)
        if np.any(np.diff(betas) <= 0) or not np.array_equal(betas[[0, -1]], self.betas[[0, -1]]):
            saved.refuse(f"inverse temperatures that rise from {self.betas[0]:g} to 1", betas, "betas")
        ladder = Ladder(betas, n_chains)
        ladder.n_steps = saved.integer("n_steps")
        ladder.n_trips = saved.integer("n_trips", most=ladder.n_steps * n_chains)
        ladder.n_exchanges = saved.array("n_exchanges", (n_levels - 1,), np.float64, least=0, most=ladder.n_steps)
        ladder.rejected = saved.array("rejected", (n_levels - 1,), np.float64, least=0, most=ladder.n_steps)
        came = saved.array("came_from_lowest", (n_levels, n_chains), np.int8, least=0, most=1)
        ladder.came_from_lowest = came.astype(bool)
        return ladder


class Tempered(NamedTuple):
    """The density p^beta of a target with the density p."""

    target: Any
    beta: float

    @property
    def shape(self) -> tuple[int, ...]:
        return self.target.shape


@workspace.register(Tempered)
def _(target):
    return workspace(target.target)


@refresh.register(Tempered)
def _(target, work, x):
    refresh(target.target, work, x)


@accept.register(Tempered)
def _(target, work, x, i, new):
    accept(target.target, work, x, i, new)


@log_density_ratio.register(Tempered)
def _(target, work, x, i, new):
    return target.beta * log_density_ratio(target.target, work, x, i, new)


class Nothing(NamedTuple):
    """An observer that records nothing."""


@observe.register(Nothing)
def _(observer, target, work, x, chain, sample):
    pass


@kernel
def _log_densities(target, work, x, out):
    for chain in range(x.shape[0]):
        refresh(target, work, x[chain])
        out[chain] = log_density(target, work, x[chain])


class TemperedChains:
    """``Chains`` of one target with a replica of each chain at every inverse temperature of a ladder.

    Parameters
    ----------
    x : the first configurations at beta = 1, copied; the other levels begin with the same in another order
    proposal : how a part is moved at every level; it must not look at the target, as those of spins do not
    betas : inverse temperatures, rising to 1; burn-in moves those between the first and the last
    seed, threads : as for ``Chains``

    Only the chains at beta = 1 are observed; ``x`` and ``len`` are theirs. Exchanges follow every sample.
    """

    def __init__(self, x: Array, proposal: Any, *, betas: Array, seed: Seed, threads: int = 1) -> None:
        sequence = seed if isinstance(seed, np.random.SeedSequence) else np.random.SeedSequence(seed)
        *seeds, exchanges = sequence.spawn(len(betas) + 1)
        self.ladder = Ladder(betas, len(x))
        self.levels = [
            Chains(np.roll(x, len(betas) - 1 - level, axis=0), proposal, seed=each, threads=threads)
            for level, each in enumerate(seeds)
        ]
        self.generator = spawn(exchanges, 1)
        self._exclusive = Exclusive("these chains")

    @property
    def cold(self) -> Chains:
        """The chains at beta = 1."""
        return self.levels[-1]

    @property
    def proposal(self) -> Any:
        return self.cold.proposal

    @property
    def x(self) -> Array:
        return self.cold.x

    def __len__(self) -> int:
        return len(self.cold)

    def run(self, target: Any, observer: Any, n_samples: int, moves_per_sample: int | None = None) -> float:
        """Make ``n_samples`` observations in every chain at beta = 1, as ``Chains.run`` does."""
        with self._exclusive:
            return sum(self._sample(target, observer, k, moves_per_sample) for k in range(n_samples)) / n_samples

    def _sample(self, target: Any, observer: Any, sample: int, moves_per_sample: int | None) -> float:
        """One sample at each level, that of beta = 1 observed, and exchanges; returns the acceptance at beta = 1."""
        for chains, beta in zip(self.levels[:-1], self.ladder.betas, strict=False):
            chains.run(Tempered(target, float(beta)), Nothing(), 1, moves_per_sample)
        observed = part_of(observer, slice(None), slice(sample, sample + 1))
        accepted = self.cold.run(target, observed, 1, moves_per_sample)
        self._exchange(target)
        return accepted

    def _exchange(self, target: Any) -> None:
        work, x = workspace(target), np.stack([chains.x for chains in self.levels])
        log_p = np.empty(x.shape[:2])
        for level, out in zip(x, log_p, strict=True):
            _log_densities(target, work, level, out)
        exponentials = self.generator[0].standard_exponential(log_p.shape)
        lower, upper = self.ladder.pairs()
        gap = self.ladder.betas[upper] - self.ladder.betas[lower]
        self.ladder.exchange(gap[:, None] * (log_p[lower] - log_p[upper]), exponentials[lower], x)
        for chains, level in zip(self.levels, x, strict=True):
            chains.x = np.ascontiguousarray(level)

    def burn_in(self, target: Any, n_sweeps: int, observer: Any) -> float:
        """Run ``n_sweeps`` sweeps under an ``observer`` that records nothing; over the first half the ladder adapts.

        Returns the acceptance at beta = 1 after that.
        """
        sweeps = max(2, n_sweeps // (2 * N_ADAPTATIONS))
        for _ in range(N_ADAPTATIONS):
            self.run(target, observer, sweeps)
            self.ladder.adapt()
        return self.run(target, observer, max(1, n_sweeps - N_ADAPTATIONS * sweeps))

    def state(self) -> dict[str, Any]:
        """Everything needed to continue bit for bit."""
        return {
            "levels": {f"level{k}": chains.state() for k, chains in enumerate(self.levels)},
            "generator": generator_states(self.generator),
            **self.ladder.state(),
        }

    def restore(self, state: Mapping[str, Any] | Saved) -> None:
        """Continue from what ``state`` returned. Raises ``ValueError`` for what these chains could not have saved."""
        self.assign(self.checked(state))

    def checked(self, state: Mapping[str, Any] | Saved) -> dict[str, Any]:
        """The levels, the ladder and the generator that a saved state stands for, every entry of them checked."""
        saved = state if isinstance(state, Saved) else Saved(state)
        saved.names(("levels", "generator", *self.ladder.state()))
        levels = saved.part("levels")
        levels.names(f"level{k}" for k in range(len(self.levels)))
        found = {
            "levels": [chains.checked(levels.part(f"level{k}")) for k, chains in enumerate(self.levels)],
            "generator": restore_generators(saved, "generator", 1),
            "ladder": self.ladder.restored(saved),
        }
        generators = [generator for level in found["levels"] for generator in level["generators"]]
        check_distinct(saved, "levels", generator_states(generators + found["generator"]))
        return found

    def assign(self, checked: Mapping[str, Any]) -> None:
        """Continue from what ``checked`` returned."""
        for chains, level in zip(self.levels, checked["levels"], strict=True):
            chains.assign(level)
        self.ladder, self.generator = checked["ladder"], checked["generator"]


def chains_of(x: Array, proposal: Any, n_temperatures: int, *, seed: Seed, threads: int) -> Chains | TemperedChains:
    """``Chains``, or ``TemperedChains`` between beta = 0 and 1 where there are several temperatures."""
    if n_temperatures == 1:
        return Chains(x, proposal, seed=seed, threads=threads)
    if np.ndim(x) != 2:
        raise ValueError(f"expected n_temperatures = 1 for particles, got {n_temperatures}: tempering is for spins")
    betas = np.linspace(0, 1, check_levels(n_temperatures))
    return TemperedChains(x, proposal, betas=betas, seed=seed, threads=threads)


def check_levels(n_temperatures: int) -> int:
    """``n_temperatures``, or a ValueError."""
    if not isinstance(n_temperatures, int | np.integer) or n_temperatures < 1:
        raise ValueError(f"expected n_temperatures to be a whole number of at least 1, got {n_temperatures!r}")
    return int(n_temperatures)
