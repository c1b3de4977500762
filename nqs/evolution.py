"""Time evolution of a wave function with parameters: time-dependent variational Monte Carlo."""

import math
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from montecarlo.chains import Chains
from montecarlo.estimates import Estimate
from montecarlo.statistics import estimate
from neural.blas import one_blas_thread
from neural.divergence import DivergedError
from neural.exclusive import Exclusive
from neural.loops import loop
from neural.parameters import saved_parameters
from neural.saved import Saved, check_same, description
from nqs.checks import check_energies, space_of, started
from nqs.energy import LocalEnergy, local_energies
from nqs.exact.full_summation import FullSummation
from nqs.measuring import estimators
from nqs.observables import Operator
from nqs.systems.spin_system import SpinSystem
from nqs.systems.system import check_positive, check_positive_integer
from nqs.velocity import Samples, Velocity, distance, velocity
from nqs.wavefunctions.spin_state import SpinState
from nqs.wavefunctions.wavefunction import jacobian, row_size

Array = np.ndarray
Observable = Callable[[Array], Array]
TINY = float(np.finfo(float).tiny)
DRIFT = 0.5  # of a conserved energy, in standard deviations of H, that no error of a step explains
SHORTEST = 1e-9  # step, relative to the longest one, that is tried


class Method(NamedTuple):
    """An embedded Runge-Kutta method: stages k_s at theta + dt sum_r a_sr k_r, step dt sum_s b_s k_s.

    The error of a step is estimated by dt sum_s e_s k_s, where the last k is the one after the step.
    """

    a: Array
    b: Array
    e: Array
    order: int


def _method(order: int, b: list[float], e: list[float], *rows: list[float]) -> Method:
    a = np.zeros((len(b), len(b)))
    for stage, row in enumerate(rows, start=1):
        a[stage, : len(row)] = row
    return Method(a, np.array(b), np.array(e), order)


METHODS = {
    "heun": _method(2, [1 / 2, 1 / 2], [-1 / 2, 1 / 2, 0], [1]),
    # P. Bogacki and L. F. Shampine, Appl. Math. Lett. 2, 321 (1989)
    "bogacki-shampine": _method(3, [2 / 9, 1 / 3, 4 / 9], [5 / 72, -1 / 12, -1 / 9, 1 / 8], [1 / 2], [0, 3 / 4]),
    # J. R. Dormand and P. J. Prince, J. Comput. Appl. Math. 6, 19 (1980)
    "dormand-prince": _method(
        5,
        [35 / 384, 0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84],
        [-71 / 57600, 0, 71 / 16695, -71 / 1920, 17253 / 339200, -22 / 525, 1 / 40],
        [1 / 5],
        [3 / 40, 9 / 40],
        [44 / 45, -56 / 15, 32 / 9],
        [19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729],
        [9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656],
    ),
}


class Moment(NamedTuple):
    """The state at one time."""

    time: float
    energy: Estimate  # conserved in real time
    residual: float  # of the exact motion that the wave function cannot follow, relative, squared
    rank: float  # directions of the parameters that are used
    n_steps: int  # since the beginning
    observables: dict[str, Estimate]


