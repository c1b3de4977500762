"""A network trained on ordered and disordered spins finds the temperature between them."""

from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from ..experiments.experiment import Progress
from ..style import COLOURS, GREY
from .lesson import Finding, LessonSettings, Outcome, Records, lesson

T_C = 2 / np.log(1 + np.sqrt(2))
ORDERED, DISORDERED = (1.0, 1.2, 1.4, 1.6), (20.0, 30.0, 50.0, 100.0)  # temperatures to learn from, in units of J
N_CHAINS = 20
SMALL = 0.1  # of the first weights, in units of the usual ones


class PhaseTransition(LessonSettings):
    """The critical temperature of the Ising model from where a network is unsure.

    A network learns y(spins) = 1 for order and 0 for disorder by squared errors, whose minimum is the probability of
    order. Its configurations of L x L spins are deep in both phases, at T from 1.0 to 1.6 and from 20 to 100, nowhere
    near the transition. In between, its mean answer <y>(T) falls through 1/2 at a temperature T*(L). There it has to
    judge by the magnetisation, which depends on (T - T_c) L^(1 / nu) with nu = 1, so that T*(L) = T_c + a / L. At 1/2
    the magnetisation is about the same for all sizes, while at T_c it falls as L^(-1 / 8), so that a still drifts:
    T_c + a / L + b / L^2 goes through all T* and ends near T_c = 2 / log(1 + sqrt 2) = 2.269. Its bar is statistical,
    from networks with seeds and data of their own; what is left of the drift, about -0.01 for magnetisations of one
    half at 1/2, is not in it. First weights that begin small make networks of all sizes learn alike.

    Source: J. Carrasquilla, R. G. Melko, Nature Physics 13, 431 (2017); L. Onsager, Phys. Rev. 65, 117 (1944).
    """

    QUICK: ClassVar = {"sizes": (4, 8), "n_samples": 40, "n_networks": 2, "n_epochs": 2}

    sizes: tuple[int, ...] = Field((8, 16, 32), min_length=2, description="sides of the lattices, rising")
    n_samples: int = Field(600, ge=20, description="configurations at each temperature and for each network")
    n_networks: int = Field(8, ge=2, description="networks, each with data and a seed of its own")
    n_epochs: int = Field(10, ge=1, description="passes through the training data")
    n_hidden: int = Field(64, ge=1, le=10_000, description="hidden units")


def learn(settings: PhaseTransition) -> Records:
    """Every network of every size, then the curve through T*(1 / L)."""
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
        temperatures = 2.25 + np.arange(0, 5, 0.5) / size
        answers = np.array([answer(networks, size, t, settings) for t in temperatures]).T
        crossings[i] = [falls_through_half(temperatures, p) for p in answers]
        curves.append(np.array([temperatures, answers.mean(axis=0)]))
    mean = crossings.mean(axis=1)
    error = np.maximum(crossings.std(axis=1, ddof=1) / np.sqrt(settings.n_networks), 1e-4)
    inverse = 1 / np.array(settings.sizes)
    t_c, t_c_error, coefficients = limit(inverse, mean, error, min(2, len(mean) - 1))
    straight, straight_error, _ = limit(inverse, mean, error, 1)
    findings = {
        "critical_temperature": Finding(t_c, T_C, error=t_c_error, unit="J / k_B"),
        "by_straight_line": Finding(straight, error=straight_error, unit="J / k_B"),
    }
    findings |= {
        f"crossing_{size}": Finding(value, error=float(e)) for size, value, e in zip(settings.sizes, mean, error)
    }
    arrays = {"crossings": mean, "errors": error, "coefficients": coefficients, "curves": np.array(curves)}
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
    net.weights[0][...] *= SMALL
    adam = Adam(CosineDecay(1e-3, settings.n_epochs * -(-len(rows) // 64)))
    *_, last = fit(net, rows, labels, optimizer=adam, n_epochs=settings.n_epochs, seed=seed)
    return last.loss, last.model


def answer(networks: list[Any], size: int, temperature: float, settings: PhaseTransition) -> list[float]:
    """<y> of every network for configurations of its own at a temperature."""
    seed = settings.seed + round(1e4 * temperature)
    data = spins(size, (float(temperature),), settings, seed)[0]
    return [float(np.mean(net(x.astype(np.float64)))) for net, x in zip(networks, data)]


def falls_through_half(temperatures: np.ndarray, p: np.ndarray) -> float:
    """Where the answers, interpolated, are 1/2; the end of the range if they never are."""
    below = np.flatnonzero(p < 0.5)
    if len(below) == 0 or below[0] == 0:
        return float(temperatures[-1 if len(below) == 0 else 0])
    i = below[0]
    return float(temperatures[i - 1] + (p[i - 1] - 0.5) / (p[i - 1] - p[i]) * (temperatures[i] - temperatures[i - 1]))


def limit(x: np.ndarray, y: np.ndarray, error: np.ndarray, degree: int) -> tuple[float, float, np.ndarray]:
    """Value at x = 0 of the weighted polynomial, its error, and the coefficients of 1, x, x^2 ..."""
    X = np.vander(x, degree + 1, increasing=True) / error[:, None]
    covariance = np.linalg.inv(X.T @ X)
    coefficients = covariance @ X.T @ (y / error)
    return float(coefficients[0]), float(np.sqrt(covariance[0, 0])), coefficients


def draw(result: Any, figure: Any) -> None:
    """Answers over temperature, and the extrapolation."""
    figure.set_size_inches(10, 4)
    left, right = figure.subplots(1, 2)
    s, sizes = result.samples, np.array(result.config["sizes"])
    for size, (t, p), colour in zip(sizes, s["curves"], COLOURS):
        left.plot(t, p, "o-", ms=3, color=colour, label=f"L = {size}")
    left.axvline(T_C, color="black", linewidth=0.8, linestyle="--")
    left.axhline(0.5, color="black", linewidth=0.8)
    left.set(xlabel="temperature / J", ylabel="mean answer", title="Answers of the networks")
    left.legend(frameon=False)
    x = np.linspace(0, 1 / sizes.min())
    for size, value, error, colour in zip(sizes, s["crossings"], s["errors"], COLOURS):
        right.errorbar(1 / size, value, error, fmt="o", color=colour)
    right.plot(x, np.polyval(s["coefficients"][::-1], x), color=GREY, zorder=0)
    right.axhline(T_C, color="black", linewidth=0.8, linestyle="--")
    found = result.measurement["critical_temperature"].estimate
    right.errorbar(0, found.mean, found.error, fmt="o", color="black", capsize=3)
    right.text(1 / sizes.min(), T_C, "exact", va="bottom", ha="right", fontsize=9)
    right.set(xlabel="1 / L", ylabel="T*(L)", title=f"T_c = {found}")


EXPERIMENT = lesson("phase-transition", PhaseTransition, learn, draw)
