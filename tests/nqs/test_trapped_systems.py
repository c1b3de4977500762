"""Double dots, hard spheres, particles on a line: potentials, exact values, exact states, and what they refuse."""

import itertools

import numpy as np
import pytest

import nqs
from nqs.energy import local_energies
from nqs.exact import (
    gross_pitaevskii,
    one_electron_double_dot,
    two_electron_dot,
    two_electron_double_dot,
    two_with_gaussian_interaction,
)
from nqs.exact.half_line import lowest_on_half_line
from nqs.systems import external_potential, interaction, potential

pytestmark = pytest.mark.interpreted

R8 = float(np.sqrt(8))


# Potentials

SYSTEMS = {
    "trap": (nqs.HarmonicOscillator(3, 2, omega=(1.0, 2.0)), 0.0),
    "dot": (nqs.QuantumDot(3, 2, omega=0.5), 1.0),
    "double dot": (nqs.DoubleDot(3, 2.0), 1.0),
    "Calogero-Sutherland": (nqs.CalogeroSutherland(3, 1.5), 1.0),
    "Gaussian interaction": (nqs.GaussianInteraction(3), 1.0),
    "hard spheres": (nqs.HardSphereBosons(3), 0.0),
}


@pytest.mark.parametrize("name", SYSTEMS)
def test_the_potential_is_the_trap_and_the_interaction(name):
    system, repels = SYSTEMS[name]
    x = np.random.default_rng(0).standard_normal((3, system.n_dims))
    assert potential(system, x) == pytest.approx(external_potential(system, x) + interaction(system, x), rel=1e-15)
    assert (interaction(system, x) > 0) == repels
    one_by_one = [external_potential(system, particle[None]) for particle in x]
    assert external_potential(system, x) == pytest.approx(sum(one_by_one), rel=1e-14)
    pairs = [interaction(system, x[list(pair)]) for pair in itertools.combinations(range(3), 2)]
    assert interaction(system, x) == pytest.approx(sum(pairs), rel=1e-14)


@pytest.mark.parametrize("name", SYSTEMS)
def test_no_potential_is_below_the_bound(name):
    system, _ = SYSTEMS[name]
    x = system.first_configurations(100, np.random.default_rng(1)) * np.geomspace(1e-3, 1e3, 100)[:, None, None]
    assert all(potential(system, each) >= system.energy_bounds[0] for each in x)


def test_the_wells_of_a_double_dot():
    """omega^2 / 2 (r^2 - R |x| + R^2 / 4), which vanishes at both wells."""
    dot = nqs.DoubleDot(1, separation=3.0, omega=0.7)
    rng = np.random.default_rng(0)
    for x, y in rng.standard_normal((5, 2)) * 2:
        expected = 0.7**2 / 2 * (x**2 + y**2 - 3 * abs(x) + 9 / 4)
        assert external_potential(dot, np.array([[x, y]])) == pytest.approx(expected, rel=1e-13)
    assert external_potential(dot, np.array([[1.5, 0.0]])) == external_potential(dot, np.array([[-1.5, 0.0]])) == 0


def test_spheres_that_overlap_have_an_infinite_energy():
    atoms = nqs.HardSphereBosons(2, diameter=0.1)
    x = np.zeros((2, 3))
    x[1, 2] = 0.099
    assert potential(atoms, x) == np.inf
    x[1, 2] = 0.101
    assert np.isfinite(potential(atoms, x))


# Exact energies


def test_no_separation_is_one_dot():
    assert one_electron_double_dot(0.0, 0.7) == pytest.approx(0.7, rel=1e-10)
    assert two_electron_double_dot(0.0, 1.0, size=4) == pytest.approx(3.0, rel=1e-9)
    assert two_electron_double_dot(0.0, 0.5, size=4) == pytest.approx(two_electron_dot(0.5, 2), rel=1e-9)


def test_two_electrons_in_a_double_dot_against_the_reference():
    """2.349555(2), by another method; the matrix lies above by its finite basis, less the larger it is."""
    smaller, small = (two_electron_double_dot(2.0, 1.0, size) for size in (5, 8))
    assert smaller > small
    assert small == pytest.approx(2.349555, abs=1e-5)


