"""A small genuine experiment for the tests: a random walk whose mean square is measured.

As a script it is the ``born`` command with this experiment in the registry.
"""

import hashlib
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from montecarlo.estimates import Estimate
from neural.divergence import DivergedError
from runs.experiments import EXPERIMENTS
from runs.experiments.experiment import Experiment, Progress
from runs.experiments.settings import Settings
from runs.result import Measurement


class WalkSettings(Settings):
    """A random walk."""

    n_steps: int = Field(default=40, ge=0, description="steps of the walk")
    n_measure: int = Field(default=20, ge=1, description="rounds of the measurement")
    pause: float = Field(default=0.0, ge=0, description="seconds that each step takes at least")
    nan_at: int = Field(default=0, ge=0, description="the step that turns into a NaN, if any")
    learning_rate: float = Field(default=1.0, gt=0, description="length of a step")


class Walk:
    """Positions of 8 walkers; the state of a PCG64 generator has integers of 128 bits."""

    exact: Mapping[str, float] = {"energy": 1.0}

    def __init__(self, settings: WalkSettings) -> None:
        self.settings = settings
        self.generator = np.random.default_rng(settings.seed)
        self.step, self.rounds, self.position, self.squares = 0, 0, np.zeros(8), 0.0

    def training(self) -> Iterator[Progress]:
        while self.step < self.settings.n_steps:
            time.sleep(self.settings.pause)
            if self.step + 1 == self.settings.nan_at and self.settings.learning_rate > 0.5:
                raise DivergedError(f"step {self.step + 1}: NaN in the position of walker 0; take smaller steps")
            self.step += 1
            self.position = self.position + self.settings.learning_rate * self.generator.standard_normal(8)
            numbers = {"energy": float(self.position.mean()), "energy_error": 0.1, "acceptance": 1.0}
            yield Progress(self.step, self.settings.n_steps, numbers)

    def measuring(self) -> Iterator[Progress]:
        while self.rounds < self.settings.n_measure:
            time.sleep(self.settings.pause)
            self.rounds += 1
            self.squares += float(self.generator.standard_normal() ** 2)
            yield Progress(self.rounds, self.settings.n_measure, {"energy": self.squares / self.rounds})

    def measurements(self) -> dict[str, Measurement]:
        estimate = Estimate(self.squares / self.rounds, (2 / self.rounds) ** 0.5, 1.0, 1.0, self.rounds, self.rounds)
        return {"energy": Measurement(estimate, "steps^2", 1.0)}

    def samples(self) -> dict[str, np.ndarray]:
        return {"position": self.position}

    def state(self) -> dict[str, Any]:
        numbers = {"step": self.step, "rounds": self.rounds, "squares": self.squares}
        return {**numbers, "position": self.position, "generator": self.generator.bit_generator.state}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.step, self.rounds, self.squares = state["step"], state["rounds"], state["squares"]
        self.position = state["position"]
        self.generator.bit_generator.state = state["generator"]


EXPERIMENT = Experiment("random-walk", WalkSettings, Walk)
EXPERIMENTS["random-walk"] = ("walk", "walkers on a line")


def born(arguments: list[str], file_size: int | None = None) -> None:
    """The command in a process of its own; ``file_size`` limits what it may write to a file, in bytes."""
    from runs.cli import main

    if file_size is not None:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (file_size, file_size))
    sys.exit(main(arguments))


def deaf(ready: str) -> None:
    """A minute in C, during which no handler of Python runs."""
    from runs.interrupts import Interrupts

    with Interrupts(Path(ready).with_name("stopped").touch) as interrupts:
        interrupts.work()
        Path(ready).touch()
        hashlib.pbkdf2_hmac("sha256", b"", b"", 10**8)


if __name__ == "__main__":
    born(sys.argv[1:])
