"""What an experiment is: a name, a typed configuration, and a run made from it.

A run has two phases, both generators that yield a record after every step. Between two records it can be saved with
``state`` and continued with ``restore``, to the same bits, by a fresh run of the same configuration.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np

from ..result import Measurement, Profile
from .settings import Settings


class Progress(NamedTuple):
    """After one step: how far the phase has come, and its numbers by name (the columns of the trace)."""

    done: int
    total: int
    numbers: Mapping[str, float]


class Run(Protocol):
    """A run in progress. Generators start where the run stands, also after ``restore``."""

    exact: Mapping[str, float]
    """Known values of columns and measurements, by name."""

    def training(self) -> Iterator[Progress]:
        """The remaining steps; each yields one row of the trace."""
        ...

    def measuring(self) -> Iterator[Progress]:
        """The remaining rounds of the final measurement."""
        ...

    def measurements(self) -> Mapping[str, Measurement | Profile]:
        """What was measured, once both phases are done: numbers, and arrays such as densities."""
        ...

    def samples(self) -> Mapping[str, np.ndarray]:
        """Configurations worth keeping, once both phases are done."""
        ...

    def state(self) -> dict[str, Any]:
        """A tree of arrays and numbers; ``step`` counts the rows of the trace that lie behind it."""
        ...

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from a state. Raises ``ValueError`` or ``KeyError`` when it does not fit."""
        ...


class Experiment(NamedTuple):
    """A member of the registry. ``start`` raises ``ValueError`` for settings that do not go together.

    ``draw(result, figure)`` draws a finished result where the experiment has a picture of its own.
    """

    name: str
    settings: type[Settings]
    start: Callable[[Any], Run]
    draw: Callable[..., None] | None = None
