"""One writer per result file."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from .errors import BusyError, RunFailed


def lock_name(path: Path) -> Path:
    """The side file that carries the lock; the result itself is replaced at every save and cannot carry one."""
    return path.with_name(f".{path.name}.lock")


@contextlib.contextmanager
def only_writer(path: Path) -> Iterator[None]:
    """Hold the lock of a result file. Raises ``BusyError`` when another process holds it.

    The lock belongs to the open file, so the kernel drops it with the process: a killed run blocks nobody.
    """
    made = [each for each in path.parents if not each.exists()]
    descriptor = _acquire(path)
    try:
        yield
    finally:
        lock_name(path).unlink(missing_ok=True)  # while it is held: nobody can wait on the name that vanishes
        os.close(descriptor)
        for directory in made:  # of a run that was refused before it wrote anything
            with contextlib.suppress(OSError):
                directory.rmdir()


def _acquire(path: Path) -> int:
    while True:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(lock_name(path), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        except OSError as error:
            raise RunFailed(f"cannot write {path}: {error.strerror}") from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            raise _refusal(path, error) from None
        if _is_current(descriptor, lock_name(path)):
            return descriptor
        os.close(descriptor)  # the previous holder removed the name between our open and our lock: try again


def _refusal(path: Path, error: OSError) -> Exception:
    if isinstance(error, BlockingIOError):
        return BusyError(f"{path}: another run is writing this file; wait for it, or choose another --out")
    return RunFailed(f"{path}: this file system cannot lock files ({error.strerror}); choose --out on a local disk")


def _is_current(descriptor: int, name: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(name))
    except FileNotFoundError:
        return False


def is_locked(path: Path) -> bool:
    """Whether a living process writes the result file."""
    try:
        descriptor = os.open(lock_name(path), os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False
