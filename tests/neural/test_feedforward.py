import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_limits

from neural import feedforward_kernels as kernels
from neural.activations import NAMES
from neural.feedforward import FeedForward
from neural.losses import LOSSES
from neural.parameters import flatten, n_parameters, unflatten
from neural.torch_modules import to_torch
from tests.neural.test_losses import TORCH, probabilities

pytestmark = pytest.mark.interpreted

ARCHITECTURES = [(3, 1), (1, 1, 1), (2, 5, 1), (5, 33, 35, 1), (4, 32, 6, 3, 1), (33, 4, 1)]


def network(sizes, name="tanh", seed=1):
    """Random weights and biases, the last layer linear."""
    activations = [name] * (len(sizes) - 2) + ["identity"]
    net = FeedForward.init(sizes, activations, seed=seed)
    for bias in net.biases:
        bias[...] = np.random.default_rng(seed + 1).normal(size=bias.shape)
    return net


def inputs(n, d, seed=3):
    return np.random.default_rng(seed).normal(size=(n, d))


def assert_close(found, expected, tolerance=1e-12):
    """Relative to the largest element."""
    assert np.shape(found) == np.shape(expected)
    assert np.max(np.abs(found - expected)) <= tolerance * np.max(np.abs(expected))


def torch_function(net):
    """f(theta, x) for one input x, by torch's own linear layers."""
    module = to_torch(net)
    names = [name for name, _ in module.named_parameters()]
    shapes = [p.shape for p in module.parameters()]

    def f(theta, x):
        parts = torch.split(theta, [shape.numel() for shape in shapes])
        parameters = {n: part.reshape(shape) for n, part, shape in zip(names, parts, shapes, strict=True)}
        return torch.func.functional_call(module, parameters, (x,))

    return f


# ---- Gradients ----


def test_gradient_descent_from_a_fixed_start():
    rng = np.random.RandomState(123)
    x, y = rng.randn(64, 1000), rng.randn(64, 10)
    weights, biases = (rng.randn(1000, 100), rng.randn(100, 10)), (rng.randn(100), rng.randn(10))
    net = FeedForward.from_layers(weights, biases, ("relu", "identity"))
    losses = []
    with threadpool_limits(1):
        for _ in range(451):
            loss, gradient = net.backprop(x, y, loss="sum_squared_error")
            losses.append(loss)
            net = unflatten(net, flatten(net) - 1e-6 * flatten(gradient))
    expected = [
        28672414.3466621,
        10855.267298784325,
        567.6511664170878,
        58.571666330066876,
        7.447383884910002,
        1.0250919839768011,
        0.1463988240971842,
        0.021346160908850102,
        0.0031559975186639913,
        0.0004716318886403881,
    ]
    np.testing.assert_allclose(losses[::50], expected, rtol=5e-9)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("name", NAMES)
def test_backprop_equals_autograd(name, loss):
    net, x = network((4, 7, 5, 3), name), inputs(6, 4)
    y = probabilities(np.random.default_rng(5), (6, 3))
    module, xt = to_torch(net), torch.tensor(x, requires_grad=True)
    expected = TORCH[loss](module(xt), torch.tensor(y))
    *parameters, for_inputs = torch.autograd.grad(expected, [*module.parameters(), xt])

    value, gradient = net.backprop(x, y, loss=loss)
    assert value == pytest.approx(expected.item(), rel=1e-12)
    assert_close(flatten(gradient), np.concatenate([p.numpy().ravel() for p in parameters]))
    again, found = net.pullback(x, LOSSES[loss](net(x), y)[1])
    assert_close(flatten(again), flatten(gradient), 0.0)
    assert_close(found, for_inputs.numpy())


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("d_out", [1, 3])
def test_per_sample_gradients_equal_autograd(name, d_out):
    net, x = network((4, 7, 5, d_out), name), inputs(6, 4)
    jacobian = torch.func.vmap(torch.func.jacrev(torch_function(net)), in_dims=(None, 0))
    expected = jacobian(torch.tensor(net.theta), torch.tensor(x)).numpy()
    assert_close(net.per_sample_gradients(x), expected[:, 0] if d_out == 1 else expected)


def test_per_sample_gradients_sum_to_backprop():
    net, x, y = network((3, 6, 2)), inputs(9, 3), inputs(9, 2, seed=4)
    _, gradient = net.backprop(x, y, loss="sum_squared_error")
    assert_close(np.tensordot(2 * (net(x) - y), net.per_sample_gradients(x)), flatten(gradient), 1e-13)


