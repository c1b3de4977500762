"""Read a result file without trusting it."""

import contextlib
import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from montecarlo.estimates import Estimate
from montecarlo.moments import Estimates

from .errors import BornError, ResultError, printable
from .hdf5 import NUMERIC, Budget, child, read_attribute, read_tree
from .result import STATUSES, Change, Measurement, Profile, Reference, Result
from .seal import check_seal
from .store import FORMAT, FORMAT_VERSION, PROFILE

MALFORMED = (OSError, RuntimeError, KeyError, ValueError, TypeError, AttributeError, OverflowError, MemoryError)


LARGE = 2**28  # bytes, from which a file must lie on the disk as a whole
REAL = NUMERIC.replace("c", "")


def open_result(path: str | Path) -> Result:
    """Read a result file.

    Nothing in the file is trusted: links are not followed, sizes are checked before memory is taken, nothing is
    unpickled. Raises ``ResultError`` with one line that says what is wrong with it.
    """
    path = Path(path)
    try:
        n_bytes = _checked_size(path)
        is_sealed = check_seal(path)
        with h5py.File(path, "r") as file:
            if not is_sealed and "checksum" in file.attrs:
                raise ResultError("expected its checksum at the end, found none: another program changed the file")
            return _read(file, Budget(n_bytes))
    except ResultError as error:
        raise ResultError(f"{path}: {printable(str(error))}") from None
    except MALFORMED as error:
        raise ResultError(f"{path}: {printable(_what_is_wrong(path, error))}") from None


def _checked_size(path: Path) -> int:
    """The bytes of a regular file that begins as results do and is not mostly holes."""
    if not stat.S_ISREG(path.stat().st_mode):  # a pipe would be waited for
        raise OSError("it is not a regular file")
    with open(path, "rb") as file:
        _check_signature(file.read(9))
        size = os.fstat(file.fileno()).st_size
        if size > LARGE and os.lseek(file.fileno(), 0, os.SEEK_HOLE) < size:
            raise OSError(f"it claims {size} bytes, which are not all there")
    return size


@contextlib.contextmanager
def makes_sense(path: Path) -> Iterator[None]:
    """Where what a readable file says is used: ``ResultError`` if no sense can be made of it."""
    try:
        yield
    except BornError:
        raise
    except (*MALFORMED, IndexError, ArithmeticError) as error:
        raise ResultError(f"{path}: its contents do not fit together ({type(error).__name__}: {error})") from error


