"""Variational Monte Carlo: sample |psi|^2, average the local energy, improve psi, and in the end measure."""

import copy
import os
import warnings
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from montecarlo.chains import LEAST_ACCEPTANCE, MOST_ACCEPTANCE
from montecarlo.estimates import Estimate
from montecarlo.metropolis import Metropolis
from montecarlo.statistics import estimate
from montecarlo.tempering import chains_of
from neural.blas import one_blas_thread
from neural.divergence import DivergedError
from neural.exclusive import Exclusive
from neural.loops import loop
from neural.optimizers import Optimizer, State
from neural.parameters import saved_parameters
from neural.saved import Saved, check_same, description
from nqs.checks import VMCWarning, check_arguments, not_finite, run_away, space_of, started
from nqs.energy import LocalEnergy
from nqs.importance import Flattened, Weighted, check_power, linearised, reweighted, weighted_variance
from nqs.log_derivatives import Jacobian
from nqs.measurement import ROUNDING, Measurement, Progress, doubts
from nqs.measuring import IMAGINARY, Sums, add_round, continues, estimators, sums_from_state
from nqs.observables import Deriving, Observable, Operator
from nqs.proposals.spin_exchange import SpinExchange
from nqs.reconfiguration import StochasticReconfiguration
from nqs.safeguard import (
    LARGEST_CHANGE,
    NOTHING,
    TRUST_REGION,
    Best,
    Record,
    Safeguard,
    place,
    positions,
    record_of,
)
from nqs.systems.spin_system import SpinSystem
from nqs.systems.system import System, check_positive, check_positive_integer
from nqs.wavefunctions.wavefunction import WaveFunction, jacobian, row_size

MOST_BEGINNINGS = 3  # of particles that do not move
SAMPLES_PER_ROUND = 2**16  # of a measurement, between two records
TINY = float(np.finfo(float).tiny)


class Step(NamedTuple):
    """One optimization step: the energy belongs to the parameters before the update."""

    step: int
    energy: Estimate
    variance: float  # of the local energy, of both parts where it is complex
    acceptance: float
    clipped: float  # fraction of the local energies that were clipped
    update_norm: float
    solver: str


