"""An autoregressive model learns configurations of the Ising model; its likelihood is exact, and so is the entropy."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from pydantic import Field

from ..pictures import draw_training
from .autoregressive import AutoregressiveSettings, make_model, schedule
from .experiment import Experiment, Progress, Run
from .trained import TrainedRun, use_threads


class IsingAutoregressiveSettings(AutoregressiveSettings):
    """An autoregressive model learns configurations of the Ising model on a periodic square lattice."""

    translation: bool = Field(True, description="train on shifted rows; the model is the mixture of its shifts")
    n_data: int = Field(100_000, ge=100, le=100_000_000, description="configurations, of which a fifth is for testing")
    n_epochs: int = Field(20, ge=1, le=10_000_000, description="passes through the data")
    ema: float = Field(0.99, ge=0, lt=1, description="decay of the average of the parameters; 0 for none")


class IsingAutoregressiveRun(TrainedRun):
    """Training, then the likelihood of the test data, the observables of samples, and the free energy by weights."""

    def __init__(self, settings: IsingAutoregressiveSettings) -> None:
        from generative import datasets
        from generative.physics import exact_observables

        super().__init__()
        use_threads(settings.threads)
        self.settings = settings
        shape = (settings.size, settings.size)
        arguments: Any = dict(values="spins", threads=settings.threads)
        self.data = datasets.ising(shape, settings.temperature, settings.n_data, settings.seed, **arguments)
        self.model = make_model(settings, translation=settings.translation)
        n_steps = settings.n_epochs * -(-len(self.data.train) // settings.batch_size)
        self.fit = self.model.fit(
            self.data,
            n_epochs=settings.n_epochs,
            batch_size=settings.batch_size,
            learning_rate=schedule(settings, n_steps),
            ema=settings.ema,
            clip=1.0,
        )
        (self.target,) = self.data.targets
        thermodynamics = self.target.exact()
        assert thermodynamics is not None  # a torus is always solved
        free_energy = -settings.temperature * thermodynamics.log_z / settings.size**2
        self.exact: Mapping[str, float] = {
            **exact_observables(self.target),
            "log_likelihood": -thermodynamics.entropy,
            "free_energy": free_energy,
        }

    def measuring(self) -> Iterator[Progress]:
        from generative.importance import mean, variational
        from generative.physics import observables

        n_measure, seed = self.settings.n_measure, self.settings.seed
        likelihood = mean(self.model.log_prob(self.data.test))
        self.measured = {"log_likelihood": self.measurement("log_likelihood", likelihood, "nats per configuration")}
        yield Progress(1, 2, {"log_likelihood": likelihood.mean, "log_likelihood_error": likelihood.error})
        s = self.model.sample(n_measure, seed)
        for name, estimate in observables(s, self.target).estimates.items():
            self.measured[name] = self.measurement(name, estimate)
        energy, log_q = self.target.energy(s), self.model.log_prob(s)
        found = variational(energy, log_q, self.settings.temperature, self.settings.size**2, seed)
        excess = (found.bound - self.exact["free_energy"]) * (self.settings.size**2 / self.settings.temperature)
        self.measured["free_energy"] = self.measurement("free_energy", found.free_energy, "J per site")
        self.measured["divergence"] = self.measurement("divergence", excess, "nats per configuration")
        self.kept = {"configurations": s[: min(64, len(s))].astype(np.int8)}
        yield Progress(2, 2, {"free_energy": found.free_energy.mean})


def start(settings: IsingAutoregressiveSettings) -> Run:
    """The run of these settings."""
    return IsingAutoregressiveRun(settings)


EXPERIMENT = Experiment("ising-autoregressive", IsingAutoregressiveSettings, start, draw_training)