def test_far_wells_hold_one_electron_each():
    """For large R: two electrons at rest, 1 / R apart in energy, and the quadrupole of their oscillations, 1 / R^3.

    <1 / |R + u|> = 1 / R + <2 u_x^2 - u_y^2> / (2 R^3) with <u_x^2> = <u_y^2> = 1 / omega, and the next orders,
    1 / R^4 from the shift of the wells and 1 / R^5, are left out.
    """
    separation, omega = 5.0, 1.0
    first_orders = 2 * omega + 1 / separation + 0.5 / (omega * separation**3)
    # the shift of each well by the force 1 / R^2 lowers the energy by 2 (1 / R^2)^2 / (2 omega^2)
    first_orders -= 1 / separation**4
    assert two_electron_double_dot(separation, omega, 10) == pytest.approx(first_orders, abs=1e-3)


def test_scaling_of_a_double_dot():
    """In units of the length 1 / sqrt(omega) one electron knows only R sqrt(omega)."""
    assert one_electron_double_dot(2.0, 1.0) == pytest.approx(one_electron_double_dot(1.0, 4.0) / 4, rel=1e-9)


@pytest.mark.parametrize(("n", "strength"), [(2, 3.0), (3, 2.0), (6, 1.0), (10, 3.0)])
def test_calogero_sutherland_energy(n, strength):
    expected = {(2, 3.0): 4.0, (3, 2.0): 7.5, (6, 1.0): 18.0, (10, 3.0): 140.0}[n, strength]
    assert nqs.CalogeroSutherland(n, strength).exact_energy == expected
    assert nqs.CalogeroSutherland(n, strength, omega=0.3).exact_energy == pytest.approx(0.3 * expected, rel=1e-14)


@pytest.mark.parametrize(("n", "strength", "omega"), [(2, 0.7, 1.0), (5, 1.0, 0.4), (4, 2.5, 2.0), (12, 2.0, 1.0)])
def test_calogero_sutherland_state_has_no_variance(n, strength, omega):
    system = nqs.CalogeroSutherland(n, strength, omega)
    psi = nqs.Gaussian(system) * nqs.PowerJastrow(system)
    x = system.first_configurations(20, np.random.default_rng(1))
    np.testing.assert_allclose(local_energies(system, psi, x), system.exact_energy, rtol=1e-8)


@pytest.mark.parametrize("n", [2, 4])
def test_free_fermions_on_a_line_are_a_product_of_distances(n):
    system = nqs.GaussianInteraction(n, strength=0.0, omega=1.7)
    psi = nqs.Gaussian(system) * nqs.PowerJastrow(system)
    x = system.first_configurations(20, np.random.default_rng(1))
    assert system.exact_energy == pytest.approx(1.7 * n**2 / 2)
    np.testing.assert_allclose(local_energies(system, psi, x), 1.7 * n**2 / 2, rtol=1e-9)
    assert nqs.GaussianInteraction(n, strength=0.0, statistics="boson").exact_energy == n / 2


# Two bosons that touch with the strength g, from the closed equation of T. Busch et al., Found. Phys. 28, 549 (1998).
CONTACT = {-0.5: 0.770430902235584, 0.5: 1.17426005373101, 1.0: 1.30674554123108, 10.0: 1.85068790411243}


@pytest.mark.parametrize("strength", CONTACT)
def test_a_narrow_interaction_of_bosons_is_a_contact(strength):
    """The difference vanishes in proportion to the width."""
    widths = np.array([0.16, 0.08, 0.04])
    energies = [two_with_gaussian_interaction(strength, width, 1.0, False) for width in widths]
    limit = np.polyfit(widths, energies, 2)[-1]
    assert limit == pytest.approx(CONTACT[strength], abs=3e-4 * (1 + abs(strength)))


