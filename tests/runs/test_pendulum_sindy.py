"""The parts of the lesson ``pendulum-sindy`` against the pendulum itself."""

import numpy as np
import pytest
import torch

from generative.datasets import pendulum_frames
from runs.lessons import pendulum_sindy_checks as checks
from runs.lessons.pendulum_sindy import is_pendulum
from runs.lessons.pendulum_sindy_model import NAMES, Ensemble, components, swings

SINE = NAMES.index("sin z")


def with_law(coefficients) -> Ensemble:
    """A small ensemble in double precision with one law for each restart."""
    ensemble = Ensemble(len(coefficients), width=4, scale=1.0, size=8, seed=1)
    ensemble.xi.data = torch.tensor(coefficients, dtype=torch.float64)[:, :, None]
    ensemble.mask = torch.ones_like(ensemble.xi)
    return ensemble


def pendulum(n_frames: int, duration: float):
    return pendulum_frames(5, n_frames, 2, duration=duration, gravity_over_length=1.0, largest_energy=0.9, seed=2)


def test_the_law_carries_the_state_as_the_pendulum_with_an_error_of_fourth_order():
    """The error of ten steps of 0.1 is 16 times that of twenty of 0.05."""
    exact = pendulum(2, 1.0)
    ensemble = with_law([[0, 0, 0, 0, 0, -1.0], [0, -1.0, 0, 0, 0, 0]])
    errors = []
    for n in (10, 20):
        z, v = (torch.tensor(part[:, :1]).expand(2, 5, 1) for part in (exact.angle, exact.velocity))
        for _ in range(n):
            z, v = ensemble._advance(z, v, 1.0 / n)
        errors.append(np.abs(z[0, :, 0].detach().numpy() - exact.angle[:, 1]).max())
        harmonic = exact.angle[:, 0] * np.cos(1.0) + exact.velocity[:, 0] * np.sin(1.0)
        np.testing.assert_allclose(z[1, :, 0].detach().numpy(), harmonic, atol=1e-5)
    assert errors[1] < 1e-6
    assert np.log2(errors[0] / errors[1]) == pytest.approx(4.0, abs=0.4)


def test_a_coefficient_that_was_cut_stays_zero():
    ensemble = with_law([[0.05, -0.2, 0.0999, 0.1, 0.0, -1.0]])
    ensemble.cut()
    ensemble.xi.data += 1.0
    assert ensemble.coefficients()[0, :, 0].tolist() == pytest.approx([0.0, 0.8, 0.0, 1.1, 0.0, 0.0])
    assert ensemble.mask[0, :, 0].tolist() == [0, 1, 0, 1, 0, 1]


def test_a_law_that_runs_away_has_an_infinite_forecast_error():
    known, held_out = swings(3, 2, 8, seed=1)
    ensemble = Ensemble(2, width=4, scale=1.0, size=8, seed=1)
    ensemble.xi.data[0, NAMES.index("z^3")] = 1e6
    errors = ensemble.forecast_errors(held_out)
    assert np.isinf(errors[0])
    assert np.isfinite(errors[1])
    assert (known.rows.shape[1], held_out.rows.shape[1]) == (50, 200)


def test_components_are_orthonormal_and_their_signs_do_not_depend_on_those_of_the_decomposition():
    x = pendulum(200, 5.0).frames.reshape(-1, 4) @ np.random.default_rng(0).normal(size=(4, 40))
    mean, v = components(x)
    np.testing.assert_allclose(v.T @ v, np.eye(24), atol=1e-12)
    assert np.all(v.max(axis=0) >= -v.min(axis=0))
    np.testing.assert_allclose((x - mean) @ v[:, :4] @ v[:, :4].T, x - mean, atol=1e-10)


@pytest.mark.parametrize("by", ["_by_regression", "law_of_series"])
def test_the_series_of_a_pendulum_gives_its_equation(by):
    """Differences over 0.05 change a frequency w by w^3 h^2 / 6: less than 1 % here."""
    exact = pendulum(200, 9.95)
    law = getattr(checks, by)(exact.angle, exact.velocity, exact.time[1])
    assert law.n_terms == 1
    assert law.sine == pytest.approx(-1.0, abs=0.01)


def test_only_the_pendulum_counts():
    assert is_pendulum(np.array([0, 0, 0, 0, 0, -0.98]), 1.02)
    assert is_pendulum(np.array([0, 0, 0, 0, 0, -0.7]), 0.7)
    assert not is_pendulum(np.array([0, 0, 0, 0, 0, -1.0]), 0.9)
    assert not is_pendulum(np.array([0, -0.1, 0, 0, 0, -1.0]), 1.0)
    assert not is_pendulum(np.zeros(6), 1.0)
