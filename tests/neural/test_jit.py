"""The kernel layer: dispatch on the class of a model, and a disk cache that is never stale."""

import math
import os
import pathlib
import subprocess
import sys
import textwrap
import threading
import time
from typing import NamedTuple

import numpy as np
import pytest

from neural.jit import (
    BLOCK,
    COMPILED,
    ROWS_AT_ONCE,
    TILE,
    cache_directory,
    copy,
    exact_kernel,
    generic,
    kernel,
    list_ones,
    sum_rows,
    transpose_block,
)

ROOT = pathlib.Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.interpreted
compiled_only = pytest.mark.skipif(not COMPILED, reason="there is no machine code under NUMBA_DISABLE_JIT=1")


class Square(NamedTuple):
    side: np.ndarray


class Circle(NamedTuple):
    radius: np.ndarray


class _Fields(NamedTuple):
    side: np.ndarray


class Cube(_Fields):
    """A model with a constructor of its own."""

    def __new__(cls, side: float) -> "Cube":
        return cls._make((np.array([side]),))


class WoodenCube(Cube):
    """Inherits what is registered for Cube."""


class Pair(NamedTuple):
    left: Square | Circle | Cube
    right: Square | Circle | Cube


class Triangle(NamedTuple):
    sides: np.ndarray


@generic
def content(shape, factor):
    """The area or volume times a factor."""
    raise AssertionError("the body of a declaration is not used")


@content.register(Square)
def _(shape, factor):
    return factor * shape.side[0] ** 2


@content.register(Circle)
def _(shape, factor):
    return factor * math.pi * shape.radius[0] ** 2


@content.register(Cube)
def _(shape, factor):
    return factor * shape.side[0] ** 3


@content.register(Pair)
def _(shape, factor):
    return content(shape.left, factor) + content(shape.right, factor)


@kernel
def compiled_content(shape, factor):
    return content(shape, factor)


@generic
def nowhere(shape):
    """Has no implementation."""


@kernel
def compiled_nowhere(shape):
    return nowhere(shape)


SHAPES = [
    (Square(np.array([3.0])), 18.0),
    (Circle(np.array([1.0])), 2 * math.pi),
    (Cube(2.0), 16.0),
    (WoodenCube(2.0), 16.0),
    (Pair(Square(np.array([1.0])), Cube(2.0)), 18.0),
]


