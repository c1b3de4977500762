"""Mini-batch training as a generator of epoch records; printing, saving and stopping belong to the caller.

for epoch in fit(net, x, y, optimizer=Adam(1e-3), loss="categorical_cross_entropy", n_epochs=20, seed=1):
    print(epoch)
net = epoch.best.model
"""

import math
import time
from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

import numpy as np

from neural.divergence import DivergedError
from neural.losses import Loss, find_loss, sum_squared_error
from neural.optimizers import Optimizer, State
from neural.parameters import flatten, n_parameters, unflatten

Array = np.ndarray


class Trainable(Protocol):
    """A NamedTuple of parameters (see ``neural.parameters``) that predicts and knows the gradient of a loss."""

    def __call__(self, x: Array) -> Array: ...

    def backprop(self, x: Array, y: Array, loss: str | Loss) -> tuple[float, Any]: ...


class Best(NamedTuple):
    """The model with the lowest validation loss so far, or without validation the latest one."""

    epoch: int
    loss: float
    model: Any


class Epoch(NamedTuple):
    """One pass through the data.

    ``epoch`` counts from 1. ``loss`` is that of all samples, each taken when its batch was, before the update and
    without the optimizer's penalties; ``gradient_norm`` is the mean over batches, ``learning_rate`` that of the last
    update, ``wall_time`` in seconds. ``model`` is the one after the epoch, ``state`` its optimizer's: with ``best``
    all that is needed to go on.
    """

    epoch: int
    loss: float
    validation_loss: float | None
    gradient_norm: float
    learning_rate: float
    wall_time: float
    model: Any
    state: State
    best: Best

    def __str__(self) -> str:
        validation = "" if self.validation_loss is None else f"  validation {self.validation_loss:.6g}"
        return (
            f"epoch {self.epoch}  loss {self.loss:.6g}{validation}  |gradient| {self.gradient_norm:.3g}"
            f"  rate {self.learning_rate:.3g}  {self.wall_time:.3f} s"
        )


def fit(
    model: Trainable,
    x: Array,
    y: Array,
    *,
    optimizer: Optimizer,
    n_epochs: int,
    seed: int,
    loss: str | Loss = "mean_squared_error",
    batch_size: int = 64,
    validation: tuple[Array, Array] | None = None,
    patience: int | None = None,
    resume: Epoch | None = None,
) -> Iterator[Epoch]:
    """Train ``model`` on the inputs x (n, ...) and targets y (n, ...) for ``n_epochs`` passes; yield an ``Epoch`` each.

    Every epoch visits all samples once, in an order drawn from (seed, epoch) alone. The last batch is smaller when
    ``batch_size`` does not divide n. A loss is a mean over the samples of its batch, only ``sum_squared_error`` is a
    sum, and the losses of the batches are combined into that of the epoch accordingly.

    With ``validation`` = (x, y) and ``patience`` training ends when the validation loss has not fallen for that many
    epochs. With ``resume``, a record of an earlier run, training goes on from there to the same bits as without
    the interruption.

    Raises ``ValueError`` for arguments that do not fit together, and ``DivergedError`` with the epoch and the
    batch at the first loss or gradient that is NaN or infinite.
    """
    if len(x) != len(y) or len(x) == 0:
        raise ValueError(f"expected as many inputs as targets and at least one, got {len(x)} and {len(y)}")
    for name, value in (("n_epochs", n_epochs), ("batch_size", batch_size), ("patience", patience)):
        if value is not None and value < 1:
            raise ValueError(f"expected {name} >= 1, got {value}")
    if patience is not None and validation is None:
        raise ValueError("expected validation=(x, y) with patience: early stopping watches the validation loss")
    start = resume or _before_training(model, optimizer)
    find = getattr(model, "check_loss", find_loss)  # a model may know which losses its outputs are for
    return _epochs(start, x, y, optimizer, find(loss), n_epochs, batch_size, seed, validation, patience)


def _before_training(model: Any, optimizer: Optimizer) -> Epoch:
    state = optimizer.init(n_parameters(model))
    return Epoch(0, math.inf, None, 0.0, optimizer.rate(0), 0.0, model, state, Best(0, math.inf, model))


def _epochs(
    last: Epoch,
    x: Array,
    y: Array,
    optimizer: Optimizer,
    loss: Loss,
    n_epochs: int,
    batch_size: int,
    seed: int,
    validation: tuple[Array, Array] | None,
    patience: int | None,
) -> Iterator[Epoch]:
    while last.epoch < n_epochs and (patience is None or last.epoch - last.best.epoch < patience):
        batches = _shuffled_batches(len(x), batch_size, seed, last.epoch + 1)
        with np.errstate(over="ignore", invalid="ignore"):  # the error says more than a warning
            last = _one_epoch(last, x, y, batches, optimizer, loss, validation)
        yield last


def _shuffled_batches(n_samples: int, batch_size: int, seed: int, epoch: int) -> list[Array]:
    order = np.random.default_rng([seed, epoch]).permutation(n_samples)
    return [order[start : start + batch_size] for start in range(0, n_samples, batch_size)]


def _one_epoch(
    last: Epoch,
    x: Array,
    y: Array,
    batches: list[Array],
    optimizer: Optimizer,
    loss: Loss,
    validation: tuple[Array, Array] | None,
) -> Epoch:
    began = time.perf_counter()
    epoch, model, state = last.epoch + 1, last.model, last.state
    parameters = flatten(model)
    total_loss = total_norm = 0.0
    for number, rows in enumerate(batches, start=1):
        value, gradient = model.backprop(x[rows], y[rows], loss=loss)
        gradient = flatten(gradient)
        norm = math.sqrt(gradient @ gradient)
        if not math.isfinite(value + norm):
            raise _diverged(f"epoch {epoch}, batch {number}: loss {value}, norm of its gradient {norm}", epoch)
        parameters, state = optimizer.update(parameters, gradient, state)
        model = unflatten(model, parameters)
        total_loss += value if loss is sum_squared_error else value * len(rows) / len(x)
        total_norm += norm
    validation_loss, best = _validate(last.best, epoch, total_loss, model, loss, validation)
    rate, norm = optimizer.rate(state.step - 1), total_norm / len(batches)
    return Epoch(epoch, total_loss, validation_loss, norm, rate, time.perf_counter() - began, model, state, best)


def _validate(
    best: Best, epoch: int, loss_value: float, model: Any, loss: Loss, validation: tuple[Array, Array] | None
) -> tuple[float | None, Best]:
    """The validation loss and the best model including this one."""
    if validation is None:
        return None, Best(epoch, loss_value, model)
    value, _ = loss(model(validation[0]), validation[1])
    if not math.isfinite(value):
        raise _diverged(f"epoch {epoch}: validation loss {value}", epoch)
    return value, Best(epoch, value, model) if value < best.loss else best


def _diverged(where: str, epoch: int) -> DivergedError:
    return DivergedError(f"{where}; lower the learning rate, or look for NaN and infinity in the data", epoch)
