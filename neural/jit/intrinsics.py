"""Functions of a few machine instructions that Numba cannot be told to use: bits of numbers, rows in registers."""

from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.errors import TypingError
from numba.extending import intrinsic, overload

from .compile import OPTIONS


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
