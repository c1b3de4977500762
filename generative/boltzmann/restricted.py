"""Restricted Boltzmann machines as generative models, p(v) = e^(-F(v)) / Z; energies are those of ``neural.boltzmann``.

    BernoulliRBM            v in {0, 1}
    IsingRBM                v and h in {-1, +1}
    GaussianBernoulliRBM    v real, with learned variances
    PottsRBM                each site in one of q states, one-hot

A family of distributions connects every machine (beta = 1) with a product of independent visible units (beta = 0),

    log p_beta(v) = -(1 - beta) E_0(v) - beta E(v) + sum_j g(beta theta_j) - log Z_beta

with the energy E_0 of the visible units in the bias ``base_bias``: annealed importance sampling and parallel tempering
walk along it. Its conditionals are those of one machine with the fields beta (b + x W) and (1 - beta) a_0 +
beta (a + W h).
"""

import math
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np

from generative.boltzmann.likelihood import LogLikelihood, LogPartition, log_likelihood, log_partition
from generative.boltzmann.objects import Comparable, Derived, described, frozen
from generative.boltzmann.options import check_options
from generative.boltzmann.sampling import sample
from generative.boltzmann.training import Training
from generative.datasets.dataset import check_configurations
from neural.boltzmann import BinaryBoltzmann, GaussianBoltzmann, SpinBoltzmann
from neural.parameters import flatten, n_parameters, unflatten
from neural.saved import Saved

Array = np.ndarray
Machine = BinaryBoltzmann | SpinBoltzmann | GaussianBoltzmann
LOG_2 = math.log(2.0)


