"""Derivatives of compiled functions: by jets and by a tape, against closed forms, differences and each other."""

import math

import numpy as np
import pytest

from neural.jit import kernel
from neural.jit.differentiation import (
    RULES,
    adjoints,
    curvature,
    differentiable,
    entry_of,
    jets,
    log_cosh,
    new_tape,
    recorded,
    slope,
    softplus,
    start,
    value,
)

pytestmark = pytest.mark.interpreted
LANES = 4
X = np.array([[0.31, -0.72], [1.43, 0.58]])


def gaussian(x, alpha):
    """exp(-alpha x^2) summed over rows, by rows of the array, with a constant that is summed first."""
    total = 1.0
    for i in range(len(x)):
        row = x[i]
        total += alpha * (row[0] ** 2 + 3) / 2 - row[1] * row[0]
    return -total / 4.0


def rational(x, alpha):
    r = np.sqrt((x[0, 0] - x[1, 0]) ** 2 + (x[0, 1] - x[-1, 1]) ** 2)
    return (1.0 - r) / (1 + alpha * r) - 2 / r + r**-3 + r**2.5 - alpha**r


def piecewise(x, alpha):
    value = 0.0
    for i in range(x.shape[0]):
        if x[i, 0] > 0.5:
            value += max(x[i, 0], x[i, 1]) * min(x[i, 1], 2.0)
        elif x[i, 0] >= 0.0:
            value -= abs(x[i, 1]) * alpha + max(-5.0, +x[i, 0])
    return value


def helper(u):
    return math.log1p(u * u)


def with_helper(x, alpha):
    return kernel_helper(x[1, 0] * x[0, 1]) * alpha + log_cosh(x[0, 0]) + softplus(x[1, 1] - x[0, 0])


kernel_helper = kernel(helper)
FUNCTIONS = [gaussian, rational, piecewise, with_helper]


def derivatives(function):
    """Value, gradient and second derivatives for the four coordinates, and the gradient by the tape."""
    f = differentiable(function)

    @kernel
    def by_jets(x, alpha, out):
        jet = f(jets(x, 0, LANES, 2), alpha)
        out[0, 0] = value(jet)
        for lane in range(LANES):
            out[1, lane], out[2, lane] = slope(jet, lane), curvature(jet, lane)

    @kernel
    def by_tape(x, alpha, tape, partials, work):
        start(tape, x.size)
        result = f(recorded(x, 1, tape), alpha)
        return value(result) if adjoints(tape, partials, entry_of(result), x.size, work) else np.nan

    out, tape = np.zeros((3, LANES)), new_tape(200)
    work = np.zeros(len(tape))
    by_jets(X, 0.7, out)
    found = by_tape(X, 0.7, tape, tape.view(np.float64), work)
    return out, found, work[1 : X.size + 1]


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.__name__)
def test_derivatives_are_those_of_complex_steps_and_differences(function):
    (first, gradient, curvatures), by_tape, adjoint = derivatives(function)
    assert first[0] == pytest.approx(by_tape, rel=1e-14)
    np.testing.assert_allclose(adjoint, gradient, rtol=1e-13, atol=1e-14)

    def at(k, step):
        x = X.copy()
        x.flat[k] += step
        return differentiable(function)(x, 0.7)

    for k in range(X.size):
        h = 1e-3
        sample = [at(k, h * j) for j in range(-3, 4)]
        slope_of_six = np.dot([-1, 9, -45, 0, 45, -9, 1], sample) / (60 * h)
        curvature_of_six = np.dot([2, -27, 270, -490, 270, -27, 2], sample) / (180 * h * h)
        assert gradient[k] == pytest.approx(slope_of_six, rel=1e-9, abs=1e-10)
        assert curvatures[k] == pytest.approx(curvature_of_six, rel=1e-6, abs=1e-7)


@pytest.mark.parametrize("rule", sorted({f.__name__ for f in RULES}))
def test_rules_agree_with_differences(rule):
    function, formula = next((f, r) for f, r in RULES.items() if f.__name__ == rule)
    for v in (0.23, 0.81):
        f, first, second = formula(v)
        h = 1e-3
        sample = [float(function(v + h * j)) for j in range(-3, 4)]
        assert f == pytest.approx(float(function(v)), rel=1e-14)
        assert first == pytest.approx(np.dot([-1, 9, -45, 0, 45, -9, 1], sample) / (60 * h), rel=1e-9)
        assert second == pytest.approx(
            np.dot([2, -27, 270, -490, 270, -27, 2], sample) / (180 * h * h), rel=1e-6, abs=1e-6
        )


def test_large_arguments_do_not_overflow():
    for v in (800.0, -800.0):
        assert log_cosh(v) == pytest.approx(800 - math.log(2), rel=1e-15)
        assert softplus(v) == (800.0 if v > 0 else 0.0)
        assert RULES[log_cosh](v)[1:] == (math.copysign(1, v), 0.0)
        assert RULES[softplus](v)[1:] == ((1.0, 0.0) if v > 0 else (0.0, 0.0))


def test_a_full_tape_counts_on():
    f = differentiable(rational)

    @kernel
    def record(x, alpha, tape):
        start(tape, x.size)
        f(recorded(x, 1, tape), alpha)

    small, large = new_tape(7), new_tape(100)
    record(X, 0.7, large)
    record(X, 0.7, small)
    assert small[0, 0] == large[0, 0] > 7
    work = np.zeros(100)
    assert not adjoints(small, small.view(np.float64), small[0, 0] - 1, X.size, work)
