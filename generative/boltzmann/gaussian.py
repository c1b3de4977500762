"""The restricted Boltzmann machine with real visible units, trained in the units of the data."""

import math
from typing import Any

import numpy as np

from generative.boltzmann.restricted import Array, RestrictedBoltzmannMachine
from neural.boltzmann import GaussianBoltzmann
from neural.parameters import unflatten

SMALLEST_SIGMA, LARGEST_SIGMA = 1e-2, 2.0  # in deviations of the data
LARGEST_TURN = 0.01  # of log sigma in one update
SLOWNESS = 10.0  # of log sigma, which chains have to follow
MOST_POINTS = 4096  # of a density of one unit


class GaussianBernoulliRBM(RestrictedBoltzmannMachine):
    """Real visibles, hidden units 0 or 1: F = sum_i (v_i - a_i)^2 / 2 sigma_i^2 - sum_j log(1 + e^theta_j).

    sigma : of every unit before training; unless given, that of the data where training begins
    train_sigma : whether sigma_i are learned; otherwise one number stays as it is

    Training is in the units of the data: optimizers see a_i / sigma_i, W_ij / sigma_i and log sigma_i, so that nothing
    depends on the scale of the data, and sigma_i stays between a hundredth and twice the deviation of unit i.
    Source: log sigma, K. Cho, A. Ilin, T. Raiko, ICANN (2011), section 3.2.
    """

    values = "real"
    one_hot_or_real = True
    kind = GaussianBoltzmann

    def __init__(
        self,
        n_visible: int,
        n_hidden: int,
        *,
        seed: int,
        scale: float = 0.01,
        sigma: float | None = None,
        train_sigma: bool = True,
    ) -> None:
        super().__init__(n_visible, n_hidden, seed=seed, scale=scale)
        first = 1.0 if sigma is None else float(sigma)
        self.sigma, self.train_sigma = sigma, train_sigma
        self.deviation: Array | None = None  # of the data
        self.machine = self.kind(*self.machine[:3], sigma=np.full(n_visible, first) if train_sigma else first)

    def constants(self) -> tuple[Any, ...]:
        return self.sigma, self.train_sigma

    @property
    def log_configurations(self) -> float:
        return math.inf

    def begin(self, mean: Array, variance: Array) -> Any:
        machine, deviation = self.machine._replace(visible_bias=mean.copy()), self.deviation
        assert deviation is not None
        if self.sigma is not None:
            return machine
        sigma = deviation if self.train_sigma else float(np.sqrt(np.mean(deviation**2)))
        return machine._replace(weights=machine.weights * np.reshape(sigma, (-1, 1)), sigma=sigma)

    def draw_visible(self, h: Array, rng: np.random.Generator, beta: Any = 1.0) -> Array:
        return self._field(h, beta) + self.machine.sigma * rng.standard_normal((len(h), self.n_visible))

    def visible_log_sum(self, field: Array) -> Array:
        """log int dv e^(-sum_i ((v_i - a_i)^2 - 2 v_i (f_i - a_i)) / 2 sigma_i^2) for means f = a + W h, the field."""
        sigma = self.machine.sigma
        return 0.5 * np.sum((field**2 - self.machine.visible_bias**2) / sigma**2, axis=-1) + self._log_volume

    @property
    def _log_volume(self) -> float:
        """log of the integral over the visible units without hidden ones."""
        return float(np.log(math.sqrt(2 * math.pi) * np.broadcast_to(self.machine.sigma, (self.n_visible,))).sum())

    def base_log_partition(self) -> float:
        return self._log_volume + self.n_hidden * math.log(2)

    def bias_of(self, mean: Array, variance: Array) -> Array:
        """The mean; takes note of the deviation of the data, of constant units as a hundredth of the largest."""
        deviation = np.sqrt(variance)
        largest = float(deviation.max()) or float(np.abs(mean).max()) or 1.0
        self.deviation = np.maximum(deviation, SMALLEST_SIGMA * largest)
        return mean.copy()

    def project(self, machine: Any) -> Any:
        if isinstance(machine.sigma, float) or self.deviation is None:
            return machine
        low, high = SMALLEST_SIGMA * self.deviation, LARGEST_SIGMA * self.deviation
        return machine._replace(sigma=np.clip(machine.sigma, low, high))

    def coordinates_of(self, machine: Any) -> tuple[Array, Array]:
        a, b, W, sigma = machine
        scale = np.broadcast_to(sigma, a.shape)
        parts = [scale, np.ones_like(b), np.repeat(scale, len(b))]
        own = [a / scale, b, (W / scale[:, None]).ravel()]
        if isinstance(sigma, np.ndarray):
            own, parts = [*own, SLOWNESS * np.log(sigma / self.deviation)], [*parts, sigma / SLOWNESS]
        return np.concatenate(own), np.concatenate(parts)

    def from_coordinates(self, machine: Any, coordinates: Array) -> Any:
        scale = self.coordinates_of(machine)[1]
        if not isinstance(machine.sigma, np.ndarray):
            return unflatten(machine, scale * coordinates)
        n = self.n_visible
        change = coordinates[-n:] / SLOWNESS - np.log(machine.sigma / self.deviation)
        change = np.clip(change, -LARGEST_TURN, LARGEST_TURN)
        return unflatten(machine, np.concatenate([scale[:-n] * coordinates[:-n], machine.sigma * np.exp(change)]))

    def pseudo_log_likelihood(self, x: Any) -> Array:
        """sum_i log p(v_i | all others), shape (n,): for each row of ``x``, in nats."""
        v = self.check(x).astype(np.float64)
        theta, units = self.machine.angles(v), range(self.n_visible)
        return np.array([sum(self._log_conditional_of(row, each, i) for i in units) for row, each in zip(v, theta)])

    def estimate_pseudo_likelihood(self, v: Array, rng: np.random.Generator) -> float:
        """Mean of n_visible log p(v_i | all others) for one random unit i of each row."""
        theta, units = self.machine.angles(v), rng.integers(0, self.n_visible, len(v))
        values = [self._log_conditional_of(row, each, i) for row, each, i in zip(v, theta, units)]
        return self.n_visible * float(np.mean(values))

    def _log_conditional_of(self, v: Array, theta: Array, i: int) -> float:
        """log p(v_i | all others), by the trapezoidal rule from the lowest to the highest mean and 8 sigma on.

        The density is a mixture of normal ones of width sigma: at steps of sigma / 2 the rule is exact to rounding. NaN
        where that takes more than ``MOST_POINTS`` of them.
        """
        sigma, W = float(np.broadcast_to(self.machine.sigma, v.shape)[i]), self.machine.weights[i]
        a, step = self.machine.visible_bias[i], 0.5 * sigma
        low, high = W[W < 0].sum() - 8 * sigma, W[W > 0].sum() + 8 * sigma
        n = math.ceil((high - low) / step)
        if not n <= MOST_POINTS:
            return math.nan
        y = np.append(a + low + step * np.arange(n + 1), v[i])
        log_p = self.machine.log_sum(theta + (y - v[i])[:, None] * (W / sigma**2)) - 0.5 * ((y - a) / sigma) ** 2
        return float(log_p[-1] - np.logaddexp.reduce(log_p[:-1])) - math.log(step)
