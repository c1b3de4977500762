"""Hamiltonians: potentials, exact energies, first configurations, and what they refuse."""

import numpy as np
import pytest

import nqs
from nqs.exact import two_electron_dot
from nqs.systems import potential

# Closed shells of spin-1/2 fermions in an isotropic trap, in units of omega: (n_dims, n_particles) -> energy.
CLOSED_SHELLS = {
    (2, 2): 2,
    (2, 6): 10,
    (2, 12): 28,
    (2, 20): 60,
    (2, 30): 110,
    (2, 42): 182,
    (2, 56): 280,
    (2, 72): 408,
    (2, 90): 570,
    (3, 2): 3,
    (3, 8): 18,
    (3, 20): 60,
    (3, 40): 150,
    (3, 70): 315,
}

# Two electrons, by an independent solver of the relative motion with 10^-10 accuracy: (n_dims, omega) -> energy.
TWO_ELECTRONS = {
    (2, 10.0): 23.65166336833,
    (2, 1.0): 3.0,
    (2, 0.5): 1.65977214999,
    (2, 0.1): 0.44079188801,
    (2, 0.01): 0.07383504078,
    (3, 10.0): 32.44868540805,
    (3, 1.0): 3.73012095434,
    (3, 0.5): 2.0,
    (3, 0.1): 0.5,
    (3, 0.01): 0.07920528526,
}

# Frequencies at which the relative motion has a polynomial solution. M. Taut, Phys. Rev. A 48, 3561 (1993), and
# J. Phys. A 27, 1045 (1994): u = 1 + r at omega = 1 / (D - 1), and the next one in two dimensions at omega = 1/6.
CLOSED_FORMS = {(2, 1.0): 3.0, (3, 0.5): 2.0, (2, 1 / 6): 2 / 3, (3, 0.1): 0.5}


@pytest.mark.parametrize(("n_dims", "n_particles"), CLOSED_SHELLS)
def test_closed_shells_of_fermions(n_dims, n_particles):
    for omega in (1.0, 0.28):
        trap = nqs.HarmonicOscillator(n_particles, n_dims, omega, statistics="fermion")
        assert trap.exact_energy == pytest.approx(omega * CLOSED_SHELLS[n_dims, n_particles], rel=1e-14)


@pytest.mark.parametrize("n_particles", [1, 2, 3, 4, 7])
def test_open_shells_of_fermions_in_an_elliptical_trap(n_particles):
    """Against all products of one-particle energies, sorted and filled with two particles each."""
    omega = np.array([1.0, 1.7, 0.4])
    levels = np.stack(np.meshgrid(*[np.arange(n_particles)] * 3, indexing="ij"), axis=-1).reshape(-1, 3) + 0.5
    expected = np.sort(np.repeat(levels @ omega, 2))[:n_particles].sum()
    trap = nqs.HarmonicOscillator(n_particles, 3, omega.tolist(), statistics="fermion")
    assert trap.exact_energy == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("n_up", [0, 1, 2, 3, 4])
def test_fermions_of_a_given_spin(n_up):
    """Four fermions in two dimensions, whose levels are 1, 2, 2, 3, 3, 3: those of each spin fill them."""
    levels = np.array([1.0, 2.0, 2.0, 3.0])
    trap = nqs.HarmonicOscillator(4, 2, 0.5, statistics="fermion", n_up=n_up)
    assert trap.exact_energy == pytest.approx(0.5 * (levels[:n_up].sum() + levels[: 4 - n_up].sum()), rel=1e-14)


def test_spins_of_electrons():
    assert [nqs.QuantumDot(n).n_up for n in (1, 2, 3, 6)] == [1, 1, 2, 3]
    assert nqs.QuantumDot(5, n_up=0).n_up == 0
    assert nqs.QuantumDot().fermions
    assert nqs.HarmonicOscillator(2, statistics="fermion").fermions
    assert not nqs.HarmonicOscillator(2).fermions


@pytest.mark.parametrize(("n_particles", "omega"), [(1, 1.0), (10, 0.5), (500, (1.0, 2.0, 0.3))])
def test_bosons_all_sit_in_the_lowest_orbital(n_particles, omega):
    trap = nqs.HarmonicOscillator(n_particles, 3, omega)
    assert trap.exact_energy == pytest.approx(n_particles * np.broadcast_to(omega, 3).sum() / 2, rel=1e-14)


@pytest.mark.parametrize(("n_dims", "omega"), TWO_ELECTRONS)
def test_two_electrons_against_reference_values(n_dims, omega):
    assert nqs.QuantumDot(2, n_dims, omega).exact_energy == pytest.approx(TWO_ELECTRONS[n_dims, omega], rel=1e-8)


@pytest.mark.parametrize(("n_dims", "omega"), CLOSED_FORMS)
def test_two_electrons_where_the_solution_is_a_polynomial(n_dims, omega):
    assert two_electron_dot(omega, n_dims) == pytest.approx(CLOSED_FORMS[n_dims, omega], rel=1e-10)


