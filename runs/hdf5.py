"""Nested dictionaries of arrays in HDF5: written without surprises, read without trust.

A tree is a ``dict`` from names to trees, numeric arrays, strings, integers, floats and booleans. Nothing is ever
pickled. Reading accepts what writing produces and refuses the rest: links that leave the file, references,
compressed or external storage, data sets that claim more bytes than the file holds, groups that contain
themselves. All that is read from one file is counted in a ``Budget``: together, too, it is never more than the file.
"""

import math
from typing import Any

import h5py
import h5py.h5o
import numpy as np

from .errors import ResultError

NUMERIC = "biufc"  # dtype kinds: boolean, integers, floats, complex
MAX_DEPTH = 16
MOST_OBJECTS = 20_000  # groups and data sets in one file, each of which takes a fraction of a millisecond
MAX_ATTRIBUTE = 2**20
INT64 = range(-(2**63), 2**63)
DIMENSION = "This is a netCDF dimension but not a netCDF variable."


class Budget:
    """What one file may still give: a number of bytes, in a number of groups and data sets.

    Many links to one data set, or many that share their storage, claim more than the file holds: ``ResultError``.
    """

    def __init__(self, n_bytes: int, n_objects: int = MOST_OBJECTS) -> None:
        self.n_bytes, self.n_objects = n_bytes, n_objects

    def open(self, group: h5py.Group) -> h5py.Group:
        """Count the members of a group before they are looked at."""
        self.n_objects -= len(group)
        if self.n_objects < 0:
            raise ResultError(f"{group.name}: expected at most {MOST_OBJECTS} groups and data sets in a file")
        return group

    def take(self, name: str, n_bytes: int) -> None:
        """Count the bytes of a data set before memory is taken for them."""
        self.n_bytes -= n_bytes
        if self.n_bytes < 0:
            raise ResultError(f"{name}: expected no more data than the file has bytes, found the same bytes again")


def write_tree(group: h5py.Group, tree: dict[str, Any]) -> None:
    """Write a tree into an empty group. Raises ``TypeError`` with the path of a leaf that cannot be stored."""
    for name, leaf in tree.items():
        if not isinstance(name, str) or not name or "/" in name or name == ".":
            raise TypeError(f"{group.name}: expected names without '/', found {name!r}")
        if isinstance(leaf, dict):
            write_tree(group.create_group(name), leaf)
        else:
            _write_leaf(group, name, leaf)


def _write_leaf(group: h5py.Group, name: str, leaf: Any) -> None:
    if isinstance(leaf, int) and not isinstance(leaf, bool) and leaf not in INT64:
        write_attribute(group.create_dataset(name, data=text(str(leaf))), "kind", "integer")
    elif isinstance(leaf, str):
        group.create_dataset(name, data=text(leaf))
    elif np.asarray(leaf).dtype.kind in NUMERIC:
        group.create_dataset(name, data=leaf)
    else:
        found = f"{type(leaf).__name__} of dtype {np.asarray(leaf).dtype}"
        raise TypeError(f"{group.name}/{name}: expected numbers, strings and arrays of numbers, found {found}")


def text(value: str) -> np.ndarray:
    """A string of fixed length. Those of variable length lie elsewhere in the file, behind pointers to be trusted."""
    encoded = value.encode()
    return np.array(encoded, dtype=h5py.string_dtype("utf-8", max(1, len(encoded))))


def write_attribute(node: h5py.Group | h5py.Dataset, name: str, value: Any) -> None:
    """A number or a string as an attribute."""
    node.attrs[name] = text(value) if isinstance(value, str) else value


def read_tree(group: h5py.Group, budget: Budget | None = None) -> dict[str, Any]:
    """The tree in a group: arrays as written, scalars as Python numbers and strings."""
    return _read_tree(group, budget or Budget(group.file.id.get_filesize()), set(), 0)


def _read_tree(group: h5py.Group, budget: Budget, seen: set[int], depth: int) -> dict[str, Any]:
    address = h5py.h5o.get_info(group.id).addr
    if address in seen or depth > MAX_DEPTH:
        raise ResultError(f"{group.name}: expected a tree of groups, found one that contains itself or is too deep")
    seen.add(address)
    tree = {}
    for name in map(str, budget.open(group)):
        leaf = child(group, name)
        is_group = isinstance(leaf, h5py.Group)
        tree[name] = _read_tree(leaf, budget, seen, depth + 1) if is_group else read_dataset(leaf, budget)
    return tree


