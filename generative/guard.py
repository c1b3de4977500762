"""What stops a training in torch that has run away, and where it goes back to.

A loss is judged record by record by ``neural.divergence.Watch``, with what it was before the first step as its start:

    |loss| > 1000 (|start| + 1)          at once
    loss > start + 10 noise of a batch   at the end, of a loss that has to fall, with the noise of the last record
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from generative.objectives import Objective
from neural.divergence import ABSURD, DivergedError, Watch
from neural.saved import Saved

ADVICE = "lower the learning rate, or clip the gradient"
KEEP_EVERY = 100  # steps from one good state to the next
BATCHES = 10.0  # how many times the noise of a batch a training may end above its start


class Guard:
    """The judge of the ``objective`` that a training records first."""

    def __init__(self, objective: Objective) -> None:
        self.name, self.falls = objective.name, objective.settled == 0
        self.good: dict[str, Any] = {}
        self.restore({})

    def keep(self, step: int, state: Callable[[], dict[str, Any]]) -> None:
        """Remember the ``state`` of a training that is as it should be, now and then."""
        if self.watch.calm and step >= self.good.get("step", -KEEP_EVERY) + KEEP_EVERY:
            self.good = state()

    def see(self, step: int, losses: np.ndarray, last: bool) -> None:
        """The losses of the steps of a record. Raises ``DivergedError``."""
        if math.isnan(self.start):
            self.start = float(losses[0])
        loss = float(losses.mean())
        if abs(loss) > ABSURD * (abs(self.start) + 1):
            raise self._diverged(step, f"is {loss:.6g}, and was {self.start:.6g} at the first step")
        self.watch.see(step, loss)
        noise = float(losses.std(ddof=1)) if len(losses) > 1 else math.inf
        if last and self.falls and loss > self.start + BATCHES * noise:
            raise self._diverged(step, f"has risen from {self.start:.6g} to {loss:.6g}")

    def _diverged(self, step: int, what: str) -> DivergedError:
        return DivergedError(f"step {step}: the {self.name} {what}; {ADVICE}", step)

    def state(self) -> dict[str, Any]:
        """What it remembers; empty before the first record."""
        return {} if math.isnan(self.start) else {"start": self.start, "watch": self.watch.state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Judge on from a state that has been checked, or from the beginning where it is empty."""
        self.watch = Watch(self.name, advice=ADVICE, minimised=self.falls)
        self.start = float(state["start"]) if state else math.nan
        if state:
            self.watch.restore(state["watch"])


def checked_guard(saved: Saved) -> dict[str, Any]:
    """The state of a guard. Raises ``ValueError`` for one that cannot be."""
    if not saved.state:
        return {}
    watch = saved.part("watch")
    numbers = ("start", "lowest", "highest", "noise", "spread", "size", "span")
    found: dict[str, Any] = {name: watch.number(name) for name in numbers}
    found |= {name: watch.integer(name) for name in ("n_seen", "in_a_row")}
    found["recent"] = watch.array("recent", (None,), np.float64)
    return {"start": saved.number("start"), "watch": found}
