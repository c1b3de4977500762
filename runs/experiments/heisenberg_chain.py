"""The Heisenberg antiferromagnet on a chain, exactly solvable by the Bethe ansatz."""

from pydantic import Field

from .experiment import Experiment, Run
from .spin_lattice import LengthSettings, lattice_of, spin_run


class HeisenbergChainSettings(LengthSettings):
    """Ground state of the Heisenberg chain; the sign rule of two sublattices is used where it applies."""

    length: int = Field(default=20, ge=2, le=100_000, description="number of sites along each side")
    J: float = Field(default=1.0, ge=-1e12, le=1e12, description="coupling of nearest neighbours")


def start(settings: HeisenbergChainSettings) -> Run:
    """The run of these settings."""
    import nqs  # imported here, so that `born run --help` need not wait for the compiler

    lattice = lattice_of("chain", settings.length, settings.open_ends)
    return spin_run(nqs.Heisenberg(lattice, settings.J), lattice, settings)


EXPERIMENT = Experiment("heisenberg-chain", HeisenbergChainSettings, start)
