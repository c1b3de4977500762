"""Compiled kernels: the one package that configures Numba.

Three decorators make up the whole interface.

``kernel``
    compiles a function of arrays, scalars and NamedTuples of them; the machine code is cached on disk.
``generic``
    declares a function with one implementation for each class of its first argument, chosen at compile time inside a
    kernel and by ``functools.singledispatch`` outside, so that a new model touches no existing kernel.
``exact_kernel``
    a kernel whose floating-point operations must not be reordered.

Kernels write into arrays that they are given: inside one, ``np.empty``, ``np.sum`` of an expression, a returned slice
or an assignment of a whole array (``a[:] = b``) fail to compile: "NRT required but not enabled". Loops over elements,
views ``a[i]`` and ``a[:] = 0.0`` are what is used.

With ``NUMBA_DISABLE_JIT=1`` every kernel is the plain Python function that was written.
"""

from .announcement import announced
from .cache import follow_changes
from .compile import COMPILED, copy, exact_kernel, kernel
from .dispatch import generic
from .intrinsics import (
    BLOCK,
    ROWS_AT_ONCE,
    TILE,
    UNITS_AT_ONCE,
    bits_of_float,
    bits_of_float32,
    count_ones,
    float32_of_bits,
    float_of_bits,
    list_ones,
    sum_rows,
    transpose_block,
)
from .storage import CacheWarning, cache_directory

__all__ = [
    "BLOCK",
    "COMPILED",
    "ROWS_AT_ONCE",
    "TILE",
    "UNITS_AT_ONCE",
    "CacheWarning",
    "announced",
    "bits_of_float",
    "bits_of_float32",
    "cache_directory",
    "copy",
    "count_ones",
    "exact_kernel",
    "float32_of_bits",
    "float_of_bits",
    "follow_changes",
    "generic",
    "kernel",
    "list_ones",
    "sum_rows",
    "transpose_block",
]