@pytest.mark.parametrize("n_dims", [2, 3])
def test_two_electrons_of_equal_spin_where_the_solution_is_a_polynomial(n_dims):
    """r (1 + r / (D + 1)) exp(-omega r^2 / 4) solves the relative motion for omega = 1 / (D + 1)."""
    omega = 1 / (n_dims + 1)
    exact = omega * n_dims / 2 + omega * (n_dims + 4) / 2
    assert nqs.QuantumDot(2, n_dims, omega, n_up=2).exact_energy == pytest.approx(exact, rel=1e-10)
    assert nqs.QuantumDot(2, n_dims, omega, n_up=0).exact_energy == pytest.approx(exact, rel=1e-10)


def test_energies_of_few_electrons_are_known():
    assert nqs.QuantumDot(1, 3, 0.5).exact_energy == 0.75
    assert nqs.QuantumDot(3).exact_energy is None


@pytest.mark.parametrize("omega", [0.001, 0.02, 0.7, 5.0, 100.0])
@pytest.mark.parametrize("n_dims", [2, 3])
def test_two_electrons_do_not_depend_on_the_number_of_points(n_dims, omega):
    assert two_electron_dot(omega, n_dims) == pytest.approx(two_electron_dot(omega, n_dims, 110), rel=1e-10)


def test_potential_of_the_trap():
    trap = nqs.HarmonicOscillator(3, 2, omega=(1.0, 2.0))
    x = np.random.default_rng(0).standard_normal((3, 2))
    assert potential(trap, x) == pytest.approx(0.5 * np.sum(trap.omega**2 * x**2), rel=1e-14)


@pytest.mark.parametrize("n_dims", [2, 3])
def test_potential_of_the_dot(n_dims):
    dot = nqs.QuantumDot(2, n_dims, omega=0.5)
    x = np.random.default_rng(0).standard_normal((2, n_dims))
    expected = 0.125 * np.sum(x**2) + 1 / np.linalg.norm(x[0] - x[1])
    assert potential(dot, x) == pytest.approx(expected, rel=1e-14)


def test_first_configurations_have_the_size_of_the_ground_state():
    """<x_d^2> = 1 / (2 omega_d), by chi-squared, and the same generator gives the same ones."""
    trap = nqs.HarmonicOscillator(5, 2, omega=(1.0, 4.0))
    x = trap.first_configurations(1000, np.random.default_rng(1))
    assert x.shape == (1000, 5, 2)
    chi_squared = np.sum(x**2 * 2 * trap.omega, axis=(0, 1))
    assert np.all(np.abs(chi_squared - 5000) / np.sqrt(2 * 5000) < 3.3)
    assert np.array_equal(x, trap.first_configurations(1000, np.random.default_rng(1)))


def test_statistics_by_name():
    assert nqs.HarmonicOscillator(2).statistics == "boson"
    assert nqs.HarmonicOscillator(2, statistics="fermion").statistics == "fermion"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nqs.HarmonicOscillator(0), "expected n_particles to be a whole number >= 1, got 0"),
        (lambda: nqs.HarmonicOscillator(True), "expected n_particles to be a whole number >= 1, got True"),
        (lambda: nqs.HarmonicOscillator(2, -1), "expected n_dims to be a whole number >= 1, got -1"),
        (lambda: nqs.HarmonicOscillator(2, 2, -1.0), "expected omega to be a positive number, got -1.0"),
        (lambda: nqs.HarmonicOscillator(2, 2, np.nan), "expected omega to be a positive number, got nan"),
        (lambda: nqs.HarmonicOscillator(2, 2, (1.0, 0.0)), "expected omega to be a positive number, got 0.0"),
        (lambda: nqs.HarmonicOscillator(2, 2, (1, 1, 1)), "expected omega to be one number or 2, one for each axis"),
        (lambda: nqs.HarmonicOscillator(2, statistics="anyon"), "one of boson, fermion, got 'anyon'"),
        (lambda: nqs.HarmonicOscillator(2, n_up=1), "expected no n_up, bosons have no spin here, got 1"),
        (lambda: nqs.QuantumDot(0), "expected n_particles to be a whole number >= 1, got 0"),
        (lambda: nqs.QuantumDot(3, n_up=4), "expected n_up to be a whole number from 0 to n_particles = 3, got 4"),
        (lambda: nqs.QuantumDot(3, n_up=-1), "expected n_up to be a whole number from 0 to n_particles = 3, got -1"),
        (lambda: nqs.QuantumDot(3, n_up=True), "expected n_up to be a whole number from 0 to n_particles = 3, got T"),
        (lambda: nqs.QuantumDot(3, n_up=1.5), "expected n_up to be a whole number from 0 to n_particles = 3, got 1"),  # type: ignore
        (lambda: nqs.QuantumDot(2, 1), "expected n_dims to be 2 or 3, got 1"),
        (lambda: nqs.QuantumDot(omega=(1, 2)), "expected one number for omega, the trap is isotropic"),  # type: ignore
        (lambda: nqs.QuantumDot(2, 2, 0.0), "expected omega to be a positive number, got 0.0"),
    ],
)
def test_arguments_out_of_range(make, message):
    with pytest.raises(ValueError, match=message):
        make()
