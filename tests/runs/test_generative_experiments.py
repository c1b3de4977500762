"""Experiments with generative models: what they measure, their pictures, and that they continue to the same bits."""

from typing import Any

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from montecarlo.estimates import Estimate
from runs.experiments import find
from runs.hdf5 import read_tree, write_tree
from runs.result import Measurement, Result
from runs.showdown import table

PLANE = {"n_updates": 200, "n_data": 1000, "n_measure": 200, "width": 16, "sampler_steps": 5, "n_grid": 10}
FAMILIES = ["rbm", "made", "diffusion", "spin-diffusion"]
SHOWDOWN = {"size": 4, "temperatures": [2.5], "n_data": 500, "n_updates": 20, "n_measure": 200, "width": 16}
CASES = [
    ("moons", PLANE, {"classifier_accuracy", "log_likelihood", "integral"}),
    ("gaussian-ring", {**PLANE, "family": "gan"}, {"classifier_accuracy", "modes_covered", "near_a_mode"}),
    ("digits", {"n_updates": 200, "width": 16, "n_measure": 64}, {"log_likelihood", "classifier_accuracy", "coverage"}),
    (
        "digits",
        {"family": "gan", "grey": True, "n_updates": 200, "width": 16, "n_measure": 64},
        {"classifier_accuracy"},
    ),
    ("ising-showdown", {**SHOWDOWN, "families": FAMILIES}, {f"{family} 2.5 energy" for family in FAMILIES}),
]


def finish(run, step=lambda: None) -> dict[str, float]:
    for phase in (run.training(), run.measuring()):
        for _ in phase:
            step()
    found = {name: each.estimate.mean for name, each in run.measurements().items()}
    return {name: value for name, value in found.items() if "seconds" not in name}


def stored(tree, path):
    """A tree after a way through a file."""
    import h5py

    with h5py.File(path, "w") as file:
        write_tree(file.create_group("state"), tree)
    with h5py.File(path) as file:
        group = file["state"]
        assert isinstance(group, h5py.Group)
        return read_tree(group)


def test_grey_digits_are_not_for_models_of_spins():
    settings = find("digits").settings.model_validate({"family": "made", "grey": True})
    with pytest.raises(ValueError, match="grey: expected a family of real numbers"):
        find("digits").start(settings)


@pytest.mark.filterwarnings("ignore:.*collapsed.*")
@pytest.mark.filterwarnings("ignore::generative.datasets.NotThermalisedWarning")
@pytest.mark.parametrize(("name", "fields", "quantities"), CASES, ids=[case[0] for case in CASES])
def test_it_measures_draws_and_continues_to_the_same_bits(tmp_path, name, fields, quantities):
    experiment = find(name)
    settings = experiment.settings.model_validate(fields)
    whole: Any = experiment.start(settings)
    expected = finish(whole)
    assert quantities <= expected.keys()
    stopped = experiment.start(settings)
    steps = stopped.training()
    for _ in range(25 if name == "ising-showdown" else 1):  # there in the training of a later model
        next(steps)
    resumed = experiment.start(settings)
    resumed.restore(stored(stopped.state(), tmp_path / "state.h5"))
    assert finish(resumed) == expected
    for key, value in whole.samples().items():
        np.testing.assert_array_equal(resumed.samples()[key], value)
    config = settings.model_dump(mode="json")
    measured = {key: each for key, each in whole.measurements().items() if isinstance(each, Measurement)}
    result = Result(name, config, 1, "finished", exact=dict(whole.exact), measurement=measured)
    result.samples, result.trace = dict(whole.samples()), {"loss": np.ones(3)}
    figure = Figure(layout="constrained")
    FigureCanvasAgg(figure)
    assert experiment.draw is not None
    experiment.draw(result, figure)
    figure.savefig(tmp_path / "picture.png")
    if name == "ising-showdown":
        assert whole.notes == table(measured, (2.5,), FAMILIES)
        assert all(f" {family} " in line for family, line in zip(FAMILIES, whole.notes[2:], strict=True))


def test_a_table_of_models_has_scores_and_what_kind_of_number_the_nats_are():
    def measured(mean: float, error: float = 0.0, unit: str = "", exact: float | None = None) -> Measurement:
        return Measurement(Estimate(mean, error), unit, exact)

    found = {
        "made 2.5 energy": measured(-1.45, 0.02, exact=-1.5),
        "made 2.5 nats_per_spin": measured(0.3125, 0.0005, "nats, at most", 0.3),
        "made 2.5 seconds_to_train": measured(12.0),
        "made 2.5 seconds_per_sample": measured(0.002),
        "gan 2.5 energy": measured(-1.5, 0.02, exact=-1.5),
    }
    _, head, made, gan = table(found, [2.5], ["made", "gan"])
    assert head.split()[:3] == ["T", "model", "energy"]
    assert made.split() == ["2.5", "made", "2.5", *["nan"] * 6, "0.01250", "0.00050", "at", "most", "12.0", "2.000"]
    assert gan.split() == ["gan", "0.0", *["nan"] * 6, "none", "nan", "nan"]
