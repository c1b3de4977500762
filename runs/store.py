"""The result file, version 1: HDF5 that xarray and netCDF-4 can read.

    /            format="born-result", format_version, experiment, config (JSON), seed, versions (JSON), created,
                 status, failure, warnings (JSON), notes (JSON), exact (JSON), references (JSON), changes (JSON),
                 doubts (JSON), checksum
    /trace       one resizable column per quantity along the dimension ``step``
    /measurement one group per quantity: value, error, tau, r_hat, n_eff, unit; where known exact, least, most;
                 of densities and the like arrays, with their axes
    /samples     optional arrays
    /state       everything that a run needs to continue bit for bit

Behind the HDF5 contents follows their checksum (``runs/seal.py``).

A file is never changed in place. Its new contents are made in memory, written beside it, flushed to the disk and
renamed over it, so that at every moment the name holds one complete result, whatever kills the process.
"""

import contextlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from .errors import RunFailed
from .hdf5 import attach, write_attribute, write_dimension, write_tree
from .result import Measurement, Profile, Result
from .seal import DESCRIPTION, sealed

FORMAT = "born-result"
FORMAT_VERSION = 1
PROFILE = ("value", "error", "tau", "r_hat", "n_eff", "variance")  # the arrays of a profile
LIBRARY = ("v110", "v110")  # HDF5 1.10 and later protect all metadata of a file by checksums


def save(path: Path, result: Result) -> None:
    """Replace ``path`` by a file of ``result`` in one step. Raises ``RunFailed`` when it cannot be written."""
    write_file(path, sealed(image(result)))


def write_file(path: Path, contents: bytes) -> None:
    """Replace ``path`` by ``contents`` in one step. Raises ``RunFailed`` when it cannot be written."""
    try:
        write_atomically(path, contents)
    except OSError as error:
        raise RunFailed(f"cannot write {path}: {error.strerror or error}; what it held before is intact") from error


def write_atomically(path: Path, contents: bytes) -> None:
    """Write beside ``path``, flush to the disk, rename: a reader sees the old file or the new one, never a mix.

    The new file has the permissions of the old one, and where possible its owner.
    """
    temporary = temporary_name(path)
    try:
        with os.fdopen(_create(temporary, path), "wb") as file:
            file.write(contents)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _flush_directory(path.parent)


def _create(temporary: Path, path: Path) -> int:
    """A new file, whatever its name stood for before: a link that someone put there is not written through."""
    temporary.unlink(missing_ok=True)
    old = os.stat(path) if path.exists() else None
    mode = 0o666 if old is None else old.st_mode & 0o777
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    if old is not None:
        with contextlib.suppress(PermissionError):
            os.fchown(descriptor, old.st_uid, old.st_gid)
        os.fchmod(descriptor, mode)  # which the mask of the process may have narrowed
    return descriptor


def temporary_name(path: Path) -> Path:
    """The one file that a killed save may leave behind; the next save of the same result replaces it."""
    return path.with_name(f".{path.name}.partial")


def _flush_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def image(result: Result) -> bytes:
    """The bytes of the HDF5 file."""
    with h5py.File("image", "w", driver="core", backing_store=False, libver=LIBRARY) as file:
        for name, value in _header(result).items():
            write_attribute(file, name, value)
        _write_trace(file.create_group("trace"), result)
        for name, measurement in result.measurement.items():
            _write_measurement(file.create_group(f"measurement/{name}"), measurement)
        for name, profile in result.profiles.items():
            _write_profile(file.create_group(f"measurement/{name}"), profile)
        _write_samples(file.create_group("samples"), result.samples)
        if result.state is not None:
            write_tree(file.create_group("state"), result.state)
        file.flush()
        return file.id.get_file_image()


def _header(result: Result) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "experiment": result.experiment,
        "config": json.dumps(result.config),
        "seed": result.seed,
        "versions": json.dumps(result.versions),
        "created": result.created,
        "status": result.status,
        "failure": result.failure,
        "warnings": json.dumps(result.warnings),
        "notes": json.dumps(result.notes),
        "exact": json.dumps(result.exact),
        "references": json.dumps(result.references),
        "doubts": json.dumps(result.doubts),
        "changes": json.dumps(result.changes),
        "checksum": DESCRIPTION,
    }


def _write_trace(group: h5py.Group, result: Result) -> None:
    step = group.create_dataset("step", data=np.arange(1, result.n_steps + 1), maxshape=(None,), chunks=(1024,))
    step.make_scale("step")
    for name, column in result.trace.items():
        dataset = group.create_dataset(name, data=column, maxshape=(None,), chunks=(1024,))
        attach(dataset, step)
        if name in result.exact:
            dataset.attrs["exact"] = result.exact[name]


def _write_measurement(group: h5py.Group, measurement: Measurement) -> None:
    estimate = measurement.estimate
    write_attribute(group, "unit", measurement.unit)
    for name in ("value", "error"):
        number = estimate.mean if name == "value" else estimate.error
        write_attribute(group.create_dataset(name, data=float(number)), "units", measurement.unit)
    for name in ("tau", "r_hat", "n_eff", "variance", "dof"):
        group[name] = float(getattr(estimate, name))
    for name in ("n", "steps_needed"):
        group[name] = int(getattr(estimate, name))
    for name in ("exact", "least", "most"):
        if getattr(measurement, name) is not None:
            group[name] = float(getattr(measurement, name))


def _write_profile(group: h5py.Group, profile: Profile) -> None:
    """Arrays along the axes, whose points are dimension scales; the edges of bins stand beside them."""
    write_attribute(group, "unit", profile.unit)
    write_attribute(group, "axes", " ".join(profile.axes))
    write_attribute(group, "axis_unit", profile.axis_unit)
    scales = [_write_axis(group, profile, name) for name in profile.axes]
    for name in PROFILE:
        array = getattr(profile.estimates, "mean" if name == "value" else name)
        attach(group.create_dataset(name, data=array), *scales)
    group["n"], group["dof"] = int(profile.estimates.n), float(profile.estimates.dof)


def _write_axis(group: h5py.Group, profile: Profile, name: str) -> h5py.Dataset:
    values, points = profile.axes[name], profile.points(name)
    scale = group.create_dataset(name, data=points)
    write_attribute(scale, "units", profile.axis_unit)
    scale.make_scale(name)
    if len(values) != len(points):
        group.create_dataset(f"{name}_edges", data=values).make_scale(f"{name}_edges")
    return scale


def _write_samples(group: h5py.Group, samples: Mapping[str, np.ndarray]) -> None:
    for name, array in samples.items():
        dataset = group.create_dataset(name, data=array)
        scales = [write_dimension(group, f"{name}_axis_{axis}", size) for axis, size in enumerate(array.shape)]
        attach(dataset, *scales)
