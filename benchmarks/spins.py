"""Spins on lattices, machines with real and complex parameters: seconds of one step of stochastic reconfiguration.

256 chains, one sweep between samples. Every case runs in a process of its own, which tells: the median of a step and of
its parts (sampling, local energies with log-derivatives, solve); the seconds from the start of the process to the end
of the first step; the peak of its memory; and the share of the machine's peak that its arithmetic reaches. The peak is
the rate of a product of two 1200 x 1200 matrices on one thread of the same process, times the threads: in double
precision for the flip ratios, and for the solve in the precision of its factors.

    python benchmarks/spins.py [CASE_KIND ...]     such as chain_40_alpha_1_1024_real
"""

import json
import os
import resource
import subprocess
import sys
import time
from typing import Any

import numpy as np
from timing import cases_among, seconds

import nqs
from neural.blas import one_blas_thread
from nqs.energy import LocalEnergy
from nqs.log_derivatives import Jacobian
from nqs.reconfiguration import SINGLE, SINGLE_FROM
from nqs.wavefunctions.wavefunction import jacobian, row_size

# name: lattice, alpha, samples
CASES = {
    "chain_40_alpha_1_1024": (nqs.Chain(40), 1, 1024),
    "chain_40_alpha_1_4096": (nqs.Chain(40), 1, 4096),
    "chain_40_alpha_4_1024": (nqs.Chain(40), 4, 1024),
    "square_6_alpha_4_1024": (nqs.Square(6), 4, 1024),
    "square_10_alpha_4_1024": (nqs.Square(10), 4, 1024),
}
LARGE_CASES = {"square_10_alpha_16_8192": (nqs.Square(10), 16, 8192)}  # for its memory; minutes
KINDS = {"real": float, "complex": complex}


def machine(name: str, kind: str) -> Any:
    """Transverse-field chains at the critical point and square antiferromagnets, none yet trained."""
    lattice, alpha, n_samples = (CASES | LARGE_CASES)[name]
    if isinstance(lattice, nqs.Chain):
        system, proposal = nqs.TransverseFieldIsing(lattice), nqs.SpinFlip()
    else:
        system = nqs.Heisenberg(lattice)
        proposal = nqs.SpinExchange(system)
    psi = nqs.SpinRBM(system, alpha, dtype=KINDS[kind], seed=1)
    optimizer = nqs.StochasticReconfiguration(0.02, shift=0.01)
    return nqs.VMC(system, psi, proposal, optimizer, n_samples=n_samples, seed=1, n_burn_in=20)


def first_step(name: str, kind: str, started: float) -> tuple[Any, dict[str, Any]]:
    vmc = machine(name, kind)
    step = next(vmc.steps(1))
    return vmc, {"first_step_s": time.time() - started, "solver": step.solver}


def parts_of_a_step(vmc: Any, repeats: int) -> dict[str, float]:
    """Medians in seconds, after four more steps that are not counted."""
    for _ in vmc.steps(4):
        pass
    n = vmc.samples_per_chain
    nothing = LocalEnergy.for_chains(vmc.system, vmc.psi, len(vmc.chains), n, energies=False)
    o, energies = log_derivatives(vmc)
    calls = {
        "step_s": lambda: next(vmc.steps(1)),
        "sampling_s": lambda: vmc.chains.run(vmc.psi, nothing, n),
        "sampling_and_energies_s": lambda: recorded(vmc),
        "solve_s": lambda: vmc.optimizer.step(vmc.psi.parameters, o, energies, vmc.optimizer_state),
    }
    times = {name: seconds(call, repeats)["median"] for name, call in calls.items()}
    times["energies_s"] = times.pop("sampling_and_energies_s") - times["sampling_s"]
    return times | shares_of_peak(vmc, o, times["solve_s"], repeats)


