"""Maximum-likelihood training of Boltzmann machines by samples of the model, as an iterator of epoch records.

    d log p / d parameters = -<dF>_data + <dF>_model

The average over the model is taken over chains:

    "cd"    contrastive divergence: k Gibbs steps from the data (G. Hinton, Neural Comput. 14, 1771 (2002))
    "pcd"   persistent chains, k steps for each update (T. Tieleman, ICML 2008)
    "pt"    persistent chains at a ladder of temperatures (G. Desjardins et al., AISTATS 2010)

With ``centred``, visible and hidden units are measured from their means over the data, which makes the gradient the
same for a machine and for the one with 0 and 1 exchanged (J. Melchior, A. Fischer, L. Wiskott, JMLR 17, 1 (2016),
eqs. (8)-(11)).
"""

import math
import time
from collections.abc import Iterator
from typing import Any, NamedTuple, Self

import numpy as np

from generative.boltzmann.bit_training import Descent
from generative.boltzmann.likelihood import LogLikelihood
from generative.boltzmann.natural import Coordinates, natural_gradient
from generative.boltzmann.sampling import Tempering
from neural.optimizers import GradientDescent, Momentum, Optimizer, Schedule, State
from neural.parameters import flatten, n_parameters, unflatten

Array = np.ndarray

METHODS = ("cd", "pcd", "pt")
ROWS_OF_DIAGNOSTICS = 64
FOLLOW = 0.01  # part of its distance to the mean of a batch by which the mean of the hidden units moves


class Epoch(NamedTuple):
    """One pass through the data; ``epoch`` counts from 1.

    gradient_norm : mean over the batches
    reconstruction : mean squared difference of a unit and its mean after one step to the hidden units and back
    pseudo_likelihood : log p(v_i | others) of one random unit in each row, times n_visible: nats per configuration
    free_energy_gap : mean F of the validation rows less that of training rows, nats; grows with overfitting
    chain_correlation : of the units of a chain before and after the k steps of an update: 1 stands still, 0 is new
    log_likelihood : of the validation rows (or of training rows), where it was asked for

    The first four but the norm are measured on 64 rows at most.
    """

    epoch: int
    gradient_norm: float
    reconstruction: float
    pseudo_likelihood: float
    free_energy_gap: float | None
    chain_correlation: float
    log_likelihood: LogLikelihood | None
    learning_rate: float
    wall_time: float

    def __str__(self) -> str:
        gap = "" if self.free_energy_gap is None else f"  F gap {self.free_energy_gap:.3g}"
        likelihood = "" if self.log_likelihood is None else f"  log p {self.log_likelihood}"
        return (
            f"epoch {self.epoch}  |gradient| {self.gradient_norm:.3g}  reconstruction {self.reconstruction:.4g}"
            f"  pseudo-likelihood {self.pseudo_likelihood:.4g}{gap}  chain correlation {self.chain_correlation:.2f}"
            f"{likelihood}  {self.wall_time:.3f} s"
        )


