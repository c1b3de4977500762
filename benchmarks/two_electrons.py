"""Two electrons in 2D on one core: the time of a sample, where it goes, and the time to a given error.

A sample is one importance-sampling move of one electron with local energy and log-derivatives. The time to an error
e of a fixed wave function is that of n samples with e^2 = variance tau / n, each after a sweep over both electrons.
"""

import json

import numpy as np
from timing import seconds

import nqs
from montecarlo.chains import Chains
from montecarlo.metropolis import SCRATCH, run_block, workspace
from montecarlo.statistics import estimate
from neural.boltzmann import softplus_sum
from neural.jit import kernel
from nqs.energy import LocalEnergy

N_CHAINS, N_SAMPLES = 64, 512


@kernel
def _softplus_sums(theta, sigmoid, n):
    total = 0.0
    for _ in range(n):
        total += softplus_sum(theta, sigmoid)
        theta[0] += 1e-9
    return total


def per_sample(dot, psi) -> dict[str, float]:
    """Microseconds per sample: all, random numbers alone, exponentials and logarithms alone."""
    chains = Chains(dot.first_configurations(N_CHAINS, np.random.default_rng(1)), nqs.Langevin(), seed=1)
    chains.burn_in(psi, 200, LocalEnergy.for_chains(dot, psi, N_CHAINS, 0))
    recorded = LocalEnergy.for_chains(dot, psi, N_CHAINS, N_SAMPLES, rows=True)
    noise = chains._draw(slice(0, N_CHAINS), psi, N_SAMPLES)
    scale = 1e6 / (N_CHAINS * N_SAMPLES)
    work, accepted, scratch = workspace(psi), np.zeros(N_CHAINS, dtype=np.int64), np.empty((SCRATCH, 2))
    arguments = (psi, work, chains.proposal, recorded, chains.x, noise, N_SAMPLES, 0, accepted, scratch)
    hidden = np.zeros(2), np.empty(2)
    return {
        "sample_us": scale * seconds(lambda: chains.run(psi, recorded, N_SAMPLES, 1))["median"],
        "kernel_us": scale * seconds(lambda: run_block(*arguments))["median"],
        "random_numbers_us": scale * seconds(lambda: chains._draw(slice(0, N_CHAINS), psi, N_SAMPLES))["median"],
        "exp_and_log_us": 1e6 / 100_000 * seconds(lambda: _softplus_sums(*hidden, 100_000))["median"],
    }


def to_error(dot, psi) -> dict[str, float]:
    """Seconds on one core until the energy of a trained state has an error of 1e-3 and of 1e-4."""
    vmc = nqs.VMC(dot, psi, nqs.Langevin(), nqs.StochasticReconfiguration(0.1), seed=1, threads=1, n_chains=N_CHAINS)
    for _ in vmc.steps(100):
        pass
    recorded = LocalEnergy.for_chains(dot, vmc.psi, N_CHAINS, N_SAMPLES)
    time = seconds(lambda: vmc.chains.run(vmc.psi, recorded, N_SAMPLES))["median"] / (N_CHAINS * N_SAMPLES)
    energy = estimate(recorded.energies)
    cost = energy.variance * energy.tau * time
    return {"variance": energy.variance, "tau": energy.tau, "error_1e-3_s": cost / 1e-6, "error_1e-4_s": cost / 1e-8}


def main() -> None:
    dot = nqs.QuantumDot(n_particles=2, n_dims=2, omega=1.0)
    rbm = nqs.GaussianRBM(dot, n_hidden=2, seed=1)
    states = {"rbm": rbm, "rbm-jastrow": rbm * nqs.PadeJastrow(dot)}
    figures = {name: per_sample(dot, psi) | to_error(dot, psi) for name, psi in states.items()}
    print(json.dumps({"benchmark": "two-electrons", **figures}))


if __name__ == "__main__":
    main()
