"""The exponential moving average of parameters, with a warm-up."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor


class Average:
    """a <- a + (1 - d_k) (p - a) after update k = 0, 1, ... with d_k = min(decay, (1 + k) / (10 + k)).

    parameters : vectors by name, which the caller changes in place

    The warm-up keeps the random start out of the average: d_0 = 0.1.
    """

    def __init__(self, parameters: dict[str, Tensor], decay: float) -> None:
        if not 0 <= decay < 1:
            raise ValueError(f"expected 0 <= ema < 1, got {decay}")
        self.decay, self.parameters = decay, parameters
        self.averages = {name: p.clone() for name, p in parameters.items()}

    @torch.no_grad()
    def update(self, k: int) -> None:
        """Take the parameters after update ``k``, counted from 0, into the average."""
        d = min(self.decay, (1 + k) / (10 + k))
        for name, p in self.parameters.items():
            self.averages[name].lerp_(p, 1 - d)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """The parameters are the averages inside."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    @torch.no_grad()
    def _swap(self) -> None:
        for name, p in self.parameters.items():
            kept = p.clone()
            p.copy_(self.averages[name])
            self.averages[name].copy_(kept)

    def restore(self, averages: dict[str, Tensor]) -> None:
        """Continue from ``averages``."""
        self.averages = {name: averages[name].to(p).clone() for name, p in self.parameters.items()}
