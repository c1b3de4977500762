"""The acceleration of gravity from a swinging pendulum, by one neuron."""

from typing import Any

import numpy as np
from pydantic import Field

from ..experiments.experiment import Progress
from ..style import BLUE, GREY, ORANGE
from .lesson import Finding, LessonSettings, Outcome, Records, lesson

FIRST_GUESS = 8.0  # m / s^2


class PendulumFit(LessonSettings):
    """One neuron with a sine as activation learns g from noisy angles of a pendulum that swings a little.

    Small angles obey theta'' = -(g / l) theta, so that theta(t) = theta_0 cos(sqrt(g / l) t). The neuron computes
    theta / theta_0 = sin(w t + b); Adam lowers the mean squared error, and then g = l w^2. Its error bar is
    2 l w sigma_w with the covariance s^2 (J^T J)^-1 of (w, b), J the derivatives of the outputs and s the scatter of
    the points about the curve.

    Source: G. C. de Miranda et al. (2025), arXiv:2505.13042, section III.1, eqs. (23)-(26).
    """

    gravity: float = Field(9.81, gt=5, lt=12, description="g behind the data, in m / s^2")
    length: float = Field(1.0, gt=0, le=100, description="of the pendulum, in m")
    amplitude: float = Field(0.1, gt=0, le=0.2, description="theta_0 in radians")
    noise: float = Field(0.002, gt=0, allow_inf_nan=False, description="standard deviation of an angle, in radians")
    n_points: int = Field(400, ge=10, description="measured angles, within four times sqrt(l / (1 m)) seconds")
    n_epochs: int = Field(600, ge=1, description="steps, each with all points")
    learning_rate: float = Field(0.05, gt=0, le=10, description="of Adam; falls to 0 along a cosine")


def learn(settings: PendulumFit) -> Records:
    """Data from a known g, and g back."""
    from neural import Adam, CosineDecay, FeedForward, fit

    rng = np.random.default_rng(settings.seed)
    unit = np.sqrt(settings.length)  # the neuron sees t / unit
    t = np.linspace(0.0, 4.0, settings.n_points)[:, None]
    theta = settings.amplitude * np.cos(np.sqrt(settings.gravity) * t) + settings.noise * rng.normal(size=t.shape)
    y = theta / settings.amplitude
    start = FeedForward.from_layers([np.array([[np.sqrt(FIRST_GUESS)]])], [np.array([np.pi / 2])], ["sine"])
    neuron: Any = start
    adam = Adam(CosineDecay(settings.learning_rate, settings.n_epochs))
    for epoch in fit(start, t, y, optimizer=adam, batch_size=len(t), n_epochs=settings.n_epochs, seed=settings.seed):
        neuron = epoch.model
        yield Progress(epoch.epoch, settings.n_epochs, {"loss": epoch.loss, "g": float(neuron.weights[0][0, 0]) ** 2})
    w = float(neuron.weights[0][0, 0])
    residuals = y - neuron(t)
    jacobian = neuron.per_sample_gradients(t)
    scatter = float(np.sum(residuals**2)) / (len(t) - 2)
    error = 2 * w * np.sqrt(scatter * np.linalg.inv(jacobian.T @ jacobian)[0, 0])
    findings = {
        "g": Finding(w**2, settings.gravity, error=float(error), unit="m / s^2"),
        "g_off_by": Finding(abs(w**2 / settings.gravity - 1), most=0.005, unit="of g"),
        "noise": Finding(
            settings.amplitude * np.sqrt(scatter),
            settings.noise,
            error=settings.noise / np.sqrt(2 * len(t)),
            unit="radians",
        ),
    }
    curve = settings.amplitude * np.hstack([start(t), neuron(t)])
    return Outcome(findings, {"t": t[:, 0] * unit, "theta": theta[:, 0], "curves": curve})


def draw(result: Any, figure: Any) -> None:
    """Angles with the first and the last curve, and g during training."""
    figure.set_size_inches(10, 4)
    left, right = figure.subplots(1, 2)
    t, theta, curves = (result.samples[name] for name in ("t", "theta", "curves"))
    left.plot(t, theta, ".", ms=3, color=GREY, label="measured")
    left.plot(t, curves[:, 0], color=ORANGE, label="before training")
    left.plot(t, curves[:, 1], color=BLUE, label="after training")
    left.set(xlabel="t / s", ylabel="theta / rad", title="A small swing")
    left.margins(y=0.2)
    left.legend(frameon=False, fontsize=8, loc="upper center", ncols=3)
    right.plot(result.trace["g"], color=BLUE)
    estimate = result.measurement["g"].estimate
    right.axhline(result.config["gravity"], color="black", linewidth=0.8, linestyle="--")
    right.set(xlabel="step", title=f"g = {estimate} m / s$^2$")


EXPERIMENT = lesson("pendulum-fit", PendulumFit, learn, draw)
