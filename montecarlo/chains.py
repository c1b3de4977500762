"""Markov chains in blocks on a thread pool: the same chains, bit for bit, on any number of threads."""

import itertools
import math
import os
import time
from collections.abc import Hashable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from threading import Lock
from typing import Any, NamedTuple

import numpy as np

from montecarlo.metropolis import (
    Metropolis,
    Noise,
    moves_per_sweep,
    noise_per_move,
    observe,
    run_block,
    scratch_for,
    workspace,
)
from montecarlo.random import Seed, generator_states, restore_generators, spawn
from neural.exclusive import Exclusive
from neural.jit import copy, follow_changes
from neural.saved import Saved

FEW_REJECTIONS = 0.05  # between two observations, with which spins keep to one half of the configurations for long
NOISE_BYTES = 2**22  # random numbers drawn ahead for one block: few enough to stay in the cache
LEAST_ACCEPTANCE, MOST_ACCEPTANCE = 0.2, 0.9  # of a step that is worth its moves
MOST_SEARCHES = 10  # for it
PATIENCE = 0.3  # seconds after which the interpreter looks for signals


class Configurations(NamedTuple):
    """The observer that stores configurations, shape (n_chains, n_samples, n_parts, n_dims)."""

    out: np.ndarray


@observe.register(Configurations)
def _(observer, target, work, x, chain, sample):
    if observer.out.shape[1] > 0:
        copy(x, observer.out[chain, sample])


