"""Observables of particles: against hand-made configurations, exact densities, and the virial theorem."""

import numpy as np
import pytest

import nqs
from nqs import observables
from nqs.energy import local_energies
from nqs.observables import Density, PairCorrelation, RadialDensity, histogram, shell_volumes, standard_observables
from nqs.systems import potential
from tests.nqs.runs_of_vmc import DOT, TRAP, dot, trap

pytestmark = pytest.mark.interpreted

RNG = np.random.default_rng(1)


# Histograms


def test_a_histogram_of_each_row():
    values = RNG.uniform(-1, 2, (7, 20))
    edges = np.linspace(0, 1.5, 6)
    expected = [np.histogram(row, edges)[0] for row in values]
    np.testing.assert_array_equal(histogram(values, edges), expected)


@pytest.mark.parametrize("n_dims", [1, 2, 3])
def test_shells_fill_the_ball(n_dims):
    edges = np.linspace(0, 2, 9)
    ball = {1: 4, 2: 4 * np.pi, 3: 32 / 3 * np.pi}[n_dims]
    assert shell_volumes(edges, n_dims).sum() == pytest.approx(ball, rel=1e-14)


def test_densities_count_the_particles():
    x = RNG.standard_normal((50, 4, 2))
    radial, grid = RadialDensity(np.linspace(0, 9, 10)), Density(np.linspace(-9, 9, 7), np.linspace(-8, 8, 5))
    np.testing.assert_allclose(radial(x) @ shell_volumes(radial.edges, 2), 4)
    np.testing.assert_allclose(grid(x).sum(axis=(1, 2)) * 3 * 4, 4)
    assert grid(x).shape == (50, 6, 4)
    some = Density(np.linspace(-9, 9, 7), coordinates=(1,), particles=slice(1, None))
    np.testing.assert_allclose(some(x)[0], np.histogram(x[0, 1:, 1], some.edges[0])[0] / 3)
    expected = np.histogram2d(x[3, :, 0], x[3, :, 1], grid.edges)[0] / 12
    np.testing.assert_allclose(grid(x)[3], expected)


def test_sums_of_a_density_without_all_bins_for_each_configuration():
    x = RNG.standard_normal((3, 40, 6, 2))
    grid = Density(np.linspace(-1, 1, 4), np.linspace(-2, 1, 5))
    values = grid(x.reshape(-1, 6, 2)).reshape(3, 40, 3, 4)
    sums, squares = grid.sums_and_squares(x)
    np.testing.assert_allclose(sums, values.sum(axis=1), rtol=1e-13)
    np.testing.assert_allclose(squares, (values**2).sum(axis=1), rtol=1e-13)


def test_pairs_by_their_spins():
    """Two up at a distance of 1, one down at 2 from the second."""
    x = np.array([[[0.0, 0.0], [1.0, 0.0], [3.0, 0.0]]])
    edges = np.linspace(0, 4, 5)
    areas = shell_volumes(edges, 2)
    np.testing.assert_allclose(PairCorrelation(edges)(x)[0] * areas, [0, 1, 1, 1])
    np.testing.assert_allclose(PairCorrelation(edges, "equal", 2)(x)[0] * areas, [0, 1, 0, 0])
    np.testing.assert_allclose(PairCorrelation(edges, "opposite", 2)(x)[0] * areas, [0, 0, 1, 1])
    assert observables.pair_distance(x) == pytest.approx(2.0)


def test_edges_that_are_not_equal_bins():
    for edges in ([0, 1, 3], [1, 0], [1.0], [[0, 1]]):
        with pytest.raises(ValueError, match="expected the rising edges of bins of equal width"):
            RadialDensity(edges)
    with pytest.raises(ValueError, match="expected pairs to be one of all, equal, opposite, got 'up'"):
        PairCorrelation([0, 1], "up")
    with pytest.raises(ValueError, match="expected the edges along one or two coordinates, got 3"):
        Density([0, 1], [0, 1], [0, 1])


# Energies


