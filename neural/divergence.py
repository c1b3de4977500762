"""One judge of every training: has it run away?

A record of a training is its loss or energy, what is known of its noise, and signals that have to stay within bounds,
such as the acceptance of chains or the largest weight. A training has run away where, ``patience`` records in a row,

    x > start + allowance + 3 error             of a loss that is to fall, or
    |x| > 1000 ( size + allowance ),            of any loss, or
    a signal is outside its bounds,             or, at once, where a number is not finite. With

    allowance = 20 noise + span + spread + unit

The start is the median of the first three records, the span the range in which the loss has been, the size the largest
|x|, the noise the larger of the given error and the scatter of recent records, a median, which heavy tails do not move.
What is remembered grows by no more than 5 % from one record to the next: a loss that grows faster leaves it behind.
"""

import math
from collections.abc import Mapping
from itertools import pairwise
from statistics import median
from typing import Any, NamedTuple

import numpy as np

from neural.saved import Saved

BEGINNING = 3  # records whose median is where a loss begins
FIRST = 8  # records before any is judged, but for what is not finite
RECENT = 16  # records from which the scatter is known
NOISE = 20.0  # how many times its noise a loss may rise
ERRORS = 3.0  # how many of its own errors one record may lie away
ABSURD = 1000.0  # how many times its size a loss may become
GROWTH = 1.05  # of what is remembered, from one record to the next
ROUNDING = 1e-9  # of a loss, relative
NORMAL = 1.4826 / math.sqrt(2)  # from the median of |x_t - x_t-1| to a standard deviation
REMEMBERED = ("start", "lowest", "highest", "noise", "spread", "size", "span")


class DivergedError(FloatingPointError):
    """A training that ran away; the message says what happened, at which step, and what may help."""

    def __init__(self, message: str, step: int | None = None) -> None:
        super().__init__(message)
        self.step = step


class Signal(NamedTuple):
    """A number beside the loss, the bounds between which it is healthy, and what it means that it is not."""

    value: float
    low: float = -math.inf
    high: float = math.inf
    cause: str = ""

    def complaint(self, name: str) -> str:
        """What is wrong with it; empty where nothing is."""
        if self.low <= self.value <= self.high:
            return ""
        bound = f"below {self.low:.4g}" if self.value < self.low else f"above {self.high:.4g}"
        return f"{name} {self.value:.4g} is {bound}" + (f": {self.cause}" if self.cause else "")


class Watch:
    """Sees each record of a training and raises ``DivergedError`` where it has run away.

        watch = Watch("energy", advice="a smaller learning rate may help")
        watch.see(step, energy, error, acceptance=Signal(0.5, low=1e-4))

    Parameters
    ----------
    name : of the loss
    advice : which knob to turn, for the end of the message
    minimised : whether the loss has to fall; that of adversaries, or one whose weights change, may rise
    unit : a difference of losses that never matters, such as 1 nat
    patience : records in a row that have to be wrong
    """

    def __init__(
        self,
        name: str = "loss",
        *,
        advice: str = "a smaller learning rate may help",
        minimised: bool = True,
        unit: float = 0.0,
        patience: int = 5,
    ) -> None:
        self.name, self.advice, self.minimised, self.unit, self.patience = name, advice, minimised, unit, patience
        self.n_seen = self.in_a_row = 0
        self.start = self.lowest = self.highest = 0.0
        self.noise = self.spread = self.size = self.span = 0.0
        self.recent: list[float] = []

    @property
    def calm(self) -> bool:
        """Whether the last record was as it should be: the parameters behind it are worth keeping."""
        return self.in_a_row == 0

    def see(self, step: int, loss: float, error: float = 0.0, spread: float = 0.0, **signals: Signal) -> None:
        """Judge a record; raises ``DivergedError``.

        error : standard error of the loss, where it is known
        spread : standard deviation of what the loss is the average of, where it is known
        signals : further numbers by name, with their bounds
        """
        broken = self._not_finite(loss, signals)
        complaint = broken or self.complaint(loss, error, signals)
        self.in_a_row = self.in_a_row + 1 if complaint else 0
        if broken or self.in_a_row >= self.patience:
            raise DivergedError(f"step {step}: {complaint}; {self.advice}", step)
        if not complaint:
            self._remember(loss, error, spread)

    def complaint(self, loss: float, error: float = 0.0, signals: Mapping[str, Signal] | None = None) -> str:
        """What is wrong with a record; empty where nothing is."""
        for name, signal in (signals or {}).items():
            if wrong := signal.complaint(name.replace("_", " ")):
                return wrong
        if self.n_seen < FIRST:
            return ""
        found = f"the {self.name} {loss:.6g}"
        if abs(loss) > ABSURD * (self.size + self.allowance):
            return f"{found} is beyond anything seen before, which was up to {self.size:.6g}"
        if self.minimised and loss > self.start + self.allowance + ERRORS * error:
            return f"{found} is above {self.start:.6g}, where it began, by more than noise explains"
        return ""

    @property
    def allowance(self) -> float:
        """How far from the start a loss may be."""
        return NOISE * self.noise + self.span + self.spread + self.unit + ROUNDING * self.size

    def _not_finite(self, loss: float, signals: Mapping[str, Signal]) -> str:
        """A complaint about what is not finite; it does not wait for others."""
        bad = [name for name, signal in signals.items() if not math.isfinite(signal.value)]
        if math.isfinite(loss) and not bad:
            return ""
        return f"the {self.name if not math.isfinite(loss) else bad[0].replace('_', ' ')} is not finite"

    def _remember(self, loss: float, error: float, spread: float) -> None:
        self.recent = [*self.recent, loss][-RECENT:]
        self.n_seen += 1
        if self.n_seen <= BEGINNING:
            self.start = self.lowest = self.highest = median(self.recent)
        now = median(self.recent[-BEGINNING:])
        self.lowest, self.highest = min(self.lowest, now), max(self.highest, now)
        changes = [abs(after - before) for before, after in pairwise(self.recent)]
        scatter = NORMAL * median(changes) if changes else 0.0
        self.noise = self._follow(self.noise, max(error, scatter))
        self.spread = self._follow(self.spread, spread)
        self.size = self._follow(self.size, max(self.size, abs(loss)))
        self.span = self._follow(self.span, self.highest - self.lowest)

    def _follow(self, known: float, now: float) -> float:
        """What is now, or 5 % more than what was known: a rise has to be slow."""
        return now if self.n_seen <= FIRST or known == 0 else min(now, GROWTH * known)

    def state(self) -> dict[str, Any]:
        """What it remembers, as numbers and an array of fixed length."""
        recent = np.array([*self.recent, *[0.0] * (RECENT - len(self.recent))])
        counts = {"n_seen": self.n_seen, "in_a_row": self.in_a_row}
        return {"recent": recent, **counts, **{name: getattr(self, name) for name in REMEMBERED}}

    def restore(self, state: Mapping[str, Any] | Saved) -> None:
        """Judge on from what ``state`` returned, to the same bits. Raises ``ValueError`` for what it could not be."""
        saved = state if isinstance(state, Saved) else Saved(state)
        saved.names(("recent", "n_seen", "in_a_row", *REMEMBERED))
        recent = saved.array("recent", (RECENT,), np.float64)
        self.n_seen, self.in_a_row = saved.integer("n_seen"), saved.integer("in_a_row", most=self.patience)
        self.recent = recent[: self.n_seen].tolist()
        for name in REMEMBERED:
            setattr(self, name, saved.number(name))
