"""Result files: what is written is read back, also by xarray, and a file is replaced in one step or not at all."""

import os
from pathlib import Path

import numpy as np
import pytest
import xarray

import runs
from montecarlo.estimates import Estimate
from runs.errors import ResultError, RunFailed
from runs.reading import open_result
from runs.result import Measurement, Result
from runs.store import save, write_atomically

STATE = {
    "step": 3,
    "ready": True,
    "name": "Padé 中",
    "rate": 0.1 + 0.2,
    "infinite": -np.inf,
    "large": 2**127 + 1,
    "negative": -(2**70),
    "words": np.array([2**64 - 1, 0], dtype=np.uint64),
    "singles": np.arange(3, dtype=np.float32),
    "complex": np.array([1 + 2j]),
    "flags": np.array([True, False]),
    "empty": np.empty((256, 0)),
    "nested": {"none": {}, "deep": {"x": np.eye(2)}},
}


@pytest.fixture
def result():
    estimate = Estimate(3.00012, 0.00018, 1.9, 1.001, 4300.0, 8192, 0.1, 255.0, 0)
    return Result(
        "quantum-dot",
        {"omega": 1.0, "out": None, "n_steps": 3},
        seed=7,
        status="finished",
        warnings=["step 2: R-hat 1.07"],
        exact={"energy": 3.0},
        trace={"energy": np.array([3.2, 3.1, np.nan]), "energy_error": np.full(3, 0.1)},
        measurement={"energy": Measurement(estimate, "hartree", 3.0), "radius": Measurement(estimate)},
        samples={"configurations": np.arange(12.0).reshape(3, 2, 2)},
        state=STATE,
    )


@pytest.fixture
def path(result, tmp_path):
    save(tmp_path / "dot.h5", result)
    return tmp_path / "dot.h5"


def test_everything_comes_back_as_it_was(result, path):
    back = runs.open_result(path)
    for name in ("experiment", "config", "seed", "status", "failure", "warnings", "created", "versions", "exact"):
        assert getattr(back, name) == getattr(result, name)
    assert back.measurement == result.measurement
    assert back.energy == result.energy
    for part in ("trace", "samples"):
        np.testing.assert_equal(getattr(back, part), getattr(result, part))


def test_a_state_keeps_types_and_bits(path):
    state = open_result(path).state
    assert state is not None
    np.testing.assert_equal(state, STATE)
    for name, leaf in STATE.items():
        assert type(state[name]) is type(leaf)
        assert getattr(state[name], "dtype", None) == getattr(leaf, "dtype", None)


def test_a_file_of_version_1_still_opens():
    """Written once by version 0.1.0: it stays as it is, and every later version must read and resume it."""
    result = open_result(Path(__file__).parent / "data/result-v1.h5")
    assert (result.experiment, result.status, result.seed, result.n_steps) == ("random-walk", "interrupted", 1, 2)
    assert result.config["n_steps"] == 3
    np.testing.assert_array_equal(result.trace["energy"], [0.19879718600227098, 0.25519755921849285])
    assert result.state is not None
    assert result.state["generator"]["state"]["inc"] == 194290289479364712180083596243593368443
    assert result.exact == {"energy": 1.0}


def test_a_result_without_state_or_trace(tmp_path):
    save(tmp_path / "new.h5", Result("quantum-dot", {}, seed=1))
    back = open_result(tmp_path / "new.h5")
    assert (back.state, back.trace, back.measurement, back.status) == (None, {}, {}, "running")
    with pytest.raises(ResultError, match=r"expected a measured energy, found nothing yet \(status: running\)"):
        _ = back.energy


@pytest.mark.parametrize("group", ["trace", "measurement/energy", "samples"])
def test_xarray_reads_every_group(path, result, group):
    with xarray.open_dataset(path, group=group, engine="h5netcdf") as data:
        found = {name: data[name].to_numpy() for name in data.data_vars}
        if group == "trace":
            assert data.energy.dims == ("step",)
            assert data.step.to_numpy().tolist() == [1, 2, 3]
            assert data.energy.attrs["exact"] == 3.0
            np.testing.assert_equal(found, result.trace)
        elif group == "samples":
            np.testing.assert_equal(found, result.samples)
        else:
            assert data.attrs["unit"] == "hartree"
            assert (float(data.value), float(data.error), float(data.exact)) == (3.00012, 0.00018, 3.0)


@pytest.mark.parametrize("leaf", [None, [1, "a"], object(), np.array(["a"], dtype=object), np.array([("x", 1)])])
def test_a_leaf_that_would_need_pickle_is_refused(leaf, tmp_path):
    with pytest.raises(TypeError, match="/state/part/leaf: expected numbers, strings and arrays of numbers"):
        save(tmp_path / "x.h5", Result("x", {}, 1, state={"part": {"leaf": leaf}}))
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("name", ["a/b", "", ".", 3])
def test_a_name_that_hdf5_would_read_as_a_path_is_refused(name, tmp_path):
    with pytest.raises(TypeError, match="expected names without '/'"):
        save(tmp_path / "x.h5", Result("x", {}, 1, state={name: 1}))


def test_a_save_that_fails_leaves_the_old_file(path, monkeypatch):
    before = path.read_bytes()

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RunFailed, match="No space left on device; what it held before is intact"):
        save(path, Result("other", {}, 2))
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == ["dot.h5"]


def test_a_reader_during_a_save_sees_one_complete_file(path):
    with open(path, "rb") as reader:
        before = reader.read(10)
        write_atomically(path, b"new")
        assert reader.read(1) != b""
    assert path.read_bytes() == b"new"
    assert before.startswith(b"\x89HDF")
