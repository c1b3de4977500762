"""A convolutional autoencoder on frames of a pendulum."""

from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from ..style import BLUE, GREY
from .lesson import Finding, LessonSettings, Outcome, Records, lesson
from .supervised import predicted, supervised

SIZE = 16
LATENT = (1, 2, 3, 4)
NOISE = (0.2, 0.4)


class PendulumAutoencoder(LessonSettings):
    """How many numbers does a picture of a pendulum hold? An autoencoder finds out, and cleans noisy pictures.

    An encoder z = phi(x) of two convolutions, pooling and a linear layer, and a decoder y = psi(z) backwards, lower the
    mean squared error |x - y|^2. A pendulum of fixed length has one angle, so that d = 1 latent numbers are enough; a
    second one changes little, while without any, d = 0, the error is the variance. Trained from pictures of which 20 %
    or 40 % of the pixels were replaced by noise to the clean ones, it cleans pictures that it has not seen. Over time z
    runs along a curve, forwards and back.

    Source: G. C. de Miranda et al. (2025), arXiv:2505.13042, section III.3; P. Vincent et al., ICML 2008.
    """

    QUICK: ClassVar = {"n_epochs": 1, "n_swings": 10, "n_filters": 2}

    n_swings: int = Field(40, ge=10, description="swings of 40 frames; a fifth of them for the test")
    n_epochs: int = Field(40, ge=1, description="passes through the frames for each autoencoder")
    n_filters: int = Field(8, ge=1, le=256, description="of the first convolution; the second has twice as many")


def network(d: int, n: int, seed: int) -> Any:
    """Encoder and decoder as one sequence; its first two parts are phi and psi."""
    from torch import nn

    from generative.networks import Conv2d, Linear, initialise

    quarter = SIZE // 4
    encoder = nn.Sequential(
        nn.Unflatten(1, (1, SIZE, SIZE)),
        Conv2d(1, n, padding="zeros", gain=1.4),
        nn.ReLU(),
        nn.MaxPool2d(2),
        Conv2d(n, 2 * n, padding="zeros", gain=1.4),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        Linear(2 * n * quarter**2, 64, gain=1.4),
        nn.ReLU(),
        Linear(64, d),
    )
    decoder = nn.Sequential(
        Linear(d, 64, gain=1.4),
        nn.ReLU(),
        Linear(64, 2 * n * quarter**2, gain=1.4),
        nn.ReLU(),
        nn.Unflatten(1, (2 * n, quarter, quarter)),
        nn.Upsample(scale_factor=2),
        Conv2d(2 * n, n, padding="zeros", gain=1.4),
        nn.ReLU(),
        nn.Upsample(scale_factor=2),
        Conv2d(n, 1, padding="zeros"),
        nn.Flatten(),
    )
    net = nn.Sequential(encoder, decoder)
    initialise(net, seed)
    return net


def learn(settings: PendulumAutoencoder) -> Records:
    """Autoencoders of every latent size, then those that clean."""
    from torch.nn.functional import mse_loss

    from generative.datasets import pendulum_frames

    swings = pendulum_frames(settings.n_swings, 40, SIZE, spot=0.35, seed=settings.seed)
    data = swings.dataset()
    rng = np.random.default_rng(settings.seed)
    variance = float(np.mean((data.test - data.train.mean(axis=0)) ** 2))

    def trained(d: int, inputs: np.ndarray) -> Any:
        net = network(d, settings.n_filters, settings.seed)
        yield from supervised(
            net, mse_loss, inputs, data.train, n_epochs=settings.n_epochs, seed=settings.seed, batch_size=64,
            learning_rate=3e-3, threads=settings.threads,
        )  # fmt: skip
        return net

    errors, nets = [1.0], {}
    for d in LATENT:
        nets[d] = yield from trained(d, data.train)
        errors.append(float(np.mean((predicted(nets[d], data.test) - data.test) ** 2)) / variance)
    findings = {f"error_of_{d}": Finding(errors[d], unit="of the variance") for d in LATENT}
    findings["error_of_1"] = Finding(errors[1], most=0.1, unit="of the variance")
    arrays = {"errors": np.array(errors)}
    for share in NOISE:
        net = yield from trained(2, replaced(data.train, share, rng))
        noisy = replaced(data.test, share, rng)
        clean = predicted(net, noisy)
        left = np.sqrt(np.mean((clean - data.test) ** 2) / np.mean((noisy - data.test) ** 2))
        findings[f"noise_left_of_{round(100 * share)}_percent"] = Finding(left, most=0.5, unit="root mean square")
        arrays[f"cleaned_{round(100 * share)}"] = np.stack([noisy[:3], clean[:3], data.test[:3]])
    n_frames = len(swings.time)
    arrays["latent"] = predicted(nets[2][0], data.test).reshape(-1, n_frames, 2)[0]
    arrays["one"] = predicted(nets[1][0], data.test)[:, 0]
    arrays |= {"angle": np.asarray(data.test_labels), "time": swings.time}
    return Outcome(findings, arrays)


def replaced(x: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Each pixel replaced, with the probability ``share``, by a number drawn uniformly from 0 to 1."""
    return np.where(rng.random(x.shape) < share, rng.random(x.shape), x).astype(np.float32)


def draw(result: Any, figure: Any) -> None:
    """Error against latent size, the latent curve over time, and frames before and after cleaning."""
    figure.set_size_inches(11, 8)
    top, bottom = figure.subfigures(2, 1, height_ratios=[1, 1])
    left, middle, right = top.subplots(1, 3)
    s = result.samples
    left.semilogy(range(len(s["errors"])), s["errors"], "o-", color=BLUE)
    left.set(xlabel="latent numbers", ylabel="error / variance", title="Dimension")
    points = middle.scatter(*s["latent"].T, c=s["time"], s=12, cmap="viridis")
    top.colorbar(points, ax=middle, label="time / s")
    middle.set(xlabel="$z_1$", ylabel="$z_2$", title="One swing")
    right.plot(s["angle"], s["one"], ".", ms=2, color=GREY)
    right.set(xlabel="angle / rad", ylabel="z", title="One latent number")
    panels = bottom.subplots(2, 9)
    for row, share in zip(panels, NOISE):
        noisy, clean, truth = s[f"cleaned_{round(100 * share)}"]
        for k in range(3):
            for column, (name, image) in enumerate((("noisy", noisy), ("cleaned", clean), ("truth", truth))):
                axes = row[3 * k + column]
                axes.imshow(image[k].reshape(SIZE, SIZE), cmap="gray", vmin=0, vmax=1)
                axes.set_title(f"{name}, {share:.0%}" if column == 0 else name, fontsize=8)
                axes.set_axis_off()


EXPERIMENT = lesson("pendulum-autoencoder", PendulumAutoencoder, learn, draw)
