"""Models as values: NamedTuples of arrays and numbers that compare, copy, travel between processes and print.

``Record`` comes first among the base classes of such a class: ``class Gaussian(Record, _Fields)``. ``same`` compares
what may hold arrays and NaN, ``Bound`` is a function with some of its arguments, as a value.
"""

import copy
import functools
from collections.abc import Mapping
from typing import Any, NoReturn

import numpy as np

FEW = 4  # numbers of an array that are printed


class Record:
    """Base of the NamedTuples that are values: equal where class and contents are.

    Other arithmetic than what a class defines itself is a ``TypeError``: as tuples they would be joined or repeated.
    """

    __slots__ = ()
    __array_ufunc__ = None  # NumPy's numbers leave ``number * record`` to the record

    def __reduce__(self) -> tuple[Any, ...]:
        return _made, (type(self), tuple(self)), getattr(self, "__dict__", None) or None  # type: ignore[call-overload]

    def __copy__(self) -> Any:
        return self.__deepcopy__({})

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        found = type(self)._make(copy.deepcopy(tuple(self), memo))  # type: ignore[attr-defined, call-overload]
        found.__dict__.update(copy.deepcopy(self.__dict__, memo)) if hasattr(self, "__dict__") else None
        return found

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        return same(tuple(self), tuple(other)) and same(vars_of(self), vars_of(other))  # type: ignore[call-overload]

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash((type(self), *map(_hashable, self)))  # type: ignore[call-overload]

    def __repr__(self) -> str:
        shown = {name: _shown(value) for name, value in self._arguments().items()}
        return f"{type(self).__name__}({', '.join(f'{name}={text}' for name, text in shown.items() if text)})"

    def _arguments(self) -> dict[str, Any]:
        """What is printed, by name."""
        return dict(zip(self._fields, self, strict=True))  # type: ignore[attr-defined, call-overload]

    def _no_arithmetic(self, other: Any) -> NoReturn:
        raise TypeError(f"{type(self).__name__} and {type(other).__name__} can be neither added nor multiplied")

    __add__ = __radd__ = __mul__ = __rmul__ = _no_arithmetic


def _made(cls: Any, fields: tuple[Any, ...]) -> Any:
    return cls._make(fields)


def vars_of(value: Any) -> dict[str, Any]:
    """The attributes of an object that has any."""
    return getattr(value, "__dict__", {})


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal, arrays element by element; NaN equals NaN."""
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        return _same_arrays(one, other)
    if type(one) is not type(other):
        return bool(one == other)
    if isinstance(one, Mapping):
        return one.keys() == other.keys() and all(same(value, other[name]) for name, value in one.items())
    if isinstance(one, tuple | list) and not isinstance(one, Record):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other) or (one != one and other != other)


def _same_arrays(one: Any, other: Any) -> bool:
    if not (isinstance(one, np.ndarray) and isinstance(other, np.ndarray)) or one.dtype != other.dtype:
        return False
    return np.array_equal(one, other, equal_nan=one.dtype.kind in "fc")


def _hashable(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.shape, value.tobytes()
    return tuple(map(_hashable, value)) if type(value) is tuple else value


def _shown(value: Any) -> str:
    """A number, a name, or a few or equal numbers of an array; nothing for what is too long to be read."""
    if isinstance(value, np.ndarray):
        if value.dtype.kind != "f" or not value.size:
            return ""
        if (value == value.flat[0]).all():
            return _shown(float(value.flat[0]))
        return f"[{', '.join(map(_shown, map(float, value.flat)))}]" if value.size <= FEW else ""
    if isinstance(value, float | np.floating):
        return f"{value:.10g}"
    return repr(value) if isinstance(value, str | int | slice | Record | None) else ""


class ByContents:
    """Base of other classes whose objects are equal where their attributes are."""

    def __eq__(self, other: object) -> bool:
        return same(vars(self), vars(other)) if type(self) is type(other) else NotImplemented

    def __hash__(self) -> int:
        return hash(type(self))


class Bound(functools.partial):
    """``functools.partial`` of a function of a module: equal where the function and the arguments are."""

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Bound):
            return NotImplemented
        return same((self.func, self.args, self.keywords), (other.func, other.args, other.keywords))

    def __hash__(self) -> int:
        return hash(self.func)
