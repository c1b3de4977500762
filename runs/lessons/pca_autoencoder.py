"""Principal components beside linear and nonlinear autoencoders."""

from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from ..experiments.experiment import Progress
from ..style import BLUE, GREEN, ORANGE
from .lesson import Finding, LessonSettings, Outcome, Records, lesson

SIZES = (1, 2, 4, 8, 16)


class PCAAutoencoder(LessonSettings):
    """What few numbers say most about a configuration of spins, a digit, a frame of a pendulum?

    The principal components are the eigenvectors v_k of the covariance of x; from the first d of them, y = <x> +
    sum_k v_k (v_k . (x - <x>)) has the least squared error of any linear map through d numbers. A linear autoencoder
    y = A (B x + b) + c, trained on |x - y|^2, comes to the same subspace; one with hidden layers of rectified units
    bends it. The errors are divided by the variance of x. For Ising spins at many temperatures the first component is
    the magnetisation, all its elements 1 / sqrt(N).

    Source: P. Baldi, K. Hornik, Neural Networks 2, 53 (1989); L. Wang, Phys. Rev. B 94, 195105 (2016).
    """

    QUICK: ClassVar = {"n_spins": 6, "n_samples": 60, "n_epochs": 3}

    n_spins: int = Field(16, ge=4, le=64, description="spins along each side of the lattice")
    n_samples: int = Field(500, ge=10, description="configurations at each of nine temperatures from 1.5 to 3.5")
    n_epochs: int = Field(100, ge=1, description="passes through the data for each autoencoder")
    width: int = Field(48, ge=1, le=1000, description="of the hidden layers of the nonlinear autoencoder")


def error(x: np.ndarray, y: np.ndarray) -> float:
    """mean |x - y|^2 over the variance of x."""
    return float(np.sum((x - y) ** 2) / np.sum((x - x.mean(axis=0)) ** 2))


def autoencoder(x: np.ndarray, d: int, settings: PCAAutoencoder, linear: bool = False) -> Any:
    """A network trained to give back x through d numbers."""
    from neural import Adam, CosineDecay, FeedForward, fit

    n, width = x.shape[1], settings.width
    sizes = (n, d, n) if linear else (n, width, d, width, n)
    activations = ("identity", "identity") if linear else ("relu", "identity", "relu", "identity")
    net = FeedForward.init(sizes, activations, settings.seed)
    steps = settings.n_epochs * -(-len(x) // 64)
    *_, last = fit(net, x, x, optimizer=Adam(CosineDecay(5e-3, steps)), n_epochs=settings.n_epochs, seed=settings.seed)
    return last.model


def learn(settings: PCAAutoencoder) -> Records:
    """Spins first, then errors against the number of latent numbers for digits and frames."""
    from generative.datasets import digits, ising, pendulum_frames
    from neural.components import PrincipalComponents

    temperatures = np.linspace(1.5, 3.5, 9).tolist()
    lattice = (settings.n_spins, settings.n_spins)
    spins = ising(lattice, temperatures, settings.n_samples, settings.seed, values="spins", threads=settings.threads)
    findings, arrays = of_spins(spins.train.astype(np.float64), settings)
    arrays["temperature"] = np.asarray(spins.train_labels)
    frames = pendulum_frames(30, 40, 16, spot=0.35, seed=settings.seed).dataset()
    data = {"digits": digits(binarise=False, seed=settings.seed), "frames": frames}
    for k, (name, each) in enumerate(data.items()):
        x, x_test = each.train.astype(np.float64), each.test.astype(np.float64)
        components, rows = PrincipalComponents.of(x), []
        for done, d in enumerate(SIZES, start=1):
            net = autoencoder(x - components.mean, d, settings)
            curved = error(x_test, components.mean + net(x_test - components.mean))
            rows.append([error(x_test, components.rebuilt(x_test, d)), curved])
            numbers = {"linear": rows[-1][0], "curved": curved}
            yield Progress(done + k * len(SIZES), 2 * len(SIZES), numbers)
        arrays[name] = np.array(rows)
        findings[f"{name}_error_of_components"] = Finding(rows[1][1] / rows[1][0], most=0.9, unit="with two numbers")
    return Outcome(findings, arrays)


def of_spins(x: np.ndarray, settings: PCAAutoencoder) -> tuple[dict[str, Finding], dict[str, np.ndarray]]:
    """The first component against the magnetisation, and the linear autoencoder against the components."""
    from neural.components import PrincipalComponents

    components = PrincipalComponents.of(x)
    first = components.vectors[0] * np.sign(components.vectors[0].sum())
    projection, magnetisation = (x - components.mean) @ first, x.mean(axis=1)
    net = autoencoder(x - components.mean, 1, settings, linear=True)
    ratio = error(x, components.mean + net(x - components.mean)) / error(x, components.rebuilt(x, 1))
    findings = {
        "overlap_with_uniform": Finding(first.sum() / np.sqrt(x.shape[1]), 1.0, 0.01),
        "correlation_with_m": Finding(np.corrcoef(projection, magnetisation)[0, 1], 1.0, 0.01),
        "linear_autoencoder": Finding(ratio, 1.0, 0.01, least=1.0, unit="of the error of one component"),
    }
    arrays = {"projection": projection, "magnetisation": magnetisation}
    return findings, arrays


def draw(result: Any, figure: Any) -> None:
    """The first component against the magnetisation; errors against latent size."""
    figure.set_size_inches(13, 4)
    left, *others = figure.subplots(1, 3)
    s = result.samples
    points = left.scatter(s["magnetisation"], s["projection"], c=s["temperature"], s=3, cmap="coolwarm")
    figure.colorbar(points, ax=left, label="temperature / J")
    left.set(xlabel="magnetisation", ylabel="first component", title="Ising spins")
    for axes, name in zip(others, ("digits", "frames")):
        for column, title, colour in zip(s[name].T, ("principal components", "autoencoder"), (ORANGE, BLUE)):
            axes.loglog(SIZES, column, "o-", color=colour, label=title)
        axes.set(xlabel="latent numbers", ylabel="error / variance", title=name.capitalize())
        axes.set_xticks(SIZES, [str(d) for d in SIZES], minor=False)
        axes.legend(frameon=False)
    left.axhline(0, color=GREEN, linewidth=0.5)


EXPERIMENT = lesson("pca-autoencoder", PCAAutoencoder, learn, draw)