class RestrictedBoltzmannMachine(Comparable):
    """What all four share.

    n_visible, n_hidden : numbers of units
    seed : of the first weights, normal with standard deviation ``scale``, and of training unless it gets its own

    ``machine`` holds the parameters, which are read-only; any machine of the same class and shape may be assigned to
    it, as ``model.machine._replace(weights=W)``.
    """

    values: ClassVar[str]
    one_hot_or_real: ClassVar[bool] = False  # then a visible unit is not free to be one of two states
    kind: ClassVar[Any] = BinaryBoltzmann

    def __init__(self, n_visible: int, n_hidden: int, *, seed: int, scale: float = 0.01) -> None:
        self.machine = self.kind.init(n_visible, n_hidden, seed=seed, scale=scale)
        self.seed = seed
        self.base_bias: Array = np.zeros(n_visible)
        self.trained = False
        self._known_log_z: tuple[Any, float] | None = None
        self._derived = Derived()

    @property
    def machine(self) -> Any:
        """The parameters."""
        return self._machine

    @machine.setter
    def machine(self, machine: Any) -> None:
        self._machine = frozen(machine)

    @property
    def n_visible(self) -> int:
        return self.machine.weights.shape[0]

    @property
    def n_hidden(self) -> int:
        return self.machine.weights.shape[1]

    def __repr__(self) -> str:
        return described(type(self).__name__, self.machine, n_visible=self.n_visible, n_hidden=self.n_hidden)

    def check(self, x: Any, what: str = "configurations") -> Array:
        """``x`` as an array of configurations that this model can represent, or a ``ValueError`` with the remedy."""
        return check_configurations(x, self.n_visible, self.values, what)

    # what the units are like

    def draw_units(self, means: Array, rng: np.random.Generator) -> Array:
        """Binary units with the given means."""
        return (rng.random(means.shape) < means).astype(np.float64)

    def draw_hidden(self, theta: Array, rng: np.random.Generator, beta: Any = 1.0) -> Array:
        """h ~ p_beta(h | v) from the angles theta = b + x W."""
        return self.draw_units(self.machine.unit_means(beta * theta), rng)

    def visible_means(self, h: Array) -> Array:
        """<v | h>, shape (n, n_visible)."""
        return self.machine.visible_means(h)

    def draw_visible(self, h: Array, rng: np.random.Generator, beta: Any = 1.0) -> Array:
        """v ~ p_beta(v | h)."""
        return self.draw_units(self.machine.unit_means(self._field(h, beta)), rng)

    def draw_base(self, n: int, rng: np.random.Generator) -> Array:
        """``n`` independent draws at beta = 0."""
        return self.draw_visible(np.zeros((n, self.n_hidden)), rng, 0.0)

    def visible_log_sum(self, field: Array) -> Array:
        """log sum_v e^(v . field) over all visible configurations; shape (n,) for fields (n, n_visible)."""
        return self.machine.log_sum(field)

    @property
    def hidden_states(self) -> tuple[float, float]:
        """The two values of a hidden unit."""
        return 0.0, 1.0

    @property
    def log_configurations(self) -> float:
        """Logarithm of the number of visible configurations; infinite for real units."""
        return self.n_visible * LOG_2

    def begin(self, mean: Array, variance: Array) -> Any:
        """The machine with which training begins, for data with these means and variances."""
        return self.project(self.machine._replace(visible_bias=self.bias_of(mean, variance)))

    def bias_of(self, mean: Array, variance: Array) -> Array:
        """The visible bias of independent units with the given means."""
        p = np.clip(mean, 0.01, 0.99)
        return np.log(p / (1 - p))

    def encode(self, v: Array) -> Array:
        """Configurations as training keeps them."""
        return np.asarray(v, dtype=np.float64)

    def decode(self, v: Array) -> Array:
        """Configurations from what training keeps."""
        return np.asarray(v, dtype=np.float64)

    # the distribution

    def _field(self, h: Array, beta: Any) -> Array:
        return (1.0 - beta) * self.base_bias + beta * self.machine.field(h)

    def free_energy(self, x: Any) -> Array:
        """F(v) = -log p(v) - log Z, shape (n,)."""
        return self.machine.free_energy(self.check(x))

    def log_weight(self, v: Array, theta: Array, beta: Any = 1.0) -> Array:
        """log p_beta(v) + log Z_beta from v (n, n_visible) and its angles; ``beta`` is a number or (n, 1)."""
        base = self.machine._replace(visible_bias=self.base_bias)
        b = np.squeeze(beta, axis=-1) if np.ndim(beta) else beta
        energy = (1.0 - b) * base.visible_energy(v) + b * self.machine.visible_energy(v)
        return self.machine.log_sum(beta * theta) - energy

    def base_log_partition(self) -> float:
        """log Z at beta = 0."""
        return float(self.visible_log_sum(self.base_bias[None])[0]) + self.n_hidden * LOG_2

    def gibbs(self, v: Array, n_steps: int, rng: np.random.Generator, beta: Any = 1.0) -> Array:
        """``n_steps`` steps h ~ p(h | v), v ~ p(v | h) of block Gibbs sampling from every row of v."""
        for _ in range(n_steps):
            v = self.draw_visible(self.draw_hidden(self.machine.angles(v), rng, beta), rng, beta)
        return v

    def contrast(self, data: Array, chains: Array, k: int, rng: np.random.Generator) -> tuple[Array, Array]:
        """<dF/dparameters> over ``data`` less that over ``chains`` after k Gibbs steps; the gradient, and the chains.

        Both are means, so that data and chains may differ in number.
        """
        chains = self.gibbs(chains, k, rng)
        gradient = flatten(self.machine.mean_gradient(data)) - flatten(self.machine.mean_gradient(chains))
        return gradient, chains

    def diagnose(self, rows: Array, rng: np.random.Generator) -> tuple[float, float]:
        """Mean squared difference of units and their means after one step to the hidden units and back, and an estimate
        of the pseudo-likelihood.
        """
        h = self.draw_hidden(self.machine.angles(rows), rng)
        return float(np.mean((rows - self.visible_means(h)) ** 2)), self.estimate_pseudo_likelihood(rows, rng)

    @property
    def parameter_groups(self) -> Array:
        """Indices of the parameters that are free, in groups of equal ones, shape (n_groups, n_equal)."""
        return np.arange(n_parameters(self.machine))[:, None]

    def project(self, machine: Any) -> Any:
        """The nearest machine whose parameters are allowed."""
        return machine

    def coordinates_of(self, machine: Any) -> tuple[Array, Array | float]:
        """The parameters as optimizers see them, and the derivatives of ``flatten(machine)`` for these coordinates."""
        return flatten(machine), 1.0

    def from_coordinates(self, machine: Any, coordinates: Array) -> Any:
        """The machine after a step of the optimizer from ``machine``, whose scales hold for both."""
        return unflatten(machine, coordinates)

    # what users call

    def fit(self, train: Any, **options: Any) -> Iterator[Any]:
        """Train by maximum likelihood: an iterator of epoch records; see ``Training`` for the options."""
        check_options(Training.__init__, options)
        return Training(self, train, **options)

    def sample(self, n: int, seed: int, **options: Any) -> Array:
        """``n`` decorrelated configurations, shape (n, n_visible); see ``sampling.sample`` for the options."""
        return sample(self, n, seed, **options)

    def log_partition(self, **options: Any) -> LogPartition:
        """log Z, exact where a layer is small enough, by annealed importance sampling elsewhere."""
        return log_partition(self, **options)

    def log_prob(self, x: Any) -> Array:
        """log p(v) in nats, shape (n,); log Z is that of ``log_partition``, found once for the same parameters."""
        if self._known_log_z is None or self._known_log_z[0] is not self.machine:
            self._known_log_z = self.machine, self.log_partition().mean
        return -self.free_energy(x) - self._known_log_z[1]

    def log_likelihood(self, x: Any, **options: Any) -> LogLikelihood:
        """The mean of log p over the rows of ``x``, in nats per configuration, and how it was found."""
        return log_likelihood(self, self.check(x), **options)

    def pseudo_log_likelihood(self, x: Any) -> Array:
        """sum_i log p(v_i | all others), shape (n,): for each row of ``x``, in nats."""
        v = self.check(x).astype(np.float64)
        theta = self.machine.angles(v)
        units = (np.full(len(v), i) for i in range(self.n_visible))
        return sum((self._log_conditional(v, theta, each) for each in units), np.zeros(len(v)))

    def estimate_pseudo_likelihood(self, v: Array, rng: np.random.Generator) -> float:
        """Mean of n_visible log p(v_i | all others) for one random unit i of each row."""
        units = rng.integers(0, self.n_visible, len(v))
        return self.n_visible * float(self._log_conditional(v, self.machine.angles(v), units).mean())

    def _log_conditional(self, v: Array, theta: Array, units: Array) -> Array:
        """log p(v_i | all others) = -log(1 + e^(F(v) - F(v with v_i turned))) for one unit i of each row."""
        change = sum(self.hidden_states) - 2.0 * v[np.arange(len(v)), units]
        turned = self.machine.log_sum(theta + change[:, None] * self.machine.weights[units])
        gain = change * self.machine.visible_bias[units] + turned - self.machine.log_sum(theta)
        return -np.logaddexp(0.0, gain)

    def state(self) -> dict[str, Any]:
        """Everything that defines the model, as a tree of arrays and numbers."""
        return {
            "parameters": {name: np.asarray(leaf) for name, leaf in self.machine._asdict().items()},
            "base_bias": self.base_bias.copy(),
            "trained": self.trained,
        }

    def restore(self, state: Any) -> None:
        """Take over what ``state`` returned. Raises ``ValueError`` for a state that is not one of such a model."""
        saved = Saved(state)
        saved.names(["parameters", "base_bias", "trained"])
        machine = self._saved_machine(saved.part("parameters"))
        base_bias = saved.array("base_bias", (self.n_visible,), np.float64)
        self.machine, self.base_bias, self.trained = machine, base_bias, saved.flag("trained")

    def _saved_machine(self, saved: Saved) -> Any:
        """The parameters of a saved state, checked."""
        own = self.machine._asdict()
        saved.names(own)
        return self.kind(**{name: saved.array(name, np.shape(leaf), np.float64) for name, leaf in own.items()})
