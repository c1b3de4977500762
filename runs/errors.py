"""What can go wrong, with the exit status that the command line returns for it."""

import difflib
from collections.abc import Iterable


class BornError(Exception):
    """An error with a message for the user: what was expected, what was found, what to change."""

    status = 1


class UsageError(BornError):
    """The command, a configuration or a file that was given cannot be used."""

    status = 2


class ConfigError(UsageError):
    """A configuration with unknown fields or values out of range."""


class ResultError(UsageError):
    """A file that is not a complete, well-formed result."""


class BusyError(UsageError):
    """Another process is writing the same result file."""


class RunFailed(BornError):
    """A run that stopped by itself: a NaN, a full disk, a state that does not fit."""


def nearest(word: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown ``word``: the nearest known one, or all of them."""
    known = sorted(known)
    matches = difflib.get_close_matches(word, known, n=1)
    return f"did you mean {matches[0]!r}?" if matches else f"known: {', '.join(known)}"


def printable(text: str) -> str:
    """One line without control characters, which could command a terminal: each is shown by its code instead."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def shortened(text: str, length: int = 200) -> str:
    """The beginning of a text that may be long."""
    return text if len(text) <= length else f"{text[:length]}..."
