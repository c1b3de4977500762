"""Reconstruction of a ground state from measurements."""

from typing import Any

import numpy as np
import pytest

from runs.experiments.tomography import EXPERIMENT, TomographySettings

FIELDS = {"n_spins": 6, "n_data": 20_000, "n_hidden": 6, "n_epochs": 10, "k": 2}


def test_the_state_is_found_and_variational_monte_carlo_goes_on_from_it():
    run: Any = EXPERIMENT.start(TomographySettings.model_validate(FIELDS))
    trace = [dict(progress.numbers) for progress in run.training()]
    for _ in run.measuring():
        pass
    measured = {name: each.estimate.mean for name, each in run.measurements().items()}
    assert measured["fidelity"] > 0.995
    assert trace[0]["fidelity"] < measured["fidelity"] <= 1.0
    assert run.exact["energy"] < measured["energy"] < run.exact["energy"] + 0.05
    assert measured["infidelity_20000"] < measured["infidelity_200"]
    assert measured["vmc_steps"] < measured["vmc_steps_from_random"] < 200
    assert set(np.unique(run.samples()["measurements"])) == {-1, 1}


def test_the_wave_function_is_the_machine():
    """log psi = -F/2 of the same parameters, up to a constant."""
    run: Any = EXPERIMENT.start(TomographySettings.model_validate(FIELDS))
    next(run.training())
    psi = run.wave_function()
    difference = psi.log_psi(run.spins) + 0.5 * run.model.free_energy(run.spins)
    assert np.ptp(difference) < 1e-12


def test_the_measurements_have_the_correlations_of_the_state():
    run = EXPERIMENT.start(TomographySettings.model_validate({"n_spins": 6, "n_data": 20_000}))
    s, truth = run.data, run.truth**2  # type: ignore[attr-defined]
    exact = float(truth @ (run.spins[:, 0] * run.spins[:, 1]))  # type: ignore[attr-defined]
    values = s[:, 0] * s[:, 1]
    assert abs(values.mean() - exact) < 4 * values.std() / np.sqrt(len(values))
    assert exact == pytest.approx(float(truth @ (run.spins[:, 2] * run.spins[:, 3])), abs=1e-9)  # type: ignore[attr-defined]
