"""A model learns a ring of Gaussians: does it find all of them?"""

from collections.abc import Mapping

import numpy as np
from pydantic import Field

from .experiment import Experiment, Run
from .plane import PlaneRun, PlaneSettings, draw

FOUND = 0.2  # a mode counts as covered with this part of its share of the samples


class GaussianRingSettings(PlaneSettings):
    """A diffusion model, a flow, an adversarial network or a variational autoencoder learns a ring of Gaussians."""

    n_modes: int = Field(8, ge=2, le=100, description="Gaussians")
    sigma: float = Field(0.1, gt=0, le=1e6, description="their width; the ring has the radius 2")


class GaussianRingRun(PlaneRun):
    """Also counts the modes that samples cover, and the samples that belong to a mode."""

    def __init__(self, settings: GaussianRingSettings) -> None:
        from generative import datasets

        super().__init__(
            settings,
            datasets.gaussian_ring(settings.n_data, settings.n_modes, sigma=settings.sigma, seed=settings.seed),
        )
        (self.target,) = self.data.targets
        test = np.asarray(self.data.test)[:500]
        self.exact: Mapping[str, float] = {
            **self.exact,
            "modes_covered": float(settings.n_modes),
            "near_a_mode": 1 - np.exp(-4.5),  # within 3 sigma
            "log_likelihood": float(self.target.log_prob(test).mean()),
        }

    def judge(self, points: np.ndarray) -> None:
        from generative.importance import mean
        from montecarlo.estimates import Estimate

        modes = self.target.modes(points)
        counts = np.bincount(modes[modes >= 0], minlength=self.target.n_modes)
        covered = float(np.sum(counts >= FOUND * len(points) / self.target.n_modes))
        self.measured["modes_covered"] = self.measurement("modes_covered", Estimate(covered, 0.0))
        near = mean((modes >= 0).astype(np.float64))
        self.measured["near_a_mode"] = self.measurement("near_a_mode", near)


def start(settings: GaussianRingSettings) -> Run:
    """The run of these settings."""
    return GaussianRingRun(settings)


EXPERIMENT = Experiment("gaussian-ring", GaussianRingSettings, start, draw)