def recorded(vmc: Any) -> LocalEnergy:
    """The local energies and log-derivatives of the samples of one step."""
    observer = LocalEnergy.for_chains(vmc.system, vmc.psi, len(vmc.chains), vmc.samples_per_chain, rows=True)
    vmc.chains.run(vmc.psi, observer, vmc.samples_per_chain)
    return observer


def log_derivatives(vmc: Any) -> tuple[Jacobian, np.ndarray]:
    found = recorded(vmc)
    energies = found.energies.ravel()
    if vmc.psi.is_complex:
        energies = energies + 1j * found.imaginary.ravel()
    return jacobian(vmc.psi, found.rows.reshape(-1, row_size(vmc.psi))), energies


def shares_of_peak(vmc: Any, o: Jacobian, solve: float, repeats: int) -> dict[str, float]:
    """Of the peak of all threads, with a multiplication of the solve counted as two operations, with its addition."""
    method, cost = vmc.optimizer.choose(o)
    single = method != "iterations" and o.shape[method == "parameters"] >= SINGLE_FROM
    operations = 2 * cost / (SINGLE if method != "iterations" else 1)
    peaks = {dtype: matrix_product(dtype) * vmc.chains.threads for dtype in (np.float64, np.float32)}
    shares = {
        "peak_gflops": peaks[np.float64] / 1e9,
        "peak_single_gflops": peaks[np.float32] / 1e9,
        "solve_share": operations / solve / peaks[np.float32 if single else np.float64],
    }
    if isinstance(vmc.system, nqs.TransverseFieldIsing):
        shares["flip_ratio_share"] = flip_ratio_rate(vmc, repeats) / peaks[np.float64]
    return shares


def flip_ratio_rate(vmc: Any, repeats: int, n: int = 64) -> float:
    """Operations in a second of the local energies of the chains, which turn every spin over.

    The time of ``n`` samples of each chain, a single move apart, less that of the same without energies; each the
    median of alternating runs. A flip ratio takes 3 operations for each hidden unit, c - (s t) h and its product with
    the others, and 14 for complex numbers.
    """

    def run(energies: bool) -> float:
        observer = LocalEnergy.for_chains(vmc.system, vmc.psi, len(vmc.chains), n, energies=energies)
        return seconds(lambda: vmc.chains.run(vmc.psi, observer, n, 1), 1)["median"]

    with_energies, without = np.median([[run(True), run(False)] for _ in range(repeats)], axis=0)
    units = len(vmc.chains) * n * vmc.psi.couplings()[2].size
    return (14 if vmc.psi.is_complex else 3) * units / (with_energies - without)


def matrix_product(dtype: type, size: int = 1200) -> float:
    """Operations in a second of a product of square matrices on one thread, the median of nine."""
    a = np.random.default_rng(0).standard_normal((size, size)).astype(dtype)
    out = np.empty_like(a)
    with one_blas_thread():
        return 2 * size**3 / seconds(lambda: np.matmul(a, a, out=out), 9)["median"]


def peak_memory() -> float:
    """MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def one_case(name: str, kind: str, started: float) -> dict[str, Any]:
    vmc, figures = first_step(name, kind, started)
    if name in LARGE_CASES:
        return figures | {"peak_mib": peak_memory()}
    figures |= parts_of_a_step(vmc, 15 if vmc.psi.n_parameters < 20_000 else 5)
    return figures | {"peak_mib": peak_memory()}


def in_a_process(case: str) -> dict[str, Any]:
    words = [sys.executable, __file__, "one", *case.rsplit("_", 1), repr(time.time())]
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    return json.loads(subprocess.run(words, check=True, capture_output=True, text=True, env=environment).stdout)


def main() -> None:
    if sys.argv[1:2] == ["one"]:
        name, kind, started = sys.argv[2:]
        print(json.dumps(one_case(name, kind, float(started))))
        return
    chosen = cases_among([f"{name}_{kind}" for name in CASES for kind in KINDS], sys.argv[1:])
    print(json.dumps({"benchmark": "spins", **{case: in_a_process(case) for case in chosen}}))


if __name__ == "__main__":
    main()
