"""Bosons or fermions of one spin on a line, with an interaction of finite range: the energy of two is known."""

from typing import Literal

from pydantic import Field

from .experiment import Experiment, Run
from .variational import NATURAL, TrainingSettings, particle_run


class GaussianInteractionSettings(TrainingSettings):
    """Ground state of particles on a line with a Gaussian interaction, by variational Monte Carlo."""

    strength: float = Field(default=1.0, ge=-1e12, le=1e12, description="V_0, repulsive where positive")
    width: float = Field(default=0.5, ge=1e-9, le=1e9, description="sigma")
    omega: float = Field(default=1.0, ge=1e-12, le=1e12, description="frequency of the trap")
    statistics: Literal["fermion", "boson"] = Field(default="fermion", description="fermions of one spin, or bosons")
    n_hidden: int = Field(default=16, ge=1, le=100_000, description="hidden units in each layer")
    wavefunction: Literal["default", "sorted-distances", "neural", "rbm"] = Field(
        default="default", description="the trial state; fermions need distances"
    )


def start(settings: GaussianInteractionSettings) -> Run:
    """The run of these settings."""
    import nqs  # imported here, so that `born run --help` need not wait for the compiler

    system = nqs.GaussianInteraction(
        settings.n_particles, settings.strength, settings.width, settings.omega, settings.statistics
    )
    return particle_run(system, settings, NATURAL)


EXPERIMENT = Experiment("gaussian-interaction", GaussianInteractionSettings, start)
