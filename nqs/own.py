"""Classes made of a user's function: what wave functions and potentials of one's own share.

The function takes a configuration and then its parameters by name: floats, arrays of them, or whole numbers, which
are constants. Each function makes one class for each world and kinds of its parameters, named as the function. Copies
of the objects in other processes find the class by the name of the function in its module.
"""

import inspect
from collections import namedtuple
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np


class OwnFunction:
    """A function (x, parameters...) of the user, and the classes made of it."""

    what = "function"

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function, self.names = function, _parameter_names(function)
        self.__name__, self.__qualname__ = function.__name__, function.__qualname__
        self.__module__, self.__doc__ = function.__module__, function.__doc__
        self._classes: dict[Any, type] = {}

    def class_for(self, base: Any, kinds: tuple[str, ...]) -> Any:
        """The class of the objects with parameters of such kinds, made when first asked for.

        ``base`` names its further fields in ``own_fields``, and registers what the class needs in ``register_own``.
        """
        if (base, kinds) not in self._classes:
            self._check_names(base)
            fields = namedtuple(f"{self.__name__}_fields", [*self.names, *base.own_fields])  # type: ignore[misc]
            names = {"__slots__": (), "__module__": self.__module__, "__doc__": self.__doc__}
            cls: Any = type(self.__name__, (base, fields), {**names, "own_function": self, "own_kinds": kinds})
            cls.register_own()
            self._classes[base, kinds] = cls
        return self._classes[base, kinds]

    def _check_names(self, base: Any) -> None:
        if taken := [name for name in self.names if name in base.own_fields or hasattr(base, name)]:
            raise TypeError(
                f"expected another name than {', '.join(taken)} for a parameter of {self.__name__}: it is taken"
            )

    def values(self, parameters: dict[str, Any]) -> list[Any]:
        """The parameters in their order. Raises ``TypeError`` for others than those of the function."""
        if set(parameters) != set(self.names):
            expected, found = (", ".join(names) or "none" for names in (self.names, parameters))
            raise TypeError(f"expected the parameters {expected} of {self.__name__}, found {found}")
        return [finite_leaf(name, parameters[name]) for name in self.names]

    def kinds(self, parameters: dict[str, Any]) -> tuple[str, ...]:
        """For each parameter "constant" (whole numbers), "number" (a float) or "array" (of floats)."""
        return tuple(_kind(parameters[name]) for name in self.names)

    def __reduce__(self) -> str:
        return self.__qualname__

    def __repr__(self) -> str:
        return f"<{self.what} {self.__name__}({', '.join(('x', *self.names))})>"


def calling(f: Any, head: str, arguments: Iterable[str], names: Mapping[str, Any], element: str = "") -> Any:
    """The function ``head``, such as "total(system, x)", that returns f(x, arguments...), or an ``element`` of it.

    It is written out, since compiled code cannot take apart a list of arguments; ``names`` are what these mention.
    """
    space = {"__name__": __name__, "f": f, **names}
    exec(f"def {head}:\n    return f({', '.join(['x', *arguments])}){element}", space)
    return space[head.partition("(")[0]]


class Own:
    """Base class of the classes that are made of functions."""

    __slots__ = ()
    own_fields: tuple[str, ...] = ()
    own_function: OwnFunction
    own_kinds: tuple[str, ...]

    def __reduce__(self) -> Any:
        return rebuild, (self.own_function, type(self).__bases__[0], self.own_kinds, tuple(self))  # type: ignore[call-overload]


def rebuild(function: OwnFunction, base: type, kinds: tuple[str, ...], leaves: tuple[Any, ...]) -> Any:
    """The object of such a class with these fields."""
    return function.class_for(base, kinds)._make(leaves)


def _parameter_names(function: Callable[..., Any]) -> tuple[str, ...]:
    parameters = list(inspect.signature(function).parameters.values())
    if not parameters or any(each.kind is not each.POSITIONAL_OR_KEYWORD for each in parameters):
        raise TypeError(
            f"expected {function.__name__}(x, parameter, ...), the configuration first and then the parameters by "
            f"name, found {function.__name__}{inspect.signature(function)}"
        )
    return tuple(each.name for each in parameters[1:])


def _kind(value: Any) -> str:
    if np.asarray(value).dtype.kind in "bi":
        return "constant"
    return "array" if np.ndim(value) else "number"


def finite_leaf(name: str, value: Any) -> Any:
    """A whole number or an array of them as it is, floats as an array with an axis, or a ``ValueError``."""
    array = np.array(value)
    if array.dtype.kind not in "bif" or not np.isfinite(array).all():
        raise ValueError(f"expected {name} to be a finite number or an array of them, found {value!r}")
    if array.dtype.kind in "bi":
        return array if array.ndim else array.item()
    return np.atleast_1d(np.ascontiguousarray(array, dtype=np.float64))
