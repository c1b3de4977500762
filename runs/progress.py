"""What a run shows while it runs: a bar on a terminal, plain lines anywhere else."""

import sys
import time
from collections.abc import Callable
from typing import Any, Self

from .errors import printable
from .experiments.experiment import Progress

N_LINES = 20  # plain lines for each phase
COMPILING = "compiling kernels, which later runs find ready"
SHOWN = ("energy", "loss", "acceptance")


def describe(progress: Progress) -> str:
    """The numbers that a reader follows: ``energy 3.00124 +- 0.00031  acceptance 0.98``."""
    numbers = progress.numbers
    known = [name for name in SHOWN if name in numbers] or list(numbers)[:3]
    return "  ".join(f"{name} {_value(name, numbers)}" for name in known)


def _value(name: str, numbers: Any) -> str:
    error = numbers.get(f"{name}_error")
    if error is None:
        return f"{numbers[name]:.4g}"
    return f"{numbers[name]:.6f} +- {error:.6f}"


def clock(seconds: float) -> str:
    """12 s, 3:05 or 1:02:30."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}:{minutes:02d}:{seconds:02d}"
    return f"{minutes}:{seconds:02d}" if minutes else f"{seconds} s"


class Display:
    """Shows nothing; the base of the displays."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    def phase(self, name: str) -> None:
        """A phase begins."""

    def advance(self, progress: Progress) -> None:
        """A step is done."""

    def warn(self, message: str) -> None:
        """Something casts doubt on the numbers."""

    def compiling(self) -> None:
        """Kernels are compiled, for longer than a second."""


class Lines(Display):
    """About twenty lines for each phase, for logs and pipes."""

    def phase(self, name: str) -> None:
        self.name, self.first, self.shown = name, 0, -1

    def advance(self, progress: Progress) -> None:
        if not self.first:
            self.first, self.started = progress.done, time.perf_counter()
        mark = N_LINES * progress.done // progress.total
        if mark != self.shown:
            self.shown = mark
            head = f"{self.name} {progress.done}/{progress.total}"
            print(f"{head}  {describe(progress)}{self._left(progress)}", flush=True)

    def _left(self, progress: Progress) -> str:
        behind = progress.done - self.first
        if not behind or progress.done == progress.total:
            return ""
        seconds = (time.perf_counter() - self.started) / behind * (progress.total - progress.done)
        return f"  {clock(seconds)} left"

    def warn(self, message: str) -> None:
        print(f"warning: {printable(message)}", file=sys.stderr, flush=True)

    def compiling(self) -> None:
        print(COMPILING, flush=True)


class Bar(Display):
    """A progress bar with the numbers and the time left, for a terminal."""

    def __enter__(self) -> Self:
        from rich.progress import BarColumn, TextColumn, TimeRemainingColumn  # a fifth of a second, on terminals only
        from rich.progress import Progress as Bars

        columns = (
            TextColumn("{task.description:9}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[count]}"),
            TextColumn("[cyan]{task.fields[numbers]}"),
            TimeRemainingColumn(compact=True),
        )
        self.bars = Bars(*columns)
        self.bars.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.bars.stop()

    def phase(self, name: str) -> None:
        self.task = self.bars.add_task(name, total=None, count="", numbers="")

    def advance(self, progress: Progress) -> None:
        count, numbers = f"{progress.done}/{progress.total}", describe(progress)
        self.bars.update(self.task, completed=progress.done, total=progress.total, count=count, numbers=numbers)

    def warn(self, message: str) -> None:
        from rich.markup import escape

        self.bars.console.print(f"[yellow]warning:[/yellow] {escape(printable(message))}", highlight=False)

    def compiling(self) -> None:
        self.bars.update(self.task, numbers=COMPILING)


class Steady(Display):
    """Another display until that fails, for want of a reader or of space; then nothing: the run goes on."""

    def __init__(self, display: Display) -> None:
        self.display, self.works = display, True

    def __enter__(self) -> Self:
        self._try(self.display.__enter__)
        return self

    def __exit__(self, *exception: object) -> None:
        self._try(self.display.__exit__, *exception)

    def phase(self, name: str) -> None:
        self._try(self.display.phase, name)

    def advance(self, progress: Progress) -> None:
        self._try(self.display.advance, progress)

    def warn(self, message: str) -> None:
        self._try(self.display.warn, message)

    def compiling(self) -> None:
        self._try(self.display.compiling)

    def _try(self, show: Callable[..., object], *what: object) -> None:
        if self.works:
            try:
                show(*what)
            except (OSError, ValueError, SystemExit):  # rich ends the process for a reader that went away
                self.works = False


def display_for(stream: Any) -> Display:
    """A bar if ``stream`` is a terminal, plain lines if not."""
    return Steady(Bar() if stream.isatty() else Lines())
