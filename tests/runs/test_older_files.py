"""One interrupted file of every experiment, written by version 0.1.0: each opens, is shown and drawn, and continues.

The files stay as they are. ``data/experiments-v1.zip`` holds them, since most of each is empty space in its columns.
"""

import zipfile
from pathlib import Path

import numpy as np
import pytest

from neural.jit import COMPILED
from runs.experiments import EXPERIMENTS, find
from runs.reading import open_result

ARCHIVE = Path(__file__).parent / "data/experiments-v1.zip"
LATER = {"random-walk"}  # an experiment of the tests
LONG = {"ising-rbm", "ising-showdown", "tomography"}  # too long for plain Python
NAMES = [name.removesuffix(".h5") for name in zipfile.ZipFile(ARCHIVE).namelist()]


@pytest.fixture
def path(tmp_path, request):
    with zipfile.ZipFile(ARCHIVE) as archive:
        return Path(archive.extract(f"{request.param}.h5", tmp_path))


def test_there_is_a_file_of_every_experiment():
    assert set(EXPERIMENTS) - LATER <= set(NAMES)


@pytest.mark.interpreted
@pytest.mark.parametrize("path", NAMES, indirect=True, ids=NAMES)
def test_a_file_of_version_1_opens_is_shown_and_continues(path, born):
    if (path.stem in LONG) != COMPILED:
        pytest.skip("few numbers, many kernels: nothing is compiled for them, but for those with more numbers")
    before = open_result(path)
    assert (before.status, before.seed) == ("interrupted", 3)
    status, output, _ = born(f"show {path}")
    assert (status, f"interrupted after {before.n_steps} steps" in output) == (0, True)
    assert born(f"report {path}")[0] == 0
    status, output, errors = born(f"resume {path}")
    assert (status, [line for line in errors.splitlines() if not line.startswith("warning: ")]) == (0, [])
    after = open_result(path)
    assert (after.status, after.changes) == ("finished", [])
    assert {**before.config, **after.config} == after.config
    assert all(np.array_equal(after.trace[name][: before.n_steps], column) for name, column in before.trace.items())
    assert born(f"plot {path}")[0] == 0
    assert path.with_suffix(".png").read_bytes().startswith(b"\x89PNG")


def test_an_older_field_has_the_value_that_it_meant():
    """A result that lacks a field which says what it meant before gets that value, one that has it keeps its own."""
    from pydantic import Field

    from runs.experiments.settings import Settings

    class Later(Settings):
        power: float = Field(default=1.0, json_schema_extra={"before": 2.0})

    assert Later.stored({"seed": 5}).power == 2.0
    assert Later.stored({"power": 1.5}).power == 1.5
    assert Later().power == 1.0
    assert find("quantum-dot").settings.stored({}) == find("quantum-dot").settings()
