import numpy as np
import pytest
import torch

from neural.activations import ACTIVATIONS, NAMES, activate, activation, activation_code
from neural.jit import kernel
from neural.torch_modules import MODULES

POINTS = np.concatenate([np.linspace(-9.0, 9.0, 361), [-40.0, -20.0, -1e-3, -1e-9, 1e-9, 1e-3, 20.0, 40.0, 3.0]])

pytestmark = pytest.mark.interpreted


@kernel
def layer(code, z, slope, curvature):
    activate(code, z, slope, curvature)


def numpy_derivatives(name, z):
    f = activation(name)
    a = f.value(z)
    return a, f.slope(z, a), f.curvature(z, a)


def kernel_derivatives(name, z):
    a, slope, curvature = z.copy(), np.empty_like(z), np.empty_like(z)
    layer(activation_code(name), a, slope, curvature)
    return a, slope, curvature


def torch_derivatives(name, z):
    def f(z):
        return MODULES[name]()(z)

    slope, curvature = torch.func.grad(f), torch.func.grad(torch.func.grad(f))
    return tuple(torch.func.vmap(g)(torch.tensor(z)).numpy() for g in (f, slope, curvature))


AT_ZERO = {
    "identity": (0.0, 1.0, 0.0),
    "sigmoid": (1 / 2, 1 / 4, 0.0),
    "tanh": (0.0, 1.0, 0.0),
    "relu": (0.0, 0.0, 0.0),
    "leaky_relu": (0.0, 0.01, 0.0),
    "softplus": (np.log(2.0), 1 / 2, 1 / 4),
    "gelu": (0.0, 1 / 2, np.sqrt(2 / np.pi)),
    "sine": (0.0, 1.0, 0.0),
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("derivatives", [numpy_derivatives, kernel_derivatives])
def test_exact_values_at_zero(derivatives, name):
    for found, expected in zip(derivatives(name, np.zeros(1)), AT_ZERO[name], strict=True):
        assert found[0] == pytest.approx(expected, rel=1e-15, abs=1e-16)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("derivatives", [numpy_derivatives, kernel_derivatives])
def test_value_and_derivatives_equal_autograd(derivatives, name):
    for found, expected in zip(derivatives(name, POINTS), torch_derivatives(name, POINTS), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "sine"])
@pytest.mark.parametrize("derivatives", [numpy_derivatives, kernel_derivatives])
def test_large_arguments_reach_the_asymptote(derivatives, name):
    a, slope, curvature = derivatives(name, np.array([-1000.0, 1000.0]))
    bounded = {"sigmoid": [0.0, 1.0], "tanh": [-1.0, 1.0]}
    low = {"identity": 1.0, "leaky_relu": 0.01}.get(name, 0.0)
    np.testing.assert_allclose(a, bounded.get(name, [-1000.0 * low, 1000.0]), rtol=1e-15, atol=1e-300)
    np.testing.assert_allclose(slope, [0.0, 0.0] if name in bounded else [low, 1.0], rtol=1e-15, atol=1e-300)
    np.testing.assert_allclose(curvature, 0.0, atol=1e-300)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("derivatives", [numpy_derivatives, kernel_derivatives])
def test_nan_stays_nan(derivatives, name):
    assert np.isnan(derivatives(name, np.array([np.nan, 0.5]))[0]).tolist() == [True, False]


@pytest.mark.parametrize("size", [1, 3, 8, 33])
def test_every_element_of_a_layer_is_done(size):
    for name in ACTIVATIONS:
        z = np.linspace(-2.0, 2.0, size)
        np.testing.assert_allclose(kernel_derivatives(name, z), numpy_derivatives(name, z), rtol=1e-14, atol=1e-15)


def test_unknown_name_names_the_nearest():
    with pytest.raises(ValueError, match="unknown activation 'sigmoyd'; did you mean 'sigmoid'"):
        activation("sigmoyd")
    with pytest.raises(ValueError, match="choose from identity, sigmoid, tanh"):
        activation_code("xyz")
