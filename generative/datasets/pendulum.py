"""Pictures of a swinging pendulum, whose derivatives in time are known exactly.

    theta'' = -(g / l) sin theta,      bob at (sin theta, -cos theta) in units of l
    I(x, y) = exp(-((x - x_bob)^2 + (y - y_bob)^2) / 2 w^2)

The pixels of a frame lie on [-1.5, 1.5]^2, rows from top to bottom.
"""

from typing import NamedTuple

import numpy as np

from generative.datasets.dataset import Dataset
from neural.memory import check_memory

Array = np.ndarray

HALF_WIDTH = 1.5
BYTES_PER_PIXEL = 120  # while the frames are made


class PendulumFrames(NamedTuple):
    """Frames of ``n_trajectories`` swings at equal times.

    time : (n_frames,) in seconds
    angle, velocity, acceleration : of the pendulum, each (n_trajectories, n_frames)
    frames : (n_trajectories, n_frames, size, size), with noise where it was asked for
    first, second : exact derivatives in time of the frames without noise, of the same shape
    gravity_over_length : g / l in 1 / s^2
    """

    time: Array
    angle: Array
    velocity: Array
    acceleration: Array
    frames: Array
    first: Array
    second: Array
    gravity_over_length: float

    @property
    def energy(self) -> Array:
        """E = omega^2 / 2 - (g / l) cos theta of each trajectory at each time, constant along it."""
        return 0.5 * self.velocity**2 - self.gravity_over_length * np.cos(self.angle)

    def dataset(self, test_fraction: float = 0.2) -> Dataset:
        """The frames as rows labelled by the angle; whole trajectories at the end are for testing."""
        n = len(self.frames)
        n_test = max(1, round(test_fraction * n))
        if not n_test < n:
            raise ValueError(f"expected trajectories for training and testing, found {n}")
        shape = self.frames.shape[2:]
        rows = self.frames.reshape(n, -1, shape[0] * shape[1]).astype(np.float32)
        train, test = (part.reshape(-1, rows.shape[2]) for part in (rows[:-n_test], rows[-n_test:]))
        angles = np.mod(self.angle + np.pi, 2 * np.pi) - np.pi
        values = "unit" if rows.min() >= 0 and rows.max() <= 1 else "real"
        labels = angles[:-n_test].ravel(), angles[-n_test:].ravel()
        return Dataset("pendulum frames", train, test, values, shape, *labels)


def pendulum_frames(
    n_trajectories: int = 20,
    n_frames: int = 100,
    size: int = 16,
    *,
    duration: float = 5.0,
    gravity_over_length: float = 9.81,
    spot: float = 0.25,
    noise: float = 0.0,
    largest_energy: float = 0.9,
    seed: int = 0,
) -> PendulumFrames:
    """Swings from random states of equal weight in (theta, omega) with an energy below ``largest_energy`` g / l.

    size : pixels along each side
    spot : width w of the bob in units of the length
    noise : standard deviation of the normal noise of each pixel
    largest_energy : in units of g / l; at 1 the pendulum would reach the top
    """
    _check(n_trajectories, n_frames, size, spot, noise, largest_energy)
    rng = np.random.default_rng(seed)
    time = np.linspace(0.0, duration, n_frames)
    starts = [_start(rng, gravity_over_length, largest_energy) for _ in range(n_trajectories)]
    angle, velocity = np.stack([_swing(start, time, gravity_over_length) for start in starts], axis=1)
    acceleration = -gravity_over_length * np.sin(angle)
    frames, first, second = spots(angle, velocity, acceleration, size, spot)
    noisy = frames + noise * rng.normal(size=frames.shape) if noise else frames
    return PendulumFrames(time, angle, velocity, acceleration, noisy, first, second, gravity_over_length)


def _check(n_trajectories: int, n_frames: int, size: int, spot: float, noise: float, energy: float) -> None:
    if min(n_trajectories, n_frames) < 1 or size < 2:
        raise ValueError(f"expected trajectories, frames and size >= 2, got {n_trajectories}, {n_frames} and {size}")
    n_frames *= n_trajectories
    check_memory(n_frames * size**2 * BYTES_PER_PIXEL, f"{n_frames} frames of {size}^2 pixels", "fewer of them")
    if not (spot > 0 and noise >= 0 and -1 < energy < 1):
        raise ValueError(f"expected spot > 0, noise >= 0 and energy in (-1, 1), got {spot}, {noise} and {energy}")


def _start(rng: np.random.Generator, k: float, largest: float) -> tuple[float, float]:
    """theta and omega, uniform where omega^2 / 2 - k cos theta < largest k."""
    fastest, widest = np.sqrt(2 * k * (largest + 1)), np.arccos(-largest)
    while True:
        theta, omega = rng.uniform(-widest, widest), rng.uniform(-fastest, fastest)
        if 0.5 * omega**2 - k * np.cos(theta) < largest * k:
            return theta, omega


def _swing(start: tuple[float, float], time: Array, k: float) -> Array:
    """theta and omega at the times, shape (2, n_frames)."""
    from scipy.integrate import solve_ivp

    def slope(_: float, y: Array) -> list[float]:
        return [y[1], -k * np.sin(y[0])]

    return solve_ivp(slope, (0.0, time[-1]), start, "DOP853", time, rtol=1e-11, atol=1e-11).y


def spots(angle: Array, velocity: Array, acceleration: Array, size: int, width: float) -> tuple[Array, Array, Array]:
    """Frames (..., size, size) and their first and second derivatives in time.

    With u the vector from the bob to the pixel, v and a the bob's velocity and acceleration, and I = exp(-u^2 / 2 w^2):

        I' = I (u.v) / w^2,      I'' = I ((u.v)^2 / w^4 + (u.a - v.v) / w^2)
    """
    axis = HALF_WIDTH * np.linspace(-1, 1, size)
    pixels = np.stack(np.meshgrid(axis, -axis), axis=-1)
    theta, omega, alpha = (each[..., None, None] for each in (angle, velocity, acceleration))
    radial, tangent = _vector(np.sin(theta), -np.cos(theta)), _vector(np.cos(theta), np.sin(theta))
    u, v = pixels - radial, omega[..., None] * tangent
    a = alpha[..., None] * tangent - omega[..., None] ** 2 * radial
    frames = np.exp(-0.5 * np.sum(u * u, axis=-1) / width**2)
    uv = np.sum(u * v, axis=-1) / width**2
    curvature = (np.sum(u * a, axis=-1) - np.sum(v * v, axis=-1)) / width**2
    return frames, frames * uv, frames * (uv**2 + curvature)


def _vector(x: Array, y: Array) -> Array:
    return np.stack([x, y], axis=-1)
