"""Loops whose body belongs to the caller."""

import functools
import warnings
from collections.abc import Callable, Generator, Iterator
from typing import ParamSpec, TypeVar

Record = TypeVar("Record")
Parameters = ParamSpec("Parameters")


class UnusedLoopWarning(UserWarning):
    """A loop was made and thrown away without a single turn, so that nothing was done."""


class Loop(Iterator[Record]):
    """The records of a generator; it warns with ``UnusedLoopWarning`` where nobody asks for any."""

    def __init__(self, generator: Generator[Record, None, None], name: str) -> None:
        self._generator, self._name, self._is_used = generator, name, False

    def __next__(self) -> Record:
        self._is_used = True
        return next(self._generator)

    def close(self) -> None:
        """End the loop where it is."""
        self._is_used = True
        self._generator.close()

    def __del__(self) -> None:
        if not self._is_used and warnings is not None:  # None while the interpreter ends
            message = (
                f"{self._name}(...) is a loop that was never run: write for record in {self._name}(...), or list(...)"
            )
            warnings.warn(message, UnusedLoopWarning, stacklevel=2)


def loop(
    function: Callable[Parameters, Iterator[Record]],
) -> Callable[Parameters, Loop[Record]]:
    """Make a ``Loop`` of what a generator function, mostly a method, returns."""

    @functools.wraps(function)
    def make(*args: Parameters.args, **options: Parameters.kwargs) -> Loop[Record]:
        return Loop(function(*args, **options), function.__name__)  # type: ignore[arg-type]

    return make
