"""Observables of sampled spins against the sum over all configurations."""

import numpy as np
import pytest

import nqs
from montecarlo.moments import Moments
from montecarlo.statistics import estimate
from nqs import spin_observables as observables
from nqs.energy import local_energies
from nqs.exact import FullSummation, lowest
from nqs.exact.diagonalisation import spins_of

LATTICE = nqs.Chain(6)
RING = nqs.TransverseFieldIsing(LATTICE, h=0.8)
ALL = spins_of(np.arange(64), 6)


@pytest.fixture(scope="module")
def psi():
    return nqs.SpinRBM(RING, 1, seed=4, scale=0.3)


@pytest.fixture(scope="module")
def samples(psi):
    probabilities = FullSummation(psi).probabilities
    return ALL[np.random.default_rng(3).choice(64, size=20_000, p=probabilities)]


def test_energy_and_variance(psi):
    whole = FullSummation(psi)
    local = local_energies(RING, psi, ALL)
    energy = np.sum(whole.probabilities * local)
    assert whole.expectation(RING) == pytest.approx(energy.real, rel=1e-12)
    assert energy.imag == pytest.approx(0, abs=1e-12)
    spread = np.sum(whole.probabilities * np.abs(local - energy) ** 2)
    assert whole.variance(RING) == pytest.approx(spread, rel=1e-10)


def test_diagonal_observables(psi):
    whole = FullSummation(psi)
    pairs = {1: LATTICE.neighbours(1), 3: LATTICE.neighbours(3)}
    for order, bonds in pairs.items():
        operator = nqs.PauliSum([(1 / len(bonds), f"Z{i} Z{j}") for i, j in bonds], 6)
        found = np.sum(whole.probabilities * observables.correlation(LATTICE, order)(ALL))
        assert found == pytest.approx(whole.expectation(operator), abs=1e-12)
    uniform, staggered = (observables.structure_factor(LATTICE, np.array([q]))(ALL) for q in (0.0, np.pi))
    np.testing.assert_allclose(uniform, 6 * observables.squared_magnetisation(ALL), atol=1e-12)
    np.testing.assert_allclose(staggered, 6 * observables.staggered_magnetisation(LATTICE)(ALL), atol=1e-12)
    assert np.array_equal(np.abs(observables.magnetisation(ALL)), observables.absolute_magnetisation(ALL))


@pytest.mark.parametrize("lattice", [LATTICE, nqs.Square(2, 3), nqs.Triangular(3, 2)], ids=str)
def test_arrays_of_observables_are_the_single_ones(lattice):
    correlations, factors = observables.Correlations(lattice), observables.StructureFactors(lattice)
    (distances,) = correlations.axes
    for k, values in enumerate(correlations(ALL).T):
        np.testing.assert_array_equal(values, observables.correlation(lattice, k + 1)(ALL))
    np.testing.assert_array_equal(distances.values, lattice.shell_distances)
    assert observables.Correlations(lattice, 1)(ALL).shape == (64, 1)
    reciprocal = 2 * np.pi * np.linalg.inv(lattice.vectors).T
    found = factors(ALL)
    for k in np.ndindex(*lattice.extent):
        momentum = (np.array(k) / lattice.extent) @ reciprocal
        np.testing.assert_allclose(found[:, *k], observables.structure_factor(lattice, momentum)(ALL), atol=1e-12)
    np.testing.assert_allclose(found.reshape(64, -1).mean(axis=1), 1, rtol=1e-12)  # as s_i^2 = 1
    assert [len(axis.values) for axis in factors.axes] == list(lattice.extent)


def test_structure_factors_need_one_site_in_each_cell():
    with pytest.raises(ValueError, match="expected a lattice with one site in each cell"):
        observables.StructureFactors(nqs.Honeycomb(1, 3))(ALL)


def test_structure_factor_of_a_state_against_its_operator(psi):
    """S(k) = sum_ij cos(k (i - j)) <sigma^z_i sigma^z_j> / N."""
    whole, k = FullSummation(psi), 2 * np.pi * 2 / 6
    terms = [(np.cos(k * (i - j)) / 6, f"Z{i} Z{j}") for i in range(6) for j in range(6)]
    found = np.sum(whole.probabilities * observables.StructureFactors(LATTICE)(ALL)[:, 2])
    assert found == pytest.approx(whole.expectation(nqs.PauliSum(terms, 6)), rel=1e-12)