# ---- Laplacian ----


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("d_out", [1, 3])
def test_laplacian_is_the_trace_of_the_hessian(name, d_out):
    net, x = network((4, 7, 5, d_out), name), inputs(6, 4)
    f, theta, xt = torch_function(net), torch.tensor(net.theta), torch.tensor(x)
    first = torch.func.jacrev(f, argnums=1)
    jacobian = torch.func.vmap(first, in_dims=(None, 0))(theta, xt).numpy()
    hessian = torch.func.vmap(torch.func.jacrev(first, argnums=1), in_dims=(None, 0))(theta, xt).numpy()
    expected = net(x), jacobian, np.trace(hessian, axis1=-2, axis2=-1)
    for found, exact in zip(net.laplacian(x), expected, strict=True):
        assert_close(found, exact[:, 0] if d_out == 1 else exact, 1e-10)


def test_laplacian_of_plane_waves():
    rng = np.random.default_rng(6)
    k, phase, amplitude = rng.normal(size=(3, 8)), rng.normal(size=8), rng.normal(size=(8, 1))
    net = FeedForward.from_layers((k, amplitude), (phase, np.zeros(1)), ("sine", "identity"))
    x = inputs(5, 3)
    expected = -np.sin(x @ k + phase) @ (np.sum(k**2, axis=0)[:, None] * amplitude)
    assert_close(net.laplacian(x).laplacian, expected[:, 0], 1e-14)
    gradient, work = np.empty(3), kernels.workspace(net)
    assert_close(np.array([kernels.laplacian(net, work, row, gradient)[1] for row in x]), expected[:, 0], 1e-14)


# ---- Kernels ----


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("sizes", ARCHITECTURES)
def test_kernels_equal_numpy(sizes, name):
    net, work, x = network(sizes, name), kernels.workspace(network(sizes, name)), inputs(3, sizes[0])
    expected, parameters = net.laplacian(x), net.per_sample_gradients(x)
    gradient, row = np.empty(sizes[0]), np.empty(n_parameters(net))
    for i in range(len(x)):
        value, laplacian = kernels.laplacian(net, work, x[i], gradient)
        scale = 1e-13 * max(1.0, np.max(np.abs(expected.laplacian)))
        assert value == pytest.approx(expected.value[i], rel=1e-13)
        assert laplacian == pytest.approx(expected.laplacian[i], rel=1e-13, abs=scale)
        assert_close(gradient, expected.gradient[i], 1e-13)
        assert kernels.value(net, work, x[i]) == pytest.approx(expected.value[i], rel=1e-13)
        assert kernels.value_gradient(net, work, x[i], gradient) == pytest.approx(expected.value[i], rel=1e-13)
        assert_close(gradient, expected.gradient[i], 1e-13)
        assert kernels.parameter_gradient(net, work, x[i], row) == pytest.approx(expected.value[i], rel=1e-13)
        assert_close(row, parameters[i], 1e-13)


@pytest.mark.parametrize("n_directions", [1, 2, 3])
def test_laplacian_along_curved_coordinates(n_directions):
    """x_i(y) = sum_c A_ci y_c^2, against torch's Hessian of the composition."""
    net, rng = network((4, 6, 1)), np.random.default_rng(8)
    a, y = rng.normal(size=(n_directions, 4)), rng.normal(size=n_directions)
    f, theta = torch_function(net), torch.tensor(net.theta)

    def composed(y):
        return f(theta, y**2 @ torch.tensor(a))[0]

    gradient, work = np.empty(n_directions), kernels.workspace(net, n_directions)
    value, laplacian = kernels.laplacian_along(net, work, y**2 @ a, 2 * y[:, None] * a, 2 * a.sum(axis=0), gradient)
    assert value == pytest.approx(composed(torch.tensor(y)).item(), rel=1e-13)
    first = torch.func.grad(composed)
    assert_close(gradient, first(torch.tensor(y)).numpy())
    assert laplacian == pytest.approx(torch.trace(torch.func.jacrev(first)(torch.tensor(y))).item(), rel=1e-12)


def test_kernels_need_one_output():
    with pytest.raises(ValueError, match="networks with one output, this one has 2"):
        kernels.workspace(network((3, 4, 2)))


def test_workspace_for_fewer_directions_is_an_error():
    net = network((2, 4, 1))
    with pytest.raises(ValueError, match=r"workspace\(net, n_directions\)"):
        kernels.laplacian_along(net, kernels.workspace(net), np.ones(2), np.ones((5, 2)), np.ones(2), np.empty(5))


# ---- The model ----


