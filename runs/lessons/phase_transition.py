"""A network trained on ordered and disordered spins finds the temperature between them."""

from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from ..experiments.experiment import Progress
from ..style import COLOURS, GREY
from .lesson import Finding, LessonSettings, Outcome, Records, lesson

T_C = 2 / np.log(1 + np.sqrt(2))
ORDERED, DISORDERED = (1.0, 1.2, 1.4, 1.6), (20.0, 30.0, 50.0, 100.0)  # temperatures to learn from, in units of J
TEMPERATURES = np.linspace(2.18, 2.46, 15)  # to ask about: where mean answers fall
N_CHAINS = 20
SMALL = 0.1  # of the first weights, in units of the usual ones


class PhaseTransition(LessonSettings):
    """The critical temperature of the Ising model from where networks are unsure.

    A network learns y(spins) = 1 for order and 0 for disorder by squared errors. Its configurations of L x L spins are
    deep in both phases, at T from 1.0 to 1.6 and from 20 to 100, nowhere near the transition. In between, y becomes an
    order parameter close to |m|, and how unsure the network is shows in the scatter of its answers,

        U_L(T) = (<y^2> - <y>^2) / <y>^2

    U has no dimension, so that in finite-size scaling it depends on (T - T_c) L only, and the curves of all sizes cross
    at T_c. They do so for |m|; but y vanishes where |m| is as small as in disorder, about 1 / L, which beside
    |m| ~ L^(-1 / 8) is a correction of L^(-7 / 8). So two sizes L < L' cross at

        T = T_c + a h,    h = (L^(-7 / 8) - L'^(-7 / 8)) / (L' - L)

    The estimate is the crossing of the two largest sizes. Its error is that of the mean over networks, each with data
    and a seed of its own, and as much as the line through the last two crossings would move it on the way to h = 0.
    The exact value is 2 / log(1 + sqrt 2) = 2.269.

    Source: J. Carrasquilla, R. G. Melko, Nature Physics 13, 431 (2017); L. Onsager, Phys. Rev. 65, 117 (1944); for
    crossings K. Binder, Z. Phys. B 43, 119 (1981).
    """

    QUICK: ClassVar = {"sizes": (4, 8), "n_samples": 40, "n_networks": 2, "n_epochs": 2}

    sizes: tuple[int, ...] = Field((8, 16, 32), min_length=2, description="sides of the lattices, rising")
    n_samples: int = Field(600, ge=20, description="configurations at each temperature and for each network")
    n_networks: int = Field(16, ge=2, description="networks, each with data and a seed of its own")
    n_epochs: int = Field(10, ge=1, description="passes through the training data")
    n_hidden: int = Field(64, ge=1, le=10_000, description="hidden units")


def learn(settings: PhaseTransition) -> Records:
    """Every network of every size, then the crossings of their scatter and where these lead."""
    shape = (len(settings.sizes), settings.n_networks)
    means, scatters = np.empty((2, *shape, len(TEMPERATURES)))
    for i, size in enumerate(settings.sizes):
        data = spins(size, ORDERED + DISORDERED, settings, settings.seed)
        networks = []
        for k, x in enumerate(data.swapaxes(0, 1)):
            loss, network = trained(x, settings, settings.seed + k)
            networks.append(network)
            yield Progress(1 + k + i * shape[1], shape[0] * shape[1], {"size": size, "loss": loss})
        means[i], scatters[i] = answers(networks, size, settings)
    h, crossings = crossings_of(np.array(settings.sizes, dtype=float), scatters)
    statistical = _error(crossings)
    remaining = abs(limit(h, crossings.mean(axis=1)) - crossings[-1].mean()) if len(h) > 1 else 0.0
    error = float(np.hypot(statistical[-1], remaining))
    t_c = Finding(float(crossings[-1].mean()), T_C, error=error, unit="J / k_B")
    findings = {"critical_temperature": t_c}
    for a, b, x, e in zip(settings.sizes, settings.sizes[1:], crossings, statistical):
        findings[f"crossing_{a}_{b}"] = Finding(float(x.mean()), error=float(e), unit="J / k_B")
    averages = {"means": means.mean(axis=1), "scatters": scatters.mean(axis=1), "crossings": crossings.mean(axis=1)}
    return Outcome(findings, {"temperatures": TEMPERATURES, "h": h, "errors": statistical, **averages})


