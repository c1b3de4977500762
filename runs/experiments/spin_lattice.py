"""Variational Monte Carlo of spins on a lattice, as an experiment: what the Ising and Heisenberg models share."""

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from ..result import Reference
from .settings import Settings
from .variational import VariationalRun

if TYPE_CHECKING:
    from montecarlo.lattices import Lattice
    from nqs.systems import SpinSystem

MOST_SITES = 20  # up to which a system without a closed form is diagonalised for the exact energy
MOST_SHELLS = 20  # of which correlations are measured


class SpinSettings(Settings):
    """Fields of every experiment with spins."""

    open_ends: bool = Field(default=False, description="open boundaries instead of periodic ones")
    wavefunction: Literal["rbm", "symmetric-rbm"] = Field(
        default="rbm", description="the trial state; symmetric-rbm shares its weights"
    )
    symmetry: Literal["translations", "all"] = Field(
        default="translations", description="of the lattice, among which symmetric-rbm shares its weights"
    )
    alpha: int = Field(default=1, ge=1, le=1000, description="hidden units for each site, or filters")
    dtype: Literal["real", "complex"] = Field(default="real", description="of the parameters; real ones are positive")
    learning_rate: float = Field(
        default=0.05, gt=0, le=100, allow_inf_nan=False, description="size of an optimizer step"
    )
    final_learning_rate: float = Field(
        default=0.01, gt=0, le=100, allow_inf_nan=False, description="reached along half a cosine at the last step"
    )
    shift: float = Field(default=1e-3, gt=0, allow_inf_nan=False, description="added to the diagonal of the metric")
    first_shift: float = Field(
        default=1e-3, gt=0, allow_inf_nan=False, description="at the first step, from where it falls by 1 % a step"
    )
    momentum: float = Field(default=0.0, ge=0, lt=1, description="of the direction (SPRING)")
    n_steps: int = Field(default=300, ge=0, description="optimizer steps")
    power: float = Field(default=2.0, gt=0, le=2, description="optimizer steps draw from |psi|^power, with weights")
    n_samples: int = Field(default=1024, ge=1, description="samples for each optimizer step")
    n_chains: int = Field(default=256, ge=1, description="independent Markov chains")
    n_burn_in: int = Field(default=50, ge=1, description="sweeps before the first step")
    n_measure: int = Field(default=2**17, ge=1, description="samples of the final measurement")


class LengthSettings(SpinSettings):
    """Fields of a lattice that has a length; see the experiment for its shape."""

    length: int = Field(default=20, ge=2, le=100_000, description="number of sites along each side")


def lattice_of(shape: str, length: int, open_ends: bool) -> "Lattice":
    """The lattice of an experiment whose name ends with ``shape``, "chain" or "square"."""
    from montecarlo.lattices import Chain, Square

    return {"chain": Chain, "square": Square}[shape](length, periodic=not open_ends)


def unit(name: str) -> str:
    """The unit of a measured quantity."""
    return "J" if name == "energy" else "1"


def observables_of(lattice: "Lattice") -> dict[str, Any]:
    """What is measured besides the energy."""
    from nqs import spin_observables

    return {
        "magnetisation": spin_observables.absolute_magnetisation,
        "squared_magnetisation": spin_observables.squared_magnetisation,
        "correlation": spin_observables.Correlations(lattice, MOST_SHELLS),
        "structure_factor": spin_observables.StructureFactors(lattice),
        "v_score": spin_observables.VScore(lattice.n_sites),
    }


def spin_run(system: "SpinSystem", lattice: "Lattice", settings: Any, known: Reference | None = None) -> VariationalRun:
    """The run of these settings; ``known`` is the best energy of a site that was published, where none is exact."""
    import nqs  # imported here, so that `born run --help` need not wait for the compiler
    from neural.optimizers import CosineDecay

    rate = CosineDecay(settings.learning_rate, max(1, settings.n_steps - 1), settings.final_learning_rate)
    optimizer = nqs.StochasticReconfiguration(
        rate,
        shift=lambda step: max(settings.first_shift * 0.99**step, settings.shift),
        momentum=settings.momentum,
    )
    vmc = nqs.VMC(
        system,  # type: ignore[arg-type]
        _state(system, lattice, settings),
        nqs.SpinFlip() if system.magnetisation is None else nqs.SpinExchange(system),
        optimizer,
        n_samples=settings.n_samples,
        n_chains=settings.n_chains,
        seed=settings.seed,
        threads=settings.threads,
        n_burn_in=settings.n_burn_in,
        power=settings.power,
    )
    exact, observables = exact_values(system), observables_of(lattice)
    best = (
        None
        if exact or known is None
        else Reference(known.value * lattice.n_sites, known.error * lattice.n_sites, known.source)
    )
    references = {"energy": best} if best else {}
    return VariationalRun(vmc, settings, exact, observables, unit, "lattice spacing", references)


def _state(system: "SpinSystem", lattice: "Lattice", settings: Any) -> Any:
    import nqs

    options: Any = {"dtype": float if settings.dtype == "real" else complex, "seed": settings.seed}
    if settings.wavefunction == "rbm":
        return nqs.SpinRBM(system, settings.alpha, **options)
    group = lattice.symmetries if settings.symmetry == "all" else lattice.translations
    return nqs.SymmetricRBM(system, settings.alpha, permutations=group, **options)


def exact_values(system: "SpinSystem") -> dict[str, float]:
    """The exact energy from a closed form or, for few sites, by Lanczos."""
    from nqs.exact import ground_state_energy

    energy = system.exact_energy
    if energy is None and system.n_sites <= MOST_SITES:
        energy = ground_state_energy(system)
    return {} if energy is None else {"energy": energy}
