"""The cache of kernels under a user who edits."""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from registry import Row, case

sys.path.insert(0, str(Path(__file__).parents[1] / "neural"))
from user_program import history


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
