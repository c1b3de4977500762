"""The Heisenberg antiferromagnet on the square lattice."""

from pydantic import Field

from .experiment import Experiment, Run
from .spin_lattice import LengthSettings, lattice_of, spin_run


class HeisenbergSquareSettings(LengthSettings):
    """Ground state of the Heisenberg antiferromagnet on the square lattice, with the sign rule of two sublattices."""

    length: int = Field(default=4, ge=2, le=100_000, description="number of sites along each side")
    J: float = Field(default=1.0, allow_inf_nan=False, description="coupling of nearest neighbours")


def start(settings: HeisenbergSquareSettings) -> Run:
    """The run of these settings."""
    import nqs  # imported here, so that `born run --help` need not wait for the compiler

    lattice = lattice_of("square", settings.length, settings.open_ends)
    return spin_run(nqs.Heisenberg(lattice, settings.J), lattice, settings)


EXPERIMENT = Experiment("heisenberg-square", HeisenbergSquareSettings, start)
