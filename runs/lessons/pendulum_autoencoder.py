"""A convolutional autoencoder on frames of a pendulum."""

from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from ..style import BLUE, GREY
from .lesson import Finding, LessonSettings, Outcome, Records, lesson
from .supervised import predicted, supervised

SIZE = 16
LATENT = (1, 2, 3)
ENOUGH = 0.05
NOISE = (0.2, 0.4)
MEDIANS = (3, 5)  # sides of the filters for comparison, in pixels


class PendulumAutoencoder(LessonSettings):
    """How many numbers does a picture of a pendulum hold? An autoencoder finds out, and cleans noisy pictures.

    An encoder z = phi(x) of two convolutions, pooling and a linear layer, and a decoder y = psi(z) backwards, lower the
    mean squared error |x - y|^2. A pendulum of fixed length has one angle, so that d = 1 latent number is enough for
    95 % of the variance, where principal components, which are linear, take six. A single number easily ends with a
    fold, two angles for one z; so it starts several times, and the best on the training frames counts. Trained from
    pictures of which 20 % or 40 % of the pixels are replaced by noise to the clean ones, it cleans pictures that it has
    not seen; the better one of two median filters is the comparison. Over time z runs along a curve, forwards and back.

    Source: G. C. de Miranda et al. (2025), arXiv:2505.13042, section III.3; P. Vincent et al., ICML 2008.
    """

    QUICK: ClassVar = {"n_epochs": 1, "n_swings": 10, "n_filters": 2, "n_starts": 2}

    n_swings: int = Field(40, ge=10, description="swings of 40 frames; a fifth of them for the test")
    n_epochs: int = Field(30, ge=1, description="passes through the frames for each autoencoder")
    n_starts: int = Field(5, ge=1, description="networks with one latent number, of which the best counts")
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

    def trained(d: int, share: float = 0.0, start: int = 0) -> Any:
        net = network(d, settings.n_filters, settings.seed + start)
        yield from supervised(
            net, mse_loss, data.train, data.train, n_epochs=settings.n_epochs, seed=settings.seed, batch_size=64,
            learning_rate=3e-3, threads=settings.threads, augment=Replaced(share) if share else None,
        )  # fmt: skip
        return net

    def lost(x: np.ndarray, y: np.ndarray) -> float:
        return (rms(x - y) / spread) ** 2

    errors, nets, starts = [1.0], {}, []
    for d in LATENT:
        found = []
        for start in range(settings.n_starts if d == 1 else 1):
            net = yield from trained(d, start=start)
            found.append((lost(predicted(net, data.train), data.train), start, net))
        starts = starts or [error for error, *_ in found]
        nets[d] = min(found)[2]
        errors.append(lost(predicted(nets[d], data.test), data.test))
    findings = {f"error_of_{d}": Finding(errors[d], unit="of the variance") for d in LATENT}
    findings["numbers_needed"] = Finding(needed(errors), 1.0, 0.0, unit="for 95 % of the variance")
    findings["components_needed"] = Finding(needed(by_components(data, spread)), unit="for 95 % of the variance")
    findings["starts_that_suffice"] = Finding(sum(e < ENOUGH for e in starts), unit=f"of {len(starts)}")
    arrays = {
        "errors": np.array(errors),
        "components": by_components(data, spread),
        "rebuilt": np.stack([data.test[:40:5], predicted(nets[1], data.test[:40:5])]),
    }
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


def needed(errors: Any) -> int:
    """The least latent size with an error below 5 % of the variance; one more than all if there is none."""
    return next((d for d, error in enumerate(errors) if error < ENOUGH), len(errors))


def by_components(data: Any, spread: float) -> np.ndarray:
    """Error over variance of 0, 1, 2 ... principal components."""
    from neural.components import PrincipalComponents

    components, test = PrincipalComponents.of(data.train.astype(np.float64)), data.test.astype(np.float64)
    return np.array([(rms(components.rebuilt(test, d) - test) / spread) ** 2 for d in range(13)])


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
    left.semilogy(s["components"], "o-", color=GREY, label="principal components")
    left.semilogy(s["errors"], "o-", color=BLUE, label="autoencoder")
    left.axhline(ENOUGH, color="black", linewidth=0.8, linestyle="--")
    left.set(
        xlabel="latent numbers", ylabel="error / variance", title="Dimension", ylim=(2e-3, 1.5), xticks=range(0, 13, 2)
    )
    left.legend(frameon=False, fontsize=8)
    points = centre.scatter(*s["latent"].T, c=s["time"], s=12, cmap="viridis")
    top.colorbar(points, ax=centre, label="time / s")
    centre.set(xlabel="$z_1$", ylabel="$z_2$", title="One swing, two numbers")
    right.plot(s["angle"], s["one"], ".", ms=2, color=GREY)
    right.set(xlabel="angle / rad", ylabel="z", title="One latent number")
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