class Training(Iterator[Epoch]):
    """The training of one model; each ``next`` is ``record_every`` epochs, after which ``state`` can be saved.

    train : configurations, shape (n, n_visible)
    method, k : "cd", "pcd" or "pt", and Gibbs steps for each update
    n_epochs, batch_size : the last batch of an epoch is smaller where batch_size does not divide n
    learning_rate : a number or a schedule of the update, for plain gradient descent
    optimizer : any of ``neural.optimizers`` instead; its l1 and l2 are the weight decay
    validation : configurations for the free-energy gap and the likelihood
    centred : see above
    natural : damping of the natural gradient, see ``natural``; 0 for the plain one
    n_chains : of "pcd" and "pt", as many as a batch has rows unless given
    likelihood_every : epochs between two log-likelihoods; 0 for none
    record_every : epochs between two records, which take no part in the training; the last epoch has one, too
    seed : of batches and chains, that of the model unless given

    A model that was never trained starts with the visible biases of the mean of the data.
    Raises ``ValueError`` for data that the model cannot represent, and ``FloatingPointError`` that names the epoch when
    a gradient is NaN or infinite.
    """

    def __init__(
        self,
        model: Any,
        train: Any,
        *,
        method: str = "pcd",
        k: int = 1,
        n_epochs: int = 10,
        batch_size: int = 64,
        learning_rate: float | Schedule = 0.05,
        optimizer: Optimizer | None = None,
        validation: Any = None,
        centred: bool = False,
        natural: float = 0.0,
        n_chains: int | None = None,
        likelihood_every: int = 0,
        record_every: int = 1,
        seed: int | None = None,
    ) -> None:
        if method not in METHODS:
            raise ValueError(f"expected method {', '.join(METHODS)}, got {method!r}")
        sizes = dict(k=k, n_epochs=n_epochs, batch_size=batch_size, n_chains=n_chains or batch_size)
        for name, value in (sizes | {"record_every": record_every}).items():
            if value < 1:
                raise ValueError(f"expected {name} >= 1, got {value}")
        if natural and (centred or not 0 < natural < math.inf):
            raise ValueError(f"expected natural > 0 and centred=False, got {natural} and {centred}")
        x = model.check(train, "training data")
        self.model, self.rows = model, model.encode(x)
        self.validation = None if validation is None else model.check(validation, "validation data").astype(np.float64)
        self.method, self.k, self.n_epochs, self.batch_size = method, k, n_epochs, batch_size
        self.optimizer = optimizer or GradientDescent(learning_rate)
        self.centred, self.likelihood_every, self.record_every = centred, likelihood_every, record_every
        self.natural, self.coordinates = natural, Coordinates(model.parameter_groups) if natural else None
        self.seed = model.seed if seed is None else seed
        self.epoch = 0
        self._start(x, sizes["n_chains"])

    def _start(self, x: Array, n_chains: int) -> None:
        model, rng = self.model, np.random.default_rng([self.seed, 0])
        self.data_mean = x.mean(axis=0, dtype=np.float64)
        model.base_bias = model.bias_of(self.data_mean, x.var(axis=0, dtype=np.float64))
        if not model.trained:
            model.machine = model.project(model.machine._replace(visible_bias=model.base_bias.copy()))
        model.trained = True
        self.optimizer_state = self.optimizer.init(n_parameters(model.machine))
        self.hidden_mean = model.machine.hidden_means(self.data_mean[None])[0]
        self.tempering = Tempering(model, n_chains, rng) if self.method == "pt" else None
        self.chains = model.encode(model.draw_base(n_chains, rng))

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Epoch:
        if self.epoch >= self.n_epochs:
            raise StopIteration
        began = time.perf_counter()
        with np.errstate(over="ignore", invalid="ignore"):  # the error says more than a warning
            while True:
                self.epoch += 1
                rng = np.random.Generator(np.random.SFC64([self.seed, self.epoch]))
                norm, before, after = self._pass(rng)
                if self.epoch % self.record_every == 0 or self.epoch == self.n_epochs:
                    correlation = _correlation(self.model.decode(before), self.model.decode(after))
                    return self._record(norm, correlation, rng, began)

    def _pass(self, rng: np.random.Generator) -> tuple[float, Array, Array]:
        """One pass through the data: the mean norm of the gradient, and the chains around the last update."""
        order = rng.permutation(len(self.rows))
        starts = range(0, len(order), self.batch_size)
        if self.compiled and self.coordinates is None:
            return self._compiled_pass(order, len(starts), rng)
        total, before, after, last = 0.0, self.chains, self.chains, self.rows[order[: self.batch_size]]
        for start in starts:
            data = self.rows[order[start : start + self.batch_size]]
            before, gradient, after = self._gradient(data, rng)
            if self.coordinates is not None:
                slopes = self.coordinates.slopes(self.model.machine.gradients(self.model.decode(last)))
                gradient, last = natural_gradient(gradient, slopes, self.coordinates, self.natural), data
            total += self._update(gradient, data)
        return total / len(starts), before, after

    @property
    def compiled(self) -> bool:
        """Whether a whole pass is one kernel: gradient descent of bits, with or without momentum."""
        plain = type(self.optimizer) in (GradientDescent, Momentum) and not (self.optimizer.l1 or self.optimizer.l2)
        return plain and self.method != "pt" and hasattr(self.model, "descend")

    def _compiled_pass(self, order: Array, n_batches: int, rng: np.random.Generator) -> tuple[float, Array, Array]:
        descent, chains = self._descent(n_batches), None if self.method == "cd" else self.chains
        norm, before, after = self.model.descend(self.rows, (order, self.batch_size), descent, self.k, chains, rng)
        self._check(norm)
        memory = dict.fromkeys(self.optimizer.memory, descent.velocity)
        self.optimizer_state = State(self.optimizer_state.step + n_batches, memory)
        if self.centred:
            self.hidden_mean = descent.hidden_mean
        if self.method != "cd":
            self.chains = after
        return norm, before, after

    def _descent(self, n_batches: int) -> Descent:
        """What the kernel of a pass needs; without ``centred``, units are measured from 0."""
        first, velocity = self.optimizer_state.step, self.optimizer_state.memory.get("velocity")
        return Descent(
            np.array([self.optimizer.rate(first + n) for n in range(n_batches)], dtype=np.float64),
            getattr(self.optimizer, "momentum", 0.0),
            np.zeros(n_parameters(self.model.machine)) if velocity is None else velocity.copy(),
            self.data_mean if self.centred else np.zeros_like(self.data_mean),
            self.hidden_mean.copy() if self.centred else np.zeros_like(self.hidden_mean),
            FOLLOW if self.centred else 0.0,
        )

    def _check(self, norm: float) -> None:
        if not math.isfinite(norm):
            raise FloatingPointError(f"epoch {self.epoch}: the gradient is {norm}; lower the learning rate")

    def _update(self, gradient: Array, data: Array) -> float:
        """One step of the optimizer; returns the norm of the gradient."""
        machine = self.model.machine
        if self.centred:
            gradient = self._centred_gradient(gradient, data)
            machine = self._shifted(machine, 1.0)
        norm = math.sqrt(gradient @ gradient)
        self._check(norm)
        parameters, self.optimizer_state = self.optimizer.update(flatten(machine), gradient, self.optimizer_state)
        machine = unflatten(machine, parameters)
        self.model.machine = self.model.project(self._shifted(machine, -1.0) if self.centred else machine)
        return norm

    def _gradient(self, data: Array, rng: np.random.Generator) -> tuple[Array, Array, Array]:
        """The chains before, the gradient, and the chains after k steps."""
        k, before = self.k, data if self.method == "cd" else self.chains
        if self.tempering is not None:
            self.tempering.rng = rng
            for _ in range(self.k):
                self.tempering.step()
            k, before = 0, self.model.encode(self.tempering.v)
        gradient, after = self.model.contrast(data, before, k, rng)
        if self.tempering is not None:
            before = self.chains
        if self.method != "cd":
            self.chains = after
        return before, gradient, after

    def _centred_gradient(self, gradient: Array, data: Array) -> Array:
        """The gradient in units measured from their means: dW - mu db^T - da lambda^T; lambda is a running mean."""
        slopes = unflatten(self.model.machine, gradient)
        batch_mean = self.model.machine.hidden_means(self.model.decode(data)).mean(axis=0)
        self.hidden_mean = self.hidden_mean + FOLLOW * (batch_mean - self.hidden_mean)
        mu = self.model.machine.inputs(self.data_mean)
        W = slopes.weights - np.outer(mu, slopes.hidden_bias) - np.outer(slopes.visible_bias, self.hidden_mean)
        return flatten(slopes._replace(weights=W))

    def _shifted(self, machine: Any, sign: float) -> Any:
        """To the biases of units measured from their means, a + W lambda and b + W^T mu, or back with ``sign`` -1."""
        a = machine.visible_bias + sign * machine.weights @ self.hidden_mean
        b = machine.hidden_bias + sign * machine.inputs(self.data_mean) @ machine.weights
        return machine._replace(visible_bias=a, hidden_bias=b)

    def _record(self, norm: float, correlation: float, rng: np.random.Generator, began: float) -> Epoch:
        model = self.model
        rows = model.decode(self.rows[rng.integers(0, len(self.rows), min(ROWS_OF_DIAGNOSTICS, len(self.rows)))])
        reconstruction, pseudo_likelihood = model.diagnose(rows, rng)
        gap = likelihood = None
        if self.validation is not None:
            others = self.validation[rng.integers(0, len(self.validation), len(rows))]
            gap = float(model.machine.free_energy(others).mean() - model.machine.free_energy(rows).mean())
        if self.likelihood_every and self.epoch % self.likelihood_every == 0:
            likelihood = model.log_likelihood(self.validation if self.validation is not None else rows)
        return Epoch(
            self.epoch,
            norm,
            reconstruction,
            pseudo_likelihood,
            gap,
            correlation,
            likelihood,
            self.optimizer.rate(max(0, self.optimizer_state.step - 1)),
            time.perf_counter() - began,
        )

    def state(self) -> dict[str, Any]:
        """Model, optimizer and chains: everything to continue bit for bit, as a tree of arrays and numbers."""
        tree = {
            "model": self.model.state(),
            "epoch": self.epoch,
            "updates": self.optimizer_state.step,
            "memory": dict(self.optimizer_state.memory),
            "chains": self.chains,
            "hidden_mean": self.hidden_mean,
        }
        if self.tempering is not None:
            tree["levels"] = self.tempering.levels
            tree["tempering_steps"] = self.tempering.ladder.n_steps
        return tree

    def restore(self, state: Any) -> None:
        """Continue from what ``state`` returned, to the same bits."""
        self.model.restore(state["model"])
        self.epoch = int(state["epoch"])
        memory = {name: np.array(array) for name, array in state["memory"].items()} if "memory" in state else {}
        self.optimizer_state = State(int(state["updates"]), memory)
        self.chains, self.hidden_mean = np.array(state["chains"]), np.array(state["hidden_mean"])
        if self.tempering is not None:
            self.tempering.levels = np.array(state["levels"])
            self.tempering.ladder.n_steps = int(state["tempering_steps"])


def _correlation(before: Array, after: Array) -> float:
    """The correlation of the units of the chains, pooled, about their means over the chains."""
    if before.shape != after.shape:
        return math.nan
    centre = 0.5 * (before.mean(axis=0) + after.mean(axis=0))
    x, y = before - centre, after - centre
    scale = math.sqrt(float(np.sum(x * x) * np.sum(y * y)))
    return float(np.sum(x * y)) / scale if scale else math.nan
