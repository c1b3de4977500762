"""The batches of a training: which rows, with which random numbers, at every step.

Everything random in step k comes from a generator seeded by (seed, k), and pass j through the data has the order of
(seed, j). A batch may have several parts, with random numbers of their own, that processes share among them.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from generative.noise import generator, hashed
from generative.objectives import Batch

ORDER, NOISE, VALIDATION = range(3)  # what a generator is for


class Batches:
    """The batches of ``data`` with their features ``condition``, as ``Training`` describes them.

    mine : the parts of this process, part p being every ``parts``-th row of the batch from row p on
    """

    def __init__(
        self,
        data: Tensor,
        condition: Tensor | None,
        batch_size: int,
        parts: int,
        mine: range,
        augment: Callable[[Tensor, torch.Generator], Tensor] | None,
        seed: int,
    ) -> None:
        self.data, self.condition, self.augment, self.seed = data, condition, augment, seed
        self.batch_size, self.n_batches = batch_size, -(-len(data) // batch_size)
        self.parts, self.generators = parts, {part: torch.Generator(data.device) for part in mine}
        self._order = (-1, torch.empty(0))

    def rows(self, step: int) -> int:
        """Rows of the batch of ``step``, in all its parts."""
        return min(self.batch_size, len(self.data) - step % self.n_batches * self.batch_size)

    def at(self, step: int, n_steps: int) -> list[Batch]:
        """What this process computes in ``step`` of ``n_steps``: a batch for each of its parts that has rows."""
        batches = []
        for part, noise in self.generators.items():
            x, condition = self._part(step, part)
            noise.manual_seed(hashed(self.seed, NOISE, step, *([part] if self.parts > 1 else [])))
            if len(x):
                x = x if self.augment is None else self.augment(x, noise)
                batches.append(Batch(x, condition, noise, step, step / n_steps))
        return batches

    def _part(self, step: int, part: int) -> tuple[Tensor, Tensor | None]:
        passes, k = divmod(step, self.n_batches)
        mine = slice(k * self.batch_size + part, (k + 1) * self.batch_size, self.parts)
        if not self.data.shape[1]:
            return self.data[mine], None if self.condition is None else self.condition[mine]
        rows = self._ordered(passes)[mine]
        x = self.data.index_select(0, rows)  # half the time of data[rows]
        return x, None if self.condition is None else self.condition.index_select(0, rows)

    def _ordered(self, passes: int) -> Tensor:
        """The order of the rows in a pass through the data."""
        if self._order[0] != passes:
            order = torch.randperm(len(self.data), generator=generator(self.seed, ORDER, passes))
            self._order = (passes, order.to(self.data.device))
        return self._order[1]


def share(fabric: Any, parts: int | None) -> tuple[int, range]:
    """The number of parts of a batch, and those of this process of ``fabric``, one for each process unless given."""
    rank, n_processes = (0, 1) if fabric is None else (fabric.global_rank, fabric.world_size)
    n_parts: int = n_processes if parts is None else parts
    if n_parts < 1 or n_parts % n_processes:
        raise ValueError(f"expected parts to be a multiple of the number of processes, {n_processes}, got {parts}")
    return n_parts, range(rank, n_parts, n_processes)
