"""A data set: configurations for training and testing, and what their numbers mean."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from typing import Any, Self

import numpy as np

from montecarlo.lattices import Graph, Lattice

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


KINDS = "biuf"  # of numbers: booleans, integers, floats
EXACT_INTEGERS = 2**24  # up to which single precision holds all of them


def find_values(x: Array) -> str:
    """The narrowest of "bits", "spins", "unit" and "real" that the numbers of ``x`` belong to."""
    return next(values for values in ALLOWED if _belong(x, values))


def _belong(x: Array, values: str) -> bool:
    if values == "bits":
        return bool(np.all((x == 0) | (x == 1)))
    if values == "spins":
        return bool(np.all((x == 1) | (x == -1)))
    return values == "real" or bool(np.all((x >= 0) & (x <= 1)))


def as_numbers(x: Any, what: str = "configurations") -> Array:
    """``x``, an array, a tensor or a list, as an array of numbers; ``ValueError`` with the remedy for anything else."""
    if isinstance(x, Dataset):
        raise ValueError(f"expected {what} as an array, found {x!r}: take data.train")
    if hasattr(x, "tensors") or hasattr(x, "batch_size"):
        remedy = "take all rows as one array, as dataset.tensors[0].numpy()"
        raise ValueError(f"expected {what} as an array (n, n_features), found a {type(x).__name__}: {remedy}")
    try:
        array = np.asarray(x.detach().cpu() if hasattr(x, "detach") else x)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"expected {what} as an array of numbers, found a {type(x).__name__}: {error}") from None
    if array.dtype.kind not in KINDS:
        raise ValueError(f"expected {what} as an array of numbers, found a {type(x).__name__} of dtype {array.dtype}")
    return array


def as_floats(x: Array) -> Array:
    """Numbers in single precision, or in double where they are or need it, so that arithmetic cannot wrap around."""
    wide = x.dtype.itemsize > 4 if x.dtype.kind == "f" else _beyond(x, EXACT_INTEGERS)
    return x.astype(np.float64 if wide else np.float32, copy=False)


def _beyond(integers: Array, largest: int) -> bool:
    return integers.size > 0 and (int(integers.max()) > largest or int(integers.min()) < -largest)


def check_configurations(x: Any, n_features: int, values: str, what: str = "configurations") -> Array:
    """``x`` as an array (n_samples, n_features), float32 or float64, whose numbers are of the kind ``values``.

    Raises ``ValueError`` that says how to convert what was found.
    """
    x = as_numbers(x, what)
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
    return as_floats(x)


def check_labels(labels: Any, n_rows: int, what: str = "labels") -> Array:
    """One number for each of ``n_rows`` rows, shape (n_rows,); ``ValueError`` otherwise."""
    y = as_numbers(labels, what)
    if y.shape != (n_rows,):
        raise ValueError(f"expected {what} with one number for each of {n_rows} rows, found shape {y.shape}")
    return y


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Configurations in rows.

    name : what the data is
    train, test : shape (n, n_features), arrays, tensors or lists; kept as float32 or float64, or as rows of a file
    values : "bits" (0, 1), "spins" (-1, 1), "unit" ([0, 1]) or "real"
    shape : of one configuration, with n_features numbers
    train_labels, test_labels : one number for each row (class, temperature), or None
    targets : the exact distributions that the data was drawn from, if any
    diagnostics : how well the data was drawn, one for each target

    Two data sets are equal where all of that is; reads all rows of a file. Raises ``ValueError`` for rows that do not
    fit ``values`` or ``shape``, and for labels that are not one for each row.
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

    def __post_init__(self) -> None:
        if self.values not in ALLOWED:
            raise ValueError(f"expected values among {', '.join(ALLOWED)}, got {self.values!r}")
        own: dict[str, Any] = {"shape": tuple(map(int, self.shape))}
        own |= {part: self._checked(part, math.prod(own["shape"])) for part in ("train", "test")}
        for part in ("train", "test"):
            labels = getattr(self, f"{part}_labels")
            if labels is not None:
                own[f"{part}_labels"] = check_labels(labels, len(own[part]), f"{part}_labels")
        for name, value in own.items():
            object.__setattr__(self, name, value)

    def _checked(self, part: str, n_features: int) -> Any:
        """The rows of a part; those of a file, which checks them, stay there."""
        rows = getattr(self, part)
        if getattr(rows, "values", None) != self.values:
            return check_configurations(rows, n_features, self.values, part)
        if rows.shape[1] != n_features:
            raise ValueError(f"expected {part} of shape (n, {n_features}), found {rows.shape}")
        return rows

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

    def _convert(self, origin: str, goal: str, function: Callable[[Array], Array]) -> Self:
        if self.values not in (origin, goal):
            raise ValueError(f"expected data made of {ALLOWED[origin]}, found {ALLOWED[self.values]}")
        if self.values == goal:
            return self
        train, test = (function(np.asarray(part)) for part in (self.train, self.test))
        return replace(self, train=train, test=test, values=goal)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Dataset):
            return NotImplemented
        return all(_same(getattr(self, each.name), getattr(other, each.name)) for each in fields(self))

    __hash__ = None  # type: ignore[assignment]  # arrays inside

    def __repr__(self) -> str:
        rows = f"{len(self.train)} for training, {len(self.test)} for testing"
        return f"Dataset({self.name}: {rows}, shape {self.shape}, {self.values})"

    def __str__(self) -> str:
        return "\n  ".join([repr(self), *map(str, self.diagnostics)])


def _same(a: Any, b: Any) -> bool:
    """Whether two fields are equal, arrays and what holds them included."""
    if isinstance(a, tuple) and isinstance(b, tuple):
        return type(a) is type(b) and len(a) == len(b) and all(map(_same, a, b))
    if hasattr(a, "__array__") and hasattr(b, "__array__"):
        return bool(np.array_equal(np.asarray(a), np.asarray(b)))
    if hasattr(a, "__array__") or hasattr(b, "__array__"):
        return False
    if isinstance(a, Lattice) and isinstance(b, Lattice):
        return a is b or (repr(a) == repr(b) and _same(_bonds(a), _bonds(b)))
    return bool(a == b)


def _bonds(lattice: Lattice) -> tuple[Array, ...]:
    """What distinguishes lattices of one name and extent: edges, and the permutations that a graph was given."""
    return (lattice.edges, lattice.translations) if isinstance(lattice, Graph) else (lattice.edges,)
