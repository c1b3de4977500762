"""Texts and pictures made from results: written in one step, and never over a result."""

import os
from pathlib import Path

from .errors import UsageError
from .lock import only_writer
from .reading import is_result
from .store import write_file


def write_output(path: Path, contents: bytes, overwrite: bool = False) -> None:
    """Write a text or a picture. Raises ``UsageError`` for a name that is taken, ``RunFailed`` if it cannot be written.

    A result is never replaced; another file is with ``overwrite``.
    """
    path = Path(os.path.realpath(path))
    with only_writer(path):  # nor one that a run is about to write
        _check_free(path, overwrite)
        write_file(path, contents)


def _check_free(path: Path, overwrite: bool) -> None:
    if is_result(path):
        raise UsageError(f"{path} holds a result, which is never replaced by anything else: choose another name")
    if path.exists() and not path.is_file():
        raise UsageError(f"{path}: expected the name of a file, found a directory or a device")
    if path.exists() and not overwrite:
        raise UsageError(f"{path} exists: choose another name, or replace it with --overwrite")
