"""Logistic regression by gradient descent."""

from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from ..experiments.experiment import Progress
from ..style import BLUE, GREY, ORANGE
from .lesson import Finding, LessonSettings, Outcome, Records, lesson

TRUE = np.array([1.5, -2.0, 0.5])  # w1, w2, b
NAMES = ("w1", "w2", "b")


class Logistic(LessonSettings):
    """A detector fires with the probability p = sigmoid(w x + b): w and b from the events that fired and did not.

    Gradient descent with all events on the binary cross-entropy L = -mean(t log p + (1 - t) log(1 - p)), whose gradient
    is mean((p - t) x). The minimum is unique; scikit-learn finds the same without a penalty. Its standard errors are
    the roots of the diagonal of F^-1 / n with the Fisher information F = mean(p (1 - p) x x^T), x with a 1 for b.

    Source: M. Hjorth-Jensen, Advanced machine learning and data analysis for the physical sciences (2025), and
    T. Hastie, R. Tibshirani, J. Friedman, The Elements of Statistical Learning (2009), section 4.4.
    """

    QUICK: ClassVar = {"n_epochs": 400, "n_events": 500}

    n_events: int = Field(2000, ge=10, description="events, each with two observables")
    n_epochs: int = Field(1000, ge=1, description="steps, each with all events")
    learning_rate: float = Field(1.0, gt=0, le=10, description="of plain gradient descent")


def learn(settings: Logistic) -> Records:
    """Events from known coefficients, and the coefficients back."""
    from sklearn.linear_model import LogisticRegression

    from neural import FeedForward, GradientDescent, fit
    from neural.activations import sigmoid

    rng = np.random.default_rng(settings.seed)
    x = rng.multivariate_normal([0.0, 0.0], [[1.0, 0.5], [0.5, 1.0]], settings.n_events)
    t = (rng.random(settings.n_events) < sigmoid(x @ TRUE[:2] + TRUE[2])) * 1.0
    peer = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(x, t)
    theirs = np.append(peer.coef_[0], peer.intercept_)
    neuron = FeedForward.init((2, 1), ("identity",), seed=settings.seed)
    found = neuron.theta
    for epoch in fit(
        neuron,
        x,
        t[:, None],
        optimizer=GradientDescent(settings.learning_rate),
        loss="binary_cross_entropy",
        batch_size=len(x),
        n_epochs=settings.n_epochs,
        seed=settings.seed,
    ):
        found = epoch.model.theta
        distance = float(np.max(np.abs(found - theirs)))
        yield Progress(epoch.epoch, settings.n_epochs, {"loss": epoch.loss, "distance": distance})
    errors = standard_errors(x, found)
    findings = {f"{name}_of_peer": Finding(a, b, 1e-4) for name, a, b in zip(NAMES, found, theirs)}
    findings |= {name: Finding(a, b, error=e) for name, a, b, e in zip(NAMES, found, TRUE, errors)}
    return Outcome(findings, {"x": x, "t": t, "found": found})


def standard_errors(x: np.ndarray, found: np.ndarray) -> np.ndarray:
    """sqrt(diag(F^-1) / n) at the minimum."""
    from neural.activations import sigmoid

    x = np.column_stack([x, np.ones(len(x))])
    p = sigmoid(x @ found)
    return np.sqrt(np.diag(np.linalg.inv((x * (p * (1 - p))[:, None]).T @ x)))


def draw(result: Any, figure: Any) -> None:
    """Events with the line p = 1/2, and the way to scikit-learn's coefficients."""
    figure.set_size_inches(9, 4)
    left, right = figure.subplots(1, 2)
    x, t, (w1, w2, b) = (result.samples[name] for name in ("x", "t", "found"))
    for value, colour, name in ((1, BLUE, "fired"), (0, ORANGE, "did not")):
        left.plot(*x[t == value].T, ".", ms=3, color=colour, alpha=0.6, label=name)
    line = np.array([x[:, 0].min(), x[:, 0].max()])
    left.plot(line, -(w1 * line + b) / w2, color="black", label="p = 1/2")
    left.set(xlabel="$x_1$", ylabel="$x_2$", ylim=(x[:, 1].min(), x[:, 1].max()), title="Events")
    left.legend(frameon=False, fontsize=8)
    right.loglog(result.trace["distance"], color=BLUE)
    right.axhline(1e-4, color=GREY, linestyle="--")
    right.set(xlabel="step", title="Largest distance from scikit-learn's coefficients")


EXPERIMENT = lesson("logistic", Logistic, learn, draw)
