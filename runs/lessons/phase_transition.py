"""A network trained on ordered and disordered spins finds the temperature between them."""

from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from ..experiments.experiment import Progress
from ..style import COLOURS, GREY
from .lesson import Finding, LessonSettings, Outcome, Records, lesson

T_C = 2 / np.log(1 + np.sqrt(2))
ORDERED, DISORDERED = (1.0, 1.2, 1.4, 1.6), (5.0, 6.0, 8.0, 10.0)  # temperatures to learn from, in units of J
N_CHAINS = 20


class PhaseTransition(LessonSettings):
    """The critical temperature of the Ising model from where a network is unsure.

    A network learns p(ordered | spins) from configurations of L x L spins deep in both phases, at T from 1.0 to 1.6 and
    from 5 to 10, nowhere near the transition. In between, its mean answer <p>(T) falls through 1/2 at a temperature
    T*(L). There it has to judge by the magnetisation, which depends on (T - T_c) L^(1 / nu) with nu = 1, so that T*(L)
    = T_c + a / L, and the line through T* over 1 / L ends at T_c = 2 / log(1 + sqrt 2) = 2.269. The statistical error
    comes from networks with seeds and data of their own; the systematic one, for sizes that are too small for the line,
    is what changes when the smallest size is left out. The bar is the root of the sum of their squares.

    Source: J. Carrasquilla, R. G. Melko, Nature Physics 13, 431 (2017); L. Onsager, Phys. Rev. 65, 117 (1944).
    """

    QUICK: ClassVar = {"sizes": (4, 8), "n_samples": 40, "n_networks": 2, "n_epochs": 2}

    sizes: tuple[int, ...] = Field((8, 16, 32), min_length=2, description="sides of the lattices, rising")
    n_samples: int = Field(600, ge=20, description="configurations at each temperature and for each network")
    n_networks: int = Field(10, ge=2, description="networks, each with data and a seed of its own")
    n_epochs: int = Field(10, ge=1, description="passes through the training data")
    n_hidden: int = Field(64, ge=1, le=10_000, description="hidden units")


def learn(settings: PhaseTransition) -> Records:
    """Every network of every size, then the line through T*(1 / L)."""
    crossings = np.empty((len(settings.sizes), settings.n_networks))
    curves = []
    for i, size in enumerate(settings.sizes):
        data = spins(size, ORDERED + DISORDERED, settings, settings.seed)
        networks = []
        for k, x in enumerate(data.swapaxes(0, 1)):
            loss, network = trained(x, settings, settings.seed + k)
            networks.append(network)
            done = 1 + k + i * settings.n_networks
            yield Progress(done, crossings.size, {"size": size, "loss": loss})
        temperatures = 2.2 + np.arange(0, 6.5, 0.5) / size
        answers = np.array([answer(networks, size, t, settings) for t in temperatures]).T
        crossings[i] = [falls_through_half(temperatures, p) for p in answers]
        curves.append(np.array([temperatures, answers.mean(axis=0)]))
    mean = crossings.mean(axis=1)
    error = np.maximum(crossings.std(axis=1, ddof=1) / np.sqrt(settings.n_networks), 1e-4)
    inverse = 1 / np.array(settings.sizes)
    t_c, statistical, slope = line(inverse, mean, error)
    systematic = abs(line(inverse[1:], mean[1:], error[1:])[0] - t_c) if len(mean) > 2 else 0.0
    findings = {
        "critical_temperature": Finding(t_c, T_C, error=np.hypot(statistical, systematic), unit="J / k_B"),
        "statistical_error": Finding(statistical),
        "systematic_error": Finding(systematic),
    }
    findings |= {
        f"crossing_{size}": Finding(value, error=float(e)) for size, value, e in zip(settings.sizes, mean, error)
    }
    arrays = {"crossings": mean, "errors": error, "line": np.array([t_c, slope]), "curves": np.array(curves)}
    return Outcome(findings, arrays)


def spins(size: int, temperatures: tuple[float, ...], settings: PhaseTransition, seed: int) -> np.ndarray:
    """Configurations in equilibrium, shape (temperature, network, sample, site)."""
    from generative.datasets import ising

    n = settings.n_networks * settings.n_samples
    data = ising(
        (size, size), temperatures, n + n // 10, seed, values="spins", test_fraction=1 / N_CHAINS,
        n_chains=N_CHAINS, threads=settings.threads,
    )  # fmt: skip
    x = data.train.reshape(len(temperatures), -1, size**2)[:, :n]
    return x.reshape(len(temperatures), settings.n_networks, settings.n_samples, size**2)


def trained(x: np.ndarray, settings: PhaseTransition, seed: int) -> tuple[float, Any]:
    """The last loss, and a network that has learnt from x (temperature, sample, site)."""
    from neural import Adam, CosineDecay, FeedForward, fit

    rows = x.reshape(-1, x.shape[-1]).astype(np.float64)
    labels = np.repeat([1.0, 0.0], len(rows) // 2)[:, None]
    net = FeedForward.init((rows.shape[1], settings.n_hidden, 1), ("relu", "identity"), seed, "he")
    adam = Adam(CosineDecay(1e-3, settings.n_epochs * -(-len(rows) // 64)))
    *_, last = fit(
        net, rows, labels, optimizer=adam, loss="binary_cross_entropy", n_epochs=settings.n_epochs, seed=seed
    )
    return last.loss, last.model


def answer(networks: list[Any], size: int, temperature: float, settings: PhaseTransition) -> list[float]:
    """<p(ordered)> of every network for configurations of its own at a temperature."""
    from neural.activations import sigmoid

    seed = settings.seed + round(1e4 * temperature)
    data = spins(size, (float(temperature),), settings, seed)[0]
    return [float(np.mean(sigmoid(net(x.astype(np.float64))))) for net, x in zip(networks, data)]


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
    for size, value, error, colour in zip(sizes, s["crossings"], s["errors"], COLOURS):
        right.errorbar(1 / size, value, error, fmt="o", color=colour)
    right.plot(x, s["line"][0] + s["line"][1] * x, color=GREY, zorder=0)
    right.axhline(T_C, color="black", linewidth=0.8, linestyle="--")
    found = result.measurement["critical_temperature"].estimate
    right.errorbar(0, found.mean, found.error, fmt="o", color="black", capsize=3)
    right.text(1 / sizes.min(), T_C, "exact", va="bottom", ha="right", fontsize=9)
    right.set(xlabel="1 / L", ylabel="T*(L)", title=f"T_c = {found}")


EXPERIMENT = lesson("phase-transition", PhaseTransition, learn, draw)
