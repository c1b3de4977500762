"""Derivatives by forward and reverse mode."""

import time
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from ..experiments.experiment import Progress
from ..style import BLUE, GREY, ORANGE
from .lesson import Finding, LessonSettings, Outcome, Records, lesson


class Autodiff(LessonSettings):
    """Exact derivatives of programs: dual numbers forwards, a graph of the computation backwards.

    Forward mode computes with x + x' e, e^2 = 0, so that f(x + x' e) = f(x) + f'(x) x' e; it takes one pass for each of
    n inputs. Reverse mode walks the graph from the result to the inputs, with the chain rule dL/dx = dL/dy dy/dx; it
    takes one pass for all of them, which is backpropagation. z = x (x + y) + y^2 has dz/dx = 2x + y and dz/dy = x + 2y,
    7 and 8 at (2, 3). The cost is shown for f(x) = sum tanh(x) sin(x) in units of f itself.

    Source: A. G. Baydin et al., Automatic differentiation in machine learning: a survey, J. Mach. Learn. Res. 18(153),
    1 (2018), sections 3.1 and 3.2.
    """

    QUICK: ClassVar = {"largest": 64}

    largest: int = Field(1024, ge=8, description="largest number of inputs; the others are its halves down to 2")
    repeats: int = Field(5, ge=1, description="measurements of every time, of which the shortest counts")


def example(x: Any, y: Any) -> Any:
    """z = x (x + y) + y^2."""
    return x * (x + y) + y * y


def learn(settings: Autodiff) -> Records:
    """The worked example, a small network, and the cost against the number of inputs."""
    from neural.autodiff import directional, forward_gradient, gradient, sin, tanh, total

    def f(x: Any) -> Any:
        return total(tanh(x) * sin(x))

    reverse = gradient(example, 2.0, 3.0)[1]
    forward = [directional(example, (2.0, 3.0), unit)[1] for unit in ((1.0, 0.0), (0.0, 1.0))]
    names = ("dz_dx_forward", "dz_dy_forward", "dz_dx_reverse", "dz_dy_reverse")
    findings = {name: Finding(a, b, 0.0) for name, a, b in zip(names, (*forward, *reverse), (7.0, 8.0, 7.0, 8.0))}
    sizes = [2**k for k in range(1, settings.largest.bit_length())]
    costs = []
    for done, n in enumerate(sizes, start=1):
        x = np.random.default_rng(settings.seed).normal(size=n)
        times = [
            shortest(lambda x=x: f(x), settings.repeats),
            shortest(lambda x=x: forward_gradient(f, x), settings.repeats),
            shortest(lambda x=x: gradient(f, x), settings.repeats),
        ]
        costs.append([times[1] / times[0], times[2] / times[0]])
        yield Progress(done, len(sizes), {"inputs": n, "forward": costs[-1][0], "reverse": costs[-1][1]})
    findings |= network(settings.seed)
    findings["forward_over_reverse"] = Finding(costs[-1][0] / costs[-1][1], least=2.0, unit="for most inputs")
    return Outcome(findings, {"inputs": np.array(sizes), "costs": np.array(costs)})


def shortest(call: Callable[[], Any], repeats: int) -> float:
    """The shortest time of some calls, in seconds."""
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return min(times)


def network(seed: int) -> dict[str, Finding]:
    """Largest relative difference of the first layer's gradient: both modes against the backpropagation by hand."""
    from neural import FeedForward
    from neural.autodiff import forward_gradient, gradient, tanh, total

    net = FeedForward.init((3, 5, 1), ("tanh", "identity"), seed=seed)
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(8, 3)), rng.normal(size=(8, 1))
    by_hand = net.backprop(x, y)[1].weights[0]
    (W, V), (b, c) = net.weights, net.biases

    def loss(W: Any) -> Any:
        return total((tanh(x @ W + b) @ V + c - y) ** 2.0)

    found = {"network_forward": forward_gradient(loss, W), "network_reverse": gradient(loss, W)[1][0]}
    scale = np.max(np.abs(by_hand))
    return {name: Finding(np.max(np.abs(g - by_hand)) / scale, 0.0, 1e-13) for name, g in found.items()}


def draw(result: Any, figure: Any) -> None:
    """The cost of a gradient in units of the function."""
    figure.set_size_inches(6, 4)
    axes, n = figure.subplots(), result.samples["inputs"]
    for column, name, colour in zip(result.samples["costs"].T, ("forward mode", "reverse mode"), (ORANGE, BLUE)):
        axes.loglog(n, column, "o-", color=colour, label=name)
    axes.loglog(n, n, color=GREY, linestyle="--", label="one pass for each input")
    axes.set(xlabel="inputs", ylabel="cost of a gradient / cost of f", title="Forward and reverse mode")
    axes.legend(frameon=False)


EXPERIMENT = lesson("autodiff", Autodiff, learn, draw)