def _error(values: np.ndarray) -> np.ndarray:
    """Of the mean over networks, the last axis."""
    return values.std(axis=-1, ddof=1) / np.sqrt(values.shape[-1])


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


def answers(networks: list[Any], size: int, settings: PhaseTransition) -> tuple[np.ndarray, np.ndarray]:
    """<y> and its scatter U of every network (network, temperature), for configurations of its own."""
    seed = settings.seed + 1_000_000
    data = spins(size, tuple(TEMPERATURES.tolist()), settings, seed).swapaxes(0, 1)
    y = np.array([[net(x.astype(np.float64))[:, 0] for x in each] for net, each in zip(networks, data)])
    return y.mean(axis=-1), y.var(axis=-1) / y.mean(axis=-1) ** 2


def crossings_of(sizes: np.ndarray, scatters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """h of every two neighbours (pair,), and where their scatters (size, network, temperature) cross (pair, network).

    For every network log U is a cubic of T.
    """
    small = sizes ** (-7 / 8)
    h = (small[:-1] - small[1:]) / np.diff(sizes)
    t = np.linspace(TEMPERATURES[0], TEMPERATURES[-1], 1001)
    curves = np.array([[np.polyval(np.polyfit(TEMPERATURES, u, 3), t) for u in each] for each in np.log(scatters)])
    return h, np.array([[_zero(t, d) for d in each] for each in np.diff(curves, axis=0)])


def _zero(t: np.ndarray, f: np.ndarray) -> float:
    """Where f last rises through 0; the end of the range that it points to if it never does."""
    up = np.flatnonzero((f[:-1] < 0) & (f[1:] >= 0))
    if len(up) == 0:
        return float(t[-1] if f[-1] < 0 else t[0])
    return float(t[up[-1]])


def limit(h: np.ndarray, crossings: np.ndarray) -> float:
    """The value at h = 0 of the line through the last two crossings."""
    (h1, h2), (t1, t2) = h[-2:], crossings[-2:]
    return float(t2 - h2 * (t1 - t2) / (h1 - h2))


def draw(result: Any, figure: Any) -> None:
    """Answers over temperature, and the extrapolation."""
    figure.set_size_inches(10, 4)
    left, right = figure.subplots(1, 2)
    s, sizes = result.samples, np.array(result.config["sizes"])
    t = s["temperatures"][:]
    for size, mean, scatter, colour in zip(sizes, s["means"], s["scatters"], COLOURS):
        left.plot(t, scatter, "o-", ms=3, color=colour, label=f"L = {size}")
        left.plot(t, mean, ":", color=colour)
    left.axvline(T_C, color="black", linewidth=0.8, linestyle="--")
    left.set(xlabel="temperature / J", ylabel="scatter U; mean answer, dotted", yscale="log", title="Answers")
    left.legend(frameon=False)
    h, crossings, found = s["h"][:], s["crossings"][:], result.measurement["critical_temperature"].estimate
    right.errorbar(h, crossings, s["errors"][:], fmt="o", color=COLOURS[0])
    if len(h) > 1:
        right.plot([0, *h[-2:]], [limit(h, crossings), *crossings[-2:]], color=GREY, zorder=0)
    right.axhline(T_C, color="black", linewidth=0.8, linestyle="--")
    right.errorbar(0, found.mean, found.error, fmt="s", color="black", capsize=3)
    right.text(h.max(), T_C, "exact", va="bottom", ha="right", fontsize=9)
    right.set(xlabel="h", ylabel="crossing of two sizes", title=f"T_c = {found}")


EXPERIMENT = lesson("phase-transition", PhaseTransition, learn, draw)
