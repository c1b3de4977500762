"""Speed of the Ising samplers: spin updates per nanosecond on one core and on two, L = 32 at the critical temperature.

Prints one JSON line; each figure is the median of seven repeats.
"""

import json
import statistics
import time

from generative.datasets.ising_chains import HeatBath, SwendsenWang
from montecarlo.lattices import Square

SIZE, N_CHAINS, CRITICAL = 32, 1024, 2.269185314213022
N_SWEEPS = {HeatBath: 100, SwendsenWang: 5}


def updates_per_nanosecond(sampler: type, threads: int) -> float:
    chains = sampler(Square(SIZE), 1 / CRITICAL, N_CHAINS, seed=0, threads=threads)
    chains.sweep(1)
    rates = []
    for _ in range(7):
        start = time.perf_counter()
        chains.sweep(N_SWEEPS[sampler])
        rates.append(SIZE**2 * N_CHAINS * N_SWEEPS[sampler] / (time.perf_counter() - start) / 1e9)
    return round(statistics.median(rates), 4)


def main() -> None:
    figures = {
        f"{name}_{threads}_threads": updates_per_nanosecond(sampler, threads)
        for name, sampler in (("heat_bath", HeatBath), ("clusters", SwendsenWang))
        for threads in (1, 2)
    }
    print(json.dumps({"benchmark": "ising-sampler", "updates_per_nanosecond": figures, "size": SIZE}))


if __name__ == "__main__":
    main()
