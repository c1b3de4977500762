"""The frustrated Heisenberg model on the square lattice."""

from typing import Literal

from pydantic import Field

from .experiment import Experiment, Run
from .spin_lattice import LengthSettings, lattice_of, spin_run


class J1J2SquareSettings(LengthSettings):
    """Ground state of the square lattice with couplings J1 and J2 of the first and second neighbours."""

    length: int = Field(default=4, ge=2, le=100_000, description="number of sites along each side")
    J1: float = Field(default=1.0, allow_inf_nan=False, description="coupling of nearest neighbours")
    J2: float = Field(default=0.5, allow_inf_nan=False, description="coupling of second neighbours")
    dtype: Literal["real", "complex"] = Field(
        default="complex", description="of the parameters; frustration needs signs"
    )


def start(settings: J1J2SquareSettings) -> Run:
    """The run of these settings."""
    import nqs  # imported here, so that `born run --help` need not wait for the compiler

    lattice = lattice_of("square", settings.length, settings.open_ends)
    return spin_run(nqs.J1J2(lattice, settings.J1, settings.J2), lattice, settings)


EXPERIMENT = Experiment("j1j2-square", J1J2SquareSettings, start)
