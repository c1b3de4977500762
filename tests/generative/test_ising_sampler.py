"""Samples of the Ising model against exact enumeration, and a sampler at the wrong temperature that must fail."""

import numpy as np
import pytest
from scipy import stats

from generative.datasets import NotThermalisedWarning, ising
from generative.datasets.exact_ising import enumerate_states, kaufman, magnetisation_distribution, magnetisation_moments
from generative.datasets.ising_chains import HeatBath, SwendsenWang
from generative.datasets.ising_kernels import digit_table
from montecarlo.estimates import Estimate
from montecarlo.lattices import Chain, Square, Triangular
from montecarlo.statistics import estimate

SAMPLERS = [HeatBath, SwendsenWang]
LATTICES = {
    "square": (Square(3), 0.4),
    "open": (Square(3, 4, periodic=False), 0.5),
    "chain": (Chain(8), -0.7),
    "frustrated": (Triangular(3), -0.3),
}


def counts_of_states(chains, n_rounds: int, n_sweeps: int) -> np.ndarray:
    """How often each configuration was seen, in chains that have forgotten their start."""
    counts = np.zeros(2**chains.n_sites, dtype=np.int64)
    chains.sweep(100)
    for _ in range(n_rounds):
        chains.sweep(n_sweeps)
        up = (chains.configurations() + 1) // 2
        counts += np.bincount(up.astype(np.int64) @ (1 << np.arange(chains.n_sites)), minlength=len(counts))
    return counts


def exact_probabilities(lattice, K: float) -> np.ndarray:
    states = np.arange(2**lattice.n_sites)[:, None] >> np.arange(lattice.n_sites)
    s = 2 * (states & 1) - 1
    weights = np.exp(K * (s[:, lattice.edges[:, 0]] * s[:, lattice.edges[:, 1]]).sum(axis=1))
    return weights / weights.sum()


def p_value(counts: np.ndarray, probabilities: np.ndarray) -> float:
    """Chi-squared of the counts, with the rarest configurations in one class."""
    order = np.argsort(probabilities)
    expected = probabilities[order] * counts.sum()
    first = int(np.searchsorted(np.cumsum(expected), 10.0)) + 1
    group = np.r_[0, np.arange(first, len(expected))]
    return float(stats.chisquare(np.add.reduceat(counts[order], group), np.add.reduceat(expected, group)).pvalue)


@pytest.mark.parametrize("name", LATTICES)
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_configuration_comes_as_often_as_it_should(sampler, name):
    lattice, K = LATTICES[name]
    counts = counts_of_states(sampler(lattice, K, 256, seed=3), n_rounds=150, n_sweeps=20)
    assert p_value(counts, exact_probabilities(lattice, K)) > 1e-3


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_wrong_temperature_is_found(sampler):
    lattice, K = LATTICES["square"]
    counts = counts_of_states(sampler(lattice, 1.06 * K, 256, seed=3), n_rounds=150, n_sweeps=20)
    assert p_value(counts, exact_probabilities(lattice, K)) < 1e-3


@pytest.mark.interpreted
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_compiled_and_plain_kernels_agree(sampler):
    """Both make the same moves from the same random bits: the configurations are known once and for all."""
    chains = sampler(Square(3, 4, periodic=(True, False)), 0.4, 70, seed=1)
    chains.sweep(3)
    known = {HeatBath: [12, 0, 0, -2, 2], SwendsenWang: [0, 16, -4, 0, 8]}[sampler]
    assert chains.configurations().sum(axis=0)[:5].tolist() == known


def test_digits_of_the_table_add_up_to_the_probability():
    table = digit_table(0.3, 4)
    digits = (table[4] == np.uint64(2**64 - 1)).astype(float)
    u = np.arange(5)
    np.testing.assert_allclose(0.5 ** np.arange(1, 54) @ digits, 1 / (1 + np.exp(-0.6 * (2 * u - 4))), rtol=1e-15)
    assert np.all(digit_table(1e3, 4)[4, :, 4] > 0), "a probability that rounds to 1 keeps all its digits"


