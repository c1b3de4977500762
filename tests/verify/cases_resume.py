"""Runs that are killed and resumed: variational Monte Carlo, and the training of a Boltzmann machine."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from registry import Row, case

sys.path.insert(0, str(Path(__file__).parents[1] / "runs"))
from sameness import differences

from runs.reading import open_result
from runs.result import Result

BORN = [sys.executable, "-m", "runs.cli"]
DOT = "quantum-dot --n-steps 60 --n-measure 1000000 --n-samples 2048 --n-burn-in 100"
MACHINE = "ising-rbm --n-data 20000 --n-epochs 60 --batch-size 200 --n-measure 1000"


@case
def killed_runs() -> Iterator[Row]:
    """Parts of the result that differ after SIGKILL at a random time and resuming, in 20 runs of a quantum dot."""
    yield from differing_parts(DOT, 20)


@case
def killed_training() -> Iterator[Row]:
    """Parts of the result that differ after SIGKILL at a random time and resuming, in 6 runs of a Boltzmann machine."""
    yield from differing_parts(MACHINE, 6)


def differing_parts(run: str, n_kills: int) -> Iterator[Row]:
    """How much differs from the uninterrupted run, for every kill."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        whole, seconds = uninterrupted(run, directory / "whole.h5")
        times = np.random.default_rng(11).uniform(0, seconds, size=n_kills)
        for kill, after in enumerate(times):
            killed, status, steps = killed_and_resumed(run, directory / f"{kill}.h5", after)
            count = len(differences(killed, whole))
            yield Row(f"killed after {after:.2f} s ({status}, {steps} steps)", count, 0.0, 0.0, limit=0.0)


def uninterrupted(run: str, path: Path) -> tuple[Result, float]:
    """The whole run, and how long it takes from its first save, once its kernels are compiled."""
    seconds = 0.0
    for attempt in range(2):
        out = path.with_name(f"{attempt}-{path.name}")
        process = begin(run, out)
        started = time.perf_counter()
        process.wait()
        seconds = time.perf_counter() - started
    return open_result(out), seconds


def killed_and_resumed(run: str, path: Path, after: float) -> tuple[Result, str, int]:
    """The result in the end, and what the kill had left."""
    process = begin(run, path)
    time.sleep(after)
    process.kill()
    process.wait()
    left = open_result(path)
    subprocess.run([*BORN, "resume", str(path)], check=True, capture_output=True)
    return open_result(path), left.status, left.n_steps


def begin(run: str, path: Path) -> subprocess.Popen:
    """A run that has made its first save, with nothing in it yet."""
    command = [*BORN, "run", *run.split(), "--checkpoint", "0", "--out", str(path)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    while not path.exists():
        if process.poll() is not None:
            raise RuntimeError(f"the run ended with status {process.returncode} before its first save")
        time.sleep(0.001)
    return process