@pytest.mark.parametrize(
    "system",
    [
        nqs.QuantumDot(3, 2, 0.5),
        nqs.DoubleDot(2),
        nqs.CalogeroSutherland(3),
    ],
    ids=lambda system: type(system).__name__,
)
def test_parts_of_the_energy(system):
    """T + V is the local energy; the virial by the forces of each particle, as central differences."""
    psi = nqs.Gaussian(system) if system.n_dims > 1 else nqs.Gaussian(system) * nqs.PowerJastrow(system)
    x = system.first_configurations(5, np.random.default_rng(2))
    energies = local_energies(system, psi, x)
    kinetic, virial = observables.kinetic_energy(system), observables.virial(system)
    parts = observables.trap_energy(system)(x) + observables.interaction_energy(system)(x)
    np.testing.assert_allclose(kinetic(x, energies) + parts, energies, rtol=1e-13)
    forces = np.zeros(5)
    for i, d in np.ndindex(system.shape):
        shift = np.zeros(x.shape)
        shift[:, i, d] = 1e-6
        ahead, behind = ([potential(system, each) for each in x + sign * shift] for sign in (1, -1))
        forces += x[:, i, d] * np.subtract(ahead, behind) / 2e-6
    np.testing.assert_allclose(virial(x, energies), 2 * kinetic(x, energies) - forces, rtol=1e-6)


def test_virial_of_the_coulomb_repulsion():
    """2 T - 2 V_trap + V_int, for any wave function and configuration."""
    dot = nqs.QuantumDot(4, 3, 0.3)
    psi, x = nqs.Gaussian(dot), dot.first_configurations(6, np.random.default_rng(3))
    energies = local_energies(dot, psi, x)
    kinetic, trap, between = (
        observables.kinetic_energy(dot)(x, energies),
        observables.trap_energy(dot)(x),
        observables.interaction_energy(dot)(x),
    )
    np.testing.assert_allclose(observables.virial(dot)(x, energies), 2 * kinetic - 2 * trap + between, rtol=1e-6)


# Measured


def test_the_density_of_the_ground_state_of_a_trap():
    """rho_x(x) = N sqrt(omega / pi) exp(-omega x^2), integrated over each bin, in an error that is honest."""
    edges = np.linspace(-2, 2, 9)
    vmc = trap(TRAP.omega / 2, n_chains=64)
    found = vmc.measure(64 * 200, {"x": Density(edges)}).observables["x"]
    fine = np.linspace(-2, 2, 8 * 200 + 1)
    density = 2 * np.sqrt(TRAP.omega[0] / np.pi) * np.exp(-TRAP.omega[0] * fine**2)
    expected = [np.trapezoid(density[200 * k : 200 * (k + 1) + 1], dx=0.0025) / 0.5 for k in range(8)]
    z = found.z(np.array(expected))
    assert found.shape == (8,)
    assert np.sum(z**2) < 30  # chi-squared with 8 degrees of freedom: 2e-4
    assert np.all(found.tau > 0.5)


def test_the_virial_theorem_of_an_exact_state():
    vmc = trap(TRAP.omega / 2, n_chains=64)
    virial = vmc.measure(64 * 400, {"virial": observables.virial(TRAP)}).observables["virial"]
    assert abs(virial.z(0.0)) < 3.3


def test_arrays_and_numbers_are_measured_together_and_continue_to_the_same_bits(monkeypatch):
    """Stopped between rounds, saved, restored: the same sums as without a stop."""
    monkeypatch.setattr("nqs.vmc.SAMPLES_PER_ROUND", 320)
    chosen = standard_observables(DOT, n_bins=9)
    whole = dot()
    whole.measure(960, chosen)
    stopped, fresh = dot(), dot()
    measuring = stopped.measuring(960, chosen)
    next(measuring)
    fresh.restore(stopped.state())
    for _ in fresh.measuring(960, chosen):
        pass
    expected, found = whole.measured().observables, fresh.measured().observables
    assert set(found) == set(chosen)
    for name, estimate in expected.items():
        assert np.array_equal(estimate.mean, found[name].mean)
        assert np.array_equal(estimate.error, found[name].error)
    assert expected["density"].shape == (6, 6)
    assert expected["pair_correlation_opposite"].shape == (9,)


def test_an_observable_of_ones_own():
    """A plain function of configurations, with an array for each."""
    measured = trap(TRAP.omega / 2, n_chains=64).measure(64 * 400, {"x": lambda x: x.reshape(len(x), -1)})
    found = measured.observables["x"]
    assert found.shape == (4,)
    assert isinstance(found[0], nqs.Estimate)
