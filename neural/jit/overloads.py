"""What Numba was told to compile in place of functions, besides what it brings itself."""

from types import FunctionType
from typing import Any

from numba.core.dispatcher import Dispatcher
from numba.core.extending import _Intrinsic
from numba.core.typing.templates import builtin_registry

from .code import is_known

OPAQUE = object()  # an implementation that is no Python function
_functions: dict[int, list[Any]] = {}  # templates of Numba by the address of the function
_methods: list[Any] = []
_n_read = [0, 0]


def overloads(function: Any) -> list[Any]:
    """The functions that choose an implementation of ``function`` for types of arguments."""
    _read()
    return [getattr(template, "_overload_func", OPAQUE) for template in _functions.get(id(function), ())]


def overloaded_methods() -> list[Any]:
    """The same of methods and attributes of any type."""
    _read()
    return [getattr(template, "_overload_func", OPAQUE) for template in _methods]


def choose_anew() -> None:
    """Forget which implementations were chosen."""
    _read()
    for template in [*_methods, *(each for templates in _functions.values() for each in templates)]:
        getattr(template, "_impl_cache", {}).clear()


def _read() -> None:
    registry = builtin_registry
    for value, numba_type in registry.globals[_n_read[0] :]:
        if not isinstance(value, _Intrinsic | Dispatcher):
            templates = [each for each in getattr(numba_type, "templates", ()) if _is_foreign(each)]
            _functions.setdefault(id(value), []).extend(templates)
    _methods.extend(each for each in registry.attributes[_n_read[1] :] if _is_foreign(each))
    _n_read[:] = len(registry.globals), len(registry.attributes)


def _is_foreign(template: Any) -> bool:
    function = getattr(template, "_overload_func", None)
    if not isinstance(function, FunctionType):
        return not is_known(template.__module__)
    inner = [cell.cell_contents for cell in function.__closure__ or ()]
    return not all(
        is_known(each.__globals__["__name__"]) for each in (function, *inner) if isinstance(each, FunctionType)
    )
