"""Spins on lattices against NetKet, in turns: seconds of one step of stochastic reconfiguration, and the ratio.

NetKet: its RBM in double precision, one sweep between samples, none discarded; sample-space VMC_SR with 1024 chains
for real parameters, and for complex ones (256 chains) the better of that and conjugate gradients; for 4096 samples the
dense VMC_SR with real and conjugate gradients with complex parameters, the fastest there. Born:
``benchmarks/spins.py``. Each runs in processes of its own, alternating; the figures are medians over the processes.

    python benchmarks/peers/spins.py [CASE_KIND ...]    such as chain_40_alpha_1_1024_real
"""

import json
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))
from timing import cases_among  # noqa: E402

ROUNDS = 3
# name: length or side, alpha, samples
CASES = {
    "chain_40_alpha_1_1024": (40, 1, 1024),
    "chain_40_alpha_1_4096": (40, 1, 4096),
    "chain_40_alpha_4_1024": (40, 4, 1024),
    "square_6_alpha_4_1024": (6, 4, 1024),
    "square_10_alpha_4_1024": (10, 4, 1024),
}


def netket_methods(name: str, kind: str) -> tuple[str, ...]:
    """Of NetKet's ways to solve those that were the fastest or close to it."""
    if name.endswith("4096"):
        return ("dense",) if kind == "real" else ("iterations",)
    return ("samples",) if kind == "real" or name.startswith("square_10") else ("samples", "iterations")


def netket_step(name: str, kind: str, method: str, started: float) -> dict[str, float]:
    """Median seconds of a NetKet step, seconds from the start of the process to the end of the first, peak memory."""
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
    if method in ("samples", "dense"):
        options = {"use_ntk": True, "on_the_fly": False} if method == "samples" else {"use_ntk": False}
        driver = nk.driver.VMC_SR(h, sgd, variational_state=state, diag_shift=0.01, **options)
    else:
        metric = nk.optimizer.qgt.QGTJacobianDense(holomorphic=kind == "complex")
        sr = nk.optimizer.SR(metric, diag_shift=0.01, holomorphic=kind == "complex")
        driver = nk.driver.VMC(h, sgd, variational_state=state, preconditioner=sr)
    driver.run(1, out=None, show_progress=False)
    jax.block_until_ready(state.parameters)
    first = time.time() - started
    driver.run(2, out=None, show_progress=False)
    times = []
    for _ in range(7 if length < 10 or name.startswith("chain") else 3):
        begun = time.perf_counter()
        driver.run(1, out=None, show_progress=False)
        jax.block_until_ready(state.parameters)
        times.append(time.perf_counter() - begun)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    return {"step_s": statistics.median(times), "first_step_s": first, "peak_mib": memory}


def run(*words: str) -> dict:
    """The last line that a process prints, read as JSON."""
    lines = subprocess.run(words, check=True, capture_output=True, text=True, cwd=ROOT).stdout.splitlines()
    return json.loads(lines[-1])


def compare(case: str) -> dict[str, Any]:
    """Both in turns; of NetKet's methods the faster one. The ratio is NetKet's figure over Born's."""
    name, kind = case.rsplit("_", 1)
    rounds = 1 if name.startswith("square_10") else ROUNDS
    born: list[dict[str, float]] = []
    netket: dict[str, list[dict[str, float]]] = {method: [] for method in netket_methods(name, kind)}
    for _ in range(rounds):
        born.append(run(str(ROOT / ".venv/bin/python"), "benchmarks/spins.py", case)[case])
        for method, figures in netket.items():
            figures.append(run(sys.executable, __file__, "netket", name, kind, method, repr(time.time())))
    best = min(netket.values(), key=lambda figures: _median(figures, "step_s"))
    both = {
        figure: {
            "born": _median(born, figure),
            "netket": _median(best, figure),
            "ratio": _median(best, figure) / _median(born, figure),
        }
        for figure in ("step_s", "first_step_s", "peak_mib")
    }
    return both | {f"born_{part}": _median(born, part) for part in ("sampling_s", "energies_s", "solve_s")}


def _median(figures: list[dict[str, float]], name: str) -> float:
    return statistics.median(each[name] for each in figures)


def main() -> None:
    if sys.argv[1:2] == ["netket"]:
        import jax

        jax.config.update("jax_enable_x64", True)
        name, kind, method, started = sys.argv[2:]
        print(json.dumps(netket_step(name, kind, method, float(started))))
        return
    chosen = cases_among([f"{name}_{kind}" for name in CASES for kind in ("real", "complex")], sys.argv[1:])
    print(json.dumps({"benchmark": "peers-spins", "rounds": ROUNDS, **{case: compare(case) for case in chosen}}))


if __name__ == "__main__":
    main()
