"""The Ising chain in a transverse field, exactly solvable as free fermions."""

from pydantic import Field

from .experiment import Experiment, Run
from .spin_lattice import LengthSettings, lattice_of, spin_run


class IsingChainSettings(LengthSettings):
    """Ground state of the Ising chain in a transverse field."""

    length: int = Field(default=40, ge=2, le=100_000, description="number of sites along each side")
    J: float = Field(default=1.0, ge=-1e12, le=1e12, description="coupling of nearest neighbours")
    h: float = Field(default=1.0, ge=-1e12, le=1e12, description="transverse field")
    n_steps: int = Field(default=900, ge=0, description="optimizer steps")


def start(settings: IsingChainSettings) -> Run:
    """The run of these settings."""
    import nqs  # imported here, so that `born run --help` need not wait for the compiler

    lattice = lattice_of("chain", settings.length, settings.open_ends)
    return spin_run(nqs.TransverseFieldIsing(lattice, settings.J, settings.h), lattice, settings)


EXPERIMENT = Experiment("ising-chain", IsingChainSettings, start)
