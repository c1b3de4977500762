"""What differentiation knows of functions of one number: f, f' and f'' of each, from ``math``, ``numpy`` or Born."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from neural.jit.compile import kernel

Rule = Callable[[float], tuple[float, float, float]]


@kernel
def _exp(v):
    e = math.exp(v)
    return e, e, e


@kernel
def _expm1(v):
    e = math.exp(v)
    return math.expm1(v), e, e


@kernel
def _log(v):
    r = 1.0 / v
    return math.log(v), r, -r * r


@kernel
def _log1p(v):
    r = 1.0 / (1.0 + v)
    return math.log1p(v), r, -r * r


@kernel
def _sqrt(v):
    s = math.sqrt(v)
    return s, 0.5 / s, -0.25 / (s * v)


@kernel
def _sin(v):
    s = math.sin(v)
    return s, math.cos(v), -s


@kernel
def _cos(v):
    c = math.cos(v)
    return c, -math.sin(v), -c


@kernel
def _tan(v):
    t = math.tan(v)
    first = 1.0 + t * t
    return t, first, 2.0 * t * first


@kernel
def _arctan(v):
    r = 1.0 / (1.0 + v * v)
    return math.atan(v), r, -2.0 * v * r * r


@kernel
def _sinh(v):
    s = math.sinh(v)
    return s, math.cosh(v), s


@kernel
def _cosh(v):
    c = math.cosh(v)
    return c, math.sinh(v), c


@kernel
def _tanh(v):
    t = math.tanh(v)
    first = 1.0 - t * t
    return t, first, -2.0 * t * first


@kernel
def _erf(v):
    first = 2.0 / math.sqrt(math.pi) * math.exp(-v * v)
    return math.erf(v), first, -2.0 * v * first


@kernel
def _absolute(v):
    return abs(v), np.sign(v), 0.0


@kernel
def reciprocal_rule(v):
    r = 1.0 / v
    return r, -r * r, 2.0 * r * r * r


@kernel
def _log_cosh(v):
    t = math.tanh(v)
    return abs(v) + math.log1p(math.exp(-2.0 * abs(v))) - math.log(2.0), t, 1.0 - t * t


@kernel
def _softplus(v):
    e = math.exp(-abs(v))
    larger = 1.0 / (1.0 + e)
    return max(v, 0.0) + math.log1p(e), larger if v > 0.0 else e * larger, e * larger * larger


def log_cosh(x: Any) -> Any:
    """log cosh x, which does not overflow."""
    return _log_cosh(x)[0]


def softplus(x: Any) -> Any:
    """log(1 + exp x), which does not overflow."""
    return _softplus(x)[0]


RULES: dict[Any, Rule] = {
    math.exp: _exp,
    np.exp: _exp,
    math.expm1: _expm1,
    np.expm1: _expm1,
    math.log: _log,
    np.log: _log,
    math.log1p: _log1p,
    np.log1p: _log1p,
    math.sqrt: _sqrt,
    np.sqrt: _sqrt,
    math.sin: _sin,
    np.sin: _sin,
    math.cos: _cos,
    np.cos: _cos,
    math.tan: _tan,
    np.tan: _tan,
    math.atan: _arctan,
    np.arctan: _arctan,
    math.sinh: _sinh,
    np.sinh: _sinh,
    math.cosh: _cosh,
    np.cosh: _cosh,
    math.tanh: _tanh,
    np.tanh: _tanh,
    math.erf: _erf,
    abs: _absolute,
    np.abs: _absolute,
    log_cosh: _log_cosh,
    softplus: _softplus,
}  # f, f' and f'' of the functions that may be used