def test_a_narrow_interaction_is_not_felt_by_fermions():
    assert two_with_gaussian_interaction(1.0, 0.01, 1.0, True) == pytest.approx(2.0, abs=1e-4)


def test_a_wide_interaction_is_a_constant_and_a_softer_trap():
    """V_0 / (sqrt(2 pi) sigma) (1 - x^2 / (2 sigma^2) + x^4 / (8 sigma^4)), the last in perturbation theory."""
    strength, width = 40.0, 10.0
    height = strength / np.sqrt(2 * np.pi) / width
    softer = np.sqrt(1 / 4 - height / (2 * width**2)) * 2
    for fermions, quanta, fourth_moment in ((False, 0.5, 3.0), (True, 1.5, 15.0)):
        expected = 0.5 + height + softer * quanta + height * fourth_moment / softer**2 / (8 * width**4)
        assert two_with_gaussian_interaction(strength, width, 1.0, fermions) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(("n", "strength"), [(2, 1.0), (4, 10.0), (30, 3.0)])
def test_cloud_of_bosons_has_the_lowest_energy(n, strength):
    """The energy of normal clouds, the interaction summed by quadrature; attraction leaves that of the trap."""
    system = nqs.GaussianInteraction(n, strength, width=0.5, omega=0.8, statistics="boson")
    z = np.linspace(-9, 9, 2001)
    weights = np.exp(-(z**2) / 2)

    def energy(w):
        distance = np.sqrt(2) * w * z
        pair = weights @ np.exp(-(distance**2) / (2 * 0.5**2)) / weights.sum() * system.height
        return n * (0.8**2 * w**2 / 2 + 1 / (8 * w**2)) + n * (n - 1) / 2 * pair

    w = system.cloud
    assert energy(w) < min(energy(0.99 * w), energy(1.01 * w))
    assert nqs.GaussianInteraction(n, -strength, omega=0.8, statistics="boson").cloud == system.length[0]


def test_half_line():
    """The levels of the oscillator -u'' + x^2 u: 1 for even and 3 for odd functions."""
    for odd, level in ((False, 1.0), (True, 3.0)):
        assert lowest_on_half_line(lambda x: x**2, 9.0, odd=odd) == pytest.approx(level, rel=1e-11)


@pytest.mark.parametrize(("n", "energy"), [(1, 1 + R8 / 2), (10, 24.3972541576463), (100, 265.81862337965)])
def test_gross_pitaevskii_against_reference_values(n, energy):
    """By another method, in which N - 1 is counted, too."""
    assert gross_pitaevskii(n, 0.0043, R8) == pytest.approx(energy, rel=1e-9)


def test_gross_pitaevskii_of_a_weak_interaction_is_perturbation_theory():
    """E = N (3 / 2 + (N - 1) / 2 g int phi_0^4) with int phi_0^4 = (2 pi)^(-3/2), to first order in g = 4 pi a."""
    diameter, n = 1e-5, 7
    first_order = n * (1.5 + (n - 1) / 2 * 4 * np.pi * diameter / (2 * np.pi) ** 1.5)
    assert gross_pitaevskii(n, diameter, 1.0) - first_order == pytest.approx(0, abs=3e-8)


# First configurations


def test_first_configurations_of_hard_spheres_do_not_overlap():
    """Also where the spheres would not fit into the trap of one of them."""
    for n, diameter in ((10, 0.0043), (20, 1.0)):
        x = nqs.HardSphereBosons(n, diameter).first_configurations(5, np.random.default_rng(1))
        assert x.shape == (5, n, 3)
        for i, j in itertools.combinations(range(n), 2):
            assert (np.linalg.norm(x[:, i] - x[:, j], axis=1) > diameter).all()
        again = nqs.HardSphereBosons(n, diameter).first_configurations(5, np.random.default_rng(1))
        assert np.array_equal(x, again)


def test_first_configurations_of_calogero_sutherland_have_its_extent():
    """omega^2 <sum x^2> = E, by chi-squared."""
    system = nqs.CalogeroSutherland(5, 2.0, omega=0.5)
    x = system.first_configurations(1000, np.random.default_rng(1))
    chi_squared = np.sum(x**2) * system.omega**2 * 5 / system.exact_energy
    assert abs(chi_squared - 5000) / np.sqrt(2 * 5000) < 3.3