class TimeEvolution:
    """|psi(t)> = exp(-i H t) |psi>, or exp(-H t) |psi> normalised, projected on a wave function with parameters.

        evolution = TimeEvolution(system, psi, SpinFlip(), n_samples=16384, seed=1)
        for moment in evolution.at(np.linspace(0, 2, 41), {"m": magnetisation}):
            print(moment.time, moment.energy, moment.observables["m"])

    Parameters
    ----------
    system : the Hamiltonian
    psi : the wave function at time 0; ``evolution.psi`` is the current one
    proposal : ``SpinFlip()`` or ``SpinExchange(system)``; None sums over every configuration, of up to 16 sites
    imaginary : imaginary instead of real time
    method : "heun", "bogacki-shampine" or "dormand-prince", of order 2, 3, 5
    tolerance : largest error of a step, as distance between states (Fubini-Study), from which its length follows
    first_step, longest_step : of time
    cutoff : eigenvalues of the metric below ``cutoff`` times the largest are damped
    least_signal : forces below ``least_signal`` times their standard error are damped
    n_samples, n_chains, threads : as for ``VMC``, for each stage of a step
    n_burn_in, n_equilibrate : sweeps before the first samples, and after each change of the parameters
    seed : of all random numbers

    Raises
    ------
    ValueError : for parameters outside these ranges, or a positive psi in real time
    """

    def __init__(
        self,
        system: SpinSystem,
        psi: SpinState,
        proposal: Any = None,
        *,
        imaginary: bool = False,
        method: str = "heun",
        tolerance: float = 1e-4,
        first_step: float = 1e-3,
        longest_step: float = 0.1,
        cutoff: float = 1e-8,
        least_signal: float = 2.0,
        n_samples: int = 8192,
        n_chains: int = 256,
        n_burn_in: int = 100,
        n_equilibrate: int = 5,
        seed: int = 0,
        threads: int | None = None,
    ) -> None:
        system.check(psi)
        if method not in METHODS:
            raise ValueError(f"expected method to be one of {', '.join(METHODS)}, got {method!r}")
        if not imaginary and not psi.is_complex:
            raise ValueError("expected a wave function with a phase in real time: choose dtype=complex")
        self.system, self.psi, self.method = system, psi, METHODS[method]
        self.factor = -1.0 if imaginary else -1j
        self.tolerance = check_positive("tolerance", tolerance)
        self.step_size, self.longest_step = check_positive("first_step", first_step), longest_step
        self.cutoff, self.least_signal = check_positive("cutoff", cutoff), least_signal
        self.n_burn_in, self.n_equilibrate = n_burn_in, n_equilibrate
        self.chains: Chains | None = None
        if proposal is None and psi.space.magnetisation is not None and not system.conserves_magnetisation:
            raise ValueError(
                f"expected a wave function of every magnetisation, as psi.within(None) is, got one of "
                f"{psi.space.magnetisation}, which {type(system).__name__} does not conserve"
            )
        if proposal is not None:
            if n_samples < check_positive_integer("n_chains", n_chains):
                raise ValueError(f"expected n_samples >= n_chains, got {n_samples} samples for {n_chains} chains")
            first, chains = np.random.SeedSequence(seed).spawn(2)
            self.psi, x = started(system, psi, proposal, n_chains, np.random.default_rng(first))
            self.chains = Chains(x, proposal, seed=chains, threads=threads or os.cpu_count() or 1)
        self.samples_per_chain = n_samples // n_chains
        self.time, self.n_steps = 0.0, 0
        self._velocity: Velocity | None = None
        self._first = np.zeros(3)  # the energy at time 0, its error, and the standard deviation of H
        self._exclusive = Exclusive("this time evolution")

    @loop
    def at(self, times: ArrayLike, observables: Mapping[str, Observable | Operator] | None = None) -> Iterator[Moment]:
        """Evolve to each of the rising ``times`` and yield what is found there; times that lie behind are left out.

        An observable is a function of configurations, shape (n, n_sites), that returns n numbers, or an operator.
        """
        with self._exclusive:
            for time in np.asarray(times, dtype=np.float64):
                if time < self.time or (time == self.time and self._velocity is not None):
                    continue
                with one_blas_thread():
                    moment = self._evolve(float(time), dict(observables or {}))
                yield moment

    def _evolve(self, time: float, observables: dict[str, Observable | Operator]) -> Moment:
        """What is found at a time; a ``DivergedError`` leaves everything as it was at the time before."""
        names = ("psi", "time", "n_steps", "step_size", "_velocity", "_first")
        kept, x = {name: getattr(self, name) for name in names}, self.chains.x.copy() if self.chains else None
        try:
            return self._moment(time, observables)
        except DivergedError:
            for name, value in kept.items():
                setattr(self, name, value)
            if self.chains and x is not None:
                self.chains.x = x
            raise

    def _moment(self, time: float, observables: dict[str, Observable | Operator]) -> Moment:
        if self._velocity is None:
            samples, _, energy = self._look(self.psi, self.n_burn_in)
            self._velocity = self._velocity_of(samples)
            self._first = np.array([energy.mean, energy.error, math.sqrt(energy.variance)])
        while self.time < time:
            self._step(time)
        samples, x, energy = self._look(self.psi)
        self._check_energy(time, energy)
        space = self.psi.space if self.chains is None else space_of(self.system, self.chains.proposal)
        looked_at = estimators(observables, self.psi, space)
        measured = {name: self._average(observable(x), samples) for name, observable in looked_at.items()}
        now = self._velocity_of(samples)
        return Moment(time, energy, now.residual, now.rank, self.n_steps, measured)

    def _check_energy(self, time: float, energy: Estimate) -> None:
        """A DivergedError where the energy left what it was at time 0, or in imaginary time rose above it."""
        mean, error, spread = self._first
        drift = energy.mean - mean if self.factor == -1.0 else abs(energy.mean - mean)
        if drift > DRIFT * spread + 6 * math.hypot(error, energy.error) + 1e-3 * abs(mean):
            found = f"the energy went from {mean:.6g} to {energy.mean:.6g}"
            raise DivergedError(
                f"time {time:.6g}: {found}; a smaller tolerance or cutoff, or more samples, may help", self.n_steps
            )

    def _step(self, time: float) -> None:
        """One step that does not pass ``time``, as long as the tolerance allows."""
        remaining = time - self.time
        longest = min(self.longest_step, remaining)
        before = self.chains.x.copy() if self.chains else None
        while True:
            dt = min(self.step_size, longest)
            dt = remaining if remaining < (1 + SHORTEST) * dt else dt
            if dt < SHORTEST * longest:
                raise DivergedError(
                    f"time {self.time:.6g}: no step is short enough for the tolerance {self.tolerance:g}; raise it, "
                    "or cutoff, or n_samples"
                )
            after, velocity, error = self._attempt(dt)
            growth = 0.9 * max(error / self.tolerance, 1e-9) ** (-1 / self.method.order)
            if error <= self.tolerance:
                break
            self.step_size = dt * max(0.2, growth)
            if self.chains and before is not None:
                self.chains.x = before.copy()
        if dt >= self.step_size or growth < 1:
            self.step_size = dt * min(2.0, growth)
        self.psi, self._velocity, self.n_steps = self.psi.with_parameters(after), velocity, self.n_steps + 1
        self.time = time if dt == remaining else self.time + dt

    def _attempt(self, dt: float) -> tuple[Array, Velocity | None, float]:
        """Parameters after ``dt``, the velocity there, and the error: the largest by the metrics seen on the way.

        The error is infinite where the parameters ran away.
        """
        assert self._velocity is not None
        start, k, seen = self.psi.parameters, [self._velocity.theta], []
        velocity, after = None, start
        with np.errstate(all="ignore"):
            for row in (*self.method.a[1:], self.method.b):
                after = start + dt * (row[: len(k)] @ np.array(k))
                try:
                    seen.append(self._draw(self.psi.with_parameters(after)))
                    velocity = self._velocity_of(seen[-1])
                except (np.linalg.LinAlgError, DivergedError):
                    return after, None, math.inf
                k.append(velocity.theta)
            change = dt * (self.method.e @ np.array(k))
            errors = np.array([distance(samples, change) for samples in seen])
        return after, velocity, float(errors.max()) if np.isfinite(errors).all() else math.inf

    def _velocity_of(self, samples: Samples) -> Velocity:
        return velocity(samples, self.factor, self.cutoff, self.least_signal)

    def _draw(self, psi: SpinState, n_sweeps: int | None = None) -> Samples:
        return self._look(psi, n_sweeps)[0]

    def _look(self, psi: SpinState, n_sweeps: int | None = None) -> tuple[Samples, Array, Estimate]:
        """Samples of psi, their configurations, and the energy."""
        if self.chains is None:
            return self._sum(psi)
        return self._sample(psi, self.chains, self.n_equilibrate if n_sweeps is None else n_sweeps)

    def _sum(self, psi: SpinState) -> tuple[Samples, Array, Estimate]:
        whole = FullSummation(psi)
        weights = whole.probabilities
        if not np.isfinite(weights).all():
            raise DivergedError(f"time {self.time:.6g}: psi is not finite; a smaller tolerance may help")
        x, weights = whole.basis.spins[weights > 0], weights[weights > 0]
        energies = local_energies(self.system, psi, x)
        check_energies(self.n_steps, energies[None])
        mean = float(np.real(weights @ energies))
        variance = float(weights @ np.abs(energies - mean) ** 2)
        samples = Samples(jacobian(psi, psi.rows(x)), energies, weights, math.inf)
        return samples, x, Estimate(mean, 0.0, variance=variance)

    def _sample(self, psi: SpinState, chains: Chains, n_sweeps: int) -> tuple[Samples, Array, Estimate]:
        n = self.samples_per_chain
        chains.run(psi, LocalEnergy.for_chains(self.system, psi, len(chains), 0), 1, n_sweeps * self.system.n_sites)
        seen = LocalEnergy.for_chains(self.system, psi, len(chains), n, rows=True, configurations=True)
        chains.run(psi, seen, n)
        check_energies(self.n_steps, seen.energies)
        energy = estimate(seen.energies, warn=False)
        energies = seen.energies.ravel() + 1j * seen.imaginary.ravel()
        rows = seen.rows.reshape(-1, row_size(psi))
        weights = np.full(len(energies), 1 / len(energies))
        n_eff = energy.n_eff if energy.variance > 0 else len(energies)
        x = seen.configurations.reshape(-1, self.system.n_sites)
        return Samples(jacobian(psi, rows), energies, weights, n_eff), x, energy

    def _average(self, values: Array, samples: Samples) -> Estimate:
        if self.chains is not None:
            return estimate(values.reshape(len(self.chains), -1), warn=False)
        mean = float(samples.weights @ values)
        return Estimate(mean, 0.0, variance=float(samples.weights @ (values - mean) ** 2))

    def state(self) -> dict[str, Any]:
        """Everything needed to continue bit for bit, as arrays and numbers in nested dictionaries."""
        known = {} if self._velocity is None else {**self._velocity._asdict(), "theta": self._velocity.theta.copy()}
        return {
            "time": self.time,
            "n_steps": self.n_steps,
            "step_size": self.step_size,
            "parameters": self.psi.named_parameters(),
            "velocity": known,
            "first": self._first.copy(),
            "chains": {} if self.chains is None else self.chains.state(),
            "made_for": self._made_for(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from what ``state`` returned, for an evolution made with the same arguments.

        Raises ``ValueError`` for a state that this evolution could not have saved, and then stays as it is.
        """
        saved = Saved(state)
        saved.names(("time", "n_steps", "step_size", "parameters", "velocity", "chains"), ("made_for", "first"))
        if "made_for" in saved:
            check_same(saved.part("made_for"), self._made_for())
        psi = self.psi.with_parameters(saved_parameters(saved.part("parameters"), self.psi))
        time, n_steps = saved.number("time", least=0.0), saved.integer("n_steps")
        step_size = saved.number("step_size", least=TINY)
        velocity = self._saved_velocity(saved.part("velocity"))
        first = saved.array("first", (3,), np.float64) if "first" in saved else np.array([0.0, 0.0, 1e300])
        if self.chains is None:
            saved.part("chains").names(())
        else:
            self.chains.restore(saved.part("chains"))
        self.psi, self.time, self.n_steps, self.step_size, self._velocity = psi, time, n_steps, step_size, velocity
        self._first = first

    def _saved_velocity(self, saved: Saved) -> Velocity | None:
        if not saved.state:
            return None
        saved.names(Velocity._fields)
        theta = saved.array("theta", (self.psi.n_parameters,), np.float64)
        return Velocity(theta, saved.number("residual"), saved.number("rank"))

    def _made_for(self) -> dict[str, Any]:
        found = {"system": description(self.system), "psi": description(self.psi, parameters=False)}
        return found if self.chains is None else {**found, "proposal": description(self.chains.proposal)}
