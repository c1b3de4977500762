"""What every Boltzmann machine does as an object: parameters that cannot change behind its back, copies, comparisons.

Parameters are arrays that are read-only: new ones come by assignment, so that what is known of the old ones, such as
log Z, is known to be old. Copies and other processes get the parameters, and make what is derived from them anew.
"""

import threading
from typing import Any

import numpy as np

from neural.parameters import n_parameters

Array = np.ndarray


def frozen(model: Any) -> Any:
    """A model, a tuple of arrays and tuples, whose arrays are read-only; copies of those that were not."""
    leaves = [frozen(leaf) if isinstance(leaf, tuple) else read_only(leaf) for leaf in model]
    return getattr(type(model), "_make", tuple)(leaves)


def read_only(leaf: Any) -> Any:
    """A leaf of a model as it is, or a copy that is read-only where it is an array that was not."""
    if isinstance(leaf, np.ndarray) and leaf.flags.writeable:
        leaf = leaf.copy()
        leaf.flags.writeable = False
    return leaf


class Derived(threading.local):
    """What one thread has made of the parameters: work space that two may not share. Not copied."""

    def __init__(self) -> None:
        self.bits: Any = None
        self.loaded: Any = None

    def __deepcopy__(self, memo: Any) -> "Derived":
        return Derived()

    def __reduce__(self) -> Any:
        return Derived, ()


def same(a: Any, b: Any) -> bool:
    """Whether two trees of dictionaries, tuples, arrays and numbers are equal."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[name], b[name]) for name in a)
    if isinstance(a, tuple) and isinstance(b, tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return not isinstance(a, dict | tuple) and not isinstance(b, dict | tuple) and bool(np.array_equal(a, b))
    return bool(a == b)


class Comparable:
    """Equality by ``constants`` and ``state()``."""

    def constants(self) -> tuple[Any, ...]:
        """What the constructor was given and ``state`` does not hold."""
        return ()

    def state(self) -> dict[str, Any]:
        """Everything that defines the model, as a tree of arrays and numbers."""
        raise NotImplementedError

    def __setstate__(self, state: dict[str, Any]) -> None:
        """A copy: copies of arrays can be written to, and work space is not shared."""
        self.__dict__.update(state)
        for name in {"_machine", "_parameters"} & state.keys():
            setattr(self, name, frozen(state[name]))
        if "_derived" in state:
            self._derived = Derived()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Comparable) or type(self) is not type(other):
            return NotImplemented
        return same(self.constants(), other.constants()) and same(self.state(), other.state())

    __hash__ = None  # type: ignore[assignment]  # it may change


def described(name: str, parameters: Any, **sizes: Any) -> str:
    """One line: the name, the sizes, and how many numbers are trained."""
    listed = ", ".join(f"{key}={value}" for key, value in sizes.items())
    return f"{name}({listed}, {n_parameters(parameters)} parameters)"
