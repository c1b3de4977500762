"""The natural gradient: coordinates, its equation, and how much faster it is than the plain one."""

import numpy as np
import pytest
from small_ising import LATTICE, small_ising

from generative import BernoulliRBM, IsingRBM
from generative.boltzmann.natural import Coordinates, natural_gradient
from neural.optimizers import CosineDecay
from neural.parameters import flatten, n_parameters, unflatten


def shared_machine(**options) -> IsingRBM:
    return IsingRBM(9, 18, seed=3, scale=0.3, permutations=LATTICE.translations, **options)


@pytest.mark.interpreted
@pytest.mark.parametrize(("symmetric", "n_free"), [(False, 1 + 2 + 18), (True, 18)])
def test_coordinates_are_the_directions_that_keep_a_machine_invariant(symmetric, n_free):
    model = shared_machine(symmetric=symmetric)
    coordinates = Coordinates(model.parameter_groups)
    direction = np.random.default_rng(0).normal(size=n_free)
    change = coordinates.spread(direction, n_parameters(model.machine))
    machine = unflatten(model.machine, change)
    np.testing.assert_allclose(flatten(model.project(machine)), change, atol=1e-15)


@pytest.mark.interpreted
def test_slopes_are_derivatives_along_the_coordinates():
    model = shared_machine()
    coordinates, w, e = Coordinates(model.parameter_groups), flatten(model.machine), 1e-5
    v = np.random.default_rng(1).choice([-1.0, 1.0], size=(4, 9))
    slopes = coordinates.slopes(model.machine.gradients(v))
    for n in range(slopes.shape[1]):
        step = e * coordinates.spread(np.eye(slopes.shape[1])[n], len(w))
        plus, minus = (unflatten(model.machine, w + sign * step).free_energy(v) for sign in (1, -1))
        np.testing.assert_allclose(slopes[:, n], (plus - minus) / (2 * e), atol=1e-8)


@pytest.mark.interpreted
@pytest.mark.parametrize("n_rows", [6, 40])
def test_the_direction_solves_its_equation(n_rows):
    """With fewer rows than coordinates, and with more."""
    rng = np.random.default_rng(2)
    slopes, gradient, damping = rng.normal(size=(n_rows, 15)), 0.05 * rng.normal(size=15), 0.2
    S = np.cov(slopes.T, bias=True)
    expected = np.linalg.solve(S + damping * (1 + np.trace(S) / 15) * np.eye(15), gradient)
    found = natural_gradient(gradient, slopes, Coordinates(np.arange(15)[:, None]), damping)
    np.testing.assert_allclose(found, expected, rtol=1e-10)


@pytest.mark.interpreted
def test_steps_are_bounded_in_nats():
    slopes = np.random.default_rng(3).normal(size=(50, 4))
    gradient = np.full(4, 1e3)
    d = natural_gradient(gradient, slopes, Coordinates(np.arange(4)[:, None]), 0.01)
    assert 0.5 * d @ np.cov(slopes.T, bias=True) @ d <= 0.5


def test_a_critical_lattice_is_learned_in_a_hundred_updates():
    """3 x 3 spins: the divergence from the exact distribution, against plain descent with as many updates."""
    exact = small_ising(2.269185, 10_000)

    def divergence(**options) -> float:
        model = IsingRBM(9, 9, seed=1, scale=0.05, symmetric=True, permutations=LATTICE.translations)
        for _ in model.fit(exact.data, k=2, n_epochs=5, batch_size=500, learning_rate=CosineDecay(0.4, 100), **options):
            pass
        return exact.divergence(model)

    natural = divergence(natural=0.01)
    assert 0 < natural < 0.02
    assert natural < 0.2 * divergence()


@pytest.mark.parametrize("options", [{"natural": -1.0}, {"natural": 0.1, "centred": True}])
def test_wrong_options(options):
    with pytest.raises(ValueError, match="expected natural > 0"):
        BernoulliRBM(4, 2, seed=0).fit(np.eye(4), **options)
