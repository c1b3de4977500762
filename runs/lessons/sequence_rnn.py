"""An LSTM and a causal transformer continue the swing of a pendulum."""

from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from ..style import BLUE, GREY, ORANGE
from .lesson import Finding, LessonSettings, Outcome, Records, lesson
from .supervised import predicted, supervised

MODELS = ("lstm", "transformer")


class SequenceRNN(LessonSettings):
    """From the angles theta_1 ... theta_i of a pendulum, a network says theta_(i+1); on its own answers it goes on.

    Both networks learn to correct the straight line, theta_(i+1) = 2 theta_i - theta_(i-1) + u_i. The LSTM keeps a cell
    c_i = f c_(i-1) + i tanh(...) with gates f, i, o in (0, 1) and gives h_i = o tanh(c_i); the transformer lets every
    time attend to those before it, softmax(q k / sqrt(d)) v. The one-step error is that with true angles before; the
    free-running error that of a network fed with its own answers after the first ``n_given`` angles. Both are root mean
    squares, beside those of the straight line.

    Source: S. Hochreiter, J. Schmidhuber, Neural Computation 9, 1735 (1997); A. Vaswani et al., arXiv:1706.03762.
    """

    QUICK: ClassVar = {"n_epochs": 1, "n_swings": 20, "width": 8}

    n_swings: int = Field(400, ge=10, description="swings of different energy; a fifth of them for the test")
    n_times: int = Field(60, ge=20, le=1000, description="angles of each swing, 0.2 sqrt(l / g) apart")
    n_given: int = Field(20, ge=3, description="true angles before a network runs freely")
    n_epochs: int = Field(60, ge=1, description="passes through the swings")
    width: int = Field(32, ge=4, le=1024, multiple_of=4, description="of the hidden state, or of the attention")


def network(kind: str, settings: SequenceRNN) -> Any:
    """A module from angles (b, n_times) to predictions of each of them from those before, (b, n_times)."""
    import torch
    from torch import nn
    from torch.nn.functional import pad

    from generative.networks import CausalTransformer, Linear, initialise

    class LSTM(nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            self.cells, self.leave = nn.LSTM(1, width, batch_first=True), Linear(width, 1, gain=0.0)

        def forward(self, x: Any) -> Any:
            return self.leave(self.cells(pad(x, (1, -1))[:, :, None])[0])[:, :, 0]

    class Corrected(nn.Module):
        def __init__(self, inner: nn.Module) -> None:
            super().__init__()
            self.inner = inner

        def forward(self, x: Any) -> Any:
            return 2 * pad(x, (1, -1)) - pad(x, (2, -2)) + self.inner(x)

    if kind == "transformer":
        return Corrected(CausalTransformer(settings.n_times, settings.width, seed=settings.seed))
    with torch.random.fork_rng():  # torch's LSTM draws from the shared generator
        torch.manual_seed(settings.seed)
        inner = LSTM(settings.width)
    initialise(inner, settings.seed)
    return Corrected(inner)


def learn(settings: SequenceRNN) -> Records:
    """Both networks on the same swings."""
    from generative.datasets import pendulum_frames

    swings = pendulum_frames(
        settings.n_swings,
        settings.n_times,
        size=2,
        duration=0.2 * (settings.n_times - 1),
        gravity_over_length=1.0,
        seed=settings.seed,
    )
    n_test = settings.n_swings // 5
    train, test = swings.angle[:-n_test], swings.angle[-n_test:]
    line = 2 * test[:, 1:-1] - test[:, :-2]
    findings = {"one_step_line": Finding(rms(line - test[:, 2:]), unit="rad")}
    arrays = {"truth": test[:5]}
    for kind in MODELS:
        net = network(kind, settings)
        yield from supervised(
            net, loss, train, train, n_epochs=settings.n_epochs, seed=settings.seed, batch_size=32,
            learning_rate=3e-3, threads=settings.threads,
        )  # fmt: skip
        one_step = rms(predicted(net, test)[:, 2:] - test[:, 2:])
        free = freely(net, test, settings.n_given)
        running = rms(free[:, settings.n_given :] - test[:, settings.n_given :])
        findings[f"one_step_{kind}"] = Finding(one_step, most=findings["one_step_line"].value / 5, unit="rad")
        findings[f"free_running_{kind}"] = Finding(running, most=0.5 * rms(test), unit="rad")
        arrays |= {kind: free[:5], f"growth_{kind}": np.sqrt(np.mean((free - test) ** 2, axis=0))}
    return Outcome(findings, arrays)


def loss(predictions: Any, angles: Any) -> Any:
    """Mean squared error from the third angle on, the first that has two before it."""
    return (predictions - angles)[:, 2:].square().mean() * 100


def freely(net: Any, angles: np.ndarray, n_given: int) -> np.ndarray:
    """Angles continued by the network from the first ``n_given`` on."""
    series = np.zeros_like(angles)
    series[:, :n_given] = angles[:, :n_given]
    for i in range(n_given, angles.shape[1]):
        series[:, i] = predicted(net, series)[:, i]
    return series


def rms(x: np.ndarray) -> float:
    """The root of the mean square."""
    return float(np.sqrt(np.mean(x**2)))


def draw(result: Any, figure: Any) -> None:
    """Swings that were continued, and how the error grows."""
    figure.set_size_inches(11, 4)
    left, right = figure.subplots(1, 2, width_ratios=[2, 1])
    s, n_given = result.samples, result.config["n_given"]
    t = 0.2 * np.arange(s["truth"].shape[1])
    for k in range(len(s["truth"][:3])):
        left.plot(t, s["truth"][k], color=GREY, linewidth=4, alpha=0.4, label="truth" if k == 0 else None)
        for kind, colour in zip(MODELS, (BLUE, ORANGE)):
            left.plot(t, s[kind][k], color=colour, linewidth=1, label=kind if k == 0 else None)
    left.axvline(t[n_given - 1], color="black", linewidth=0.8, linestyle="--")
    left.set(xlabel="time / sqrt(l / g)", ylabel="angle / rad", title="Running freely from the dashed line on")
    left.legend(frameon=False, fontsize=8)
    for kind, colour in zip(MODELS, (BLUE, ORANGE)):
        right.semilogy(t[n_given:], s[f"growth_{kind}"][n_given:], color=colour, label=kind)
    right.set(xlabel="time / sqrt(l / g)", ylabel="error / rad", title="Growth of the error")
    right.legend(frameon=False, fontsize=8)


EXPERIMENT = lesson("sequence-rnn", SequenceRNN, learn, draw)
