"""Particles without interaction in a harmonic trap: every number has an exact value to be compared with."""

from typing import Literal

from pydantic import Field

from .experiment import Experiment, Run
from .variational import NATURAL, VariationalSettings, particle_run


class HarmonicOscillatorSettings(VariationalSettings):
    """Ground state of particles in a harmonic trap, by variational Monte Carlo."""

    statistics: Literal["boson", "fermion"] = Field(default="boson", description="bosons, or fermions of spin 1/2")
    wavefunction: Literal["rbm", "gaussian", "neural"] = Field(default="rbm", description="the trial state")


def start(settings: HarmonicOscillatorSettings) -> Run:
    """The run of these settings."""
    import nqs  # imported here, so that `born run --help` need not wait for the compiler

    system = nqs.HarmonicOscillator(settings.n_particles, settings.n_dims, settings.omega, settings.statistics)
    radius = {"squared_radius": float((0.5 / system.omega).sum())} if settings.statistics == "boson" else {}
    return particle_run(system, settings, NATURAL, radius)


EXPERIMENT = Experiment("harmonic-oscillator", HarmonicOscillatorSettings, start)
