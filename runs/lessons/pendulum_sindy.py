"""The pendulum's equation of motion from pictures: an autoencoder with sparse identification of the dynamics."""

import itertools
import math
from collections.abc import Iterator
from typing import Any, ClassVar, NamedTuple

import numpy as np
from pydantic import Field

from ..experiments.experiment import Progress
from ..style import BLUE, GREY, ORANGE
from .lesson import Finding, LessonSettings, Outcome, Records, lesson

NAMES = ("1", "z", "z^2", "z^3", "z^4", "sin z")
WEIGHT_X, WEIGHT_Z, WEIGHT_SPARSE = 5e-4, 5e-5, 1e-5
THRESHOLD = 0.1
CUTS = (0.5, 0.62, 0.74, 0.85)  # of the training; after the last the sparsity has no weight
SIZE, N_COMPONENTS = 24, 24


class PendulumSINDy(LessonSettings):
    """From frames of pendulums, an autoencoder finds one number z for each frame, and the law z'' = f(z) it obeys.

    The encoder gives z = phi(x), the decoder y = psi(z), the library Theta = (1, z, z^2, z^3, z^4, sin z) with the
    coefficients Xi the law z'' = Theta Xi. All are trained together on

        L = |x - y|^2 + 5e-4 |x'' - y''|^2 + 5e-5 |z'' - Theta Xi|^2 + 1e-5 |Xi|_1

    means over pixels and samples, where y'' follows from z, z' and Theta Xi, and z'' from x, x', x'', by forward-mode
    automatic differentiation to second order. Four times, from the middle of the training on, coefficients below 0.1
    are put to zero for good. Time is in units of sqrt(l / g), and theta'^2 / 2 - cos theta <= 0.99. If z = a theta,
    then z'' = -a sin(z / a): only a = 1 needs a single term, so that a tends to 1, and c in z'' = c sin z is
    -a on the way. A restart counts as found if sin z is its only term and c / a is within 5 % of -1. The frames enter
    through 24 principal components; ten restarts are trained at once. The Lorenz system is found from its series.

    Source: K. Champion, B. Lusch, J. N. Kutz, S. L. Brunton, PNAS 116, 22445 (2019); G. C. de Miranda et al. (2025),
    arXiv:2505.13042, section III.4, eqs. (34)-(44), who find the equation in 8 of 10 restarts. With the seed 1 it is
    found here in 7; two more keep a term in z beside the sine and one a constant.
    """

    QUICK: ClassVar = {"n_steps": 60, "n_restarts": 2, "n_trajectories": 10}

    n_restarts: int = Field(10, ge=1, le=100, description="of the training, from different first weights")
    n_steps: int = Field(15_000, ge=20, description="updates")
    n_trajectories: int = Field(100, ge=2, description="swings of 50 frames to learn from; a fifth as many validate")
    batch_size: int = Field(128, ge=1, description="frames for each update")
    learning_rate: float = Field(5e-3, gt=0, le=1, description="of Adam; falls to 0 along a cosine in the second half")
    width: int = Field(32, ge=2, le=1000, description="of the outer hidden layers; the inner ones have half of it")


class Frames(NamedTuple):
    """Components of the frames and of their derivatives, side by side (n, 3 K), and the angles (n,)."""

    rows: Any
    angle: np.ndarray


