"""Points in the plane: two half moons, and a ring of Gaussians."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from generative.datasets.arrays import from_array
from generative.datasets.dataset import Dataset
from neural.memory import check_memory

Array = np.ndarray

BYTES_PER_POINT = 120  # while the data is made
MOST_MODES = 10**6


def moons(n_samples: int = 10_000, noise: float = 0.05, test_fraction: float = 0.2, seed: int = 0) -> Dataset:
    """Two interleaved half circles of radius 1, with normal noise of standard deviation ``noise``; labels 0 and 1.

    (cos a, sin a)    and    (1 - cos a, 1/2 - sin a),    a uniform in [0, pi]
    """
    _check(n_samples, noise)
    rng = np.random.default_rng(seed)
    moon, a = rng.integers(0, 2, n_samples), np.pi * rng.random(n_samples)
    x = np.where(moon == 0, np.cos(a), 1 - np.cos(a))
    y = np.where(moon == 0, np.sin(a), 0.5 - np.sin(a))
    points = np.stack([x, y], axis=1) + noise * rng.normal(size=(n_samples, 2))
    return from_array(points, labels=moon, test_fraction=test_fraction, seed=seed, name=f"moons, noise {noise:g}")


class RingTarget(NamedTuple):
    """The mixture of ``n_modes`` equal Gaussians of width ``sigma`` with their centres on a circle."""

    n_modes: int
    radius: float
    sigma: float

    @property
    def centres(self) -> Array:
        """Shape (n_modes, 2), the first on the x axis."""
        a = 2 * np.pi * np.arange(self.n_modes) / self.n_modes
        return self.radius * np.stack([np.cos(a), np.sin(a)], axis=1)

    def log_prob(self, x: Array) -> Array:
        """log p in nats for points (n, 2)."""
        d2 = np.sum((np.asarray(x, dtype=np.float64)[:, None] - self.centres) ** 2, axis=2)
        logs = -0.5 * d2 / self.sigma**2 - np.log(2 * np.pi * self.sigma**2 * self.n_modes)
        return np.logaddexp.reduce(logs, axis=1)

    def modes(self, x: Array, within: float = 3.0) -> Array:
        """The number of the nearest centre of each point (n,), or -1 beyond ``within`` sigma of it."""
        distance = np.linalg.norm(np.asarray(x)[:, None] - self.centres, axis=2)
        return np.where(distance.min(axis=1) <= within * self.sigma, distance.argmin(axis=1), -1)


def gaussian_ring(
    n_samples: int = 10_000,
    n_modes: int = 8,
    radius: float = 2.0,
    sigma: float = 0.1,
    test_fraction: float = 0.2,
    seed: int = 0,
) -> Dataset:
    """Points of a ring of Gaussians, labelled by their mode; ``targets`` holds the density they were drawn from."""
    _check(n_samples, sigma)
    if not 1 <= n_modes <= MOST_MODES:
        raise ValueError(f"expected 1 to {MOST_MODES} modes, got {n_modes}")
    target = RingTarget(n_modes, radius, sigma)
    rng = np.random.default_rng(seed)
    mode = rng.integers(0, n_modes, n_samples)
    points = target.centres[mode] + sigma * rng.normal(size=(n_samples, 2))
    name = f"ring of {n_modes} Gaussians"
    data = from_array(points, labels=mode, test_fraction=test_fraction, seed=seed, name=name)
    return replace(data, targets=(target,))


def _check(n_samples: int, noise: float) -> None:
    if n_samples < 2 or not 0 <= noise < np.inf:
        raise ValueError(f"expected n_samples >= 2 and a finite width >= 0, got {n_samples} and {noise}")
    check_memory(n_samples * BYTES_PER_POINT, f"{n_samples} points", "fewer of them")
