"""Read a result file without trusting it."""

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from montecarlo.estimates import Estimate
from montecarlo.moments import Estimates

from .errors import ResultError
from .hdf5 import child, read_attribute, read_tree
from .result import STATUSES, Measurement, Profile, Reference, Result
from .store import FORMAT, FORMAT_VERSION, PROFILE

MALFORMED = (OSError, RuntimeError, KeyError, ValueError, TypeError, AttributeError, OverflowError, MemoryError)


def open_result(path: str | Path) -> Result:
    """Read a result file.

    Nothing in the file is trusted: links are not followed, sizes are checked before memory is taken, nothing is
    unpickled. Raises ``ResultError`` with one line that says what is wrong with it.
    """
    path = Path(path)
    try:
        _check_signature(path)
        with h5py.File(path, "r") as file:
            return _read(file)
    except ResultError as error:
        raise ResultError(f"{path}: {error}") from None
    except MALFORMED as error:
        raise ResultError(f"{path}: {_what_is_wrong(path, error)}") from None


def _check_signature(path: Path) -> None:
    """HDF5 with checksums, or a damaged file could lead the library astray: into endless loops or out of memory."""
    with open(path, "rb") as file:
        signature, superblock = file.read(8), file.read(1)
    if signature != b"\x89HDF\r\n\x1a\n" or superblock not in (b"\x02", b"\x03"):
        raise OSError("it does not begin as HDF5 1.10 does")


def _what_is_wrong(path: Path, error: BaseException) -> str:
    if not path.exists():
        return "expected a result file, found none; `born run` makes one"
    if path.is_dir():
        return "expected a result file, found a directory"
    if isinstance(error, PermissionError):
        return "expected a result file, found one that may not be read"
    return f"expected a complete HDF5 file, found a damaged or foreign one ({error})"


def _read(file: h5py.File) -> Result:
    _check_format(file)
    result = Result(
        experiment=_text(file, "experiment"),
        config=_json(file, "config"),
        seed=_integer(file, "seed"),
        status=_text(file, "status"),
        failure=_text(file, "failure"),
        warnings=[str(text) for text in _json(file, "warnings", list)],
        notes=[str(text) for text in _json(file, "notes", list)] if "notes" in file.attrs else [],
        created=_text(file, "created"),
        versions=_json(file, "versions"),
        exact={name: float(value) for name, value in _json(file, "exact").items()},
    )
    if "references" in file.attrs:
        result.references = {name: _reference(each) for name, each in _json(file, "references").items()}
    if result.status not in STATUSES:
        raise ResultError(f"expected a status among {', '.join(STATUSES)}, found {result.status!r}")
    result.trace = _read_trace(_group(file, "trace"))
    result.samples = _read_samples(_group(file, "samples"))
    if "measurement" in file:
        group = _group(file, "measurement")
        found = {name: _measurement(_group(group, name)) for name in map(str, group)}
        result.measurement = {name: each for name, each in found.items() if isinstance(each, Measurement)}
        result.profiles = {name: each for name, each in found.items() if isinstance(each, Profile)}
    if "state" in file:
        result.state = read_tree(_group(file, "state"))
    return result


def _check_format(file: h5py.File) -> None:
    found = read_attribute(file, "format")
    if found != FORMAT:
        raise ResultError(f"expected the format {FORMAT!r}, found {found!r}")
    version = _integer(file, "format_version")
    if not 1 <= version <= FORMAT_VERSION:
        raise ResultError(f"expected format version 1 to {FORMAT_VERSION}, found {version}; a newer Born reads it")


def _text(file: h5py.File, name: str) -> str:
    value = read_attribute(file, name)
    if not isinstance(value, str):
        raise ResultError(f"expected text in the attribute {name!r}, found {value!r}")
    return value


def _integer(file: h5py.File, name: str) -> int:
    value = read_attribute(file, name)
    if not isinstance(value, int):
        raise ResultError(f"expected an integer in the attribute {name!r}, found {value!r}")
    return value


def _json(file: h5py.File, name: str, kind: type = dict) -> Any:
    try:
        value = json.loads(_text(file, name))
    except (ValueError, RecursionError) as error:
        raise ResultError(f"expected JSON in the attribute {name!r}: {error}") from None
    if not isinstance(value, kind):
        raise ResultError(f"expected a JSON {kind.__name__} in the attribute {name!r}, found {type(value).__name__}")
    return value


def _group(file: h5py.Group, name: str) -> h5py.Group:
    found = child(file, name)
    if not isinstance(found, h5py.Group):
        raise ResultError(f"{found.name}: expected a group, found a data set")
    return found


def _read_trace(group: h5py.Group) -> dict[str, np.ndarray]:
    trace = read_tree(group)
    step = trace.pop("step", None)
    for name, column in {"step": step, **trace}.items():
        if np.shape(column) != (np.size(step),):
            raise ResultError(f"/trace/{name}: expected a column as long as step, found shape {np.shape(column)}")
    return trace


def _read_samples(group: h5py.Group) -> dict[str, np.ndarray]:
    return {name: array for name, array in read_tree(group).items() if "_axis_" not in name}


def _reference(found: Any) -> Reference:
    value, error, source = found
    return Reference(float(value), float(error), str(source))


def _profile(group: h5py.Group, tree: dict[str, Any]) -> Profile:
    names = str(read_attribute(group, "axes")).split()
    shape = tuple(np.size(tree.get(name, ())) for name in names)
    for name in PROFILE:
        found = np.shape(tree[name])
        if found != shape:
            raise ResultError(f"{group.name}/{name}: expected the shape {shape} of the axes, found {found}")
    axes = {name: tree.get(f"{name}_edges", tree[name]) for name in names}
    if any(np.size(edges) - size not in (0, 1) for edges, size in zip(axes.values(), shape, strict=True)):
        raise ResultError(f"{group.name}: expected one edge more than there are bins")
    arrays = {"mean" if name == "value" else name: tree[name] for name in PROFILE}
    estimates = Estimates(**arrays, n=int(tree["n"]), dof=float(tree["dof"]))
    return Profile(estimates, axes, str(read_attribute(group, "unit")), str(read_attribute(group, "axis_unit")))


def _measurement(group: h5py.Group) -> Measurement | Profile:
    tree = read_tree(group)
    if "axes" in group.attrs:
        return _profile(group, tree)
    fields = ("value", "error", "tau", "r_hat", "n_eff", "variance", "dof", "n", "steps_needed")
    numbers = {key: tree[key] for key in fields if key in tree}
    if not {"value", "error"} <= numbers.keys() or not all(isinstance(x, int | float) for x in numbers.values()):
        raise ResultError(f"{group.name}: expected numbers named value and error, found {', '.join(tree)}")
    estimate = Estimate(mean=numbers.pop("value"), **numbers)
    known = {key: tree[key] for key in ("exact", "least", "most") if key in tree}
    return Measurement(estimate, str(read_attribute(group, "unit")), **known)
