"""A checksum behind the HDF5 contents of a result file, where HDF5 does not look: no bit of it changes unnoticed.

Metadata of HDF5 has checksums of its own, arrays have none. A program that changes a file through HDF5 cuts the seal
off, which the attribute ``checksum`` of the file says has to be there.
"""

import hashlib
import os
from pathlib import Path
from typing import BinaryIO

from .errors import ResultError

MARK = b"\nborn-sha256 "
LENGTH = len(MARK) + 64
CHUNK = 2**20
DESCRIPTION = "sha256 of all that comes before it, at the end of the file"


def sealed(contents: bytes) -> bytes:
    """The contents of a file, followed by their checksum."""
    return contents + MARK + hashlib.sha256(contents).hexdigest().encode()


def check_seal(path: Path) -> bool:
    """Whether a file is sealed. Raises ``ResultError`` where its contents differ from those that were sealed."""
    with open(path, "rb") as file:
        n_bytes = file.seek(0, os.SEEK_END) - LENGTH
        file.seek(max(0, n_bytes))
        seal = file.read()
        if n_bytes < 0 or not seal.startswith(MARK):
            return False
        if _digest(file, n_bytes) != seal.removeprefix(MARK):
            raise ResultError("expected the contents that were written, found others: the file is damaged")
        return True


def _digest(file: BinaryIO, n_bytes: int) -> bytes:
    """The checksum of the first bytes of a file, which is never in memory as a whole."""
    file.seek(0)
    digest = hashlib.sha256()
    for start in range(0, n_bytes, CHUNK):
        digest.update(file.read(min(CHUNK, n_bytes - start)))
    return digest.hexdigest().encode()
