"""A network of threshold units learns the OR gate by error propagation, before gradients."""

from typing import Any, NamedTuple

import numpy as np
from pydantic import Field

from ..experiments.experiment import Progress
from ..style import COLOURS
from .lesson import Finding, LessonSettings, Outcome, Records, lesson, printed

ROWS = np.array([(0.0, 1.0), (0.0, 0.0), (1.0, 0.0), (1.0, 1.0)])
TARGETS = np.array([1.0, 0.0, 1.0, 1.0])


class OrGate(LessonSettings):
    """Two hidden units and an output, all with a threshold, learn the truth table of x1 OR x2.

    y = step(w x), z = step(v y), with step(a) = 1 for a >= 0 and 0 below. The error e = t - z is handed back with the
    weights: v <- v + rate e y and w_j <- w_j + rate e v_j x, v being the old ones. The worked step starts at
    w = ((2.5, 1.2), (-1.4, 2.1)) by hidden unit, v = (-1.6, 1.4), with the input (0, 1) and the target 1.

    Source: A. Mohamed, Introduction to machine learning in physics, summer school of the Arab Physical Society (2024),
    after M. Frame. Its output after the step, -0.6 + 3.5 = 2.9, adds a weight of the first layer to one of the second;
    the trained network has 2.4 there, and 1 after the threshold, as it says.
    """

    n_epochs: int = Field(10, ge=1, description="passes through the four rows")
    learning_rate: float = Field(1.0, gt=0, le=10, description="the size of a correction")


class Gate(NamedTuple):
    """Weights w (hidden, input) and v (hidden,)."""

    w: np.ndarray
    v: np.ndarray

    def hidden(self, x: np.ndarray) -> np.ndarray:
        """step(w x)."""
        return step(x @ self.w.T)

    def output(self, x: np.ndarray) -> np.ndarray:
        """v y, before the threshold."""
        return self.hidden(x) @ self.v

    def corrected(self, x: np.ndarray, target: float, rate: float) -> "Gate":
        """The weights after one row."""
        e = target - step(self.output(x))
        return Gate(self.w + rate * e * np.outer(self.v, x), self.v + rate * e * self.hidden(x))


def step(a: np.ndarray) -> np.ndarray:
    """1 for a >= 0, else 0."""
    return (a >= 0) * 1.0


START = Gate(np.array([(2.5, 1.2), (-1.4, 2.1)]), np.array([-1.6, 1.4]))


def learn(settings: OrGate) -> Records:
    """The rows one after the other until all four are right."""
    gate, findings, outputs = START, worked_step(settings.learning_rate), [START.output(ROWS)]
    wrong, needed = 4, 0
    for epoch in range(1, settings.n_epochs + 1):
        for x, target in zip(ROWS, TARGETS):
            gate = gate.corrected(x, target, settings.learning_rate)
        outputs.append(gate.output(ROWS))
        needed += wrong > 0
        wrong = int(np.sum(step(outputs[-1]) != TARGETS))
        yield Progress(epoch, settings.n_epochs, {"wrong": wrong})
    findings |= {"wrong": Finding(wrong, 0.0, unit="rows of 4"), "epochs_needed": Finding(needed, most=10)}
    return Outcome(findings, {"outputs": np.array(outputs), "w": gate.w, "v": gate.v})


def worked_step(rate: float) -> dict[str, Finding]:
    """The first row, by the rule."""
    new = START.corrected(ROWS[0], 1.0, rate)
    return {
        "worked_output_before": printed(START.output(ROWS[0]), "-0.2"),
        "worked_v1": printed(new.v[0], "-0.6"),
        "worked_v2": printed(new.v[1], "2.4"),
        "worked_w12": printed(new.w[0, 1], "-0.4"),
        "worked_w22": printed(new.w[1, 1], "3.5"),
        "worked_sum_as_printed": printed(new.v[0] + new.w[1, 1], "2.9"),
        "worked_output_after": Finding(new.output(ROWS[0]), 2.4, 1e-12),
    }


def draw(result: Any, figure: Any) -> None:
    """The output of every row before the threshold, pass by pass."""
    figure.set_size_inches(7, 4)
    axes, outputs = figure.subplots(), result.samples["outputs"]
    for row, column, colour, dash in zip(ROWS, outputs.T, COLOURS, ("-", "-", "--", ":")):
        axes.plot(column, marker="o", linestyle=dash, color=colour, label=f"({row[0]:.0f}, {row[1]:.0f})")
    axes.axhline(0, color="black", linewidth=0.8)
    axes.set(
        xlabel="passes through the table", ylabel="output before the threshold", title="(0, 0) belongs below the line"
    )
    axes.legend(frameon=False, fontsize=8)


EXPERIMENT = lesson("or-gate", OrGate, learn, draw)
