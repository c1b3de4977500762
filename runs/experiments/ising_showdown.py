"""Every family of models on the same data: spins of the Ising model, where everything is known exactly.

A Boltzmann machine, an autoregressive model, a variational autoencoder, an adversarial network, and diffusion of real
numbers and of spins, each trained for the same number of updates at each temperature.
"""

import itertools
import math
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import Field

from ..result import Measurement
from ..style import COLOURS
from .experiment import Experiment, Progress, Run
from .families import BOUNDS, fit, make_model, sampler
from .settings import Settings
from .trained import use_threads

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..result import Result

Family = Literal["rbm", "made", "vae", "gan", "diffusion", "spin-diffusion"]
FAMILIES: tuple[Family, ...] = ("rbm", "made", "vae", "gan", "diffusion", "spin-diffusion")
OBSERVABLES = ("energy", "abs_m", "specific_heat", "susceptibility", "binder", "G(1)", "G(2)", "G(3)", "G(4)")
OTHERS = ("nats_per_spin", "seconds_to_train", "seconds_per_sample")
N_TEST, N_RECORDS = 1000, 20
OPTIONS: dict[str, dict[str, Any]] = {
    "made": {"flip": True, "translation": True},
    "vae": {"flip": True, "n_latent": 64, "hidden": (512, 512), "activation": "gelu"},
    "diffusion": {"n_probes": 1, "n_steps": 20},
}


class IsingShowdownSettings(Settings):
    """All families of generative models learn the same configurations of the Ising model on a square lattice."""

    threads: int = Field(1, ge=1, le=1024, description="number of threads; the same bits need the same number")
    size: int = Field(8, ge=4, le=8, description="sites along each side of the lattice, even")
    temperatures: tuple[float, ...] = Field((2.0, 2.269185, 3.0), min_length=1, description="in units of J / k_B")
    families: tuple[Family, ...] = Field(FAMILIES, min_length=1, description="models that take part")
    n_data: int = Field(
        20_000, ge=100, description="configurations at each temperature, of which a fifth is for testing"
    )
    n_updates: int = Field(3000, ge=N_RECORDS, description="steps of the optimizer for each model")
    batch_size: int = Field(256, ge=2, description="configurations for each update")
    learning_rate: float = Field(2e-3, gt=0, allow_inf_nan=False, description="of Adam; falls to 0 along a cosine")
    width: int = Field(512, ge=1, description="units of each hidden layer")
    n_measure: int = Field(10_000, ge=100, description="samples of each model")


