"""Variational Monte Carlo of particles in a trap, as an experiment: what the oscillator and the dot share."""

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import Field

from ..result import Measurement
from .experiment import Progress
from .settings import Frequencies, Settings

if TYPE_CHECKING:
    import nqs
    from nqs.systems import System


class VariationalSettings(Settings):
    """Fields of every variational Monte Carlo experiment. A wave function ``a-b`` is the product of a and b."""

    n_particles: int = Field(default=2, ge=1, le=10_000, description="number of particles")
    n_dims: int = Field(default=2, ge=1, le=3, description="number of dimensions")
    omega: Frequencies = Field(default=1.0, description="frequency of the trap")
    n_hidden: int = Field(
        default=4, ge=1, le=100_000, description="hidden units, of a feed-forward network in each layer"
    )
    n_layers: int = Field(default=1, ge=1, le=20, description="hidden layers, of a feed-forward network only")
    train_sigma: bool = Field(default=False, description="train the widths of the Gaussian visible units, too")
    optimizer: Literal["sr", "adam", "gradient-descent"] = Field(
        default="sr", description="sr: stochastic reconfiguration"
    )
    learning_rate: float = Field(
        default=0.1, gt=0, le=100, allow_inf_nan=False, description="size of an optimizer step"
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
    n_steps: int = Field(default=200, ge=0, description="optimizer steps")
    n_samples: int = Field(default=8192, ge=1, description="samples for each optimizer step")
    n_chains: int = Field(default=256, ge=1, description="independent Markov chains")
    n_burn_in: int = Field(default=400, ge=1, description="sweeps before the first step; half of them tune the sampler")
    n_measure: int = Field(default=2**20, ge=1, description="samples of the final measurement")
    clip: float | None = Field(
        default=None,
        gt=0,
        allow_inf_nan=False,
        description="clip local energies at so many mean deviations, in updates only",
    )


def squared_radius(x: np.ndarray) -> np.ndarray:
    """r^2, the mean over particles, for configurations of shape (n, n_particles, n_dims)."""
    return (x**2).sum(axis=2).mean(axis=1)


class VariationalRun:
    """Training and measurement of one wave function; units and exact values go by the names of the measurements."""

    def __init__(
        self, vmc: "nqs.VMC", settings: VariationalSettings, units: Mapping[str, str], exact: Mapping[str, float]
    ) -> None:
        self.vmc, self.settings, self.units, self.exact = vmc, settings, units, exact
        self.observables = {"squared_radius": squared_radius}

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
        for progress in self.vmc.measuring(self.settings.n_measure, self.observables):
            energy = progress.energy
            numbers = {"energy": energy.mean, "energy_error": energy.error, "acceptance": progress.acceptance}
            yield Progress(progress.n_samples, progress.n_total, numbers)

    def measurements(self) -> dict[str, Measurement]:
        measured = self.vmc.measured()
        estimates = {"energy": measured.energy, **measured.observables}
        return {name: Measurement(each, self.units[name], self.exact.get(name)) for name, each in estimates.items()}

    def samples(self) -> dict[str, np.ndarray]:
        """The last configuration of every chain, shape (n_chains, n_particles, n_dims): draws from |psi|^2."""
        return {"configurations": self.vmc.chains.x.copy()}

    def state(self) -> dict[str, Any]:
        return self.vmc.state()

    def restore(self, state: Mapping[str, Any]) -> None:
        self.vmc.restore(state)


def variational(system: "System", settings: Any) -> "nqs.VMC":
    """The VMC that the settings describe. Raises ``ValueError`` for choices that do not go together."""
    import nqs  # imported here, so that `born run --help` need not wait for the compiler

    if settings.sampler == "gibbs" and settings.wavefunction != "rbm":
        raise ValueError(f"sampler: gibbs draws from a plain rbm, found {settings.wavefunction}; choose langevin")
    return nqs.VMC(
        system,
        wave_function(system, settings),
        SAMPLERS[settings.sampler](nqs),
        optimizer(settings),
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


def optimizer(settings: VariationalSettings) -> Any:
    """The optimizer of the settings, with a cosine schedule of the learning rate."""
    import nqs
    from neural.optimizers import Adam, CosineDecay, GradientDescent

    rate = CosineDecay(settings.learning_rate, max(1, settings.n_steps - 1), settings.final_learning_rate)
    if settings.optimizer == "sr":
        return nqs.StochasticReconfiguration(rate, shift=settings.shift)
    return {"adam": Adam, "gradient-descent": GradientDescent}[settings.optimizer](rate)
