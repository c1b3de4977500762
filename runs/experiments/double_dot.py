"""Electrons in two wells, which repel each other: the exact energy of one and of two is known."""

from typing import Literal

from pydantic import Field

from .experiment import Experiment, Run
from .variational import ATOMIC, TrainingSettings, particle_run


class DoubleDotSettings(TrainingSettings):
    """Ground state of electrons in two wells of the plane, by variational Monte Carlo. Atomic units."""

    separation: float = Field(default=2.0, ge=0, le=1e6, description="distance of the wells, in bohr")
    omega: float = Field(default=1.0, ge=1e-12, le=1e12, description="frequency of each well")
    n_steps: int = Field(default=600, ge=0, description="optimizer steps")
    n_samples: int = Field(default=4096, ge=1, description="samples for each optimizer step")
    n_measure: int = Field(default=2**21, ge=1, le=10_000_000_000_000, description="samples of the final measurement")
    shift: float = Field(
        default=1e-5, gt=0, allow_inf_nan=False, description="added to the diagonal of the metric (sr)"
    )
    n_up: int | None = Field(default=None, ge=0, description="electrons with spin up; half of them if not given")
    wavefunction: Literal["default", "rbm-jastrow", "neural-jastrow"] = Field(
        default="default", description="the trial state; three electrons or more need slater"
    )


def start(settings: DoubleDotSettings) -> Run:
    """The run of these settings."""
    import nqs  # imported here, so that `born run --help` need not wait for the compiler

    system = nqs.DoubleDot(settings.n_particles, settings.separation, settings.omega, settings.n_up)
    return particle_run(system, settings, ATOMIC)


EXPERIMENT = Experiment("double-dot", DoubleDotSettings, start)
