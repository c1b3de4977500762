"""Standard streams that may be closed, full or without a reader, and a display that may die: no run fails for them."""

import contextlib
import os
import sys


def keep_streams_open() -> None:
    """Give the numbers 0, 1, 2 to the null device where they are closed: no file of ours may be printed into.

    What a stream cannot encode is written as escapes.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.dup2(os.open(os.devnull, os.O_RDWR), number)  # the lowest free number, which is this one
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115  (as long as the process)
        elif hasattr(stream := getattr(sys, name), "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def say(line: str) -> None:
    """A line on the standard error stream, if anybody is there."""
    with contextlib.suppress(OSError, ValueError):
        print(line, file=sys.stderr, flush=True)


def discard_output() -> None:
    """Send what is still to be printed to the null device, so that the end of the process does not fail for it."""
    with contextlib.suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)
