"""A model learns the two half moons; a classifier tries to tell its samples from the data."""

from pydantic import Field

from .experiment import Experiment, Run
from .plane import PlaneRun, PlaneSettings, draw


class MoonsSettings(PlaneSettings):
    """A diffusion model, a flow, an adversarial network or a variational autoencoder learns two half moons."""

    noise: float = Field(0.05, gt=0, le=1e6, description="width of the moons")


def start(settings: MoonsSettings) -> Run:
    """The run of these settings."""
    from generative import datasets

    return PlaneRun(settings, datasets.moons(settings.n_data, settings.noise, seed=settings.seed))


EXPERIMENT = Experiment("moons", MoonsSettings, start, draw)