# What makes no sense


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nqs.DoubleDot(0), "expected n_particles to be a whole number >= 1, got 0"),
        (lambda: nqs.DoubleDot(2, -1.0), "expected separation to be 0 or a positive number, got -1.0"),
        (lambda: nqs.DoubleDot(2, np.inf), "expected separation to be 0 or a positive number, got inf"),
        (lambda: nqs.DoubleDot(2, 2.0, 0.0), "expected omega to be a positive number, got 0.0"),
        (lambda: nqs.DoubleDot(2, n_up=3), "expected n_up to be a whole number from 0 to n_particles = 2, got 3"),
        (lambda: nqs.HardSphereBosons(2, 0.0), "expected diameter to be a positive number, got 0.0"),
        (lambda: nqs.HardSphereBosons(2, 0.1, -1.0), "expected aspect to be a positive number, got -1.0"),
        (lambda: nqs.CalogeroSutherland(2, 0.25), "expected strength to be above 1/2, got 0.25: 0.75 gives the same"),
        (lambda: nqs.CalogeroSutherland(2, 2.0, -1.0), "expected omega to be a positive number, got -1.0"),
        (lambda: nqs.GaussianInteraction(2, np.nan), "expected strength to be a finite number, got nan"),
        (lambda: nqs.GaussianInteraction(2, width=0.0), "expected width to be a positive number, got 0.0"),
        (lambda: nqs.GaussianInteraction(statistics="anyon"), "one of boson, fermion, got 'anyon'"),
        (lambda: nqs.PowerJastrow(nqs.DoubleDot()), "expected a system of one dimension, got 2"),
        (lambda: nqs.PowerJastrow(nqs.GaussianInteraction(), 0.0), "expected power to be a positive number, got 0.0"),
        (lambda: nqs.HardSphereJastrow(nqs.DoubleDot()), "expected a system of three dimensions, got 2"),
        (lambda: nqs.HardSphereJastrow(nqs.QuantumDot(2, 3)), "expected the diameter of the spheres, QuantumDot has"),
        (lambda: nqs.HardSphereJastrow(nqs.HardSphereBosons(), -1.0), "expected diameter to be a positive number"),
    ],
)  # fmt: skip
def test_arguments_out_of_range(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_spheres_that_fit_nowhere():
    with pytest.raises(ValueError, match="expected spheres that fit into the trap, found 3 of the diameter 1000"):
        nqs.HardSphereBosons(3, 1000.0).first_configurations(1, np.random.default_rng(1))


# Sampling


def test_hard_spheres_never_overlap_along_the_chains():
    """Large spheres in a trap, moves by both proposals: every overlap is refused, and the state is the right one.

    Of two spheres the distance is sampled against its exact density, r^2 (1 - a / r)^2 exp(-alpha r^2).
    """
    atoms = nqs.HardSphereBosons(2, diameter=0.8, aspect=1.0)
    psi = nqs.Gaussian(atoms) * nqs.HardSphereJastrow(atoms)
    for proposal in (nqs.Langevin(), nqs.RandomWalk()):
        vmc = nqs.VMC(
            atoms, psi, proposal, nqs.StochasticReconfiguration(0.1), n_chains=64, n_samples=64, n_burn_in=40, threads=1
        )
        lengths: list[np.ndarray] = []

        def distance(x, lengths=lengths):
            lengths.append(np.linalg.norm(x[:, 0] - x[:, 1], axis=1))
            return lengths[-1]

        measured = vmc.measure(64 * 400, {"distance": distance}).observables["distance"]
        assert np.concatenate(lengths).min() > 0.8
        r = np.linspace(0.8, 9, 4001)
        density = (r - 0.8) ** 2 * np.exp(-0.5 * r**2)
        assert abs(measured.z(float(np.sum(r * density) / np.sum(density)))) < 4
