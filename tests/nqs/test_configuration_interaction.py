"""A few electrons by configuration interaction, against the two that are solved exactly."""

import numpy as np
import pytest

from nqs.exact import configuration_interaction, two_electron_dot

pytestmark = pytest.mark.interpreted


def test_energies_fall_to_the_exact_one_of_two_electrons_of_equal_spin():
    exact = two_electron_dot(0.5, 2, triplet=True)
    quanta = np.array([9, 13, 17, 21])
    excess = np.array([configuration_interaction(2, 0, 0.5, q, angular_momentum=1)[0] for q in quanta]) - exact
    assert (excess > 0).all()
    orders = -np.diff(np.log(excess)) / np.diff(np.log(quanta))
    np.testing.assert_allclose(orders, 2.0, atol=0.2)  # a power law, whose limit is the exact energy
    assert excess[-1] < 1e-4


def test_energies_stay_above_the_exact_one_of_two_electrons_of_opposite_spin():
    exact = two_electron_dot(1.0, 2)
    energies = np.array([configuration_interaction(1, 1, 1.0, q)[0] for q in (4, 8, 16)])
    excess = energies - exact
    assert (excess > 0).all()
    np.testing.assert_allclose(excess[1:] / excess[:-1], 0.5, atol=0.1)  # the cusp: a slow 1 / quanta


def test_the_first_element_of_the_interaction():
    """<00|1/r|00> = sqrt(pi / 2) in the lowest state of an oscillator of frequency 1."""
    energy, n = configuration_interaction(1, 1, 1.0, 0)
    assert n == 1
    assert energy == pytest.approx(2 + np.sqrt(np.pi / 2), abs=1e-12)


def test_the_centre_of_mass_stays_exact():
    """With one more quantum than a state needs, its copy with a moving centre of mass lies exactly one omega higher."""
    ground, _ = configuration_interaction(2, 0, 0.7, 5, angular_momentum=1)
    moved, _ = configuration_interaction(2, 0, 0.7, 6, angular_momentum=2)
    other = two_electron_dot(0.7, 2, triplet=True)
    assert moved <= ground + 0.7 + 1e-12
    assert ground > other


def test_what_is_not_possible_is_refused():
    with pytest.raises(ValueError, match="expected enough quanta for 3 \\+ 0 electrons"):
        configuration_interaction(3, 0, 1.0, 1)
    with pytest.raises(ValueError, match="expected at most 30 quanta, got 31"):
        configuration_interaction(1, 0, 1.0, 31)
