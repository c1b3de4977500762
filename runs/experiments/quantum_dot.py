"""Two electrons in a harmonic trap, which repel each other: the exact energy is known for every frequency."""

from typing import Literal

from pydantic import Field

from .experiment import Experiment, Run
from .variational import VariationalRun, VariationalSettings, variational

UNITS = {"energy": "hartree", "squared_radius": "bohr^2"}


class QuantumDotSettings(VariationalSettings):
    """Ground state of two electrons in a harmonic trap, by variational Monte Carlo. Atomic units."""

    wavefunction: Literal["rbm", "rbm-jastrow", "gaussian-jastrow", "neural-jastrow"] = Field(
        default="rbm-jastrow", description="the trial state"
    )


def start(settings: QuantumDotSettings) -> Run:
    """The run of these settings."""
    import nqs  # imported here, so that `born run --help` need not wait for the compiler

    omega = settings.omega
    if isinstance(omega, tuple):
        raise ValueError(f"omega: expected one number, the dot is isotropic, found {omega}")
    system = nqs.QuantumDot(settings.n_particles, settings.n_dims, omega)
    exact = {} if system.exact_energy is None else {"energy": system.exact_energy}
    return VariationalRun(variational(system, settings), settings, UNITS, exact)


EXPERIMENT = Experiment("quantum-dot", QuantumDotSettings, start)
