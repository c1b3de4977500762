"""A user's program of two files with kernels, changed at random between processes.

It has a potential, a helper and a constant in a second file, a constant, an array and an enumeration of the script, a
class whose fields change places, a registration that depends on a flag, a factory of closures and a default argument.
"""

import dataclasses
import os
import pathlib
import subprocess
import sys
import textwrap

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]

HELPER = """
from neural.jit import kernel
{comment}
STRENGTH = {strength}
SHIFTS = {shifts}


@kernel
def well(x, depth={depth}):
    return depth * STRENGTH * {body} + SHIFTS[1]
"""

SCRIPT = """
import enum
import math
import sys
from typing import NamedTuple

import numpy as np

from neural.jit import generic, kernel
{imported}
{comment}
K = {constant}
TABLE = np.array({table})


class Kind(enum.IntEnum):
    DEEP = {kind}


class Base(NamedTuple):
    {fields[0]}: float
    {fields[1]}: float


class Trap(Base):
    pass


@generic
def potential(trap, x): ...


@potential.register(Base)
def _(trap, x):
    return trap.width * K * {well}(x) + TABLE[1] * trap.depth


def make(power):
    @kernel
    def factor(x):
        return 1.0 + x * power

    return factor


factor = make({power})

if {flag}:

    @potential.register(Trap)
    def _(trap, x):
        return trap.depth * {well}(x, K)


@kernel
def energy(trap, x):
    return potential(trap, x) * factor(x) + (x if Kind.DEEP == 2 else -x)


for each in (Base(width=1.5, depth=0.5), Trap(width=1.5, depth=0.5)):
    print(*(repr(float(energy(each, x))) for x in (0.3, -1.7)))
stats = getattr(energy, "stats", None)
print(sum(stats.cache_hits.values()) if stats else 0)
"""


@dataclasses.dataclass(frozen=True)
class Program:
    """What can change."""

    constant: float = 1.0
    strength: float = 2.0
    depth: float = 0.5
    power: float = 0.25
    shifts: tuple[float, float] = (0.0, 1.0)
    table: tuple[float, float] = (1.0, 2.0)
    body: str = "x * x"
    kind: int = 2
    flag: bool = True
    fields: tuple[str, str] = ("width", "depth")
    by_module: bool = False  # the helper is an attribute of its module
    from_command_line: bool = False  # the script is no file
    comment: str = ""

    def write(self, folder: pathlib.Path) -> str:
        """Write the second file, and return the script."""
        name = "helper" if self.by_module else "from helper import well"
        texts = dataclasses.asdict(self) | {
            "imported": "import helper" if self.by_module else name,
            "well": "helper.well" if self.by_module else "well",
            "comment": self.comment and f"# {self.comment}",
        }
        (folder / "helper.py").write_text(HELPER.format(**texts))
        return textwrap.dedent(SCRIPT).format(**texts)

    def begin(self, folder: pathlib.Path, *, compiled: bool) -> subprocess.Popen:
        """A new process of the program, with the folder's cache."""
        script = self.write(folder)
        (folder / "program.py").write_text(script)
        environment = os.environ | {
            "BORN_CACHE_DIR": str(folder / "cache"),
            "PYTHONPATH": f"{ROOT}:{folder}",
            "PYTHONDONTWRITEBYTECODE": "1",  # two edits of one size in one second are one to the import system
            "NUMBA_DISABLE_JIT": str(int(not compiled)),
        }
        source = ["-c", script] if self.from_command_line else ["program.py"]
        command = [sys.executable, "-W", "error", *source]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, env=environment, cwd=folder, stdout=pipe, stderr=pipe, text=True)

    def run(self, folder: pathlib.Path, *, compiled: bool) -> tuple[list[float], int]:
        """The energies that a new process prints, and how many kernels it found in the folder's cache."""
        process = self.begin(folder, compiled=compiled)
        output, errors = process.communicate()
        if process.returncode:
            raise AssertionError(errors)
        *energies, found = output.split()
        return [float(energy) for energy in energies], int(found)


def changed(program: Program, rng: np.random.Generator) -> Program:
    """The program with one thing changed."""
    name = str(rng.choice([field.name for field in dataclasses.fields(Program)]))
    now = getattr(program, name)
    number = float(np.round(rng.uniform(0.1, 9.0), 3))
    other = {
        bool: lambda: not now,
        float: lambda: number,
        int: lambda: 5 - now,
        tuple: lambda: now[::-1],
        str: lambda: str(rng.choice(["x * x", "x ** 4", "x + 1.0"])) if name == "body" else f"note {number}",
    }[type(now)]()
    return dataclasses.replace(program, **{name: other})


def history(n: int, seed: int) -> list[Program]:
    """``n`` programs, each with one thing changed from the one before, or as it was at an earlier time."""
    rng = np.random.default_rng(seed)
    programs = [Program()]
    while len(programs) < n:
        again = len(programs) > 2 and rng.random() < 0.3
        programs.append(programs[rng.integers(len(programs) - 1)] if again else changed(programs[-1], rng))
    return programs
