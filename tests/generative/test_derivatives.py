"""Motion through a network against exact derivatives, the core, and derivatives by torch."""

import math

import pytest
import torch

from generative.derivatives import ACTIVATIONS, Motion, along
from generative.networks import feed_forward

pytestmark = pytest.mark.interpreted


def layers_of(net):
    return [(layer.weight.T, layer.bias) for layer in net if isinstance(layer, torch.nn.Linear)]


def test_a_known_path_through_a_known_function():
    """x = t^2 at t = 3 through sin: y = sin t^2, y' = 2 t cos t^2, y'' = 2 cos t^2 - 4 t^2 sin t^2."""
    x = Motion(*(torch.tensor([[value]], dtype=torch.float64) for value in (9.0, 6.0, 2.0)))
    one, zero = torch.ones(1, 1, dtype=torch.float64), torch.zeros(1, dtype=torch.float64)
    expected = (math.sin(9), 6 * math.cos(9), 2 * math.cos(9) - 36 * math.sin(9))
    assert [float(part) for part in along([(one, zero), (one, zero)], "sine", x)] == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_network_against_the_laplacian_of_the_core(activation):
    """Along a straight line, the second derivative is the Laplacian of a network with one input."""
    from neural.torch_modules import from_torch

    net = feed_forward((1, 8, 8, 1), activation, seed=3, dtype=torch.float64)
    x = torch.linspace(-2, 2, 9, dtype=torch.float64)[:, None]
    moved = along(layers_of(net), activation, Motion(x, torch.ones_like(x), torch.zeros_like(x)))
    core = from_torch(net).laplacian(x.numpy())
    torch.testing.assert_close(moved.value[:, 0].detach(), torch.tensor(core.value))
    torch.testing.assert_close(moved.first.detach(), torch.tensor(core.gradient))
    torch.testing.assert_close(moved.second[:, 0].detach(), torch.tensor(core.laplacian))


def test_a_curved_path_against_differences_in_time():
    """y(t) = net(x + v t + a t^2 / 2): central differences err by h^2, so a tenth of h errs by a hundredth."""
    net = feed_forward((3, 6, 2), "tanh", seed=1, dtype=torch.float64)
    generator = torch.Generator().manual_seed(0)
    x = Motion(*(torch.randn(5, 3, generator=generator, dtype=torch.float64) for _ in range(3)))
    moved = along(layers_of(net), "tanh", x)

    def at(t):
        return net(x.value + x.first * t + x.second * t**2 / 2).detach()

    first, second = moved.first.detach(), moved.second.detach()
    errors = []
    for h in (1e-2, 1e-3):
        slope, curvature = (at(h) - at(-h)) / (2 * h), (at(h) - 2 * at(0) + at(-h)) / h**2
        errors.append([float((slope - first).abs().max()), float((curvature - second).abs().max())])
    for coarse, fine in zip(*errors):
        assert 80 < coarse / fine < 120


def test_many_networks_at_once_are_each_as_alone():
    generator = torch.Generator().manual_seed(2)

    def draw(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    layers = [(draw(4, 3, 5), draw(4, 1, 5)), (draw(4, 5, 2), draw(4, 1, 2))]
    x = Motion(draw(7, 3), draw(7, 3), draw(7, 3))
    together = along(layers, "sigmoid", x)
    for k in range(4):
        alone = along([(W[k], b[k]) for W, b in layers], "sigmoid", x)
        for whole, part in zip(together, alone):
            torch.testing.assert_close(whole[k], part)


def test_parameters_have_gradients_through_the_second_derivative():
    """d/dw of y'' for y = sin(w x), x = t: y'' = -w^2 sin(w t), dy''/dw = -2 w sin(w t) - w^2 t cos(w t)."""
    w = torch.tensor([[1.3]], dtype=torch.float64, requires_grad=True)
    t, one, zero = (torch.full((1, 1), value, dtype=torch.float64) for value in (0.7, 1.0, 0.0))
    moved = along([(w, zero), (one, zero)], "sine", Motion(t, one, zero))
    (found,) = torch.autograd.grad(moved.second.sum(), w)
    assert float(found) == pytest.approx(-2.6 * math.sin(0.91) - 1.69 * 0.7 * math.cos(0.91), rel=1e-13)
