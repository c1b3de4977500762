"""Activation functions with their first and second derivatives: whole arrays in NumPy, one layer in a kernel.

The two tables below are independent of each other: NumPy's own functions for batches, and for kernels arithmetic
that the compiler can vectorise. The position of a name in ``ACTIVATIONS`` is its code, the number that a model
stores and a kernel looks at.

GELU is z Phi(z) with the normal distribution function Phi (Hendrycks and Gimpel, arXiv:1606.08415, eq. 1, exact,
not the tanh approximation); leaky ReLU has the slope 0.01 for z <= 0. At the kink of a ReLU the derivative is the
one from the left.
"""

import difflib
import math
from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np

from neural import special
from neural.jit import kernel

LEAK = 0.01
SQRT_HALF = math.sqrt(0.5)
INV_SQRT_2PI = 1.0 / math.sqrt(2.0 * math.pi)

Array = np.ndarray


class Activation(NamedTuple):
    """a = value(z), da/dz = slope(z, a), d2a/dz2 = curvature(z, a), for arrays of any shape."""

    value: Callable[[Array], Array]
    slope: Callable[[Array, Array], Array]
    curvature: Callable[[Array, Array], Array]


def sigmoid(z: Array) -> Array:
    """1 / (1 + e^-z), without overflow for either sign."""
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, 1.0, e) / (1 + e)


def _normal_distribution(z: Array) -> Array:
    from scipy.special import ndtr  # costs 0.2 s of start-up, needed only here

    return ndtr(z)


def _normal_density(z: Array) -> Array:
    return INV_SQRT_2PI * np.exp(-0.5 * z * z)


def _log_one_plus_exp(z: Array) -> Array:
    return np.maximum(z, 0.0) + np.log1p(np.exp(-np.abs(z)))


def _flat(z: Array, a: Array) -> Array:
    return np.zeros_like(z)


ACTIVATIONS = {
    "identity": Activation(lambda z: z, lambda z, a: np.ones_like(z), _flat),
    "sigmoid": Activation(sigmoid, lambda z, a: a * (1 - a), lambda z, a: a * (1 - a) * (1 - 2 * a)),
    "tanh": Activation(np.tanh, lambda z, a: 1 - a * a, lambda z, a: -2 * a * (1 - a * a)),
    "relu": Activation(lambda z: np.maximum(z, 0.0), lambda z, a: (z > 0) * 1.0, _flat),
    "leaky_relu": Activation(lambda z: np.maximum(z, LEAK * z), lambda z, a: np.where(z > 0, 1.0, LEAK), _flat),
    "softplus": Activation(_log_one_plus_exp, lambda z, a: sigmoid(z), lambda z, a: sigmoid(z) * sigmoid(-z)),
    "gelu": Activation(
        lambda z: z * _normal_distribution(z),
        lambda z, a: _normal_distribution(z) + z * _normal_density(z),
        lambda z, a: (2 - z * z) * _normal_density(z),
    ),
    "sine": Activation(np.sin, lambda z, a: np.cos(z), lambda z, a: -a),
}

NAMES = tuple(ACTIVATIONS)
IDENTITY, SIGMOID, TANH, RELU, LEAKY_RELU, SOFTPLUS, GELU, SINE = range(len(NAMES))


def unknown(kind: str, name: object, known: Iterable[str]) -> str:
    """The message for an option that does not exist: it names the nearest one, or all of them."""
    known = tuple(known)
    near = difflib.get_close_matches(str(name).lower(), known, n=1)
    advice = f"did you mean {near[0]!r}?" if near else f"choose from {', '.join(known)}"
    return f"unknown {kind} {name!r}; {advice}"


def activation(name: str) -> Activation:
    """The activation of that name; ``ValueError`` naming the nearest one if there is none."""
    return ACTIVATIONS[NAMES[activation_code(name)]]


def activation_code(name: str) -> int:
    """The code of an activation; ``ValueError`` naming the nearest one if there is none."""
    if name not in ACTIVATIONS:
        raise ValueError(unknown("activation", name, NAMES))
    return NAMES.index(name)


@kernel
def activate(code: int, z: Array, slope: Array, curvature: Array) -> None:
    """One layer, in place: z <- f(z), slope <- f'(z), curvature <- f''(z), each of shape (width,)."""
    if code == TANH:
        _tanh(z, slope, curvature)
    elif code == IDENTITY:
        _leaky_relu(z, slope, curvature, 1.0)
    elif code == RELU:
        _leaky_relu(z, slope, curvature, 0.0)
    elif code == LEAKY_RELU:
        _leaky_relu(z, slope, curvature, LEAK)
    elif code == SIGMOID:
        _sigmoid(z, slope, curvature)
    elif code == SOFTPLUS:
        _softplus(z, slope, curvature)
    elif code == GELU:
        _gelu(z, slope, curvature)
    elif code == SINE:
        _sine(z, slope, curvature)


@kernel
def _leaky_relu(z: Array, slope: Array, curvature: Array, leak: float) -> None:
    for i in range(z.size):
        slope[i] = 1.0 if z[i] > 0.0 else leak
        z[i] *= slope[i]
        curvature[i] = 0.0


@kernel
def _tanh(z: Array, slope: Array, curvature: Array) -> None:
    """tanh |z| = (1 - e) / (1 + e) with e = exp(-2|z|), and 1 - tanh^2 = 4 e / (1 + e)^2 without cancellation."""
    for i in range(z.size):
        e = special.exp(-2.0 * abs(z[i]))
        c = 1.0 / (1.0 + e)
        z[i] = np.copysign((1.0 - e) * c, z[i])
        slope[i] = 4.0 * e * c * c
        curvature[i] = -2.0 * z[i] * slope[i]


@kernel
def _sigmoid(z: Array, slope: Array, curvature: Array) -> None:
    """sigmoid' = e / (1 + e)^2 with e = exp(-|z|)."""
    for i in range(z.size):
        e = special.exp(-abs(z[i]))
        c = 1.0 / (1.0 + e)
        z[i] = c if z[i] >= 0.0 else e * c
        slope[i] = e * c * c
        curvature[i] = slope[i] * (1.0 - 2.0 * z[i])


@kernel
def _softplus(z: Array, slope: Array, curvature: Array) -> None:
    for i in range(z.size):
        s = special.sigmoid(z[i])
        z[i] = special.softplus(z[i])
        slope[i] = s
        curvature[i] = s * (1.0 - s)


@kernel
def _gelu(z: Array, slope: Array, curvature: Array) -> None:
    for i in range(z.size):
        distribution = 0.5 * math.erfc(-z[i] * SQRT_HALF)
        density = INV_SQRT_2PI * special.exp(-0.5 * z[i] * z[i])
        slope[i] = distribution + z[i] * density
        curvature[i] = (2.0 - z[i] * z[i]) * density
        z[i] *= distribution


@kernel
def _sine(z: Array, slope: Array, curvature: Array) -> None:
    for i in range(z.size):
        slope[i] = math.cos(z[i])
        z[i] = math.sin(z[i])
        curvature[i] = -z[i]
