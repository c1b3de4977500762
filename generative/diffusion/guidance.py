"""Guidance without a classifier: the network also learns to do without its condition, which is then exaggerated.

Source: J. Ho, T. Salimans, arXiv:2207.12598, eq. (6).
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from generative.conditions import Condition

DROPPED = 0.1  # fraction of the conditions that training leaves out

Predictor = Callable[[Tensor, Any, Tensor | None], Tensor]  # of x, a time or times, and features


def check_guidance(weight: float, condition: Condition | None) -> None:
    """Raises ``ValueError`` for a negative weight, and for guidance without a condition."""
    if weight < 0 or (weight > 0 and condition is None):
        raise ValueError(f"expected guidance >= 0, and a condition to be guided by, got {weight} and {condition}")


def dropped(condition: Tensor | None, weight: float, noise: torch.Generator) -> Tensor | None:
    """The features of a batch, (n, n_features), without those of some rows where there will be guidance."""
    if condition is None or weight == 0:
        return condition
    u = torch.rand(len(condition), 1, generator=noise, device=condition.device, dtype=condition.dtype)
    return condition * (u >= DROPPED)


def guided(predict: Predictor, x: Tensor, t: Any, condition: Tensor | None, weight: float) -> Tensor:
    """(1 + w) f(x, t, c) - w f(x, t, nothing) for the weight w."""
    own = predict(x, t, condition)
    if condition is None or weight == 0:
        return own
    return (1 + weight) * own - weight * predict(x, t, torch.zeros_like(condition))
