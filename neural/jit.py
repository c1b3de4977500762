"""Compiled kernels: the one file that configures Numba.

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

import functools
import hashlib
import inspect
import os
import pathlib
from collections.abc import Callable
from typing import Any, TypeVar

import numba
import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.caching import FunctionCache, IndexDataCacheFile
from numba.core.errors import TypingError
from numba.extending import intrinsic, overload

Function = TypeVar("Function", bound=Callable[..., Any])

ROOT = pathlib.Path(__file__).resolve().parent.parent
PACKAGES = ("neural", "montecarlo", "nqs", "generative")  # those with kernels

# Sums may be reordered and fused, divisions turned into products; NaN and infinity keep their meaning.
FAST_MATH = {"reassoc", "contract", "arcp", "nsz"}
# Without Numba's allocator (nrt) no kernel allocates or counts references, which costs ten times what the arithmetic of
# a small wave function does; inlined, models and workspaces are passed in registers.
OPTIONS = {"nogil": True, "error_model": "numpy", "_nrt": False, "forceinline": True}

COMPILED = not numba.config.DISABLE_JIT


def _kernel_sources() -> list[pathlib.Path]:
    return [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def _digest(paths: list[pathlib.Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def cache_directory() -> pathlib.Path:
    """Where compiled kernels are kept: a folder of the user's cache, named by a hash of all kernel sources.

    Numba notices an edit of the file that holds a kernel, but not of the files that hold its callees. With the hash in
    the name an edited callee finds an empty folder, no stale machine code. ``BORN_CACHE_DIR`` moves the folder.
    """
    default = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "born"
    return pathlib.Path(os.environ.get("BORN_CACHE_DIR", default)) / _digest(_kernel_sources())


if COMPILED and not os.environ.get("NUMBA_CACHE_DIR"):
    numba.config.CACHE_DIR = str(cache_directory())
if COMPILED and not os.environ.get("NUMBA_OPT"):
    numba.config.OPT = type(numba.config.OPT)(2)  # a quarter less compilation than 3, the same speed

_foreign_sources: dict[pathlib.Path, str] = {}


class _OneFileForEachKey(IndexDataCacheFile):
    """Machine code under a name that is a hash of its key, without Numba's index of all keys.

    The index holds classes. A process that cannot import one of them, such as the model of another user's script or
    of a test, could not read it; and two processes that write it at once may leave an entry with the code of another.
    """

    def save(self, key: Any, data: Any) -> None:
        self._save_data(self._name(key), data)

    def load(self, key: Any) -> Any:
        try:
            return self._load_data(self._name(key))
        except FileNotFoundError:
            return None

    def flush(self) -> None:
        for path in pathlib.Path(self._cache_path).glob(self._data_name_pattern.partition("{")[0] + "*.nbc"):
            path.unlink(missing_ok=True)

    def _name(self, key: Any) -> str:
        signature, *rest = key
        identity = repr((self._version, self._source_stamp, [_identity(each) for each in signature], rest))
        return self._data_name_pattern.format(number=int(hashlib.sha256(identity.encode()).hexdigest()[:24], 16))


def _identity(numba_type: Any) -> tuple[Any, ...]:
    """A type by name, with the homes of the classes in it: two models may have the same name."""
    home = getattr(numba_type, "instance_class", type(None))
    return str(numba_type), home.__module__, home.__qualname__, *map(_identity, getattr(numba_type, "types", ()))


class _Cache(FunctionCache):
    """Numba's disk cache, with the implementations that a user registered from other files in the key."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        locator = self._impl.locator
        self._cache_file = _OneFileForEachKey(self._cache_path, self._impl.filename_base, locator.get_source_stamp())

    def _index_key(self, sig: Any, codegen: Any) -> tuple[Any, ...]:
        return (*super()._index_key(sig, codegen), tuple(sorted(_foreign_sources.values())))

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Without the import of all of Numba's library, a quarter of a second, which only compiling needs, and does."""
        with self._guard_against_spurious_io_errors():
            return self._load_overload(sig, target_context)


