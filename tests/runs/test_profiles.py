"""Measured arrays in a result file: written, read back, opened by xarray, refused where they make no sense."""

from typing import Any

import h5py
import numpy as np
import pytest
import xarray
from editing import edited

from montecarlo.moments import Moments
from runs.errors import ResultError
from runs.plots import overview
from runs.reading import open_result
from runs.report import report, summary
from runs.result import Measurement, Profile, Reference, Result
from runs.store import save


def profile(*shape: int, edges: bool = True) -> Profile:
    values = np.random.default_rng(1).random((8, 5, *shape))
    axes = {name: np.linspace(0, 3, size + edges) for name, size in zip("xy", shape)}
    return Profile(Moments().update([values]).estimate(), axes, "bohr^-2", "bohr")


def result(**profiles: Profile) -> Result:
    energy = Moments().update([np.random.default_rng(2).random((8, 5, 1))]).estimate()[0]
    references = {"diffusion": Reference(20.15932, 8e-5, "a thesis")}
    return Result(
        "quantum-dot",
        {"n_particles": 6},
        1,
        measurement={"energy": Measurement(energy, "hartree")},
        profiles=profiles,
        references=references,
    )


@pytest.fixture
def path(tmp_path):
    save(tmp_path / "r.h5", result(density=profile(4, 3), radial_density=profile(5), along=profile(5, edges=False)))
    return tmp_path / "r.h5"


def test_profiles_and_references_are_read_back(path):
    read = open_result(path)
    written = result(density=profile(4, 3), radial_density=profile(5), along=profile(5, edges=False))
    assert read.references == written.references
    assert set(read.measurement) == {"energy"}
    for name, each in written.profiles.items():
        found = read.profiles[name]
        assert (found.unit, found.axis_unit, list(found.axes)) == ("bohr^-2", "bohr", list(each.axes))
        for field in ("mean", "error", "tau", "r_hat", "n_eff", "variance"):
            assert np.array_equal(getattr(found.estimates, field), getattr(each.estimates, field))
        assert (found.estimates.n, found.estimates.dof) == (40, 7.0)
        for axis, values in each.axes.items():
            assert np.array_equal(found.axes[axis], values)
            assert len(found.points(axis)) == each.estimates.shape[list(each.axes).index(axis)]


def test_xarray_opens_a_density(path):
    with xarray.open_dataset(path, group="measurement/density", engine="h5netcdf") as data:
        assert data["value"].dims == ("x", "y")
        np.testing.assert_allclose(data["x"], [0.375, 1.125, 1.875, 2.625])
        assert data["x"].attrs["units"] == "bohr"


@pytest.mark.parametrize(
    ("name", "replacement", "message"),
    [
        ("error", None, "'error'"),
        ("x_edges", np.zeros(9), "expected one edge more than there are bins"),
        ("tau", np.zeros((3, 4)), r"/measurement/density/tau: expected the shape \(4, 3\) of the axes, found \(3, 4\)"),
        ("n", np.zeros(3), "damaged or foreign"),
    ],
)
def test_damaged_profiles_are_refused(path, name, replacement, message):
    with edited(path) as file:
        group = file["measurement/density"]
        assert isinstance(group, h5py.Group)
        del group[name]
        if replacement is not None:
            group[name] = replacement
    with pytest.raises(ResultError, match=message):
        open_result(path)


def test_profiles_in_text(path):
    text = summary(open_result(path))
    assert "4 x 3 values up to" in text
    assert "diffusion" in text
    assert "a thesis" in text
    markdown = report(open_result(path))
    assert "| density | x, y | 4 x 3 values" in markdown
    assert "| diffusion | 20.159320 +- 0.000080 | a thesis |" in markdown


def test_the_cloud_is_drawn(path):
    titles: dict[str, Any] = {axes.get_title(): axes for axes in overview(open_result(path)).axes}
    assert titles["Density"].collections
    assert titles["Radial density"].lines
    assert [text.get_text() for text in titles["Pair correlation"].texts] == ["nothing to show"]
    labels = [text.get_text() for text in titles["Energy"].get_legend().get_texts()]
    assert "diffusion 20.15932" in labels
