"""Deep Boltzmann machines: layers of units 0 and 1, each coupled to the next.

    p(v, h_1, ..., h_L) = e^-E / Z        E = - sum_l b_l.x_l - sum_l x_(l-1) W_l x_l,    x_0 = v, x_l = h_l

Given the even layers the units of the odd ones are independent, and the other way round: the machine is a restricted
one whose visible units are those of all even layers. So log Z and samples are those of ``restricted()``. What is new is
the sum over the hidden units of a given v, exact where they are few, and otherwise bounded by the mean field:

    log p(v) >= -E(v, mu) + sum of the entropies of mu - log Z     mu_l = sigmoid(b_l + mu_(l-1) W_l + W_(l+1) mu_(l+1))

Source: R. Salakhutdinov and G. Hinton, AISTATS 2009, eqs. (5)-(9), and section 3.2 for the pretraining.
"""

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple, Self

import numpy as np

from generative.boltzmann.likelihood import LogLikelihood, LogPartition, sum_over_units
from generative.boltzmann.models import BernoulliRBM
from generative.boltzmann.objects import Comparable, described, frozen, read_only
from generative.boltzmann.options import check_counts, check_likelihood_every, check_options
from generative.boltzmann.records import checked_state
from generative.datasets.dataset import check_configurations
from neural.activations import sigmoid
from neural.boltzmann import BinaryBoltzmann
from neural.divergence import DivergedError, Signal, Watch
from neural.memory import check_memory
from neural.optimizers import Adam, Optimizer, State
from neural.parameters import flatten, n_parameters, unflatten
from neural.saved import Saved

Array = np.ndarray

MOST_HIDDEN = 12  # of the smaller half of the hidden layers, for a sum over all their configurations for every row
LARGEST_PARAMETER = 1e3  # at which a unit is as certain as a number can say
MOST_MEAN_FIELD_STEPS, TOLERANCE = 200, 1e-6


class Parameters(NamedTuple):
    """``biases`` b_0 (the visible one) to b_L, and ``weights`` W_1 to W_L, of shape (n_(l-1), n_l)."""

    biases: tuple[Array, ...]
    weights: tuple[Array, ...]


class DeepEpoch(NamedTuple):
    """One pass through the data; ``epoch`` counts from 1.

    gradient_norm : mean over the batches
    reconstruction : mean squared difference of a visible unit and its mean given the mean field of the hidden ones
    log_likelihood : of the validation rows (or of training rows), where it was asked for
    """

    epoch: int
    gradient_norm: float
    reconstruction: float
    log_likelihood: LogLikelihood | None
    learning_rate: float
    wall_time: float


