"""What the experiments with points in the plane share: a model learns them, and is asked whether it has."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import Field

from ..pictures import draw_curves
from ..style import BLUE, ORANGE
from .experiment import Progress
from .families import fit, make_model, sampler
from .settings import Settings
from .trained import TrainedRun, use_threads

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from generative.datasets import Dataset

    from ..result import Result

PENALTY = 0.1  # of a critic in the plane; with 10 samples do not settle on the modes of a ring, with 0.1 they do
MARGIN = 1.0  # around the data, of the square in which the density is integrated


class PlaneSettings(Settings):
    """Fields of every experiment with points in the plane."""

    threads: int = Field(1, ge=1, le=1024, description="number of threads; the same bits need the same number")
    family: Literal["diffusion", "gan", "vae", "flow"] = Field("diffusion", description="of the model")
    n_data: int = Field(10_000, ge=1000, le=100_000_000, description="points, of which a fifth is for testing")
    width: int = Field(256, ge=1, le=100_000, description="units of each hidden layer")
    n_updates: int = Field(6000, ge=1, le=1_000_000_000, description="steps of the optimizer")
    batch_size: int = Field(256, ge=2, le=100_000_000, description="points for each update")
    learning_rate: float = Field(2e-3, gt=0, allow_inf_nan=False, description="of Adam; falls to 0 along a cosine")
    sampler: Literal["ddpm", "ddim", "flow"] = Field("ddpm", description="how diffusion models draw")
    sampler_steps: int = Field(200, ge=1, le=1_000_000, description="steps of the sampler")
    n_measure: int = Field(2000, ge=100, le=10_000_000_000_000, description="points drawn for the comparison")
    n_grid: int = Field(
        100, ge=10, le=10_000, description="points along each side of the grid on which the density is integrated"
    )


class PlaneRun(TrainedRun):
    """Training, then a test of samples against held-out points, and the likelihood where there is one."""

    def __init__(self, settings: Any, data: "Dataset") -> None:
        super().__init__()
        use_threads(settings.threads)
        self.settings, self.data = settings, data
        self.exact: Mapping[str, float] = {"classifier_accuracy": 0.5, "integral": 1.0}
        options: Any = {}
        if settings.family == "diffusion":
            options["sampler"] = sampler(settings.sampler, settings.sampler_steps)
        if settings.family == "gan":
            options.update(hidden=(settings.width,) * 3, penalty=PENALTY)
        self.model: Any = make_model(settings.family, data, settings.width, settings.seed, **options)
        self.fit = fit(self.model, data, settings)

    def measuring(self) -> Iterator[Progress]:
        from generative.importance import mean
        from generative.two_sample import classifier_accuracy
        from montecarlo.estimates import Estimate

        test, n = np.asarray(self.data.test, dtype=np.float64), self.settings.n_measure
        points = self.model.sample(n, self.settings.seed).astype(np.float64)
        m = min(n, len(test))
        accuracy = classifier_accuracy(points[:m], test[:m], self.settings.seed)
        found = Estimate(accuracy, 0.5 / m**0.5, n=m)
        self.measured["classifier_accuracy"] = self.measurement("classifier_accuracy", found)
        self.kept = {"points": points, "data": test[:m]}
        self.judge(points)
        yield Progress(1, 2, {"classifier_accuracy": accuracy})
        if self.model.likelihood is not None:
            likelihood = mean(self.model.log_prob(test[:500], seed=self.settings.seed))
            unit = f"nats, {self.model.likelihood}"
            self.measured["log_likelihood"] = self.measurement("log_likelihood", likelihood, unit)
        if self.model.likelihood == "exact":
            self.measured["integral"] = self.measurement("integral", Estimate(self.integral(test), 0.0))
        yield Progress(2, 2, {"classifier_accuracy": accuracy})

    def judge(self, points: np.ndarray) -> None:
        """More measurements of samples."""

    def integral(self, test: np.ndarray) -> float:
        """The integral of the density over a square around the data, by its values on a grid, which are kept."""
        centre, half = test.mean(axis=0), MARGIN + np.abs(test - test.mean(axis=0)).max()
        side = np.linspace(-half, half, self.settings.n_grid)
        grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2) + centre
        density = np.exp(self.model.log_prob(grid, batch_size=len(grid)))
        self.kept["density"] = density.reshape(len(side), len(side))
        self.kept["extent"] = np.array([centre[0] - half, centre[0] + half, centre[1] - half, centre[1] + half])
        return float(density.sum() * (side[1] - side[0]) ** 2)


def draw(result: "Result", figure: "Figure") -> None:
    """Curves of the training, samples over data, and the density where it is known."""
    figure.set_size_inches(12, 4)
    left, middle, right = figure.subplots(1, 3)
    draw_curves(result, left)
    data, points = result.samples["data"], result.samples["points"]
    middle.plot(*data.T, ".", color=ORANGE, markersize=2, label="data")
    middle.plot(*points.T, ".", color=BLUE, markersize=2, label="samples")
    middle.set(aspect="equal", title="Samples")
    middle.legend(frameon=False, markerscale=4)
    if "density" in result.samples:
        extent: Any = tuple(result.samples["extent"])
        right.imshow(result.samples["density"], origin="lower", extent=extent, cmap="magma")
        right.set_title("Density of the model")
    else:
        right.hist2d(*points.T, bins=100, cmap="magma")
        right.set(aspect="equal", title="Histogram of the samples")
    figure.suptitle(f"{result.experiment}, {result.config['family']}", fontsize=12)
