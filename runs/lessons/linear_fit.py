"""One rectified neuron learns a straight line."""

from typing import Any

import numpy as np
from pydantic import Field

from ..experiments.experiment import Progress
from ..style import BLUE, COLOURS
from .lesson import Finding, LessonSettings, Outcome, Records, lesson, printed

TIMES = np.array([[0.0], [0.25], [0.5], [0.75], [1.0]])
WEIGHT, BIAS = 0.497, -0.138
SHOWN = (0, 1, 2, 100)


class LinearFit(LessonSettings):
    """One neuron y = max(0, w t + b) learns the velocity v = t / 2 at t = 0, 0.25, 0.5, 0.75, 1.

    Gradient descent from w = 0.497, b = -0.138. The loss is the sum L = sum_j (v_j - y_j)^2, but the step takes the
    mean gradient, -rate dL/dw / 5: with it the second loss is 0.0641; the published 0.0643 comes from a weight and a
    bias rounded to three digits on the way. 100 epochs of either convention, mean or sum, do not reach the published
    1.06e-7: 988 steps with the mean or 198 with the sum get below 2e-7, and the lesson counts them.

    Source: G. C. de Miranda et al. (2025), arXiv:2505.13042, section II.1.2, eqs. (9)-(13) and figure 6.
    """

    n_epochs: int = Field(1000, ge=1, description="steps, each with all five points")
    learning_rate: float = Field(0.05, gt=0, le=10, description="of plain gradient descent")


def learn(settings: LinearFit) -> Records:
    """Training with the mean gradient, and the count of steps with the sum."""
    lines, losses = [TIMES[:, 0] * WEIGHT + BIAS], []
    neuron: Any = None
    for epoch in steps(settings, len(TIMES)):
        losses.append(epoch.loss)
        lines.append(epoch.model(TIMES)[:, 0])
        neuron = epoch.model
        yield Progress(epoch.epoch, settings.n_epochs, {"loss": epoch.loss})
    with_sum = [epoch.loss for epoch in steps(settings, 1)]
    findings = {
        "first_loss": printed(losses[0], "0.0746"),
        "weight": Finding(neuron.weights[0][0, 0], 0.5, 1e-3),
        "bias": Finding(neuron.biases[0][0], 0.0, 1e-3),
        "last_loss": Finding(losses[-1], most=2e-7),
        "steps_with_mean": Finding(first_below(2e-7, losses), unit="steps to 2e-7"),
        "steps_with_sum": Finding(first_below(2e-7, with_sum), unit="steps to 2e-7"),
    }
    if len(losses) > 1:
        findings["second_loss"] = Finding(losses[1], 0.0643, 3e-4)
    shown = np.array([lines[min(n, len(lines) - 1)] for n in SHOWN])
    return Outcome(findings, {"lines": np.maximum(shown, 0), "with_sum": np.array(with_sum)})


def steps(settings: LinearFit, divisor: int) -> Any:
    """Epochs of descent on the sum of squares; each step is divided by ``divisor``."""
    from neural import FeedForward, GradientDescent, fit

    neuron = FeedForward.from_layers([np.array([[WEIGHT]])], [np.array([BIAS])], ["relu"])
    descent = GradientDescent(settings.learning_rate / divisor)
    return fit(
        neuron,
        TIMES,
        TIMES / 2,
        optimizer=descent,
        loss="sum_squared_error",
        batch_size=len(TIMES),
        n_epochs=settings.n_epochs,
        seed=settings.seed,
    )


def first_below(limit: float, losses: list[float]) -> int:
    """How many steps were taken before the loss was below ``limit``; all of them if it never was."""
    return next((n for n, loss in enumerate(losses) if loss < limit), len(losses))


def draw(result: Any, figure: Any) -> None:
    """The line after some epochs, and the loss."""
    figure.set_size_inches(9, 4)
    left, right = figure.subplots(1, 2)
    left.plot(TIMES, TIMES / 2, "o", color="black", label="data")
    for n, line, colour in zip(SHOWN, result.samples["lines"], COLOURS):
        left.plot(TIMES, line, color=colour, label=f"{n} epochs")
    left.set(xlabel="t", ylabel="v", title="One rectified neuron")
    right.semilogy(result.trace["loss"], color=BLUE, label="step by the mean")
    right.semilogy(result.samples["with_sum"], color=COLOURS[1], label="step by the sum")
    right.axhline(2e-7, color="black", linewidth=0.8, linestyle="--")
    right.set(xlabel="epoch", title="Sum of squares", ylim=(1e-9, 0.2))
    for axes in (left, right):
        axes.legend(frameon=False, fontsize=8)


EXPERIMENT = lesson("linear-fit", LinearFit, learn, draw)
