"""Options of fits: whole numbers in their range, and names that exist."""

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from neural.activations import unknown

LARGEST_COUNT = 2**31


def check_counts(**counts: Any) -> None:
    """Raise ``ValueError`` for what is no whole number from 1 to 2^31."""
    for name, value in counts.items():
        whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
        if not (whole and 1 <= value <= LARGEST_COUNT):
            raise ValueError(f"expected {name} >= 1 as a whole number, at most {LARGEST_COUNT}, got {value!r}")


def check_likelihood_every(value: Any) -> None:
    """Raise ``ValueError`` for what is no whole number from 0 on."""
    if value != 0 or isinstance(value, bool):
        check_counts(likelihood_every=value)


def check_options(function: Callable[..., Any], options: dict[str, Any]) -> None:
    """Raise ``TypeError`` for an option that ``function`` does not have; it names the nearest one."""
    known = [name for name, each in inspect.signature(function).parameters.items() if each.kind == each.KEYWORD_ONLY]
    known += [name for name in ("method",) if name in inspect.signature(function).parameters and name not in known]
    for name in options:
        if name not in known:
            raise TypeError(unknown("option of fit", name, known))
