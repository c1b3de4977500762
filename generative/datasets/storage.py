"""Data in HDF5 files of others, read without trust; data of our own, written with checksums.

Nothing leaves the file: links that are not hard links, external and virtual storage are refused. Nothing is larger than
the file: so are compressed data, data sets that claim more bytes than are stored, and small parts of which many names
make a large whole. A checksum of every chunk (Fletcher's) is verified by the library as it reads.
"""

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from generative.datasets.dataset import KINDS

Array = np.ndarray

CHUNK_BYTES = 2**16  # of data that a checksum belongs to
MOST_BYTES = 2**20  # of an attribute
MALFORMED = (OSError, RuntimeError, KeyError, TypeError, AttributeError, OverflowError, MemoryError, UnicodeError)


class Source:
    """An open file and how many bytes of small parts, labels and lattices, may still be read: as many as it has."""

    def __init__(self, file: Any, n_bytes: int) -> None:
        self.file, self.n_bytes = file, n_bytes

    def node(self, path: str, group: Any = None) -> Any:
        """The group or data set at a path of hard links, from ``group`` or the root on."""
        import h5py

        found: Any = self.file if group is None else group
        for name in filter(None, path.split("/")):
            link = found.get(name, getlink=True) if isinstance(found, h5py.Group) and name in found else None
            if not isinstance(link, h5py.HardLink):
                what = "nothing" if link is None else f"a {type(link).__name__}; links are not followed"
                raise ValueError(f"expected {path!r}, found {what} beside {_names(found)}")
            found = found[name]
        return found

    def rows(self, path: str) -> Any:
        """The data set at a path, checked but not read."""
        return _checked(self.node(path), path)

    def array(self, path: str, group: Any = None) -> Array:
        """The numbers at a path."""
        dataset = _checked(self.node(path, group), path)
        self.n_bytes -= dataset.id.get_storage_size()
        if self.n_bytes < 0:
            raise ValueError(f"expected each number to be read once, found {path!r} that was read before")
        return dataset[()]


def _names(node: Any) -> str:
    names = list(node)[:10] if hasattr(node, "keys") else []
    return ", ".join(map(str, names)) or "nothing"


@contextmanager
def opened(path: str) -> Iterator[Source]:
    """A file to read. Raises ``ValueError`` in one line for what is no complete HDF5 file."""
    import h5py

    if not os.path.isfile(path):
        raise FileNotFoundError(
            f"expected an HDF5 file at {path}, found {'no file' if os.path.exists(path) else 'none'}"
        )
    try:
        with h5py.File(path, "r") as file:
            yield Source(file, os.path.getsize(path))
    except MALFORMED as error:
        text = " ".join(str(error).split())
        raise ValueError(f"{path}: expected a complete HDF5 file, found a damaged or foreign one ({text})") from None
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _checked(dataset: Any, path: str) -> Any:
    """The data set, if it is one of numbers whose storage is plain and holds what its shape claims."""
    import h5py

    if not isinstance(dataset, h5py.Dataset) or dataset.shape is None or dataset.dtype.kind not in KINDS:
        raise ValueError(f"expected numbers at {path!r}, found {dataset!r}")
    properties = dataset.id.get_create_plist()
    filters = {properties.get_filter(k)[0] for k in range(properties.get_nfilters())}
    if filters - {h5py.h5z.FILTER_FLETCHER32}:
        raise ValueError(f"expected {path!r} as it is, found it compressed: write it anew by h5repack -f NONE")
    if dataset.is_virtual or properties.get_external_count():
        raise ValueError(
            f"expected {path!r} in this file, found it virtual or in another one: copy the numbers into it"
        )
    claimed, stored = math.prod(dataset.shape) * dataset.dtype.itemsize, dataset.id.get_storage_size()
    if claimed > stored:
        raise ValueError(
            f"expected {path!r} complete, found {stored} of the {claimed} bytes of its shape {dataset.shape}"
        )
    return dataset


def attribute(node: Any, name: str, default: Any = None) -> Any:
    """A number or a text of fixed length among the attributes; ``default``, if given, where there is none.

    Texts of variable length lie elsewhere in the file, behind pointers that no checksum protects: HDF5 may follow a
    damaged one for ever.
    """
    if name not in node.attrs and default is not None:
        return default
    own = node.attrs.get_id(name)
    if own.shape != () or own.dtype.kind not in KINDS + "S" or own.get_storage_size() > MOST_BYTES:
        found = f"{own.dtype} of shape {own.shape}" if own.dtype.kind != "O" else "one of variable length"
        raise ValueError(
            f"expected a number or a text of fixed length (numpy.bytes_) as attribute {name!r} of {node.name}, "
            f"found {found}"
        )
    value = node.attrs[name]
    return value.decode() if isinstance(value, bytes) else value


def has_text(node: Any, name: str) -> bool:
    """Whether an attribute is a text of fixed length."""
    return name in node.attrs and node.attrs.get_id(name).dtype.kind == "S"


def text(value: str) -> Array:
    """A text of fixed length."""
    import h5py

    encoded = value.encode()
    return np.array(encoded, dtype=h5py.string_dtype("utf-8", max(1, len(encoded))))


def number(node: Any, name: str) -> float:
    """A finite number among the attributes."""
    value = attribute(node, name)
    if isinstance(value, str) or not math.isfinite(value):
        raise ValueError(f"expected a finite number as attribute {name!r} of {node.name}, found {value!r}")
    return float(value)


def write(group: Any, name: str, numbers: Any) -> None:
    """Numbers with a checksum for every chunk of them."""
    x = np.asarray(numbers)
    if x.size == 0:
        group[name] = x
        return
    row = max(1, x.nbytes // len(x)) if x.ndim else 1
    chunks = (max(1, min(len(x), CHUNK_BYTES // row)), *x.shape[1:])
    group.create_dataset(name, data=x, chunks=chunks, fletcher32=True)
