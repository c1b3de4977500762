"""What ``born run NAME`` reaches without a flag, and that no experiment's training runs away, whatever its seed."""

import math
import time
from collections.abc import Iterator
from functools import partial
from itertools import chain, takewhile
from typing import Any

from registry import Row, case

from neural.divergence import DivergedError
from runs.experiments import EXPERIMENTS, find

# experiment -> relative error of the energy that its defaults reach
GROUND_STATES = {
    "calogero-sutherland": 1e-5,
    "double-dot": 1e-5,
    "gaussian-interaction": 1e-5,
    "harmonic-oscillator": 1e-5,
    "heisenberg-chain": 1e-5,
    "heisenberg-square": 1e-5,
    "ising-chain": 1e-5,
    "ising-square": 1e-5,
    "j1j2-square": 1e-3,
    "quantum-dot": 1e-5,
}
SECONDS = 180.0  # of one core without compiling: twice what is aimed at, for other machines
ROOM = (
    2.0  # factor of the limits of errors and of error bars, which differ from machine to machine as from seed to seed
)
SEEDS = range(1, 11)
QUICK = {
    "calogero-sutherland",
    "gaussian-ring",
    "hard-spheres",
    "harmonic-oscillator",
    "heisenberg-chain",
    "heisenberg-square",
    "ising-rbm",
    "ising-square",
    "moons",
    "quantum-dot",
    "quench",
}


def _started(name: str, **settings: Any) -> Any:
    experiment = find(name)
    return experiment.start(experiment.settings(threads=1, **settings))


def _finished(name: str, **settings: Any) -> Any:
    """The run after its training and its measurement."""
    run = _started(name, **settings)
    for _ in chain(run.training(), run.measuring()):
        pass
    return run


def reaches(name: str, limit: float) -> Iterator[Row]:
    """The relative error is below the limit within three error bars; an error bar is no larger, with room for both."""
    _finished(name, n_steps=1, n_measure=1)  # compiles
    started = time.process_time()
    run = _finished(name)
    seconds = time.process_time() - started
    energy, exact = run.measurements()["energy"].estimate, run.exact["energy"]
    error, bar = energy.mean / exact - 1, energy.error / abs(exact)
    error *= math.copysign(1.0, exact)
    yield Row("relative error", error, bar, ROOM * limit, limit=3, below=True)
    yield Row("relative error bar", bar, 0, ROOM * limit, limit=0, below=True)
    yield Row("exact, below + 4 errors", exact, energy.error, energy.mean, limit=4, below=True)
    yield Row("seconds of one core", seconds, 0, SECONDS, limit=0, below=True)


def first_third(name: str) -> Iterator[Row]:
    """Ten seeds: no training runs away in the first third of its schedule, and energies end below where they began."""
    runaway = risen = 0
    for seed in SEEDS:
        rows = _rows_of_first_third(name, seed)
        runaway += not rows or not all(math.isfinite(number) for row in rows for number in row.values())
        if rows and "energy" in rows[0] and name in (*GROUND_STATES, "hard-spheres"):
            first, last = rows[0], rows[-1]
            risen += last["energy"] > first["energy"] + 4 * math.hypot(first["energy_error"], last["energy_error"])
    yield Row("seeds that ran away", runaway, 0, 0, limit=0)
    yield Row("seeds whose energy rose", risen, 0, 0, limit=0)


def _rows_of_first_third(name: str, seed: int) -> list[dict[str, float]]:
    """The numbers of each step; none for a training that ran away."""
    training = _started(name, seed=seed).training()
    try:
        return [dict(each.numbers) for each in takewhile(lambda each: 3 * each.done <= each.total + 3, training)]
    except DivergedError as error:
        print(f"  seed {seed}: {error}")
        return []


for _name, _limit in GROUND_STATES.items():
    _check = partial(reaches, _name, _limit)
    _check.__doc__ = f"`born run {_name}` without a flag: a relative error of {_limit:g}."
    case(_check, name=f"defaults-{_name}")
for _name in EXPERIMENTS:
    _check = partial(first_third, _name)
    _check.__doc__ = f"The first third of `born run {_name}` with ten seeds: none runs away."
    case(_check, name=f"seeds-{_name}", long=_name not in QUICK)
