"""The experiment with a Boltzmann machine: what it measures, and that it continues to the same bits."""

from typing import Any

import numpy as np
import pytest

from runs.experiments.ising_rbm import EXPERIMENT, IsingRBMSettings
from runs.hdf5 import read_tree, write_tree

FIELDS = {"size": 3, "n_data": 2000, "n_hidden": 9, "n_epochs": 4, "n_measure": 1000, "temperature": 2.5}
SETTINGS = IsingRBMSettings.model_validate(FIELDS)


def finish(run: Any) -> dict[str, float]:
    for phase in (run.training(), run.measuring()):
        for _ in phase:
            pass
    return {name: measurement.estimate.mean for name, measurement in run.measurements().items()}


def test_a_run_that_was_stopped_continues_to_the_same_bits(tmp_path):
    import h5py

    whole = EXPERIMENT.start(SETTINGS)
    expected = finish(whole)
    stopped = EXPERIMENT.start(SETTINGS)
    steps = stopped.training()
    for _ in range(2):
        next(steps)
    with h5py.File(tmp_path / "state.h5", "w") as file:
        write_tree(file.create_group("state"), stopped.state())
    with h5py.File(tmp_path / "state.h5") as file:
        group = file["state"]
        assert isinstance(group, h5py.Group)
        state = read_tree(group)
    resumed = EXPERIMENT.start(SETTINGS)
    resumed.restore(state)
    assert finish(resumed) == expected
    np.testing.assert_array_equal(resumed.samples()["configurations"], whole.samples()["configurations"])


def test_what_is_measured_and_what_is_exact():
    run = EXPERIMENT.start(SETTINGS)
    measured = finish(run)
    assert {"log_likelihood", "energy", "abs_m", "specific_heat", "divergence"} <= measured.keys()
    assert measured["divergence"] > 0
    # the likelihood of test data cannot be above minus the entropy by more than its error
    likelihood: Any = run.measurements()["log_likelihood"]
    assert likelihood.exact is not None
    assert likelihood.estimate.z(likelihood.exact) < 4


def test_the_picture_shows_samples_beside_exact_values(tmp_path):
    from runs import open_result
    from runs.cli import main
    from runs.plots import picture

    path, image = tmp_path / "ising.h5", tmp_path / "ising.png"
    flags = [word for name, value in FIELDS.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    assert main(["run", "ising-rbm", "--out", str(path), *flags]) == 0
    figure = picture(open_result(path))
    labels = [axes.get_xlabel() for axes in figure.axes]
    assert {"energy", "distance r"} <= set(labels)
    energies = next(axes for axes in figure.axes if axes.get_xlabel() == "energy")
    exact = next(line for line in energies.get_lines() if line.get_label() == "exact")
    assert np.asarray(exact.get_ydata()).sum() == pytest.approx(FIELDS["n_measure"], rel=0.01)
    assert main(["plot", str(path), str(image)]) == 0
    assert image.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("temperature", [0.004, 0.5])
def test_a_frozen_lattice_is_learned_and_drawn(tmp_path, temperature):
    """Both configurations in which all spins are equal; their energies are one class, without a degree of freedom."""
    from runs.cli import main

    path, image = tmp_path / "cold.h5", tmp_path / "cold.png"
    flags = ["--size", "3", "--n-data", "500", "--n-epochs", "2", "--n-measure", "200", "--batch-size", "100"]
    assert main(["run", "ising-rbm", "--temperature", str(temperature), "--out", str(path), *flags]) == 0
    assert main(["plot", str(path), str(image)]) == 0
    assert image.read_bytes().startswith(b"\x89PNG")
