"""Numbers with derivatives, as the compiler sees them: their types, how they are stored, and their arithmetic.

A ``Jet`` is a value with derivatives, a ``Recorded`` number a value and its place on a tape; see
``neural.jit.differentiation``, which is made of the intrinsics at the end. Each knows how it is added, subtracted,
multiplied, scaled by a float, and what a function of one variable makes of it.
"""

import functools
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.datamodel import models
from numba.core.imputils import lower_cast
from numba.core.typeconv import Conversion
from numba.extending import intrinsic, register_model

from neural.jit.compile import FAST_MATH

DOUBLE, INTEGER, LANE = ir.DoubleType(), ir.IntType(64), ir.IntType(32)
FLAGS = tuple(sorted(FAST_MATH))
ENTRY = 4  # numbers of an entry of the tape: two partial derivatives, and of which entries


class Number(types.Type):
    """The Numba type of a number with derivatives; floats are converted to it where they meet."""

    def unify(self, context: Any, other: Any) -> Any:
        return self if isinstance(other, types.Number | types.Boolean) else None

    def can_convert_from(self, context: Any, other: Any) -> Any:
        return Conversion.promote if isinstance(other, types.Number | types.Boolean) else None


class Jet(Number):
    """A value (double), first derivatives (a vector of ``lanes``), and second ones where ``order`` is 2."""

    def __init__(self, lanes: int, order: int) -> None:
        self.lanes, self.order = lanes, order
        self.vector = ir.VectorType(DOUBLE, lanes)
        self.llvm = ir.LiteralStructType([DOUBLE] + [self.vector] * order)
        super().__init__(name=f"Jet({lanes}, {order})")

    def constant(self, b: Any, value: Any) -> Any:
        return _pack(b, self.llvm, value, *[ir.Constant(self.vector, None)] * self.order)

    def leaf(self, b: Any, value: Any, place: Any, tape: Any) -> Any:
        """The input that has the derivative 1 in the lane ``place``, if there is one."""
        numbers = ir.VectorType(INTEGER, self.lanes)
        lanes = ir.Constant(numbers, list(range(self.lanes)))
        ones = b.uitofp(b.icmp_signed("==", _spread(b, place, self.lanes), lanes), self.vector)
        return _pack(b, self.llvm, value, ones, *[ir.Constant(self.vector, None)] * (self.order - 1))

    def add(self, b: Any, x: Any, y: Any) -> Any:
        return _pack(b, self.llvm, *(b.fadd(u, v, flags=FLAGS) for u, v in zip(_parts(b, x), _parts(b, y))))

    def subtract(self, b: Any, x: Any, y: Any) -> Any:
        return _pack(b, self.llvm, *(b.fsub(u, v, flags=FLAGS) for u, v in zip(_parts(b, x), _parts(b, y))))

    def multiply(self, b: Any, x: Any, y: Any) -> Any:
        (x, *dx), (y, *dy) = _parts(b, x), _parts(b, y)
        u, v = _spread(b, x, self.lanes), _spread(b, y, self.lanes)
        slopes = [_sum(b, _times(b, u, q), _times(b, v, p)) for p, q in zip(dx, dy)]
        if self.order == 2:
            cross = _times(b, dx[0], dy[0])
            slopes[1] = _sum(b, slopes[1], _sum(b, cross, cross))
        return _pack(b, self.llvm, _times(b, x, y), *slopes)

    def scale(self, b: Any, x: Any, factor: Any) -> Any:
        value, *slopes = _parts(b, x)
        factors = _spread(b, factor, self.lanes)
        return _pack(b, self.llvm, _times(b, value, factor), *(_times(b, slope, factors) for slope in slopes))

    def chain(self, b: Any, x: Any, f: Any, first: Any, second: Any) -> Any:
        _, *slopes = _parts(b, x)
        spread = _spread(b, first, self.lanes)
        out = [_times(b, spread, slope) for slope in slopes]
        if self.order == 2:
            square = _times(b, slopes[0], slopes[0])
            out[1] = _sum(b, out[1], _times(b, _spread(b, second, self.lanes), square))
        return _pack(b, self.llvm, f, *out)


