"""Data sets in HDF5 files: rows that are read when they are asked for, labels, and the exact distributions.

A target is a group with its numbers as attributes; that of an Ising model holds its lattice as a group of its own.
"""

import math
import os
from typing import Any

import numpy as np

from generative.datasets.dataset import ALLOWED, Dataset, check_configurations, find_values
from generative.datasets.ising import IsingTarget
from generative.datasets.storage import Source, attribute, has_text, number, opened, text, write
from generative.datasets.two_dimensions import MOST_MODES, RingTarget
from montecarlo.lattices import Chain, Graph, Honeycomb, Kagome, Lattice, Square, Triangular

Array = np.ndarray
LATTICES: dict[str, Any] = {each.__name__: each for each in (Chain, Square, Triangular, Honeycomb, Kagome)}
FIRST_ROWS, FIRST_BYTES = 1000, 2**26  # that tell what the numbers are
MOST_TARGETS, MOST_SITES = 10_000, 4096  # of a graph, whose distances are found at once


class Rows:
    """Rows of a data set in an HDF5 file, read and checked when they are asked for; ``numpy.asarray`` reads all.

    values : what the numbers are; found from the first rows where it is not given
    """

    def __init__(self, path: str, name: str, values: str = "") -> None:
        self.path, self.name, self.values = path, name, values
        with opened(path) as source:
            found = source.rows(name)
            if found.ndim < 2 or 0 in found.shape:
                raise ValueError(f"expected a data set {name!r} of shape (n, ...), found {found.shape}")
            self.row_shape, self.ndim = found.shape[1:], 2
            self.shape = len(found), math.prod(self.row_shape)
            n_bytes = self.shape[1] * found.dtype.itemsize
            if n_bytes > FIRST_BYTES:
                raise ValueError(f"expected rows of at most {FIRST_BYTES} bytes in {name!r}, found {n_bytes}")
            first = found[: min(FIRST_ROWS, FIRST_BYTES // n_bytes)]
            self.values = values or find_values(first)
            self.dtype = self._checked(first).dtype

    def __len__(self) -> int:
        return self.shape[0]

    def _checked(self, rows: Array) -> Array:
        """Rows as floats, of the kind that was promised."""
        rows = rows.reshape(-1, self.shape[1])
        return check_configurations(rows, self.shape[1], self.values, f"rows of {self.name!r}") if len(rows) else rows

    def __getitem__(self, rows: Any) -> Array:
        with opened(self.path) as source:
            data = source.rows(self.name)
            if data.shape != (len(self), *self.row_shape):
                raise ValueError(f"expected {self.name!r} as it was, found another shape {data.shape}")
            if not isinstance(rows, np.ndarray | list):
                return self._checked(np.asarray(data[rows]))
            unique, inverse = np.unique(np.asarray(rows), return_inverse=True)  # HDF5 wants increasing indices
            return self._checked(data[unique])[inverse]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return self[:].astype(dtype, copy=False) if dtype else self[:]


def from_hdf5(path: str | os.PathLike[str], train: str = "train", test: str = "test") -> Dataset:
    """The data sets ``train`` and ``test``, each (n, ...), of an HDF5 file; only a few rows are read now.

    What the numbers are is taken from the attribute ``values`` where ``save`` wrote it, otherwise from the first 1000
    rows, and checked whenever rows are read; labels are ``train_labels`` and ``test_labels``, and ``targets`` the exact
    distributions that ``save`` wrote, if the file has them. The file is not trusted: see ``storage``. Raises
    ``ValueError`` in one line when the names are not there or what is there cannot be used.
    """
    path = os.fspath(path)
    with opened(path) as source:
        values = str(attribute(source.file, "values", ""))
        name = str(attribute(source.file, "name")) if has_text(source.file, "name") else os.path.basename(path)
        if values and values not in ALLOWED:
            raise ValueError(f"expected an attribute 'values' among {', '.join(ALLOWED)}, found {values!r}")
    rows = [Rows(path, part, values) for part in (train, test)]
    if rows[0].row_shape != rows[1].row_shape:
        raise ValueError(f"expected training and test rows of one shape, found {[each.row_shape for each in rows]}")
    widest = max((each.values for each in rows), key=list(ALLOWED).index)
    rows = [each if each.values == widest else Rows(path, each.name, widest) for each in rows]
    with opened(path) as source:
        of_train, of_test = (_labels(source, f"{part}_labels", len(own)) for part, own in zip((train, test), rows))
        targets = _read_targets(source, rows[0].shape[1])
    return Dataset(name, rows[0], rows[1], widest, tuple(rows[0].row_shape), of_train, of_test, targets)  # type: ignore


def _labels(source: Source, name: str, n_rows: int) -> Array | None:
    if name not in source.file:
        return None
    if source.rows(name).shape != (n_rows,):
        found = source.rows(name).shape
        raise ValueError(f"expected one number of {name!r} for each of {n_rows} rows, found shape {found}")
    return source.array(name)


def save(data: Dataset, path: str | os.PathLike[str]) -> None:
    """Write the configurations, labels and targets of a data set into a new HDF5 file that ``from_hdf5`` reads.

    All numbers have checksums. Raises ``FileExistsError`` where there is a file.
    """
    import h5py

    with h5py.File(path, "x", libver=("v110", "latest")) as file:
        file.attrs.update({"name": text(data.name), "values": text(data.values)})
        for part, rows in (("train", data.train), ("test", data.test)):
            write(file, part, np.asarray(rows).reshape(len(rows), *data.shape))
        for part, labels in (("train_labels", data.train_labels), ("test_labels", data.test_labels)):
            if labels is not None:
                write(file, part, labels)
        for k, target in enumerate(data.targets):
            _write_target(file.create_group(f"targets/{k}"), target)


def _write_target(group: Any, target: IsingTarget | RingTarget) -> None:
    if isinstance(target, RingTarget):
        group.attrs.update({"kind": text("ring"), **target._asdict()})
        return
    group.attrs.update({"kind": text("ising"), "temperature": target.temperature, "coupling": target.coupling})
    lattice, own = target.lattice, group.create_group("lattice")
    own.attrs["name"] = text(lattice.name)
    if isinstance(lattice, Graph):
        write(own, "edges", lattice.edges)
        write(own, "symmetries", lattice.translations)
        own.attrs["n_sites"] = lattice.n_sites
    else:
        write(own, "extent", lattice.extent)
        write(own, "periodic", lattice.periodic)


def _read_targets(source: Source, n_features: int) -> tuple[Any, ...]:
    if "targets" not in source.file:
        return ()
    group = source.node("targets")
    if len(group) > MOST_TARGETS:
        raise ValueError(f"expected at most {MOST_TARGETS} targets, found {len(group)}")
    return tuple(_read_target(source, source.node(str(k), group), n_features) for k in range(len(group)))


def _read_target(source: Source, group: Any, n_features: int) -> IsingTarget | RingTarget:
    kind = attribute(group, "kind")
    if kind == "ring":
        n_modes, radius, sigma = (number(group, name) for name in ("n_modes", "radius", "sigma"))
        if not (n_modes in range(1, MOST_MODES) and sigma > 0):
            raise ValueError(
                f"expected 1 to {MOST_MODES} modes and sigma > 0 in {group.name}, found {n_modes}, {sigma}"
            )
        return RingTarget(int(n_modes), radius, sigma)
    if kind != "ising":
        raise ValueError(f"expected a target of the kind ising or ring in {group.name}, found {kind!r}")
    temperature, coupling = number(group, "temperature"), number(group, "coupling")
    if temperature <= 0:
        raise ValueError(f"expected a temperature > 0 in {group.name}, found {temperature}")
    lattice = _read_lattice(source, source.node("lattice", group), n_features)
    return IsingTarget(lattice, temperature, coupling)


def _read_lattice(source: Source, group: Any, n_sites: int) -> Lattice:
    """The lattice in a group, if it has one site for each number of a row."""
    name = attribute(group, "name")
    if name == "Graph":
        if not number(group, "n_sites") == n_sites <= MOST_SITES:
            raise ValueError(f"expected a graph of {n_sites} sites, at most {MOST_SITES}, in {group.name}")
        return Graph(source.array("edges", group), n_sites, source.array("symmetries", group))
    if name not in LATTICES:
        raise ValueError(f"expected a lattice, {', '.join(LATTICES)} or Graph, in {group.name}, found {name!r}")
    extent = tuple(map(int, np.ravel(source.array("extent", group))))
    n_basis = len(getattr(LATTICES[name], "SITES", (0,)))
    if len(extent) != (1 if name == "Chain" else 2) or min(extent) < 1 or math.prod(extent) * n_basis != n_sites:
        raise ValueError(f"expected a lattice of {n_sites} sites in {group.name}, found {name} {extent}")
    periodic = [bool(each) for each in np.ravel(source.array("periodic", group))]
    return LATTICES[name](*extent, periodic=periodic[0] if len(periodic) == 1 else periodic)
