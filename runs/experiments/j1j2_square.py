"""The frustrated Heisenberg model on the square lattice."""

from typing import Literal

from pydantic import Field

from ..result import Reference
from .experiment import Experiment, Run
from .spin_lattice import LengthSettings, lattice_of, spin_run

DIAGONALISATION = "H. J. Schulz, T. A. L. Ziman and D. Poilblanc, J. Phys. I France 6, 675 (1996)"
# length of a periodic square, J2 / J1 -> energy of a site, in units of J1
_ENERGIES = {(6, 0.5): -0.503810}


class J1J2SquareSettings(LengthSettings):
    """Ground state of the square lattice with couplings J1 and J2 of the first and second neighbours.

    Training draws from |psi|: configurations whose sign the rule of two sublattices gets wrong are rare in |psi|^2.
    """

    length: int = Field(default=4, ge=2, le=100_000, description="number of sites along each side")
    J1: float = Field(default=1.0, allow_inf_nan=False, description="coupling of nearest neighbours")
    J2: float = Field(default=0.5, allow_inf_nan=False, description="coupling of second neighbours")
    dtype: Literal["real", "complex"] = Field(
        default="complex", description="of the parameters; frustration needs signs"
    )
    wavefunction: Literal["rbm", "symmetric-rbm"] = Field(
        default="symmetric-rbm", description="the trial state; symmetric-rbm shares its weights"
    )
    symmetry: Literal["translations", "all"] = Field(
        default="all", description="of the lattice, among which symmetric-rbm shares its weights"
    )
    alpha: int = Field(default=6, ge=1, le=1000, description="hidden units for each site, or filters")
    final_learning_rate: float = Field(
        default=0.0025, gt=0, le=100, allow_inf_nan=False, description="reached along half a cosine at the last step"
    )
    first_shift: float = Field(
        default=1.0, gt=0, allow_inf_nan=False, description="at the first step, from where it falls by 1 % a step"
    )
    momentum: float = Field(default=0.97, ge=0, lt=1, description="of the direction (SPRING)")
    n_steps: int = Field(default=800, ge=0, description="optimizer steps")
    power: float = Field(default=1.0, gt=0, le=2, description="optimizer steps draw from |psi|^power, with weights")
    n_samples: int = Field(default=4096, ge=1, description="samples for each optimizer step")


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
