"""Spins on lattices against NetKet, in turns: seconds of one step of stochastic reconfiguration, and the ratio.

NetKet: its RBM in double precision, one sweep between samples, none discarded; sample-space VMC_SR with 1024 chains
for real parameters, and for complex ones (256 chains) the better of that and conjugate gradients. Born:
``benchmarks/spins.py``. Each runs in processes of its own, alternating; the figures are medians over the processes.
"""

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROUNDS = 3
# name: length or side, alpha, samples
CASES = {
    "chain_40_alpha_1_1024": (40, 1, 1024),
    "chain_40_alpha_1_4096": (40, 1, 4096),
    "chain_40_alpha_4_1024": (40, 4, 1024),
    "square_6_alpha_4_1024": (6, 4, 1024),
    "square_10_alpha_4_1024": (10, 4, 1024),
}


def netket_step(name: str, kind: str, method: str) -> float:
    """Median seconds of a NetKet step."""
    import jax
    import jax.numpy as jnp
    import netket as nk

    length, alpha, n_samples = CASES[name]
    dtype = jnp.float64 if kind == "real" else jnp.complex128
    chains = min(n_samples, 1024) if kind == "real" else 256
    if name.startswith("chain"):
        lattice = nk.graph.Chain(length)
        hilbert = nk.hilbert.Spin(0.5, lattice.n_nodes)
        h = nk.operator.Ising(hilbert, lattice, h=1.0, J=-1.0)
        sampler = nk.sampler.MetropolisLocal(hilbert, n_chains=chains, sweep_size=lattice.n_nodes)
    else:
        lattice = nk.graph.Square(length)
        hilbert = nk.hilbert.Spin(0.5, lattice.n_nodes, total_sz=0)
        h = nk.operator.Heisenberg(hilbert, lattice, J=1.0, sign_rule=True)
        sampler = nk.sampler.MetropolisExchange(hilbert, graph=lattice, n_chains=chains, sweep_size=lattice.n_nodes)
    model = nk.models.RBM(alpha=alpha, param_dtype=dtype)
    state = nk.vqs.MCState(sampler, model, n_samples=n_samples, n_discard_per_chain=0, seed=1)
    sgd = nk.optimizer.Sgd(0.02)
    if method == "samples":
        driver = nk.driver.VMC_SR(h, sgd, variational_state=state, diag_shift=0.01, use_ntk=True, on_the_fly=False)
    else:
        metric = nk.optimizer.qgt.QGTJacobianDense(holomorphic=kind == "complex")
        sr = nk.optimizer.SR(metric, diag_shift=0.01, holomorphic=kind == "complex")
        driver = nk.driver.VMC(h, sgd, variational_state=state, preconditioner=sr)
    driver.run(3, out=None, show_progress=False)
    times = []
    for _ in range(7 if length < 10 or name.startswith("chain") else 3):
        started = time.perf_counter()
        driver.run(1, out=None, show_progress=False)
        jax.block_until_ready(state.parameters)
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def run(*words: str) -> dict:
    """The last line that a process prints, read as JSON."""
    lines = subprocess.run(words, check=True, capture_output=True, text=True, cwd=ROOT).stdout.splitlines()
    return json.loads(lines[-1])


def compare(name: str, kind: str) -> dict[str, float]:
    """Both in turns; of NetKet's methods the faster one."""
    methods = ("samples",) if kind == "real" or name.startswith("square_10") else ("samples", "iterations")
    born: list[float] = []
    netket: dict[str, list[float]] = {method: [] for method in methods}
    for _ in range(ROUNDS):
        figures = run(str(ROOT / ".venv/bin/python"), "benchmarks/spins.py", name)
        born.append(figures[f"{name}_{kind}"]["step_s"])
        for method in methods:
            netket[method].append(run(sys.executable, __file__, "netket", name, kind, method)["step_s"])
    ours, theirs = statistics.median(born), min(statistics.median(times) for times in netket.values())
    return {"born": ours, "netket": theirs, "ratio": theirs / ours}


def main() -> None:
    if sys.argv[1:2] == ["netket"]:
        import jax

        jax.config.update("jax_enable_x64", True)
        print(json.dumps({"step_s": netket_step(*sys.argv[2:])}))
        return
    chosen = sys.argv[1:] or list(CASES)
    figures = {f"{name}_{kind}": compare(name, kind) for name in chosen for kind in ("real", "complex")}
    print(json.dumps({"benchmark": "peers-spins", "rounds": ROUNDS, **figures}))


if __name__ == "__main__":
    main()
