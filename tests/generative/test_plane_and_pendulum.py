"""Points in the plane and the pendulum against what is known about them."""

from typing import Any

import numpy as np
import pytest
from scipy.integrate import dblquad
from scipy.special import ellipk
from scipy.stats import kstest

import generative
from generative.datasets.pendulum import spots

pytestmark = pytest.mark.interpreted


def test_moons_without_noise_lie_on_their_half_circles():
    data = generative.datasets.moons(1000, noise=0.0)
    assert data.train_labels is not None
    for label, centre, sign in ((0, (0, 0), 1), (1, (1, 0.5), -1)):
        offset = data.train[data.train_labels == label] - centre
        np.testing.assert_allclose(np.linalg.norm(offset, axis=1), 1, atol=1e-12)
        angle = np.arctan2(sign * offset[:, 1], sign * offset[:, 0])
        assert kstest(angle, "uniform", args=(0, np.pi)).pvalue > 1e-3
    assert len(data.test) == 200
    assert data.values == "real"


def test_noise_of_moons_has_the_width_that_was_asked_for():
    data = generative.datasets.moons(20_000, noise=0.1, seed=3)
    assert data.train_labels is not None
    radial = np.linalg.norm(data.train[data.train_labels == 0], axis=1) - 1
    n = len(radial)
    assert abs(radial.std() - 0.1) < 4 * 0.1 / np.sqrt(2 * n) + 0.001  # the radius is not quite normal


def test_ring_has_its_modes_and_its_density():
    data = generative.datasets.gaussian_ring(8000, n_modes=8, radius=2.0, sigma=0.1, seed=1)
    (target,) = data.targets
    assert data.train_labels is not None
    np.testing.assert_array_equal(target.modes(data.train, within=6.0), data.train_labels)
    counts = np.bincount(data.train_labels)
    assert np.sum((counts - 800) ** 2 / 800) < 24.3  # chi-squared of 7, probability 1e-3
    offset = (data.train - target.centres[data.train_labels]).ravel() / 0.1
    assert kstest(offset, "norm").pvalue > 1e-3
    outside = np.mean(target.modes(data.train) < 0)  # beyond 3 sigma: exp(-9/2)
    assert abs(outside - np.exp(-4.5)) < 4 * np.sqrt(np.exp(-4.5) / 6400)


def test_the_density_of_the_ring_integrates_to_one():
    (target,) = generative.datasets.gaussian_ring(10, n_modes=3, radius=0.5, sigma=0.3).targets
    total = dblquad(lambda y, x: float(np.exp(target.log_prob(np.array([[x, y]]))[0])), -3, 3, -3, 3, epsabs=1e-6)[0]
    assert total == pytest.approx(1.0, abs=1e-6)


def test_evaluate_takes_data_with_another_target():
    data = generative.datasets.gaussian_ring(600)

    class Truth:
        def sample(self, n, seed):
            return generative.datasets.gaussian_ring(2 * n, test_fraction=0.5, seed=seed + 5).train

    result = generative.evaluate(Truth(), data, n_samples=400)
    assert result.observables == []


SWING: Any = dict(n_trajectories=6, n_frames=60, size=9, duration=3.0)


def test_energy_is_conserved_and_the_equation_of_motion_holds():
    swings = generative.datasets.pendulum_frames(**SWING, seed=2)
    energy = swings.energy
    assert np.abs(energy - energy[:, :1]).max() < 1e-8
    assert energy.max() < 0.9 * 9.81
    np.testing.assert_allclose(swings.acceleration, -9.81 * np.sin(swings.angle))


def test_the_period_is_the_elliptic_integral():
    """T = 4 sqrt(l / g) K(sin^2(theta_0 / 2)); the velocity vanishes twice in a period."""
    swings = generative.datasets.pendulum_frames(1, 4001, 2, duration=10.0, seed=4)
    turning = np.flatnonzero(np.diff(np.sign(swings.velocity[0])))
    v, t = swings.velocity[0], swings.time
    zeros = t[turning] - v[turning] * (t[turning + 1] - t[turning]) / (v[turning + 1] - v[turning])
    widest = np.arccos(-swings.energy[0, 0] / 9.81)
    period = 4 / np.sqrt(9.81) * ellipk(np.sin(widest / 2) ** 2)
    assert 2 * np.diff(zeros).mean() == pytest.approx(period, rel=1e-5)


@pytest.mark.parametrize("order", [1, 2])
def test_derivatives_of_the_frames_against_differences_that_converge(order):
    """Central differences approach the exact derivatives as the square of the step."""
    k, angle, velocity = 9.81, np.array([0.7, -1.4]), np.array([2.0, 0.5])
    acceleration = -k * np.sin(angle)
    jerk = -k * np.cos(angle) * velocity
    exact = spots(angle, velocity, acceleration, 9, 0.3)[order]

    def frame(t: float) -> np.ndarray:
        return spots(angle + velocity * t + acceleration * t**2 / 2 + jerk * t**3 / 6, velocity, acceleration, 9, 0.3)[
            0
        ]

    errors = []
    for h in (4e-3, 2e-3, 1e-3):
        difference = (frame(h) - frame(-h)) / (2 * h) if order == 1 else (frame(h) - 2 * frame(0) + frame(-h)) / h**2
        errors.append(np.abs(difference - exact).max())
    assert errors[-1] < 1e-3 * np.abs(exact).max()
    np.testing.assert_allclose(np.log2(np.array(errors[:-1]) / errors[1:]), 2.0, atol=0.05)


def test_noise_is_added_to_the_frames_alone():
    clean = generative.datasets.pendulum_frames(**SWING, seed=2)
    noisy = generative.datasets.pendulum_frames(**SWING, seed=2, noise=0.1)
    np.testing.assert_array_equal(clean.second, noisy.second)
    difference = (noisy.frames - clean.frames).ravel()
    assert abs(difference.std() / 0.1 - 1) < 4 / np.sqrt(2 * difference.size)


def test_the_data_set_keeps_trajectories_whole():
    swings = generative.datasets.pendulum_frames(**SWING, seed=2)
    data = swings.dataset()
    assert data.train.shape == (300, 81)
    assert data.values == "unit"
    np.testing.assert_allclose(data.test, swings.frames[-1].reshape(60, 81), atol=1e-7)
    assert data.test_labels is not None
    np.testing.assert_allclose(np.sin(data.test_labels), np.sin(swings.angle[-1]))


@pytest.mark.parametrize("fields", [dict(spot=0.0), dict(largest_energy=1.0), dict(size=1), dict(noise=-1.0)])
def test_arguments_are_checked(fields):
    with pytest.raises(ValueError, match="expected"):
        generative.datasets.pendulum_frames(**fields)
