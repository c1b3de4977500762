"""Boltzmann machines whose hidden units share weights among the translations of a lattice."""

import numpy as np
import pytest
from small_ising import LATTICE, small_ising

from generative import IsingRBM
from generative.boltzmann.shared import SharedWeights
from montecarlo.lattices import Chain
from neural.optimizers import Adam, CosineDecay
from neural.parameters import flatten, unflatten


def make(n_hidden=18, **options) -> IsingRBM:
    return IsingRBM(9, n_hidden, seed=3, scale=0.4, permutations=LATTICE.translations, **options)


def random_machine(model: IsingRBM, seed: int):
    rng = np.random.default_rng(seed)
    return unflatten(model.machine, rng.normal(size=flatten(model.machine).shape))


@pytest.mark.interpreted
def test_the_distribution_is_invariant():
    model = make()
    model.machine = model.project(random_machine(model, 0))
    v = np.random.default_rng(1).choice([-1.0, 1.0], size=(50, 9))
    expected = model.log_prob(v)
    assert np.ptp(expected) > 1
    for p in LATTICE.translations:
        np.testing.assert_allclose(model.log_prob(v[:, p]), expected, rtol=1e-12)


@pytest.mark.interpreted
def test_projecting_is_the_nearest_invariant_machine():
    """An orthogonal projection: what it takes away is orthogonal to every invariant machine."""
    model = make()
    x, y = random_machine(model, 1), random_machine(model, 2)
    near = flatten(model.project(x))
    np.testing.assert_allclose(flatten(model.project(unflatten(x, near))), near, rtol=1e-13)
    assert (flatten(x) - near) @ flatten(model.project(y)) == pytest.approx(0, abs=1e-11)


@pytest.mark.interpreted
def test_a_hidden_unit_sees_its_filter_at_every_site():
    filters = np.random.default_rng(0).normal(size=(5, 2))
    shared = SharedWeights(Chain(5).translations, 5, 10)
    weights = shared.spread(filters)
    for t in range(5):
        for f in range(2):
            np.testing.assert_array_equal(weights[:, 5 * f + t], np.roll(filters[:, f], t))
    np.testing.assert_allclose(shared.filters(weights), filters, rtol=1e-15)


def test_training_keeps_the_symmetry_and_learns():
    """3 x 3 spins: the divergence from the exact distribution falls to a tenth of that of independent spins."""
    exact = small_ising(3.0, 5000)
    model = IsingRBM(9, 9, seed=1, scale=0.05, symmetric=True, permutations=LATTICE.translations)
    for _ in model.fit(exact.data, k=2, n_epochs=20, batch_size=100, optimizer=Adam(CosineDecay(0.01, 1000))):
        pass
    independent = np.exp(exact.log_p) @ exact.log_p + 9 * np.log(2)
    assert 0 < exact.divergence(model) < 0.1 * independent
    np.testing.assert_allclose(flatten(model.project(model.machine)), flatten(model.machine), rtol=1e-12, atol=1e-14)


@pytest.mark.interpreted
def test_what_is_no_symmetry_is_refused():
    with pytest.raises(ValueError, match="multiple of the 9 permutations, found 10"):
        make(10)
    with pytest.raises(ValueError, match="permutations of 9 visible units"):
        IsingRBM(9, 9, seed=0, permutations=np.zeros((3, 9), dtype=int))
