"""Particles on a line that repel each other as the inverse square of their distance, exactly solvable."""

from typing import Literal

from pydantic import Field

from .experiment import Experiment, Run
from .variational import NATURAL, TrainingSettings, particle_run


class CalogeroSutherlandSettings(TrainingSettings):
    """Ground state of the Calogero-Sutherland model in a harmonic trap, by variational Monte Carlo."""

    n_particles: int = Field(default=5, ge=1, le=10_000, description="number of particles")
    strength: float = Field(default=2.0, gt=0.5, le=1e6, description="lambda; 1 for free fermions")
    omega: float = Field(default=1.0, ge=1e-12, le=1e12, description="frequency of the trap")
    n_steps: int = Field(default=600, ge=0, le=1_000_000_000, description="optimizer steps")
    shift: float = Field(
        default=1e-5, gt=0, allow_inf_nan=False, description="added to the diagonal of the metric (sr)"
    )
    wavefunction: Literal["rbm-distances", "sorted-distances", "gaussian-distances"] = Field(
        default="rbm-distances", description="the trial state; gaussian-distances is exact"
    )


def start(settings: CalogeroSutherlandSettings) -> Run:
    """The run of these settings."""
    import nqs  # imported here, so that `born run --help` need not wait for the compiler

    system = nqs.CalogeroSutherland(settings.n_particles, settings.strength, settings.omega)
    return particle_run(system, settings, NATURAL)


EXPERIMENT = Experiment("calogero-sutherland", CalogeroSutherlandSettings, start)
