"""A convolutional autoencoder on frames of a pendulum."""

from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from ..style import BLUE, GREY
from .lesson import Finding, LessonSettings, Outcome, Records, lesson
from .supervised import predicted, supervised

SIZE = 16
LATENT = (1, 2, 3)
NOISE = (0.2, 0.4)
MEDIANS = (3, 5)  # sides of the filters for comparison, in pixels


class PendulumAutoencoder(LessonSettings):
    """How many numbers does a picture of a pendulum hold? An autoencoder finds out, and cleans noisy pictures.

    An encoder z = phi(x) of two convolutions, pooling and a linear layer, and a decoder y = psi(z) backwards, lower the
    mean squared error |x - y|^2. A pendulum of fixed length has one angle, so that d = 1 latent number is enough: it
    removes nearly all of the variance, which is the error for d = 0, and more numbers gain little. Trained from
    pictures of which 20 % or 40 % of the pixels are replaced by noise to the clean ones, it cleans pictures that it has
    not seen; the better one of two median filters is the comparison. Over time z runs along a curve, forwards and back.

    Source: G. C. de Miranda et al. (2025), arXiv:2505.13042, section III.3; P. Vincent et al., ICML 2008.
    """

    QUICK: ClassVar = {"n_epochs": 1, "n_swings": 10, "n_filters": 2}

    n_swings: int = Field(40, ge=10, description="swings of 40 frames; a fifth of them for the test")
    n_epochs: int = Field(30, ge=1, description="passes through the frames for each autoencoder")
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
    spread = rms(data.test - data.train.mean(axis=0))

    def trained(d: int, share: float = 0.0) -> Any:
        net = network(d, settings.n_filters, settings.seed)
        yield from supervised(
            net, mse_loss, data.train, data.train, n_epochs=settings.n_epochs, seed=settings.seed, batch_size=64,
            learning_rate=3e-3, threads=settings.threads, augment=Replaced(share) if share else None,
        )  # fmt: skip
        return net

    errors, nets = [1.0], {}
    for d in LATENT:
        nets[d] = yield from trained(d)
        errors.append((rms(predicted(nets[d], data.test) - data.test) / spread) ** 2)
    findings = {
        "error_of_1": Finding(errors[1], most=0.05, unit="of the variance"),
        "gain_of_first": Finding(errors[0] / errors[1], least=20.0, unit="times less error with 1 number than 0"),
        "gain_of_second": Finding(errors[1] / errors[2], most=5.0, unit="times less error with 2 numbers than 1"),
    }
    arrays = {"errors": np.array(errors), "rebuilt": np.stack([data.test[:40:5], predicted(nets[1], data.test[:40:5])])}
    for share in NOISE:
        net = yield from trained(2, share)
        noisy = replaced(data.test, share, rng)
        clean = predicted(net, noisy)
        median = min(rms(filtered(noisy, side) - data.test) for side in MEDIANS)
        left, name = rms(clean - data.test), f"{100 * share:.0f}_percent"
        findings[f"noise_of_{name}"] = Finding(rms(noisy - data.test), unit="root mean square of a pixel")
        findings[f"median_left_of_{name}"] = Finding(median, unit="root mean square of a pixel")
        findings[f"left_of_{name}"] = Finding(left, most=median, unit="root mean square of a pixel")
        arrays[f"cleaned_{name}"] = np.stack([noisy[:30:10], clean[:30:10], data.test[:30:10]])
    arrays["latent"] = predicted(nets[2][0], data.test).reshape(-1, len(swings.time), 2)[0]
    arrays["one"] = predicted(nets[1][0], data.test)[:, 0]
    arrays |= {"angle": np.asarray(data.test_labels), "time": swings.time}
    return Outcome(findings, arrays)


def rms(x: np.ndarray) -> float:
    """The root of the mean square."""
    return float(np.sqrt(np.mean(x**2)))


class Replaced:
    """Each pixel replaced, with the probability ``share``, by a number drawn uniformly from 0 to 1; anew each time."""

    def __init__(self, share: float) -> None:
        self.share = share

    def __call__(self, x: Any, generator: Any) -> Any:
        import torch

        chosen, values = torch.rand(2, *x.shape, generator=generator)
        return torch.where(chosen < self.share, values, x)


def replaced(x: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """The same with NumPy, for the test."""
    return np.where(rng.random(x.shape) < share, rng.random(x.shape), x).astype(np.float32)


def filtered(x: np.ndarray, side: int) -> np.ndarray:
    """The median of ``side`` x ``side`` pixels around each."""
    from scipy.ndimage import median_filter

    return median_filter(x.reshape(-1, SIZE, SIZE), (1, side, side)).reshape(x.shape)


def draw(result: Any, figure: Any) -> None:
    """Error against latent size, the latent curve over time, and frames before and after."""
    figure.set_size_inches(11, 9)
    top, middle, bottom = figure.subfigures(3, 1, height_ratios=[4, 2.6, 2.6])
    left, centre, right = top.subplots(1, 3)
    s = result.samples
    left.semilogy(range(len(s["errors"])), s["errors"], "o-", color=BLUE)
    left.set(xlabel="latent numbers", ylabel="error / variance", title="Dimension", xticks=range(len(s["errors"])))
    points = centre.scatter(*s["latent"].T, c=s["time"], s=12, cmap="viridis")
    top.colorbar(points, ax=centre, label="time / s")
    centre.set(xlabel="$z_1$", ylabel="$z_2$", title="One swing, two latent numbers")
    right.plot(s["angle"], s["one"], ".", ms=2, color=GREY)
    right.set(xlabel="angle / rad", ylabel="z", title="All test frames, one latent number")
    for row, images, name in zip(middle.subplots(2, s["rebuilt"].shape[1]), s["rebuilt"], ("frames", "through d = 1")):
        for axes, image in zip(row, images):
            _show(axes, image)
        row[0].set_title(name, fontsize=9, loc="left")
    for row, share in zip(bottom.subplots(2, 9), NOISE):
        for k, images in enumerate(s[f"cleaned_{100 * share:.0f}_percent"].transpose(1, 0, 2)):
            for axes, image, name in zip(row[3 * k :], images, (f"{share:.0%} replaced", "cleaned", "truth")):
                _show(axes, image)
                axes.set_title(name, fontsize=9)


def _show(axes: Any, image: np.ndarray) -> None:
    axes.imshow(image.reshape(SIZE, SIZE), cmap="gray", vmin=0, vmax=1)
    axes.set_axis_off()


EXPERIMENT = lesson("pendulum-autoencoder", PendulumAutoencoder, learn, draw)