class Contestant:
    """One model at one temperature, trained in ``N_RECORDS`` parts."""

    def __init__(self, family: str, data: Any, settings: IsingShowdownSettings) -> None:
        self.family, self.data, self.settings = family, data, settings
        self.rows: Any = np.asarray(data.train)
        self.is_rbm = family == "rbm"
        if self.is_rbm:
            self._make_machine()
        else:
            made, options = family == "made", OPTIONS.get(family, {})
            if family == "diffusion":
                options = {**options, "sampler": sampler("ddpm", 100)}
            self.model: Any = make_model(family, data, settings.width, settings.seed, **options)
            part = -(-settings.n_updates // N_RECORDS)
            symmetry: Any = dict(flip=not made, translation=not made, validation=None)
            self.training: Any = fit(self.model, self.rows, settings, record_every=part, **symmetry)

    def _make_machine(self) -> None:
        from generative import IsingRBM
        from montecarlo.lattices import Square
        from neural.optimizers import Adam, CosineDecay

        s, n = self.settings, self.rows.shape[1]
        shared: Any = dict(symmetric=True, permutations=Square(s.size).translations)
        self.model = IsingRBM(n, n, seed=s.seed, scale=0.05, **shared)
        n_epochs = max(1, round(s.n_updates * s.batch_size / len(self.rows)))
        rate = CosineDecay(2 * s.learning_rate, n_epochs * -(-len(self.rows) // s.batch_size))
        arguments: Any = dict(method="pcd", k=5, n_epochs=n_epochs, batch_size=s.batch_size, optimizer=Adam(rate))
        self.n_epochs, self.training = n_epochs, self.model.fit(self.rows, **arguments)

    @property
    def done(self) -> bool:
        """Whether the training has ended."""
        return self.training.epoch >= self.n_epochs if self.is_rbm else self.training.stopped

    def advance(self) -> float:
        """Train for one part; the loss, for the machine minus its pseudo-likelihood."""
        record = next(self.training)
        return -record.pseudo_likelihood if self.is_rbm else next(iter(record.losses.values()))

    def log_prob(self, x: np.ndarray) -> tuple[Any, float, str]:
        """Of rows x in nats, (n,), the error that they have in common, and what it is; None for a model without."""
        if self.is_rbm:
            partition = self.model.log_partition(seed=self.settings.seed, reverse=False)
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
        self.at, self.rows = 0, 0
        self.contestant = self._enter(0)
        self.found: dict[str, Any] = {}  # by name: value, error, and a number for the kind of bound
        self.pictures: dict[str, np.ndarray] = {}
        self.started = time.perf_counter()
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
            _name(family, temperature, name): value
            for family in self.settings.families
            for name, value in values.items()
        }

    def training(self) -> Iterator[Progress]:
        total = len(self.pairs)
        while self.at < total:
            while not self.contestant.done:
                loss = self.contestant.advance()
                self.rows += 1
                yield Progress(self.at, total, {"contestant": self.at, "loss": loss})
            self._judge()
            self.at += 1
            if self.at < total:
                self.contestant, self.started = self._enter(self.at), time.perf_counter()

    def _judge(self) -> None:
        """Observables of samples, nats per spin, seconds."""
        from generative.physics import observables
        from montecarlo.estimates import Estimate

        (family, t), n = self.pairs[self.at], self.settings.n_measure
        seconds = time.perf_counter() - self.started
        before = time.perf_counter()
        s = np.asarray(self.contestant.model.sample(n, self.settings.seed), dtype=np.float64)
        per_sample = (time.perf_counter() - before) / n
        (target,) = self.data[t].targets
        estimates = observables(s, target).estimates
        found: dict[str, tuple[Any, str]] = {name: (estimates[name], "") for name in OBSERVABLES if name in estimates}
        nats, kind = self._nats(target)
        if kind:
            found["nats_per_spin"] = (nats, kind)
        found["seconds_to_train"] = (Estimate(seconds, 0.0), "s")
        found["seconds_per_sample"] = (Estimate(per_sample, 0.0), "s")
        for name, (estimate, unit) in found.items():
            self.found[_name(family, t, name)] = {"value": estimate.mean, "error": estimate.error, "unit": unit}
        self.pictures[f"{family} {t:g}"] = s[:16].astype(np.int8)

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
            name: Measurement(Estimate(each["value"], each["error"]), _unit(each["unit"]), self.exact.get(name))
            for name, each in self.found.items()
        }

    def samples(self) -> dict[str, np.ndarray]:
        """A few configurations of each contestant, -1 and +1."""
        return self.pictures

    def state(self) -> dict[str, Any]:
        tree: dict[str, Any] = {"step": self.rows, "at": self.at, "found": self.found, "pictures": self.pictures}
        if self.at < len(self.pairs):
            tree["training"] = self.contestant.training.state()
            tree["seconds"] = time.perf_counter() - self.started
        return tree

    def restore(self, state: Mapping[str, Any]) -> None:
        self.rows, self.at = int(state["step"]), int(state["at"])
        self.found = {name: dict(each) for name, each in state.get("found", {}).items()}
        self.pictures = {name: np.asarray(each) for name, each in state.get("pictures", {}).items()}
        if self.at < len(self.pairs):
            self.contestant = self._enter(self.at)
            self.contestant.training.restore(state["training"])
            self.started = time.perf_counter() - float(state["seconds"])


def _name(family: str, temperature: float, quantity: str) -> str:
    return f"{family} {temperature:g} {quantity}"


def _unit(kind: str) -> str:
    return f"nats, {BOUNDS[kind]}" if kind in BOUNDS else kind


def draw(result: "Result", figure: "Figure") -> None:
    """For each temperature the z-scores of all observables, and nats per spin above the entropy."""
    temperatures, families = result.config["temperatures"], result.config["families"]
    figure.set_size_inches(4.2 * len(temperatures), 8)
    axes = figure.subplots(2, len(temperatures), squeeze=False)
    for column, t in enumerate(temperatures):
        for k, family in enumerate(families):
            points = [(j, _z(result.measurement.get(_name(family, t, name)))) for j, name in enumerate(OBSERVABLES)]
            shown = [(j + 0.1 * (k - len(families) / 2), z) for j, z in points if np.isfinite(z)]
            axes[0, column].plot(*zip(*shown), "o", color=COLOURS[k % len(COLOURS)], markersize=4, label=family)
        axes[0, column].axhspan(-2, 2, color="grey", alpha=0.15, linewidth=0)
        axes[0, column].set_yscale("symlog", linthresh=4)
        axes[0, column].set_xticks(range(len(OBSERVABLES)), [n.replace("_", " ") for n in OBSERVABLES], rotation=90)
        axes[0, column].set(title=f"T = {t:g}", ylabel="standard errors from the exact value" if not column else "")
        _draw_nats(result, axes[1, column], t, families)
    axes[0, 0].legend(frameon=False, fontsize="small")
    figure.suptitle(f"{result.experiment}, {result.config['size']} x {result.config['size']}", fontsize=12)


def table(result: "Result") -> str:
    """What was measured: for each model the z-score of every observable, nats per spin above the entropy, seconds."""
    measured, contests = result.measurement, itertools.product(result.config["temperatures"], result.config["families"])
    lines = [f"{'':24}{''.join(f'{name[:9]:>10}' for name in OBSERVABLES)}  nats above  train s  sample ms"]
    for t, family in contests:
        found = {quantity: measured.get(_name(family, t, quantity)) for quantity in (*OBSERVABLES, *OTHERS)}
        scores = "".join(f"{_z(found[name]):>10.1f}" for name in OBSERVABLES)
        nats, train, each = (found[name] for name in OTHERS)
        above = "" if nats is None or nats.exact is None else f"{nats.estimate.mean - nats.exact:.5f}"
        kind = "" if nats is None else f"  {nats.unit}"
        seconds = "".join(f"{scale * x.estimate.mean:>9.3g}" for x, scale in ((train, 1.0), (each, 1e3)) if x)
        lines.append(f"{family:16}{t:<8g}{scores}{above:>12}{seconds}{kind}")
    return "\n".join(lines)


def _z(measured: Measurement | None) -> float:
    if measured is None or measured.exact is None or not measured.estimate.error:
        return float("nan")
    return measured.estimate.z(measured.exact)


def _draw_nats(result: "Result", axes: Any, t: float, families: Any) -> None:
    """Nats per spin above the entropy as bars, with the kind of bound and the seconds written beside."""
    for k, family in enumerate(families):
        nats = result.measurement.get(_name(family, t, "nats_per_spin"))
        train = result.measurement[_name(family, t, "seconds_to_train")].estimate.mean
        words = f"{train:.0f} s"
        if nats is not None and nats.exact is not None:
            above = nats.estimate.mean - nats.exact
            axes.barh(k, above, color=COLOURS[k % len(COLOURS)])
            words = f"{above:.4f}, {nats.unit.removeprefix('nats, ')}, {words}"
        axes.text(0, k, f" {words}", va="center", fontsize="small")
    axes.set_yticks(range(len(families)), families)
    axes.invert_yaxis()
    axes.set(xlabel="nats per spin above the entropy")


def start(settings: IsingShowdownSettings) -> Run:
    """The run of these settings."""
    return IsingShowdownRun(settings)


EXPERIMENT = Experiment("ising-showdown", IsingShowdownSettings, start, draw)
