"""Handwritten digits of 8 x 8 pixels, learned by every family of models, in black and white or in grey."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import Field

from ..pictures import draw_curves, draw_grid
from .experiment import Experiment, Progress, Run
from .families import fit, make_model
from .settings import Settings
from .trained import TrainedRun, use_threads

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from generative.datasets import Dataset

    from ..result import Result


class DigitsSettings(Settings):
    """A generative model learns handwritten digits."""

    threads: int = Field(1, ge=1, le=1024, description="number of threads; the same bits need the same number")
    family: Literal["vae", "gan", "diffusion", "spin-diffusion", "made"] = Field("vae", description="of the model")
    grey: bool = Field(False, description="grey values instead of black and white; for vae, gan and diffusion")
    width: int = Field(256, ge=1, le=100_000, description="units of each hidden layer")
    n_updates: int = Field(3000, ge=1, le=1_000_000_000, description="steps of the optimizer")
    batch_size: int = Field(128, ge=2, le=100_000_000, description="images for each update")
    learning_rate: float = Field(2e-3, gt=0, allow_inf_nan=False, description="of Adam; falls to 0 along a cosine")
    patience: int = Field(
        10,
        ge=1,
        le=1_000_000_000,
        description="records without a lower loss of images set aside, then training ends; not of a gan",
    )
    n_measure: int = Field(500, ge=64, le=10_000_000_000_000, description="images drawn for the comparison")


class DigitsRun(TrainedRun):
    """Training, then the likelihood of held-out images, and tests of samples against them."""

    def __init__(self, settings: DigitsSettings) -> None:
        from generative import datasets

        super().__init__()
        use_threads(settings.threads)
        if settings.grey and settings.family in ("made", "spin-diffusion"):
            raise ValueError(f"grey: expected a family of real numbers, vae, gan or diffusion, found {settings.family}")
        data = datasets.digits(binarise=not settings.grey, seed=settings.seed)
        self.settings, self.data = settings, dequantised(data, settings.seed) if settings.grey else data
        self.exact: Mapping[str, float] = {"classifier_accuracy": 0.5}
        options: Any = {"n_probes": 4} if settings.family == "diffusion" else {}
        self.model: Any = make_model(settings.family, self.data, settings.width, settings.seed, **options)
        patience = None if settings.family == "gan" else settings.patience
        self.fit = fit(self.model, self._without_test(), settings, patience=patience)

    def _without_test(self) -> "Dataset":
        """The training images, a tenth of them for validation: the test images have no say in when training ends."""
        images = np.random.default_rng(self.settings.seed).permutation(self.data.train)
        n = len(images) // 10
        return replace(self.data, train=images[n:], test=images[:n], train_labels=None, test_labels=None)

    def measuring(self) -> Iterator[Progress]:
        from generative.importance import mean
        from generative.two_sample import classifier_accuracy, neighbours
        from montecarlo.estimates import Estimate

        test = np.asarray(self.data.test, dtype=np.float64)
        if self.model.likelihood is not None:
            likelihood = mean(self.model.log_prob(test, seed=self.settings.seed))
            of = ", density of dequantised values" if self.settings.grey else ""
            unit = f"nats per image{of}, {self.model.likelihood}"
            self.measured["log_likelihood"] = self.measurement("log_likelihood", likelihood, unit)
        yield Progress(1, 2, {})
        images = self.model.sample(self.settings.n_measure, self.settings.seed).astype(np.float64)
        n = min(len(test), len(images))
        accuracy = classifier_accuracy(images[:n], test[:n], self.settings.seed)
        near = neighbours(test[:n], images[:n])
        self.measured["classifier_accuracy"] = self.measurement("classifier_accuracy", Estimate(accuracy, 0.5 / n**0.5))
        for name in ("precision", "recall", "coverage"):
            part = getattr(near, name)
            self.measured[name] = self.measurement(name, Estimate(part, (part * (1 - part) / n) ** 0.5))
        kind = np.float32 if self.settings.grey else np.int8
        self.kept = {"images": images[:64].astype(kind), "held_out": test[:64].astype(kind)}
        if self.settings.family == "vae":
            self.kept |= {"codes": self.model.encode(test), "labels": np.asarray(self.data.test_labels)}
        yield Progress(2, 2, {"classifier_accuracy": accuracy})


def dequantised(data: "Dataset", seed: int) -> "Dataset":
    """Grey values 0, 1, ..., 16, given as sixteenths, as densities: (k + u) / 17 with uniform u."""
    rng = np.random.default_rng(seed)
    train, test = ((16 * x + rng.random(x.shape, dtype=np.float32)) / 17 for x in (data.train, data.test))
    return replace(data, train=train, test=test)


def draw(result: "Result", figure: "Figure") -> None:
    """Curves of the training, samples beside held-out images, and the latent space of a variational autoencoder."""
    codes = result.samples.get("codes")
    figure.set_size_inches(12 if codes is None else 16, 4)
    axes = figure.subplots(1, 3 if codes is None else 4)
    draw_curves(result, axes[0])
    for name, each in {"images": axes[1], "held_out": axes[2]}.items():
        draw_grid(result.samples[name].reshape(-1, 8, 8), each)
    axes[2].set_title("Held out")
    if codes is not None:
        centred = codes - codes.mean(axis=0)
        plane = centred @ np.linalg.svd(centred, full_matrices=False)[2][:2].T
        labels = result.samples["labels"].astype(int)
        for digit in range(10):
            axes[3].scatter(*plane[labels == digit].T, s=8, color=f"C{digit}", label=str(digit))
        axes[3].set(title="Latent space, two main axes", aspect="equal")
        axes[3].legend(frameon=False, fontsize="small", ncols=2)
    figure.suptitle(f"{result.experiment}, {result.config['family']}", fontsize=12)


def start(settings: DigitsSettings) -> Run:
    """The run of these settings."""
    return DigitsRun(settings)


EXPERIMENT = Experiment("digits", DigitsSettings, start, draw)
