"""Benchmarks name the nearest case where one is mistyped, before anything is timed."""

import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
NEAREST = {
    "spins.py": ("chain_40_alpha_1_1024_rael", "chain_40_alpha_1_1024_real"),
    "peers/spins.py": ("square_6_alpha_4_1024_complx", "square_6_alpha_4_1024_complex"),
}


@pytest.mark.parametrize("name", NEAREST)
def test_a_mistyped_case_is_answered_by_the_nearest(name):
    word, near = NEAREST[name]
    done = subprocess.run([sys.executable, BENCHMARKS / name, word], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"unknown case {word!r}: expected one such as {near}\n"
