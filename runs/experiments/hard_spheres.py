"""Hard spheres in an elliptical trap, a model of cold atoms, beside the energy of their mean field."""

import math
from typing import Literal

from pydantic import Field

from ..result import Reference
from .experiment import Experiment, Run
from .variational import TrainingSettings, Units, particle_run

UNITS = Units("hbar omega_xy", "a_xy")
MEAN_FIELD = "Gross-Pitaevskii equation, solved by nqs.exact.gross_pitaevskii"


class HardSpheresSettings(TrainingSettings):
    """Ground state of bosons that are hard spheres in an elliptical trap, by variational Monte Carlo.

    Units: hbar omega_xy and a_xy = sqrt(hbar / (m omega_xy)).
    """

    n_particles: int = Field(default=10, ge=1, le=10_000, description="number of particles")
    diameter: float = Field(default=0.0043, ge=1e-9, le=1e3, description="of the spheres; 87Rb by default")
    aspect: float = Field(default=math.sqrt(8), ge=1e-6, le=1e6, description="omega_z / omega_xy")
    n_steps: int = Field(default=50, ge=0, le=1_000_000_000, description="optimizer steps")
    wavefunction: Literal["default", "gaussian-spheres", "rbm-spheres"] = Field(
        default="default", description="the trial state"
    )


def start(settings: HardSpheresSettings) -> Run:
    """The run of these settings."""
    import nqs  # imported here, so that `born run --help` need not wait for the compiler
    from nqs.exact import gross_pitaevskii

    system = nqs.HardSphereBosons(settings.n_particles, settings.diameter, settings.aspect)
    mean_field = gross_pitaevskii(settings.n_particles, settings.diameter, settings.aspect)
    return particle_run(system, settings, UNITS, references={"mean field": Reference(mean_field, 0.0, MEAN_FIELD)})


EXPERIMENT = Experiment("hard-spheres", HardSpheresSettings, start)
