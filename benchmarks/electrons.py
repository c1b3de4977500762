"""Electrons in a 2D dot at omega = 1, on one core: the time of a sample, how it grows, and the time to an error.

A sample is one importance-sampling move of one electron with local energy and log-derivatives. The time to an error
e of a fixed wave function is that of n samples with e^2 = variance tau / n, each after a sweep over all electrons.
Backflow is beside the plain determinants; its cost of a move grows with N^3 where theirs grows with N^2.
"""

import argparse
import json
import os

import numpy as np
from timing import seconds

import nqs
from montecarlo.chains import Chains
from montecarlo.statistics import estimate
from nqs.energy import LocalEnergy

PARTICLES = (2, 6, 12, 20, 30)
N_CHAINS, N_SAMPLES = 64, 256


def chains_of(dot, psi, threads: int = 1) -> Chains:
    """Chains in equilibrium."""
    chains = Chains(
        dot.first_configurations(N_CHAINS, np.random.default_rng(1)), nqs.Langevin(), seed=1, threads=threads
    )
    chains.burn_in(psi, 100, LocalEnergy.for_chains(dot, psi, N_CHAINS, 0))
    return chains


def sample_us(n_particles: int, make) -> float:
    """Microseconds of a sample."""
    dot = nqs.QuantumDot(n_particles)
    psi = make(dot)
    chains, recorded = chains_of(dot, psi), LocalEnergy.for_chains(dot, psi, N_CHAINS, N_SAMPLES, rows=True)
    time = seconds(lambda: chains.run(psi, recorded, N_SAMPLES, 1))
    return 1e6 * time["median"] / (N_CHAINS * N_SAMPLES)


def speedup(n_particles: int) -> float:
    """Of two threads over one, for samples a sweep apart."""
    dot = nqs.QuantumDot(n_particles)
    psi = slater_pade(dot)
    recorded = LocalEnergy.for_chains(dot, psi, N_CHAINS, N_SAMPLES, rows=True)
    one, two = (chains_of(dot, psi, threads) for threads in (1, 2))
    times = [seconds(lambda c=c: c.run(psi, recorded, N_SAMPLES))["min"] for c in (one, two)]
    return times[0] / times[1]


def to_error(n_particles: int, make, n_steps: int = 60) -> dict[str, float]:
    """Seconds on one core until the energy of a trained state has an error of 1e-3."""
    dot = nqs.QuantumDot(n_particles)
    optimizer = nqs.StochasticReconfiguration(0.1, shift=1e-3)
    vmc = nqs.VMC(dot, make(dot), nqs.Langevin(), optimizer, n_samples=4096, n_chains=N_CHAINS, seed=1, threads=1)
    for _ in vmc.steps(n_steps):
        pass
    recorded = LocalEnergy.for_chains(dot, vmc.psi, N_CHAINS, N_SAMPLES)
    time = seconds(lambda: vmc.chains.run(vmc.psi, recorded, N_SAMPLES), repeats=5)["median"] / (N_CHAINS * N_SAMPLES)
    energy = estimate(recorded.energies, warn=False)
    cost = energy.variance * energy.tau * time
    figures = {"energy": energy.mean, "variance": energy.variance, "tau": energy.tau, "error_1e-3_s": cost / 1e-6}
    return figures | tau_of_small_steps(dot, vmc.psi, vmc.chains.x)


def tau_of_small_steps(dot, psi, x) -> dict[str, float]:
    """Autocorrelation time in samples when one is taken after every move of one electron with the step 0.1."""
    chains = Chains(x, nqs.Langevin(0.1), seed=2)
    recorded = LocalEnergy.for_chains(dot, psi, len(x), 4000)
    acceptance = chains.run(psi, recorded, 4000, 1)
    return {"small_step_acceptance": acceptance, "small_step_tau": estimate(recorded.energies, warn=False).tau}


def slater_pade(dot):
    return nqs.Slater(dot) * nqs.PadeJastrow(dot)


def slater_rbm_pade(dot):
    return slater_pade(dot) * nqs.GaussianRBM(dot, n_hidden=dot.n_particles, seed=1, scale=0.01)


STATES = {"slater-pade": slater_pade, "slater-pade-rbm": slater_rbm_pade, "default": nqs.default_wavefunction}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("states", nargs="*", default=list(STATES), help=f"of {', '.join(STATES)}")
    figures: dict[str, object] = {"particles": PARTICLES}
    for name in parser.parse_args().states:
        times = [sample_us(n, STATES[name]) for n in PARTICLES]
        slope = np.polyfit(np.log(PARTICLES[2:]), np.log(times[2:]), 1)[0]
        figures[name] = {"sample_us": times, "exponent_from_N_12": float(slope), **to_error(6, STATES[name])}
    if (os.cpu_count() or 1) > 1:
        figures["speedup_of_two_threads"] = speedup(12)
    print(json.dumps({"benchmark": "electrons", **figures}))


if __name__ == "__main__":
    main()
