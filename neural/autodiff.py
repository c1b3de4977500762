"""Automatic differentiation in its two modes, over NumPy arrays, short enough to be read.

A function written with the arithmetic and the functions of this module takes plain arrays, dual numbers or nodes of a
graph. Forward mode carries a derivative along with every value, x + x' e with e^2 = 0, and gives one directional
derivative per pass. Reverse mode records the graph of the computation and walks it backwards, which gives the
derivatives of one number for all inputs in one pass.

    gradient(lambda x, y: x * (x + y) + y * y, 2.0, 3.0)                  # (19.0, (7.0, 8.0))
    directional(lambda x, y: x * (x + y) + y * y, (2.0, 3.0), (1.0, 0.0)) # (19.0, 7.0)

Source: A. G. Baydin et al., J. Mach. Learn. Res. 18(153), 1 (2018), sections 3.1 and 3.2.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from neural.activations import sigmoid as _sigmoid

Array = np.ndarray


class Rule(NamedTuple):
    """One operation and its derivative, for both modes.

    ``push(i, x', out, *arguments)`` is the change of the result when argument number i changes by x';
    ``pull(i, g, out, *arguments)``, its transpose, is the gradient for argument i, given g for the result.
    """

    value: Callable[..., Any]
    push: Callable[..., Any]
    pull: Callable[..., Any]


def elementwise(value: Callable[..., Any], *partials: Callable[..., Any]) -> Rule:
    """A rule from the partial derivatives ``partial(out, *arguments)``, one for each argument."""

    def times_partial(i: int, change: Any, out: Any, *arguments: Any) -> Any:
        return change * partials[i](out, *arguments)

    return Rule(value, times_partial, times_partial)


ADD = elementwise(np.add, lambda out, x, y: 1.0, lambda out, x, y: 1.0)
SUBTRACT = elementwise(np.subtract, lambda out, x, y: 1.0, lambda out, x, y: -1.0)
MULTIPLY = elementwise(np.multiply, lambda out, x, y: y, lambda out, x, y: x)
DIVIDE = elementwise(np.divide, lambda out, x, y: 1 / y, lambda out, x, y: -out / y)
POWER = elementwise(np.power, lambda out, x, n: n * x ** (n - 1), lambda out, x, n: out * np.log(x))
EXP = elementwise(np.exp, lambda out, x: out)
LOG = elementwise(np.log, lambda out, x: 1 / x)
SIN = elementwise(np.sin, lambda out, x: np.cos(x))
COS = elementwise(np.cos, lambda out, x: -np.sin(x))
TANH = elementwise(np.tanh, lambda out, x: 1 - out * out)
SIGMOID = elementwise(_sigmoid, lambda out, x: out * (1 - out))
SUM = Rule(np.sum, lambda i, dx, out, x: np.sum(dx), lambda i, g, out, x: np.broadcast_to(g, np.shape(x)))
MATMUL = Rule(
    np.matmul,
    lambda i, change, out, a, b: change @ b if i == 0 else a @ change,
    lambda i, g, out, a, b: g @ b.T if i == 0 else a.T @ g,
)


class Tracked:
    """A value whose derivative is followed: arithmetic by operators."""

    __array_ufunc__ = None  # array + tracked calls __radd__ below

    def __init__(self, value: Any) -> None:
        self.value = np.asarray(value, dtype=np.float64)

    def __add__(self, other: Any) -> Any:
        return apply(ADD, self, other)

    def __radd__(self, other: Any) -> Any:
        return apply(ADD, other, self)

    def __sub__(self, other: Any) -> Any:
        return apply(SUBTRACT, self, other)

    def __rsub__(self, other: Any) -> Any:
        return apply(SUBTRACT, other, self)

    def __mul__(self, other: Any) -> Any:
        return apply(MULTIPLY, self, other)

    def __rmul__(self, other: Any) -> Any:
        return apply(MULTIPLY, other, self)

    def __truediv__(self, other: Any) -> Any:
        return apply(DIVIDE, self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return apply(DIVIDE, other, self)

    def __pow__(self, exponent: Any) -> Any:
        return apply(POWER, self, exponent)

    def __matmul__(self, other: Any) -> Any:
        return apply(MATMUL, self, other)

    def __rmatmul__(self, other: Any) -> Any:
        return apply(MATMUL, other, self)

    def __neg__(self) -> Any:
        return apply(MULTIPLY, self, -1.0)


class Dual(Tracked):
    """value + derivative e, with e^2 = 0."""

    def __init__(self, value: Any, derivative: Any) -> None:
        super().__init__(value)
        self.derivative = np.broadcast_to(np.asarray(derivative, dtype=np.float64), self.value.shape)


class Node(Tracked):
    """A value in a graph: the rule that made it, and its arguments."""

    def __init__(self, value: Any, rule: Rule | None = None, arguments: Sequence[Any] = ()) -> None:
        super().__init__(value)
        self.rule, self.arguments = rule, arguments


def apply(rule: Rule, *arguments: Any) -> Any:
    """The operation on arrays, on dual numbers or on nodes, whichever the arguments are."""
    values = [argument.value if isinstance(argument, Tracked) else argument for argument in arguments]
    out = rule.value(*values)
    if any(isinstance(argument, Node) for argument in arguments):
        return Node(out, rule, arguments)
    duals = [(i, argument) for i, argument in enumerate(arguments) if isinstance(argument, Dual)]
    if not duals:
        return out
    return Dual(out, sum(rule.push(i, dual.derivative, out, *values) for i, dual in duals))


def exp(x: Any) -> Any:
    """e^x."""
    return apply(EXP, x)


def log(x: Any) -> Any:
    """Natural logarithm."""
    return apply(LOG, x)


def sin(x: Any) -> Any:
    """sin x."""
    return apply(SIN, x)


def cos(x: Any) -> Any:
    """cos x."""
    return apply(COS, x)


def tanh(x: Any) -> Any:
    """tanh x."""
    return apply(TANH, x)


def sigmoid(x: Any) -> Any:
    """1 / (1 + e^-x)."""
    return apply(SIGMOID, x)


def total(x: Any) -> Any:
    """The sum of all elements."""
    return apply(SUM, x)


def directional(f: Callable[..., Any], point: Sequence[Any], direction: Sequence[Any]) -> tuple[Any, Any]:
    """Forward mode: f at ``point`` and its derivative along ``direction``, both with one array per argument of f."""
    out = f(*(Dual(x, dx) for x, dx in zip(point, direction, strict=True)))
    if not isinstance(out, Dual):  # f does not depend on its arguments
        return out, np.zeros(np.shape(out))
    return out.value[()], out.derivative[()]


def forward_gradient(f: Callable[[Any], Any], x: Array) -> Array:
    """Forward mode, one pass for every element of ``x``: the gradient of a scalar f, of the shape of x."""
    units = np.eye(np.size(x)).reshape(-1, *np.shape(x))
    return np.reshape([directional(f, (x,), (unit,))[1] for unit in units], np.shape(x))


def gradient(f: Callable[..., Any], *point: Any) -> tuple[Any, tuple[Array, ...]]:
    """Reverse mode: a scalar f at ``point``, and its gradient for each argument, of its shape.

    Raises ``ValueError`` when f gives more than one number.
    """
    inputs = [Node(x) for x in point]
    out = f(*inputs)
    if np.size(getattr(out, "value", out)) != 1:
        raise ValueError(f"expected a function with one number as result, got shape {np.shape(out.value)}; sum it")
    gradients = _backwards(out) if isinstance(out, Node) else {}
    found = tuple(gradients.get(id(node), np.zeros(node.value.shape))[()] for node in inputs)
    return getattr(out, "value", np.asarray(out))[()], found


def _backwards(out: Node) -> dict[int, Array]:
    """The gradients for all nodes below ``out``, by the identity of the node."""
    gradients = {id(out): np.ones(out.value.shape)}
    for node in reversed(_in_order(out)):
        if node.rule is None:
            continue
        values = [argument.value if isinstance(argument, Node) else argument for argument in node.arguments]
        for i, argument in enumerate(node.arguments):
            if isinstance(argument, Node):
                g = _unbroadcast(node.rule.pull(i, gradients[id(node)], node.value, *values), argument.value.shape)
                gradients[id(argument)] = gradients.get(id(argument), 0.0) + g
    return gradients


def _in_order(out: Node) -> list[Node]:
    """Every node once, after its arguments."""
    order: list[Node] = []
    seen: set[int] = set()
    stack = [(out, False)]
    while stack:
        node, ready = stack.pop()
        if ready:
            order.append(node)
        elif id(node) not in seen:
            seen.add(id(node))
            stack.append((node, True))
            stack.extend((argument, False) for argument in node.arguments if isinstance(argument, Node))
    return order


def _unbroadcast(g: Array, shape: tuple[int, ...]) -> Array:
    """The transpose of broadcasting: sums over the axes that were added or stretched."""
    g = np.asarray(g)
    g = g.sum(axis=tuple(range(g.ndim - len(shape))))
    stretched = tuple(axis for axis, size in enumerate(shape) if size == 1 and g.shape[axis] != 1)
    return g.sum(axis=stretched, keepdims=True)
