"""How the time of an optimization step grows with particles and hidden units; ``--plot FILE`` draws it.

GaussianRBM in a 3D trap, 1024 samples after one sweep each, plain gradient descent, so that the sampler is what counts.
"""

import argparse
import json

import numpy as np
from timing import seconds

import nqs
from neural import GradientDescent

PARTICLES = (2, 5, 10, 20, 50, 100)
HIDDEN = (2, 8, 32, 128)


def step_time(n_particles: int, n_hidden: int) -> float:
    """Median seconds of a step."""
    trap = nqs.HarmonicOscillator(n_particles, n_dims=3)
    psi = nqs.GaussianRBM(trap, n_hidden, seed=1, scale=0.01)
    vmc = nqs.VMC(trap, psi, nqs.RandomWalk(), GradientDescent(1e-4), n_samples=1024, n_burn_in=40, seed=1)
    return seconds(lambda: next(vmc.steps(1)), repeats=5)["median"]


def plot(times: dict[int, list[float]], file: str) -> None:
    """Time against particles, a line for each number of hidden units."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.5, 4), layout="constrained")
    axes = figure.subplots()
    for n_hidden, row in times.items():
        axes.loglog(PARTICLES, row, "o-", label=f"{n_hidden} hidden units")
    guide = times[HIDDEN[-1]][-1] * (np.array(PARTICLES) / PARTICLES[-1]) ** 1
    axes.loglog(PARTICLES, guide, ":", color="gray", label="proportional to N")
    axes.set(xlabel="particles N", ylabel="seconds per step of 1024 samples")
    axes.legend(frameon=False)
    figure.savefig(file, dpi=150)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plot", metavar="FILE")
    arguments = parser.parse_args()
    times = {n_hidden: [step_time(n, n_hidden) for n in PARTICLES] for n_hidden in HIDDEN}
    slopes = {m: float(np.polyfit(np.log(PARTICLES[2:]), np.log(row[2:]), 1)[0]) for m, row in times.items()}
    print(json.dumps({"benchmark": "scaling", "particles": PARTICLES, "step_s": times, "exponent_from_N_10": slopes}))
    if arguments.plot:
        plot(times, arguments.plot)


if __name__ == "__main__":
    main()