class DeepBoltzmannMachine(Comparable):
    """Visible units and two or more hidden layers, all 0 or 1.

    layers : numbers of units, the visible ones first
    seed : of the first weights, normal with standard deviation ``scale``, and of training unless it gets its own

    Raises ``ValueError`` for fewer than two hidden layers or an empty one.
    """

    values = "bits"

    def __init__(self, layers: Sequence[int], *, seed: int, scale: float = 0.01) -> None:
        if len(layers) < 3 or min(layers) < 1:
            raise ValueError(
                f"expected the numbers of units of the visible and two or more hidden layers, got {layers}"
            )
        rng = np.random.default_rng(seed)
        weights = tuple(scale * rng.standard_normal(shape) for shape in pairwise(layers))
        self.parameters = Parameters(tuple(np.zeros(n) for n in layers), weights)
        self.layers, self.seed = tuple(int(n) for n in layers), seed
        self.data_mean: Array | None = None
        self._restricted: tuple[Any, Any, Any] = (None, None, None)

    @property
    def parameters(self) -> Parameters:
        """Biases and weights, read-only arrays; others of the same shapes may be assigned."""
        return self._parameters

    @parameters.setter
    def parameters(self, parameters: Parameters) -> None:
        self._parameters = frozen(parameters)

    def __repr__(self) -> str:
        return described("DeepBoltzmannMachine", self.parameters, layers=self.layers)

    @property
    def n_visible(self) -> int:
        """Number of visible units."""
        return self.layers[0]

    def check(self, x: Any, what: str = "configurations") -> Array:
        """``x`` as configurations of 0 and 1, or a ``ValueError`` with the remedy."""
        return check_configurations(x, self.n_visible, "bits", what)

    # the same machine with two layers

    def _joined(self, first: Sequence[int], second: Sequence[int]) -> BinaryBoltzmann:
        """The machine that couples two sets of layers, those of each one after the other."""
        b, W = self.parameters
        block = {(l, l + 1): each for l, each in enumerate(W)} | {(l + 1, l): each.T for l, each in enumerate(W)}
        empty = lambda i, j: np.zeros((self.layers[i], self.layers[j]))  # noqa: E731
        weights = np.block([[block.get((i, j), empty(i, j)) for j in second] for i in first])
        return BinaryBoltzmann(*(np.concatenate([b[l] for l in group]) for group in (first, second)), weights)

    def restricted(self) -> BernoulliRBM:
        """The restricted machine of the same units: its visible ones are v, h_2, ..., its hidden ones h_1, h_3, ..."""
        if self._restricted[0] is not self.parameters or self._restricted[1] is not self.data_mean:
            even, odd = range(0, len(self.layers), 2), range(1, len(self.layers), 2)
            machine = self._joined(even, odd)
            model = BernoulliRBM(*machine.weights.shape, seed=self.seed)
            model.machine, model.trained = machine, True
            mean = np.full(self.n_visible, 0.5) if self.data_mean is None else self.data_mean
            model.base_bias[: self.n_visible] = model.bias_of(mean, mean)
            self._restricted = self.parameters, self.data_mean, model
        return self._restricted[2]

    # the distribution

    def energy(self, units: Sequence[Array]) -> Array:
        """E of configurations of all layers, each of shape (n, n_l); shape (n,). Means may stand for hidden units."""
        b, W = self.parameters
        energies = [-(x @ bias) for x, bias in zip(units, b)]
        energies += [-np.sum((x @ w) * y, axis=1) for x, w, y in zip(units[:-1], W, units[1:])]
        return np.sum(energies, axis=0)

    def _layer_means(self, units: Sequence[Array], l: int) -> Array:
        """The means of layer l given its neighbours."""
        b, W = self.parameters
        field = b[l]
        if l > 0:
            field = field + units[l - 1] @ W[l - 1]
        if l < len(W):
            field = field + units[l + 1] @ W[l].T
        return sigmoid(field)

    def mean_field(self, x: Any, n_steps: int = MOST_MEAN_FIELD_STEPS) -> list[Array]:
        """v and the means mu_1 to mu_L that solve the mean-field equations, found by at most ``n_steps`` sweeps."""
        v = np.asarray(x, dtype=np.float64)
        units = [v, *(np.full((len(v), n), 0.5) for n in self.layers[1:])]
        for _ in range(n_steps):
            largest = 0.0
            for l in range(1, len(self.layers)):
                means = self._layer_means(units, l)
                largest = max(largest, float(np.abs(means - units[l]).max(initial=0.0)))
                units[l] = means
            if largest < TOLERANCE:
                break
        return units

    def bound(self, x: Any) -> Array:
        """A lower bound of log sum_h e^-E(v, h), shape (n,): -E(v, mu) and the entropy of independent units mu."""
        units = self.mean_field(self.check(x))
        return -self.energy(units) + sum(np.sum(_entropy(mu), axis=1) for mu in units[1:])

    @property
    def _hidden_halves(self) -> tuple[list[int], list[int]]:
        """The hidden layers as two sets of independent ones, the smaller set first."""
        halves = list(range(1, len(self.layers), 2)), list(range(2, len(self.layers), 2))
        small, large = sorted(halves, key=lambda half: sum(self.layers[l] for l in half))
        return small, large

    def can_sum(self) -> bool:
        """Whether the sum over the hidden units of one v is short."""
        return sum(self.layers[l] for l in self._hidden_halves[0]) <= MOST_HIDDEN

    def log_weight(self, x: Any) -> Array:
        """log sum_h e^-E(v, h) = log p(v) + log Z, exact, shape (n,).

        Raises ``ValueError`` for too many hidden units.
        """
        if not self.can_sum():
            raise ValueError(
                f"expected at most {MOST_HIDDEN} units in one of the layers {self._hidden_halves} of {self.layers}, "
                'found more: use log_likelihood(x, method="variational")'
            )
        v = self.check(x).astype(np.float64)
        small, large = self._hidden_halves
        machine = self._joined(small, large)
        values, shift = np.empty(len(v)), v @ self.parameters.weights[0]
        n_small, n_large = (sum(self.layers[l] for l in half) for half in (small, large))
        for row, field in enumerate(shift):
            below, above = (
                np.concatenate([field, np.zeros(n - len(field))]) if half[0] == 1 else np.zeros(n)
                for half, n in ((small, n_small), (large, n_large))
            )
            a, b = machine.visible_bias + below, machine.hidden_bias + above
            values[row] = sum_over_units(a, machine.weights, b, machine.log_sum, (0.0, 1.0))
        return values + v @ self.parameters.biases[0]

    def log_partition(self, **options: Any) -> LogPartition:
        """log Z, by a sum over the odd or over the even layers, or annealed: see ``likelihood.log_partition``."""
        return self.restricted().log_partition(**options)

    @property
    def likelihood(self) -> str | None:
        """Of which kind ``log_prob`` is; None where there are too many hidden units for it."""
        return "exact" if self.can_sum() else None

    def log_prob(self, x: Any) -> Array:
        """log p(v) in nats, shape (n,), for few hidden units; log Z is that of ``log_partition``."""
        return self.log_weight(x) - self.log_partition().mean

    def log_likelihood(self, x: Any, *, method: str = "auto", **options: Any) -> LogLikelihood:
        """The mean of log p over the rows of ``x``, in nats per configuration; ``options`` are those of log Z.

        method : "exact", the sum over hidden units; "variational", a lower bound, which the result says; or "auto"
        """
        if method not in ("auto", "exact", "variational"):
            raise ValueError(f'expected method "exact", "variational" or "auto", got {method!r}')
        bound = method == "variational" or (method == "auto" and not self.can_sum())
        values, log_z = self.bound(x) if bound else self.log_weight(x), self.log_partition(**options)
        n, mean = len(values), float(values.mean()) - log_z.mean
        variance = float(values.var(ddof=1)) if n > 1 else math.nan
        error = math.hypot(math.sqrt(variance / n), log_z.error)
        return LogLikelihood(mean, error, n_eff=n, n=n, variance=variance, log_partition=log_z, bound=bound)

    def sample(self, n: int, seed: Any, **options: Any) -> Array:
        """``n`` decorrelated configurations, shape (n, n_visible); see ``sampling.sample`` for the options."""
        return self.restricted().sample(n, seed, **options)[:, : self.n_visible]

    # training

    def pretrain(self, train: Any, *, n_epochs: int = 10, batch_size: int = 64, rate: float = 0.005) -> Self:
        """Greedy: layer after layer as a restricted machine of its own, by contrastive divergence with Adam.

        A unit within the stack gets its field from below and from above; each machine is trained as if its share came
        twice, by doubling the visible units of the first, the hidden units of the last, and halving those between.
        """
        x, b, W = self.check(train, "training data").astype(np.float64), list(self.parameters.biases), []
        rng = np.random.default_rng([self.seed, 1])
        for l, (below, above) in enumerate(pairwise(self.layers)):
            first, last = l == 0, l == len(self.layers) - 2
            copies = (1 + first, 1 + last)
            model = _Tied(below, above, copies, seed=self.seed + l)
            rows = np.tile(x, (1, copies[0]))
            for _ in model.fit(rows, method="cd", n_epochs=n_epochs, batch_size=batch_size, optimizer=Adam(rate)):
                pass
            a, c, w = model.machine
            b[l], b[l + 1] = (a[:below] if first else b[l]), c[:above]
            W.append(w[:below, :above] * (1.0 if first or last else 0.5))
            h = model.machine.hidden_means(rows)[:, :above]
            x = (rng.random(h.shape) < h).astype(np.float64)
        self.parameters = Parameters(tuple(each.copy() for each in b), tuple(each.copy() for each in W))
        return self

    def fit(self, train: Any, **options: Any) -> Iterator[DeepEpoch]:
        """Train by maximum likelihood: an iterator of epoch records; see ``DeepTraining`` for the options."""
        check_options(DeepTraining.__init__, options)
        return DeepTraining(self, train, **options)

    def state(self) -> dict[str, Any]:
        """Everything that defines the model, as a tree of arrays and numbers."""
        b, W = self.parameters
        tree: dict[str, Any] = {"biases": {str(l): each for l, each in enumerate(b)}}
        tree["weights"] = {str(l + 1): each for l, each in enumerate(W)}
        return tree if self.data_mean is None else tree | {"data_mean": self.data_mean}

    def restore(self, state: Any) -> None:
        """Take over what ``state`` returned. Raises ``ValueError`` for a state that is not one of such a model."""
        saved = Saved(state)
        saved.names(["biases", "weights"], optional=["data_mean"])
        biases, weights = saved.part("biases"), saved.part("weights")
        n_layers = len(self.layers)
        if len(biases.state) != n_layers:
            saved.refuse(f"a machine with layers {self.layers}", f"{len(biases.state)} layers", "biases")
        b = tuple(biases.array(str(l), (self.layers[l],), np.float64) for l in range(n_layers))
        W = tuple(weights.array(str(l), self.layers[l - 1 : l + 1], np.float64) for l in range(1, n_layers))
        mean = (
            saved.array("data_mean", (self.n_visible,), np.float64, least=0, most=1) if "data_mean" in saved else None
        )
        self.parameters, self.data_mean = Parameters(b, W), None if mean is None else read_only(mean)