class Recorded(Number):
    """A value (double), the number of its entry on the tape, and the address of the tape, 0 for a constant."""

    llvm = ir.LiteralStructType([DOUBLE, INTEGER, INTEGER])

    def __init__(self) -> None:
        super().__init__(name="Recorded")

    def constant(self, b: Any, value: Any) -> Any:
        return _pack(b, self.llvm, value, INTEGER(0), INTEGER(0))

    def leaf(self, b: Any, value: Any, place: Any, tape: Any) -> Any:
        return _pack(b, self.llvm, value, place, tape)

    def add(self, b: Any, x: Any, y: Any) -> Any:
        return self._joined(b, x, y, lambda u, v: (_sum(b, u, v), DOUBLE(1.0), DOUBLE(1.0)))

    def subtract(self, b: Any, x: Any, y: Any) -> Any:
        return self._joined(b, x, y, lambda u, v: (b.fsub(u, v, flags=FLAGS), DOUBLE(1.0), DOUBLE(-1.0)))

    def multiply(self, b: Any, x: Any, y: Any) -> Any:
        return self._joined(b, x, y, lambda u, v: (_times(b, u, v), v, u))

    def scale(self, b: Any, x: Any, factor: Any) -> Any:
        value, place, tape = _parts(b, x)
        return self._entry(b, tape, _times(b, value, factor), factor, place, DOUBLE(0.0), INTEGER(0))

    def chain(self, b: Any, x: Any, f: Any, first: Any, second: Any) -> Any:
        _, place, tape = _parts(b, x)
        return self._entry(b, tape, f, first, place, DOUBLE(0.0), INTEGER(0))

    def _joined(self, b: Any, x: Any, y: Any, rule: Callable[[Any, Any], Any]) -> Any:
        (u, i, first), (v, j, second) = _parts(b, x), _parts(b, y)
        value, du, dv = rule(u, v)
        tape = b.select(b.icmp_unsigned("==", first, INTEGER(0)), second, first)
        return self._entry(b, tape, value, du, i, dv, j)

    def _entry(self, b: Any, tape: Any, value: Any, du: Any, i: Any, dv: Any, j: Any) -> Any:
        """The next entry of the tape, counted but not written where the tape is full; none for a constant."""
        numbers = b.inttoptr(tape, INTEGER.as_pointer())
        place = cgutils.alloca_once_value(b, INTEGER(0))
        with cgutils.if_likely(b, b.icmp_unsigned("!=", tape, INTEGER(0))):
            n = b.load(numbers)
            b.store(n, place)
            b.store(b.add(n, INTEGER(1)), numbers)
            with cgutils.if_likely(b, b.icmp_signed("<", n, b.load(b.gep(numbers, [INTEGER(1)])))):
                entry = b.gep(numbers, [b.mul(n, INTEGER(ENTRY))])
                partials = b.bitcast(entry, DOUBLE.as_pointer())
                b.store(du, partials)
                b.store(dv, b.gep(partials, [INTEGER(1)]))
                b.store(i, b.gep(entry, [INTEGER(2)]))
                b.store(j, b.gep(entry, [INTEGER(3)]))
        return _pack(b, self.llvm, value, b.load(place), tape)


def _pack(b: Any, kind: Any, *parts: Any) -> Any:
    out = ir.Constant(kind, ir.Undefined)
    for k, part in enumerate(parts):
        out = b.insert_value(out, part, k)
    return out


def _parts(b: Any, number: Any) -> list[Any]:
    return [b.extract_value(number, k) for k in range(len(number.type.elements))]


def _spread(b: Any, scalar: Any, lanes: int) -> Any:
    """The vector whose lanes all hold the scalar."""
    vector = ir.VectorType(scalar.type, lanes)
    first = b.insert_element(ir.Constant(vector, ir.Undefined), scalar, LANE(0))
    return b.shuffle_vector(first, ir.Constant(vector, ir.Undefined), ir.Constant(ir.VectorType(LANE, lanes), None))


def _times(b: Any, x: Any, y: Any) -> Any:
    return b.fmul(x, y, flags=FLAGS)


def _sum(b: Any, x: Any, y: Any) -> Any:
    return b.fadd(x, y, flags=FLAGS)


@register_model(Jet)
@register_model(Recorded)
class _NumberModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, kind.llvm)


@lower_cast(types.Number, Number)
@lower_cast(types.Boolean, Number)
def _(context, builder, source, target, value):
    return target.constant(builder, context.cast(builder, value, source, types.float64))


class Inputs(types.Type):
    """The Numba type of an array whose elements are inputs: numbers with derivatives."""

    def __init__(self, array: Any, number: Number) -> None:
        self.array, self.number = array, number
        super().__init__(name=f"Inputs({array}, {number})")


@register_model(Inputs)
class _InputsModel(models.StructModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, [("array", kind.array), ("first", types.intp), ("tape", types.intp)])


def _inputs(context: Any, builder: Any, kind: Any, array: Any, first: Any, tape: Any) -> Any:
    view = cgutils.create_struct_proxy(kind)(context, builder)
    view.array, view.first, view.tape = array, first, tape
    return view._getvalue()