@pytest.mark.parametrize("method", ["clusters", "heat-bath"])
@pytest.mark.parametrize("temperature", [2.0, 2.269185, 3.0])
def test_data_has_the_exact_energy_and_magnetisation(method, temperature):
    data = ising((8, 8), temperature, 8000, seed=5, method=method, values="spins")
    spins = np.concatenate([data.train, data.test])
    worth = data.diagnostics[0].n_independent / len(spins)
    m = np.abs(spins.mean(axis=1, dtype=np.float64))
    exact = kaufman((8, 8), temperature)
    moments = magnetisation_moments(magnetisation_distribution((8, 8), temperature), 64, temperature)
    for values, truth in ((data.targets[0].energy(spins) / 64, exact.energy), (m, moments.abs_m)):
        assert abs(Estimate(values.mean(), values.std() / np.sqrt(worth * len(values))).z(truth)) < 3.5


def test_both_algorithms_agree_on_a_larger_lattice():
    target_energy = kaufman((24, 24), 2.5).energy
    for sampler in SAMPLERS:
        chains = sampler(Square(24), 1 / 2.5, 64, seed=8)
        chains.sweep(200)
        record = []
        for _ in range(60):
            chains.sweep(5)
            s = chains.configurations().astype(int)
            record.append(-(s[:, chains.edges[:, 0]] * s[:, chains.edges[:, 1]]).mean(axis=1) * 2)
        assert abs(estimate(np.transpose(record)).z(target_energy)) < 3.5


@pytest.mark.parametrize("method", ["clusters", "heat-bath"])
def test_the_data_does_not_depend_on_the_number_of_threads(method):
    one, four = (ising(6, [1.5, 2.5], 600, seed=2, method=method, n_chains=200, threads=n) for n in (1, 4))
    np.testing.assert_array_equal(one.train, four.train)
    np.testing.assert_array_equal(one.test, four.test)
    assert not np.array_equal(one.train, ising(6, [1.5, 2.5], 600, seed=3, method=method, n_chains=200).train)


def test_chains_that_are_stuck_are_reported():
    """Heat bath at low temperature: stripes of the random starts do not dissolve."""
    with pytest.warns(NotThermalisedWarning, match="clusters"):
        ising((12, 12), 0.5, 100, seed=0, method="heat-bath", max_sweeps=500)


def test_shapes_labels_and_values():
    data = ising((4, 6), [2.0, 3.0], 300, seed=0)
    assert data.train.shape == (480, 24)
    assert data.test.shape == (120, 24)
    assert data.shape == (4, 6)
    assert set(np.unique(data.train)) == {0.0, 1.0}
    assert set(np.unique(data.as_spins().test)) == {-1.0, 1.0}
    assert data.train_labels is not None
    np.testing.assert_array_equal(np.unique(data.train_labels), [2.0, 3.0])
    np.testing.assert_array_equal(data.as_spins().as_bits().train, data.train)
    exact = enumerate_states(24, Square(4, 6).edges).thermodynamics(2.0)
    np.testing.assert_allclose(data.targets[0].exact(), exact, rtol=1e-10)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (((4, 4), 0.0, 100, 0), "temperatures > 0"),
        (((4, 4), [], 100, 0), "temperatures > 0"),
        (((4, 4, 4), 1.0, 100, 0), "one length or two"),
        (((4, 4), 1.0, 1, 0), "n_samples >= 2"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        ising(*arguments)


@pytest.mark.parametrize(
    ("option", "message"),
    [(dict(method="wolff"), "clusters"), (dict(values="ups"), "bits"), (dict(test_fraction=1), "test_fraction")],
)
def test_wrong_options(option, message):
    with pytest.raises(ValueError, match=message):
        ising((4, 4), 1.0, 100, 0, **option)
