"""The one-body density matrix: free bosons and fermions, two particles against a grid, and what it refuses."""

import numpy as np
import pytest

import nqs
from nqs.density_matrix import DensityMatrix

pytestmark = pytest.mark.interpreted


def measured(system, psi, n_orbitals, n=64 * 60, **options):
    vmc = nqs.VMC(
        system, psi, nqs.RandomWalk(), nqs.StochasticReconfiguration(0.1), n_chains=64, n_samples=64, n_burn_in=40,
        seed=2, threads=1,
    )  # fmt: skip
    matrix = DensityMatrix(psi, system, n_orbitals, **options)
    return vmc.measure(n, {"rho": matrix}).observables


def test_orbitals_are_orthonormal():
    trap = nqs.HarmonicOscillator(2, 2, omega=(1.0, 2.0))
    matrix = DensityMatrix(nqs.Gaussian(trap), trap, 6)
    t = np.linspace(-8, 8, 161)
    x = np.stack(np.meshgrid(t, t, indexing="ij"), axis=-1).reshape(-1, 2)
    phi = matrix.orbitals(x)
    np.testing.assert_allclose(phi.T @ phi * 0.01, np.eye(6), atol=1e-12)


def test_free_bosons_are_all_in_one_orbital():
    trap = nqs.HarmonicOscillator(3, 1)
    found = measured(trap, nqs.Gaussian(trap), 3)
    assert found["rho"].shape == (3, 3)
    expected = np.zeros((3, 3))
    expected[0, 0] = 3.0
    upper = np.triu_indices(3)
    assert np.sum(found["rho"].z(expected)[upper] ** 2) < 27  # chi-squared with 6 degrees of freedom: 1.4e-4
    occupations = found["rho_occupations"]
    assert abs(occupations[0].z(3.0)) < 3.5
    assert occupations.mean[0] > occupations.mean[1] >= occupations.mean[2]


def test_free_fermions_fill_the_lowest_orbitals():
    """Spin up of three electrons without interaction, with the signs of the determinants."""
    trap = nqs.HarmonicOscillator(3, 1, statistics="fermion", n_up=2)
    found = measured(trap, nqs.Slater(trap), 3, particles=slice(0, 2))
    upper = np.triu_indices(3)
    assert np.sum(found["rho"].z(np.diag([1.0, 1.0, 0.0]))[upper] ** 2) < 27


@pytest.mark.parametrize("fermions", [True, False])
def test_two_particles_against_a_grid(fermions):
    """The singular values of psi(x, y) on a grid: n_k = 2 s_k^2, for |x - y|^2 and for sign(x - y) |x - y|^2."""
    system = nqs.GaussianInteraction(2) if fermions else nqs.CalogeroSutherland(2)
    t = np.linspace(-7, 7, 281)
    distance = t[:, None] - t[None, :]
    psi = (distance * (np.abs(distance) if fermions else distance)) * np.exp(-(t[:, None] ** 2 + t[None, :] ** 2) / 2)
    exact = 2 * np.linalg.svd(psi / np.linalg.norm(psi), compute_uv=False) ** 2
    occupations = measured(system, nqs.Gaussian(system) * nqs.PowerJastrow(system, power=2.0), 8)["rho_occupations"]
    for k in range(3):
        assert abs(occupations[k].z(exact[k])) < 4


def test_the_same_configurations_give_the_same_matrix():
    trap = nqs.HarmonicOscillator(2, 2)
    matrix, x = DensityMatrix(nqs.Gaussian(trap), trap, 3), np.random.default_rng(1).standard_normal((5, 2, 2))
    assert np.array_equal(matrix(x), matrix(x.copy()))
    np.testing.assert_array_equal(matrix(x), matrix(x).swapaxes(1, 2))


def test_a_sign_that_is_not_known():
    dot = nqs.QuantumDot(3)
    with pytest.raises(ValueError, match="expected a wave function whose sign is known, got Backflow in it"):
        DensityMatrix(nqs.Backflow(dot) * nqs.PadeJastrow(dot), dot)
