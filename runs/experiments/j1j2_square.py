"""The frustrated Heisenberg model on the square lattice."""

from pydantic import Field

from ..result import Reference
from .experiment import Experiment, Run
from .spin_lattice import LengthSettings, lattice_of, spin_run

DIAGONALISATION = "H. J. Schulz, T. A. L. Ziman and D. Poilblanc, J. Phys. I France 6, 675 (1996)"
# length of a periodic square, J2 / J1 -> energy of a site, in units of J1
_ENERGIES = {(6, 0.5): -0.503810}


class J1J2SquareSettings(LengthSettings):
    """Ground state of the square lattice with couplings J1 and J2 of the first and second neighbours."""

    length: int = Field(default=4, ge=2, le=100_000, description="number of sites along each side")
    J1: float = Field(default=1.0, ge=-1e12, le=1e12, description="coupling of nearest neighbours")
    J2: float = Field(default=0.5, ge=-1e12, le=1e12, description="coupling of second neighbours")
    n_steps: int = Field(default=400, ge=0, description="optimizer steps")
    n_measure: int = Field(default=2**14, ge=1, description="samples of the final measurement")


def start(settings: J1J2SquareSettings) -> Run:
    """The run of these settings."""
    import nqs  # imported here, so that `born run --help` need not wait for the compiler

    lattice = lattice_of("square", settings.length, settings.open_ends)
    return spin_run(nqs.J1J2(lattice, settings.J1, settings.J2), lattice, settings, _known(settings))


def _known(settings: J1J2SquareSettings) -> Reference | None:
    ratio = settings.J2 / settings.J1 if settings.J1 > 0 else 0.0
    energy = None if settings.open_ends else _ENERGIES.get((settings.length, ratio))
    return None if energy is None else Reference(settings.J1 * energy, 0.0, DIAGONALISATION)


EXPERIMENT = Experiment("j1j2-square", J1J2SquareSettings, start)