def _entropy(p: Array) -> Array:
    """-p log p - (1 - p) log(1 - p), 0 at both ends."""
    from scipy.special import entr

    return entr(p) + entr(1.0 - p)


class _Tied(BernoulliRBM):
    """A machine whose units come in equal copies, of which there are (visible, hidden)."""

    def __init__(self, n_visible: int, n_hidden: int, copies: tuple[int, int], *, seed: int) -> None:
        super().__init__(n_visible * copies[0], n_hidden * copies[1], seed=seed)
        self.copies = copies
        self.machine = self.project(self.machine)

    def project(self, machine: Any) -> Any:
        """The mean over the copies."""
        (m, n), (i, j) = self.copies, (self.n_visible // self.copies[0], self.n_hidden // self.copies[1])
        a = np.tile(machine.visible_bias.reshape(m, i).mean(axis=0), m)
        b = np.tile(machine.hidden_bias.reshape(n, j).mean(axis=0), n)
        return machine._replace(
            visible_bias=a,
            hidden_bias=b,
            weights=np.tile(machine.weights.reshape(m, i, n, j).mean(axis=(0, 2)), (m, n)),
        )


class DeepTraining(Iterator[DeepEpoch]):
    """The training of a deep machine: a mean field of the hidden units for the data, persistent chains for the model.

    k : Gibbs steps of the ``n_chains`` chains (as many as a batch has rows unless given) for each update
    n_epochs, batch_size, optimizer, seed : as in ``Training``; Adam with a rate of 0.005 unless given
    mean_field_steps : sweeps for each batch
    validation, likelihood_every : rows, and epochs between two log-likelihoods; 0 for none

    ``state`` after an epoch continues to the same bits. Raises ``FloatingPointError`` that names the epoch when a
    gradient is NaN or infinite.
    """

    def __init__(
        self,
        model: DeepBoltzmannMachine,
        train: Any,
        *,
        k: int = 5,
        n_epochs: int = 10,
        batch_size: int = 64,
        optimizer: Optimizer | None = None,
        mean_field_steps: int = 10,
        n_chains: int | None = None,
        validation: Any = None,
        likelihood_every: int = 0,
        seed: int | None = None,
    ) -> None:
        n_chains = batch_size if n_chains is None else n_chains
        sizes = dict(k=k, n_epochs=n_epochs, batch_size=batch_size, mean_field_steps=mean_field_steps)
        check_counts(**sizes, n_chains=n_chains)
        check_likelihood_every(likelihood_every)
        check_memory(n_chains * sum(model.layers) * 40, f"{n_chains} chains", "a smaller n_chains or batch_size")
        self.model, self.rows = model, model.check(train, "training data").astype(np.float64)
        self.validation = None if validation is None else model.check(validation, "validation data")
        self.k, self.n_epochs, self.batch_size, self.mean_field_steps = k, n_epochs, batch_size, mean_field_steps
        self.optimizer, self.likelihood_every = optimizer or Adam(0.005), likelihood_every
        self.seed, self.epoch = model.seed if seed is None else seed, 0
        if model.data_mean is None:
            model.data_mean, p = read_only(self.rows.mean(axis=0)), np.clip(self.rows.mean(axis=0), 0.01, 0.99)
            if not model.parameters.biases[0].any():
                biases = (np.log(p / (1 - p)), *model.parameters.biases[1:])
                model.parameters = model.parameters._replace(biases=biases)
        self.optimizer_state = self.optimizer.init(n_parameters(model.parameters))
        restricted = model.restricted()
        self.chains = restricted.draw_base(n_chains, np.random.default_rng([self.seed, 0]))
        self.watch = Watch("mean squared reconstruction")
        self.good = self.state()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> DeepEpoch:
        if self.epoch >= self.n_epochs:
            raise StopIteration
        try:
            with np.errstate(over="ignore", invalid="ignore"):  # the error says more than a warning
                record = self._epoch()
                largest = float(np.abs(flatten(self.model.parameters)).max())
                frozen_units = Signal(largest, high=LARGEST_PARAMETER, cause="units are frozen")
                self.watch.see(record.epoch, record.reconstruction, largest_parameter=frozen_units)
        except DivergedError as error:
            self._assign(self.good)
            advice = "a lower learning rate or a larger k may help; the parameters are those of epoch"
            raise DivergedError(f"{error}; {advice} {self.epoch}", error.step) from None
        if self.watch.calm:
            self.good = self.state()
        return record

    def _epoch(self) -> DeepEpoch:
        began, model = time.perf_counter(), self.model
        self.epoch += 1
        rng = np.random.Generator(np.random.SFC64([self.seed, self.epoch]))
        order = rng.permutation(len(self.rows))
        starts = range(0, len(order), self.batch_size)
        norms = [self._update(self.rows[order[start : start + self.batch_size]], rng) for start in starts]
        rows = self.rows[rng.integers(0, len(self.rows), min(self.batch_size, len(self.rows)))]
        reconstruction = float(np.mean((rows - model._layer_means(model.mean_field(rows), 0)) ** 2))
        likelihood = None
        if self.likelihood_every and self.epoch % self.likelihood_every == 0:
            likelihood = model.log_likelihood(rows if self.validation is None else self.validation)
        rate = self.optimizer.rate(max(0, self.optimizer_state.step - 1))
        seconds = time.perf_counter() - began
        return DeepEpoch(self.epoch, float(np.mean(norms)), reconstruction, likelihood, rate, seconds)

    def _update(self, data: Array, rng: np.random.Generator) -> float:
        """One step of the optimizer along <dE>_data - <dE>_model; returns the norm of the gradient."""
        model = self.model
        restricted = model.restricted()
        self.chains = restricted.gibbs(self.chains, self.k, rng)
        theirs = self._layers_of(self.chains, restricted.machine.hidden_means(self.chains))
        ours = model.mean_field(data, self.mean_field_steps)
        gradient = flatten(_mean_slopes(ours)) - flatten(_mean_slopes(theirs))
        norm = math.sqrt(gradient @ gradient)
        if not math.isfinite(norm):
            raise DivergedError(f"epoch {self.epoch}: the gradient is {norm}", self.epoch)
        old = flatten(model.parameters)
        parameters, self.optimizer_state = self.optimizer.update(old, gradient, self.optimizer_state)
        model.parameters = unflatten(model.parameters, parameters)
        return norm

    def _layers_of(self, even: Array, odd: Array) -> list[Array]:
        """The layers of a restricted machine's units, in their order."""
        layers = self.model.layers
        parts = [np.split(units, np.cumsum(layers[s::2])[:-1], axis=1) for s, units in enumerate((even, odd))]
        return [parts[l % 2][l // 2] for l in range(len(layers))]

    def state(self) -> dict[str, Any]:
        """Model, optimizer and chains: everything to continue bit for bit, as a tree of arrays and numbers."""
        return {
            "model": self.model.state(),
            "epoch": self.epoch,
            "updates": self.optimizer_state.step,
            "memory": dict(self.optimizer_state.memory),
            "chains": self.chains,
            "watch": self.watch.state(),
        }

    def restore(self, state: Any) -> None:
        """Continue from what ``state`` returned, to the same bits. Raises ``ValueError`` for any other state."""
        model = self.model.restricted()
        self._assign(checked_state(Saved(state), self.state(), model, {"watch": Watch().state()}))
        self.good = self.state()

    def _assign(self, state: Mapping[str, Any]) -> None:
        self.model.restore(state["model"])
        self.watch.restore(state["watch"])
        self.epoch, self.chains = state["epoch"], state["chains"]
        self.optimizer_state = State(state["updates"], dict(state["memory"]))


def _mean_slopes(units: Sequence[Array]) -> Parameters:
    """<dE> for the biases and weights, averaged over the rows."""
    biases = tuple(-x.mean(axis=0) for x in units)
    return Parameters(biases, tuple(-(x.T @ y) / len(x) for x, y in pairwise(units)))
