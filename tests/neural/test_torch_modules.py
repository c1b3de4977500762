import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import parameters_to_vector

from neural.activations import NAMES
from neural.feedforward import FeedForward
from neural.parameters import flatten
from neural.torch_modules import MODULES, from_torch, to_torch


def network(name="tanh"):
    net = FeedForward.init((4, 9, 6, 3), (name, name, "identity"), seed=1)
    return net._replace(theta=net.theta + 0.1 * np.random.default_rng(2).normal(size=net.theta.size))


def test_every_activation_has_a_module():
    assert tuple(MODULES) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_round_trip_is_exact(name):
    net = network(name)
    back = from_torch(to_torch(net))
    np.testing.assert_array_equal(back.theta, net.theta)
    assert (back.activations, list(back.sizes)) == (net.activations, [4, 9, 6, 3])


def test_parameters_have_the_order_of_flatten():
    net = network()
    np.testing.assert_array_equal(parameters_to_vector(to_torch(net).parameters()).detach().numpy(), flatten(net))


@pytest.mark.parametrize("name", NAMES)
def test_outputs_are_equal(name):
    net, x = network(name), 3.0 * np.random.default_rng(3).normal(size=(50, 4))
    with torch.no_grad():
        expected = to_torch(net)(torch.tensor(x)).numpy()
    assert np.max(np.abs(net(x) - expected)) <= 1e-14 * np.max(np.abs(expected))


def test_parameters_are_copies():
    net = network()
    before = net.theta.copy()
    with torch.no_grad():
        for parameter in to_torch(net).parameters():
            parameter.zero_()
    np.testing.assert_array_equal(net.theta, before)


def test_shorter_numbers():
    module = to_torch(network(), dtype=torch.float32)
    assert all(p.dtype == torch.float32 for p in module.parameters())
    np.testing.assert_array_equal(from_torch(module).theta, network().theta.astype(np.float32))


def test_no_random_number_is_drawn():
    before = torch.random.get_rng_state()
    to_torch(network())
    assert torch.equal(torch.random.get_rng_state(), before)


def test_a_module_made_by_hand():
    module = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 4), nn.Linear(4, 1), nn.Sigmoid()).double()
    net, x = from_torch(module), torch.ones(5, 2, dtype=torch.float64)
    assert net.activations == ("tanh", "identity", "sigmoid")
    np.testing.assert_allclose(net(x.numpy()), module(x).detach().numpy(), rtol=1e-14)


@pytest.mark.parametrize(
    "module",
    [
        nn.Sequential(nn.Linear(2, 3), nn.Dropout()),
        nn.Sequential(nn.Linear(2, 3, bias=False)),
        nn.Sequential(nn.Linear(2, 3), nn.LeakyReLU(0.2)),
        nn.Sequential(nn.Linear(2, 3), nn.GELU(approximate="tanh")),
        nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.ReLU()),
        nn.Sequential(nn.Tanh(), nn.Linear(2, 3)),
    ],
)
def test_other_modules_are_errors(module):
    with pytest.raises(ValueError, match=r"expected nn\.Linear with a bias, or after it one of Identity"):
        from_torch(module)


def test_the_core_does_not_load_torch():
    command = "import sys, neural, neural.feedforward_kernels; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", command], check=False).returncode == 0
