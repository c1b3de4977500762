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
from collections.abc import Iterator, Mapping
from typing import Any, Self

import numpy as np

from generative.boltzmann.bit_training import Descent
from generative.boltzmann.natural import Coordinates, natural_gradient
from generative.boltzmann.options import check_counts, check_likelihood_every
from generative.boltzmann.records import Epoch, checked_state
from generative.boltzmann.restraint import correlation, excess, part_of_steps, shortened
from generative.boltzmann.sampling import Tempering
from neural.divergence import DivergedError, Watch
from neural.memory import check_memory
from neural.optimizers import GradientDescent, Momentum, Optimizer, Schedule, State
from neural.parameters import flatten, n_parameters, unflatten
from neural.saved import Saved

Array = np.ndarray

METHODS = ("cd", "pcd", "pt")
ROWS_OF_DIAGNOSTICS = 64
LARGEST_STEP = 1.0  # nats, standard deviation of the change of F in one update, where it is watched
LARGEST_STEP_OF_REAL_UNITS = 0.5
CHAIN_BYTES = 40  # of a unit, in work space and chains
TIMES_WORSE = 2.0  # than guessing, beyond the noise of a pseudo-likelihood
TIMES_LOST = 3  # records in a row that prove a model worse than none
ADVICE = 'a lower learning rate, a larger k, or method="pt" may help; the parameters are those of epoch'
FOLLOW = 0.01  # part of its distance to the mean of a batch by which the mean of the hidden units moves


