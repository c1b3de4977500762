"""Derivatives of a compiled function, correct to rounding, by the numbers that it computes with.

The same function runs on three kinds of numbers:

``jets``
    carry derivatives along: a value, its first derivatives for some of the inputs (the lanes), and with ``order=2`` its
    second derivatives, too: f(g) has the derivatives f' g' and f'' g'^2 + f' g''. One call costs about twice the
    function and gives as many derivatives as there are lanes.
``recorded``
    write every operation on a tape, which ``adjoints`` then reads backwards: one call and one pass give the derivatives
    for all inputs, at about ten times the cost of the function.
floats
    are what it is for.

``jets(array, first, lanes, order)`` and ``recorded(array, first, tape)`` stand for an array of such numbers. A
function that is differentiated may use + - * / and ** of numbers, comparisons, ``abs``, ``min`` and ``max`` of two,
the functions of ``neural.jit.rules``, elements and rows of its arrays, ``len``, ``.shape``, ``.size``,
loops, branches, and other functions of this kind. A branch is followed as the values say; its edge has no derivative.

Source: A. Griewank and A. Walther, Evaluating Derivatives, 2nd ed. (SIAM 2008), chapters 3, 4 and 13.
"""

import functools
import math
import operator
import types as python
from collections.abc import Callable
from typing import Any

import numpy as np
from numba.core import types
from numba.core.errors import RequireLiteralValue
from numba.extending import overload, overload_attribute

from neural.jit import numbers
from neural.jit.compile import COMPILED, FAST_MATH, OPTIONS, kernel
from neural.jit.numbers import Inputs, Jet, Number, Recorded
from neural.jit.plain_numbers import PlainInputs, PlainJet, PlainNumber, PlainRecorded, lifted
from neural.jit.rules import RULES, Rule, log_cosh, reciprocal_rule, softplus


def jets(array: np.ndarray, first: int, lanes: int, order: int) -> Any:
    """The array as inputs: its element number k has the derivative 1 in the lane first + k, where there is one.

    Lanes and order (1 or 2) are written as numbers, or as constants of a module.
    """
    return PlainInputs(array, lambda value, k: PlainJet.leaf(value, first + k, lanes))


def recorded(array: np.ndarray, first: int, tape: np.ndarray) -> Any:
    """The array as inputs: its element number k is the entry first + k of the tape, see ``start``."""
    return PlainInputs(array, lambda value, k: PlainRecorded(value, first + k, tape))


def value(x: Any) -> float:
    """The number without its derivatives."""
    return getattr(x, "value", x)


def slope(x: Any, lane: int) -> float:
    """The first derivative of a jet for the input of the lane; 0 for a float."""
    return x.slopes[lane] if isinstance(x, PlainJet) else 0.0


def curvature(x: Any, lane: int) -> float:
    """The second derivative of a jet for the input of the lane; 0 for a float."""
    return x.curvatures[lane] if isinstance(x, PlainJet) else 0.0


def entry_of(x: Any) -> int:
    """The entry of the tape that belongs to a recorded number; 0 for a float."""
    return x.place if isinstance(x, PlainRecorded) else 0


def new_tape(n_entries: int) -> np.ndarray:
    """Room for so many entries, inputs among them."""
    return np.zeros((max(1, n_entries), numbers.ENTRY), dtype=np.int64)


@kernel
def start(tape, n_inputs):
    """Make the tape empty but for its inputs, the entries 1 .. n_inputs."""
    tape[0, 0] = n_inputs + 1
    tape[0, 1] = tape.shape[0]


@kernel
def adjoints(tape, partials, result, n_inputs, out):
    """Write the derivatives of the entry ``result`` for the inputs to out[1 : n_inputs + 1]; tell whether it did.

    ``partials`` is the memory of the tape as float64; ``out`` is as long as the tape. A tape that was too short
    counts in tape[0, 0] how many entries it should have had.
    """
    n = tape[0, 0]
    if n > tape.shape[0]:
        return False
    for k in range(n):
        out[k] = 0.0
    out[result] = 1.0
    for k in range(n - 1, n_inputs, -1):
        adjoint = out[k]
        out[tape[k, 2]] += adjoint * partials[k, 0]
        out[tape[k, 3]] += adjoint * partials[k, 1]
    return True


