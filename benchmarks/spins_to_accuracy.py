"""Transverse-field chain, N = 40, h = 1: seconds from the start of the process to relative errors of 1e-3 and 1e-4.

An error is reached with the first mean over ten steps below it after which none exceeds twice it. Machines with real
parameters: one hidden unit for each site, and four filters that all translations share.
"""

import json
import subprocess
import sys
import time
from typing import Any

import numpy as np
from timing import cases_among

import nqs

WINDOW = 10
ERRORS = (1e-3, 1e-4)
# name: learning rate, first and last shift, steps
PLANS = {"alpha_1": (0.05, (1e-2, 1e-3), 600), "symmetric_alpha_4": (0.05, (1.0, 1e-2), 500)}


def train(name: str, started: float) -> dict[str, Any]:
    rate, (first, last), n_steps = PLANS[name]
    system = nqs.TransverseFieldIsing(nqs.Chain(40))
    if name.startswith("symmetric"):
        psi = nqs.SymmetricRBM(system, 4, dtype=float, seed=1)
    else:
        psi = nqs.SpinRBM(system, 1, dtype=float, seed=1)
    optimizer = nqs.StochasticReconfiguration(rate, lambda step: max(first * 0.98**step, last), momentum=0.9)
    vmc = nqs.VMC(system, psi, nqs.SpinFlip(), optimizer, n_samples=1024, seed=1, n_burn_in=20)
    energies, clock = [], []
    for step in vmc.steps(n_steps):
        energies.append(step.energy.mean)
        clock.append(time.time() - started)
    errors = 1 - np.convolve(energies, np.full(WINDOW, 1 / WINDOW), "valid") / system.exact_energy
    return {"first_step_s": clock[0], "last_error": errors[-1]} | {
        f"seconds_to_{bound:g}": reached(errors, clock[WINDOW - 1 :], bound) for bound in ERRORS
    }


def reached(errors: np.ndarray, clock: list[float], bound: float) -> float | None:
    """When the error first was below the bound, and stayed below twice the bound from then on."""
    worst_after = np.maximum.accumulate(errors[::-1])[::-1]
    found = np.flatnonzero((errors < bound) & (worst_after < 2 * bound))
    return clock[found[0]] if len(found) else None


def main() -> None:
    if sys.argv[1:2] == ["one"]:
        print(json.dumps(train(sys.argv[2], float(sys.argv[3]))))
        return
    figures = {}
    for name in cases_among(PLANS, sys.argv[1:]):
        words = [sys.executable, "-W", "ignore", __file__, "one", name, repr(time.time())]
        figures[name] = json.loads(subprocess.run(words, check=True, capture_output=True, text=True).stdout)
    print(json.dumps({"benchmark": "spins-to-accuracy", **figures}))


if __name__ == "__main__":
    main()
