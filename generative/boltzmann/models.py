"""Restricted Boltzmann machines of units with several states: what they are, and how they are drawn."""

import math
from typing import Any, ClassVar

import numpy as np

from generative.boltzmann.bit_training import Descent
from generative.boltzmann.bits import BitMachine
from generative.boltzmann.restricted import Array, RestrictedBoltzmannMachine
from generative.boltzmann.shared import SharedWeights
from generative.datasets.dataset import check_configurations
from neural.boltzmann import SpinBoltzmann
from neural.parameters import flatten, unflatten


class _OfBits(RestrictedBoltzmannMachine):
    """Machines of units with two states: drawn as bits, compiled, in single precision."""

    scale: ClassVar[int]

    @property
    def bits(self) -> BitMachine:
        """The machine of bits with the same distribution; made when it is first needed, loaded when it has changed."""
        own = self._derived
        if own.bits is None or own.bits.shape != (self.n_visible, self.n_hidden):
            own.bits, own.loaded = BitMachine(self.n_visible, self.n_hidden, self.scale), None
        if own.loaded is not self.machine:
            own.bits.load(flatten(self.machine))
            own.loaded = self.machine
        return own.bits

    def contrast(self, data: Array, chains: Array, k: int, rng: np.random.Generator) -> tuple[Array, Array]:
        return self.bits.contrast(data, chains, k, key(rng))

    def gibbs(self, v: Array, n_steps: int, rng: np.random.Generator, beta: Any = 1.0) -> Array:
        betas, v = np.broadcast_to(np.ravel(beta), len(v)), self.encode(v)
        starts = np.flatnonzero(np.diff(betas, prepend=np.nan))
        parts = [
            self._at(float(betas[rows[0]])).gibbs(v[rows], n_steps, key(rng))
            for rows in np.split(np.arange(len(v)), starts[1:])
        ]
        return self.decode(np.concatenate(parts))

    def _at(self, beta: float) -> BitMachine:
        """The bits at an inverse temperature: fields (1 - beta) a_0 + beta (a + W h) and beta (b + x W)."""
        if beta == 1.0:
            return self.bits
        a, b, W = self.machine
        machine = self.machine._replace(
            visible_bias=(1.0 - beta) * self.base_bias + beta * a, hidden_bias=beta * b, weights=beta * W
        )
        bits, self._derived.loaded = self.bits, None
        bits.load(flatten(machine))
        return bits

    def diagnose(self, rows: Array, rng: np.random.Generator) -> tuple[float, float]:
        v, units = self.encode(rows), rng.integers(0, self.n_visible, len(rows))
        error = self.scale * (v - self.bits.reconstruction(v, key(rng)))
        return float(np.mean(error**2)), self.n_visible * self.bits.pseudo_likelihood(v, units)


def key(rng: np.random.Generator) -> int:
    """The start of a stream of random numbers for compiled draws."""
    return int(rng.integers(0, 2**64, dtype=np.uint64))


class BernoulliRBM(_OfBits):
    """Visible and hidden units 0 or 1: F = -a.v - sum_j log(1 + e^(b + v W)_j)."""

    values = "bits"
    scale = 1

    def encode(self, v: Array) -> Array:
        return v.astype(np.uint8)

    def descend(
        self, rows: Array, batches: tuple[Array, int], descent: Descent, k: int, chains: Any, rng: np.random.Generator
    ) -> tuple[float, Array, Array]:
        """One pass of gradient descent, see ``BitMachine.epoch``."""
        parameters, keys = flatten(self.machine), rng.integers(0, 2**64, len(descent.rates), dtype=np.uint64)
        result = self.bits.epoch(parameters, rows, batches, descent, keys, k, chains)
        if np.isfinite(result[0]):
            self.machine = unflatten(self.machine, parameters)
            self._derived.loaded = self.machine
        return result


class IsingRBM(_OfBits):
    """Visible and hidden units -1 or +1: F = -a.v - sum_j log(2 cosh (b + v W)_j).

    symmetric : both biases stay at 0, so that p(v) = p(-v)
    permutations : a group of permutations of the visible units, as ``Lattice.translations``, under which p(v) is
        invariant: hidden units share their weights in groups of as many as it has; see ``SharedWeights``
    """

    values = "spins"
    kind = SpinBoltzmann
    scale = 2

    def __init__(
        self,
        n_visible: int,
        n_hidden: int,
        *,
        seed: int,
        scale: float = 0.01,
        symmetric: bool = False,
        permutations: Any = None,
    ) -> None:
        super().__init__(n_visible, n_hidden, seed=seed, scale=scale)
        self.symmetric = symmetric
        self.shared = None if permutations is None else SharedWeights(permutations, n_visible, n_hidden)
        if self.shared is not None:
            first = self.machine.weights[:, :: len(self.shared.permutations)]
            self.machine = self.machine._replace(weights=self.shared.spread(first))

    def constants(self) -> tuple[Any, ...]:
        return self.symmetric, None if self.shared is None else self.shared.permutations

    @property
    def hidden_states(self) -> tuple[float, float]:
        return -1.0, 1.0

    def draw_units(self, means: Array, rng: np.random.Generator) -> Array:
        return np.where(2.0 * rng.random(means.shape) - 1.0 < means, 1.0, -1.0)

    def bias_of(self, mean: Array, variance: Array) -> Array:
        return np.zeros(self.n_visible) if self.symmetric else np.arctanh(np.clip(mean, -0.98, 0.98))

    def project(self, machine: Any) -> Any:
        if self.symmetric:
            machine = machine._replace(visible_bias=np.zeros(self.n_visible), hidden_bias=np.zeros(self.n_hidden))
        return machine if self.shared is None else self.shared.average(machine)

    @property
    def parameter_groups(self) -> Array:
        sizes = self.n_visible, self.n_hidden, self.n_visible * self.n_hidden
        groups = [np.arange(size)[:, None] for size in sizes] if self.shared is None else self.shared.groups(sizes[1])
        starts = np.cumsum([0, *sizes])
        return np.concatenate([start + group for start, group in zip(starts, groups)][2 * self.symmetric :])

    def contrast(self, data: Array, chains: Array, k: int, rng: np.random.Generator) -> tuple[Array, Array]:
        """Where weights are shared, the gradient is averaged before an optimizer sees the noise of each element."""
        gradient, chains = super().contrast(data, chains, k, rng)
        if self.shared is not None:
            gradient = flatten(self.shared.average(unflatten(self.machine, gradient)))
        return gradient, chains

    def gibbs(self, v: Array, n_steps: int, rng: np.random.Generator, beta: Any = 1.0) -> Array:
        """Where p(v) = p(-v), every chain then turns as a whole with probability 1/2: no step would be slower."""
        v = super().gibbs(v, n_steps, rng, beta)
        return v * rng.choice([-1.0, 1.0], size=(len(v), 1)) if self.symmetric and n_steps else v

    def encode(self, v: Array) -> Array:
        return (v > 0).astype(np.uint8)

    def decode(self, v: Array) -> Array:
        return 2.0 * v - 1.0