def _plain(function: Any, rule: Rule) -> Any:
    """The function for numbers with derivatives as well, without the compiler."""

    def apply(x: Any) -> Any:
        return x.chain(*rule(x.value)) if isinstance(x, PlainNumber) else function(x)

    return apply


def differentiable(function: Callable[..., Any]) -> Any:
    """The function compiled, or without the compiler as one that takes numbers with derivatives.

    Plain functions that it calls, from its module or a cell, are compiled, too.
    """
    if COMPILED:
        return with_helpers(function)
    return lifted(function, {each: _plain(each, rule) for each, rule in RULES.items()})


def with_helpers(function: Callable[..., Any]) -> Any:
    """The function as a kernel, in which the plain functions that it names can be called as they are."""
    _accept_helpers(function, set())
    return kernel(function)


def _accept_helpers(function: python.FunctionType, seen: set[Any]) -> None:
    cells = [cell.cell_contents for cell in function.__closure__ or ()]
    named = [function.__globals__[name] for name in function.__code__.co_names if name in function.__globals__]
    for helper in (each for each in [*named, *cells] if isinstance(each, python.FunctionType)):
        if helper not in seen and helper not in RULES and helper is not function:
            seen.add(helper)
            _accept_helpers(helper, seen)
            _accept(helper)


@functools.cache
def _accept(helper: python.FunctionType) -> None:
    _implement(helper)(lambda *args: helper)


def _is_number(kind: Any) -> bool:
    return isinstance(kind, Number)


def _is_float(kind: Any) -> bool:
    return isinstance(kind, types.Float | types.Integer | types.Boolean)


def _implement(function: Any) -> Callable[[Any], Any]:
    return overload(function, strict=False, jit_options={"fastmath": FAST_MATH, **OPTIONS})


def _implement_binary(function: Any, both: Any, left: Any, right: Any) -> None:
    """``both`` of two numbers, ``left`` where the second is a float, ``right`` where the first is."""

    def select(x, y):
        if _is_number(x):
            return both if _is_number(y) else left if _is_float(y) else None
        return right if _is_float(x) and _is_number(y) else None

    _implement(function)(select)


def _implement_rule(function: Any, rule: Rule) -> None:
    def apply(x):
        f, first, second = rule(numbers.value_of(x))
        return numbers.chain(x, f, first, second)

    def plain(x):
        return rule(x)[0]

    ours = function in (log_cosh, softplus)
    _implement(function)(lambda x: apply if _is_number(x) else plain if ours and _is_float(x) else None)


def _implement_functions() -> None:
    for function, rule in RULES.items():
        _implement_rule(function, rule)

    @overload(jets, strict=False, prefer_literal=True, jit_options=OPTIONS)
    def _(array, first, lanes, order):
        if not isinstance(lanes, types.IntegerLiteral) or not isinstance(order, types.IntegerLiteral):
            raise RequireLiteralValue("jets: expected lanes and order as numbers or constants of a module")
        make = numbers.make_jets(lanes.literal_value, order.literal_value)
        return lambda array, first, lanes, order: make(array, first)

    @_implement(recorded)
    def _(array, first, tape):
        return lambda array, first, tape: numbers.make_recorded(array, first, tape)

    @_implement(value)
    def _(x):
        return (lambda x: numbers.value_of(x)) if _is_number(x) else lambda x: np.float64(x)

    @_implement(slope)
    def _(x, lane):
        return (lambda x, lane: numbers.slope_of(x, lane)) if isinstance(x, Jet) else lambda x, lane: 0.0

    @_implement(curvature)
    def _(x, lane):
        return (lambda x, lane: numbers.curvature_of(x, lane)) if isinstance(x, Jet) else lambda x, lane: 0.0

    @_implement(entry_of)
    def _(x):
        return (lambda x: numbers.place_of(x)) if isinstance(x, Recorded) else lambda x: 0


