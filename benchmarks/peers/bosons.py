"""Ten bosons in a 3D trap against NetKet, in turns: seconds of one optimization step, and the ratio.

NetKet: Gaussian-binary RBM with 32 hidden units in float64, MetropolisGaussian with 256 chains, 30 proposals (of all
coordinates) per sample, none discarded; VMC_SR and plain SGD. Born: ``benchmarks/bosons.py``. Each runs in processes
of its own, alternating; the figures are medians over the processes.
"""

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROUNDS = 3
CASES = {"sr_1024_s": (1024, "sr"), "sr_4096_s": (4096, "sr"), "gradient_descent_1024_s": (1024, "sgd")}


def netket_steps() -> dict[str, float]:
    """Median seconds of a NetKet step for every case."""
    import flax.linen as nn
    import jax
    import jax.numpy as jnp
    import netket as nk

    jax.config.update("jax_enable_x64", True)

    class GaussianRBM(nn.Module):
        n_hidden: int = 32

        @nn.compact
        def __call__(self, x):
            normal = nn.initializers.normal(0.05)
            a = self.param("a", normal, (x.shape[-1],), jnp.float64)
            theta = nn.Dense(self.n_hidden, param_dtype=jnp.float64, kernel_init=normal, bias_init=normal)(x)
            return -jnp.sum((x - a) ** 2, axis=-1) / 2 + jnp.sum(nn.softplus(theta), axis=-1) / 2

    def step_time(n_samples: int, method: str) -> float:
        space = nk.experimental.geometry.FreeSpace(d=3)
        hilbert = nk.experimental.hilbert.Particle(10, geometry=space)
        energy = nk.operator.KineticEnergy(hilbert, mass=1.0) + nk.operator.PotentialEnergy(
            hilbert, lambda x: 0.5 * jnp.sum(x**2)
        )
        sampler = nk.sampler.MetropolisGaussian(hilbert, sigma=0.2, n_chains=256, sweep_size=30)
        state = nk.vqs.MCState(sampler, GaussianRBM(), n_samples=n_samples, n_discard_per_chain=0, seed=1)
        optimizer = nk.optimizer.Sgd(0.02)
        if method == "sr":
            driver = nk.driver.VMC_SR(energy, optimizer, variational_state=state, diag_shift=0.01)
        else:
            driver = nk.driver.VMC(energy, optimizer, variational_state=state)
        driver.run(5, out=None, show_progress=False)
        times = []
        for _ in range(20):
            started = time.perf_counter()
            driver.run(1, out=None, show_progress=False)
            jax.block_until_ready(state.parameters)
            times.append(time.perf_counter() - started)
        return statistics.median(times)

    return {name: step_time(*case) for name, case in CASES.items()}


def run(*words: str) -> dict:
    """The last line that a process prints, read as JSON."""
    lines = subprocess.run(words, check=True, capture_output=True, text=True, cwd=ROOT).stdout.splitlines()
    return json.loads(lines[-1])


def main() -> None:
    if sys.argv[1:] == ["netket"]:
        print(json.dumps(netket_steps()))
        return
    born, netket = [], []
    for _ in range(ROUNDS):
        born.append(run(str(ROOT / ".venv/bin/python"), "benchmarks/bosons.py"))
        netket.append(run(sys.executable, __file__, "netket"))
    figures = {}
    for name in CASES:
        ours = statistics.median(figure[name]["median"] for figure in born)
        theirs = statistics.median(figure[name] for figure in netket)
        figures[name] = {"born": ours, "netket": theirs, "ratio": theirs / ours}
    print(json.dumps({"benchmark": "peers-bosons", "rounds": ROUNDS, **figures}))


if __name__ == "__main__":
    main()
