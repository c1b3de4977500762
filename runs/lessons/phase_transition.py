"""A network trained on ordered and disordered spins finds the temperature between them."""

from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from ..experiments.experiment import Progress
from ..style import COLOURS
from .lesson import Finding, LessonSettings, Outcome, Records, lesson

T_C = 2 / np.log(1 + np.sqrt(2))
TRAINING = np.array([-10.0, -9.0, -8.0, -7.0, 7.0, 8.0, 9.0, 10.0])  # (T - T_c) L
BETWEEN = np.linspace(-3.0, 6.0, 13)


class PhaseTransition(LessonSettings):
    """The critical temperature of the Ising model from where a network is unsure.

    A network learns p(ordered | spins) from configurations of L x L spins away from the transition, at |T - T_c| L from
    7 to 10, which is T from 1.0 to 1.4 and from 3.1 to 3.5 for L = 8. In between, its mean answer <p>(T) falls through
    1/2 at a temperature T*(L). With the exponent nu = 1 of the model all depends on (T - T_c) L, so that T*(L) = T_c +
    a / L, and a line through T* over 1 / L ends at T_c = 2 / log(1 + sqrt 2) = 2.269. The error comes from networks
    trained from several seeds on data of their own.

    Source: J. Carrasquilla, R. G. Melko, Nature Physics 13, 431 (2017); L. Onsager, Phys. Rev. 65, 117 (1944).
    """

    QUICK: ClassVar = {"sizes": (4, 8), "n_samples": 40, "n_networks": 2, "n_epochs": 2}

    sizes: tuple[int, ...] = Field((8, 16, 32), min_length=2, description="sides of the lattices")
    n_samples: int = Field(600, ge=20, description="configurations at each temperature and for each network")
    n_networks: int = Field(6, ge=2, description="networks, each with data and a seed of its own")
    n_epochs: int = Field(10, ge=1, description="passes through the training data")
    n_hidden: int = Field(64, ge=1, le=10_000, description="hidden units")


def learn(settings: PhaseTransition) -> Records:
    """Every network of every size, then the line through T*(1 / L)."""
    crossings = np.empty((len(settings.sizes), settings.n_networks))
    curves = []
    total = crossings.size
    for i, size in enumerate(settings.sizes):
        temperatures = T_C + BETWEEN / max(size, 8)
        answers = np.empty((settings.n_networks, len(temperatures)))
        for k in range(settings.n_networks):
            answers[k] = one_network(size, temperatures, settings, settings.seed + 1000 * k)
            crossings[i, k] = falls_through_half(temperatures, answers[k])
            done = 1 + k + i * settings.n_networks
            yield Progress(done, total, {"size": size, "crossing": float(crossings[i, k])})
        curves.append(np.array([temperatures, answers.mean(axis=0)]))
    mean = crossings.mean(axis=1)
    error = np.maximum(crossings.std(axis=1, ddof=1) / np.sqrt(settings.n_networks), 1e-4)
    t_c, t_c_error, slope = line(1 / np.array(settings.sizes), mean, error)
    findings = {"critical_temperature": Finding(t_c, T_C, error=t_c_error, unit="J / k_B")}
    findings |= {
        f"crossing_{size}": Finding(value, error=float(e)) for size, value, e in zip(settings.sizes, mean, error)
    }
    arrays = {"crossings": mean, "errors": error, "line": np.array([t_c, slope]), "curves": np.array(curves)}
    return Outcome(findings, arrays)


def one_network(size: int, temperatures: np.ndarray, settings: PhaseTransition, seed: int) -> np.ndarray:
    """<p(ordered)> at the temperatures, from a network that has learnt from those of ``TRAINING``."""
    from generative.datasets import ising
    from neural import Adam, CosineDecay, FeedForward, fit
    from neural.activations import sigmoid

    def spins(temperature: list[float], seed: int) -> Any:
        n = settings.n_samples
        return ising(
            (size, size), temperature, n, seed, values="spins", test_fraction=0.1,
            n_chains=min(128, n), threads=settings.threads,
        )  # fmt: skip

    data = spins((T_C + TRAINING / max(size, 8)).tolist(), seed)
    x, t = data.train.astype(np.float64), (data.train_labels[:, None] < T_C) * 1.0
    net = FeedForward.init((size**2, settings.n_hidden, 1), ("relu", "identity"), seed, "he")
    steps = settings.n_epochs * -(-len(x) // 64)
    *_, last = fit(
        net,
        x,
        t,
        optimizer=Adam(CosineDecay(1e-3, steps), l2=1e-4),
        loss="binary_cross_entropy",
        n_epochs=settings.n_epochs,
        seed=seed,
    )
    between = spins(temperatures.tolist(), seed + 1)
    p = sigmoid(last.model(between.train.astype(np.float64))[:, 0])
    return p.reshape(len(temperatures), -1).mean(axis=1)


def falls_through_half(temperatures: np.ndarray, p: np.ndarray) -> float:
    """Where the answers, interpolated, are 1/2; the end of the range if they never are."""
    below = np.flatnonzero(p < 0.5)
    if len(below) == 0 or below[0] == 0:
        return float(temperatures[-1 if len(below) == 0 else 0])
    i = below[0]
    return float(temperatures[i - 1] + (p[i - 1] - 0.5) / (p[i - 1] - p[i]) * (temperatures[i] - temperatures[i - 1]))


def line(x: np.ndarray, y: np.ndarray, error: np.ndarray) -> tuple[float, float, float]:
    """Value at x = 0 of the weighted straight line, its error, and the slope."""
    X = np.column_stack([np.ones_like(x), x]) / error[:, None]
    covariance = np.linalg.inv(X.T @ X)
    value, slope = covariance @ X.T @ (y / error)
    return float(value), float(np.sqrt(covariance[0, 0])), float(slope)


def draw(result: Any, figure: Any) -> None:
    """Answers over temperature, and the extrapolation."""
    figure.set_size_inches(10, 4)
    left, right = figure.subplots(1, 2)
    s, sizes = result.samples, np.array(result.config["sizes"])
    for size, (t, p), colour in zip(sizes, s["curves"], COLOURS):
        left.plot(t, p, "o-", ms=3, color=colour, label=f"L = {size}")
    left.axvline(T_C, color="black", linewidth=0.8, linestyle="--")
    left.axhline(0.5, color="black", linewidth=0.8)
    left.set(xlabel="temperature / J", ylabel="p(ordered)", title="Answers of the networks")
    left.legend(frameon=False)
    x = np.array([0, 1 / sizes.min()])
    right.errorbar(1 / sizes, s["crossings"], s["errors"], fmt="o", color=COLOURS[0])
    right.plot(x, s["line"][0] + s["line"][1] * x, color=COLOURS[0])
    right.axhline(T_C, color="black", linewidth=0.8, linestyle="--")
    found = result.measurement["critical_temperature"].estimate
    right.set(xlabel="1 / L", ylabel="T*(L)", title=f"T_c = {found}")


EXPERIMENT = lesson("phase-transition", PhaseTransition, learn, draw)
