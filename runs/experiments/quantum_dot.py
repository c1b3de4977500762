"""Electrons in a harmonic trap, which repel each other: the exact energy of two is known for every frequency."""

from typing import Literal

from pydantic import Field

from ..result import Reference
from .experiment import Experiment, Run
from .variational import ATOMIC, VariationalSettings, particle_run


class QuantumDotSettings(VariationalSettings):
    """Ground state of electrons in a harmonic trap, by variational Monte Carlo. Atomic units."""

    n_up: int | None = Field(default=None, ge=0, description="electrons with spin up; half of them if not given")
    wavefunction: Literal[
        "default",
        "slater-jastrow",
        "slater-jastrow-pairs",
        "backflow-jastrow-pairs",
        "rbm",
        "rbm-jastrow",
        "gaussian-jastrow",
        "neural-jastrow",
    ] = Field(default="default", description="the trial state; three electrons or more need slater or backflow")


def start(settings: QuantumDotSettings) -> Run:
    """The run of these settings."""
    import nqs  # imported here, so that `born run --help` need not wait for the compiler

    omega = settings.omega
    if isinstance(omega, tuple):
        raise ValueError(f"omega: expected one number, the dot is isotropic, found {omega}")
    system = nqs.QuantumDot(settings.n_particles, settings.n_dims, omega, settings.n_up)
    lowest_spin = system.n_up == (settings.n_particles + 1) // 2
    energies = LITERATURE.get((settings.n_dims, settings.n_particles, omega), ()) if lowest_spin else ()
    return particle_run(system, settings, ATOMIC, references=dict(zip(("Hartree-Fock", "diffusion"), energies)))


HARTREE_FOCK = "E. Nordhagen, MSc thesis, University of Oslo (2019)"
DIFFUSION = "J. Hogberget, MSc thesis, University of Oslo (2013)"
# (n_dims, n_particles, omega) -> energy by Hartree-Fock, by diffusion Monte Carlo and its error
_ENERGIES = {
    (2, 2, 0.5): (1.79974, 1.65977, 1e-5),
    (2, 2, 1.0): (3.1619, 3.0, 1e-5),
    (2, 6, 0.5): (12.2713, 11.78484, 6e-5),
    (2, 6, 1.0): (20.7192, 20.15932, 8e-5),
    (2, 12, 0.5): (40.2161, 39.1596, 1e-4),
    (2, 12, 1.0): (66.9113, 65.7001, 1e-4),
    (2, 20, 0.5): (95.7328, 93.8752, 1e-4),
    (2, 20, 1.0): (158.004, 155.8822, 1e-4),
    (3, 2, 1.0): (3.77157, 3.730123, 3e-6),
    (3, 8, 1.0): (32.9246, 32.668, 1e-4),
}
LITERATURE = {
    dot: (Reference(mean_field, 0.0, HARTREE_FOCK), Reference(energy, error, DIFFUSION))
    for dot, (mean_field, energy, error) in _ENERGIES.items()
}

EXPERIMENT = Experiment("quantum-dot", QuantumDotSettings, start)
