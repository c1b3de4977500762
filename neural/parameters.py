"""A model is a NamedTuple of arrays: flatten it to one vector, and back.

The *parameters* of a model are its float64 arrays with at least one axis, in the order of the fields; tuples and
NamedTuples inside are walked in order. Numbers, integer arrays and strings are constants and stay as they are.
"""

from collections.abc import Iterator
from typing import Any, TypeVar

import numpy as np

from neural.saved import Saved

Model = TypeVar("Model", bound=tuple[Any, ...])


def is_parameter(leaf: Any) -> bool:
    """Whether a leaf of a model is trained: a float64 array with at least one axis."""
    return isinstance(leaf, np.ndarray) and leaf.dtype == np.float64 and leaf.ndim > 0


def named_parameters(model: tuple[Any, ...], prefix: str = "") -> Iterator[tuple[str, np.ndarray]]:
    """Every parameter array with its name, such as ``left.weights``, in the order of ``flatten``."""
    fields = getattr(model, "_fields", range(len(model)))
    for field, leaf in zip(fields, model, strict=True):
        if isinstance(leaf, tuple):
            yield from named_parameters(leaf, f"{prefix}{field}.")
        elif is_parameter(leaf):
            yield f"{prefix}{field}", leaf


def n_parameters(model: tuple[Any, ...]) -> int:
    """How many numbers are trained."""
    return sum(leaf.size for _, leaf in named_parameters(model))


def flatten(model: tuple[Any, ...]) -> np.ndarray:
    """All parameters as one new float64 vector of shape (n_parameters,)."""
    leaves = [leaf.ravel() for _, leaf in named_parameters(model)]
    return np.concatenate(leaves) if leaves else np.empty(0)


def unflatten(model: Model, vector: np.ndarray) -> Model:
    """A model like ``model`` with the parameters taken from ``vector``, shape (n_parameters,).

    Raises ``ValueError`` when the length is not that of ``flatten(model)``.
    """
    expected = n_parameters(model)
    if np.shape(vector) != (expected,):
        raise ValueError(f"expected a vector of {expected} parameters, got shape {np.shape(vector)}")
    rebuilt, _ = _rebuild(model, np.asarray(vector, dtype=np.float64), 0)
    return rebuilt


def _rebuild(model: Any, vector: np.ndarray, start: int) -> tuple[Any, int]:
    leaves = []
    for leaf in model:
        if isinstance(leaf, tuple):
            leaf, start = _rebuild(leaf, vector, start)
        elif is_parameter(leaf):
            stop = start + leaf.size
            leaf, start = vector[start:stop].reshape(leaf.shape).copy(), stop
        leaves.append(leaf)
    make = getattr(type(model), "_make", tuple)
    return make(leaves), start


def saved_parameters(saved: Saved, model: Any) -> np.ndarray:
    """The parameters of a saved state as one vector. Raises ``ValueError`` unless names and shapes are the model's."""
    own = dict(named_parameters(model))
    saved.names(own)
    arrays = [saved.array(name, array.shape, np.float64).ravel() for name, array in own.items()]
    return np.concatenate(arrays) if arrays else np.empty(0)
