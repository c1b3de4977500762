"""The experiments with autoregressive models: stopped and continued to the same bits, drawn, and near exact values."""

import os
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when torch is imported

from sameness import differences

from runs.experiments import ising_autoregressive, variational_ising
from runs.plots import save_picture
from runs.progress import Lines
from runs.reading import open_result
from runs.report import report, summary
from runs.runner import resume, start

MODEL = {"size": 3, "units": 3, "n_measure": 2000, "temperature": 2.5, "batch_size": 64, "checkpoint": 0.0}
FIELDS = {
    "variational-ising": {"n_steps": 60, "record_every": 7, "learning_rate": 0.02},
    "ising-autoregressive": {"n_data": 1000, "n_epochs": 4, "network": "cnn"},
}
EXPERIMENTS = {each.name: each for each in (variational_ising.EXPERIMENT, ising_autoregressive.EXPERIMENT)}


class Killed(BaseException):
    """What nothing catches, as nothing catches SIGKILL."""


class StopAfter(Lines):
    """A display at which the run breaks down after some rows."""

    def __init__(self, rows: int, reason: type[BaseException]) -> None:
        super().__init__()
        self.rows, self.reason = rows, reason

    def advance(self, progress) -> None:
        self.rows -= 1
        if self.rows < 0:
            raise self.reason


@pytest.fixture(scope="module", params=FIELDS)
def whole(request, tmp_path_factory) -> Path:
    experiment = EXPERIMENTS[request.param]
    path = tmp_path_factory.mktemp("runs") / f"{request.param}.h5"
    start(experiment, experiment.settings.model_validate(MODEL | FIELDS[request.param]), path, Lines())
    return path


def test_a_run_that_was_killed_continues_to_the_same_bits(whole, tmp_path):
    expected = open_result(whole)
    experiment = EXPERIMENTS[expected.experiment]
    path = tmp_path / "stopped.h5"
    with pytest.raises(Killed):
        start(experiment, experiment.settings.model_validate(expected.config), path, StopAfter(3, Killed))
    assert open_result(path).status == "running"
    resume(path, Lines())
    assert differences(open_result(path), expected) == []


def test_a_step_left_by_ctrl_c_is_repeated_to_the_same_bits(whole, tmp_path):
    """A long step is left by a ``KeyboardInterrupt``: the result holds what was saved last."""
    expected = open_result(whole)
    experiment = EXPERIMENTS[expected.experiment]
    path = tmp_path / "stopped.h5"
    settings = experiment.settings.model_validate(expected.config)
    stopped = start(experiment, settings, path, StopAfter(3, KeyboardInterrupt))
    assert (stopped.status, open_result(path).status) == ("interrupted", "interrupted")
    assert 0 < stopped.n_steps < expected.n_steps
    resume(path, Lines())
    assert differences(open_result(path), expected) == []


def test_what_was_measured_and_what_is_exact(whole, tmp_path):
    result = open_result(whole)
    assert result.status == "finished"
    free_energy, divergence = result.measurement["free_energy"], result.measurement["divergence"]
    assert free_energy.exact is not None
    assert abs(free_energy.estimate.z(free_energy.exact)) < 4
    assert divergence.estimate.mean > -4 * divergence.estimate.error
    assert "free energy" in summary(result)
    assert "divergence" in report(result)
    assert save_picture(result, tmp_path / "picture.png").stat().st_size > 10_000
