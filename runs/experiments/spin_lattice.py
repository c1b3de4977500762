"""Variational Monte Carlo of spins on a lattice, as an experiment: what the Ising and Heisenberg models share."""

from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import Field

from ..result import Reference
from .settings import Settings
from .variational import VariationalRun

if TYPE_CHECKING:
    from montecarlo.lattices import Lattice
    from nqs.systems import SpinSystem

MOST_SITES = 20  # up to which a system without a closed form is diagonalised for the exact energy
LARGEST = 10_000  # sites, whose distances take a gigabyte
MOST_SHELLS = 20  # of which correlations are measured


BY_SYSTEM = "chosen by the system if not given"


def _before(value: Any) -> dict[str, Any]:
    """What a field that was added meant before: the value for results that lack it."""
    return {"json_schema_extra": {"before": value}}


class SpinSettings(Settings):
    """Fields of every experiment with spins."""

    open_ends: bool = Field(default=False, description="open boundaries instead of periodic ones")
    wavefunction: Literal["rbm", "symmetric-rbm"] = Field(
        default="symmetric-rbm", description="the trial state; symmetric-rbm shares its weights"
    )
    symmetry: Literal["translations", "all"] = Field(
        default="all",
        description="of the lattice, among which symmetric-rbm shares its weights",
        **_before("translations"),
    )
    alpha: int | None = Field(
        default=None, ge=1, le=1000, description=f"hidden units for each site, or filters; {BY_SYSTEM}"
    )
    dtype: Literal["real", "complex"] | None = Field(
        default=None, description=f"of the parameters; real ones are positive, frustration needs complex; {BY_SYSTEM}"
    )
    learning_rate: float | None = Field(
        default=None, gt=0, le=100, allow_inf_nan=False, description=f"size of an optimizer step; {BY_SYSTEM}"
    )
    final_learning_rate: float | None = Field(
        default=None,
        gt=0,
        le=100,
        allow_inf_nan=False,
        description=f"reached along half a cosine at the last step; {BY_SYSTEM}",
    )
    shift: float | None = Field(
        default=None, gt=0, allow_inf_nan=False, description=f"added to the diagonal of the metric; {BY_SYSTEM}"
    )
    first_shift: float | None = Field(
        default=None,
        gt=0,
        allow_inf_nan=False,
        description=f"at the first step, from where it falls to shift; {BY_SYSTEM}",
        **_before(1e-3),
    )
    shift_decay: float | None = Field(
        default=None, gt=0, le=1, description=f"factor by which the shift falls in a step; {BY_SYSTEM}", **_before(0.99)
    )
    momentum: float | None = Field(
        default=None, ge=0, lt=1, description=f"of the direction (SPRING); {BY_SYSTEM}", **_before(0.0)
    )
    n_steps: int = Field(default=600, ge=0, le=1_000_000_000, description="optimizer steps")
    power: float | None = Field(
        default=None,
        gt=0,
        le=2,
        description=f"optimizer steps draw from |psi|^power, with weights; {BY_SYSTEM}",
        **_before(2.0),
    )
    n_samples: int = Field(default=1024, ge=1, le=10_000_000_000, description="samples for each optimizer step")
    n_chains: int = Field(default=256, ge=1, le=10_000_000, description="independent Markov chains")
    n_burn_in: int = Field(default=50, ge=1, le=1_000_000_000, description="sweeps before the first step")
    n_measure: int = Field(default=2**17, ge=1, le=10_000_000_000_000, description="samples of the final measurement")

    def chosen(self, system: "SpinSystem") -> Self:
        """The same settings, where those that were not given are chosen by the system.

        The state is that of ``nqs.default_wavefunction``, the rates are those of ``nqs.default_optimizer``. Where the
        ground state has signs, training draws from |psi|: configurations of the wrong sign are rare in |psi|^2.
        """
        from nqs.training import default_recipe
        from nqs.wavefunctions.default import default_filters

        recipe = default_recipe(system)._asdict()
        if self.learning_rate:
            recipe["final_learning_rate"] *= self.learning_rate / recipe["learning_rate"]
        dtype = self.dtype or ("real" if system.stoquastic else "complex")
        power = 2.0 if system.stoquastic or dtype == "real" else 1.0
        alpha = 1 if self.wavefunction == "rbm" else default_filters(system)
        return self.filled({**recipe, "dtype": dtype, "power": power, "alpha": alpha})


class LengthSettings(SpinSettings):
    """Fields of a lattice that has a length; see the experiment for its shape."""

    length: int = Field(default=20, ge=2, le=100_000, description="number of sites along each side")


def lattice_of(shape: str, length: int, open_ends: bool) -> "Lattice":
    """The lattice of an experiment whose name ends with ``shape``, "chain" or "square"."""
    from montecarlo.lattices import Chain, Square

    if (n_sites := length ** (2 if shape == "square" else 1)) > LARGEST:
        raise ValueError(f"length: expected a lattice of at most {LARGEST} sites, found {n_sites}")
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
    from nqs.training import Recipe

    settings = settings.chosen(system)
    recipe = Recipe._make(getattr(settings, name) for name in Recipe._fields)
    vmc = nqs.VMC(
        system,  # type: ignore[arg-type]
        _state(system, lattice, settings),
        nqs.SpinFlip() if system.magnetisation is None else nqs.SpinExchange(system),
        recipe.optimizer(settings.n_steps),
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
