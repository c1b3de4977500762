"""A model as a vector and back."""

from typing import Any, NamedTuple

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies

from neural.parameters import flatten, is_parameter, n_parameters, named_parameters, unflatten


class Layer(NamedTuple):
    weights: np.ndarray
    bias: np.ndarray
    rate: float


class Model(NamedTuple):
    name: str
    layers: tuple[Layer, ...]
    order: np.ndarray  # of whole numbers, hence a constant
    scale: np.ndarray
    width: int


class _Fields(NamedTuple):
    alpha: np.ndarray
    count: int


class Made(_Fields):
    """A model whose constructor takes something else than its fields."""

    def __new__(cls, n: int) -> "Made":
        return cls._make((np.full(n, 1.0 / n), n))


def model() -> Model:
    layers = tuple(Layer(np.arange(6.0).reshape(2, 3) + 10 * k, np.full(3, -1.0 * k), 0.5) for k in range(2))
    return Model("net", layers, np.arange(4), np.array([7.0]), 3)


def test_order_and_names():
    names = [name for name, _ in named_parameters(model())]
    assert names == ["layers.0.weights", "layers.0.bias", "layers.1.weights", "layers.1.bias", "scale"]
    assert n_parameters(model()) == 19
    expected = [*range(6), 0, 0, 0, *range(10, 16), -1, -1, -1, 7]
    assert flatten(model()).tolist() == expected


def test_unflatten_changes_nothing_but_the_parameters():
    vector = np.random.default_rng(0).standard_normal(19)
    rebuilt = unflatten(model(), vector)
    assert isinstance(rebuilt, Model)
    assert isinstance(rebuilt.layers[1], Layer)
    assert np.array_equal(flatten(rebuilt), vector)
    assert (rebuilt.name, rebuilt.width, rebuilt.layers[0].rate) == ("net", 3, 0.5)
    assert np.array_equal(rebuilt.order, model().order)


def test_vector_and_model_share_no_memory():
    first = model()
    vector = flatten(first)
    vector[:] = 0
    rebuilt = unflatten(first, vector)
    vector[:] = 1
    assert first.scale[0] == 7
    assert not flatten(rebuilt).any()


def test_a_constructor_of_its_own():
    rebuilt = unflatten(Made(4), np.arange(4.0))
    assert isinstance(rebuilt, Made)
    assert rebuilt.alpha.tolist() == [0, 1, 2, 3]
    assert rebuilt.count == 4


def test_arrays_that_are_strided_and_in_column_order():
    strided = Layer(np.asfortranarray(np.arange(6.0).reshape(2, 3)), np.arange(6.0)[::2], 0.0)
    assert flatten(strided).tolist() == [0, 1, 2, 3, 4, 5, 0, 2, 4]
    assert np.array_equal(unflatten(strided, flatten(strided)).weights, strided.weights)


@pytest.mark.parametrize("leaf", [1.0, np.float64(1.0), np.array(1.0), np.arange(3), np.ones(2, np.float32), "w", None])
def test_constants(leaf):
    assert not is_parameter(leaf)


def test_a_model_without_parameters():
    assert flatten((1, "two")).shape == (0,)
    assert unflatten((1, "two"), np.empty(0)) == (1, "two")


@pytest.mark.parametrize("shape", [(18,), (20,), (19, 1), ()])
def test_a_vector_of_the_wrong_length(shape):
    with pytest.raises(ValueError, match="expected a vector of 19 parameters, got shape"):
        unflatten(model(), np.zeros(shape))


trees: Any = strategies.recursive(
    strategies.lists(strategies.integers(0, 3), min_size=1, max_size=3).map(lambda shape: np.zeros(shape))
    | strategies.sampled_from([1.5, "text", 7]),
    lambda inner: strategies.lists(inner, max_size=4).map(tuple),
    max_leaves=12,
)


@hypothesis.settings(derandomize=True, max_examples=50, deadline=None, database=None)
@hypothesis.given(tree=trees.filter(lambda tree: isinstance(tree, tuple)))
def test_round_trip_of_any_tree(tree):
    vector = np.arange(1.0, 1 + n_parameters(tree))
    assert np.array_equal(flatten(unflatten(tree, vector)), vector)
