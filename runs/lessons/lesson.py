"""What a lesson is: a typed configuration, and a function that yields records and returns what was found.

def learn(settings) -> Records:
    for ...:
        yield Progress(done, total, {"loss": loss})
    return Outcome({"accuracy": Finding(accuracy, least=0.98)}, {"weights": weights})

``lesson`` makes an experiment of it: it is run, saved, continued and shown like all others. A file ends with
``EXPERIMENT = lesson(NAME, Settings, learn, draw)``, where ``draw(result, figure)`` draws the picture.
"""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar, NamedTuple

import numpy as np
from pydantic import Field, model_validator

from montecarlo.estimates import Estimate

from ..experiments.experiment import Experiment, Progress
from ..experiments.settings import Settings
from ..result import Measurement


class Finding(NamedTuple):
    """A number, or an array of no axes, that a lesson found, and what it is held to.

    ``reference`` is the published or exact value, met within ``tolerance`` or, without one, within four standard
    errors; ``least`` and ``most`` are bounds. ``error`` is the standard error of the value, 0 for none.
    """

    value: Any
    reference: float | None = None
    tolerance: float | None = None
    least: float | None = None
    most: float | None = None
    error: float = 0.0
    unit: str = ""

    def measurement(self) -> Measurement:
        """The same as part of a result."""
        estimate = Estimate(float(self.value), float(self.error))
        return Measurement(estimate, self.unit, self.reference, self.least, self.most)


def printed(value: Any, digits: str) -> Finding:
    """A value beside a published number, to be met to half a unit of its last digit."""
    decimals = len(digits.partition(".")[2])
    return Finding(value, float(digits), 0.5 * 10.0**-decimals)


class Outcome(NamedTuple):
    """The end of a lesson: ``findings`` by name, ``arrays`` to keep or draw, and lines of text such as equations."""

    findings: Mapping[str, Finding]
    arrays: Mapping[str, np.ndarray]
    notes: Sequence[str] = ()


Records = Generator[Progress, None, Outcome]


class LessonSettings(Settings):
    """Fields of every lesson. ``QUICK`` names the fields that ``quick`` replaces where they have their defaults."""

    QUICK: ClassVar[Mapping[str, Any]] = {}

    quick: bool = Field(False, description="everything small: a few seconds, to see that it runs")

    @model_validator(mode="before")
    @classmethod
    def _make_small(cls, values: Any) -> Any:
        if not isinstance(values, dict) or not values.get("quick"):
            return values
        defaults = {name: cls.model_fields[name].default for name in cls.QUICK}
        small = {name: cls.QUICK[name] for name, value in defaults.items() if values.get(name, value) == value}
        return {**values, **small}


class LessonRun:
    """A lesson in progress. It takes minutes at most, so one that was stopped is repeated up to where it stood."""

    exact: Mapping[str, float] = {}

    def __init__(self, learn: Callable[[Any], Records], settings: LessonSettings) -> None:
        self.learn, self.settings, self.step = learn, settings, 0
        self.outcome = Outcome({}, {})

    def _records(self) -> Iterator[Progress]:
        self.outcome = yield from self.learn(self.settings)

    def training(self) -> Iterator[Progress]:
        behind = self.step
        for step, progress in enumerate(self._records(), start=1):
            if step > behind:
                self.step = step
                yield progress

    def measuring(self) -> Iterator[Progress]:
        yield from ()

    def measurements(self) -> dict[str, Measurement]:
        return {name: finding.measurement() for name, finding in self.outcome.findings.items()}

    def samples(self) -> dict[str, np.ndarray]:
        return {name: np.asarray(array) for name, array in self.outcome.arrays.items()}

    @property
    def notes(self) -> list[str]:
        """Lines of text that belong to the result."""
        return list(self.outcome.notes)

    def state(self) -> dict[str, Any]:
        return {"step": self.step}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.step = int(state["step"])


def lesson(
    name: str, settings: type[LessonSettings], learn: Callable[[Any], Records], draw: Callable[..., None]
) -> Experiment:
    """The experiment that runs ``learn(settings)`` and is drawn by ``draw(result, figure)``."""
    return Experiment(name, settings, partial(LessonRun, learn), draw)
