"""Ctrl-C, SIGTERM and a terminal that closes as a wish to stop: noticed at once, also in a long kernel.

Python runs its handlers between two steps of the interpreter, which a compiled kernel keeps waiting. What a signal
writes into a pipe is read by a thread of its own, so that the first one is answered, and a second one obeyed, whatever
the run is doing.
"""

import os
import select
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any, Self

from .streams import say

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
STOPPED = 130
PATIENCE = 0.7  # seconds in which a step may end by itself


class Interrupts:
    """While entered, notes the first signal in ``received``; a second one ends the process where it is.

    A step that ends soon ends by itself: then the run looks at ``received`` and calls ``notice()``. A longer one is
    left by a ``KeyboardInterrupt``, and so is everything before ``work()``: from there on something can be saved.
    ``at_once`` is called before the process ends at the second signal.
    """

    def __init__(self, at_once: Callable[[], object] = lambda: None) -> None:
        self.received = 0
        self.at_once = at_once
        self._works = self._noticed = self._impatient = False
        self._previous: dict[int, Any] = {}
        self._pipe: tuple[int, int] | None = None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            chosen = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]  # as by nohup
            self._pipe = os.pipe()
            os.set_blocking(self._pipe[1], False)
            self._wakeup = signal.set_wakeup_fd(self._pipe[1], warn_on_full_buffer=False)
            self._previous = {number: signal.signal(number, self._note) for number in chosen}
            threading.Thread(target=self._watch, args=(self._pipe[0], chosen), daemon=True).start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._noticed = True
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        if self._pipe is not None:
            signal.set_wakeup_fd(self._wakeup)
            os.close(self._pipe[1])  # the thread reads the end of it, and ends
            self._pipe = None

    def work(self) -> None:
        """From now on there is a state that can be saved."""
        if self.received:
            raise KeyboardInterrupt
        self._works = True

    def notice(self) -> None:
        """The run saves its state now, and is not to be disturbed."""
        self._noticed = True

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.received = self.received or number
        if not self._noticed and (self._impatient or not self._works):
            raise KeyboardInterrupt

    def _watch(self, pipe: int, chosen: list[int]) -> None:
        """In a thread: read the numbers of signals as they come, until the pipe is closed."""
        seen = 0
        while self._arrived(pipe, seen) and (numbers := os.read(pipe, 64)):
            seen += sum(number in chosen for number in numbers)
            if seen > 1 + self._impatient:  # of which one is our own
                self._end()
            elif seen == 1 and self._works:
                say("stopping as soon as the state can be saved; once more to stop at once")
        os.close(pipe)

    def _arrived(self, pipe: int, seen: int) -> bool:
        """Wait for signals; a run that does not notice the first one within the patience is interrupted."""
        if seen == 1 and not self._noticed and not self._impatient and not select.select([pipe], [], [], PATIENCE)[0]:
            self._impatient = True
            signal.pthread_kill(threading.main_thread().ident or 0, self.received or signal.SIGINT)
        return True

    def _end(self) -> None:
        say("born: stopped at once; what was saved last is intact")
        try:
            self.at_once()
        finally:
            os._exit(STOPPED)