def is_result(path: Path) -> bool:
    """Whether a file has to be kept as it is: one that begins as HDF5 does, even where it is damaged."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return False
        with open(path, "rb") as file:
            return file.read(len(SIGNATURE)) == SIGNATURE
    except OSError:
        return False


SIGNATURE = b"\x89HDF\r\n\x1a\n"


def _check_signature(start: bytes) -> None:
    """HDF5 with checksums, or a damaged file could lead the library astray: into endless loops or out of memory."""
    if start[:8] != SIGNATURE or start[8:] not in (b"\x02", b"\x03"):
        raise OSError("it does not begin as HDF5 1.10 does")


def _what_is_wrong(path: Path, error: BaseException) -> str:
    if not os.path.exists(path):
        return "expected a result file, found none; `born run` makes one"
    if not os.path.isfile(path):
        return f"expected a result file, found {'a directory' if os.path.isdir(path) else 'a pipe or a device'}"
    if isinstance(error, PermissionError):
        return "expected a result file, found one that may not be read"
    return f"expected a complete HDF5 file, found a damaged or foreign one ({error})"


def _read(file: h5py.File, budget: Budget) -> Result:
    _check_format(file)
    result = Result(
        experiment=_text(file, "experiment"),
        config=_json(file, "config"),
        seed=_integer(file, "seed"),
        status=_text(file, "status"),
        failure=_text(file, "failure"),
        warnings=[str(text) for text in _json(file, "warnings", list)],
        notes=[str(text) for text in _json(file, "notes", list, [])],
        created=_text(file, "created"),
        versions={name: str(version) for name, version in _json(file, "versions").items()},
        exact={name: float(value) for name, value in _json(file, "exact").items()},
        references={name: _reference(each) for name, each in _json(file, "references", dict, {}).items()},
        doubts={name: str(text) for name, text in _json(file, "doubts", dict, {}).items()},
        changes=[_change(each) for each in _json(file, "changes", list, [])],
    )
    if result.status not in STATUSES:
        raise ResultError(f"expected a status among {', '.join(STATUSES)}, found {result.status!r}")
    result.trace = _read_trace(_group(file, "trace"), budget)
    result.samples = _read_samples(_group(file, "samples"), budget)
    if "measurement" in file:
        group = budget.open(_group(file, "measurement"))
        found = {name: _measurement(_group(group, name), budget) for name in map(str, group)}
        result.measurement = {name: each for name, each in found.items() if isinstance(each, Measurement)}
        result.profiles = {name: each for name, each in found.items() if isinstance(each, Profile)}
    if "state" in file:
        result.state = read_tree(_group(file, "state"), budget)
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


def _json(file: h5py.File, name: str, kind: type = dict, default: Any = None) -> Any:
    """What an attribute says in JSON, or the default where that is given and the attribute is not there."""
    if default is not None and name not in file.attrs:
        return default
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


def _read_trace(group: h5py.Group, budget: Budget) -> dict[str, np.ndarray]:
    trace = read_tree(group, budget)
    step = trace.pop("step", None)
    for name, column in {"step": step, **trace}.items():
        if np.shape(column) != (np.size(step),):
            raise ResultError(f"/trace/{name}: expected a column as long as step, found shape {np.shape(column)}")
        _check_real(f"/trace/{name}", column)
    return trace


def _check_real(name: str, array: Any) -> None:
    if isinstance(array, dict) or np.asarray(array).dtype.kind not in REAL:
        raise ResultError(f"{name}: expected real numbers, found {type(array).__name__}")


def _read_samples(group: h5py.Group, budget: Budget) -> dict[str, np.ndarray]:
    samples = {name: array for name, array in read_tree(group, budget).items() if "_axis_" not in name}
    for name, array in samples.items():
        if not isinstance(array, np.ndarray):
            raise ResultError(f"/samples/{name}: expected an array, found {type(array).__name__}")
    return samples


def _reference(found: Any) -> Reference:
    value, error, source = found
    return Reference(float(value), float(error), str(source))


def _change(found: Any) -> Change:
    step, fields = found
    return Change(int(step), {str(name): (before, after) for name, (before, after) in fields.items()})


def _profile(group: h5py.Group, tree: dict[str, Any]) -> Profile:
    names = str(read_attribute(group, "axes")).split()
    shape = tuple(np.size(tree.get(name, ())) for name in names)
    for name, array in tree.items():
        _check_real(f"{group.name}/{name}", array)
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


def _measurement(group: h5py.Group, budget: Budget) -> Measurement | Profile:
    tree = read_tree(group, budget)
    if "axes" in group.attrs:
        return _profile(group, tree)
    fields = ("value", "error", "tau", "r_hat", "n_eff", "variance", "dof", "n", "steps_needed")
    numbers = {key: tree[key] for key in fields if key in tree}
    known = {key: tree[key] for key in ("exact", "least", "most") if key in tree}
    real = all(isinstance(x, int | float) for x in [*numbers.values(), *known.values()])
    if not {"value", "error"} <= numbers.keys() or not real:
        raise ResultError(f"{group.name}: expected numbers named value and error, found {', '.join(tree)}")
    whole = {key: int(numbers.pop(key)) for key in ("n", "steps_needed") if key in numbers}
    numbers, known = ({key: float(x) for key, x in each.items()} for each in (numbers, known))
    estimate = Estimate(mean=numbers.pop("value"), **numbers, **whole)
    return Measurement(estimate, str(read_attribute(group, "unit")), **known)
