"""The Heisenberg antiferromagnet on the square lattice."""

from pydantic import Field

from ..result import Reference
from .experiment import Experiment, Run
from .spin_lattice import LengthSettings, lattice_of, spin_run

QUANTUM_MONTE_CARLO = "A. W. Sandvik, Phys. Rev. B 56, 11678 (1997)"
# length of a periodic square -> energy of a site, in units of J, and its error
_ENERGIES = {6: (-0.678873, 4e-6), 8: (-0.673487, 4e-6), 10: (-0.671549, 4e-6)}


class HeisenbergSquareSettings(LengthSettings):
    """Ground state of the Heisenberg antiferromagnet on the square lattice, with the sign rule of two sublattices."""

    length: int = Field(default=4, ge=2, le=100_000, description="number of sites along each side")
    J: float = Field(default=1.0, ge=-1e12, le=1e12, description="coupling of nearest neighbours")


def start(settings: HeisenbergSquareSettings) -> Run:
    """The run of these settings."""
    import nqs  # imported here, so that `born run --help` need not wait for the compiler

    lattice = lattice_of("square", settings.length, settings.open_ends)
    return spin_run(nqs.Heisenberg(lattice, settings.J), lattice, settings, _known(settings))


def _known(settings: HeisenbergSquareSettings) -> Reference | None:
    found = _ENERGIES.get(settings.length)
    if found is None or settings.open_ends or settings.J <= 0:
        return None
    return Reference(settings.J * found[0], settings.J * found[1], QUANTUM_MONTE_CARLO)


EXPERIMENT = Experiment("heisenberg-square", HeisenbergSquareSettings, start)
