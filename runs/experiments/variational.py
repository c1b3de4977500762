"""Variational Monte Carlo of particles in a trap, as an experiment: what the oscillator and the dot share."""

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, cast

import numpy as np
from pydantic import Field

from montecarlo.moments import Estimates

from ..result import Measurement, Profile, Reference
from .experiment import Progress
from .settings import Frequencies, Settings

if TYPE_CHECKING:
    import nqs
    from nqs.systems import System


class TrainingSettings(Settings):
    """Fields of every variational Monte Carlo experiment. A wave function ``a-b`` is the product of a and b."""

    n_particles: int = Field(default=2, ge=1, le=10_000, description="number of particles")
    n_hidden: int = Field(
        default=4, ge=1, le=100_000, description="hidden units, of a feed-forward network in each layer"
    )
    n_layers: int = Field(default=1, ge=1, le=20, description="hidden layers, of a feed-forward network only")
    train_sigma: bool = Field(default=False, description="train the widths of the Gaussian visible units, too")
    optimizer: Literal["sr", "adam", "gradient-descent"] = Field(
        default="sr", description="sr: stochastic reconfiguration"
    )
    learning_rate: float = Field(
        default=0.1,
        gt=0,
        le=100,
        allow_inf_nan=False,
        description="size of an optimizer step; of sr in units of 1 / omega, less for a large interaction",
    )
    final_learning_rate: float = Field(
        default=0.01, gt=0, le=100, allow_inf_nan=False, description="reached along half a cosine at the last step"
    )
    shift: float = Field(
        default=1e-4, gt=0, allow_inf_nan=False, description="added to the diagonal of the metric (sr)"
    )
    sampler: Literal["langevin", "random-walk", "gibbs"] = Field(
        default="langevin", description="how particles are moved"
    )
    n_steps: int = Field(default=200, ge=0, le=1_000_000_000, description="optimizer steps")
    n_samples: int = Field(default=8192, ge=1, le=10_000_000_000, description="samples for each optimizer step")
    n_chains: int = Field(default=256, ge=1, le=10_000_000, description="independent Markov chains")
    n_burn_in: int = Field(
        default=400, ge=1, le=1_000_000_000, description="sweeps before the first step; half of them tune the sampler"
    )
    n_measure: int = Field(default=2**20, ge=1, le=10_000_000_000_000, description="samples of the final measurement")
    clip: float | None = Field(
        default=None,
        gt=0,
        allow_inf_nan=False,
        description="clip local energies at so many mean deviations, in updates only",
    )

    n_bins: int = Field(
        default=60, ge=0, le=1000, description="bins of densities and pair correlations; none are measured for 0"
    )
    n_orbitals: int = Field(
        default=0, ge=0, le=200, description="orbitals of the one-body density matrix; it is not measured for 0"
    )


class VariationalSettings(TrainingSettings):
    """Fields of a trap of any dimension."""

    n_dims: int = Field(default=2, ge=1, le=3, description="number of dimensions")
    omega: Frequencies = Field(default=1.0, description="frequency of the trap")


class Units(NamedTuple):
    """Of energies and lengths; natural units have one name for both."""

    energy: str
    length: str

    def of(self, name: str, n_dims: int) -> str:
        """The unit of an observable of particles."""
        powers = {"squared_radius": 2, "pair_distance": 1, "density": -min(n_dims, 2)}
        power = -n_dims if name.startswith(("radial_density", "pair_correlation")) else powers.get(name, 0)
        if not power or self.energy == self.length:
            return self.energy
        return self.length if power == 1 else f"{self.length}^{power}"


ATOMIC, NATURAL = Units("hartree", "bohr"), Units("hbar = m = 1", "hbar = m = 1")


class VariationalRun:
    """Training and measurement of one wave function.

    ``unit`` tells the unit of an observable from its name; exact values, and in the end doubts, go by the names of the
    measurements.
    """

    def __init__(
        self,
        vmc: "nqs.VMC",
        settings: Any,
        exact: Mapping[str, float],
        observables: Mapping[str, Any],
        unit: Callable[[str], str],
        axis_unit: str = "",
        references: Mapping[str, Reference] | None = None,
    ) -> None:
        self.vmc, self.settings, self.exact, self.observables = vmc, settings, exact, observables
        self.unit, self.axis_unit, self.references = unit, axis_unit, references or {}

    def training(self) -> Iterator[Progress]:
        total = self.settings.n_steps
        for step in self.vmc.steps(total - self.vmc.step):
            energy = step.energy
            numbers = {
                "energy": energy.mean,
                "energy_error": energy.error,
                "variance": step.variance,
                "acceptance": step.acceptance,
                "tau": energy.tau,
                "r_hat": energy.r_hat,
                "n_eff": energy.n_eff,
                "clipped": step.clipped,
                "update_norm": step.update_norm,
            }
            yield Progress(self.vmc.step, total, numbers)

    def measuring(self) -> Iterator[Progress]:
        for progress in self.vmc.measuring(self.settings.n_measure, {**self.observables, **self._matrices()}):
            energy = progress.energy
            numbers = {"energy": energy.mean, "energy_error": energy.error, "acceptance": progress.acceptance}
            yield Progress(progress.n_samples, progress.n_total, numbers)

    def _matrices(self) -> dict[str, Any]:
        """The one-body density matrix, of spin up where there are two spins, of the wave function as it is now."""
        from nqs.density_matrix import DensityMatrix

        n_orbitals, system = getattr(self.settings, "n_orbitals", 0), cast("System", self.vmc.system)
        if not n_orbitals:
            return {}
        one_kind = slice(0, getattr(system, "n_up", -1)) if getattr(system, "fermions", False) else slice(None)
        return {"density_matrix": DensityMatrix(self.vmc.psi, system, n_orbitals, one_kind)}

    def measurements(self) -> dict[str, Measurement | Profile]:
        measured = self.vmc.measured()
        self.doubts = dict(measured.warnings)
        if measured.diverged:
            self.doubts |= dict.fromkeys(
                ("energy", *measured.observables), f"the training diverged: {measured.diverged}"
            )
        estimates = {"energy": measured.energy, **measured.observables}
        return {name: self._measurement(name, each) for name, each in estimates.items()}

    def _measurement(self, name: str, found: Any) -> Measurement | Profile:
        if isinstance(found, Estimates):
            axes = {axis.name: axis.values for axis in getattr(self.observables.get(name), "axes", ())}
            axes = axes or {f"index_{k}": np.arange(float(size)) for k, size in enumerate(found.shape)}
            return Profile(found, axes, self.unit(name), self.axis_unit)
        return Measurement(found, self.unit(name), self.exact.get(name))

    def samples(self) -> dict[str, np.ndarray]:
        """The last configuration of every chain, shape (n_chains, n_particles, n_dims): draws from |psi|^2."""
        return {"configurations": self.vmc.chains.x.copy()}

    def state(self) -> dict[str, Any]:
        return self.vmc.state()

    def restore(self, state: Mapping[str, Any]) -> None:
        self.vmc.restore(state)