class Chains:
    """Many Markov chains of one proposal.

    Parameters
    ----------
    x : the first configurations, copied: particles (n_chains, n_parts, n_dims), or spins +-1, int8 (n_chains, n_sites)
    proposal : how a part is moved
    seed : chain c draws from the c-th child of this seed
    threads : how many threads share the chains; the results do not depend on it
    """

    def __init__(self, x: np.ndarray, proposal: Any, *, seed: Seed, threads: int = 1) -> None:
        if threads < 1:
            raise ValueError(f"expected threads >= 1, got {threads}")
        self.x = np.array(x, dtype=np.int8 if np.ndim(x) == 2 else np.float64, order="C")
        self.proposal = proposal
        self.generators = spawn(seed, len(self.x))
        self.next_part = 0  # to be moved next: a run that ends within a sweep is continued by the next run
        self.alternating = False  # whether nearly every move of spins is accepted, so that configurations alternate
        self.threads = min(threads, len(self.x))
        self._threads: ThreadPoolExecutor | None = None
        self._process, self._drawing, self._exclusive = 0, Lock(), Exclusive("these chains")
        self._stopping = False
        self._paces: dict[Hashable, float] = {}  # seconds for a move, by what is moved and recorded

    def __len__(self) -> int:
        return len(self.x)

    def run(self, target: Any, observer: Any, n_samples: int, moves_per_sample: int | None = None) -> float:
        """Make ``n_samples`` observations in every chain, and return the fraction of accepted moves.

        The arrays of ``observer`` have the axes (chain, sample, ...). Between two observations a chain makes
        ``moves_per_sample`` moves, one sweep over all parts unless told otherwise; one more of spins where that number
        is even and nearly every move is accepted: each accepted move leads from one half of the configurations to the
        other, as one spin turned over does, and an even number of them never shows the other half. An exception, such
        as that of Ctrl-C, leaves every chain at the end of some of its moves, from where it may go on. Raises
        ``RuntimeError`` where another thread runs these chains.
        """
        follow_changes()
        moves = moves_per_sample or moves_per_sweep(self.proposal, target)
        moves += self.alternating and moves % 2 == 0
        accepted = np.zeros(len(self), dtype=np.int64)
        bounds = np.linspace(0, len(self), self.threads + 1).astype(int)
        blocks = list(itertools.pairwise(bounds))

        def run(block: tuple[int, int]) -> None:
            self._run_block(slice(*block), target, observer, n_samples, moves, accepted)

        with self._exclusive:
            self._stopping = False
            others = [self._pool.submit(run, block) for block in blocks[1:]] if self.threads > 1 else []
            try:
                run(blocks[0])  # in this thread, which is awake: one that wakes up may get the same core as another
            except BaseException:
                self._stopping = True
                raise
            finally:
                wait(others)
            for other in others:
                other.result()
        self.next_part = (self.next_part + n_samples * moves) % self.x.shape[1]
        acceptance = float(accepted.sum() / (len(self) * n_samples * moves))
        self.alternating = self.x.ndim == 2 and (1 - acceptance) * moves < FEW_REJECTIONS
        return acceptance

    @property
    def _pool(self) -> ThreadPoolExecutor:
        """Threads of this process; those of a process that was forked stayed behind."""
        if self._threads is None or self._process != os.getpid():
            self._threads, self._process = ThreadPoolExecutor(self.threads - 1), os.getpid()
            self._drawing = Lock()
        return self._threads

    def __getstate__(self) -> dict[str, Any]:
        """Without what belongs to this process."""
        return {name: value for name, value in self.__dict__.items() if name not in ("_threads", "_drawing", "_paces")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _threads=None, _drawing=Lock(), _paces={})

    def _run_block(
        self, block: slice, target: Any, observer: Any, n_samples: int, moves: int, accepted: np.ndarray
    ) -> None:
        work, scratch = workspace(target), scratch_for(self.x)
        for samples in self._rounds(target, n_samples, moves):
            with self._drawing:  # two threads that draw at once hand the interpreter over for every chain, slowly
                noise = self._draw(block, target, (samples.stop - samples.start) * moves)
            n, first = samples.stop - samples.start, self.next_part + samples.start * moves
            for part in self._parts(block, n * moves, (type(target), type(observer), _recorded(observer))):
                if self._stopping:
                    return
                inner = slice(part.start - block.start, part.stop - block.start)
                drawn = Noise(noise.normals[inner], noise.exponentials[inner])
                observed = part_of(observer, part, samples)
                run_block(target, work, self.proposal, observed, self.x[part], drawn, n, first, accepted[part], scratch)

    def _parts(self, block: slice, n_moves: int, kind: Hashable) -> Iterator[slice]:
        """Parts of a block of chains that take about ``PATIENCE`` seconds, if they take as long as the last ones.

        Between two of them the interpreter sees signals. They make no difference to the chains.
        """
        start = block.start
        while start < block.stop:
            began, pace = time.perf_counter(), self._paces.get(kind, math.inf)
            length = max(1, int(min(PATIENCE / (pace * n_moves), len(self))))
            part = slice(start, min(start + length, block.stop))
            yield part
            self._paces[kind] = max(time.perf_counter() - began, 1e-9) / ((part.stop - part.start) * n_moves)
            start = part.stop

    def _rounds(self, target: Any, n_samples: int, moves: int) -> Iterator[slice]:
        """Slices of the samples, short enough for the random numbers of a round to stay in the cache.

        The length depends on nothing but the configuration, so that a chain's random numbers never depend on threads.
        """
        numbers = len(self) * moves * sum(noise_per_move(self.proposal, target))
        length = max(1, NOISE_BYTES // (8 * max(1, numbers)))
        for start in range(0, n_samples, length):
            yield slice(start, min(start + length, n_samples))

    def _draw(self, block: slice, target: Any, n_moves: int) -> Noise:
        generators = self.generators[block]
        n_normals, n_exponentials = noise_per_move(self.proposal, target)
        kind = getattr(self.proposal, "noise", "standard_normal")
        normals = np.empty((len(generators), n_moves, n_normals))
        exponentials = np.empty((len(generators), n_moves, n_exponentials))
        for generator, first, second in zip(generators, normals, exponentials, strict=True):
            getattr(generator, kind)(out=first)
            generator.standard_exponential(out=second)
        return Noise(normals, exponentials)

    def burn_in(self, target: Any, n_sweeps: int, observer: Any, *, n_rounds: int = 20) -> float:
        """Run ``n_sweeps`` sweeps under an ``observer`` that records nothing (its arrays have no samples).

        Over the first half the step of the proposal is tuned, then it is frozen. After round t it is multiplied by
        exp((acceptance - wanted) * 4 / sqrt(t)), a Robbins-Monro search for the acceptance that suits the proposal; a
        search that ends outside 0.2 to 0.9, since the first step was many orders of magnitude from the right one, is
        continued by another. Returns the acceptance after freezing.
        """
        sweeps = max(1, n_sweeps // (2 * n_rounds))
        if isinstance(self.proposal, Metropolis):
            for _ in range(MOST_SEARCHES):
                if LEAST_ACCEPTANCE <= self._tune(target, observer, sweeps, n_rounds) <= MOST_ACCEPTANCE:
                    break
        return self.run(target, observer, max(1, n_sweeps - n_rounds * sweeps))

    def _tune(self, target: Any, observer: Any, sweeps: int, n_rounds: int) -> float:
        """Search the step in rounds of some sweeps, and return the acceptance in the last rounds."""
        acceptances = []
        for t in range(1, n_rounds + 1):
            acceptances.append(self.run(target, observer, sweeps))
            excess = acceptances[-1] - self.proposal.target_acceptance
            self.proposal = self.proposal._replace(step=self.proposal.step * math.exp(4 * excess / math.sqrt(t)))
        return float(np.mean(acceptances[-n_rounds // 4 :]))

    def state(self) -> dict[str, Any]:
        """Everything needed to continue bit for bit."""
        return {
            "x": self.x.copy(),
            "generators": generator_states(self.generators),
            "step": float(getattr(self.proposal, "step", 0.0)),
            "next_part": self.next_part,
            "alternating": self.alternating,
        }

    def restore(self, state: Mapping[str, Any] | Saved) -> None:
        """Continue from what ``state`` returned. Raises ``ValueError`` for what these chains could not have saved."""
        self.assign(self.checked(state))

    def checked(self, state: Mapping[str, Any] | Saved) -> dict[str, Any]:
        """The attributes that a saved state stands for, every one of them checked; the chains stay as they are."""
        saved = state if isinstance(state, Saved) else Saved(state)
        saved.names(("x", "generators", "step"), optional=("next_part", "alternating"))
        if (found := np.shape(saved.entry("x"))) != self.x.shape:
            saved.refuse(f"chains of shape {self.x.shape}", f"chains of shape {found}", "x")
        spins = self.x.ndim == 2
        least, most = (-1, 1) if spins else (-math.inf, math.inf)
        x = saved.array("x", self.x.shape, self.x.dtype, least=least, most=most)
        if spins and not x.all():
            saved.refuse("spins +-1", "0", "x")
        return {
            "x": x,
            "generators": restore_generators(saved, "generators", len(self)),
            "next_part": saved.integer("next_part", most=self.x.shape[1] - 1, default=0),
            "alternating": saved.flag("alternating") if "alternating" in saved else False,
            "proposal": self._saved_proposal(saved),
        }

    def _saved_proposal(self, saved: Saved) -> Any:
        """The proposal with the saved step, which is 0 where there is none."""
        if isinstance(self.proposal, Metropolis):
            return self.proposal._replace(step=saved.number("step", least=np.finfo(float).tiny))
        saved.number("step", least=0, most=0)
        return self.proposal

    def assign(self, checked: Mapping[str, Any]) -> None:
        """Continue from what ``checked`` returned."""
        for name, value in checked.items():
            setattr(self, name, value)


def _recorded(observer: Any) -> tuple[bool, ...]:
    """Which arrays of an observer record anything."""
    return tuple(leaf.shape[1] > 0 for leaf in observer if isinstance(leaf, np.ndarray))


def part_of(observer: Any, chains: slice, samples: slice) -> Any:
    """The observer of some chains and samples: its arrays, sliced along their first two axes.

    A sample axis of length 1 marks scratch that all samples of a chain share.
    """
    return type(observer)._make(
        (leaf[chains] if leaf.shape[1] == 1 else leaf[chains, samples]) if isinstance(leaf, np.ndarray) else leaf
        for leaf in observer
    )