def test_parameters_are_one_vector_and_views_of_it():
    net = network((3, 4, 2))
    assert n_parameters(net) == 3 * 4 + 4 + 4 * 2 + 2
    assert [w.shape for w in net.weights] == [(3, 4), (4, 2)]
    assert [b.shape for b in net.biases] == [(4,), (2,)]
    other = unflatten(net, np.arange(26.0))
    assert (other.activations, type(other)) == (net.activations, FeedForward)
    np.testing.assert_array_equal(other.weights[0], np.arange(12.0).reshape(4, 3).T)
    np.testing.assert_array_equal(other.biases[1], [24.0, 25.0])
    other.weights[1][...] = -1.0
    np.testing.assert_array_equal(flatten(other)[16:24], -1.0)
    _, gradient = net.backprop(np.ones((2, 3)), np.ones((2, 2)))
    assert isinstance(gradient, FeedForward)
    assert gradient.weights[0].shape == (3, 4)


def test_call_on_one_input_and_on_many():
    net, x = network((3, 4, 2)), inputs(10, 3)
    assert net(x[0]).shape == (2,)
    np.testing.assert_allclose(net(x.reshape(5, 2, 3)), net(x).reshape(5, 2, 2), rtol=1e-14)


def test_gradients_leave_inputs_and_parameters_alone():
    net, x = network((3, 4, 1), "identity"), inputs(5, 3)
    before = net.theta.copy(), x.copy()
    net.backprop(x, np.zeros((5, 1)))
    net.per_sample_gradients(x)
    net.laplacian(x)
    np.testing.assert_array_equal(net.theta, before[0])
    np.testing.assert_array_equal(x, before[1])


@pytest.mark.parametrize(("initialisation", "variance"), [("glorot", 2 / 500), ("he", 2 / 200), ("normal", 1.0)])
def test_initialisation_has_its_variance(initialisation, variance):
    net = FeedForward.init((200, 300, 1), ("tanh", "identity"), 7, initialisation=initialisation, scale=0.5)
    weights = net.weights[0].ravel() / 0.5
    kurtosis = 9 / 5 if initialisation == "glorot" else 3
    error = variance * np.sqrt((kurtosis - 1) / weights.size)
    assert abs(np.mean(weights)) < 4 * np.sqrt(variance / weights.size)
    assert abs(np.mean(weights**2) - variance) < 4 * error
    assert not np.any(net.biases[0])
    if initialisation == "glorot":
        assert 0.999 * np.sqrt(6 / 500) < np.max(np.abs(weights)) <= np.sqrt(6 / 500)


def test_seed_decides_the_weights():
    def draw(seed):
        return flatten(FeedForward.init((3, 4, 1), ("tanh", "identity"), seed=seed))

    np.testing.assert_array_equal(draw(1), draw(1))
    assert np.any(draw(1) != draw(2))


@pytest.mark.parametrize(
    ("sizes", "activations", "message"),
    [
        ((3, 4, 1), ("tanh",), r"expected a tuple of 2 activations.*got \('tanh',\)"),
        ((3, 1), "tanh", "expected a tuple of 1 activations"),
        ((3, 0, 1), ("tanh", "identity"), r"all positive, got \(3, 0, 1\)"),
        ((3,), (), "at least two sizes"),
        ((3, 4, 1), ("tahn", "identity"), "did you mean 'tanh'"),
    ],
)
def test_wrong_architectures_are_errors(sizes, activations, message):
    with pytest.raises(ValueError, match=message):
        FeedForward.init(sizes, activations, seed=0)


def test_wrong_arguments_are_errors():
    net = network((3, 4, 1))
    with pytest.raises(ValueError, match="unknown initialisation 'gloro'; did you mean 'glorot'"):
        FeedForward.init((3, 1), ("identity",), 0, initialisation="gloro")
    with pytest.raises(ValueError, match=r"expected inputs of shape \(n, 3\), got \(5, 4\)"):
        net.backprop(np.zeros((5, 4)), np.zeros((5, 1)))
    with pytest.raises(ValueError, match=r"expected inputs of shape \(n, 3\), got \(3,\)"):
        net.laplacian(np.zeros(3))
    with pytest.raises(ValueError, match=r"output gradient of shape \(5, 1\), got \(5,\)"):
        net.pullback(np.zeros((5, 3)), np.zeros(5))
    with pytest.raises(ValueError, match=r"expected an array of shape \(4, 1\)"):
        FeedForward.from_layers((np.zeros((3, 4)), np.zeros((2, 1))), (np.zeros(4), np.zeros(1)), ("tanh", "identity"))
