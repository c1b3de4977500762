"""Slater determinants: exact eigenstates, antisymmetry, shells, and the rounding errors of the updated inverse."""

import numpy as np
import pytest

import nqs
from montecarlo.chains import Chains, Configurations
from montecarlo.metropolis import accept, refresh, workspace
from neural.jit import COMPILED, kernel
from nqs.energy import local_energies
from nqs.wavefunctions.determinants import lowest_states
from nqs.wavefunctions.wavefunction import log_ratio
from tests.helpers_sampling import assert_mean

pytestmark = pytest.mark.interpreted

TRAPS = [
    nqs.HarmonicOscillator(1, 2, statistics="fermion"),
    nqs.HarmonicOscillator(9, 1, 0.7, statistics="fermion"),
    nqs.HarmonicOscillator(7, 2, statistics="fermion"),
    nqs.HarmonicOscillator(20, 2, 0.5, statistics="fermion"),
    nqs.HarmonicOscillator(12, 2, (1.0, 2.2), statistics="fermion"),
    nqs.HarmonicOscillator(10, 3, 1.3, statistics="fermion"),
]
SIX = nqs.HarmonicOscillator(6, 2, statistics="fermion")


@pytest.mark.parametrize("trap", TRAPS, ids=lambda trap: f"{trap.n_particles} in {trap.n_dims}D")
def test_free_fermions_have_no_variance(trap):
    """The determinant of the trap's own orbitals is its exact ground state, in closed and open shells."""
    x = trap.first_configurations(20, np.random.default_rng(1))
    np.testing.assert_allclose(local_energies(trap, nqs.Slater(trap), x), trap.exact_energy, rtol=1e-10)


def test_exchange_of_equal_spins_changes_the_sign():
    psi = nqs.Slater(SIX, omega=0.8)
    x = np.random.default_rng(2).standard_normal((20, 6, 2))
    for pair in ((0, 1), (1, 2), (3, 5)):
        swapped = x.copy()
        swapped[:, pair] = x[:, pair[::-1]]
        assert np.array_equal(psi.sign(swapped), -psi.sign(x))
        np.testing.assert_allclose(psi.log_psi(swapped), psi.log_psi(x), rtol=1e-11, atol=1e-11)
    spins = x[:, [3, 4, 5, 0, 1, 2]]  # all up against all down: the spin state is a singlet
    assert np.array_equal(psi.sign(spins), psi.sign(x))


def test_backflow_moves_electrons_of_one_spin_alike():
    """Exchanging two electrons of one spin exchanges their displaced coordinates; the determinants change sign."""
    dot = nqs.QuantumDot(6)
    psi = nqs.Backflow(dot)
    psi = psi.with_parameters(psi.parameters + 0.2 * np.random.default_rng(1).standard_normal(psi.n_parameters))
    x = np.random.default_rng(2).standard_normal((20, 6, 2))
    order = [0, 2, 1, 4, 3, 5]
    np.testing.assert_allclose(psi.coordinates(x[:, order]), psi.coordinates(x)[:, order], rtol=1e-12)
    np.testing.assert_allclose(psi.log_psi(x), psi.slater.log_psi(psi.coordinates(x)), rtol=1e-11)
    assert np.abs(psi.coordinates(x) - x).max() > 0.1


def test_backflow_starts_as_the_plain_determinants():
    dot = nqs.QuantumDot(7, 3, 0.5)
    x = dot.first_configurations(10, np.random.default_rng(3))
    for found, plain in zip(nqs.Backflow(dot).gradient_laplacian(x), nqs.Slater(dot).gradient_laplacian(x)):
        np.testing.assert_allclose(found, plain, rtol=1e-9, atol=1e-9)


def test_sign_is_that_of_the_determinants():
    """Three particles in the orbitals 1, y, x: the determinant is twice the area of their triangle, with its sign."""
    psi = nqs.Slater(SIX)
    x = np.random.default_rng(3).standard_normal((50, 6, 2))

    def area(corners: np.ndarray) -> np.ndarray:
        first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
        return first[:, 1] * second[:, 0] - first[:, 0] * second[:, 1]

    areas = area(x[:, :3]), area(x[:, 3:])
    assert np.array_equal(psi.sign(x), np.sign(areas[0] * areas[1]))
    rest = psi.log_psi(x) + 0.5 * np.square(x).sum(axis=(1, 2)) - np.log(np.abs(areas[0] * areas[1]))
    np.testing.assert_allclose(rest, 2 * np.log(2), rtol=1e-9)  # each of the two linear orbitals is sqrt(2) x


