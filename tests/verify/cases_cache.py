"""The cache of kernels under a user who edits."""

import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from registry import Row, case

sys.path.insert(0, str(Path(__file__).parents[1] / "neural"))
from user_program import Program, history


@case
def edited_kernels() -> Iterator[Row]:
    """A user's program of two files, changed at random 100 times: compiled beside NUMBA_DISABLE_JIT=1, relative."""
    programs = history(100, seed=1)
    with tempfile.TemporaryDirectory() as name:
        n_found, worst = 0, np.zeros(len(programs))
        for i, program in enumerate(programs):
            compiled, found = program.run(Path(name), compiled=True)
            plain, _ = program.run(Path(name), compiled=False)
            worst[i] = np.max(np.abs(np.array(compiled) / np.array(plain) - 1))
            n_found += found
    yield Row("largest difference", float(worst.max()), 0.0, 0.0, limit=1e-10)
    yield Row("programs that differ", int(np.sum(~(worst <= 1e-10))), 0.0, 0.0, limit=0.0)
    yield Row("kernels found in the cache", n_found, 0.0, 40.0, limit=0.0, above=True)


@case
def killed_compilations() -> Iterator[Row]:
    """Runs that are wrong or warn, each after a process that was killed while it filled the cache."""
    program = Program()
    with tempfile.TemporaryDirectory() as name:
        plain, _ = program.run(Path(name), compiled=False)
        started = time.perf_counter()
        program.run(Path(name), compiled=True)
        times = np.random.default_rng(2).uniform(0.3, 1.0, size=20) * (time.perf_counter() - started)
        n_wrong = 0
        for kill, after in enumerate(times):
            folder = Path(name) / str(kill)
            folder.mkdir()
            process = program.begin(folder, compiled=True)
            time.sleep(after)
            process.kill()
            process.communicate()
            energies, _ = program.run(folder, compiled=True)  # raises for a warning
            n_wrong += not np.allclose(energies, plain, rtol=1e-10, atol=0.0)
    yield Row("wrong runs", n_wrong, 0.0, 0.0, limit=0.0)
