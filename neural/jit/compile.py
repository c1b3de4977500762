"""The decorators that compile a function, and the options of the compiler."""

import itertools
import os
from collections.abc import Callable
from typing import Any, TypeVar

import numba
import numpy as np
from numba.core.bytecode import FunctionIdentity

from .cache import Cache

Function = TypeVar("Function", bound=Callable[..., Any])

# Sums may be reordered and fused, divisions turned into products; NaN and infinity keep their meaning.
FAST_MATH = {"reassoc", "contract", "arcp", "nsz"}
# Without Numba's allocator (nrt) no kernel allocates or counts references, which costs ten times what the arithmetic of
# a small wave function does; inlined, models and workspaces are passed in registers.
OPTIONS = {"nogil": True, "error_model": "numpy", "_nrt": False, "forceinline": True}

COMPILED = not numba.config.DISABLE_JIT

if COMPILED and not os.environ.get("NUMBA_OPT"):
    numba.config.OPT = type(numba.config.OPT)(2)  # a quarter less compilation than 3, the same speed


# Numba numbers the functions of a process from 1 on and puts the number into the names of machine code. Names of code
# that comes from the disk must not be those of other code in this process: the linker takes the first of two.
def _number_functions() -> None:
    FunctionIdentity._unique_ids = itertools.count(int.from_bytes(os.urandom(6), "big"))


_number_functions()
os.register_at_fork(after_in_child=_number_functions)


def _compile(function: Callable[..., Any], **options: Any) -> Any:
    if not COMPILED:
        return function
    dispatcher = numba.njit(**OPTIONS, **options)(function)
    dispatcher._cache = Cache(dispatcher)
    return dispatcher


def kernel(function: Function) -> Function:
    """Compile ``function`` without the interpreter lock, cached on disk, with ``FAST_MATH``.

    What its global names mean is frozen when it is compiled; ``follow_changes``, which chains call, looks again.
    """
    return _compile(function, fastmath=FAST_MATH)


def exact_kernel(function: Function) -> Function:
    """Compile ``function`` like ``kernel``, but with every operation in the order that was written."""
    return _compile(function, fastmath={"contract"})


@kernel
def copy(source: np.ndarray, out: np.ndarray) -> None:
    """Copy an array of any shape; inside kernels an assignment of whole arrays would need the allocator."""
    for index in np.ndindex(source.shape):
        out[index] = source[index]
