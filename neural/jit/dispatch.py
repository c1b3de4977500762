"""Functions with one implementation for each class of their first argument."""

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from numba.core.errors import TypingError
from numba.extending import overload

from .compile import COMPILED, FAST_MATH, OPTIONS
from .fingerprint import class_of
from .watch import WATCH

Function = TypeVar("Function", bound=Callable[..., Any])


def generic(function: Function) -> Any:
    """Declare a function that is implemented for each class of its first argument by ``register``.

        @generic
        def log_psi(psi, x): ...

        @log_psi.register(Gaussian)
        def _(psi, x):
            value = 0.0
            for d in range(x.size):
                value -= psi.alpha[d] * x[d] ** 2
            return value

    The body of the declaration is not used: without an implementation the call is a ``TypeError``, inside a compiled
    kernel Numba's ``TypingError``, that names the classes that have one.
    """

    @functools.singledispatch
    @functools.wraps(function)
    def dispatch(*args: Any) -> Any:
        raise TypeError(_no_implementation(type(args[0])))

    def _no_implementation(found: type) -> str:
        known = ", ".join(sorted(cls.__name__ for cls in dispatch.registry if cls is not object))
        return f"{function.__name__} is not defined for {found.__name__}; it is for {known or 'nothing yet'}"

    python_register = dispatch.register

    def register(cls: type, **options: Any) -> Callable[[Function], Function]:
        def decorate(implementation: Function) -> Function:
            python_register(cls, implementation)
            WATCH.n_registered += 1
            return implementation

        return decorate

    if COMPILED:

        def select(model: Any, *rest: Any) -> Any:
            implementation = dispatch.dispatch(class_of(model))
            if implementation is dispatch.dispatch(object):
                raise TypingError(_no_implementation(class_of(model)))
            return getattr(implementation, "py_func", implementation)  # of a kernel

        overload(dispatch, jit_options={"fastmath": FAST_MATH, **OPTIONS}, strict=False)(select)
    dispatch.register = register  # type: ignore[method-assign]
    dispatch.compiled_with = repr((sorted(FAST_MATH), OPTIONS))  # type: ignore[attr-defined]
    return dispatch