class PottsRBM(RestrictedBoltzmannMachine):
    """Sites with one of q states each, hidden units 0 or 1; F is that of ``BernoulliRBM`` on one-hot visibles.

    Configurations have shape (n, n_sites * n_states), site after site; ``one_hot`` makes them from states.
    """

    values = "bits"
    one_hot_or_real = True

    def __init__(self, n_sites: int, n_states: int, n_hidden: int, *, seed: int, scale: float = 0.01) -> None:
        if n_states < 2:
            raise ValueError(f"expected at least two states of a site, got {n_states}")
        super().__init__(n_sites * n_states, n_hidden, seed=seed, scale=scale)
        self.n_sites, self.n_states = n_sites, n_states

    def constants(self) -> tuple[Any, ...]:
        return self.n_sites, self.n_states

    @property
    def log_configurations(self) -> float:
        return self.n_sites * math.log(self.n_states)

    def one_hot(self, states: Any) -> Array:
        """Configurations of 0 and 1 from integers 0 to q - 1 of shape (n, n_sites)."""
        states = np.asarray(states)
        if states.ndim != 2 or states.shape[1] != self.n_sites or np.any((states < 0) | (states >= self.n_states)):
            raise ValueError(f"expected states 0 to {self.n_states - 1} of shape (n, {self.n_sites})")
        return np.eye(self.n_states)[states.astype(np.int64)].reshape(len(states), -1)

    def states(self, v: Array) -> Array:
        """The states of one-hot configurations, shape (n, n_sites)."""
        return np.argmax(v.reshape(len(v), self.n_sites, self.n_states), axis=2)

    def check(self, x: Any, what: str = "configurations") -> Array:
        v = check_configurations(x, self.n_visible, self.values, what)
        if np.any(v.reshape(len(v), self.n_sites, self.n_states).sum(axis=2) != 1):
            raise ValueError(f"expected {what} with one 1 at each site: take model.one_hot(states)")
        return v

    def visible_means(self, h: Array) -> Array:
        field = self.machine.field(h).reshape(len(h), self.n_sites, self.n_states)
        weights = np.exp(field - field.max(axis=2, keepdims=True))
        return (weights / weights.sum(axis=2, keepdims=True)).reshape(len(h), -1)

    def draw_visible(self, h: Array, rng: np.random.Generator, beta: Any = 1.0) -> Array:
        """One state for each site, with p proportional to e^field: the largest of field + Gumbel noise."""
        field = self._field(h, beta) + rng.gumbel(size=(len(h), self.n_visible))
        return self.one_hot(self.states(field))

    def visible_log_sum(self, field: Array) -> Array:
        sites = field.reshape(len(field), self.n_sites, self.n_states)
        top = sites.max(axis=2)
        return np.sum(top + np.log(np.exp(sites - top[..., None]).sum(axis=2)), axis=1)

    def bias_of(self, mean: Array, variance: Array) -> Array:
        return np.log(np.clip(mean, 0.01, 0.99))

    def pseudo_log_likelihood(self, x: Any) -> Array:
        """sum over sites of log p(state of the site | all others), shape (n,), in nats."""
        v = self.check(x).astype(np.float64)
        theta, states = self.machine.angles(v), self.states(v)
        total, rows = np.zeros(len(v)), np.arange(len(v))
        for site in range(self.n_sites):
            first = site * self.n_states
            W, a = self.machine.weights[first : first + self.n_states], self.machine.visible_bias[first:]
            rest = theta - W[states[:, site]]
            log_p = np.stack([a[q] + self.machine.log_sum(rest + W[q]) for q in range(self.n_states)], axis=1)
            total += log_p[rows, states[:, site]] - np.logaddexp.reduce(log_p, axis=1)
        return total

    def estimate_pseudo_likelihood(self, v: Array, rng: np.random.Generator) -> float:
        """The mean of ``pseudo_log_likelihood`` over sixteen of the rows."""
        return float(self.pseudo_log_likelihood(v[:16]).mean())
