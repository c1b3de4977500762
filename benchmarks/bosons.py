"""Ten bosons in a 3D trap, GaussianRBM with 32 hidden units: seconds of one optimization step on all cores.

30 moves of one particle between samples, 64 chains; stochastic reconfiguration for 1024 and 4096 samples, and plain
gradient descent for 1024.
"""

import json

from timing import seconds

import nqs
from neural import GradientDescent


def step_time(n_samples: int, optimizer) -> dict[str, float]:
    """The time of a step, after 20 steps that are not counted."""
    trap = nqs.HarmonicOscillator(n_particles=10, n_dims=3)
    psi = nqs.GaussianRBM(trap, n_hidden=32, seed=1)
    settings = {"n_samples": n_samples, "n_chains": 64, "moves_per_sample": 30}
    vmc = nqs.VMC(trap, psi, nqs.RandomWalk(), optimizer, seed=1, **settings)
    for _ in vmc.steps(20):
        pass
    return seconds(lambda: next(vmc.steps(1)), repeats=40)


def main() -> None:
    reconfiguration = nqs.StochasticReconfiguration(0.02, shift=0.01)
    figures = {
        "sr_1024_s": step_time(1024, reconfiguration),
        "sr_4096_s": step_time(4096, reconfiguration),
        "gradient_descent_1024_s": step_time(1024, GradientDescent(0.02)),
    }
    print(json.dumps({"benchmark": "bosons", **figures}))


if __name__ == "__main__":
    main()
