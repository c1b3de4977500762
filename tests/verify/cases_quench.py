"""Time evolution after a quench, against exact evolution."""

import numpy as np
from registry import Row, case

import nqs
from nqs.exact import FullSummation, evolve, lowest, matrix
from runs.experiments.quench import QuenchRun, QuenchSettings

N = 10


def _rows(**settings):
    """The largest difference of <sigma^x> up to time 2, of the state (summed exactly) and as measured in errors."""
    run = QuenchRun(QuenchSettings(length=N, n_times=21, **settings))
    ground = lowest(run.before).states[:, 0]
    operator = matrix(nqs.PauliSum([(1 / N, f"X{i}") for i in range(N)], N))
    deviations, sigmas, infidelity = [], [], 0.0
    for progress in run.training():
        numbers = progress.numbers
        exact, now = evolve(run.system, ground, numbers["time"]), FullSummation(run.evolution.psi).amplitudes
        value, wanted = (float(np.vdot(state, operator @ state).real) for state in (now, exact))
        deviations.append(abs(value - wanted))
        error = numbers["transverse_magnetisation_error"]
        sigmas.append(abs(numbers["transverse_magnetisation"] - value) / error if error else 0.0)
        infidelity = max(infidelity, numbers["infidelity"])
    yield Row("largest deviation of <sx>", max(deviations), 0, 1e-3, limit=0, below=True)
    yield Row("measured, in errors", max(sigmas), 0, 4.5, limit=0, below=True)
    yield Row("largest 1 - fidelity", infidelity, 0, 1e-2, limit=0, below=True)


@case
def quench_by_summation():
    """Ising ring of 10, field 4 to 2, all configurations summed: 1e-3 in <sx>(t) up to t = 2."""
    yield from _rows()


@case
def quench_by_sampling():
    """The same from 16384 samples for each stage of Heun's method."""
    yield from _rows(sampler="monte-carlo", method="heun", tolerance=3e-3)


@case
def quench_to_the_critical_point():
    """Field 2 to 1, eight filters, all configurations summed."""
    yield from _rows(h_before=2.0, h=1.0, alpha=8, tolerance=3e-5)