def child(group: h5py.Group, name: str) -> h5py.Group | h5py.Dataset:
    """The group or data set called ``name``, if it lies in this file under a plain link."""
    path = f"{str(group.name).rstrip('/')}/{name}"
    try:
        link = group.get(name, getlink=True)
    except KeyError:
        raise ResultError(f"{path}: expected in every result, not found; was the file written by Born?") from None
    if not isinstance(link, h5py.HardLink):
        raise ResultError(f"{path}: expected data, found a {type(link).__name__}; links are not followed")
    found = group[name]
    if not isinstance(found, h5py.Group | h5py.Dataset):
        raise ResultError(f"{path}: expected a group or a data set, found a {type(found).__name__}")
    return found


def read_dataset(dataset: h5py.Dataset, budget: Budget) -> Any:
    """The numbers or the string in a data set, whose claimed size is checked before memory is taken."""
    string = _is_string(dataset.id.get_type())
    if not string and dataset.dtype.kind not in NUMERIC:
        raise ResultError(f"{dataset.name}: expected numbers or a string of fixed length, found {dataset.dtype}")
    budget.take(str(dataset.name), _checked_size(dataset))
    if string:
        return _read_string(dataset)
    array = dataset[()]
    return array.item() if dataset.shape == () else array


def _is_string(h5type: Any) -> bool:
    return isinstance(h5type, h5py.h5t.TypeStringID) and not h5type.is_variable_str()


def _checked_size(dataset: h5py.Dataset) -> int:
    """The bytes that a data set needs in memory, which are no more than it has in the file."""
    properties = dataset.id.get_create_plist()
    if dataset.is_virtual or properties.get_external_count() or properties.get_nfilters():
        raise ResultError(f"{dataset.name}: expected plain storage, found compressed, virtual or external data")
    if dataset.shape is None:
        raise ResultError(f"{dataset.name}: expected data, found an empty data set")
    claimed = math.prod(dataset.shape) * max(dataset.id.get_type().get_size(), dataset.dtype.itemsize)
    stored = dataset.id.get_storage_size()
    if claimed > stored:
        raise ResultError(f"{dataset.name}: shape {dataset.shape} claims {claimed} bytes, the file holds {stored}")
    return claimed


def _read_string(dataset: h5py.Dataset) -> Any:
    if dataset.shape != ():
        raise ResultError(f"{dataset.name}: expected one string, found an array of shape {dataset.shape}")
    value = dataset[()].decode()
    return int(value) if read_attribute(dataset, "kind", default="") == "integer" else value


_REQUIRED = object()


def read_attribute(node: h5py.Group | h5py.Dataset, name: str, default: Any = _REQUIRED) -> Any:
    """A scalar attribute as a Python number or string. Raises ``ResultError`` when it is neither."""
    if name not in node.attrs:
        if default is _REQUIRED:
            raise ResultError(f"{node.name}: expected the attribute {name!r}, not found; is this a result of Born?")
        return default
    attribute = node.attrs.get_id(name)
    kind = attribute.dtype.kind
    if attribute.shape != () or not (_is_string(attribute.get_type()) or kind in NUMERIC):
        raise ResultError(f"{node.name}: expected one number or string of fixed length as attribute {name!r}")
    if attribute.get_storage_size() > MAX_ATTRIBUTE:
        raise ResultError(f"{node.name}: expected at most {MAX_ATTRIBUTE} bytes in the attribute {name!r}")
    value: Any = node.attrs[name]
    if isinstance(value, bytes):
        return value.decode()
    return value if isinstance(value, str) else value.item()


def write_dimension(group: h5py.Group, name: str, size: int) -> h5py.Dataset:
    """A netCDF dimension without values, to attach to the axes of data sets."""
    scale = group.create_dataset(name, data=np.zeros(size, dtype=np.float32))
    scale.make_scale(f"{DIMENSION}{size:10d}")
    return scale


def attach(dataset: h5py.Dataset, *scales: h5py.Dataset) -> None:
    """Name the axes of a data set by dimension scales, so that xarray and netCDF-4 can read it."""
    for dimension, scale in zip(dataset.dims, scales):
        dimension.attach_scale(scale)
