"""An autoregressive model finds the free energy of the Ising model from its energy alone; Kaufman's is exact."""

from collections.abc import Iterator, Mapping

from pydantic import Field

from ..pictures import draw_training
from .autoregressive import AutoregressiveSettings, make_model, schedule
from .experiment import Experiment, Progress, Run
from .trained import TrainedRun, use_threads


class VariationalIsingSettings(AutoregressiveSettings):
    """The free energy of the Ising model on a periodic square lattice, by a model with exact probabilities."""

    n_steps: int = Field(2500, ge=1, le=1_000_000_000, description="updates")
    annealing: float = Field(0.5, ge=0, le=1, description="fraction of the updates in which 1 / T grows from 0")
    record_every: int = Field(20, ge=1, le=1_000_000_000, description="updates for a row of the trace")


class VariationalIsingRun(TrainedRun):
    """Training by the variational free energy, then the same and all observables by importance weights."""

    def __init__(self, settings: VariationalIsingSettings) -> None:
        from generative.datasets import IsingTarget
        from generative.physics import exact_observables
        from montecarlo.lattices import Square

        super().__init__()
        use_threads(settings.threads)
        self.settings = settings
        self.model = make_model(settings)
        self.target = IsingTarget(Square(settings.size), settings.temperature)
        thermodynamics = self.target.exact()
        assert thermodynamics is not None  # a torus is always solved
        free_energy = -settings.temperature * thermodynamics.log_z / settings.size**2
        self.exact: Mapping[str, float] = {**exact_observables(self.target), "free_energy": free_energy}
        self.fit = self.model.fit_energy(
            self.target,
            n_steps=settings.n_steps,
            batch_size=settings.batch_size,
            learning_rate=schedule(settings, settings.n_steps),
            annealing=settings.annealing,
            record_every=settings.record_every,
        )

    def measuring(self) -> Iterator[Progress]:
        from generative.importance import variational
        from generative.physics import observables

        n_sites, temperature, seed = self.settings.size**2, self.settings.temperature, self.settings.seed
        s = self.model.sample(self.settings.n_measure, seed)
        energy, log_q = self.target.energy(s), self.model.log_prob(s)
        found = variational(energy, log_q, temperature, n_sites, seed)
        weighted = observables(s, self.target, log_weights=self.target.log_weight(s) - log_q).estimates
        excess = (found.bound - self.exact["free_energy"]) * (n_sites / temperature)
        self.measured = {
            "free_energy": self.measurement("free_energy", found.free_energy, "J per site"),
            "free_energy_bound": self.measurement("free_energy_bound", found.bound, "J per site"),
            "divergence": self.measurement("divergence", excess, "nats per configuration"),
            "entropy": self.measurement("entropy", found.entropy, "nats per site"),
            **{name: self.measurement(name, each) for name, each in weighted.items()},
        }
        self.kept = {"configurations": s[:64].astype("int8")}
        yield Progress(1, 1, {"free_energy": found.free_energy.mean, "worth": found.importance.n_eff / len(s)})


def start(settings: VariationalIsingSettings) -> Run:
    """The run of these settings."""
    return VariationalIsingRun(settings)


EXPERIMENT = Experiment("variational-ising", VariationalIsingSettings, start, draw_training)
