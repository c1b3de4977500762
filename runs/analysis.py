"""Numbers derived from a result."""

from typing import NamedTuple

import numpy as np

from .result import Result


class Comparison(NamedTuple):
    """A measured value beside its exact one: the difference, and the difference in standard errors."""

    name: str
    value: float
    error: float
    exact: float
    difference: float
    sigmas: float


def comparisons(result: Result) -> list[Comparison]:
    """Every measurement whose exact value is known."""
    rows = []
    for name, measurement in result.measurement.items():
        estimate, exact = measurement.estimate, measurement.exact
        if exact is not None:
            difference = estimate.mean - exact
            rows.append(Comparison(name, estimate.mean, estimate.error, exact, difference, estimate.z(exact)))
    return rows


class BlockingCurve(NamedTuple):
    """The error of the mean from blocks of ``size`` steps, and the uncertainty of that error."""

    size: np.ndarray
    error: np.ndarray
    error_of_error: np.ndarray


def blocking_curve(result: Result) -> BlockingCurve | None:
    """The blocking curve of the measured energy, or None before a measurement.

    The last steps of a chain may fill no block of a large size. Errors are scaled to the full number of samples, so
    that all sizes can be compared.
    """
    from montecarlo.statistics import Accumulator

    saved = (result.state or {}).get("measured", {})
    if "energy" not in saved:
        return None
    accumulator = Accumulator.from_state(saved["energy"])
    if accumulator.blocks.size < 2:
        return None
    curve = accumulator.blocking()
    scale = np.sqrt(curve.size * curve.n_blocks / (len(accumulator.blocks) * accumulator.n_steps))
    return BlockingCurve(curve.size, curve.error * scale, curve.error_of_error * scale)


def smoothed(column: np.ndarray, width: int) -> np.ndarray:
    """Running mean over ``width`` steps, shorter at the ends; same length as the column."""
    sums = np.concatenate([[0.0], np.cumsum(column)])
    positions = np.arange(len(column))
    low, high = np.maximum(positions - width // 2, 0), np.minimum(positions + (width + 1) // 2, len(column))
    return (sums[high] - sums[low]) / (high - low)