def particle_run(
    system: "System",
    settings: Any,
    units: Units,
    exact: Mapping[str, float] | None = None,
    references: Mapping[str, Reference] | None = None,
) -> VariationalRun:
    """The run of particles in a trap, with its observables. Raises ``ValueError`` for what does not go together."""
    from nqs.observables import squared_radius, standard_observables

    observables = (
        standard_observables(system, settings.n_bins) if settings.n_bins else {"squared_radius": squared_radius}
    )
    known = {} if system.exact_energy is None else {"energy": system.exact_energy}
    known |= {"virial": 0.0} if "virial" in observables else {}

    def unit(name: str) -> str:
        return units.of(name, system.n_dims)

    vmc = variational(system, settings)
    return VariationalRun(vmc, settings, known | dict(exact or {}), observables, unit, units.length, references)


def variational(system: "System", settings: Any) -> "nqs.VMC":
    """The VMC that the settings describe. Raises ``ValueError`` for choices that do not go together."""
    import nqs  # imported here, so that `born run --help` need not wait for the compiler

    if settings.sampler == "gibbs" and settings.wavefunction != "rbm":
        raise ValueError(f"sampler: gibbs draws from a plain rbm, found {settings.wavefunction}; choose langevin")
    return nqs.VMC(
        system,
        wave_function(system, settings),
        SAMPLERS[settings.sampler](nqs),
        optimizer(settings, system),
        n_samples=settings.n_samples,
        n_chains=settings.n_chains,
        seed=settings.seed,
        threads=settings.threads,
        n_burn_in=settings.n_burn_in,
        clip=settings.clip,
    )


def _neural(nqs: Any, system: Any, settings: Any) -> Any:
    return nqs.Neural(system, (settings.n_hidden,) * settings.n_layers, symmetry="pooled", seed=settings.seed)


def _rbm(nqs: Any, system: Any, settings: Any) -> Any:
    return nqs.GaussianRBM(system, settings.n_hidden, seed=settings.seed, train_sigma=settings.train_sigma)


FACTORS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "gaussian": lambda nqs, system, settings: nqs.Gaussian(system),
    "rbm": _rbm,
    "jastrow": lambda nqs, system, settings: nqs.PadeJastrow(system),
    "neural": _neural,
    "sorted": lambda nqs, system, settings: nqs.Neural(
        system, (settings.n_hidden,) * settings.n_layers, symmetry="sorted", seed=settings.seed
    ),
    "slater": lambda nqs, system, settings: nqs.Slater(system),
    "backflow": lambda nqs, system, settings: nqs.Backflow(system),
    "pairs": lambda nqs, system, settings: nqs.PairNetwork(system, seed=settings.seed),
    "spheres": lambda nqs, system, settings: nqs.HardSphereJastrow(system),
    "distances": lambda nqs, system, settings: nqs.PowerJastrow(system),
    "default": lambda nqs, system, settings: nqs.default_wavefunction(system, seed=settings.seed),
}
SAMPLERS: dict[str, Callable[[Any], Any]] = {
    "langevin": lambda nqs: nqs.Langevin(),
    "random-walk": lambda nqs: nqs.RandomWalk(),
    "gibbs": lambda nqs: nqs.Gibbs(),
}


def wave_function(system: "System", settings: Any) -> Any:
    """The product of the factors that ``settings.wavefunction`` names, joined by hyphens."""
    import nqs

    first, *rest = (FACTORS[name](nqs, system, settings) for name in settings.wavefunction.split("-"))
    for factor in rest:
        first = first * factor
    return first


def optimizer(settings: TrainingSettings, system: "System") -> Any:
    """The optimizer of the settings, with a cosine schedule of the learning rate.

    A step of stochastic reconfiguration is one in imaginary time, in units of ``system.time``.
    """
    import nqs
    from neural.optimizers import Adam, CosineDecay, GradientDescent

    unit = system.time if settings.optimizer == "sr" else 1.0
    first, last = unit * settings.learning_rate, unit * settings.final_learning_rate
    rate = CosineDecay(first, max(1, settings.n_steps - 1), last)
    if settings.optimizer == "sr":
        return nqs.StochasticReconfiguration(rate, shift=settings.shift)
    return {"adam": Adam, "gradient-descent": GradientDescent}[settings.optimizer](rate)
