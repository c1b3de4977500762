"""Keeps the result of a run in progress, and saves it often enough."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .result import Result
from .store import save

OVERHEAD = 0.05  # largest fraction of the time that may go into saving


class Recorder:
    """The rows of a trace in memory, and the file they are saved to every few seconds."""

    def __init__(self, path: Path, result: Result, seconds: float) -> None:
        self.path, self.result, self.seconds = path, result, seconds
        self.columns = {name: list(column) for name, column in result.trace.items()}
        self._origin = time.perf_counter() - (self.columns.get("wall_time") or [0.0])[-1]
        self._saved_at = time.perf_counter()
        self._cost = 0.0

    @property
    def n_steps(self) -> int:
        """Rows so far."""
        return len(next(iter(self.columns.values()), ()))

    def append(self, numbers: Mapping[str, float]) -> None:
        """Add one row to the trace. Raises ``ValueError`` when its names differ from those of the first row."""
        row = {**numbers, "wall_time": time.perf_counter() - self._origin}
        if not self.columns:
            self.columns = {name: [] for name in row}
        if row.keys() != self.columns.keys():
            raise ValueError(f"expected the columns {', '.join(self.columns)}, found {', '.join(row)}")
        for name, value in row.items():
            self.columns[name].append(float(value))

    def rewind(self) -> None:
        """Forget the rows that lie after the last saved state: the run continues from there."""
        step = 0 if self.result.state is None else self.result.state["step"]
        self.columns = {name: column[:step] for name, column in self.columns.items()}

    def due(self) -> bool:
        """Whether it is time to save: after ``seconds``, or later where saving takes long; always for 0 seconds."""
        wait = max(self.seconds, self._cost / OVERHEAD) if self.seconds else 0.0
        return time.perf_counter() - self._saved_at >= wait

    def save(self, status: str, state: dict[str, Any] | None = None) -> None:
        """Write the file, with a new state or with the one of the last save."""
        started = time.perf_counter()
        self.result.status = status
        self.result.trace = {name: np.array(column) for name, column in self.columns.items()}
        self.result.state = state if state is not None else self.result.state
        save(self.path, self.result)
        self._saved_at = time.perf_counter()
        self._cost = self._saved_at - started