def test_transverse_magnetisation(psi):
    whole = FullSummation(psi)
    operator = nqs.PauliSum([(1 / 6, f"X{i}") for i in range(6)], 6)
    found = np.sum(whole.probabilities * observables.transverse_magnetisation(psi)(ALL))
    assert found == pytest.approx(whole.expectation(operator), rel=1e-12)


@pytest.mark.parametrize("sites", [[0], [1, 2, 3], [5, 0, 3]])
def test_entropy_by_swap(psi, samples, sites):
    purity = estimate(observables.renyi_2(psi, samples, np.array(sites))[:, None])
    exact = np.exp(-FullSummation(psi).entropy(np.array(sites)))
    assert abs(purity.mean - exact) < 4 * purity.error


def test_entropy_of_known_states():
    product = nqs.SpinRBM(RING, 1, dtype=float)
    product = product.with_parameters(np.zeros(product.n_parameters))
    assert FullSummation(product).entropy(np.array([0, 1])) == pytest.approx(0, abs=1e-12)


def test_fidelity_of_the_ground_state(psi):
    ground = lowest(RING).states[:, 0]
    whole = FullSummation(psi)
    assert whole.fidelity(whole.amplitudes) == pytest.approx(1, rel=1e-12)
    assert 0 < whole.fidelity(ground) < 1


def test_v_score_of_an_eigenstate_is_zero_and_of_a_product_known():
    """All spins along x in the Ising ring: E = -N h, Var = N J^2, hence V = 1 / h^2."""
    psi = nqs.SpinRBM(RING, 1, dtype=float)
    whole = FullSummation(psi.with_parameters(np.zeros(psi.n_parameters)))
    found = observables.v_score(whole.expectation(RING), whole.variance(RING), 6)
    assert found == pytest.approx(1 / 0.8**2, rel=1e-12)


@pytest.mark.parametrize("dtype", [float, complex])
def test_v_score_has_an_honest_error(dtype):
    """200 measurements against the sum over all states: their mean, and how often one error reaches it."""
    psi = nqs.SpinRBM(RING, 1, seed=4, scale=0.3, dtype=dtype)
    whole, local = FullSummation(psi), local_energies(RING, psi, ALL)
    exact = observables.v_score(whole.expectation(RING), whole.variance(RING), 6)
    states = np.random.default_rng(5).choice(64, size=(200, 32, 50), p=whole.probabilities)
    score = observables.VScore(6)
    z = []
    for chains in states:
        values = score(ALL[chains.ravel()], local[chains.ravel()]).reshape(32, 50, 1, 2)
        z.append(score.derived("V", Moments().update([values]))["V"].z(exact))
    assert abs(np.mean(z)) < 4 / np.sqrt(200)
    assert abs(np.mean(np.abs(z) < 1) - 0.683) < 4 * np.sqrt(0.683 * 0.317 / 200)


def test_a_tiny_v_score():
    """Local energies E (1 + d) with a spread of d of 1e-7: V = N var(d), which is 1e-14 N."""
    energies = -10.0 * (1 + 1e-7 * np.random.default_rng(6).standard_normal(32 * 500))
    score = observables.VScore(6)
    values = score(np.zeros((len(energies), 6)), energies).reshape(32, 500, 1, 2)
    found = score.derived("V", Moments().update([values]))["V"]
    assert found.mean == pytest.approx(6 * (energies / energies.mean()).var(), rel=1e-3)
    assert abs(found.z(6e-14)) < 3.3


def test_too_many_sites():
    large = nqs.TransverseFieldIsing(nqs.Chain(17))
    with pytest.raises(ValueError, match="expected at most 16 sites"):
        FullSummation(nqs.SpinRBM(large))
    with pytest.raises(ValueError, match="expected a lattice of two sublattices"):
        observables.staggered_magnetisation(nqs.Triangular(3))