def _member(name: str) -> Any:
    @intrinsic
    def read(typing_context, view):
        def generate(context, builder, signature, args):
            return getattr(cgutils.create_struct_proxy(view)(context, builder, value=args[0]), name)

        return (view.array if name == "array" else types.intp)(view), generate

    return read


array_of = _member("array")


@functools.cache
def make_jets(lanes: int, order: int) -> Any:
    """The intrinsic (array, first) -> inputs that are jets."""

    @intrinsic
    def make(typing_context, array, first):
        kind = Inputs(array, Jet(lanes, order))

        def generate(context, builder, signature, args):
            return _inputs(context, builder, kind, args[0], args[1], INTEGER(0))

        return kind(array, types.intp), generate

    return make


@intrinsic
def make_recorded(typing_context, array, first, tape):
    kind = Inputs(array, Recorded())

    def generate(context, builder, signature, args):
        address = builder.ptrtoint(context.make_array(tape)(context, builder, args[2]).data, INTEGER)
        return _inputs(context, builder, kind, args[0], args[1], address)

    return kind(array, types.intp, tape), generate


def _numbered(context: Any, builder: Any, kind: Any, pointer: Any, base: Any) -> Any:
    """How many elements of an array without gaps lie between two addresses."""
    bytes_between = builder.sub(builder.ptrtoint(pointer, INTEGER), builder.ptrtoint(base, INTEGER))
    return builder.sdiv(bytes_between, INTEGER(context.get_abi_sizeof(context.get_data_type(kind.dtype))))


@intrinsic
def row_of(typing_context, view, rows):
    """The part ``rows`` of the array of the view, as inputs."""
    kind = Inputs(rows, view.number)

    def generate(context, builder, signature, args):
        whole = cgutils.create_struct_proxy(view)(context, builder, value=args[0])
        base = context.make_array(view.array)(context, builder, whole.array).data
        start = context.make_array(rows)(context, builder, args[1]).data
        shift = _numbered(context, builder, rows, start, base)
        return _inputs(context, builder, kind, args[1], builder.add(whole.first, shift), whole.tape)

    return kind(view, rows), generate


@intrinsic
def element_of(typing_context, view, index):
    """The input with this index, a whole number or a tuple of them."""
    array, places = view.array, tuple(index) if isinstance(index, types.BaseTuple) else (index,)

    def generate(context, builder, signature, args):
        whole = cgutils.create_struct_proxy(view)(context, builder, value=args[0])
        found = context.make_array(array)(context, builder, whole.array)
        given = cgutils.unpack_tuple(builder, args[1]) if isinstance(index, types.BaseTuple) else [args[1]]
        where = [context.cast(builder, each, kind, types.intp) for each, kind in zip(given, places)]
        pointer = cgutils.get_item_pointer(context, builder, array, found, where, wraparound=True)
        value = context.cast(builder, context.unpack_value(builder, array.dtype, pointer), array.dtype, types.float64)
        place = builder.add(whole.first, _numbered(context, builder, array, pointer, found.data))
        return view.number.leaf(builder, value, place, whole.tape)

    return view.number(view, index), generate


def _element(k: int) -> Any:
    @intrinsic
    def read(typing_context, number):
        kind = types.float64 if k == 0 else types.intp
        return kind(number), lambda context, builder, signature, args: builder.extract_value(args[0], k)

    return read


value_of, place_of = _element(0), _element(1)


def _lane_of(order: int) -> Any:
    @intrinsic
    def read(typing_context, jet, lane):
        def generate(context, builder, signature, args):
            return builder.extract_element(builder.extract_value(args[0], order), builder.trunc(args[1], LANE))

        return types.float64(jet, types.intp), generate

    return read


slope_of, curvature_of = _lane_of(1), _lane_of(2)


def _binary(name: str) -> Any:
    @intrinsic
    def combine(typing_context, x, y):
        return x(x, y), lambda context, builder, signature, args: getattr(x, name)(builder, *args)

    return combine


add, subtract, multiply = _binary("add"), _binary("subtract"), _binary("multiply")


@intrinsic
def scale(typing_context, x, factor):
    return x(x, types.float64), lambda context, builder, signature, args: x.scale(builder, *args)


@intrinsic
def shift(typing_context, x, summand):
    def generate(context, builder, signature, args):
        value = _sum(builder, builder.extract_value(args[0], 0), args[1])
        return builder.insert_value(args[0], value, 0)

    return x(x, types.float64), generate


@intrinsic
def chain(typing_context, x, f, first, second):
    signature = x(x, types.float64, types.float64, types.float64)
    return signature, lambda context, builder, signature, args: x.chain(builder, *args)