def _compile(function: Callable[..., Any], **options: Any) -> Any:
    if not COMPILED:
        return function
    dispatcher = numba.njit(**OPTIONS, **options)(function)
    dispatcher._cache = _Cache(dispatcher.py_func)
    return dispatcher


def kernel(function: Function) -> Function:
    """Compile ``function`` without the interpreter lock, cached on disk, with ``FAST_MATH``."""
    return _compile(function, fastmath=FAST_MATH)


def exact_kernel(function: Function) -> Function:
    """Compile ``function`` like ``kernel``, but with every operation in the order that was written."""
    return _compile(function, fastmath={"contract"})


def _class_of(numba_type: Any) -> type:
    """The Python class that dispatch looks at for a Numba type."""
    return getattr(numba_type, "instance_class", None) or (tuple if isinstance(numba_type, types.BaseTuple) else object)


def _note_foreign(function: Callable[..., Any]) -> None:
    path = pathlib.Path(inspect.getsourcefile(function) or "").resolve()
    if path.is_file() and not any(path.is_relative_to(ROOT / package) for package in PACKAGES):
        _foreign_sources[path] = _digest([path])


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
            _note_foreign(implementation)
            python_register(cls, implementation)
            return implementation

        return decorate

    if COMPILED:

        def select(model: Any, *rest: Any) -> Any:
            implementation = dispatch.dispatch(_class_of(model))
            if implementation is dispatch.dispatch(object):
                raise TypingError(_no_implementation(_class_of(model)))
            return implementation

        options = {"fastmath": FAST_MATH, **OPTIONS}
        overload(dispatch, jit_options=options, strict=False)(select)
    dispatch.register = register  # type: ignore[method-assign]
    return dispatch


def _bitcast(typing_context: Any, value: Any, target: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], context.get_value_type(target))

    return target(value), generate


_as_float = intrinsic(lambda typing_context, value: _bitcast(typing_context, value, types.float64))
_as_integer = intrinsic(lambda typing_context, value: _bitcast(typing_context, value, types.int64))
_as_float32 = intrinsic(lambda typing_context, value: _bitcast(typing_context, value, types.float32))
_as_integer32 = intrinsic(lambda typing_context, value: _bitcast(typing_context, value, types.int32))
_ones = intrinsic(lambda _, word: (types.int64(word), lambda context, builder, kind, args: builder.ctpop(args[0])))


def float_of_bits(bits: int) -> float:
    """The float64 whose 64 bits are those of the integer."""
    return np.int64(bits).view(np.float64)


def bits_of_float(x: float) -> int:
    """The 64 bits of a float64 as an integer."""
    return np.float64(x).view(np.int64)


def float32_of_bits(bits: Any) -> np.float32:
    """The float32 whose 32 bits are those of the integer."""
    return np.int32(bits).view(np.float32)


def bits_of_float32(x: np.float32) -> np.int32:
    """The 32 bits of a float32 as an integer."""
    return np.float32(x).view(np.int32)


def count_ones(word: int) -> int:
    """How many of the 64 bits of a uint64 are 1."""
    return int(word).bit_count()


overload(float_of_bits, strict=False)(lambda bits: lambda bits: _as_float(bits))
overload(bits_of_float, strict=False)(lambda x: lambda x: _as_integer(x))
overload(float32_of_bits, strict=False)(lambda bits: lambda bits: _as_float32(np.int32(bits)))
overload(bits_of_float32, strict=False)(lambda x: lambda x: _as_integer32(np.float32(x)))
overload(count_ones, strict=False)(lambda word: lambda word: _ones(np.uint64(word)))

TILE = 64  # columns that ``sum_rows`` keeps in registers
ROWS_AT_ONCE = 2


