"""Fully visible Boltzmann machines: exact sums, and couplings recovered from samples."""

import itertools

import numpy as np
import pytest
from scipy import stats

from generative import BoltzmannMachine, datasets
from montecarlo.lattices import Square


def spin_glass(seed: int, shape=(4, 4)) -> BoltzmannMachine:
    """Random couplings +-1 between neighbours of a periodic lattice at T = 2, and small fields."""
    lattice = Square(*shape)
    rng = np.random.default_rng(seed)
    model = BoltzmannMachine(lattice.n_sites)
    i, j = lattice.edges.T
    model.J[i, j] = model.J[j, i] = rng.choice([-0.5, 0.5], len(i))
    model.h = 0.1 * rng.normal(size=lattice.n_sites)
    return model


def exact_samples(model: BoltzmannMachine, n: int, seed: int) -> np.ndarray:
    states = np.array(list(itertools.product([-1.0, 1.0], repeat=model.n_visible)))
    return states[np.random.default_rng(seed).choice(len(states), n, p=np.exp(model.log_prob(states)))]


def test_energy_and_likelihood_are_the_definitions():
    model = spin_glass(0, (3, 3))
    states = np.array(list(itertools.product([-1.0, 1.0], repeat=9)))
    direct = [-(model.h @ s) - sum(model.J[i, j] * s[i] * s[j] for i in range(9) for j in range(i)) for s in states]
    np.testing.assert_allclose(model.energy(states), direct, atol=1e-12)
    p = np.exp(model.log_prob(states))
    assert p.sum() == pytest.approx(1.0)
    turned = states.copy()
    turned[:, 4] *= -1
    conditional = p / (p + np.exp(model.log_prob(turned)))
    single = BoltzmannMachine(9)
    single.h, single.J = model.h, model.J
    fields = single.h[4] + states @ single.J[4]
    np.testing.assert_allclose(np.log(conditional), -np.logaddexp(0, -2 * states[:, 4] * fields), atol=1e-12)


def test_samples_have_the_exact_distribution():
    model = spin_glass(1, (3, 3))
    s = model.sample(20_000, seed=0, n_sweeps=60)
    states = np.array(list(itertools.product([-1.0, 1.0], repeat=9)))
    counts = np.bincount(((s + 1) / 2 @ (1 << np.arange(8, -1, -1))).astype(int), minlength=512)
    order = np.argsort(model.log_prob(states))
    expected = np.exp(model.log_prob(states))[order] * len(s)
    groups = np.r_[0, np.arange(int(np.searchsorted(np.cumsum(expected), 10)) + 1, 512)]
    assert stats.chisquare(np.add.reduceat(counts[order], groups), np.add.reduceat(expected, groups)).pvalue > 1e-3


@pytest.mark.parametrize(
    ("method", "shape"), [("exact", (3, 3)), ("pseudo-likelihood", (3, 3)), ("pseudo-likelihood", (4, 4))]
)
def test_couplings_of_a_spin_glass_are_recovered(method, shape):
    truth = spin_glass(3, shape)
    s = exact_samples(truth, 100_000, seed=4)
    model = BoltzmannMachine(truth.n_visible)
    steps = list(model.fit(s, method))
    assert steps[-1].largest_gradient < 1e-8
    pairs = np.triu_indices(truth.n_visible, 1)
    assert np.sqrt(np.mean((model.J - truth.J)[pairs] ** 2)) < 0.02


def test_the_exact_fit_reproduces_the_averages_of_the_data():
    s = exact_samples(spin_glass(5, (3, 3)), 2000, seed=6)
    model = BoltzmannMachine(9)
    list(model.fit(s, "exact"))
    states = np.array(list(itertools.product([-1.0, 1.0], repeat=9)))
    p = np.exp(model.log_prob(states))
    np.testing.assert_allclose(p @ states, s.mean(axis=0), atol=1e-8)
    np.testing.assert_allclose((states * p[:, None]).T @ states, s.T @ s / len(s), atol=1e-8)


def test_messages():
    with pytest.raises(ValueError, match="pseudo-likelihood"):
        BoltzmannMachine(21).log_partition()
    with pytest.raises(ValueError, match="as_spins"):
        BoltzmannMachine(3).fit(np.zeros((4, 3)))
    with pytest.raises(ValueError, match="exact"):
        BoltzmannMachine(3).fit(np.ones((4, 3)), "newton")
    with pytest.raises(ValueError, match="at least one spin"):
        BoltzmannMachine(0)


def test_persistent_chains_find_the_maximum_of_the_likelihood():
    """Averages over chains that move on change with every update; the noise falls with the rate."""
    truth = spin_glass(3, (3, 3))
    s = exact_samples(truth, 20_000, 1)
    exact, found = BoltzmannMachine(9), BoltzmannMachine(9)
    for _ in exact.fit(s, "exact"):
        pass
    *_, last = found.fit(s, "pcd", n_steps=1500, n_chains=500, seed=2)
    assert last.step == 1500
    assert np.sqrt(np.mean((found.J - exact.J) ** 2)) < 0.02
    assert exact.log_likelihood(s).mean - found.log_likelihood(s).mean < 5e-3
    assert last.objective == pytest.approx(found.pseudo_log_likelihood(s[:1000]).mean())


def test_persistent_chains_of_many_spins():
    """36 spins, for which nothing can be summed: the couplings of an Ising model at T = 4 are 1/4 for neighbours."""
    data = datasets.ising((6, 6), 4.0, 20_000, seed=1, values="spins")
    model = BoltzmannMachine(36)
    for _ in model.fit(data.train, "pcd", n_steps=300, n_chains=200, seed=0):
        pass
    i, j = Square(6).edges.T
    others = np.ones((36, 36), dtype=bool)
    others[i, j] = others[j, i] = False
    np.fill_diagonal(others, False)
    assert abs(model.J[i, j].mean() - 0.25) < 0.01
    assert abs(model.J[others].mean()) < 0.01
    assert np.sqrt(np.mean(model.J[others] ** 2)) < 0.05


def test_wrong_options_of_the_chains():
    with pytest.raises(ValueError, match="n_chains"):
        BoltzmannMachine(2).fit(np.ones((3, 2)), "pcd", n_chains=0)
