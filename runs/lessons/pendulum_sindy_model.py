"""The autoencoders of the lesson ``pendulum-sindy``, all restarts at once, with the laws of their latent numbers."""

import itertools
import math
from typing import Any, NamedTuple

import numpy as np

N_COMPONENTS = 24
NAMES = ("1", "z", "z^2", "z^3", "z^4", "sin z")
WEIGHT_X, WEIGHT_Z, WEIGHT_SPARSE = 5e-4, 5e-5, 1e-5
THRESHOLD = 0.1
CUTS = (0.4, 0.5, 0.6, 0.7, 0.8)  # of the training; after the last the sparsity has no weight


class Swings(NamedTuple):
    """Components of frames and of their first two derivatives in time, side by side (n_swings, n_times, 3 K).

    angle : (n_swings, n_times)
    time_step : between two frames, in units of sqrt(l / g)
    """

    rows: Any
    angle: np.ndarray
    time_step: float


def swings(n: int, held_out: int, size: int, seed: int) -> tuple[Swings, Swings]:
    """Swings of 50 frames in 5 units of time to learn from, and others of 200 frames in 20 units."""
    import torch

    from generative.datasets import pendulum_frames

    project: Any = None
    parts = []
    for k, (count, n_frames, duration) in enumerate(((n, 50, 5.0), (held_out, 200, 20.0))):
        movie = pendulum_frames(
            count,
            n_frames,
            size,
            duration=duration,
            gravity_over_length=1.0,
            spot=0.25,
            largest_energy=0.99,
            seed=seed + k,
        )
        x, dx, ddx = (part.reshape(-1, size**2) for part in (movie.frames, movie.first, movie.second))
        mean, v = project = project or components(x)
        rows = np.hstack([(x - mean) @ v, dx @ v, ddx @ v]).reshape(count, n_frames, -1)
        parts.append(Swings(torch.tensor(rows, dtype=torch.float32), movie.angle, movie.time[1]))
    return parts[0], parts[1]


def components(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mean of the rows of x and their first principal components in columns, the largest entries positive."""
    from neural.components import PrincipalComponents

    mean, vectors = PrincipalComponents.of(x)
    v = vectors[:N_COMPONENTS].T
    return mean, v * np.sign(v[np.abs(v).argmax(axis=0), np.arange(v.shape[1])])


def library(z: Any) -> Any:
    """1, z, z^2, z^3, z^4, sin z along the last axis."""
    import torch

    return torch.cat([torch.ones_like(z), z, z**2, z**3, z**4, torch.sin(z)], dim=-1)


class Ensemble:
    """Encoders, decoders and coefficients of all restarts, as arrays with one more axis in front.

    width : of the outer hidden layers; the inner ones have half of it
    scale : frames are divided by it
    """

    def __init__(self, n_restarts: int, width: int, scale: float, size: int, seed: int) -> None:
        import torch
        from torch import nn

        generator = torch.Generator().manual_seed(seed)
        r, w = n_restarts, width

        def layers(*sizes: int) -> list[tuple[Any, Any]]:
            pairs = itertools.pairwise(sizes)
            draws = [(2 * torch.rand(r, a, b, generator=generator) - 1) * math.sqrt(6 / (a + b)) for a, b in pairs]
            return [(nn.Parameter(W), nn.Parameter(torch.zeros(r, 1, W.shape[2]))) for W in draws]

        self.encoder, self.decoder = layers(N_COMPONENTS, w, w // 2, 1), layers(1, w // 2, w, N_COMPONENTS)
        self.xi, self.mask = nn.Parameter(torch.zeros(r, len(NAMES), 1)), torch.ones(r, len(NAMES), 1)
        self.scale, self.pixels = scale, size**2 / scale**2
        self.parameters = [p for layer in self.encoder + self.decoder for p in layer] + [self.xi]

    def coefficients(self) -> Any:
        """Xi without the terms that were cut, shape (n_restarts, n_terms, 1)."""
        return self.xi * self.mask

    def cut(self) -> None:
        """Put coefficients below the threshold to zero for good."""
        self.mask = self.mask * (self.coefficients().detach().abs() >= THRESHOLD)

    def encode(self, rows: Any) -> Any:
        """z, z' and z'' of rows (n, 3 K), each (n_restarts, n, 1)."""
        from generative.derivatives import along

        return along(self.encoder, "tanh", self._motion(rows))

    def _motion(self, rows: Any) -> Any:
        from generative.derivatives import Motion

        return Motion(*(part / self.scale for part in rows.split(N_COMPONENTS, dim=1)))

    def losses(self, rows: Any) -> tuple[Any, Any, Any]:
        """|x - y|^2 and |x'' - y''|^2, means over pixels, and |z'' - Theta Xi|^2, each (n_restarts,)."""
        from generative.derivatives import Motion, along

        x, z = self._motion(rows), self.encode(rows)
        law = library(z.value) @ self.coefficients()
        y = along(self.decoder, "tanh", Motion(z.value, z.first, law))

        def mean(difference: Any) -> Any:
            return difference.square().sum(dim=-1).mean(dim=-1) / self.pixels

        return mean(x.value - y.value), mean(x.second - y.second), (z.second - law).square().mean(dim=(1, 2))

    def loss(self, batch: Any) -> Any:
        """The sum over restarts, which do not know of each other, and the means of its parts."""
        picture, acceleration, dynamics = self.losses(batch.x)
        sparsity = self.coefficients().abs().mean(dim=(1, 2)) if batch.progress < CUTS[-1] else 0.0
        total = picture + WEIGHT_X * acceleration + WEIGHT_Z * dynamics + WEIGHT_SPARSE * sparsity
        parts = {"picture": picture, "acceleration": acceleration, "dynamics": dynamics}
        return total.sum(), {name: part.mean() for name, part in parts.items()}

    def forecast_errors(self, held_out: Swings) -> np.ndarray:
        """|x(t) - y(t)|^2 / |x(t)|^2 for each restart, infinite where its law runs away.

        Only the first frame of a swing, with its velocity, is encoded. The law then carries z through all times of
        the swing, by the method of Runge and Kutta with four steps for each frame, and the decoder makes frames.
        """
        import torch

        from generative.derivatives import Motion, along

        n_swings, n_times, _ = held_out.rows.shape
        with torch.no_grad():
            z, v, _ = self.encode(held_out.rows[:, 0])
            path = [z]
            for _ in range(n_times - 1):
                for _ in range(4):
                    z, v = self._advance(z, v, held_out.time_step / 4)
                path.append(z)
            series = torch.stack(path, dim=2).reshape(len(z), n_swings * n_times, 1)
            zero = torch.zeros_like(series)
            y = along(self.decoder, "tanh", Motion(series, zero, zero)).value * self.scale
            x = held_out.rows[..., :N_COMPONENTS].reshape(n_swings * n_times, N_COMPONENTS)
            errors = (y - x).square().sum(dim=(1, 2)) / x.square().sum()
        return np.nan_to_num(errors.numpy().astype(np.float64), nan=np.inf)

    def _advance(self, z: Any, v: Any, h: float) -> tuple[Any, Any]:
        """z and z' a time h later."""
        xi = self.coefficients()
        a = library(z) @ xi
        b = library(z + h / 2 * v) @ xi
        c = library(z + h / 2 * v + h**2 / 4 * a) @ xi
        d = library(z + h * v + h**2 / 2 * b) @ xi
        return z + h * v + h**2 / 6 * (a + b + c), v + h / 6 * (a + 2 * b + 2 * c + d)
