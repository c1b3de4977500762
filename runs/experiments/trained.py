"""What experiments with models in torch share: training by records, and a state that continues it."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..result import Measurement
from .experiment import Progress

if TYPE_CHECKING:
    from generative.training import Training


class TrainedRun:
    """A run around a ``Training``; a subclass sets ``fit`` and ``exact``, measures into ``measured`` and ``kept``."""

    optional_state = ("best",)
    fit: "Training"
    exact: Mapping[str, float]

    def __init__(self) -> None:
        self.measured: dict[str, Measurement] = {}
        self.kept: dict[str, np.ndarray] = {}
        self.rows = 0  # of the trace

    def training(self) -> Iterator[Progress]:
        while not self.fit.stopped:
            record = next(self.fit)
            self.rows += 1
            numbers = {**record.losses, "gradient_norm": record.gradient_norm, "learning_rate": record.learning_rate}
            if record.validation is not None:
                numbers["validation"] = record.validation
            yield Progress(record.step, self.fit.n_steps, {"updates": record.step, **numbers})

    def measurement(self, name: str, estimate: Any, unit: str = "") -> Measurement:
        """With the exact value of that name."""
        return Measurement(estimate, unit, self.exact.get(name))

    def measurements(self) -> dict[str, Measurement]:
        return self.measured

    def samples(self) -> dict[str, np.ndarray]:
        return self.kept

    def state(self) -> dict[str, Any]:
        return {"step": self.rows, "training": self.fit.state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.rows = int(state["step"])
        self.fit.restore(state["training"])


def use_threads(n: int) -> None:
    """Let torch compute with ``n`` threads."""
    import torch

    torch.set_num_threads(n)
