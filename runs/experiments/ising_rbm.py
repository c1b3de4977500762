"""A restricted Boltzmann machine learns the Ising model, and is judged by everything that is known exactly about it."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import numpy as np
from pydantic import Field

from ..ising_pictures import draw_ising
from ..result import Measurement
from .experiment import Experiment, Progress, Run
from .settings import Settings

N_EXACT = 16  # sites up to which the Kullback-Leibler divergence is summed over all configurations


class IsingRBMSettings(Settings):
    """A restricted Boltzmann machine learns configurations of the Ising model on a periodic square lattice."""

    size: int = Field(4, ge=3, le=64, description="sites along each side of the lattice")
    temperature: float = Field(2.269185, ge=1e-9, le=1e6, description="in units of J / k_B")
    n_data: int = Field(100_000, ge=100, le=100_000_000, description="configurations, of which a fifth is for testing")
    n_hidden: int | None = Field(None, ge=1, le=100_000, description="hidden units; one for each site if not given")
    translations: bool = Field(True, description="groups of hidden units share their weights, moved to every site")
    method: Literal["cd", "pcd", "pt"] = Field("pcd", description="where the samples of the model come from")
    k: int = Field(5, ge=1, le=1_000_000, description="Gibbs steps for each update")
    n_epochs: int = Field(6, ge=0, le=10_000_000, description="passes through the data")
    batch_size: int = Field(500, ge=1, le=100_000_000, description="configurations for each update, and chains")
    natural: float = Field(0.01, ge=0, le=1e6, description="damping of the natural gradient; 0 for plain Adam")
    learning_rate: float = Field(0.4, gt=0, allow_inf_nan=False, description="falls to 0 along a cosine")
    n_measure: int = Field(20_000, ge=100, le=10_000_000_000_000, description="samples of the final comparison")


def make_machine(size: int, n_hidden: int | None, seed: int, translations: bool = True) -> Any:
    """A machine for a square lattice, the same under flips of all spins, and under translations."""
    from generative import IsingRBM
    from montecarlo.lattices import Square

    group = Square(size).translations if translations else None
    return IsingRBM(size**2, n_hidden or size**2, seed=seed, scale=0.05, symmetric=True, permutations=group)


def fit_machine(model: Any, rows: np.ndarray, *, learning_rate: float, natural: float, **options: Any) -> Any:
    """Natural gradient descent, or Adam for ``natural=0``, with a rate that falls to 0 along a cosine."""
    from neural.optimizers import Adam, CosineDecay, GradientDescent

    n_updates = max(1, options["n_epochs"] * -(-len(rows) // options["batch_size"]))
    rate = CosineDecay(learning_rate, n_updates)
    optimizer = GradientDescent(rate) if natural else Adam(rate)
    return model.fit(rows, optimizer=optimizer, natural=natural, **options)


class IsingRBMRun:
    """Training, then the likelihood of the test data and the observables of samples."""

    def __init__(self, settings: IsingRBMSettings) -> None:
        from generative import datasets

        self.settings = settings
        sites = settings.size**2
        self.data = datasets.ising(
            (settings.size, settings.size),
            settings.temperature,
            settings.n_data,
            settings.seed,
            values="spins",
            threads=settings.threads,
        )
        self.model = make_machine(settings.size, settings.n_hidden, settings.seed, settings.translations)
        self.fit: Any = fit_machine(
            self.model,
            self.data.train,
            learning_rate=settings.learning_rate,
            natural=settings.natural,
            method=settings.method,
            k=settings.k,
            n_epochs=max(1, settings.n_epochs),
            batch_size=settings.batch_size,
            validation=self.data.test,
        )
        self.measured: dict[str, Measurement] = {}
        self.kept = np.empty((0, sites))
        from generative.physics import exact_observables

        thermodynamics = self.data.targets[0].exact()
        assert thermodynamics is not None  # a torus is always solved
        self.exact: Mapping[str, float] = {
            **exact_observables(self.data.targets[0]),
            "log_likelihood": -thermodynamics.entropy,
        }

    def training(self) -> Iterator[Progress]:
        while self.fit.epoch < self.settings.n_epochs:
            epoch = next(self.fit)
            numbers = {
                "pseudo_likelihood": epoch.pseudo_likelihood,
                "free_energy_gap": epoch.free_energy_gap,
                "chain_correlation": epoch.chain_correlation,
                "reconstruction": epoch.reconstruction,
                "gradient_norm": epoch.gradient_norm,
                "learning_rate": epoch.learning_rate,
            }
            yield Progress(epoch.epoch, self.settings.n_epochs, numbers)

    def measuring(self) -> Iterator[Progress]:
        from generative.physics import observables

        likelihood = self.model.log_likelihood(self.data.test, seed=self.settings.seed)
        self.measured = {"log_likelihood": self._measurement("log_likelihood", likelihood, "nats per configuration")}
        yield Progress(1, 2, {"log_likelihood": likelihood.mean, "log_likelihood_error": likelihood.error})
        self.kept = self.model.sample(self.settings.n_measure, self.settings.seed)
        for name, estimate in observables(self.kept, self.data.targets[0]).estimates.items():
            self.measured[name] = self._measurement(name, estimate, "")
        if self.model.n_visible <= N_EXACT:
            from montecarlo.estimates import Estimate

            self.measured["divergence"] = Measurement(Estimate(self.divergence(), 0.0), "nats per configuration")
        yield Progress(2, 2, {"energy": self.measured["energy"].estimate.mean})

    def _measurement(self, name: str, estimate: Any, unit: str) -> Measurement:
        return Measurement(estimate, unit, self.exact.get(name))

    def divergence(self) -> float:
        """sum_s p(s) log(p(s) / q(s)) of the Ising model p and the machine q, over all configurations, in nats."""
        n = self.model.n_visible
        s = 2.0 * ((np.arange(2**n)[:, None] >> np.arange(n)) & 1) - 1.0
        log_p = self.data.targets[0].log_weight(s)
        log_p = log_p - np.logaddexp.reduce(log_p)
        return float(np.exp(log_p) @ (log_p - self.model.log_prob(s)))

    def measurements(self) -> dict[str, Measurement]:
        return self.measured

    def samples(self) -> dict[str, np.ndarray]:
        """Draws from the machine, -1 and +1, shape (n, n_sites)."""
        return {"configurations": self.kept.astype(np.int8)}

    def state(self) -> dict[str, Any]:
        return {"step": self.fit.epoch, "training": self.fit.state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.fit.restore(state["training"])


def start(settings: IsingRBMSettings) -> Run:
    """The run of these settings."""
    return IsingRBMRun(settings)


EXPERIMENT = Experiment("ising-rbm", IsingRBMSettings, start, draw_ising)
