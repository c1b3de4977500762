"""A saved state is checked entry by entry before anything of it is used, and a VMC that refuses it stays as it was."""

import copy
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import nqs
from neural.optimizers import Adam
from tests.nqs.runs_of_vmc import SR, dot, trap

RING = nqs.Heisenberg(nqs.Chain(6))


def ring(**options: Any) -> nqs.VMC:
    psi = nqs.SpinRBM(RING, 1, dtype=float, seed=1)
    defaults = {"n_samples": 80, "n_chains": 8, "n_burn_in": 20, "threads": 1}
    return nqs.VMC(RING, psi, nqs.SpinExchange(RING), SR(0.05), **{**defaults, **options})


def tempered() -> nqs.VMC:
    return ring(n_temperatures=3)


def first_coordinate(x: np.ndarray) -> np.ndarray:
    return x.reshape(len(x), -1)[:, 0].astype(float)


def two_numbers(x: np.ndarray) -> np.ndarray:
    return np.stack([first_coordinate(x), first_coordinate(x) ** 2], axis=1)


def ran(vmc: nqs.VMC) -> nqs.VMC:
    next(vmc.steps(1))
    for _ in vmc.measuring(20 * len(vmc.chains), {"x": first_coordinate, "both": two_numbers}):
        pass
    return vmc


MAKERS: dict[str, Callable[[], nqs.VMC]] = {
    "dot": dot,
    "adam": lambda: trap(optimizer=Adam(0.01)),
    "ring": ring,
    "tempered": tempered,
}


@pytest.fixture(scope="module", params=MAKERS)
def saved(request: Any) -> tuple[nqs.VMC, dict[str, Any]]:
    vmc = ran(MAKERS[request.param]())
    return vmc, vmc.state()


def leaves(tree: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, leaf in tree.items():
        yield from leaves(leaf, (*path, name)) if isinstance(leaf, dict) else [(*path, name)]


def with_leaf(state: dict[str, Any], path: tuple[str, ...], change: Callable[[Any], Any]) -> dict[str, Any]:
    changed = copy.deepcopy(state)
    part = changed
    for name in path[:-1]:
        part = part[name]
    part[path[-1]] = change(part[path[-1]])
    return changed


def tampered(leaf: Any) -> list[Any]:
    """What cannot stand in the place of a leaf: other shapes, other kinds of numbers, NaN."""
    array = np.asarray(leaf)
    found: list[Any] = [np.zeros((2, *array.shape)), "text", {}, None]
    if array.ndim:
        found += [array[:-1], array.astype(np.float32), array.astype(object)]
    if array.dtype.kind == "f":
        found += [np.full_like(array, np.nan)]
    return found


def refuses(vmc: nqs.VMC, state: dict[str, Any]) -> None:
    before = vmc.state()
    with pytest.raises(ValueError, match=r"^saved state"):
        vmc.restore(state)
    np.testing.assert_equal(vmc.state(), before)


OPTIONAL_NAN = ("blocks", "carry", "within", "sums", "squares", "origin")  # of observables, which may be infinite


def test_every_entry_is_checked(saved):
    vmc, state = saved
    for path in leaves(state):
        leaf = state
        for name in path:
            leaf = leaf[name]
        if isinstance(leaf, str):  # a name, but for what is said of a training, which is any text
            refuses(vmc, with_leaf(state, path, lambda _, free=path == ("diverged",): 7 if free else "another"))
            continue
        for wrong in tampered(leaf):
            same_shape = np.shape(wrong) == np.shape(leaf)
            if np.size(leaf) == 0 or (same_shape and (path[-1] in OPTIONAL_NAN or path[0] == "made_for")):
                continue
            refuses(vmc, with_leaf(state, path, lambda _, wrong=wrong: wrong))


def test_missing_and_unknown_entries(saved):
    vmc, state = saved
    for name in ("step", "ready", "parameters", "optimizer", "chains"):
        refuses(vmc, {key: part for key, part in state.items() if key != name})
    for path in (("extra",), ("parameters", "extra"), ("optimizer", "extra"), ("chains", "extra")):
        changed = copy.deepcopy(state)
        part = changed
        for name in path[:-1]:
            part = part[name]
        part[path[-1]] = np.zeros(3)
        refuses(vmc, changed)


def test_its_own_state_is_accepted(saved):
    vmc, state = saved
    vmc.restore(state)
    np.testing.assert_equal(vmc.state(), state)


def test_a_state_of_an_earlier_version(saved):
    """Without what it belongs to, the density and the part that is moved next."""
    vmc, state = saved
    state = copy.deepcopy(state)
    del state["made_for"], state["power"]
    state["chains"].pop("next_part", None)
    vmc.restore(state)


def set_to(index: Any, value: Any) -> Callable[[np.ndarray], np.ndarray]:
    def change(array: np.ndarray) -> np.ndarray:
        array[index] = value
        return array

    return change


@pytest.mark.parametrize(
    ("path", "change", "message"),
    [
        ("chains/generators", lambda states: states[:-1], r"generators: expected the shape \(8, 6\), found \(7, 6\)"),
        ("chains/generators", lambda states: states[[0, 0, *range(2, 8)]], "8 different generators, found only 7"),
        ("chains/generators", set_to((0, 4), 2), "expected states of SFC64 generators, found words that are out of"),
        ("chains/x", set_to((0, 0), 0), "expected spins .-1, found 0"),
        ("chains/x", set_to((0, 0), 3), "expected numbers from -1 to 1, found -1 to 3"),
        ("chains/x", lambda x: np.ones_like(x), "expected spins of the magnetisation 0, found 6"),
        ("chains/next_part", lambda _: 6, "expected a whole number from 0 to 5, found 6"),
        ("step", lambda _: -1, "expected a whole number from 0 to inf, found -1"),
        ("power", lambda _: 3.0, "expected a finite number from .* to 2, found 3"),
        ("ready", lambda _: 7, "expected True or False, found 7"),
        ("optimizer/step", lambda _: 1.5, "expected a whole number, found 1.5"),
        ("measured/energy/n_steps", lambda _: np.array(19), r"expected the shape \(8, 19\), found \(8, 20\)"),
        ("measured/x/n_steps", lambda _: np.array(0), "expected a whole number from 1 to inf, found 0"),
        ("measured/both/n_steps", lambda _: np.array(19), "expected 20 steps, as of the energy, found 19"),
    ],
)
def test_what_is_wrong_with_a_state(path, change, message):
    vmc = ran(ring())
    with pytest.raises(ValueError, match=message):
        vmc.restore(with_leaf(vmc.state(), tuple(path.split("/")), change))


def test_a_step_length_must_be_positive():
    vmc = dot()
    for step in (0.0, -1.0, np.inf):
        with pytest.raises(ValueError, match="step: expected a finite number"):
            vmc.restore(with_leaf(vmc.state(), ("chains", "step"), lambda _, step=step: step))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nqs.HarmonicOscillator(2, 2, omega=0.1), r"made_for/system/omega: expected \[0.1 0.1\], as this run"),
        (
            lambda: nqs.HarmonicOscillator(3, 2),
            "made_for/system/n_particles: expected 3, as this run was made, found 2",
        ),
        (
            lambda: nqs.QuantumDot(2, 2),
            "made_for/system/class: expected QuantumDot, as this run was made, found Harmonic",
        ),
    ],
)
def test_a_state_of_another_system(make, message):
    def run(system: Any) -> nqs.VMC:
        return nqs.VMC(system, nqs.Gaussian(system), nqs.RandomWalk(), SR(), n_samples=64, n_chains=8, threads=1)

    with pytest.raises(ValueError, match=message):
        run(make()).restore(run(nqs.HarmonicOscillator(2, 2, omega=1.0)).state())


