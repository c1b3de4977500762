"""Change a result file as a stranger would who knows how to seal it again."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import h5py

from runs.seal import LENGTH, MARK, sealed


def contents_of(path: Path) -> bytes:
    """The HDF5 part of a result file."""
    found = path.read_bytes()
    return found[:-LENGTH] if found[-LENGTH:].startswith(MARK) else found


@contextlib.contextmanager
def edited(path: Path) -> Iterator[h5py.File]:
    """The file to be changed through HDF5; afterwards its checksum is right again."""
    with h5py.File(path, "r+", libver=("v110", "v110")) as file:
        yield file
    path.write_bytes(sealed(contents_of(path)))
