"""One sigmoid neuron tells setosa from virginica."""

from typing import Any

import numpy as np
from pydantic import Field

from ..experiments.experiment import Progress
from ..style import BLUE, GREY, ORANGE
from .lesson import Finding, LessonSettings, Outcome, Records, lesson, printed

WEIGHTS, BIAS = (1.0, 0.0, 0.5, -0.3), 0.5
FLOWER = (5.1, 3.5, 1.4, 0.2)  # the first of Fisher's table, a setosa
FEATURES = ("sepal length", "sepal width", "petal length", "petal width")


class PerceptronIris(LessonSettings):
    """One neuron y = sigmoid(w x + b) learns to tell setosa (0) from virginica (1) by four lengths in cm.

    Gradient descent on L = sum_j (t_j - y_j)^2, one flower after the other: w <- w + 2 rate (t - y) y (1 - y) x, and
    b likewise without x. The worked step starts at w = (1, 0, 0.5, -0.3), b = 0.5.

    Source: G. C. de Miranda et al., An introduction to neural networks for physicists (2025), arXiv:2505.13042, section
    II.1 and eqs. (2)-(8), whose listing has the sign of the step reversed; data: R. A. Fisher (1936), 100 of 150 rows.
    """

    n_epochs: int = Field(100, ge=1, description="passes through the flowers")
    learning_rate: float = Field(0.01, gt=0, le=10, description="of plain gradient descent")


def learn(settings: PerceptronIris) -> Records:
    """The worked step by hand, then training from the same weights."""
    from sklearn.datasets import load_iris

    from neural import FeedForward, GradientDescent, fit

    table: Any = load_iris()
    chosen = table.target != 1
    x, t = table.data[chosen], (table.target[chosen] == 2)[:, None] * 1.0
    neuron = FeedForward.from_layers([np.array(WEIGHTS)[:, None]], [np.array([BIAS])], ["sigmoid"])
    findings = worked_step(neuron)
    last: Any = None
    optimizer, loss = GradientDescent(settings.learning_rate), "sum_squared_error"
    for last in fit(
        neuron, x, t, optimizer=optimizer, loss=loss, batch_size=1, n_epochs=settings.n_epochs, seed=settings.seed
    ):
        yield Progress(last.epoch, settings.n_epochs, {"loss": last.loss / len(x), "wrong": wrong(last.model, x, t)})
    findings["wrong_before"] = Finding(wrong(neuron, x, t), unit="flowers of 100")
    findings["wrong"] = Finding(wrong(last.model, x, t), most=1, unit="flowers of 100")
    return Outcome(findings, {"x": x, "labels": t[:, 0], "before": neuron.theta, "after": last.model.theta})


def worked_step(neuron: Any) -> dict[str, Finding]:
    """z = w x + b, y = sigmoid(z), L = (t - y)^2 of the first flower, and the weights after one update."""
    x, t = np.array([FLOWER]), np.zeros((1, 1))
    y = float(neuron(x)[0, 0])
    loss, gradient = neuron.backprop(x, t)
    return {
        "worked_z": printed(np.log(y / (1 - y)), "6.24"),
        "worked_output": printed(y, "0.998"),
        "worked_loss": printed(loss, "0.9961"),
        "worked_update": Finding(-0.01 * gradient.weights[0][0, 0], -0.02 * y**2 * (1 - y) * FLOWER[0], 1e-15),
    }


def wrong(neuron: Any, x: np.ndarray, t: np.ndarray) -> int:
    """How many flowers are on the wrong side of y = 1/2."""
    return int(np.sum((neuron(x) > 0.5) != (t > 0.5)))


def draw(result: Any, figure: Any) -> None:
    """Flowers in two projections, and the line y = 1/2 for flowers whose other two lengths are as these two suggest."""
    figure.set_size_inches(9, 7)
    x, labels = result.samples["x"], result.samples["labels"]
    for row, when in zip(figure.subplots(2, 2), ("before", "after")):
        *w, b = result.samples[when]
        mistakes = np.sum((x @ w + b > 0) != (labels > 0.5))
        for axes, (i, j) in zip(row, ((0, 1), (2, 3))):
            for label, colour, name in ((0, ORANGE, "setosa"), (1, BLUE, "virginica")):
                axes.plot(*x[labels == label][:, (i, j)].T, "o", ms=4, color=colour, alpha=0.7, label=name)
            plane = np.column_stack([x[:, i], x[:, j], np.ones(len(x))])
            slope_i, slope_j, offset = np.linalg.lstsq(plane, x @ w + b)[0]
            left, right = x[:, i].min() - 0.3, x[:, i].max() + 0.3
            line = np.array([left, right])
            axes.plot(line, -(slope_i * line + offset) / slope_j, color=GREY, label="y = 1/2")
            axes.set(xlim=(left, right), ylim=(x[:, j].min() - 0.3, x[:, j].max() + 0.3))
            axes.set(xlabel=f"{FEATURES[i]} / cm", ylabel=f"{FEATURES[j]} / cm")
            axes.set_title(f"{when} training: {mistakes} wrong")
            axes.legend(frameon=False, fontsize=8)


EXPERIMENT = lesson("perceptron-iris", PerceptronIris, learn, draw)
