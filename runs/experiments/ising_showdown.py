"""Every family of models on the same data: spins of the Ising model, where everything is known exactly.

A Boltzmann machine, an autoregressive model, a variational autoencoder, an adversarial network, and diffusion of real
numbers and of spins. All know the symmetries of the model, and each trains for about a minute on one core.
"""

import math
import time
from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

import numpy as np
from pydantic import Field

from ..result import Measurement
from ..showdown import OBSERVABLES, draw, name_of, table
from .experiment import Experiment, Progress, Run
from .families import fit, make_model, sampler
from .ising_rbm import fit_machine, make_machine
from .settings import Settings
from .trained import use_threads

Family = Literal["rbm", "made", "vae", "gan", "diffusion", "spin-diffusion"]
FAMILIES: tuple[Family, ...] = ("rbm", "made", "vae", "gan", "diffusion", "spin-diffusion")
N_TEST, N_RECORDS, N_ANNEALED, N_PICTURES = 1000, 20, 2048, 8


class Recipe(NamedTuple):
    """How a family takes part: updates, learning rate and width as parts of the common ones; options of the model."""

    updates: float
    rate: float
    width: float
    options: Mapping[str, Any] = {}


# Rates and options are those of each family's own experiments and accuracy checks; for the diffusion models they are
# the best of three by the bound at the critical temperature. Numbers of updates make about a minute on one core.
RECIPES: dict[str, Recipe] = {
    "rbm": Recipe(0.5, 200.0, 0.0),  # a second filter diverges at low temperatures
    "made": Recipe(2.0, 2.5, 1.0, {"flip": True, "translation": True}),
    "vae": Recipe(1.0, 1.0, 1.0, {"flip": True, "couplings": True, "n_latent": 16, "activation": "gelu"}),
    "gan": Recipe(5 / 3, 0.5, 0.5, {"flip": True, "couplings": True, "n_latent": 64, "n_critic": 2, "penalty": 1.0}),
    "diffusion": Recipe(5 / 3, 4.0, 1.0, {"translation": True, "n_probes": 1, "n_steps": 20}),
    "spin-diffusion": Recipe(4 / 3, 4.0, 1.0, {"translation": True, "n_steps": 128}),
}
DAMPING = 0.01  # of the Boltzmann machine's natural gradient
N_STEPS_OF_FLOW = 25


class IsingShowdownSettings(Settings):
    """All families of generative models learn the same configurations of the Ising model on a square lattice."""

    threads: int = Field(1, ge=1, le=1024, description="number of threads; the same bits need the same number")
    size: int = Field(8, ge=4, le=8, description="sites along each side of the lattice, even")
    temperatures: tuple[float, ...] = Field((2.0, 2.269185, 3.0), min_length=1, description="in units of J / k_B")
    families: tuple[Family, ...] = Field(FAMILIES, min_length=1, description="models that take part")
    n_data: int = Field(
        100_000,
        ge=100,
        le=100_000_000,
        description="configurations at each temperature, of which a fifth is for testing",
    )
    n_updates: int = Field(
        3000, ge=N_RECORDS, le=1_000_000_000, description="steps of the optimizer; families differ, see RECIPES"
    )
    batch_size: int = Field(256, ge=2, le=100_000_000, description="configurations for each update")
    learning_rate: float = Field(
        2e-3, gt=0, allow_inf_nan=False, description="of Adam; falls to 0 along a cosine; families differ"
    )
    width: int = Field(512, ge=1, le=100_000, description="units of each hidden layer, a multiple of the sites")
    n_measure: int = Field(10_000, ge=100, le=10_000_000_000_000, description="samples of each model")


