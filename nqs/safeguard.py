"""What keeps variational Monte Carlo from running away: psi changes by a bounded amount, and there is a way back.

A step is halved until the standard deviation of the change of log psi over the present configurations is bounded: that
of the change itself, not of its linear part, which is far too small where log psi is flat. Samples of an energy that
rose by more than noise explains, or of which most moves are no longer accepted, send the parameters back towards the
best ones so far, a line search, and later steps are shorter for a while. Samples that cannot be right send them all the
way back, and the training ends. Where nothing of this acts, the numbers are what they would be without.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from neural.divergence import DivergedError, Watch
from neural.optimizers import State
from neural.saved import Saved

CONFIGURATIONS = 64  # over which the change of log psi is looked at
LARGEST_CHANGE = 0.3  # of log psi: its standard deviation, where the optimizer has no trust region
TRUST_REGION = 0.6  # the part of the trust region of stochastic reconfiguration that it may be
EVERY, MARGIN = 10, 3.0  # it is looked at every so many steps, and where it may be a third of what it may be
HALVINGS = 40  # of one step, then it is given up
RETREATS = 8  # towards the best parameters, each to a quarter of the way, then the training is given up
ENOUGH = 4  # retreats, after which a step is not to blame for an energy that is higher
GROWTH = 1.2  # of the trust in steps, after each one that went well
RISE, RISE_OF_MEDIAN, FALL = 0.5, 1.5, 15.0  # of the energy, in units of its mean absolute deviation
ERRORS, RELATIVE = 6.0, 1e-4  # how many standard errors, and which part of the energy, are no rise
LEAST = 0.25  # part of the acceptance that has to be left, where it was above LARGE
LARGE = 0.1
LEAST_WEIGHTS = 0.05  # part of the number of samples that weighted ones are worth


class Record(NamedTuple):
    """What tells good samples from bad ones."""

    energy: float
    error: float
    variance: float
    median: float
    deviation: float  # mean of |E_L - median|
    acceptance: float
    n_eff: float  # how many samples the weighted ones are worth

    @property
    def bound(self) -> float:
        """Which energy it is below, most likely."""
        return self.energy + 2 * self.error

    def rise(self, best: "Record") -> str:
        """In which way it is worse than the best one; empty where it is not."""
        least = RELATIVE * abs(best.median)
        noise = ERRORS * min(best.error, best.deviation) + least
        if self.energy - best.energy > RISE * best.deviation + ERRORS * np.hypot(best.error, self.error) + least:
            return f"the energy rose from {best.energy:.6g} to {self.energy:.6g}"
        if self.median - best.median > RISE_OF_MEDIAN * best.deviation + noise:
            return f"the median of the energies rose from {best.median:.6g} to {self.median:.6g}"
        if self.acceptance < LEAST * best.acceptance and best.acceptance > LARGE:
            return f"the acceptance fell from {best.acceptance:.3g} to {self.acceptance:.3g}"
        if self.n_eff < LEAST_WEIGHTS * best.n_eff:
            return f"the weighted samples are worth {self.n_eff:.4g} instead of {best.n_eff:.4g}"
        return ""

    def breakdown(self, best: "Record | None") -> str:
        """Why it cannot be right; empty where nothing is wrong."""
        if not (np.isfinite(self.energy) and np.isfinite(self.n_eff)):
            return "the energy is not finite"
        if best is None:
            return ""
        if self.acceptance == 0 < best.acceptance and self.deviation > 1e-9 * abs(self.median):
            return "no move of the chains is accepted any more"
        if self.median < best.median - FALL * best.deviation - ERRORS * best.error - 0.1 * abs(best.median):
            return f"the energy fell from {best.median:.6g} to {self.median:.6g}"
        return ""

    def outside(self, bounds: tuple[float, float], deviation: float) -> str:
        """Why no state has this energy; empty where one may. Between bounds, sigma is at most half their distance.

        Samples that are not in equilibrium can have any mean, as where few of them have found a peak of psi.
        """
        low, high = bounds
        noise = ERRORS * min((high - low) / 2, FALL * deviation) / math.sqrt(self.n_eff)
        if low - noise <= self.energy <= high + noise:
            return ""
        return f"the energy {self.energy:.6g} is outside {low:.6g} to {high:.6g}, where those of all states are"


NOTHING = Record(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


def record_of(energies: np.ndarray, weights: np.ndarray | None, energy: Any, acceptance: float) -> Record:
    """The record of local energies, shape (n_chains, n_samples), with ``energy`` as their estimate."""
    flat = energies.ravel()
    if weights is None:
        middle = len(flat) // 2
        median, n_eff = float(np.partition(flat, middle)[middle]), float(len(flat))
        deviation = float(np.mean(np.abs(flat - median)))
    else:
        order = np.argsort(flat)
        middle = np.searchsorted(np.cumsum(weights[order]), 0.5)
        median, n_eff = float(flat[order[min(middle, len(flat) - 1)]]), float(1 / (weights @ weights))
        deviation = float(weights @ np.abs(flat - median))
    return Record(energy.mean, energy.error, energy.variance, median, deviation, acceptance, n_eff)


class Best(NamedTuple):
    """Where the samples of the lowest energy came from."""

    parameters: np.ndarray
    optimizer: State
    record: Record


class Safeguard:
    """Bounds each step, keeps the best state, and tells good samples from bad ones."""

    def __init__(self, advice: str, bounds: tuple[float, float] = (-math.inf, math.inf)) -> None:
        self.advice, self.bounds = advice, bounds
        self.trust = 1.0
        self.slope = -1.0  # of the change of log psi with the length of a step; below 0 where it is not known
        self.retreats, self.broken = 0, False  # since the last good samples
        self.best: Best | None = None
        self.watch = Watch("energy", advice=advice)

    def bounded(self, psi: Any, after: np.ndarray, x: np.ndarray, largest: float, step: int) -> Any:
        """psi with the parameters ``after``, or with some on the way there where log psi would change by too much."""
        before = psi.parameters
        if self.trust < 1:
            after = before + self.trust * (after - before)
        whole = after - before
        length = norm(whole)
        if step % EVERY and 0 <= MARGIN * self.slope * length <= largest:
            return psi.with_parameters(after)
        log_psi = np.real(psi.log_psi(x[:CONFIGURATIONS]))
        for _ in range(HALVINGS):
            trial = psi.with_parameters(after)
            change = change_of(log_psi, trial, x[:CONFIGURATIONS])
            if change <= largest:
                length = norm(whole)
                self.slope = change / length if 0 < length < math.inf else -1.0
                return trial
            whole = whole / 2
            after = before + whole
        tried = f"psi changes beyond all bounds even on {2.0**-HALVINGS:.0e} of the way"
        raise DivergedError(f"step {step}: {tried}; {self.advice}", step)

    def complaint(self, record: Record) -> str:
        """What is wrong with samples; empty where nothing is, or where the last step is not to blame for it."""
        best = self.best.record if self.best else None
        broken = record.breakdown(best) or record.outside(self.bounds, (best or record).deviation)
        broken = broken or self.watch.complaint(record.energy, record.error)
        self.broken = self.broken or bool(broken)
        return broken or ("" if best is None or self.retreats >= ENOUGH else record.rise(best))

    def accept(self, step: int, now: Best) -> None:
        """The samples of a state are good, or no step is to blame for them."""
        record = now.record
        self.watch.see(step, record.energy, record.error, math.sqrt(record.variance))
        in_vain = self.retreats == ENOUGH and not self.broken
        shortened = self.retreats > 0 and not in_vain
        self.trust = self.trust * 0.25**self.retreats if shortened else min(1.0, GROWTH * self.trust)
        if self.best is None or in_vain or record.bound <= self.best.record.bound:
            self.best = now
        self.retreats, self.broken = 0, False

    def retreat(self, psi: Any) -> Any:
        """psi a quarter of the way from the best parameters to these."""
        assert self.best is not None
        self.retreats += 1
        return psi.with_parameters(self.best.parameters + 0.25 * (psi.parameters - self.best.parameters))

    @property
    def exhausted(self) -> bool:
        """Whether there is no way back, or all of it was gone in vain."""
        return self.best is None or self.retreats == RETREATS

    def anew(self) -> "Safeguard":
        """One that remembers nothing."""
        return Safeguard(self.advice, self.bounds)

    def state(self, now: Best) -> dict[str, Any]:
        """What it remembers; before there is a best state, ``now`` stands for it, with ``known`` False."""
        best = self.best or now
        return {
            "trust": self.trust,
            "slope": self.slope,
            "known": self.best is not None,
            "parameters": best.parameters.copy(),
            "optimizer": {"step": best.optimizer.step, **{k: np.array(v) for k, v in best.optimizer.memory.items()}},
            "record": np.array(best.record),
            "watch": self.watch.state(),
        }

    def restore(self, saved: Saved, n_parameters: int, saved_optimizer: Callable[[Saved], State]) -> None:
        """Continue from what ``state`` returned. Raises ``ValueError`` for what it could not have been."""
        saved.names(("trust", "slope", "known", "parameters", "optimizer", "record", "watch"))
        record = Record(*saved.array("record", (len(NOTHING),), np.float64).tolist())
        parameters = saved.array("parameters", (n_parameters,), np.float64)
        best = Best(parameters, saved_optimizer(saved.part("optimizer")), record)
        self.trust, self.best = saved.number("trust", 1e-300, 1.0), best if saved.flag("known") else None
        self.slope = saved.number("slope", -1.0)
        self.watch.restore(saved.part("watch"))


def norm(v: np.ndarray) -> float:
    """The length of a vector; infinite where it is beyond the largest double."""
    with np.errstate(over="ignore"):
        return float(np.linalg.norm(v))


def change_of(log_psi: np.ndarray, trial: Any, x: np.ndarray) -> float:
    """The standard deviation of the change of log |psi|; infinite where it is not finite."""
    with np.errstate(all="ignore"):
        change = float(np.std(np.real(trial.log_psi(x)) - log_psi))
    return change if np.isfinite(change) else np.inf


def positions(chains: Any) -> np.ndarray:
    """A copy of the configurations of all chains, also of those at other temperatures."""
    return np.stack([level.x for level in getattr(chains, "levels", [chains])])


def place(chains: Any, x: np.ndarray) -> None:
    """Let the chains continue from such configurations."""
    for level, each in zip(getattr(chains, "levels", [chains]), x, strict=True):
        level.x = each.copy()
