"""Accuracy checks: functions that measure something and set it beside a reference."""

import math
from collections.abc import Callable, Iterable
from typing import NamedTuple


class Row(NamedTuple):
    """One comparison. It passes when the value is within its ``limit``.

    With errors, the limit is in standard errors on both sides: |value - reference| <= limit * sigma with
    sigma^2 = error^2 + reference_error^2. Without any error, it is an absolute distance. ``below=True`` asks for
    value <= reference + limit instead, in the same units, and ``above=True`` for value >= reference - limit.
    """

    name: str
    value: float
    error: float
    reference: float
    reference_error: float = 0.0
    limit: float = 4.0
    below: bool = False
    above: bool = False

    @property
    def sigma(self) -> float:
        return math.hypot(self.error, self.reference_error)

    @property
    def distance(self) -> float:
        """The difference in standard errors, or as it is without any error."""
        difference = self.value - self.reference
        return difference / self.sigma if self.sigma else difference

    @property
    def passed(self) -> bool:
        distance = self.distance if self.below else -self.distance if self.above else abs(self.distance)
        return distance <= self.limit  # False for NaN


Case = Callable[[], Iterable[Row]]
CASES: dict[str, Case] = {}
LONG: set[str] = set()
"""Names of the checks that run only where they, or "long", are asked for."""


def case(function: Case, *, name: str = "", long: bool = False) -> Case:
    """Register a check under its name. Its docstring's first line is shown above its rows."""
    name = name or function.__name__.replace("_", "-")
    if name in CASES:
        raise ValueError(f"expected one check named {name!r}, found two")
    CASES[name] = function
    if long:
        LONG.add(name)
    return function