class Contestant:
    """One model at one temperature, trained in about ``N_RECORDS`` parts."""

    def __init__(self, family: str, data: Any, settings: IsingShowdownSettings) -> None:
        self.family, self.data, self.settings, self.recipe = family, data, settings, RECIPES[family]
        self.rows: Any = np.asarray(data.train)
        self.n_updates = max(N_RECORDS, round(self.recipe.updates * settings.n_updates))
        self.rate, self.is_rbm = self.recipe.rate * settings.learning_rate, family == "rbm"
        self.model, self.training = self._machine() if self.is_rbm else self._network()

    def _machine(self) -> tuple[Any, Any]:
        s = self.settings
        model, n_batches = make_machine(s.size, None, s.seed), -(-len(self.rows) // s.batch_size)
        arguments: Any = dict(method="pcd", k=5, n_epochs=max(1, round(self.n_updates / n_batches)))
        arguments |= dict(batch_size=s.batch_size, learning_rate=self.rate, natural=DAMPING)
        return model, fit_machine(model, self.rows, **arguments)

    def _network(self) -> tuple[Any, Any]:
        s, options = self.settings, dict(self.recipe.options)
        if self.family != "made":  # which has units for each site
            options["hidden"] = (round(self.recipe.width * s.width),) * 2
        if self.family == "diffusion":
            options["sampler"] = sampler("flow", N_STEPS_OF_FLOW)
        model: Any = make_model(self.family, self.data, s.width, s.seed, **options)
        chosen = s.model_copy(update={"n_updates": self.n_updates, "learning_rate": self.rate})
        images = {name: not self.recipe.options.get(name) for name in ("flip", "translation")}  # if the model has not
        part: Any = dict(record_every=-(-self.n_updates // N_RECORDS), validation=None)
        return model, fit(model, self.rows, chosen, **part, **images)

    @property
    def done(self) -> bool:
        """Whether the training has ended."""
        return self.training.epoch >= self.training.n_epochs if self.is_rbm else self.training.stopped

    def advance(self) -> float:
        """Train for one part; the loss, for the machine minus its pseudo-likelihood."""
        record = next(self.training)
        return -record.pseudo_likelihood if self.is_rbm else next(iter(record.losses.values()))

    def log_prob(self, x: np.ndarray) -> tuple[Any, float, str]:
        """Of rows x in nats, (n,), the error that they have in common, and what it is; None for a model without."""
        if self.is_rbm:
            partition = self.model.log_partition(n_chains=N_ANNEALED, reverse=False, seed=self.settings.seed)
            return -self.model.free_energy(x) - partition.mean, partition.error, "stochastic"
        if self.model.likelihood is None:
            return None, 0.0, ""
        return self.model.log_prob(x, seed=self.settings.seed), 0.0, self.model.likelihood


class IsingShowdownRun:
    """The contestants one after the other; each is measured as soon as it is trained."""

    def __init__(self, settings: IsingShowdownSettings) -> None:
        from generative import datasets

        use_threads(settings.threads)
        self.settings = settings
        shape = (settings.size, settings.size)
        self.data = {
            t: datasets.ising(shape, t, settings.n_data, settings.seed, values="spins", threads=settings.threads)
            for t in settings.temperatures
        }
        self.pairs = [(family, t) for t in settings.temperatures for family in settings.families]
        self.at, self.rows, self.seconds = 0, 0, 0.0
        self.contestant = self._enter(0)
        self.found: dict[str, Any] = {}  # by name: value, error, unit
        self.pictures = {
            name_of("data", t): np.asarray(data.test)[:N_PICTURES].astype(np.int8) for t, data in self.data.items()
        }
        self.exact: Mapping[str, float] = {
            name: value for t in settings.temperatures for name, value in self._exact(t).items()
        }

    def _enter(self, k: int) -> Contestant:
        family, t = self.pairs[k]
        return Contestant(family, self.data[t], self.settings)

    def _exact(self, temperature: float) -> dict[str, float]:
        from generative.physics import exact_observables

        (target,) = self.data[temperature].targets
        entropy = target.exact().entropy / self.settings.size**2
        values = {**exact_observables(target), "nats_per_spin": entropy}
        return {
            name_of(family, temperature, name): value
            for family in self.settings.families
            for name, value in values.items()
        }

    def training(self) -> Iterator[Progress]:
        total = len(self.pairs)
        while self.at < total:
            while not self.contestant.done:
                before = time.process_time()  # seconds of a core, which other processes do not lengthen
                loss = self.contestant.advance()
                self.seconds += time.process_time() - before
                self.rows += 1
                yield Progress(self.at, total, {"contestant": self.at, "loss": loss})
            self._judge()
            self.at, self.seconds = self.at + 1, 0.0
            if self.at < total:
                self.contestant = self._enter(self.at)

    def _judge(self) -> None:
        """Observables of samples, nats per spin, seconds."""
        from generative.physics import observables
        from montecarlo.estimates import Estimate

        (family, t), n = self.pairs[self.at], self.settings.n_measure
        before = time.process_time()
        s = np.asarray(self.contestant.model.sample(n, self.settings.seed), dtype=np.float64)
        per_sample = (time.process_time() - before) / n
        (target,) = self.data[t].targets
        estimates = observables(s, target).estimates
        found: dict[str, tuple[Any, str]] = {name: (estimates[name], "") for name in OBSERVABLES if name in estimates}
        nats, kind = self._nats(target)
        if kind:
            found["nats_per_spin"] = (nats, KINDS[kind])
        found["seconds_to_train"] = (Estimate(self.seconds, 0.0), "s of a core")
        found["seconds_per_sample"] = (Estimate(per_sample, 0.0), "s of a core")
        for name, (estimate, unit) in found.items():
            self.found[name_of(family, t, name)] = {"value": estimate.mean, "error": estimate.error, "unit": unit}
        self.pictures[name_of(family, t)] = s[:N_PICTURES].astype(np.int8)

    def _nats(self, target: Any) -> tuple[Any, str]:
        """The cross entropy per spin, from its difference on test rows to the entropy, which fluctuates little."""
        from generative.importance import mean
        from montecarlo.estimates import Estimate

        test, n_sites = np.asarray(self.contestant.data.test, dtype=np.float64)[:N_TEST], self.settings.size**2
        log_q, common, kind = self.contestant.log_prob(test)
        if log_q is None:
            return None, ""
        exact = target.exact()
        excess = mean(target.log_weight(test) - exact.log_z - log_q)
        error = math.hypot(excess.error, common)
        return Estimate((exact.entropy + excess.mean) / n_sites, error / n_sites, n=len(test)), kind

    def measuring(self) -> Iterator[Progress]:
        yield Progress(1, 1, {})

    def measurements(self) -> dict[str, Measurement]:
        from montecarlo.estimates import Estimate

        return {
            name: Measurement(Estimate(each["value"], each["error"]), each["unit"], self.exact.get(name))
            for name, each in self.found.items()
        }

    @property
    def notes(self) -> list[str]:
        """The table of all models."""
        return table(self.measurements(), self.settings.temperatures, self.settings.families)

    def samples(self) -> dict[str, np.ndarray]:
        """A few configurations of each contestant, -1 and +1."""
        return self.pictures

    def state(self) -> dict[str, Any]:
        tree: dict[str, Any] = {"step": self.rows, "at": self.at, "found": self.found, "pictures": self.pictures}
        if self.at < len(self.pairs):
            tree["training"], tree["seconds"] = self.contestant.training.state(), self.seconds
        return tree

    def state_like(self, saved: Mapping[str, Any]) -> dict[str, Any]:
        """What a fresh run saves that has come to the contestant of a saved state."""
        at = saved["at"]
        if not isinstance(at, int) or not 0 <= at <= len(self.pairs):
            raise ValueError(f"at: expected a contestant of 0 to {len(self.pairs)}, found {at!r}")
        tree: dict[str, Any] = {"step": 0, "at": at, "found": {}, "pictures": {}}
        if at < len(self.pairs):
            tree |= {"training": self._enter(at).training.state(), "seconds": 0.0}
        return tree

    def restore(self, state: Mapping[str, Any]) -> None:
        self.rows, self.at = int(state["step"]), int(state["at"])
        self.found = {name: dict(each) for name, each in state.get("found", {}).items()}
        self.pictures = {name: np.asarray(each) for name, each in state.get("pictures", {}).items()}
        if self.at < len(self.pairs):
            self.contestant, self.seconds = self._enter(self.at), float(state["seconds"])
            self.contestant.training.restore(state["training"])


KINDS = {"exact": "nats, exact", "lower": "nats, at most", "upper": "nats, at least", "stochastic": "nats, estimate"}
"""What -log_prob is by the kind of log_prob: minus a lower bound is an upper bound."""


def start(settings: IsingShowdownSettings) -> Run:
    """The run of these settings."""
    return IsingShowdownRun(settings)


EXPERIMENT = Experiment("ising-showdown", IsingShowdownSettings, start, draw)
