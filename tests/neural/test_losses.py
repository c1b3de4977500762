import numpy as np
import pytest
import torch
from torch.nn import functional

from neural.feedforward import FeedForward
from neural.losses import LOSSES, binary_cross_entropy, categorical_cross_entropy, find_loss
from neural.optimizers import Adam
from neural.training import fit

TORCH = {
    "sum_squared_error": lambda a, y: functional.mse_loss(a, y, reduction="sum"),
    "mean_squared_error": functional.mse_loss,
    "binary_cross_entropy": functional.binary_cross_entropy_with_logits,
    "categorical_cross_entropy": functional.cross_entropy,
}


def probabilities(rng, shape):
    y = rng.random(shape)
    return y / y.sum(axis=-1, keepdims=True)


def test_values_by_hand():
    a, y = np.array([[1.0, 2.0], [3.0, 5.0]]), np.array([[1.0, 1.0], [1.0, 1.0]])
    assert LOSSES["sum_squared_error"](a, y)[0] == 21.0
    assert LOSSES["mean_squared_error"](a, y)[0] == 21.0 / 4
    even = np.zeros((2, 4))
    assert binary_cross_entropy(even, np.eye(4)[:2])[0] == pytest.approx(np.log(2), rel=1e-15)
    assert categorical_cross_entropy(even, np.array([0, 3]))[0] == pytest.approx(np.log(4), rel=1e-15)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("scale", [1.0, 50.0])
def test_value_and_gradient_equal_torch(name, scale):
    rng = np.random.default_rng(1)
    outputs, targets = scale * rng.normal(size=(7, 5)), probabilities(rng, (7, 5))
    a = torch.tensor(outputs, requires_grad=True)
    expected = TORCH[name](a, torch.tensor(targets))
    (gradient,) = torch.autograd.grad(expected, a)
    value, found = LOSSES[name](outputs, targets)
    assert value == pytest.approx(expected.item(), rel=1e-13)
    np.testing.assert_allclose(found, gradient.numpy(), rtol=1e-12, atol=1e-16)


def test_class_numbers_are_one_hot_probabilities():
    rng = np.random.default_rng(2)
    outputs, labels = rng.normal(size=(6, 3)), np.array([0, 1, 2, 2, 1, 0])
    value, gradient = categorical_cross_entropy(outputs, labels)
    expected, expected_gradient = categorical_cross_entropy(outputs, np.eye(3)[labels])
    assert value == expected
    np.testing.assert_array_equal(gradient, expected_gradient)


@pytest.mark.parametrize("logit", [40.0, 1e4])
def test_cross_entropies_of_large_logits_are_exact(logit):
    z = np.array([[logit]])
    small = np.exp(-logit)
    assert binary_cross_entropy(z, np.ones((1, 1)))[0] == pytest.approx(small, rel=1e-14)
    assert binary_cross_entropy(-z, np.zeros((1, 1)))[0] == pytest.approx(small, rel=1e-14)
    assert binary_cross_entropy(z, np.zeros((1, 1)))[0] == pytest.approx(logit, rel=1e-15)
    assert categorical_cross_entropy(np.array([[logit, 0.0]]), np.array([1]))[0] == pytest.approx(logit, rel=1e-15)
    gradient = categorical_cross_entropy(np.array([[logit, 0.0]]), np.array([1]))[1]
    np.testing.assert_allclose(gradient, [[1.0, -1.0]], rtol=1e-15)


@pytest.mark.parametrize("name", LOSSES)
def test_targets_of_another_shape_are_an_error(name):
    with pytest.raises(ValueError, match=r"targets of shape \(4, 1\), like the outputs, got \(4, 2\)"):
        LOSSES[name](np.zeros((4, 1)), np.zeros((4, 2)))


def test_a_vector_of_targets_is_not_broadcast():
    with pytest.raises(ValueError, match=r"expected targets of shape \(4, 1\)"):
        LOSSES["mean_squared_error"](np.zeros((4, 1)), np.zeros(4))


@pytest.mark.parametrize("labels", [np.array([0, 3]), np.array([-1, 0])])
def test_class_numbers_outside_the_range_are_an_error(labels):
    with pytest.raises(ValueError, match=r"expected class numbers in 0\.\.2, found"):
        categorical_cross_entropy(np.zeros((2, 3)), labels)


def test_class_numbers_must_be_integers():
    with pytest.raises(ValueError, match="as integers, got float64"):
        categorical_cross_entropy(np.zeros((2, 3)), np.array([0.0, 1.0]))


def test_find_loss():
    assert find_loss("mean_squared_error") is LOSSES["mean_squared_error"]
    assert find_loss(binary_cross_entropy) is binary_cross_entropy
    with pytest.raises(ValueError, match="did you mean 'sum_squared_error'"):
        find_loss("sum_squared_eror")


@pytest.mark.parametrize("activation", ["sigmoid", "tanh"])
@pytest.mark.parametrize("loss", ["binary_cross_entropy", "categorical_cross_entropy", binary_cross_entropy])
def test_probabilities_are_not_taken_for_logits(activation, loss):
    """A sigmoid of a sigmoid cannot reach 0 or 1: the fit would find weights far beyond the right ones."""
    x, y = np.zeros((4, 2)), np.zeros((4, 1))
    net = FeedForward.init((2, 3, 1), ("tanh", activation), seed=0)
    with pytest.raises(ValueError, match=f"found {activation!r}: take 'identity'"):
        net.backprop(x, y, loss=loss)
    with pytest.raises(ValueError, match="expected logits"):
        fit(net, x, y, optimizer=Adam(0.1), n_epochs=1, seed=0, loss=loss)


def test_a_logistic_regression_finds_its_weights():
    """y with probability sigmoid(2 x - 1): the fit of the probabilities themselves, without noise."""
    x = np.linspace(-3, 3, 61)[:, None]
    y = 1 / (1 + np.exp(-(2 * x - 1)))
    net = FeedForward.from_layers([np.zeros((1, 1))], [np.zeros(1)], ["identity"])
    *_, last = fit(net, x, y, optimizer=Adam(0.05), n_epochs=2000, seed=0, loss="binary_cross_entropy", batch_size=61)
    assert last.model.weights[0].item() == pytest.approx(2.0, abs=1e-3)
    assert last.model.biases[0].item() == pytest.approx(-1.0, abs=1e-3)


def test_losses_of_any_outputs_and_of_ones_own_are_accepted():
    net = FeedForward.init((2, 1), ("sigmoid",), seed=0)
    x, y = np.zeros((4, 2)), np.zeros((4, 1))
    for loss in ("mean_squared_error", "sum_squared_error", lambda a, y: binary_cross_entropy(a, y)):
        assert np.isfinite(net.backprop(x, y, loss=loss)[0])
