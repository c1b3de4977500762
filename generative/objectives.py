"""What a training minimises: losses of batches, each with parameters and an optimizer of its own."""

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from neural.divergence import DivergedError
from neural.optimizers import Schedule


class Batch(NamedTuple):
    """What a loss is computed from.

    x : rows of the data, shape (b, n_features); (b, 0) without data
    condition : features of what is asked for, shape (b, n_condition), or None
    generator : of everything random in this step, on the device of ``x``
    step : counts the steps from 0
    progress : step / n_steps, for schedules
    """

    x: Tensor
    condition: Tensor | None
    generator: torch.Generator
    step: int
    progress: float


Loss = Callable[[Batch], Tensor | tuple[Tensor, Mapping[str, Tensor]]]


class Objective(NamedTuple):
    """A loss and the parameters that descend it, by Adam.

    loss : of a batch, a number; or (loss, other numbers by name, to be recorded)
    learning_rate : a number, or a schedule of this objective's updates
    every : steps between two updates; a critic with 1 learns five times as often as a generator with 5
    weight_decay : decoupled, as in AdamW
    settled : part of the training from which on the loss keeps its meaning; infinite for the loss of an adversary,
        whose values at different steps cannot be compared
    """

    name: str
    loss: Loss
    parameters: list[nn.Parameter]
    learning_rate: float | Schedule = 1e-3
    every: int = 1
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 0.0
    settled: float = 0.0

    def rate(self, step: int) -> float:
        """The learning rate of step ``step``."""
        return self.learning_rate(step // self.every) if callable(self.learning_rate) else self.learning_rate


class Descent:
    """An objective with its optimizer. Its parameters become views of one vector, and their gradient is another.

    So Adam, the norm of the gradient and the moving average are one pass over memory each.
    """

    def __init__(self, objective: Objective) -> None:
        self.objective, parameters = objective, objective.parameters
        vector = nn.utils.parameters_to_vector(parameters).detach().clone()
        nn.utils.vector_to_parameters(vector, parameters)
        self.parameters, self.gradient = vector, torch.zeros_like(vector)
        whole = nn.Parameter(vector)
        whole.grad = self.gradient
        settings: Any = dict(betas=objective.betas, weight_decay=objective.weight_decay)
        self.optimizer = torch.optim.AdamW([whole], lr=objective.rate(0), fused=True, **settings)

    @property
    def attached(self) -> bool:
        """Whether the parameters of the network are still views of the vector."""
        own = self.parameters.untyped_storage().data_ptr()
        return all(each.untyped_storage().data_ptr() == own for each in self.objective.parameters)

    def add(self, loss: Tensor, first: bool) -> None:
        """Add the gradient of ``loss`` to what the next update descends, or begin with the ``first``."""
        gradients = torch.autograd.grad(loss, self.objective.parameters, materialize_grads=True)
        parts = [gradient.reshape(-1) for gradient in gradients]
        if first:
            torch.cat(parts, out=self.gradient)
        else:
            self.gradient += torch.cat(parts)

    def update(self, loss: Tensor, step: int, clip: float | None) -> Tensor:
        """Descend the gradient of ``loss``, and return its norm. Raises ``DivergedError``, and changes nothing."""
        norm = torch.linalg.vector_norm(self.gradient)
        if not (math.isfinite(loss.item()) and math.isfinite(norm.item())):
            what = f"{self.objective.name} is {loss.item():g} and the norm of its gradient {norm.item():g}"
            raise DivergedError(f"step {step + 1}: {what}; lower the learning rate, or clip the gradient", step + 1)
        if clip is not None and norm.item() > clip:
            self.gradient.mul_(clip / norm)
        for group in self.optimizer.param_groups:
            group["lr"] = self.objective.rate(step)
        self.optimizer.step()
        return norm


def disjoint(objectives: list[Objective]) -> list[Objective]:
    """The objectives. Raises ``ValueError`` where two of them share a parameter or a name."""
    parameters = [id(p) for objective in objectives for p in objective.parameters]
    if len(set(parameters)) < len(parameters) or len({objective.name for objective in objectives}) < len(objectives):
        raise ValueError("expected objectives with names and parameters of their own, found some in common")
    return objectives


def split(found: Tensor | tuple[Tensor, Mapping[str, Tensor]]) -> tuple[Tensor, Mapping[str, Tensor]]:
    """The loss, and the other numbers that came with it."""
    return found if isinstance(found, tuple) else (found, {})
