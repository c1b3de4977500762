"""The folder of compiled kernels: what is read from it was written by the same user, whole, under the same name."""

import contextlib
import functools
import hashlib
import os
import pathlib
import stat
import time
import warnings

LENGTH = hashlib.sha256().digest_size
DAY = 86400
MOST_DAYS, MOST_BYTES = 60, 2**30  # of entries that nothing uses, and in all
OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH


class CacheWarning(UserWarning):
    """Kernels are not kept for the next process. No number depends on it."""


def cache_directory() -> pathlib.Path:
    """Where compiled kernels are kept: in ``BORN_CACHE_DIR``, or in a folder of the user's cache.

    Raises ``OSError`` for a user without a home.
    """
    if chosen := os.environ.get("BORN_CACHE_DIR"):
        return pathlib.Path(chosen).absolute() / "kernels"
    try:
        default = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    except RuntimeError as error:
        raise OSError(str(error)) from None
    return pathlib.Path(default).absolute() / "born" / "kernels"


def read(name: str) -> bytes | None:
    """The content of an entry; None where there is none, a damaged one, or another user's."""
    folder = _folder()
    if folder is None:
        return None
    try:
        with open(os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            status = os.fstat(file.fileno())
            content = file.read() if stat.S_ISREG(status.st_mode) and _is_ours(status) else b""
            if time.time() - status.st_mtime > DAY:
                os.utime(file.fileno())  # in use
    except OSError:
        return None
    checksum, payload = content[:LENGTH], content[LENGTH:]
    return payload if _checksum(name, payload) == checksum else None


def write(name: str, payload: bytes) -> None:
    """Write an entry, whole or not at all; a warning says what cannot be written."""
    folder = _folder()
    if folder is None:
        return
    temporary = folder / f".{name}.{os.getpid()}.{os.urandom(4).hex()}"
    try:
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(_checksum(name, payload) + payload)
        temporary.replace(folder / name)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        _do_without(f"{folder}: {error.strerror or error}")
    with contextlib.suppress(OSError):
        _prune(folder)


def _checksum(name: str, payload: bytes) -> bytes:
    return hashlib.sha256(name.encode() + payload).digest()


def _is_ours(status: os.stat_result) -> bool:
    return status.st_uid == os.geteuid() and not status.st_mode & OTHERS_MAY_WRITE


_without: set[str] = set()  # settings of folders that cannot be used


def _setting() -> str:
    return repr([os.environ.get(name) for name in ("BORN_CACHE_DIR", "XDG_CACHE_HOME", "HOME")])


def _folder() -> pathlib.Path | None:
    """The folder, or None after a warning."""
    setting = _setting()
    return None if setting in _without else _checked(setting)


@functools.cache
def _checked(setting: str) -> pathlib.Path | None:
    try:
        folder = cache_directory()
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        if not _is_ours(folder.stat()):
            return _do_without(f"{folder} belongs to another user, or others may write there")
        if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            return _do_without(f"{folder} cannot be written")
    except OSError as error:
        return _do_without(f"{error.filename or 'no folder'}: {error.strerror or error}")
    return folder


def _do_without(reason: str) -> None:
    _without.add(_setting())
    advice = "kernels are compiled anew in every process; set BORN_CACHE_DIR to a folder of your own"
    warnings.warn(f"{reason}: {advice}", CacheWarning, stacklevel=2)


def _prune(folder: pathlib.Path) -> None:
    """At most once a day, remove what was not used for long, and the oldest beyond the most bytes."""
    mark, now = folder / ".pruned", time.time()
    if mark.exists() and 0 <= now - mark.stat().st_mtime < DAY:
        return
    mark.touch(mode=0o600)
    total = 0
    for used, size, path in sorted(_entries(folder), reverse=True):
        total += size
        too_old = now - used > (DAY if path.name.startswith(".") else MOST_DAYS * DAY)  # a dot: of a killed process
        if too_old or total > MOST_BYTES:
            path.unlink(missing_ok=True)


def _entries(folder: pathlib.Path) -> list[tuple[float, int, pathlib.Path]]:
    found = []
    for path in folder.iterdir():
        with contextlib.suppress(OSError):
            status = path.lstat()
            if stat.S_ISREG(status.st_mode) and path.name != ".pruned":
                found.append((status.st_mtime, status.st_size, path))
    return found
