"""One training loop for all models in torch: stochastic gradient descent of one or several losses, as an iterator.

A step draws a batch and updates the parameters of every ``Objective`` in turn. What is random in a step is seeded by
its number (``generative.batches``), so that the count of steps is the whole state of chance: a restored training
continues to the same bits on the CPU. Several processes may compute parts of a batch; the gradient is that of the mean
over all rows, so that their number changes nothing but the rounding.
"""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor, nn

from generative.average import Average
from generative.batches import VALIDATION, Batches, share
from generative.devices import find_device
from generative.guard import Guard
from generative.noise import generator
from generative.objectives import Batch, Descent, Objective, disjoint, split
from generative.training_checks import check_numbers, check_patience, check_rates, checked_state
from generative.trees import Tree, arrays, module_tree, optimizer_tree, restore_optimizer, tensors
from neural.divergence import DivergedError
from neural.saved import Saved

PRECISIONS = ("full", "mixed")
VALIDATION_ROWS = 1024  # computed at a time


class Record(NamedTuple):
    """What happened since the last record.

    step : updates behind us
    epoch : passes through the data behind us; without data the same as ``step``
    losses : means over the steps, of every objective and of what else the losses returned
    gradient_norm : mean over steps and objectives, before clipping
    validation : the first loss for the validation rows, with the averaged parameters where there are any
    learning_rate : of the first objective
    wall_time : seconds
    """

    step: int
    epoch: float
    losses: dict[str, float]
    gradient_norm: float
    validation: float | None
    learning_rate: float
    wall_time: float

    def __str__(self) -> str:
        numbers = self.losses if self.validation is None else {**self.losses, "validation": self.validation}
        words = "  ".join(f"{name} {value:.5g}" for name, value in numbers.items())
        return f"step {self.step}  {words}  |gradient| {self.gradient_norm:.3g}  {self.wall_time:.3f} s"