def test_a_learning_rate_may_change_on_the_way():
    trap(optimizer=SR(0.01, shift=1e-2)).restore(trap().state())
    with pytest.raises(ValueError, match="optimizer: expected Adam, as this run was made, found StochasticRec"):
        trap(optimizer=Adam(0.01)).restore(trap().state())


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("betas", np.array([0.0, 0.7, 0.5]), "expected inverse temperatures that rise from 0 to 1"),
        ("n_trips", 10**9, "expected a whole number from 0 to"),
        ("rejected", np.array([-1.0, 0.0]), "expected numbers from 0 to"),
        ("came_from_lowest", np.full((3, 8), 2, dtype=np.int8), "expected numbers from 0 to 1, found 2 to 2"),
    ],
)
def test_what_is_wrong_with_a_ladder(name, value, message):
    vmc = ran(tempered())
    with pytest.raises(ValueError, match=message):
        vmc.restore(with_leaf(vmc.state(), ("chains", name), lambda _: value))


def test_generators_differ_between_temperatures():
    vmc = tempered()
    state = vmc.state()
    levels = state["chains"]["levels"]
    levels["level1"]["generators"] = levels["level0"]["generators"]
    with pytest.raises(ValueError, match="levels: expected 25 different generators, found only 17 of them"):
        vmc.restore(state)


def test_an_evolution_checks_its_state():
    system = nqs.TransverseFieldIsing(nqs.Chain(3))

    def make(system: Any) -> nqs.TimeEvolution:
        return nqs.TimeEvolution(system, nqs.SpinRBM(system, 1, seed=1), nqs.SpinFlip(), n_samples=64, n_chains=8)

    evolution = make(system)
    state = evolution.state()
    evolution.restore(state)
    for path in leaves(state):
        if path[0] != "made_for":
            with pytest.raises(ValueError, match=r"^saved state"):
                evolution.restore(with_leaf(state, path, lambda _: np.full((2, 2), np.nan)))
    with pytest.raises(ValueError, match="made_for/system/"):
        make(nqs.TransverseFieldIsing(nqs.Chain(3), h=0.3)).restore(state)
