"""Boltzmann machines as objects: read-only parameters, copies, comparisons, one line; checked states and options."""

import copy
import pickle
import threading
from typing import Any

import numpy as np
import pytest

from generative import (
    BernoulliRBM,
    BoltzmannMachine,
    DeepBoltzmannMachine,
    GaussianBernoulliRBM,
    IsingRBM,
    PottsRBM,
)
from generative.boltzmann import DeepTraining, Training
from montecarlo.lattices import Chain
from neural.boltzmann import BinaryBoltzmann
from neural.optimizers import Adam
from neural.parameters import n_parameters

MODELS: dict[str, Any] = {
    "BernoulliRBM": lambda seed=0: BernoulliRBM(6, 3, seed=seed),
    "IsingRBM": lambda seed=0: IsingRBM(6, 3, seed=seed),
    "shared IsingRBM": lambda seed=0: IsingRBM(6, 6, seed=seed, symmetric=True, permutations=Chain(6).translations),
    "GaussianBernoulliRBM": lambda seed=0: GaussianBernoulliRBM(6, 3, seed=seed),
    "PottsRBM": lambda seed=0: PottsRBM(3, 2, 3, seed=seed),
    "DeepBoltzmannMachine": lambda seed=0: DeepBoltzmannMachine((6, 3, 2), seed=seed),
}
RNG = np.random.default_rng(0)
BITS = (RNG.random((40, 6)) < 0.4).astype(float)
STATES = RNG.integers(0, 2, (40, 3))


def rows(model: Any) -> np.ndarray:
    if isinstance(model, PottsRBM):
        return model.one_hot(STATES)
    return {"bits": BITS, "spins": 2 * BITS - 1, "real": BITS + 0.1 * RNG.normal(size=BITS.shape)}[model.values]


def leaves(model: Any) -> Any:
    return model.parameters if isinstance(model, DeepBoltzmannMachine) else model.machine


