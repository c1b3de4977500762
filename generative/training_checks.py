"""What a training in torch refuses: settings, and saved states of another training."""

import math
from typing import Any

import numpy as np

from generative.guard import checked_guard
from generative.objectives import Objective
from generative.trees import Tree, checked, checked_module, checked_optimizer
from neural.saved import Saved


def check_numbers(batch_size: int, record_every: int | None, clip: float | None, ema: float) -> None:
    """Raises ``ValueError`` for settings of a training that cannot be."""
    if batch_size < 1 or (record_every is not None and record_every < 1):
        raise ValueError(f"expected batch_size and record_every >= 1, got {batch_size} and {record_every}")
    if clip is not None and not clip > 0:
        raise ValueError(f"expected clip > 0, or None, got {clip}")
    if not 0 <= ema < 1:
        raise ValueError(f"expected 0 <= ema < 1, got {ema}")


def check_rates(objectives: list[Objective]) -> None:
    """Raises ``ValueError`` for learning rates that begin below 0, or with no number."""
    for objective in objectives:
        if not 0 <= objective.rate(0) < math.inf:
            raise ValueError(f"expected a learning rate >= 0 of {objective.name}, got {objective.rate(0)}")


def check_patience(patience: int | None, validation: Any, objective: Objective) -> None:
    """Raises ``ValueError`` for patience without a loss that can be compared."""
    if patience is None:
        return
    if patience < 1 or validation is None:
        raise ValueError(f"expected patience >= 1, and validation rows for it; got {patience}")
    if math.isinf(objective.settled):
        raise ValueError(f"expected patience=None: values of {objective.name} at different steps cannot be compared")


def checked_state(saved: Saved, training: Any) -> Tree:
    """The state, entry by entry as ``training`` would save it. Raises ``ValueError`` for one that does not fit."""
    saved.names(["step", "stale", "lowest", "network", "optimizers"], ["average", "best", "guard"])
    step, optimizers = saved.integer("step", most=training.n_steps), saved.part("optimizers")
    lowest = float(saved.array("lowest", (), np.float64, finite=False))
    optimizers.names({each.objective.name for each in training.descents})
    tree: Tree = {
        "step": step,
        "stale": saved.integer("stale", most=step),
        "lowest": lowest if lowest == math.inf else saved.number("lowest"),
        "network": checked_module(saved.part("network"), training.network),
        "optimizers": {
            each.objective.name: checked_optimizer(
                optimizers.part(each.objective.name), each.parameters, step // each.objective.every
            )
            for each in training.descents
        },
        "guard": checked_guard(saved.part("guard")) if "guard" in saved else {},
    }
    if "average" in saved and training.ema:
        tree["average"] = checked(saved.part("average"), {e.objective.name: e.parameters for e in training.descents})
    if "best" in saved:
        tree["best"] = checked_module(saved.part("best"), training.network)
    return tree