class Training(Iterator[Record]):
    """The training of ``network`` by ``objectives``; each ``next`` is ``record_every`` steps, then ``state`` is valid.

    data, condition : rows (n, n_features) and their features (n, n_condition) or None; without data give n_steps
    validation : (rows, features) for the validation loss
    n_epochs, n_steps : how long, in passes through the data or in steps
    batch_size : the last batch of a pass is smaller where it does not divide n
    record_every : steps for a record; one pass through the data, or 100 steps, unless given
    clip : the largest norm of a gradient; longer ones are scaled to it
    ema : decay of the average of the parameters, 0 for none; models sample and are validated with the average
    patience : stop after so many records without a lower validation loss, counted from when the loss is ``settled``;
        the end has the parameters of the lowest. Validation is at the progress 1, with the last weights of a loss
    augment : a random symmetry, applied to every batch: (rows, generator) to rows
    device : "cpu", "cuda", ...
    precision : "full", or "mixed": products in bfloat16, parameters and updates in their own type. It pays on GPUs
    fabric : of several processes, from ``generative.distributed.launch``; its device replaces ``device``, and
        records hold the loss of all processes, other numbers of this one
    parts : of each batch, with random numbers of their own, which the processes share among them; one for each
        process unless given. More of them need less memory.
    begin : called once, before the first step or when a state is restored; nothing is changed before that

    Raises ``DivergedError``, a ``FloatingPointError`` that names the step, when a loss or a gradient is NaN or
    infinite, or the loss jumps (``generative.guard``); the training is then back in its last good state.
    """

    def __init__(
        self,
        network: nn.Module,
        objectives: list[Objective],
        data: Tensor | None = None,
        condition: Tensor | None = None,
        *,
        validation: tuple[Tensor, Tensor | None] | None = None,
        n_epochs: int | None = None,
        n_steps: int | None = None,
        batch_size: int = 128,
        record_every: int | None = None,
        clip: float | None = None,
        ema: float = 0.0,
        patience: int | None = None,
        augment: Callable[[Tensor, torch.Generator], Tensor] | None = None,
        device: str | torch.device = "cpu",
        precision: str = "full",
        fabric: Any = None,
        parts: int | None = None,
        begin: Callable[["Training"], None] | None = None,
        seed: int = 0,
    ) -> None:
        check_numbers(batch_size, record_every, clip, ema)
        check_rates(objectives)
        check_patience(patience, validation, objectives[0])
        self.network, self.objectives, self.fabric = network, objectives, fabric
        self.device = find_device(device) if fabric is None else fabric.device
        self.autocast = _autocast(precision, self.device)
        dtype = next(network.parameters()).dtype
        rows = torch.empty(batch_size, 0, dtype=dtype) if data is None else data
        features = None if condition is None else condition.to(self.device)
        self.batches = Batches(rows.to(self.device), features, batch_size, *share(fabric, parts), augment, seed)
        self.validation, n_batches = validation, self.batches.n_batches
        self.n_steps = _length(data is not None, n_epochs, n_steps, n_batches)
        self.record_every = record_every or (100 if data is None else n_batches)
        self.clip, self.patience, self.seed = clip, patience, seed
        self.ema, self.begin, self.guard = ema, begin, Guard(disjoint(objectives)[0])
        self.descents: list[Descent] = []
        self.average: Average | None = None
        self.step = self.stale = 0
        self.lowest = math.inf
        self.best: dict[str, Tensor] | None = None

    def _begin(self) -> None:
        """Take the network over, once."""
        if self.descents:
            return
        if self.begin is not None:
            self.begin(self)
        self.network.to(self.device)
        self.descents = [Descent(objective) for objective in self.objectives]
        if self.ema:
            self.average = Average({each.objective.name: each.parameters for each in self.descents}, self.ema)

    def __iter__(self) -> Self:
        return self

    @property
    def stopped(self) -> bool:
        """Whether all steps are done, or patience has ended."""
        return self.step >= self.n_steps or (self.patience is not None and self.stale >= self.patience)

    def __next__(self) -> Record:
        if self.stopped:
            raise StopIteration
        with torch.inference_mode(False), torch.enable_grad():
            self._begin()
            if not all(descent.attached for descent in self.descents):
                raise RuntimeError("expected the training that began last: another one has taken over its network")
            self.guard.keep(self.step, self.state)
            try:
                return self._record()
            except DivergedError as error:
                self._return_to(self.guard.good)
                back = f"training is back at step {self.step}"
                raise DivergedError(f"{error}; {back}", error.step) from None

    def _record(self) -> Record:
        began = time.perf_counter()
        numbers: dict[str, list[Tensor]] = {}
        self.network.train()
        for _ in range(min(self.record_every, self.n_steps - self.step)):
            self._advance(numbers)
        stacked = {name: torch.stack(values) for name, values in numbers.items()}
        if self.objectives[0].name in stacked:
            losses = stacked[self.objectives[0].name].double().cpu().numpy()
            self.guard.see(self.step, losses, self.step == self.n_steps)
        means = {name: float(values.mean()) for name, values in stacked.items()}
        norm = means.pop("gradient_norm", math.nan)
        validation = self._validate()
        rate = self.objectives[0].rate(self.step - 1)
        epoch = self.step / self.batches.n_batches
        return Record(self.step, epoch, means, norm, validation, rate, time.perf_counter() - began)

    def _advance(self, numbers: dict[str, list[Tensor]]) -> None:
        """One step; appends its losses to ``numbers``."""
        batches = self.batches.at(self.step, self.n_steps)
        for descent in self.descents:
            if (self.step + 1) % descent.objective.every == 0:
                self._descend(descent, batches, numbers)
        if self.average is not None:
            self.average.update(self.step)
        self.step += 1

    def _descend(self, descent: Descent, batches: list[Batch], numbers: dict[str, list[Tensor]]) -> None:
        """One update, by the mean loss of all rows."""
        losses = []
        if not batches:
            descent.gradient.zero_()
        for batch in batches:
            with self.autocast:
                loss, others = split(descent.objective.loss(batch))
            losses.append(self._weighted(loss, batch))
            descent.add(losses[-1], first=len(losses) == 1)
            for name, value in others.items():
                numbers.setdefault(name, []).append(value.detach())
        loss = self._summed(descent, losses)
        numbers.setdefault(descent.objective.name, []).append(loss)
        numbers.setdefault("gradient_norm", []).append(descent.update(loss, self.step, self.clip))

    def _weighted(self, loss: Tensor, batch: Batch) -> Tensor:
        """The mean of a part as a term of the mean of all rows."""
        return loss if self.batches.parts == 1 else loss * (len(batch.x) / self.batches.rows(self.step))

    def _summed(self, descent: Descent, losses: list[Tensor]) -> Tensor:
        """The sum of the losses; with several processes, of the losses and of the gradients of all."""
        if len(losses) == 1 and self.fabric is None:
            return losses[0].detach()
        loss = sum((loss.detach() for loss in losses), torch.zeros((), device=self.device))
        if self.fabric is not None:
            message = self.fabric.all_reduce(
                torch.cat([descent.gradient, loss[None].to(descent.gradient)]), reduce_op="sum"
            )
            descent.gradient.copy_(message[:-1])
            loss = message[-1]
        return loss

    def _validate(self) -> float | None:
        """The first loss of the validation rows; keeps the parameters when it is the lowest so far."""
        if self.validation is None:
            return None
        x, condition = self.validation
        noise = generator(self.seed, VALIDATION, device=self.device)
        total = 0.0
        self.network.eval()
        with torch.no_grad(), self.averaged():
            for start in range(0, len(x), VALIDATION_ROWS):
                rows = slice(start, start + VALIDATION_ROWS)
                part = x[rows].to(self.device)
                features = None if condition is None else condition[rows].to(self.device)
                batch = Batch(part, features, noise, self.step, 1.0)
                total += len(part) * float(split(self.objectives[0].loss(batch))[0])
            if self.patience is not None and total / len(x) < self.lowest:
                self.best = {name: value.detach().clone() for name, value in self.network.state_dict().items()}
        self._count(total / len(x))
        return total / len(x)

    def _count(self, validation: float) -> None:
        """How many records are behind the lowest loss; at the end go back there, where there is patience."""
        settled = self.step > self.objectives[0].settled * self.n_steps
        self.stale = self.stale + 1 if settled and not validation < self.lowest else 0
        self.lowest = min(self.lowest, validation)
        if self.patience is not None and self.stopped and self.best is not None:
            self.network.load_state_dict(self.best)
            self.average = None

    def averaged(self) -> Any:
        """A context in which the network computes with the averaged parameters, where there are any."""
        return nullcontext() if self.average is None else self.average.applied()

    def state(self) -> Tree:
        """Everything to continue bit for bit, as a tree of arrays and numbers."""
        self._begin()
        tree: Tree = {
            "step": self.step,
            "stale": self.stale,
            "lowest": self.lowest,
            "network": module_tree(self.network),
            "optimizers": {each.objective.name: optimizer_tree(each.optimizer) for each in self.descents},
            "guard": self.guard.state(),
        }
        if self.average is not None:
            tree["average"] = arrays(self.average.averages)
        if self.best is not None:
            tree["best"] = arrays(self.best)
        return tree

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from what ``state`` returned. Raises ``ValueError``, and changes nothing, where it does not fit."""
        self._begin()
        self._return_to(checked_state(Saved(state), self))

    def _return_to(self, state: Tree) -> None:
        self.network.load_state_dict(tensors(state["network"]))
        for descent in self.descents:
            restore_optimizer(descent.optimizer, state["optimizers"][descent.objective.name])
        if "average" not in state:
            self.average = None  # patience has ended
        if self.average is not None:
            self.average.restore(tensors(state["average"]))
        self.best = tensors(state["best"]) if "best" in state else None
        self.step, self.stale, self.lowest = state["step"], state["stale"], state["lowest"]
        self.guard.restore(state["guard"])


def _length(has_data: bool, n_epochs: int | None, n_steps: int | None, n_batches: int) -> int:
    """The number of steps."""
    if (n_epochs is None) == (n_steps is None) or (n_steps is None and not has_data):
        raise ValueError(f"expected n_steps, or n_epochs with data; got n_steps={n_steps}, n_epochs={n_epochs}")
    length = n_steps if n_steps is not None else (n_epochs or 0) * n_batches
    if length < 1:
        raise ValueError(f"expected at least one step, got {length}")
    return length


def _autocast(precision: str, device: torch.device) -> Any:
    if precision not in PRECISIONS:
        raise ValueError(f"expected precision {' or '.join(PRECISIONS)}, got {precision!r}")
    return nullcontext() if precision == "full" else torch.autocast(device.type, torch.bfloat16)
