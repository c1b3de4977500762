"""A data set: configurations for training and testing, and what their numbers mean."""

from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np

Array = np.ndarray

ALLOWED = {
    "bits": "0 and 1",
    "spins": "-1 and +1",
    "unit": "numbers from 0 to 1",
    "real": "finite numbers",
}
REMEDY = {
    ("bits", "spins"): "take data.as_bits(), or (x + 1) / 2",
    ("spins", "bits"): "take data.as_spins(), or 2 x - 1",
    ("bits", "unit"): "binarise it: x > 0.5",
    ("bits", "real"): "compare it with a threshold: x > threshold",
    ("spins", "unit"): "binarise it: 2 (x > 0.5) - 1",
    ("spins", "real"): "compare it with a threshold: 2 (x > threshold) - 1",
    ("unit", "spins"): "take data.as_bits(), or (x + 1) / 2",
    ("unit", "real"): "rescale it: (x - x.min()) / (x.max() - x.min())",
}


def find_values(x: Array) -> str:
    """The narrowest of "bits", "spins", "unit" and "real" that the numbers of ``x`` belong to."""
    return next(values for values in ALLOWED if _belong(x, values))


def _belong(x: Array, values: str) -> bool:
    if values == "bits":
        return bool(np.all((x == 0) | (x == 1)))
    if values == "spins":
        return bool(np.all((x == 1) | (x == -1)))
    return values == "real" or bool(np.all((x >= 0) & (x <= 1)))


def check_configurations(x: Any, n_features: int, values: str, what: str = "configurations") -> Array:
    """``x`` as an array (n_samples, n_features) whose numbers are of the kind ``values``.

    Raises ``ValueError`` that says how to convert what was found.
    """
    x = np.asarray(x)
    if x.dtype.kind not in "biuf":
        raise ValueError(f"expected {what} as an array of numbers, found dtype {x.dtype}")
    if x.ndim != 2 or x.shape[1] != n_features or len(x) == 0:
        hint = f"; x.reshape(len(x), -1) makes rows of {n_features}" if x.ndim > 2 and x[0].size == n_features else ""
        raise ValueError(f"expected {what} of shape (n, {n_features}), n > 0, found {x.shape}{hint}")
    if not np.all(np.isfinite(x)):
        raise ValueError(f"expected finite {what}, found NaN or infinity")
    if not _belong(x, values):
        found = find_values(x)
        extent = f"; their range is {x.min():.6g} to {x.max():.6g}" if found in ("unit", "real") else ""
        remedy = REMEDY[values, found] + extent
        raise ValueError(f"expected {what} made of {ALLOWED[values]}, found {ALLOWED[found]}: {remedy}")
    return x.astype(np.float64 if x.dtype == np.float64 else np.float32, copy=False)


@dataclass(frozen=True)
class Dataset:
    """Configurations in rows.

    name : what the data is
    train, test : shape (n, n_features)
    values : "bits" (0, 1), "spins" (-1, 1), "unit" ([0, 1]) or "real"
    shape : of one configuration, with n_features numbers
    train_labels, test_labels : one number for each row (class, temperature), or None
    targets : the exact distributions that the data was drawn from, if any
    diagnostics : how well the data was drawn, one for each target
    """

    name: str
    train: Array
    test: Array
    values: str
    shape: tuple[int, ...]
    train_labels: Array | None = None
    test_labels: Array | None = None
    targets: tuple[Any, ...] = ()
    diagnostics: tuple[Any, ...] = field(default=())

    @property
    def n_features(self) -> int:
        """Numbers in one configuration."""
        return self.train.shape[1]

    def as_spins(self) -> Self:
        """0 and 1 as -1 and +1; reads all rows of a file."""
        return self._convert("bits", "spins", lambda x: 2 * x - 1)

    def as_bits(self) -> Self:
        """-1 and +1 as 0 and 1; reads all rows of a file."""
        return self._convert("spins", "bits", lambda x: (x + 1) / 2)

    def _convert(self, origin: str, goal: str, function: Any) -> Self:
        if self.values not in (origin, goal):
            raise ValueError(f"expected data made of {ALLOWED[origin]}, found {ALLOWED[self.values]}")
        if self.values == goal:
            return self
        train, test = (function(np.asarray(part)) for part in (self.train, self.test))
        return replace(self, train=train, test=test, values=goal)

    def __repr__(self) -> str:
        rows = f"{len(self.train)} for training, {len(self.test)} for testing"
        lines = [f"Dataset({self.name}: {rows}, shape {self.shape}, {self.values})", *map(str, self.diagnostics)]
        return "\n  ".join(lines)
