"""One user at a time, for what changes while it is used."""

import threading


class Exclusive:
    """A place that one thread may enter, several times over, while no other is inside.

        exclusive = Exclusive("this VMC")
        with exclusive:
            ...

    Raises ``RuntimeError`` at once where another thread is inside: with waiting, results would depend on which thread
    came first. A copy, also in another process, has nobody inside.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._lock = threading.Lock()
        self._inside: dict[int, int] = {}  # how often each thread has entered

    def __enter__(self) -> None:
        own = threading.get_ident()
        with self._lock:
            others = self._inside.keys() - {own}
            if others and others & {thread.ident for thread in threading.enumerate()}:
                raise RuntimeError(
                    f"expected one thread at a time to use {self.name}, found another one in it: make one for each "
                    "thread, with a seed of its own"
                )
            self._inside[own] = self._inside.get(own, 0) + 1

    def __exit__(self, *exception: object) -> None:
        own = threading.get_ident()
        with self._lock:
            self._inside[own] = self._inside.get(own, 1) - 1
            if self._inside[own] < 1:
                del self._inside[own]

    def __reduce__(self) -> tuple[type, tuple[str]]:
        return type(self), (self.name,)