def _implement_operators() -> None:
    add, subtract, multiply = numbers.add, numbers.subtract, numbers.multiply
    scale, shift = numbers.scale, numbers.shift

    @kernel
    def reciprocal(x):
        f, first, second = reciprocal_rule(numbers.value_of(x))
        return numbers.chain(x, f, first, second)

    arithmetic = {
        (operator.add, operator.iadd): (
            lambda x, y: add(x, y),
            lambda x, y: shift(x, y),
            lambda x, y: shift(y, x),
        ),
        (operator.sub, operator.isub): (
            lambda x, y: subtract(x, y),
            lambda x, y: shift(x, -y),
            lambda x, y: shift(scale(y, -1.0), x),
        ),
        (operator.mul, operator.imul): (
            lambda x, y: multiply(x, y),
            lambda x, y: scale(x, y),
            lambda x, y: scale(y, x),
        ),
        (operator.truediv, operator.itruediv): (
            lambda x, y: multiply(x, reciprocal(y)),
            lambda x, y: scale(x, 1.0 / y),
            lambda x, y: scale(reciprocal(y), x),
        ),
        (min,): (
            lambda x, y: x if numbers.value_of(x) <= numbers.value_of(y) else y,
            lambda x, y: x if numbers.value_of(x) <= y else shift(scale(x, 0.0), y),
            lambda x, y: y if numbers.value_of(y) <= x else shift(scale(y, 0.0), x),
        ),
        (max,): (
            lambda x, y: x if numbers.value_of(x) >= numbers.value_of(y) else y,
            lambda x, y: x if numbers.value_of(x) >= y else shift(scale(x, 0.0), y),
            lambda x, y: y if numbers.value_of(y) >= x else shift(scale(y, 0.0), x),
        ),
    }
    for functions, rules in arithmetic.items():
        for function in functions:
            _implement_binary(function, *rules)
    for compare in (operator.lt, operator.le, operator.gt, operator.ge):
        _implement_comparison(compare)

    @_implement(operator.neg)
    def _(x):
        return (lambda x: scale(x, -1.0)) if _is_number(x) else None

    @_implement(operator.pos)
    def _(x):
        return (lambda x: x) if _is_number(x) else None

    for function in (operator.pow, operator.ipow):
        _implement_power(function)


def _implement_comparison(compare: Any) -> None:
    _implement_binary(
        compare,
        lambda x, y: compare(numbers.value_of(x), numbers.value_of(y)),
        lambda x, y: compare(numbers.value_of(x), y),
        lambda x, y: compare(x, numbers.value_of(y)),
    )


def _implement_power(function: Any) -> None:
    def square(x, n):
        return numbers.multiply(x, x)

    def power(x, n):
        v = numbers.value_of(x)
        first = n * v ** (n - 1) if n != 0 else 0.0
        second = n * (n - 1) * v ** (n - 2) if n != 0 and n != 1 else 0.0
        return numbers.chain(x, v**n, first, second)

    def exponential(x, n):
        return math.exp(n * math.log(x))

    @_implement(function)
    def _(x, n):
        if isinstance(n, types.IntegerLiteral) and n.literal_value == 2 and _is_number(x):
            return square
        if _is_number(x) and _is_float(n):
            return power
        return exponential if _is_number(n) and (_is_number(x) or _is_float(x)) else None


def _implement_inputs() -> None:
    @_implement(operator.getitem)
    def _(view, index):
        if not isinstance(view, Inputs):
            return None
        n_given = len(index) if isinstance(index, types.BaseTuple) else 1
        if n_given < view.array.ndim:
            return lambda view, index: numbers.row_of(view, numbers.array_of(view)[index])
        return lambda view, index: numbers.element_of(view, index)

    @_implement(len)
    def _(view):
        return (lambda view: len(numbers.array_of(view))) if isinstance(view, Inputs) else None

    for name in ("shape", "size", "ndim"):
        read = eval(f"lambda view: array_of(view).{name}", {"array_of": numbers.array_of})  # no getattr when compiled
        overload_attribute(Inputs, name, strict=False, jit_options=OPTIONS)(lambda view, read=read: read)


if COMPILED:
    _implement_functions()
    _implement_operators()
    _implement_inputs()
