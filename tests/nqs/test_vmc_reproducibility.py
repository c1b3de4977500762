"""Variational Monte Carlo gives the same bits again: on any number of threads, and after a restart."""

import numpy as np
import pytest

import nqs
from neural.optimizers import Adam
from tests.nqs.runs_of_vmc import dot, trap


def assert_same(first: nqs.VMC, second: nqs.VMC) -> None:
    assert np.array_equal(first.psi.parameters, second.psi.parameters)
    assert np.array_equal(first.chains.x, second.chains.x)


@pytest.mark.parametrize("threads", [2, 4])
def test_a_run_does_not_depend_on_the_number_of_threads(threads):
    one, many = dot(threads=1), dot(threads=threads)
    assert list(one.steps(4)) == list(many.steps(4))
    assert one.measure(6400, {"x": first_coordinate}) == many.measure(6400, {"x": first_coordinate})
    assert_same(one, many)


def test_seeds():
    one, same, other = dot(), dot(), dot(seed=2)
    assert list(one.steps(2)) == list(same.steps(2)) != list(other.steps(2))
    assert not np.isin(one.chains.x, other.chains.x).any()


def first_coordinate(x: np.ndarray) -> np.ndarray:
    return x[:, 0, 0]


@pytest.mark.parametrize("make", [dot, lambda **options: trap(optimizer=Adam(0.01), **options)], ids=["SR", "Adam"])
def test_a_restored_run_continues_to_the_same_bits(make):
    whole, interrupted, fresh = make(), make(), make()
    first = list(whole.steps(5))
    assert list(interrupted.steps(3)) == first[:3]
    fresh.restore(interrupted.state())
    assert list(fresh.steps(2)) == first[3:]
    assert fresh.measure(6400) == whole.measure(6400)
    assert_same(fresh, whole)


def test_a_restored_run_that_had_not_begun():
    whole, fresh = dot(), dot(seed=9)
    fresh.restore(whole.state())
    assert list(fresh.steps(2)) == list(whole.steps(2))


@pytest.mark.parametrize("stop", [0, 1, 2, 3])
def test_a_measurement_continues_where_it_was_interrupted(monkeypatch, stop):
    monkeypatch.setattr("nqs.vmc.SAMPLES_PER_ROUND", 64 * 70)
    observables = {"x": first_coordinate}
    whole, interrupted, fresh = trap(), trap(), trap(seed=5)
    expected = list(whole.measuring(64 * 200, observables))
    measuring = interrupted.measuring(64 * 200, observables)
    assert [next(measuring) for _ in range(stop)] == expected[:stop]
    measuring.close()
    fresh.restore(interrupted.state())
    assert list(fresh.measuring(64 * 200, observables)) == expected[stop:]
    assert fresh.measured() == whole.measured()
    assert_same(fresh, whole)


def test_a_state_is_not_changed_by_what_follows():
    vmc = dot()
    next(vmc.steps(1))
    vmc.measure(6400)
    state, parameters = vmc.state(), vmc.psi.parameters
    list(vmc.steps(2))
    vmc.measure(6400)
    other = dot()
    other.restore(state)
    assert np.array_equal(other.psi.parameters, parameters)
    assert other.step == 1
    assert other.measured().energy.n == 6400


def test_restore_refuses_the_state_of_another_run():
    with pytest.raises(ValueError, match="expected QuantumDot, as this run was made, found HarmonicOscillator"):
        dot().restore(trap().state())
    smaller = dot(n_chains=16).state()
    with pytest.raises(ValueError, match="expected chains of shape"):
        dot().restore(smaller)