def test_wave_function_vanishes_where_equal_spins_meet():
    psi = nqs.Slater(SIX)
    x = np.random.default_rng(4).standard_normal((6, 2))
    values = []
    for distance in (1e-2, 1e-3, 1e-4):
        x[1] = x[0] + [distance, 0.0]
        values.append(psi.log_psi(x))
    np.testing.assert_allclose(-np.diff(values), np.log(10), atol=0.05)


@pytest.mark.parametrize(
    ("omega", "shells"),
    [([1.0], [1, 1, 1]), ([1.0, 1.0], [1, 2, 3, 4, 5, 6, 7]), ([1.0, 1.0, 1.0], [1, 3, 6, 10])],
)
def test_shells(omega, shells):
    """The shell of energy n holds n + 1 orbitals in two dimensions, (n + 1) (n + 2) / 2 in three."""
    states = lowest_states(np.array(omega), sum(shells))
    assert np.array_equal(np.bincount(states.sum(axis=1)), shells)
    assert len(np.unique(states, axis=0)) == len(states)


def test_shells_of_a_deformed_trap():
    states = lowest_states(np.array([1.0, 2.5]), 5)
    assert states.tolist() == [[0, 0], [1, 0], [2, 0], [0, 1], [3, 0]]


@kernel
def _walk(psi, work, x, new):
    refresh(psi, work, x)
    for k in range(new.shape[0]):
        i = k % x.shape[0]
        log_ratio(psi, work, x, i, new[k])
        accept(psi, work, x, i, new[k])
        for d in range(x.shape[1]):
            x[i, d] = new[k, d]


def test_rounding_errors_of_the_inverse_are_bounded():
    """After many moves, all accepted, however close to a node: the inverse times the matrix is 1."""
    psi = nqs.Slater(TRAPS[3])
    work, rng = workspace(psi), np.random.default_rng(5)
    _walk(psi, work, rng.standard_normal((20, 2)), 1.5 * rng.standard_normal((20_000 if COMPILED else 500, 2)))
    for spin in (slice(0, 10), slice(10, 20)):
        np.testing.assert_allclose(work.orbitals[spin] @ work.inverse[spin].T, np.eye(10), atol=1e-9)


def test_chains_leave_a_node_and_draw_from_the_density():
    """Three equal spins on a line that start 1e-4 apart: sum_i x_i^2 = (1 + 3 + 5) / 2 in the mean, by the virial."""
    trap = nqs.HarmonicOscillator(3, 1, statistics="fermion", n_up=3)
    n_samples = 2000 if COMPILED else 100
    first = 1e-4 * np.arange(3.0)[None, :, None] + np.random.default_rng(6).standard_normal((40, 1, 1))
    chains = Chains(first, nqs.Langevin(0.3), seed=6)
    chains.run(nqs.Slater(trap), Configurations(np.empty((40, 0, 3, 1))), 100)
    x = Configurations(np.empty((40, n_samples, 3, 1)))
    acceptance = chains.run(nqs.Slater(trap), x, n_samples)
    assert 0.5 < acceptance < 0.95
    assert_mean(np.square(x.out).sum(axis=(2, 3)), 4.5)


def test_only_fermions_have_a_determinant():
    with pytest.raises(ValueError, match="expected a system of fermions for a determinant, got bosons in Harmonic"):
        nqs.Slater(nqs.HarmonicOscillator(4, 2))
    with pytest.raises(ValueError, match=r"expected omega to be a positive number, got -1\.0"):
        nqs.Slater(SIX, omega=-1.0)


def test_products_with_a_determinant():
    psi = nqs.Slater(SIX)
    assert psi.antisymmetric
    assert (psi * nqs.Gaussian(SIX)).antisymmetric
    assert (nqs.Gaussian(SIX) * psi).antisymmetric
    assert not nqs.Gaussian(SIX).antisymmetric
    with pytest.raises(ValueError, match="expected one determinant in a product, got two"):
        _ = psi * (nqs.Gaussian(SIX) * psi)