@pytest.mark.parametrize("name", MODELS)
def test_copies_are_equal_and_go_to_other_processes(name):
    model = MODELS[name]()
    x = rows(model)
    for _ in model.fit(x, n_epochs=2):
        pass
    expected, samples = model.log_prob(x), model.sample(5, seed=1)
    for twin in (copy.copy(model), copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert twin == model
        np.testing.assert_array_equal(twin.log_prob(x), expected)
        np.testing.assert_array_equal(twin.sample(5, seed=1), samples)
        for _ in twin.fit(x, n_epochs=1):
            pass
        assert twin != model
        np.testing.assert_array_equal(model.log_prob(x), expected)
    assert model != MODELS[name](seed=1)
    assert model != "model"


@pytest.mark.parametrize("name", MODELS)
def test_a_model_is_one_line(name):
    model = MODELS[name]()
    n = n_parameters(leaves(model))
    assert repr(model) == str(model)
    assert f"{n} parameters" in repr(model)
    assert len(repr(model)) < 100
    assert type(model).__name__ in repr(model)
    assert len(str(BinaryBoltzmann(np.zeros(50), np.zeros(20), np.zeros((50, 20))))) < 80
    assert repr(BoltzmannMachine(4)) == "BoltzmannMachine(n_visible=4, 10 parameters)"


@pytest.mark.parametrize("name", MODELS)
def test_parameters_are_read_only(name):
    model = copy.deepcopy(MODELS[name]())
    weights = model.parameters.weights[0] if isinstance(model, DeepBoltzmannMachine) else model.machine.weights
    for _ in range(2):
        with pytest.raises(ValueError, match="read-only"):
            weights[0, 0] = 5.0
        next(model.fit(rows(model)))
        weights = model.parameters.weights[0] if isinstance(model, DeepBoltzmannMachine) else model.machine.weights


@pytest.mark.parametrize("name", MODELS)
def test_states_are_no_views(name):
    model = MODELS[name]()
    before = copy.deepcopy(model)
    stack = [model.state(), model.fit(rows(model)).state()]
    before = copy.deepcopy(model)
    while stack:
        for leaf in stack.pop().values():
            if isinstance(leaf, dict):
                stack.append(leaf)
            elif isinstance(leaf, np.ndarray) and leaf.flags.writeable:
                leaf[...] = 1
    assert model == before


def test_probabilities_sum_to_one_after_every_change():
    """What is known of the old parameters is not used for the new ones, and an array that was given is copied."""
    v = np.array(np.meshgrid(*[[0.0, 1.0]] * 6)).reshape(6, -1).T
    model = BernoulliRBM(6, 3, seed=0)
    W = np.random.default_rng(1).normal(size=(6, 3))
    model.machine = model.machine._replace(weights=W)
    assert np.exp(model.log_prob(v)).sum() == pytest.approx(1.0, rel=1e-9)
    W += 1.0
    assert np.exp(model.log_prob(v)).sum() == pytest.approx(1.0, rel=1e-9)
    model.machine = model.machine._replace(weights=W)
    assert np.exp(model.log_prob(v)).sum() == pytest.approx(1.0, rel=1e-9)
    deep = DeepBoltzmannMachine((6, 3, 2), seed=0)
    for scale in (1.0, 3.0):
        deep.parameters = deep.parameters._replace(weights=tuple(scale + w for w in deep.parameters.weights))
        assert np.exp(deep.log_prob(v)).sum() == pytest.approx(1.0, rel=1e-9)


def test_two_threads_sample_from_one_model():
    model = BernoulliRBM(20, 10, seed=0, scale=0.5)
    starts = [(np.random.default_rng(seed).random((200, 20)) < 0.5).astype(float) for seed in range(4)]
    draw = lambda n: model.gibbs(starts[n], 200, np.random.default_rng(n), 1.0 if n % 2 else 0.5)  # noqa: E731
    expected = [draw(n) for n in range(4)]
    found: list[Any] = [None] * 4

    def work(n: int) -> None:
        found[n] = draw(n)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for a, b in zip(found, expected):
        np.testing.assert_array_equal(a, b)


def training_of(name: str, **options: Any) -> Any:
    model = MODELS[name]()
    return (DeepTraining if name == "DeepBoltzmannMachine" else Training)(model, rows(model), **options)


def replaced(tree: Any, path: str, value: Any) -> Any:
    """The tree with another value at a path."""
    first, _, rest = path.partition("/")
    return {**tree, first: replaced(tree[first], rest, value) if rest else value}


SPOILED = {
    "chains": [np.zeros((3, 6), np.uint8), np.full((8, 6), 2, np.uint8), np.zeros((8, 6)), "chains"],
    "epoch": [-1, 1.5, "two"],
    "updates": [-1],
    "memory": [{}, {"velocity": np.zeros(27)}],
    "memory/first_moment": [np.zeros(26), np.full(27, np.nan), np.zeros(27, np.float32)],
    "hidden_mean": [np.zeros(4), np.full(3, np.inf)],
    "model": [{}, {"parameters": {}}],
    "model/parameters/weights": [np.zeros((3, 6)), np.full((6, 3), np.nan), np.zeros((6, 3), int)],
    "model/base_bias": [np.zeros(5)],
    "model/trained": [2],
    "part": [-0.5, 2.0, np.nan],
    "n_lost": [100],
    "watch": [{}],
}


@pytest.mark.parametrize(("path", "value"), [(path, value) for path, values in SPOILED.items() for value in values])
def test_a_state_that_does_not_fit_changes_nothing(path, value):
    options: Any = dict(batch_size=8, optimizer=Adam(0.01), n_epochs=4)
    training = training_of("BernoulliRBM", **options)
    next(training)
    state = training.state()
    fresh = training_of("BernoulliRBM", **options)
    before = copy.deepcopy(fresh.model)
    with pytest.raises((ValueError, KeyError)):
        fresh.restore(replaced(state, path, value))
    assert fresh.epoch == 0
    assert fresh.model == before
    fresh.restore(state)
    assert fresh.epoch == 1


@pytest.mark.parametrize("name", MODELS)
def test_states_of_other_trainings_are_refused(name):
    state = training_of(name, n_chains=5).state()
    with pytest.raises(ValueError, match=r"saved state, chains: expected the shape \(6, \d\), found \(5, \d\)"):
        training_of(name, n_chains=6).restore(state)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(n_epoch=3), "unknown option of fit 'n_epoch'; did you mean 'n_epochs'"),
        (dict(batchsize=3), "did you mean 'batch_size'"),
    ],
)
def test_an_unknown_option_names_the_nearest(name, options, message):
    model = MODELS[name]()
    with pytest.raises(TypeError, match=message):
        model.fit(rows(model), **options)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("value", [1e30, 0, -1, "ten", 2.5, True, None, 10**12])
def test_counts_are_whole_numbers(name, value):
    model = MODELS[name]()
    with pytest.raises(ValueError, match="expected k >= 1 as a whole number"):
        model.fit(rows(model), k=value)


@pytest.mark.parametrize("name", [*MODELS, "BoltzmannMachine"])
def test_chains_that_no_memory_holds_are_refused(name):
    model = BoltzmannMachine(6) if name == "BoltzmannMachine" else MODELS[name]()
    method: Any = {"method": "pcd"} if name == "BoltzmannMachine" else {}
    with pytest.raises(ValueError, match=r"GiB of memory, found 2000000000 chains.*n_chains"):
        model.fit(rows(model), n_chains=2_000_000_000, **method)


def test_a_state_of_visible_spins_is_checked():
    model, other = BoltzmannMachine(4), BoltzmannMachine(4)
    list(model.fit(2 * BITS[:, :4] - 1, "exact", n_steps=3, l2=0.1))
    assert copy.deepcopy(model) == pickle.loads(pickle.dumps(model)) == model != other
    other.restore(model.state())
    assert other == model
    for wrong in ({"h": np.zeros(4)}, {"h": np.zeros(3), "J": np.zeros((4, 4))}, {"h": np.zeros(4), "J": np.eye(4)}):
        with pytest.raises(ValueError, match="saved state"):
            other.restore(wrong)
    assert other == model
