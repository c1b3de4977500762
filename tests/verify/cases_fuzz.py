"""Damaged files, hand-made states, random configurations and kills, by the thousand: how many did harm."""

import os
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from subprocess import PIPE, STDOUT

from registry import Row, case

RUNS = Path(__file__).parents[1] / "runs"
sys.path.insert(0, str(RUNS))
import fuzz  # noqa: E402

ROOT = str(RUNS.parents[1])
BORN = [sys.executable, "-m", "runs.cli"]
WALK = ["run", "random-walk", "--n-steps=8", "--n-measure=4", "--pause=0.001", "--checkpoint=0"]
DOT = ["run", "quantum-dot", "--n-steps=20", "--n-measure=20000", "--n-samples=512", "--n-burn-in=20"]
DOT += ["--checkpoint=0"]


def rows(name: str, found: Counter[str]) -> Iterator[Row]:
    """One row for each kind of harm, and what there was of it where there was any."""
    harm = {outcome: count for outcome, count in found.items() if outcome not in fuzz.GOOD}
    yield Row(f"{name}: {found.total()} tried, {found['refused']} refused", sum(harm.values()), 0.0, 0.0, limit=0.0)
    for outcome, count in harm.items():
        yield Row(outcome[:80], count, 0.0, 0.0, limit=0.0)


@case
def fuzzed_results() -> Iterator[Row]:
    """Results with flipped bytes, cut short or changed through HDF5: tracebacks, hangs, gigabytes, other contents."""
    yield from rows("result files", fuzz.outcomes(fuzz.mutated_file, range(2000)))


@case
def fuzzed_states() -> Iterator[Row]:
    """Saved states with other shapes, types, values and names, from which a run is continued."""
    yield from rows("states of the walk", fuzz.outcomes(fuzz.hand_made_state, range(250)))
    with tempfile.TemporaryDirectory() as name:
        for experiment in fuzz.INTERRUPTED:  # so that all kernels are compiled
            command = [*BORN, "resume", fuzz.interrupted(experiment, Path(name))]
            subprocess.run(command, check=True, capture_output=True, env=os.environ | {"PYTHONPATH": ROOT})
    yield from rows("states of experiments", fuzz.outcomes(fuzz.state_of_an_experiment, range(250)))


@case
def fuzzed_data() -> Iterator[Row]:
    """Files of data with flipped bytes, cut short or changed through HDF5."""
    yield from rows("data files", fuzz.outcomes(fuzz.data_file, range(500)))


@case
def fuzzed_configurations() -> Iterator[Row]:
    """Random values of random fields: 20 000 in one process after another, 300 by the command."""
    yield from rows("configurations", fuzz.outcomes(fuzz.configuration, range(20_000), share=2500))
    yield from rows("commands", Counter(_command(number) for number in range(300)))


def _command(number: int) -> str:
    """A command with random fields is refused in a few lines, or computes: then it ends, or obeys Ctrl-C."""
    words = fuzz.random_command(number)
    with tempfile.TemporaryDirectory() as directory:
        command = [*BORN, *words, "--out", f"{directory}/r.h5"]
        process = subprocess.Popen(command, stdout=PIPE, stderr=STDOUT, text=True, env=_environment())
        try:
            text, expected = process.communicate(timeout=30)[0], (0, 1, 2)
        except subprocess.TimeoutExpired:  # it computes
            process.send_signal(signal.SIGINT)
            expected = (130,)
            try:
                text = process.communicate(timeout=fuzz.SECONDS)[0]
            except subprocess.TimeoutExpired:
                process.kill()
                return f"hang: {' '.join(words)}"
    if "Traceback" in text or process.returncode not in expected:
        return f"traceback: {process.returncode}: {' '.join(words)}"
    return "refused" if process.returncode in (1, 2) else "fine"


def _environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": ROOT, "NUMBA_DISABLE_JIT": "1", **more}


@case
def fuzzed_kills() -> Iterator[Row]:
    """500 runs killed up to three times: in the first save, before and after a rename, while compiling or continued."""
    os.environ["PYTHONPATH"] = f"{ROOT}:{RUNS}"
    with tempfile.TemporaryDirectory() as name:
        yield from rows("kills of the walk", _kills(Path(name), range(420), WALK, "forkserver"))
        yield from rows("kills of a dot", _kills(Path(name), range(420, 490), DOT, "forkserver"))
        yield from rows("kills while compiling", _kills(Path(name), range(490, 500), DOT, "spawn"))


def _kills(directory: Path, numbers: range, line: list[str], method: str) -> Counter[str]:
    """Each number is a run that is killed within the time that a whole one takes; new processes have empty caches."""
    cold, outcomes = method == "spawn", Counter[str]()
    for attempt in range(1 if cold else 2):  # of which the first may compile
        os.environ |= {"BORN_CACHE_DIR": f"{directory}/cache"} if cold else {}
        seconds, expected = fuzz.whole(directory / f"whole-{numbers.start}-{attempt}.h5", line, method)
    for number in numbers:
        os.environ |= {"BORN_CACHE_DIR": f"{directory}/cache-{number}"} if cold else {}
        outcomes[fuzz.killed(number, directory / f"{number}.h5", line, seconds, expected, method)] += 1
    return outcomes