class Ensemble:
    """Encoders, decoders and coefficients of all restarts, as arrays with one more axis in front."""

    def __init__(self, settings: PendulumSINDy, scale: float) -> None:
        import torch
        from torch import nn

        generator = torch.Generator().manual_seed(settings.seed)
        r, w = settings.n_restarts, settings.width

        def layers(*sizes: int) -> list[tuple[Any, Any]]:
            pairs = itertools.pairwise(sizes)
            draws = [(2 * torch.rand(r, a, b, generator=generator) - 1) * math.sqrt(6 / (a + b)) for a, b in pairs]
            return [(nn.Parameter(W), nn.Parameter(torch.zeros(r, 1, W.shape[2]))) for W in draws]

        self.encoder, self.decoder = layers(N_COMPONENTS, w, w // 2, 1), layers(1, w // 2, w, N_COMPONENTS)
        self.xi, self.mask = nn.Parameter(torch.zeros(r, len(NAMES), 1)), torch.ones(r, len(NAMES), 1)
        self.scale = scale
        self.parameters = [p for layer in self.encoder + self.decoder for p in layer] + [self.xi]

    def coefficients(self) -> Any:
        """Xi without the terms that were cut, shape (n_restarts, n_terms, 1)."""
        return self.xi * self.mask

    def cut(self) -> None:
        """Put coefficients below the threshold to zero for good."""
        self.mask = self.mask * (self.coefficients().detach().abs() >= THRESHOLD)

    def losses(self, rows: Any) -> tuple[Any, Any, Any, Any]:
        """|x - y|^2, |x'' - y''|^2 and |z'' - Theta Xi|^2, each (n_restarts,), and z, z', z''."""
        from generative.derivatives import Motion, along

        x = Motion(*(part / self.scale for part in rows.split(N_COMPONENTS, dim=1)))
        z = along(self.encoder, "tanh", x)
        law = library(z.value) @ self.coefficients()
        y = along(self.decoder, "tanh", Motion(z.value, z.first, law))
        pixels = SIZE**2 / self.scale**2

        def mean(difference: Any) -> Any:
            return difference.square().sum(dim=-1).mean(dim=-1) / pixels

        return mean(x.value - y.value), mean(x.second - y.second), (z.second - law).square().mean(dim=(1, 2)), z

    def loss(self, batch: Any) -> Any:
        """The sum over restarts, which do not know of each other, and its parts."""
        picture, acceleration, dynamics, _ = self.losses(batch.x)
        sparsity = self.coefficients().abs().mean(dim=(1, 2)) if batch.progress < CUTS[-1] else 0.0
        total = picture + WEIGHT_X * acceleration + WEIGHT_Z * dynamics + WEIGHT_SPARSE * sparsity
        parts = {"picture": picture, "acceleration": acceleration, "dynamics": dynamics}
        return total.sum(), {name: part.mean() for name, part in parts.items()}


def library(z: Any) -> Any:
    """1, z, z^2, z^3, z^4, sin z along the last axis."""
    import torch

    return torch.cat([torch.ones_like(z), z, z**2, z**3, z**4, torch.sin(z)], dim=-1)


def data(settings: PendulumSINDy) -> tuple[Frames, Frames]:
    """Frames to learn from and to validate."""
    import torch

    from generative.datasets import pendulum_frames
    from neural.components import PrincipalComponents

    kept: Any = None
    parts = []
    for n, seed in ((settings.n_trajectories, 0), (max(2, settings.n_trajectories // 5), 1)):
        swings = pendulum_frames(
            n, 50, SIZE, gravity_over_length=1.0, spot=0.25, largest_energy=0.99, seed=settings.seed + seed
        )
        x, dx, ddx = (part.reshape(-1, SIZE**2) for part in (swings.frames, swings.first, swings.second))
        kept = kept or PrincipalComponents.of(x)
        v = kept.vectors[:N_COMPONENTS].T
        rows = np.hstack([kept.project(x, N_COMPONENTS), dx @ v, ddx @ v])
        parts.append(Frames(torch.tensor(rows, dtype=torch.float32), swings.angle.ravel()))
    return parts[0], parts[1]


def rate(settings: PendulumSINDy) -> Any:
    """The learning rate of each step: 200 to warm up, constant to the middle, half a cosine to 0."""

    def at(step: int) -> float:
        progress = max(0.0, 2 * step / settings.n_steps - 1)
        return settings.learning_rate * min(1.0, (step + 1) / 200) * 0.5 * (1 + math.cos(math.pi * progress))

    return at


def training(ensemble: Ensemble, frames: Frames, settings: PendulumSINDy) -> Iterator[Progress]:
    """Descent with cuts; a hundred records."""
    import torch

    from generative.training import Objective, Training

    torch.set_num_threads(settings.threads)
    module = torch.nn.ParameterList(ensemble.parameters)
    objective = Objective("loss", ensemble.loss, ensemble.parameters, rate(settings))
    every = max(1, settings.n_steps // 100)
    cuts = [round(cut * settings.n_steps) for cut in CUTS]
    steps = Training(
        module,
        [objective],
        frames.rows,
        n_steps=settings.n_steps,
        batch_size=settings.batch_size,
        record_every=every,
        seed=settings.seed,
    )
    for record in steps:
        if any(record.step - every < cut <= record.step for cut in cuts):
            ensemble.cut()
        yield Progress(record.step, settings.n_steps, record.losses)


def learn(settings: PendulumSINDy) -> Records:
    """All restarts, the laws they found, and sparse regression on the latent series of the best."""
    import torch

    from neural.sparse import equation, sparse_regression

    frames, validation = data(settings)
    ensemble = Ensemble(settings, float(frames.rows[:, :N_COMPONENTS].std()))
    yield from training(ensemble, frames, settings)
    with torch.no_grad():
        picture, acceleration, dynamics, z = ensemble.losses(validation.rows)
        score = (picture + WEIGHT_X * acceleration + WEIGHT_Z * dynamics).numpy()
        latent = np.concatenate([part.numpy() for part in z], axis=2).astype(np.float64)
        xi = ensemble.coefficients().numpy()[:, :, 0].astype(np.float64)
    scale = latent[:, :, 0].std(axis=1) / validation.angle.std()
    found = [only_sine(row) and abs(row[-1] / a + 1) < 0.05 for row, a in zip(xi, scale)]
    best = int(score.argmin())
    again = sparse_regression(
        library(torch.tensor(latent[best, :, :1]))[:, active(xi[best])].numpy(), latent[best, :, 2:], THRESHOLD
    )
    findings = {
        "found": Finding(sum(found), least=0.8 * settings.n_restarts, unit=f"of {settings.n_restarts} restarts"),
        "c_of_the_best": Finding(xi[best, -1] / scale[best], -1.0, 0.05, unit="over the scale of z"),
        "scale_of_the_best": Finding(scale[best], unit="z / theta"),
        "c_by_regression": Finding(again[-1, 0], float(xi[best, -1]), 0.05),
        **lorenz(),
    }
    order = np.argsort(score)
    laws = [equation("z''", row, NAMES) for row in xi]
    notes = [f"{laws[k]}   scale {scale[k]:.3f}, validation {score[k]:.2e}" for k in order]
    arrays = {"xi": xi, "scale": scale, "score": score, "z": latent[best], "angle": validation.angle}
    return Outcome(findings, arrays, notes)


def active(coefficients: np.ndarray) -> np.ndarray:
    """Which terms are left; sin z always is."""
    return np.flatnonzero((coefficients != 0) | (np.arange(len(NAMES)) == len(NAMES) - 1))


def only_sine(coefficients: np.ndarray) -> bool:
    """Whether sin z is the only term."""
    return bool(coefficients[-1] != 0 and not coefficients[:-1].any())


def lorenz() -> dict[str, Finding]:
    """x' = 10 (y - x), y' = x (28 - z) - y, z' = x y - 8 z / 3 from a series with differences for derivatives."""
    from scipy.integrate import solve_ivp

    from neural.sparse import monomials, sparse_regression

    def slope(_: float, u: np.ndarray) -> list[float]:
        x, y, z = u
        return [10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z]

    t = np.arange(0.0, 20.0, 0.002)
    u = solve_ivp(slope, (0, 20), [-8.0, 7.0, 27.0], "DOP853", t, rtol=1e-10, atol=1e-10).y.T
    rates = (u[:-4] - 8 * u[1:-3] + 8 * u[3:-1] - u[4:]) / (12 * 0.002)
    terms, names = monomials(u[2:-2], 3)
    xi = sparse_regression(terms, rates, THRESHOLD)
    truth = {("y", 0): 10.0, ("x", 1): 28.0, ("z", 2): -8 / 3}
    findings = {
        f"lorenz_{name}_in_equation_{k + 1}": Finding(xi[names.index(name), k], value, 0.01)
        for (name, k), value in truth.items()
    }
    return {**findings, "lorenz_terms": Finding(int(np.count_nonzero(xi)), 7.0, 0.0)}


def draw(result: Any, figure: Any) -> None:
    """z against the angle, its acceleration with the law, and the coefficients of all restarts."""
    figure.set_size_inches(13, 4)
    left, middle, right = figure.subplots(1, 3)
    s = result.samples
    z, _, acceleration = s["z"].T
    left.plot(s["angle"], z, ".", ms=2, color=BLUE)
    left.set(xlabel="angle / rad", ylabel="z", title="The latent number")
    order = np.argsort(z)
    middle.plot(z, acceleration, ".", ms=2, color=GREY, label="encoder")
    c = s["xi"][np.argmin(s["score"])]
    law = np.column_stack([np.ones_like(z), z, z**2, z**3, z**4, np.sin(z)]) @ c
    middle.plot(z[order], law[order], color=ORANGE, label="law")
    middle.set(xlabel="z", ylabel="z''", title=result.notes[0].split("   ")[0])
    middle.legend(frameon=False)
    image = right.imshow(s["xi"], cmap="RdBu_r", vmin=-1, vmax=1, aspect="auto")
    right.set_xticks(range(len(NAMES)), NAMES)
    right.set(ylabel="restart", title="Coefficients")
    figure.colorbar(image, ax=right)


EXPERIMENT = lesson("pendulum-sindy", PendulumSINDy, learn, draw)
