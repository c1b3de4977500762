"""Both modes against exact derivatives, against each other, and against the hand-written backpropagation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neural import FeedForward
from neural.autodiff import (
    cos,
    directional,
    exp,
    forward_gradient,
    gradient,
    log,
    sigmoid,
    sin,
    tanh,
    total,
)

pytestmark = pytest.mark.interpreted


def z(x, y):
    return x * (x + y) + y * y


def test_the_worked_example_in_both_modes():
    assert gradient(z, 2.0, 3.0) == (19.0, (7.0, 8.0))
    assert directional(z, (2.0, 3.0), (1.0, 0.0)) == (19.0, 7.0)
    assert directional(z, (2.0, 3.0), (0.0, 1.0)) == (19.0, 8.0)
    assert z(2.0, 3.0) == 19.0


@pytest.mark.parametrize(
    ("f", "slope"),
    [
        (exp, np.exp),
        (log, lambda x: 1 / x),
        (sin, np.cos),
        (cos, lambda x: -np.sin(x)),
        (tanh, lambda x: 1 / np.cosh(x) ** 2),
        (sigmoid, lambda x: np.exp(-x) / (1 + np.exp(-x)) ** 2),
        (lambda x: 3 - 2 / x, lambda x: 2 / x**2),
        (lambda x: x**3.0, lambda x: 3 * x**2),
        (lambda x: x**x, lambda x: x**x * (np.log(x) + 1)),
        (lambda x: -x, lambda x: -np.ones_like(x)),
    ],
)
def test_elementary_functions(f, slope):
    x = np.linspace(0.3, 2.0, 7)
    np.testing.assert_allclose(directional(f, (x,), (np.ones(7),))[1], slope(x), rtol=1e-14)
    np.testing.assert_allclose(gradient(lambda x: total(f(x)), x)[1][0], slope(x), rtol=1e-14)


def mixture(a, b, c):
    """Broadcasting in all directions, a product of matrices, and a value used twice."""
    h = tanh(a @ b + c)
    return total(h * sin(h) / (2.0 + c * c) + exp(-c)) + total(a) * 0.5


SHAPES = ((4, 3), (3, 2), (2,))


@given(st.integers(0, 2**32 - 1))
def test_the_modes_are_transposes_of_each_other(seed):
    rng = np.random.default_rng(seed)
    point, direction = ([rng.normal(size=shape) for shape in SHAPES] for _ in range(2))
    value, along = directional(mixture, point, direction)
    same, gradients = gradient(mixture, *point)
    assert value == same == mixture(*point)
    assert [g.shape for g in gradients] == list(SHAPES)
    dot = sum(np.vdot(g, d) for g, d in zip(gradients, direction))
    assert along == pytest.approx(dot, rel=1e-10, abs=1e-10)


@pytest.mark.parametrize(("name", "f"), [("tanh", tanh), ("sigmoid", sigmoid), ("sine", sin)])
def test_backpropagation_of_the_core_agrees_with_both(name, f):
    net = FeedForward.init((3, 5, 2), (name, "identity"), seed=4)
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(6, 3)), rng.normal(size=(6, 2))

    def loss(W1, b1, W2, b2):
        return total((f(x @ W1 + b1) @ W2 + b2 - y) ** 2.0)

    parameters = [net.weights[0], net.biases[0], net.weights[1], net.biases[1]]
    expected_loss, expected = net.backprop(x, y)
    value, reverse = gradient(loss, *parameters)
    assert value == pytest.approx(expected_loss, rel=1e-14)
    hand = [expected.weights[0], expected.biases[0], expected.weights[1], expected.biases[1]]
    for found, by_hand in zip(reverse, hand):
        np.testing.assert_allclose(found, by_hand, rtol=1e-12, atol=1e-13)
    forward = forward_gradient(lambda W: loss(W, *parameters[1:]), parameters[0])
    np.testing.assert_allclose(forward, hand[0], rtol=1e-12, atol=1e-13)


def test_what_does_not_depend_on_an_argument_has_no_derivative():
    assert gradient(lambda x, y: total(x), np.ones(3), np.ones(2))[1][1].tolist() == [0.0, 0.0]
    assert gradient(lambda x: 4.0, 1.0) == (4.0, (0.0,))
    assert directional(lambda x: 4.0, (1.0,), (1.0,)) == (4.0, 0.0)


def test_a_deep_graph_needs_no_recursion():
    def chain(x):
        for _ in range(5000):
            x = x + 1e-4 * x
        return x

    assert gradient(chain, 1.0)[1][0] == pytest.approx(1.0001**5000, rel=1e-10)


def test_a_gradient_of_several_numbers_is_refused():
    with pytest.raises(ValueError, match="one number as result, got shape"):
        gradient(lambda x: x * 2.0, np.ones(3))
