"""Data sets in HDF5 files: rows that are read when they are asked for, labels, and the exact distributions.

A target is a group with its numbers as attributes; that of an Ising model holds its lattice as a group of its own.
"""

import os
from typing import Any

import numpy as np

from generative.datasets.dataset import Dataset, find_values
from generative.datasets.ising import IsingTarget
from generative.datasets.two_dimensions import RingTarget
from montecarlo.lattices import Chain, Graph, Honeycomb, Kagome, Lattice, Square, Triangular

Array = np.ndarray
LATTICES: dict[str, Any] = {each.__name__: each for each in (Chain, Square, Triangular, Honeycomb, Kagome)}


class Rows:
    """Rows of a data set in an HDF5 file, read when they are asked for; ``numpy.asarray`` reads all of them."""

    def __init__(self, path: str, name: str) -> None:
        import h5py

        self.path, self.name = path, name
        with h5py.File(path, "r") as file:
            found = file.get(name)
            if not isinstance(found, h5py.Dataset) or found.ndim < 2:
                raise ValueError(f"expected a data set {name!r} of shape (n, ...) in {path}, found {list(file)}")
            self.shape, self.dtype = (len(found), int(np.prod(found.shape[1:]))), found.dtype
            self.row_shape = found.shape[1:]
            self.ndim = 2

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Any) -> Array:
        import h5py

        with h5py.File(self.path, "r") as file:
            data: Any = file[self.name]
            if not isinstance(rows, np.ndarray | list):
                return np.asarray(data[rows]).reshape(-1, self.shape[1])
            unique, inverse = np.unique(np.asarray(rows), return_inverse=True)  # HDF5 wants increasing indices
            return data[unique].reshape(-1, self.shape[1])[inverse]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return self[:].astype(dtype or self.dtype)


def from_hdf5(path: str | os.PathLike[str], train: str = "train", test: str = "test") -> Dataset:
    """The data sets ``train`` and ``test``, each (n, ...), of an HDF5 file; only a few rows are read now.

    What the numbers are is taken from the attribute ``values`` where ``save`` wrote it, otherwise from the first 1000
    rows; labels are ``train_labels`` and ``test_labels``, and ``targets`` the exact distributions that ``save`` wrote,
    if the file has them. Raises ``ValueError`` when the names are not there.
    """
    import h5py

    rows: Any = [Rows(os.fspath(path), name) for name in (train, test)]
    if rows[0].row_shape != rows[1].row_shape:
        raise ValueError(f"expected training and test rows of one shape, found {[each.row_shape for each in rows]}")
    with h5py.File(path, "r") as file:
        values = str(file.attrs.get("values", "")) or find_values(rows[0][:1000])
        name = str(file.attrs.get("name", os.path.basename(path)))
        of_train, of_test = (_labels(file, f"{part}_labels", len(own)) for part, own in zip((train, test), rows))
        stored: Any = file.get("targets", {})
        targets = tuple(_read_target(stored[str(k)]) for k in range(len(stored)))
    return Dataset(name, rows[0], rows[1], values, tuple(rows[0].row_shape), of_train, of_test, targets)


def _labels(file: Any, name: str, n_rows: int) -> Array | None:
    if name not in file:
        return None
    if file[name].shape != (n_rows,):
        raise ValueError(f"expected one number of {name!r} for each of {n_rows} rows, found shape {file[name].shape}")
    return file[name][:]


def save(data: Dataset, path: str | os.PathLike[str]) -> None:
    """Write the configurations, labels and targets of a data set into a new HDF5 file that ``from_hdf5`` reads."""
    import h5py

    with h5py.File(path, "x") as file:
        file.attrs.update({"name": data.name, "values": data.values})
        for part, rows in (("train", data.train), ("test", data.test)):
            file[part] = np.asarray(rows).reshape(len(rows), *data.shape)
        for part, labels in (("train_labels", data.train_labels), ("test_labels", data.test_labels)):
            if labels is not None:
                file[part] = labels
        for k, target in enumerate(data.targets):
            _write_target(file.create_group(f"targets/{k}"), target)


def _write_target(group: Any, target: IsingTarget | RingTarget) -> None:
    if isinstance(target, RingTarget):
        group.attrs.update({"kind": "ring", **target._asdict()})
        return
    group.attrs.update({"kind": "ising", "temperature": target.temperature, "coupling": target.coupling})
    lattice, own = target.lattice, group.create_group("lattice")
    own.attrs["name"] = lattice.name
    if isinstance(lattice, Graph):
        own["edges"], own["symmetries"] = lattice.edges, lattice.translations
        own.attrs["n_sites"] = lattice.n_sites
    else:
        own["extent"], own["periodic"] = lattice.extent, lattice.periodic


def _read_target(group: Any) -> IsingTarget | RingTarget:
    numbers = dict(group.attrs)
    if numbers["kind"] == "ring":
        return RingTarget(int(numbers["n_modes"]), float(numbers["radius"]), float(numbers["sigma"]))
    if numbers["kind"] != "ising":
        raise ValueError(f"expected a target of the kind ising or ring in {group.name}, found {numbers['kind']!r}")
    return IsingTarget(_read_lattice(group["lattice"]), float(numbers["temperature"]), float(numbers["coupling"]))


def _read_lattice(group: Any) -> Lattice:
    name = str(group.attrs["name"])
    if name == "Graph":
        return Graph(group["edges"][:], int(group.attrs["n_sites"]), group["symmetries"][:])
    if name not in LATTICES:
        raise ValueError(f"expected a lattice, {', '.join(LATTICES)} or Graph, in {group.name}, found {name!r}")
    periodic = [bool(each) for each in group["periodic"]]
    return LATTICES[name](*map(int, group["extent"]), periodic=periodic[0] if len(periodic) == 1 else periodic)