class VMC:
    """Variational Monte Carlo for particles in continuous space, or for spins on a lattice.

    Parameters
    ----------
    system : the Hamiltonian
    psi : the wave function; ``vmc.psi`` is the current one
    proposal : ``Langevin()``, ``RandomWalk()`` or ``Gibbs()``; for spins ``SpinFlip()`` or ``SpinExchange(system)``
    optimizer : ``StochasticReconfiguration(...)``, or one of ``neural.optimizers``
    n_samples : for each optimization step, shared among the chains
    n_chains : independent Markov chains
    seed : of all random numbers
    threads : over which the chains are spread; the results are the same, bit for bit, for any number
    n_burn_in : sweeps before the first step, of which the first half tunes the proposal
    moves_per_sample : moves of one particle between two samples; one sweep over all particles by default
    clip : local energies further than ``clip`` mean absolute deviations from the median are moved there, for the
        update only; None clips nothing
    n_temperatures : of spins, where single moves do not get from one region of large |psi| to another: more than one
        is parallel tempering, which costs as many times more sampling
    power : of spins, training draws from |psi|^power and weights each configuration by |psi|^(2 - power). With 1, it
        sees what psi still holds for too rare, such as the signs of a frustrated system; measurements draw from |psi|^2

    Raises
    ------
    ValueError : for parameters outside these ranges, or a wave function of another system
    TypeError : for arguments of another kind, such as a proposal for spins with particles
    """

    def __init__(
        self,
        system: System | SpinSystem,
        psi: WaveFunction,
        proposal: Any,
        optimizer: StochasticReconfiguration | Optimizer,
        *,
        n_samples: int = 8192,
        n_chains: int = 256,
        seed: int = 0,
        threads: int | None = None,
        n_burn_in: int = 400,
        moves_per_sample: int | None = None,
        clip: float | None = None,
        n_temperatures: int = 1,
        power: float = 2.0,
    ) -> None:
        check_positive_integer("n_chains", n_chains)
        if check_positive_integer("n_samples", n_samples) < n_chains:
            raise ValueError(f"expected n_samples >= n_chains, got {n_samples} samples for {n_chains} chains")
        check_arguments(system, psi, proposal, optimizer)
        self.system, self.optimizer, self.clip = system, optimizer, clip
        if clip is not None:
            check_positive("clip", clip)
        if moves_per_sample is not None:
            check_positive_integer("moves_per_sample", moves_per_sample)
        self.samples_per_chain = n_samples // n_chains
        self.moves_per_sample = moves_per_sample
        self.n_burn_in = check_positive_integer("n_burn_in", n_burn_in)
        first, chains = np.random.SeedSequence(seed).spawn(2)
        self.psi, x = started(system, psi, proposal, n_chains, np.random.default_rng(first))
        self.chains = chains_of(x, proposal, n_temperatures, seed=chains, threads=threads or os.cpu_count() or 1)
        self.optimizer_state = optimizer.init(psi.n_parameters)
        is_natural = isinstance(optimizer, StochasticReconfiguration)
        self._largest_change = TRUST_REGION * optimizer.max_distance if is_natural else LARGEST_CHANGE
        advice = f"a smaller learning rate{' or a larger shift' if is_natural else ''} may help"
        self._safeguard = Safeguard(advice, system.energy_bounds)
        self.diverged = ""
        self.power = check_power(power, system, n_temperatures)
        self.step = 0
        self._ready, self._drawn_from = False, self.power
        self._measured: Sums = {}
        self._observables: Mapping[str, Observable] = {}
        self._warned: set[str] = set()
        self._exclusive = Exclusive("this VMC")

    @loop
    def steps(self, n: int) -> Iterator[Step]:
        """Improve the wave function ``n`` times, yielding a record after each.

        Raises ``DivergedError`` where it runs away and shorter steps do not help; psi, the chains and the optimizer are
        then at the best state so far, from which other settings may continue.
        """
        with self._exclusive:
            for _ in range(n):
                self.burn_in()
                yield self._good_step()

    def _good_step(self) -> Step:
        """One step, after which the training is in order, or known to have diverged."""
        try:
            with one_blas_thread():
                record = self._step()
        except DivergedError as error:
            self.diverged = str(error)
            raise
        self.diverged = ""
        return record

    def burn_in(self, power: float | None = None) -> None:
        """Bring the chains to equilibrium and tune the proposal; nothing where this was done before.

        The density is |psi|^power, that of the training unless told otherwise.
        """
        power = self.power if power is None else power
        if not self._ready or power != self._drawn_from:
            target, nothing = self._target(power, 0)
            before = self.chains.x.copy()
            self.chains.burn_in(target, self.n_burn_in, nothing)
            self._free_from_nodes(before, target, nothing)
            self._ready, self._drawn_from = True, power

    def _free_from_nodes(self, before: np.ndarray, target: Any, nothing: Any) -> None:
        """Begin anew with particles that did not move in burn-in, as where psi is 0: no move leads away from there."""
        for attempt in range(MOST_BEGINNINGS if isinstance(self.system, System) else 0):
            still = (self.chains.x == before).all(axis=(1, 2))
            if not still.any():
                return
            generator = np.random.default_rng((self.step, attempt))
            self.chains.x[still] = self.system.first_configurations(int(still.sum()), generator)
            before = self.chains.x.copy()
            self.chains.burn_in(target, self.n_burn_in, nothing)

    def _target(self, power: float, n: int) -> tuple[Any, Any]:
        """A density, and what records ``n`` samples of it for an optimization step."""
        arguments = (self.system, self.psi, len(self.chains), n)
        if power == 2:
            return self.psi, LocalEnergy.for_chains(*arguments, rows=True)
        return Flattened(self.psi, power), Weighted.for_chains(*arguments)

    def _step(self) -> Step:
        recorded, weights, energy, acceptance = self._good_samples()
        self._check(energy, acceptance)
        o, energies, clipped = self._prepared(recorded, weights)
        before = self.psi.parameters
        after, solver = self._update(before, o, energies)
        if not np.isfinite(after).all():
            raise DivergedError(f"step {self.step}: the update is not finite; {self._safeguard.advice}", self.step)
        self.psi = self._safeguard.bounded(self.psi, after, self.chains.x, self._largest_change, self.step)
        self._measured = {}
        norm = float(np.linalg.norm(self.psi.parameters - before))
        variance = variance_of(recorded, weights, energy)
        self.step += 1
        return Step(self.step - 1, energy, variance, acceptance, clipped, norm, solver)

    def _good_samples(self) -> tuple[Any, np.ndarray | None, Estimate, float]:
        """Samples of psi, which goes back towards the best parameters until they are good; with weights."""
        x = positions(self.chains)
        while True:
            target, recorded = self._target(self.power, self.samples_per_chain)
            acceptance = self.chains.run(target, recorded, self.samples_per_chain, self.moves_per_sample)
            complaint = self._impossible(recorded)
            if not complaint:
                weights = recorded.weights(self.power) if self.power != 2 else None
                energies = recorded.energies if weights is None else linearised(recorded.energies, weights)
                energy = estimate(energies, warn=False)
                record = record_of(recorded.energies, weights, energy, acceptance)
                complaint = self._safeguard.complaint(record)
                if not complaint:
                    self._safeguard.accept(self.step, self._now(record))
                    return recorded, weights, energy, acceptance
            self._retreat(complaint, x)

    def _impossible(self, recorded: Any) -> str:
        """Why samples cannot be right, whatever was before; empty where nothing is wrong."""
        return run_away(self.system, self.psi, self.chains.x) or not_finite(recorded.energies)

    def _now(self, record: Record = NOTHING) -> Best:
        return Best(self.psi.parameters, self.optimizer_state, record)

    def _retreat(self, complaint: str, x: np.ndarray) -> None:
        """Back towards the best parameters, or, after many attempts, to them, with a ``DivergedError``.

        x : positions of the chains before the bad samples
        """
        guard = self._safeguard
        place(self.chains, x)
        if not guard.exhausted:
            self.psi = guard.retreat(self.psi)
            return
        if guard.best is not None:
            self.psi, self.optimizer_state = self.psi.with_parameters(guard.best.parameters), guard.best.optimizer
            guard.retreats, guard.broken = 0, False
        raise DivergedError(f"step {self.step}: {complaint}; {guard.advice}", self.step)

    def _prepared(self, recorded: Any, weights: np.ndarray | None) -> tuple[Jacobian, np.ndarray, float]:
        """Log-derivatives and local energies for an update, and which fraction of these was clipped."""
        o = jacobian(self.psi, recorded.rows.reshape(-1, row_size(self.psi)))
        energies, clipped = clip_energies(recorded.energies.ravel(), self.clip)
        if getattr(self.psi, "is_complex", False):
            energies = energies + 1j * recorded.imaginary.ravel()
        return (o, energies, clipped) if weights is None else (*reweighted(o, energies, weights), clipped)

    def _update(self, parameters: np.ndarray, o: Jacobian, energies: np.ndarray) -> tuple[np.ndarray, str]:
        if isinstance(self.optimizer, StochasticReconfiguration):
            try:
                update = self.optimizer.step(parameters, o, energies, self.optimizer_state)
            except np.linalg.LinAlgError:
                message = f"step {self.step}: the metric is not positive definite within rounding"
                advice = "a larger shift or method='iterations' may help"
                raise DivergedError(f"{message}; {advice}", self.step) from None
            parameters, self.optimizer_state, solution = update
            return parameters, solution.method
        gradient = energy_gradient(o, energies)
        parameters, self.optimizer_state = self.optimizer.update(parameters, gradient, self.optimizer_state)
        return parameters, "gradient"

    def _sample(self, n: int, *, configurations: bool = False) -> tuple[Any, float]:
        recorded = LocalEnergy.for_chains(self.system, self.psi, len(self.chains), n, configurations=configurations)
        acceptance = self.chains.run(self.psi, recorded, n, self.moves_per_sample)
        if complaint := self._impossible(recorded):
            raise DivergedError(f"step {self.step}: {complaint}; {self._safeguard.advice}", self.step)
        return recorded, acceptance

    def measure(
        self,
        n_samples: int,
        observables: Mapping[str, Observable | Operator] | None = None,
        *,
        allow_diverged: bool = False,
    ) -> Measurement:
        """Average over ``n_samples`` further samples of the fixed wave function.

        An observable is a function of configurations, shape (n, n_particles, n_dims), that returns one number for
        each, or one array, see ``nqs.observables``, or an operator. ``warnings`` of the result tells by name what
        should not be believed. Raises ``ValueError`` for another number of values, and for the names "energy" and
        "acceptance", which are taken, and ``DivergedError`` after a training that ran away, unless
        ``allow_diverged``: ``diverged`` of the result says so then.
        """
        self._measured = {}
        for _ in self.measuring(n_samples, observables, allow_diverged=allow_diverged):
            pass
        return self.measured()

    @loop
    def measuring(
        self,
        n_samples: int,
        observables: Mapping[str, Observable | Operator] | None = None,
        *,
        allow_diverged: bool = False,
    ) -> Iterator[Progress]:
        """``measure`` as a generator of progress records; afterwards ``measured()`` has the result.

        A measurement that was interrupted, saved with ``state`` and restored continues where it was.
        """
        with self._exclusive:
            if self.diverged and not allow_diverged:
                found = f"the training diverged ({self.diverged})"
                raise DivergedError(f"{found}: train on, or measure with allow_diverged=True")
            yield from self._measuring(n_samples, observables)

    def _measuring(self, n_samples: int, wanted: Mapping[str, Observable | Operator] | None) -> Iterator[Progress]:
        space = space_of(self.system, self.chains.proposal)
        observables = estimators(wanted or {}, self.psi, space)
        n_chains = len(self.chains)
        total = -(-check_positive_integer("n_samples", n_samples) // n_chains)
        per_round = max(1, SAMPLES_PER_ROUND // n_chains)
        self.burn_in(2.0)
        self._observables = observables
        if not continues(self._measured, observables, self.chains.x[:1]):
            self._measured = {}
        while (done := self._measured["energy"].n_steps if self._measured else 0) < total:
            n = min(per_round, total - done)
            recorded, acceptance = self._sample(n, configurations=bool(observables))
            add_round(self._measured, recorded, acceptance, observables)
            energy = self._measured["energy"].estimate(warn=False)
            yield Progress((done + n) * n_chains, total * n_chains, energy, acceptance)

    def measured(self) -> Measurement:
        """The result of the last measurement, with warnings where it should not be believed."""
        if not self._measured:
            raise ValueError("nothing was measured for these parameters: call measure(n_samples) first")
        measured = dict(self._measured)
        acceptance = measured.pop("acceptance").estimate(warn=False).mean
        energy = measured.pop("energy").estimate()
        imaginary = measured.pop(IMAGINARY, None)
        variance = energy.variance + (imaginary.estimate(warn=False).variance if imaginary else 0.0)
        estimates = {name: sums.estimate() for name, sums in measured.items()}
        for name, sums in measured.items():
            if isinstance(observable := self._observables.get(name), Deriving):
                estimates |= observable.derived(name, sums)
        found = {"energy": self._measured["energy"], **measured}
        warned = {name: text for name, sums in found.items() if (text := doubts(sums))}
        for name, text in warned.items():
            self._warn(f"{name} is in doubt", f"{name}: {text}")
        self._check(energy, acceptance)
        return Measurement(energy, estimates, acceptance, variance, warned, self.diverged)

    def _check(self, energy: Estimate, acceptance: float) -> None:
        """Warn, once of each kind, about what casts doubt on the numbers."""
        exact = self.system.exact_energy
        if isinstance(self.chains.proposal, Metropolis) and not LEAST_ACCEPTANCE <= acceptance <= MOST_ACCEPTANCE:
            self._warn(
                "acceptance", f"acceptance {acceptance:.2f} is outside 0.2 to 0.9: another step suits this state"
            )
        if exact is not None and energy.mean < exact - 5 * energy.error - ROUNDING * abs(exact):
            message = f"the energy {energy} is more than 5 errors below the exact {exact:.10g}"
            self._warn("below", message + ": the sampling is not in equilibrium, or the wave function not allowed")

    def _warn(self, kind: str, message: str) -> None:
        if kind not in self._warned:
            self._warned.add(kind)
            warnings.warn(f"step {self.step}: {message}", VMCWarning, stacklevel=2)

    def __copy__(self) -> "VMC":
        """A VMC of its own: two that share their chains would disturb each other."""
        return copy.deepcopy(self)

    def __getstate__(self) -> dict[str, Any]:
        """Without the observables of the last measurement, which may be functions without a name."""
        return {**self.__dict__, "_observables": {}}

    def state(self) -> dict[str, Any]:
        """Everything needed to continue bit for bit, as arrays and numbers in nested dictionaries."""
        return {
            "step": self.step,
            "ready": self._ready,
            "power": self._drawn_from,
            "parameters": self.psi.named_parameters(),
            "optimizer": {
                "step": self.optimizer_state.step,
                **{name: np.array(array) for name, array in self.optimizer_state.memory.items()},
            },
            "chains": self.chains.state(),
            "measured": {name: accumulator.state() for name, accumulator in self._measured.items()},
            "made_for": self._made_for(),
            "safeguard": self._safeguard.state(self._now()),
            "diverged": self.diverged,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from what ``state`` returned, for a VMC made with the same arguments.

        Raises ``ValueError`` for a state that this VMC could not have saved, and then stays as it is.
        """
        with self._exclusive:
            self._restore(Saved(state))

    def _restore(self, saved: Saved) -> None:
        optional = ("power", "measured", "made_for", "safeguard", "diverged")
        saved.names(("step", "ready", "parameters", "optimizer", "chains"), optional)
        if "made_for" in saved:
            check_same(saved.part("made_for"), self._made_for())
        psi = self.psi.with_parameters(saved_parameters(saved.part("parameters"), self.psi))
        optimizer_state = self._saved_optimizer(saved.part("optimizer"))
        chains = self.chains.checked(saved.part("chains"))
        self._check_sector(saved, chains)
        measured = sums_from_state(saved.part("measured"), len(self.chains)) if "measured" in saved else {}
        step, ready, power = saved.integer("step"), saved.flag("ready"), saved.number("power", TINY, 2.0, default=2.0)
        safeguard = self._safeguard.anew()
        if "safeguard" in saved:
            safeguard.restore(saved.part("safeguard"), len(psi.parameters), self._saved_optimizer)
        self._safeguard, self.diverged = safeguard, saved.text("diverged", default="")
        self.chains.assign(chains)
        self.psi, self.optimizer_state, self._measured = psi, optimizer_state, measured
        self.step, self._ready, self._drawn_from = step, ready, power

    def _made_for(self) -> dict[str, Any]:
        """What a state belongs to, but for what may change on the way, such as a learning rate."""
        return {
            "system": description(self.system),
            "psi": description(self.psi, parameters=False),
            "proposal": description(self.chains.proposal, without=("step",)),
            "optimizer": type(self.optimizer).__name__,
        }

    def _saved_optimizer(self, saved: Saved) -> State:
        """The optimizer's state, in which an earlier version may lack an entry."""
        own = self.optimizer_state.memory
        saved.names(("step",), optional=own)
        memory = {name: self._remembered(saved, name) if name in saved else array for name, array in own.items()}
        return State(saved.integer("step"), memory)

    def _remembered(self, saved: Saved, name: str) -> np.ndarray:
        shape = self.optimizer_state.memory[name].shape
        return saved.array(name, shape, np.float64) if shape else np.array(saved.number(name, least=0.0))

    def _check_sector(self, saved: Saved, chains: Mapping[str, Any]) -> None:
        """Refuse spins of another magnetisation where moves keep it."""
        if isinstance(self.chains.proposal, SpinExchange) and isinstance(self.system, SpinSystem):
            for x in (level["x"] for level in chains.get("levels", (chains,))):
                found = np.setdiff1d(x.sum(axis=1, dtype=np.int64), self.chains.x.sum(axis=1, dtype=np.int64))
                if found.size:
                    saved.refuse(f"spins of the magnetisation {self.system.magnetisation}", found[0], "chains/x")


def variance_of(recorded: Any, weights: np.ndarray | None, energy: Estimate) -> float:
    """The variance of H, which is that of both parts of the local energies; a real psi may have an imaginary one."""
    if weights is not None:
        return sum(weighted_variance(part, weights) for part in (recorded.energies, recorded.imaginary))
    return energy.variance + float(recorded.imaginary.var())


def energy_gradient(o: Jacobian, energies: np.ndarray) -> np.ndarray:
    """dE / d theta = 2 ( <E_L O> - <E_L> <O> ), from samples of |psi|^2, shape (n_parameters,)."""
    return 2 / len(energies) * o.rmatvec(energies - energies.mean())


def clip_energies(energies: np.ndarray, clip: float | None) -> tuple[np.ndarray, float]:
    """Local energies no further than ``clip`` mean absolute deviations from the median, and the fraction moved."""
    if clip is None:
        return energies, 0.0
    median = np.median(energies)
    width = clip * np.mean(np.abs(energies - median))
    return np.clip(energies, median - width, median + width), float(np.mean(np.abs(energies - median) > width))
