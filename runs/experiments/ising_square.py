"""The Ising model in a transverse field on the square lattice."""

from pydantic import Field

from .experiment import Experiment, Run
from .spin_lattice import LengthSettings, lattice_of, spin_run


class IsingSquareSettings(LengthSettings):
    """Ground state of the Ising model in a transverse field on the square lattice."""

    length: int = Field(default=4, ge=2, le=100_000, description="number of sites along each side")
    J: float = Field(default=1.0, ge=-1e12, le=1e12, description="coupling of nearest neighbours")
    h: float = Field(default=3.04438, ge=-1e12, le=1e12, description="transverse field")


def start(settings: IsingSquareSettings) -> Run:
    """The run of these settings."""
    import nqs  # imported here, so that `born run --help` need not wait for the compiler

    lattice = lattice_of("square", settings.length, settings.open_ends)
    return spin_run(nqs.TransverseFieldIsing(lattice, settings.J, settings.h), lattice, settings)


EXPERIMENT = Experiment("ising-square", IsingSquareSettings, start)