class Training(Iterator[Epoch]):
    """The training of one model; each ``next`` is ``record_every`` epochs, after which ``state`` can be saved.

    train : configurations, shape (n, n_visible)
    method, k : "cd", "pcd" or "pt", and Gibbs steps for each update
    n_epochs, batch_size : the last batch of an epoch is smaller where batch_size does not divide n
    learning_rate : a number or a schedule of the update, for plain gradient descent
    optimizer : any of ``neural.optimizers`` instead; its l1 and l2 are the weight decay
    validation : configurations for the free-energy gap and the likelihood
    centred : see above; real units are unless ``natural`` or False
    natural : damping of the natural gradient, whose rate is at most 1, see ``natural``; 0 for the plain one
    n_chains : of "pcd" and "pt", as many as a batch has rows unless given
    likelihood_every : epochs between two log-likelihoods; 0 for none
    record_every : epochs between two records, which take no part in the training; the last epoch has one, too
    seed : of batches and chains, that of the model unless given

    A model that was never trained starts with the visible biases of the mean of the data, and with its scale where
    units are real. Steps are shortened where the model would run away from its chains, see ``restraint``.

    Raises ``ValueError`` for data that the model cannot represent, and ``DivergedError`` that names the epoch when a
    gradient is NaN or infinite, the pseudo-likelihood falls below where it began, or the model is proved worse than
    none; model and training are then those of the last epoch that was in order.
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
        centred: bool | None = None,
        natural: float = 0.0,
        n_chains: int | None = None,
        likelihood_every: int = 0,
        record_every: int = 1,
        seed: int | None = None,
    ) -> None:
        if method not in METHODS:
            raise ValueError(f"expected method {', '.join(METHODS)}, got {method!r}")
        centred = model.values == "real" and not natural if centred is None else centred
        n_chains = batch_size if n_chains is None else n_chains
        check_counts(k=k, n_epochs=n_epochs, batch_size=batch_size, n_chains=n_chains, record_every=record_every)
        if natural and (centred or not 0 < natural < math.inf):
            raise ValueError(f"expected natural > 0 and centred=False, got {natural} and {centred}")
        check_likelihood_every(likelihood_every)
        x = model.check(train, "training data")
        check_memory(
            n_chains * (model.n_visible + model.n_hidden) * CHAIN_BYTES * (8 if method == "pt" else 1),
            f"{n_chains} chains",
            "a smaller n_chains or batch_size",
        )
        self.model, self.rows = model, model.encode(x)
        self.validation = None if validation is None else model.check(validation, "validation data").astype(np.float64)
        self.method, self.k, self.n_epochs, self.batch_size = method, k, n_epochs, batch_size
        self.optimizer = optimizer or GradientDescent(learning_rate)
        self.centred, self.likelihood_every, self.record_every = centred, likelihood_every, record_every
        self.natural, self.coordinates = natural, Coordinates(model.parameter_groups) if natural else None
        self.seed = model.seed if seed is None else seed
        self.epoch, self.part, self.n_lost = 0, 1.0, 0
        self.watch = Watch("negative pseudo-likelihood", unit=1.0)
        self._start(x, n_chains)
        self.good = self.state()

    def _start(self, x: Array, n_chains: int) -> None:
        model, rng = self.model, np.random.default_rng([self.seed, 0])
        self.data_mean, variance = x.mean(axis=0, dtype=np.float64), x.var(axis=0, dtype=np.float64)
        model.base_bias = model.bias_of(self.data_mean, variance)
        if not model.trained:
            model.machine = model.begin(self.data_mean, variance)
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
        try:
            with np.errstate(over="ignore", invalid="ignore"):  # the error says more than a warning
                record = self._epochs(began)
                self._judge(record)
        except DivergedError as error:
            self._assign(self.good)
            raise DivergedError(f"{error}; {ADVICE} {self.epoch}", error.step) from None
        if self.watch.calm and not self.n_lost:
            self.good = self.state()
        return record

    def _epochs(self, began: float) -> Epoch:
        """Passes through the data up to the next record."""
        while True:
            self.epoch += 1
            rng = np.random.Generator(np.random.SFC64([self.seed, self.epoch]))
            machine, n_updates = self.model.machine, self.optimizer_state.step
            norm, before, after = self._pass(rng)
            last = self.epoch % self.record_every == 0 or self.epoch == self.n_epochs
            if self.method == "cd" and not last:
                continue
            rho = correlation(self.model.decode(before), self.model.decode(after))
            if self.method != "cd":
                self._restrain(rho, machine, self.optimizer_state.step - n_updates)
            if last:
                return self._record(norm, rho, rng, began)

    def _restrain(self, rho: float, old: Any, n_updates: int) -> None:
        """Choose the length of the steps of the next pass."""
        v = self.model.decode(self.chains).astype(np.float64)
        change = float(np.std(self.model.machine.free_energy(v) - old.free_energy(v))) / n_updates
        self.part = part_of_steps(self.part, rho, change)

    def _judge(self, record: Epoch) -> None:
        """Raises ``DivergedError`` for a model that runs away, or is proved worse than none, again or at the end."""
        if not math.isnan(record.pseudo_likelihood):
            self.watch.see(self.epoch, -record.pseudo_likelihood)
        complaint = self._useless(record)
        self.n_lost = self.n_lost + 1 if complaint else 0
        if self.n_lost == TIMES_LOST or (self.n_lost and self.epoch == self.n_epochs):
            raise DivergedError(f"epoch {self.epoch}: {complaint}", self.epoch)

    def _useless(self, record: Epoch) -> str:
        """Why the model is worse than one in which all configurations are equally likely; empty where it may not be."""
        model, chance = self.model, self.model.log_configurations
        if -record.pseudo_likelihood > TIMES_WORSE * chance:
            return f"the pseudo-likelihood is {record.pseudo_likelihood:.4g} nats, that of guessing is {-chance:.4g}"
        found = excess(model.machine, self._some_rows(), model.decode(self.chains).astype(np.float64))
        if found <= chance:  # False for NaN
            return ""
        return f"log p of the data is below {-found:.4g} nats, that of guessing is {-chance:.4g}"

    def _some_rows(self) -> Array:
        """As many rows, drawn at random, as there are chains or rows of diagnostics, whichever is more."""
        n = min(len(self.rows), max(ROWS_OF_DIAGNOSTICS, len(self.chains)))
        chosen = np.random.default_rng([self.seed, self.epoch, 1]).integers(0, len(self.rows), n)
        return self.model.decode(self.rows[chosen]).astype(np.float64)

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
            self.part * np.array([self.optimizer.rate(first + n) for n in range(n_batches)], dtype=np.float64),
            getattr(self.optimizer, "momentum", 0.0),
            np.zeros(n_parameters(self.model.machine)) if velocity is None else velocity.copy(),
            self.data_mean if self.centred else np.zeros_like(self.data_mean),
            self.hidden_mean.copy() if self.centred else np.zeros_like(self.hidden_mean),
            FOLLOW if self.centred else 0.0,
        )

    def _check(self, norm: float) -> None:
        if not math.isfinite(norm):
            raise DivergedError(f"epoch {self.epoch}: the gradient is {norm}", self.epoch)

    def _update(self, gradient: Array, data: Array) -> float:
        """One step of the optimizer; returns the norm of the gradient."""
        machine = self.model.machine
        if self.centred:
            gradient = self._centred_gradient(gradient, data)
            machine = self._shifted(machine, 1.0)
        norm = math.sqrt(gradient @ gradient)
        self._check(norm)
        old, scale = self.model.coordinates_of(machine)
        new, self.optimizer_state = self.optimizer.update(old, scale * gradient, self.optimizer_state)
        self.model.machine = self._after(
            machine, old, new - old if self._watched or self._part < 1 else None, new, data
        )
        return norm

    @property
    def _rate(self) -> float:
        """The rate of the last update."""
        return self.optimizer.rate(max(0, self.optimizer_state.step - 1))

    @property
    def _part(self) -> float:
        """Which part of the steps to take; a natural step is whole at a rate of 1 and never longer."""
        return self.part if self.coordinates is None else min(self.part, 1.0 / max(self._rate, 1.0))

    @property
    def _watched(self) -> bool:
        """Whether every update is looked at: long steps, of the natural gradient and of real units."""
        return self.coordinates is not None or self.model.values == "real"

    def _after(self, machine: Any, old: Array, step: Array | None, new: Array, data: Array) -> Any:
        """The machine after a step of its coordinates from ``old`` to ``new``, or part of it."""
        if step is None:
            return self._machine_at(machine, new)
        part = self._part
        if self._watched:
            v = self.model.decode(np.concatenate([data, self.chains])).astype(np.float64)
            before = self.model.machine.free_energy(v)
            there = lambda t: self._machine_at(machine, old + part * t * step)  # noqa: E731
            largest = LARGEST_STEP_OF_REAL_UNITS if self.model.values == "real" else LARGEST_STEP
            part *= shortened(lambda t: there(t).free_energy(v) - before, largest)
            if not part:
                raise DivergedError(f"epoch {self.epoch}: no part of a step keeps F finite", self.epoch)
        return self._machine_at(machine, old + part * step if part < 1 else new)

    def _machine_at(self, machine: Any, coordinates: Array) -> Any:
        """The machine with these coordinates, of units measured from 0."""
        machine = self.model.from_coordinates(machine, coordinates)
        return self.model.project(self._shifted(machine, -1.0) if self.centred else machine)

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
            self._part * self._rate,
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
            "part": self.part,
            "n_lost": self.n_lost,
            "watch": self.watch.state(),
        }
        if self.tempering is not None:
            tree["levels"] = self.tempering.levels
            tree["tempering_steps"] = self.tempering.ladder.n_steps
        return tree

    def restore(self, state: Any) -> None:
        """Continue from what ``state`` returned, to the same bits. Raises ``ValueError`` for any other state."""
        self._assign(self._checked(Saved(state)))
        self.good = self.state()

    def _checked(self, saved: Saved) -> dict[str, Any]:
        """The entries of a saved state, if they are what this training would save."""
        later = {"part": 1.0, "n_lost": 0, "watch": Watch().state()}
        found = checked_state(saved, self.state(), self.model, later)
        found["part"] = saved.number("part", 0.0, 1.0, default=1.0)
        found["n_lost"] = saved.integer("n_lost", most=TIMES_LOST, default=0)
        Watch().restore(found["watch"])
        return found

    def _assign(self, state: Mapping[str, Any]) -> None:
        self.model.restore(state["model"])
        self.watch.restore(state["watch"])
        self.epoch, self.part, self.n_lost = state["epoch"], state["part"], state["n_lost"]
        self.optimizer_state = State(state["updates"], dict(state["memory"]))
        self.chains, self.hidden_mean = state["chains"], state["hidden_mean"]
        if self.tempering is not None:
            self.tempering.levels, self.tempering.ladder.n_steps = state["levels"], state["tempering_steps"]
