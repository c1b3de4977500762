"""What a model is asked for: a class, or a number such as the temperature, as features of a network.

All features are zero where nothing is asked for (the null condition of classifier-free guidance), and never otherwise.
"""

import math
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
import torch


@dataclass(frozen=True)
class Classes:
    """Labels 0 .. n - 1, one feature for each."""

    n: int

    def __post_init__(self) -> None:
        if not isinstance(self.n, Integral) or self.n < 1:
            raise ValueError(f"expected a whole number of classes, n >= 1, got {self.n!r}")

    @property
    def n_features(self) -> int:
        return self.n

    def encode(self, labels: Any) -> torch.Tensor:
        """Shape (b, n) for labels (b,): 1 at the label. Raises ``ValueError`` for other labels."""
        array = np.asarray(labels)
        if array.ndim != 1 or not np.all(np.isin(array, np.arange(self.n))):
            raise ValueError(f"expected labels 0 .. {self.n - 1}, shape (b,), found {array[:5]} of shape {array.shape}")
        return torch.nn.functional.one_hot(torch.from_numpy(array.astype(np.int64)), self.n).float()


@dataclass(frozen=True)
class Interval:
    """Numbers c from ``low`` to ``high``: features 1 and z = (2c - low - high) / (high - low), from -1 to 1.

    Numbers outside are allowed: the model extrapolates.
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        if not -math.inf < self.low < self.high < math.inf:
            raise ValueError(f"expected finite low < high, got {self.low} and {self.high}")

    @property
    def n_features(self) -> int:
        return 2

    def encode(self, labels: Any) -> torch.Tensor:
        """Shape (b, 2) for numbers (b,). Raises ``ValueError`` unless they are finite."""
        c = np.asarray(labels, dtype=np.float64)
        if c.ndim != 1 or not np.all(np.isfinite(c)):
            raise ValueError(f"expected finite numbers, shape (b,), found shape {c.shape}")
        z = (2 * c - self.low - self.high) / (self.high - self.low)
        return torch.from_numpy(np.stack([np.ones_like(z), z], axis=1)).float()


Condition = Classes | Interval


def encode(condition: Condition | None, labels: Any, n: int) -> torch.Tensor | None:
    """Features (n, n_features) of ``labels``, one number for all rows or (n,); None for a model without condition.

    Raises ``ValueError`` where labels are missing, or given to a model that takes none.
    """
    if condition is None:
        if labels is not None:
            raise ValueError(
                "expected no condition: the model was made without condition=Classes(...) or Interval(...)"
            )
        return None
    if labels is None:
        raise ValueError(f"expected a condition for the model of {condition}, found none")
    found = np.asarray(labels)
    if found.shape not in ((), (n,)):
        raise ValueError(f"expected one label for each of {n} rows, or one for all, found shape {found.shape}")
    return condition.encode(np.broadcast_to(found, (n,)))