def sum_rows(
    first: np.ndarray, matrix: np.ndarray, chosen: np.ndarray, n_chosen: int, column: int, out: np.ndarray
) -> None:
    """out = first + sum_k matrix[chosen[k]] over k < n_chosen, for TILE columns from ``column`` on, in float32.

    ``first`` and ``out`` are rows like those of the matrix. Rows are added ROWS_AT_ONCE: ``chosen`` goes on with
    ROWS_AT_ONCE - 1 indices of rows of zeros. The compiler cannot know that ``out`` is no part of ``matrix``, and would
    store it after every row; this sum stays in registers. Nothing is checked: columns and rows must exist.
    """
    tile = slice(column, column + TILE)
    out[tile] = first[tile] + matrix[chosen[:n_chosen], tile].sum(axis=0)


@intrinsic
def _sum_rows(typing_context: Any, first: Any, matrix: Any, chosen: Any, n_chosen: Any, column: Any, out: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        arrays = zip((first, matrix, chosen, out), (args[0], args[1], args[2], args[5]))
        start, rows, indices, target = (context.make_array(kind)(context, builder, value) for kind, value in arrays)
        n, shift = args[3], args[4]
        stride = cgutils.unpack_tuple(builder, rows.shape, 2)[1]

        def tile(pointer: Any, offset: Any) -> Any:
            return builder.bitcast(builder.gep(pointer, [offset]), ir.VectorType(ir.FloatType(), TILE).as_pointer())

        def chosen_row(k: Any) -> Any:
            row = builder.sext(builder.load(builder.gep(indices.data, [k])), stride.type)
            return builder.load(tile(rows.data, builder.add(builder.mul(row, stride), shift)), align=4)

        total = cgutils.alloca_once_value(builder, builder.load(tile(start.data, shift), align=4))
        zero, step = ir.Constant(n.type, 0), ir.Constant(n.type, ROWS_AT_ONCE)
        with cgutils.for_range_slice(builder, zero, n, step, intp=n.type) as (k, _):
            a, b = (chosen_row(builder.add(k, ir.Constant(n.type, i))) for i in range(ROWS_AT_ONCE))
            builder.store(builder.fadd(builder.load(total), builder.fadd(a, b)), total)
        builder.store(builder.load(total), tile(target.data, shift), align=4)
        return context.get_dummy_value()

    return types.void(first, matrix, chosen, types.intp, types.intp, out), generate


@overload(sum_rows, strict=False, jit_options=OPTIONS)
def _(first: Any, matrix: Any, chosen: Any, n_chosen: Any, column: Any, out: Any) -> Any:
    expected = ((first, types.float32), (matrix, types.float32), (chosen, types.int32), (out, types.float32))
    for kind, dtype in expected:
        if kind.layout != "C" or kind.dtype != dtype:
            raise TypingError(f"sum_rows: expected a contiguous array of {dtype}, found {kind}")
    return lambda first, matrix, chosen, n_chosen, column, out: _sum_rows(first, matrix, chosen, n_chosen, column, out)


BLOCK = 8  # rows and columns that ``transpose_block`` takes


def transpose_block(matrix: np.ndarray, row: int, column: int, out: np.ndarray) -> None:
    """out[column + j, row + i] = matrix[row + i, column + j] for i, j < BLOCK, in float32.

    In registers, from whole rows to whole rows; the compiler would move one number at a time. Nothing is checked.
    """
    out[column : column + BLOCK, row : row + BLOCK] = matrix[row : row + BLOCK, column : column + BLOCK].T


@intrinsic
def _transpose_block(typing_context: Any, matrix: Any, row: Any, column: Any, out: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        vector, half = ir.VectorType(ir.FloatType(), BLOCK), BLOCK // 2

        def lines(kind: Any, value: Any, first: Any, start: Any) -> list[Any]:
            array = context.make_array(kind)(context, builder, value)
            stride = cgutils.unpack_tuple(builder, array.shape, 2)[1]
            numbers = (builder.add(first, ir.Constant(first.type, i)) for i in range(BLOCK))
            places = (builder.add(builder.mul(number, stride), start) for number in numbers)
            return [builder.bitcast(builder.gep(array.data, [place]), vector.as_pointer()) for place in places]

        def interleaved(a: Any, b: Any, first: int) -> Any:
            order = [first + k // 2 + BLOCK * (k % 2) for k in range(BLOCK)]
            return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(ir.IntType(32), BLOCK), order))

        rows = [builder.load(line, align=4) for line in lines(matrix, *args[:3])]
        for _ in range(BLOCK.bit_length() - 1):  # one bit of the row's number changes places with one of the column's
            rows = [interleaved(rows[i // 2], rows[i // 2 + half], half * (i % 2)) for i in range(BLOCK)]
        for value, line in zip(rows, lines(out, args[3], args[2], args[1])):
            builder.store(value, line, align=4)
        return context.get_dummy_value()

    for kind in (matrix, out):
        if kind.layout != "C" or kind.dtype != types.float32:
            raise TypingError(f"transpose_block: expected a contiguous array of float32, found {kind}")
    return types.void(matrix, types.intp, types.intp, out), generate


@overload(transpose_block, strict=False, jit_options=OPTIONS)
def _(matrix: Any, row: Any, column: Any, out: Any) -> Any:
    return lambda matrix, row, column, out: _transpose_block(matrix, row, column, out)


UNITS_AT_ONCE = 8  # that ``list_ones`` looks at


def list_ones(units: np.ndarray, first: int, places: np.ndarray, chosen: np.ndarray, n: int) -> int:
    """Write the numbers of those of the units ``first`` .. first + 7 that are 1 to chosen[n], chosen[n + 1] ...

    ``units`` uint8, 0 or 1; ``chosen`` int32, with room for 8 numbers; row m of ``places`` (256, 8), int32, begins with
    the places of the ones in the bits of m. Returns n + how many there are. Nothing is checked.
    """
    ones = first + np.flatnonzero(units[first : first + UNITS_AT_ONCE])
    chosen[n : n + len(ones)] = ones
    return n + len(ones)


@intrinsic
def _list_ones(typing_context: Any, units: Any, first: Any, places: Any, chosen: Any, n: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        arrays = zip((units, places, chosen), (args[0], args[2], args[3]))
        source, table, target = (context.make_array(kind)(context, builder, value).data for kind, value in arrays)
        small, wide = (ir.VectorType(ir.IntType(bits), UNITS_AT_ONCE) for bits in (8, 32))

        def vector(pointer: Any, offset: Any, kind: Any) -> Any:
            return builder.bitcast(builder.gep(pointer, [offset]), kind.as_pointer())

        eight = builder.load(vector(source, args[1], small), align=1)
        mask = builder.bitcast(builder.icmp_unsigned("!=", eight, ir.Constant(small, None)), ir.IntType(8))
        row = builder.mul(builder.zext(mask, args[1].type), ir.Constant(args[1].type, UNITS_AT_ONCE))
        start = builder.insert_element(
            ir.Constant(wide, ir.Undefined), builder.trunc(args[1], ir.IntType(32)), ir.IntType(32)(0)
        )
        start = builder.shuffle_vector(start, start, ir.Constant(wide, None))
        numbers = builder.add(builder.load(vector(table, row, wide), align=4), start)
        builder.store(numbers, vector(target, args[4], wide), align=4)
        return builder.add(args[4], builder.zext(builder.ctpop(mask), args[4].type))

    expected = ((units, types.uint8), (places, types.int32), (chosen, types.int32))
    for kind, dtype in expected:
        if kind.layout != "C" or kind.dtype != dtype:
            raise TypingError(f"list_ones: expected a contiguous array of {dtype}, found {kind}")
    return types.intp(units, types.intp, places, chosen, types.intp), generate


@overload(list_ones, strict=False, jit_options=OPTIONS)
def _(units: Any, first: Any, places: Any, chosen: Any, n: Any) -> Any:
    return lambda units, first, places, chosen, n: _list_ones(units, first, places, chosen, n)


@kernel
def copy(source: np.ndarray, out: np.ndarray) -> None:
    """Copy an array of any shape; inside kernels an assignment of whole arrays would need the allocator."""
    for index in np.ndindex(source.shape):
        out[index] = source[index]