@pytest.mark.parametrize(("shape", "expected"), SHAPES, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize("function", [content, compiled_content], ids=["called", "inside a kernel"])
def test_dispatch_on_the_class(function, shape, expected):
    assert function(shape, 2.0) == pytest.approx(expected, rel=1e-15)


def test_an_unknown_class_is_named_with_the_known_ones():
    with pytest.raises(TypeError, match="content is not defined for Triangle; it is for Circle, Cube, "):
        content(Triangle(np.ones(3)), 1.0)
    with pytest.raises(TypeError, match="nowhere is not defined for Square; it is for nothing yet"):
        nowhere(SHAPES[0][0])


def test_an_unknown_class_inside_a_kernel():
    """Numba's own error when compiled, with the same message inside."""
    with pytest.raises(Exception, match="content is not defined for Triangle; it is for Circle, Cube, "):
        compiled_content(Triangle(np.ones(3)), 1.0)
    with pytest.raises(Exception, match="nowhere is not defined for Square; it is for nothing yet"):
        compiled_nowhere(SHAPES[0][0])


def test_a_model_that_comes_later_needs_no_existing_kernel_touched():
    class Line(NamedTuple):
        length: np.ndarray

    @content.register(Line)
    def _(shape, factor):
        return 0.0 * factor

    assert compiled_content(Line(np.ones(1)), 2.0) == 0.0


@kernel
def _sum(x):
    total = 0.0
    for i in range(x.size):
        total += x[i]
    return total


@exact_kernel
def _compensated_sum(x):
    """Kahan's sum: reordering would remove the correction."""
    total = correction = 0.0
    for i in range(x.size):
        y = x[i] - correction
        t = total + y
        correction = (t - total) - y
        total = t
    return total


def test_exact_kernel_keeps_the_order_of_operations():
    x = np.concatenate([[1.0], np.full(100_000, 1e-16)])
    assert _compensated_sum(x) == pytest.approx(1 + 1e-11, rel=2e-16)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_fast_math_keeps_nan_and_infinity(value):
    x = np.ones(100)
    x[37] = value
    assert np.array_equal(_sum(x), value, equal_nan=True)


@kernel
def _quotient(a, b):
    return a / b


@compiled_only
def test_division_by_zero_is_not_an_exception():
    assert _quotient(1.0, 0.0) == math.inf
    assert math.isnan(_quotient(0.0, 0.0))


def test_copy():
    source, out = np.arange(6.0).reshape(2, 3), np.zeros((2, 3))
    copy(source, out)
    assert np.array_equal(source, out)


@kernel
def _spin(n):
    x = 0.5
    for _ in range(n):
        x = 3.9 * x * (1.0 - x)
    return x


@compiled_only
def test_kernels_release_the_interpreter_lock():
    """While a kernel of about a second runs, this thread goes on."""
    _spin(1)
    start = time.perf_counter()
    _spin(10**7)
    n = round(10**7 / (time.perf_counter() - start))
    thread = threading.Thread(target=_spin, args=(n,))
    thread.start()
    laps = 0
    while thread.is_alive():
        laps += 1
        time.sleep(0.001)
    assert laps > 20


def test_the_cache_directory_of_the_user(monkeypatch):
    monkeypatch.delenv("BORN_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/home/user/cache")
    assert cache_directory().parent == pathlib.Path("/home/user/cache/born")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/user")
    assert cache_directory().parent == pathlib.Path("/home/user/.cache/born")


# A program in which a user adds a system of their own; it prints a local energy and how many kernels were compiled.
PROGRAM = """
    import sys
    import numpy as np
    import nqs
    from nqs.energy import _local_energies, local_energies
    import trap

    system = trap.Quartic(nqs.HarmonicOscillator(1, 1))
    print(local_energies(system, nqs.Gaussian(nqs.HarmonicOscillator(1, 1)), np.full((1, 1, 1), 2.0))[0])
    stats = getattr(_local_energies, "stats", None)
    print(sum(stats.cache_misses.values()) if stats else 0)
"""

TRAP = """
    from typing import NamedTuple
    from nqs.systems.system import System, potential

    class Fields(NamedTuple):
        base: tuple
        n_particles: int = 1
        n_dims: int = 1

    class Quartic(System, Fields):
        __slots__ = ()

    @potential.register(Quartic)
    def _(system, x):
        return {strength} * x[0, 0] ** 4
"""


def run_program(folder: pathlib.Path) -> tuple[float, int]:
    environment = {**os.environ, "BORN_CACHE_DIR": str(folder / "cache"), "PYTHONPATH": f"{ROOT}:{folder}"}
    environment.pop("NUMBA_CACHE_DIR", None)
    finished = subprocess.run(
        [sys.executable, str(folder / "program.py")], env=environment, capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stderr
    energy, compiled = finished.stdout.split()
    return float(energy), int(compiled)


def test_a_users_edit_of_an_implementation_is_noticed(tmp_path):
    """E_L = 1/2 - x^2/2 + V at x = 2, with V = strength * 16: compiled, then from the cache, then edited."""
    (tmp_path / "program.py").write_text(textwrap.dedent(PROGRAM))
    trap = tmp_path / "trap.py"
    trap.write_text(textwrap.dedent(TRAP).format(strength=1.0))
    assert run_program(tmp_path) == (14.5, int(COMPILED))
    assert run_program(tmp_path) == (14.5, 0)
    trap.write_text(textwrap.dedent(TRAP).format(strength=2.0))
    assert run_program(tmp_path) == (30.5, int(COMPILED))


def test_a_kernel_serves_processes_that_do_not_know_each_others_models(tmp_path):
    """Entries are named by content: the same model in another module finds the kernel of the first."""
    (tmp_path / "program.py").write_text(textwrap.dedent(PROGRAM))
    (tmp_path / "trap.py").write_text(textwrap.dedent(TRAP).format(strength=1.0))
    assert run_program(tmp_path) == (14.5, int(COMPILED))
    (tmp_path / "trap.py").rename(tmp_path / "well.py")
    (tmp_path / "program.py").write_text(textwrap.dedent(PROGRAM).replace("trap", "well"))
    assert run_program(tmp_path) == (14.5, 0)


@kernel
def _sums(first, matrix, chosen, n_chosen, out):
    for column in range(0, out.size, TILE):
        sum_rows(first, matrix, chosen, n_chosen, column, out)


@pytest.mark.parametrize("n_chosen", range(6))
def test_sums_of_rows(n_chosen):
    """Small integers are exact in single precision. The indices after the chosen ones are those of a row of zeros."""
    rng = np.random.default_rng(0)
    matrix = rng.integers(-9, 9, size=(8, 3 * TILE)).astype(np.float32)
    matrix[7] = 0.0
    first, out = rng.integers(-9, 9, size=(2, 3 * TILE)).astype(np.float32)
    chosen = np.r_[rng.permutation(7)[:n_chosen], np.full(ROWS_AT_ONCE, 7)].astype(np.int32)
    _sums(first, matrix, chosen, n_chosen, out)
    assert np.array_equal(out, first + matrix[chosen].sum(axis=0))


@compiled_only
def test_sums_of_rows_are_of_single_precision_only():
    with pytest.raises(Exception, match="contiguous array of float32"):
        _sums(np.zeros(TILE), np.zeros((1, TILE)), np.zeros(4, np.int32), 1, np.zeros(TILE))


@kernel
def _moved(matrix, out):
    for i in range(0, matrix.shape[0], BLOCK):
        for j in range(0, matrix.shape[1], BLOCK):
            transpose_block(matrix, i, j, out)


def test_blocks_are_transposed():
    matrix = np.arange(3 * BLOCK * 5 * BLOCK, dtype=np.float32).reshape(3 * BLOCK, 5 * BLOCK)
    out = np.zeros((5 * BLOCK, 3 * BLOCK), np.float32)
    _moved(matrix, out)
    assert np.array_equal(out, matrix.T)


@kernel
def _ones(units, places, chosen, n):
    for first in range(0, units.size, 8):
        n = list_ones(units, first, places, chosen, n)
    return n


def test_units_that_are_one_are_listed():
    """All 256 patterns of eight units, after five numbers that stay."""
    units = np.unpackbits(np.arange(256, dtype=np.uint8))
    masks = np.arange(256)[:, None] >> np.arange(8) & 1
    places = np.argsort(1 - masks, axis=1, kind="stable").astype(np.int32)
    chosen = np.full(5 + units.size + 8, -1, np.int32)
    n = _ones(units, places, chosen, 5)
    assert np.array_equal(chosen[:n], np.r_[np.full(5, -1), np.flatnonzero(units)])
