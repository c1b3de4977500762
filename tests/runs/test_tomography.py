"""Reconstruction of a ground state from measurements."""

import numpy as np
import pytest

from runs.experiments.tomography import EXPERIMENT, TomographySettings


def test_the_state_is_found_and_its_energy_is_variational():
    fields = {"n_spins": 6, "n_data": 20_000, "n_hidden": 6, "n_epochs": 10, "k": 2}
    run = EXPERIMENT.start(TomographySettings.model_validate(fields))
    trace = [dict(progress.numbers) for progress in run.training()]
    measured = {name: each.estimate.mean for name, each in run.measurements().items()}
    assert measured["fidelity"] > 0.995
    assert trace[0]["fidelity"] < measured["fidelity"] <= 1.0
    assert run.exact["energy"] < measured["energy"] < run.exact["energy"] + 0.05
    assert set(np.unique(run.samples()["measurements"])) == {-1, 1}


def test_the_measurements_have_the_correlations_of_the_state():
    run = EXPERIMENT.start(TomographySettings.model_validate({"n_spins": 6, "n_data": 20_000}))
    s, truth = run.data, run.truth**2  # type: ignore[attr-defined]
    exact = float(truth @ (run.spins[:, 0] * run.spins[:, 1]))  # type: ignore[attr-defined]
    values = s[:, 0] * s[:, 1]
    assert abs(values.mean() - exact) < 4 * values.std() / np.sqrt(len(values))
    assert exact == pytest.approx(float(truth @ (run.spins[:, 2] * run.spins[:, 3])), abs=1e-9)  # type: ignore[attr-defined]
