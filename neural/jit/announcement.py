"""Someone who waits for a compilation is told."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

from numba.core import event


@contextlib.contextmanager
def announced(show: Callable[[], None], after: float = 1.0) -> Iterator[None]:
    """Call ``show``, from another thread, when a kernel compiles for longer than ``after`` seconds."""
    with event.install_listener("numba:compile", _Listener(show, after)):
        yield


class _Listener(event.Listener):
    """Follows compilations, each within that of its caller; the compiler's lock lets one thread in."""

    def __init__(self, show: Callable[[], None], after: float) -> None:
        self._show, self._after = show, after
        self._depth = 0

    def on_start(self, event: Any) -> None:
        self._depth += 1
        if self._depth == 1:
            self._timer = threading.Timer(self._after, self._show)
            self._timer.daemon = True
            self._timer.start()

    def on_end(self, event: Any) -> None:
        if self._depth == 1:
            self._timer.cancel()
        self._depth = max(self._depth - 1, 0)
