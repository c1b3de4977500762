"""Spins on lattices, machines with real and complex parameters: seconds of one step of stochastic reconfiguration.

256 chains, one sweep between samples; total, and its parts: sampling alone, sampling with local energies and
log-derivatives, and the solve.
"""

import json
import sys

from timing import seconds

import nqs
from nqs.energy import LocalEnergy
from nqs.wavefunctions.wavefunction import jacobian, row_size

# name: lattice, alpha, samples
CASES = {
    "chain_40_alpha_1_1024": (nqs.Chain(40), 1, 1024),
    "chain_40_alpha_1_4096": (nqs.Chain(40), 1, 4096),
    "chain_40_alpha_4_1024": (nqs.Chain(40), 4, 1024),
    "square_6_alpha_4_1024": (nqs.Square(6), 4, 1024),
    "square_10_alpha_4_1024": (nqs.Square(10), 4, 1024),
}


def steps(lattice: nqs.Lattice, alpha: int, n_samples: int, dtype: type) -> dict[str, float | str]:
    """Medians in seconds, after five steps that are not counted."""
    if isinstance(lattice, nqs.Chain):
        system, proposal = nqs.TransverseFieldIsing(lattice), nqs.SpinFlip()
    else:
        system = nqs.Heisenberg(lattice)
        proposal = nqs.SpinExchange(system)
    psi = nqs.SpinRBM(system, alpha, dtype=dtype, seed=1)
    optimizer = nqs.StochasticReconfiguration(0.02, shift=0.01)
    vmc = nqs.VMC(system, psi, proposal, optimizer, n_samples=n_samples, seed=1, n_burn_in=20)
    *_, last = vmc.steps(5)
    n = vmc.samples_per_chain
    nothing = LocalEnergy.for_chains(system, psi, len(vmc.chains), n, energies=False)
    recorded, _ = vmc._sample(n, rows=True)
    o = jacobian(vmc.psi, recorded.rows.reshape(-1, row_size(psi)))
    energies = recorded.energies.ravel() + (1j * recorded.imaginary.ravel() if dtype is complex else 0)
    repeats = 15 if psi.n_parameters < 20_000 else 5
    parts = {
        "step_s": lambda: next(vmc.steps(1)),
        "sampling_s": lambda: vmc.chains.run(vmc.psi, nothing, n),
        "sampling_and_energies_s": lambda: vmc._sample(n, rows=True),
        "solve_s": lambda: optimizer.step(vmc.psi.parameters, o, energies, vmc.optimizer_state),
    }
    times = {name: seconds(call, repeats) for name, call in parts.items()}
    return {**{name: time["median"] for name, time in times.items()}, "solver": last.solver}


def main() -> None:
    chosen = sys.argv[1:] or list(CASES)
    figures = {
        f"{name}_{kind}": steps(*CASES[name], dtype=dtype)
        for name in chosen
        for kind, dtype in (("real", float), ("complex", complex))
    }
    print(json.dumps({"benchmark": "spins", **figures}))


if __name__ == "__main__":
    main()
