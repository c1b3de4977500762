"""A quench: the ground state of one transverse field evolves in another, beside exact evolution."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import Field

from ..result import Measurement, Result
from .experiment import Experiment, Progress, Run
from .settings import Settings

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_SITES = 16  # up to which the state is prepared by sums over all configurations and evolved exactly
PREPARATION = 2.0  # imaginary time


class QuenchSettings(Settings):
    """The Ising ring in a transverse field that changes suddenly, by time-dependent variational Monte Carlo."""

    length: int = Field(default=10, ge=3, le=1000, description="number of sites on the ring")
    J: float = Field(default=1.0, ge=-1e12, le=1e12, description="coupling of nearest neighbours")
    h_before: float = Field(default=4.0, ge=-1e12, le=1e12, description="transverse field of the initial state")
    h: float = Field(default=2.0, ge=-1e12, le=1e12, description="transverse field from time 0 on")
    time: float = Field(default=2.0, gt=0, le=1e6, description="until which the state evolves, in 1 / J")
    n_times: int = Field(default=41, ge=2, le=100_000, description="equally spaced times that are recorded, 0 included")
    alpha: int = Field(default=4, ge=1, le=1000, description="filters of the translation-invariant wave function")
    sampler: Literal["sum", "monte-carlo"] = Field(
        default="sum", description="sum over all configurations of up to 16 sites, or samples"
    )
    method: Literal["heun", "bogacki-shampine", "dormand-prince"] = Field(
        default="bogacki-shampine", description="Runge-Kutta method; heun suits samples"
    )
    tolerance: float = Field(
        default=1e-4, gt=0, allow_inf_nan=False, description="largest error of a step, as distance of states"
    )
    cutoff: float = Field(default=1e-8, gt=0, lt=1, description="relative eigenvalues of the metric that are damped")
    least_signal: float = Field(default=2.0, ge=0, allow_inf_nan=False, description="forces in errors that are damped")
    n_samples: int = Field(default=16384, ge=1, le=10_000_000_000, description="samples for each stage of a step")
    n_chains: int = Field(default=256, ge=1, le=10_000_000, description="independent Markov chains")


class QuenchRun:
    """Preparation in imaginary time, then the evolution; the trace has one row for each recorded time."""

    def __init__(self, settings: QuenchSettings) -> None:
        import nqs
        from nqs.exact import lowest

        self.settings, self.small = settings, settings.length <= MOST_SITES
        if settings.sampler == "sum" and not self.small:
            raise ValueError(f"length: expected at most {MOST_SITES} for sampler sum, found {settings.length}")
        ring = nqs.Chain(settings.length)
        self.before = nqs.TransverseFieldIsing(ring, settings.J, settings.h_before)
        self.system = nqs.TransverseFieldIsing(ring, settings.J, settings.h)
        self.times = np.linspace(0, settings.time, settings.n_times)
        psi = even(nqs.SymmetricRBM(self.system, settings.alpha, seed=settings.seed, scale=0.05))
        self.evolution = self._evolution(self.system, psi, None if settings.sampler == "sum" else nqs.SpinFlip())
        self.rows, self.last = 0, np.zeros((2, 2))  # values and errors of the measurements at the last time
        self.start = lowest(self.before).states[:, 0] if self.small else np.empty(0)
        final = {"transverse_magnetisation": self._exact(settings.time)[0]} if self.small else {}
        self.exact: Mapping[str, float] = final

    def _evolution(self, system: Any, psi: Any, proposal: Any, **options: Any) -> Any:
        import nqs

        settings = self.settings
        own = {
            "method": settings.method,
            "tolerance": settings.tolerance,
            "cutoff": settings.cutoff,
            "least_signal": settings.least_signal,
            "n_samples": settings.n_samples,
            "n_chains": settings.n_chains,
            "seed": settings.seed,
            "threads": settings.threads,
        }
        return nqs.TimeEvolution(system, psi, proposal, **{**own, **options})

    def _prepare(self) -> None:
        """The ground state before the quench, from imaginary time; without noise where all configurations are few."""
        import nqs

        options = {"imaginary": True, "cutoff": 1e-7, "longest_step": 1.0}
        if self.small:
            proposal, more = None, {"method": "bogacki-shampine", "tolerance": 3e-4}
        else:
            proposal, more = nqs.SpinFlip(), {"method": "heun", "tolerance": 1e-2}
        preparation = self._evolution(self.before, self.evolution.psi, proposal, **options, **more)
        for _ in preparation.at([PREPARATION]):
            pass
        self.evolution.psi = preparation.psi

    def _exact(self, time: float) -> tuple[float, np.ndarray]:
        """The exact transverse magnetisation, and the exact state."""
        from nqs.exact import evolve, matrix

        state = evolve(self.system, self.start, time)
        return float(np.vdot(state, matrix(self._magnetisation()) @ state).real), state

    def _magnetisation(self) -> Any:
        import nqs

        n = self.settings.length
        return nqs.PauliSum([(1 / n, f"X{i}") for i in range(n)], n)

    def training(self) -> Iterator[Progress]:
        from nqs.spin_observables import transverse_magnetisation

        if self.rows == 0:
            self._prepare()
        observables = {"sx": lambda x: transverse_magnetisation(self.evolution.psi)(x)}
        for moment in self.evolution.at(self.times, observables):
            self.rows += 1
            sx = moment.observables["sx"]
            numbers = {
                "time": moment.time,
                "transverse_magnetisation": sx.mean,
                "transverse_magnetisation_error": sx.error,
                "energy": moment.energy.mean,
                "energy_error": moment.energy.error,
                "residual": moment.residual,
                "rank": moment.rank,
                "n_steps": float(moment.n_steps),
            }
            self.last = np.array([[sx.mean, sx.error], [moment.energy.mean, moment.energy.error]])
            yield Progress(self.rows, len(self.times), {**numbers, **self._beside_exact(moment.time)})

    def _beside_exact(self, time: float) -> dict[str, float]:
        from nqs.exact import FullSummation

        if not self.small:
            return {}
        exact, state = self._exact(time)
        return {"exact_magnetisation": exact, "infidelity": 1 - FullSummation(self.evolution.psi).fidelity(state)}

    def measuring(self) -> Iterator[Progress]:
        yield from ()

    def measurements(self) -> dict[str, Measurement]:
        """The numbers at the last time."""
        from montecarlo.estimates import Estimate

        sx, energy = (Estimate(float(mean), float(error)) for mean, error in self.last)
        name = "transverse_magnetisation"
        return {name: Measurement(sx, "1", self.exact.get(name)), "energy": Measurement(energy, "J")}

    def samples(self) -> dict[str, np.ndarray]:
        """The last configuration of every chain, if there are any."""
        chains = self.evolution.chains
        return {} if chains is None else {"configurations": chains.x.copy()}

    def state(self) -> dict[str, Any]:
        return {"step": self.rows, "last": self.last, "evolution": self.evolution.state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.rows, self.last = int(state["step"]), np.array(state["last"])
        self.evolution.restore(state["evolution"])


def even(psi: Any) -> Any:
    """The same machine without biases: it does not change when all spins are turned over, and stays so."""
    vector, start = psi.parameters, 0
    for name, array in psi.named_parameters().items():
        if name.endswith("bias"):
            vector[start : start + array.size] = 0.0
        start += array.size
    return psi.with_parameters(vector)


def start(settings: QuenchSettings) -> Run:
    """The run of these settings."""
    return QuenchRun(settings)


def draw(result: Result, figure: "Figure") -> None:
    """The transverse magnetisation beside the exact one, the deviation, and how far the wave function can follow."""
    from ..style import BLUE, GREY, ORANGE

    trace, name = result.trace, "transverse_magnetisation"
    time, sx, error = trace["time"], trace[name], trace[f"{name}_error"]
    panels = figure.subplot_mosaic([["sx", "sx"], ["deviation", "residual"]], height_ratios=[1.5, 1])
    figure.suptitle(f"{result.experiment}: h = {result.config['h_before']:g} to {result.config['h']:g}")
    panels["sx"].set(xlabel="time", ylabel=r"$\langle\sigma^x\rangle$")
    if "exact_magnetisation" in trace:
        exact = trace["exact_magnetisation"]
        panels["sx"].plot(time, exact, color=ORANGE, linewidth=1.2, label="exact")
        panels["deviation"].errorbar(time, sx - exact, error, fmt="o", ms=3, color=BLUE)
        panels["deviation"].axhline(0, color=ORANGE, linewidth=1.2)
    panels["sx"].errorbar(time, sx, error, fmt="o", ms=3, color=BLUE, label="wave function")
    panels["sx"].legend(frameon=False)
    panels["deviation"].set(xlabel="time", title="Difference from the exact value")
    panels["deviation"].ticklabel_format(axis="y", scilimits=(-2, 2))
    panels["residual"].set(xlabel="time", title="Left out of the exact motion")
    panels["residual"].semilogy(time, np.maximum(trace["residual"], 1e-16), color=BLUE, label="residual")
    if "infidelity" in trace:
        panels["residual"].semilogy(time, np.maximum(trace["infidelity"], 1e-16), color=GREY, label="1 - fidelity")
    panels["residual"].legend(frameon=False)


EXPERIMENT = Experiment("quench", QuenchSettings, start, draw)
