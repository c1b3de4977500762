"""Compiled kernels on disk: what a kernel sees is in the name of its entry, and no entry or folder stops anything."""

import os
import pathlib
import subprocess
import sys
import textwrap
import warnings
from dataclasses import replace

import numpy as np
import pytest
from user_program import Program, history

from neural import jit
from neural.jit import COMPILED, CacheWarning, announced, follow_changes, storage

ROOT = pathlib.Path(__file__).resolve().parents[2]
compiled_only = pytest.mark.skipif(not COMPILED, reason="there is no machine code under NUMBA_DISABLE_JIT=1")
pytestmark = compiled_only


Finished = subprocess.CompletedProcess


def run(folder: pathlib.Path, *words: str, script: str | None = None, **environment: str) -> Finished:
    """Python with the folder's cache; a ``script`` comes from standard input."""
    settings = {"BORN_CACHE_DIR": str(folder / "cache"), "PYTHONPATH": f"{ROOT}:{folder}", **environment}
    command = [sys.executable, *words] if script is None else [sys.executable, "-", *words]
    return subprocess.run(
        command, input=script, env=os.environ | settings, cwd=folder, capture_output=True, text=True, check=False
    )


def numbers(finished: Finished) -> list[float]:
    assert finished.returncode == 0, finished.stderr
    return [float(word) for word in finished.stdout.split()]


def source(text: str) -> str:
    return textwrap.dedent(text)


# A user's system in a script. It prints the energy of a Gaussian of alpha = 1/2 in one dimension, by quadrature, and
# how many kernels were compiled.
SCRIPT = source("""
    import sys
    from typing import NamedTuple
    import numpy as np
    import nqs
    from nqs.energy import _local_energies, local_energies
    from nqs.systems.system import System, potential

    class Fields(NamedTuple):
        base: tuple
        n_particles: int = 1
        n_dims: int = 1

    class Trap(System, Fields):
        __slots__ = ()

    @potential.register(Trap)
    def _(system, x):
        return K * x[0, 0] ** 2

    trap = Trap(nqs.HarmonicOscillator(1, 1))
    psi = nqs.Gaussian(nqs.HarmonicOscillator(1, 1), 0.5)
    x, weights = np.polynomial.hermite.hermgauss(4)
    for K in map(float, sys.argv[1:]):
        print(local_energies(trap, psi, x.reshape(4, 1, 1)) @ weights / weights.sum())
    print(sum(_local_energies.stats.cache_misses.values()))
""")


def test_a_potential_that_reads_a_global_of_the_script(tmp_path):
    """<K x^2> + 1/4 = K/2 + 1/4: a sweep by argument and by a loop, from a file and from standard input."""
    (tmp_path / "sweep.py").write_text(SCRIPT)
    assert numbers(run(tmp_path, "sweep.py", "1")) == pytest.approx([0.75, 1], rel=1e-12)
    assert numbers(run(tmp_path, "sweep.py", "5", "1")) == pytest.approx([2.75, 0.75, 1], rel=1e-12)
    assert numbers(run(tmp_path, "1", "5", script=SCRIPT)) == pytest.approx([0.75, 2.75, 0], rel=1e-12)


# E_L of a Gaussian of alpha = 1/2 is n/2 + V - x^2 / 2 for n coordinates, at points of x^2 = 0.58 and 1.86.
LOCAL = source("""
    import numpy as np
    import nqs
    from nqs.energy import local_energies
    import wells

    for n_particles, x in ((1, [[0.3, 0.7]]), (2, [[1.1, 0.7], [0.4, 0.0]])):
        trap = nqs.HarmonicOscillator(n_particles, 2)
        system = wells.Well(trap, n_particles)
        print(local_energies(system, nqs.Gaussian(trap, 0.5), np.array([x]))[0])
""")

WELLS = source("""
    from typing import NamedTuple
    from nqs.systems.system import System, potential
    import helper

    class Fields(NamedTuple):
        base: tuple
        n_particles: int
        n_dims: int = 2

    class Well(System, Fields):
        __slots__ = ()

    @potential.register(Well)
    def _(system, x):
        value = 0.0
        for i in range(x.shape[0]):
            value += helper.well(x[i])
        return value
""")

HELPER = source("""
    from neural.jit import kernel

    @kernel
    def well(x):
        return {strength} * (x[0] ** 2 + x[1] ** 2)
""")


@pytest.mark.parametrize("setting", ["as usual", "without a folder"])
def test_a_helper_in_another_file_is_edited(tmp_path, setting):
    (tmp_path / "wells.py").write_text(WELLS)
    (tmp_path / "program.py").write_text(LOCAL)
    (tmp_path / "file").touch()
    without = {"BORN_CACHE_DIR": str(tmp_path / "file"), "NUMBA_CACHE_DIR": str(tmp_path / "numba")}
    environment = {} if setting == "as usual" else without
    edits = [(0.5, [1.0, 2.0]), (0.75, [1.145, 2.465]), (5.0, [3.61, 10.37])]
    for strength, energies in edits if setting == "as usual" else edits[:2]:
        (tmp_path / "helper.py").write_text(HELPER.format(strength=strength))
        finished = run(tmp_path, "program.py", **environment)
        assert numbers(finished) == pytest.approx(energies, rel=1e-12)
        told = [line for line in finished.stderr.splitlines() if "set BORN_CACHE_DIR to a folder of your own" in line]
        assert len(told) == (setting != "as usual")


MAIN = source("""
    import sys
    from typing import NamedTuple
    import numpy as np
    from neural.jit import generic, kernel

    class Model(NamedTuple):
        width: float

    @generic
    def accept(model): ...

    if "accept" in sys.argv:
        @accept.register(Model)
        def _(model):
            return STRENGTH * model.width

    @kernel
    def accepted(model):
        return accept(model)

    @kernel
    def made(x):
        return Model(2.0 * x)

    if "accept" in sys.argv:
        print(accepted(Model(3.0)), made(4.0).width, isinstance(made(4.0), Model) + 0)
        print(sum(accepted.stats.cache_misses.values()) + sum(made.stats.cache_misses.values()))
    else:
        accepted(Model(3.0))
""")


def test_a_class_of_the_script_itself(tmp_path):
    """As an argument and, from a kernel that is never kept, as a result; then other text from standard input."""
    (tmp_path / "program.py").write_text("STRENGTH = 2.0\n" + MAIN)
    assert numbers(run(tmp_path, "program.py", "accept")) == [6, 8, 1, 2]
    assert numbers(run(tmp_path, "program.py", "accept")) == [6, 8, 1, 1]
    assert numbers(run(tmp_path, "accept", script="STRENGTH = 7.0\n" + MAIN)) == [21, 8, 1, 2]


def test_an_implementation_that_is_missing_is_missing_with_a_full_cache(tmp_path):
    (tmp_path / "program.py").write_text("STRENGTH = 2.0\n" + MAIN)
    assert numbers(run(tmp_path, "program.py", "accept")) == [6, 8, 1, 2]
    finished = run(tmp_path, "program.py")
    assert finished.returncode == 1
    assert "accept is not defined for Model; it is for nothing yet" in finished.stderr


def test_a_program_that_is_edited_at_random(tmp_path):
    """Every version is what its text says; those that differ in a comment or came before are not compiled again."""
    seen = set()
    for program in [Program(), Program(comment="explained", from_command_line=True), *history(7, seed=1)[1:]]:
        (energies, found), (plain, _) = (program.run(tmp_path, compiled=compiled) for compiled in (True, False))
        assert energies == pytest.approx(plain, rel=1e-10)
        text = replace(program, comment="", from_command_line=False)
        assert found == 2 if text in seen else found < 2
        seen.add(text)


def cell(text: str, **names: object) -> dict:
    """The names after a cell of a notebook."""
    space = {"__name__": "__main__", "np": np, **{name: getattr(jit, name) for name in jit.__all__}, **names}
    exec(compile(source(text), "<cell>", "exec"), space)
    return space


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache."""
    monkeypatch.setenv("BORN_CACHE_DIR", str(tmp_path))
    return tmp_path / "kernels"


def hits(function) -> int:
    return sum(function.stats.cache_hits.values())


def kept(folder: pathlib.Path) -> list[pathlib.Path]:
    return sorted(path for path in folder.glob("*") if not path.name.startswith("."))


TRIANGLE = """
    from typing import NamedTuple

    class Triangle(NamedTuple):
        base: float
        height: float

    @generic
    def area(shape): ...

    @area.register(Triangle)
    def _(shape):
        return {half} * shape.base * shape.height

    @kernel
    def compiled_area(shape):
        return area(shape)
"""


def test_a_cell_that_is_run_again(cache):
    """Another class of the same name, with the same code from the cache and with other code."""
    for half, found in ((0.5, 0), (0.5, 1), (0.25, 0), (0.5, 1)):
        space = cell(TRIANGLE.format(half=half))
        assert space["compiled_area"](space["Triangle"](3.0, 4.0)) == half * 12.0
        assert hits(space["compiled_area"]) == found


# Pairs of cells that differ in one thing that a kernel sees, as text and value.
DIFFERENT = {
    "constant": [("f = kernel(lambda x: 2.0 * x)", 4.0), ("f = kernel(lambda x: 3.0 * x)", 6.0)],
    "type of a constant": [("f = kernel(lambda x: 1 / 2 + x * 0)", 0.5), ("f = kernel(lambda x: 1.0 + x * 0)", 1.0)],
    "global": [("K = 2.0\nf = kernel(lambda x: K * x)", 4.0), ("K = 3.0\nf = kernel(lambda x: K * x)", 6.0)],
    "array": [
        (f"K = np.array([1.0, {k}])\nf = kernel(lambda x: K[1] * x)", value) for k, value in ((2.0, 4.0), (3.0, 6.0))
    ],
    "read-only array": [
        (f"K = np.array([{k}])\nK.setflags(write=False)\nf = kernel(lambda x: K[0] * x)", 2 * k) for k in (2.0, 3.0)
    ],
    "tuple": [(f"K = (1, {k})\nf = kernel(lambda x: K[1] * x)", 2 * k) for k in (2.0, 3.0)],
    "scalar of NumPy": [(f"K = np.float32({k})\nf = kernel(lambda x: K * x)", 2 * k) for k in (2.0, 3.0)],
    "boolean": [(f"K = {k}\nf = kernel(lambda x: x if K else -x)", 2.0 if k else -2.0) for k in (True, False)],
    "name": [(f"K = '{k}'\nf = kernel(lambda x: x if K == 'up' else -x)", s) for k, s in (("up", 2.0), ("down", -2.0))],
    "element of an enumeration": [
        (
            f"import enum\nclass Kind(enum.IntEnum):\n    A = {k}\n"
            "f = kernel(lambda x: x * 2.0 if Kind.A == 2 else x * 3.0)",
            2.0 * k,
        )
        for k in (2, 3)
    ],
    "function": [(f"def g(x): return {k} * x\ng = kernel(g)\nf = kernel(lambda x: g(x))", 2 * k) for k in (2.0, 3.0)],
    "function of Numba": [
        (f"from numba import njit\nK = {k}\ng = njit(lambda x: K * x)\nf = kernel(lambda x: g(x))", 2 * k)
        for k in (2.0, 3.0)
    ],
    "closure": [(f"def make(k):\n    return kernel(lambda x: k * x)\nf = make({k})", 2 * k) for k in (2.0, 3.0)],
    "nested function": [
        (f"@kernel\ndef f(x):\n    def g(y):\n        return {k} * y\n    return g(x)", 2 * k) for k in (2.0, 3.0)
    ],
    "default": [(f"@kernel\ndef g(x, k={k}): return k * x\nf = kernel(lambda x: g(x))", 2 * k) for k in (2.0, 3.0)],
    "order of fields": [
        (
            f"from typing import NamedTuple\nclass Pair(NamedTuple):\n    {a}: float\n    {b}: float\n"
            "f = kernel(lambda x: Pair(x, 3.0).a)",
            value,
        )
        for a, b, value in (("a", "b", 2.0), ("b", "a", 3.0))
    ],
    "order of operations": [
        (f"f = {decorator}(lambda x: (1e16 + x / 2) - 1e16 + (x - 2))", value)
        for decorator, value in (("exact_kernel", 0.0), ("exact_kernel", 0.0))
    ],
    "attribute of a module": [
        (f"import types as t\nm = t.ModuleType('mine')\nm.K = {k}\nf = kernel(lambda x: m.K * x)", 2 * k)
        for k in (2.0, 3.0)
    ],
    "overload": [
        (
            f"from numba.extending import overload\ndef g(x): ...\noverload(g)(lambda x: lambda x: {k} * x)\n"
            "f = kernel(lambda x: g(x))",
            2 * k,
        )
        for k in (2.0, 3.0)
    ],
    "builtin that is hidden": [
        ("f = kernel(lambda x: abs(x - 3))", 1.0),
        ("abs = kernel(lambda x: x + 10)\nf = kernel(lambda x: abs(x - 3))", 9.0),
    ],
}


@pytest.mark.parametrize("cells", DIFFERENT.values(), ids=DIFFERENT)
def test_what_a_kernel_sees_is_in_its_name(cache, cells):
    """Each text is compiled, found, and right after the other one filled the cache; comments make no difference."""
    for text, value in [*cells, *cells]:
        assert cell(text)["f"](2.0) == value
    for text, value in cells:
        function = cell(f"# moved\n\n{text}  # and explained")["f"]
        assert function(2.0) == value
        assert hits(function) == 1


def test_what_has_no_name_is_compiled_in_memory(cache):
    """An object of a user's compiled class would be another one in every process."""
    text = """
        import ctypes
        import ctypes.util
        cos = ctypes.CDLL(ctypes.util.find_library("m")).cos
        cos.argtypes, cos.restype = [ctypes.c_double], ctypes.c_double
        f = kernel(lambda x: cos(x))
    """
    for _ in range(2):
        function = cell(text)["f"]
        assert function(0.0) == 1.0
        assert hits(function) == 0
    assert not any("lambda" in path.name for path in kept(cache))


def test_global_names_that_change_in_this_process(cache):
    """A new value of a name, of an element, of a closure: ``follow_changes`` sees it, and new kernels see it all."""
    space = cell("""
        K, table, free = 2.0, np.array([1.0, 1.0]), lambda x: x

        def make(k):
            def change(value):
                nonlocal k
                k = value
            return kernel(lambda x: k * x), change

        factor, change = make(1.0)
        g = kernel(lambda x: K * table[1] * factor(x))
        f = kernel(lambda x: g(x))
        other = kernel(lambda x: free(x))
    """)
    f = space["f"]
    assert f(1.0) == 2.0
    space["K"] = 3.0
    follow_changes()
    assert f(1.0) == 3.0
    space["table"][1] = 5.0
    follow_changes()
    assert f(1.0) == 15.0
    space["change"](2.0)
    follow_changes()
    assert f(1.0) == 30.0
    space["K"] = 4.0  # a kernel that is compiled after this links no older code, and nor does its entry
    late = cell("late = kernel(lambda x: g(x) + 0)", g=space["g"])["late"]
    assert late(1.0) == 40.0
    assert f(1.0) == 40.0
    again = cell("late = kernel(lambda x: g(x) + 0)", g=space["g"])["late"]
    assert again(1.0) == 40.0
    assert hits(again) == 1


def test_a_large_array_is_neither_copied_nor_kept(cache):
    """Machine code points to it, so that its elements are those of the moment."""
    for found in (0, 0):
        space = cell("table = np.ones(200_000)\nf = kernel(lambda x: table[7] * x)")
        assert space["f"](2.0) == 2.0
        space["table"][7] = 3.0
        assert space["f"](2.0) == 6.0
        assert hits(space["f"]) == found


def test_another_implementation_for_the_same_class(cache):
    space = cell(TRIANGLE.format(half=0.5))
    area, compiled, triangle = space["area"], space["compiled_area"], space["Triangle"](3.0, 4.0)
    assert compiled(triangle) == 6.0
    area.register(type(triangle))(lambda shape: shape.base)
    follow_changes()
    assert compiled(triangle) == 3.0
    area.register(type(triangle))(lambda shape: shape.height)
    assert cell("f = kernel(lambda shape: area(shape))", area=area)["f"](triangle) == 4.0
    assert compiled(triangle) == 4.0


def test_an_implementation_that_comes_after_the_error(cache):
    space = cell(TRIANGLE.format(half=0.5) + "\n    class Line(NamedTuple):\n        length: float\n")
    line = space["Line"](2.0)
    with pytest.raises(Exception, match="area is not defined for Line"):
        space["compiled_area"](line)
    space["area"].register(type(line))(lambda shape: 0.0 * shape.length)
    assert space["compiled_area"](line) == 0.0


# Kernels whose helper is not inlined, since it calls itself: k^3 for each k, and how many kernels were compiled.
POWERS = source("""
    import multiprocessing
    import sys
    from neural.jit import kernel

    def work(k):
        @kernel
        def power(n, x):
            return k * power(n - 1, x) if n > 0 else x

        f = kernel(lambda n, x: power(n, x) + 0.0)
        return f(3, 1.0), sum(f.stats.cache_misses.values())

    if __name__ == "__main__":
        for k in map(float, sys.argv[2:]):
            if sys.argv[1] == "fork":
                with multiprocessing.get_context("fork").Pool(1) as pool:
                    print(*pool.apply(work, (k,)))
            else:
                print(*work(k))
""")


def test_functions_of_one_name_from_different_processes_are_told_apart(tmp_path):
    """The linker takes the first of two symbols of one name."""
    (tmp_path / "powers.py").write_text(POWERS)
    assert numbers(run(tmp_path, "powers.py", "fork", "2", "3")) == [8, 1, 27, 1]
    assert numbers(run(tmp_path, "powers.py", "here", "2", "3")) == [8, 0, 27, 0]


def doubled(x: float) -> tuple[float, int]:
    """The value of a new kernel, and whether it was found."""
    function = cell("f = kernel(lambda x: 2.0 * x)")["f"]
    return function(x), hits(function)


def flipped(content: bytes, bit: int) -> bytes:
    byte = bit // 8
    return content[:byte] + bytes([content[byte] ^ 1 << bit % 8]) + content[byte + 1 :]


def test_damaged_entries_are_compiled_again_and_replaced(cache):
    assert doubled(3.0) == (6.0, 0)
    (entry,) = kept(cache)
    whole = entry.read_bytes()
    bits = np.random.default_rng(0).integers(0, 8 * len(whole), size=5)
    damaged = [b"", whole[:10], whole[:-1], whole + b"\0", *(flipped(whole, int(bit)) for bit in bits)]
    for content in damaged:
        entry.write_bytes(content)
        assert doubled(3.0) == (6.0, 0)
        assert doubled(3.0) == (6.0, 1)


def test_an_entry_under_the_name_of_another_is_not_used(cache):
    assert doubled(3.0) == (6.0, 0)
    (entry,) = kept(cache)
    tripled = cell("f = kernel(lambda x: 3.0 * x)")["f"]
    assert tripled(1.0) == 3.0
    (other,) = set(kept(cache)) - {entry}
    other.replace(entry)
    assert doubled(3.0) == (6.0, 0)


def test_neither_a_folder_nor_a_pipe_in_the_place_of_an_entry_stops_anything(cache, monkeypatch):
    doubled(3.0)
    (entry,) = kept(cache)
    entry.unlink()
    os.mkfifo(entry)
    assert doubled(3.0) == (6.0, 0)
    entry.unlink()
    entry.mkdir()
    with pytest.warns(CacheWarning, match="set BORN_CACHE_DIR to a folder of your own"):
        assert doubled(3.0) == (6.0, 0)


def doubled_twice(x: float) -> list[tuple[float, int]]:
    return [doubled(x), doubled(x)]


def works_without(match: str) -> None:
    """One warning, then nothing is kept."""
    with pytest.warns(CacheWarning, match=match) as caught:
        assert doubled_twice(3.0) == [(6.0, 0)] * 2
    assert len(caught) == 1


def test_the_folder_is_private(cache):
    old = os.umask(0o002)
    try:
        assert doubled(3.0) == (6.0, 0)
    finally:
        os.umask(old)
    assert [path.stat().st_mode & 0o777 for path in (cache, *kept(cache))] == [0o700, 0o600]
    assert doubled(3.0) == (6.0, 1)


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o1777])
def test_a_folder_that_others_can_write_is_not_used(cache, mode):
    cache.mkdir()
    cache.chmod(mode)
    works_without("belongs to another user, or others may write there")
    assert kept(cache) == []


def test_a_folder_of_another_user_is_not_used(cache, monkeypatch):
    cache.mkdir(mode=0o700)
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    works_without("belongs to another user")


def test_an_entry_of_another_user_is_not_used(cache):
    assert doubled(3.0) == (6.0, 0)
    (entry,) = kept(cache)
    entry.chmod(0o666)
    assert doubled(3.0) == (6.0, 0)
    outside = cache.parent / "outside"
    entry.rename(outside)
    entry.symlink_to(outside)
    assert doubled(3.0) == (6.0, 0)


def test_a_user_without_a_home(monkeypatch):
    def home():
        raise RuntimeError("could not determine home directory")

    monkeypatch.delenv("BORN_CACHE_DIR", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", "nowhere")
    monkeypatch.setattr(pathlib.Path, "home", home)
    works_without("could not determine home directory")


@pytest.mark.parametrize("name", ["BORN_CACHE_DIR", "XDG_CACHE_HOME"])
def test_a_folder_that_cannot_be_made(tmp_path, monkeypatch, name):
    monkeypatch.delenv("BORN_CACHE_DIR", raising=False)
    (tmp_path / "file").touch()
    monkeypatch.setenv(name, str(tmp_path / "file" / "cache"))
    works_without("Not a directory: kernels are compiled anew")


def test_a_full_disk(tmp_path):
    """No file may grow beyond 100 bytes, so that every write fails in the middle."""
    text = source("""
        import resource
        from neural.jit import kernel
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
        f, g = kernel(lambda x: 2.0 * x), kernel(lambda x: 3.0 * x)
        print(f(1.0), g(1.0))
    """)
    finished = run(tmp_path, script=text)
    assert numbers(finished) == [2.0, 3.0]
    assert finished.stderr.count("File too large: kernels are compiled anew in every process") == 1
    assert set(os.listdir(tmp_path / "cache" / "kernels")) <= {".pruned"}


def test_processes_that_fill_the_cache_at_once(tmp_path):
    text = "from neural.jit import kernel\nf = kernel(lambda x: 2.0 * x)\nprint(f(1.0))"
    environment = os.environ | {"BORN_CACHE_DIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-W", "error", "-c", text]
    processes = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) for _ in range(3)]
    assert [process.communicate()[0] for process in processes] == [b"2.0\n"] * 3
    assert len(kept(tmp_path / "kernels")) == 1


def make_entry(folder: pathlib.Path, name: str, days: float, size: int = 10) -> pathlib.Path:
    path = folder / name
    path.write_bytes(bytes(size))
    used = path.stat().st_mtime - 86400 * days
    os.utime(path, (used, used))
    return path


def test_old_entries_and_the_remains_of_killed_processes_are_removed_once_a_day(cache, monkeypatch):
    cache.mkdir(mode=0o700)
    old, used = make_entry(cache, "old", 61), make_entry(cache, "used", 59)
    dead, alive = make_entry(cache, ".dead.1.a", 2), make_entry(cache, ".alive.2.b", 0.5)
    doubled(3.0)
    assert [path.exists() for path in (old, used, dead, alive)] == [False, True, False, True]
    old = make_entry(cache, "old", 61)
    cell("f = kernel(lambda x: 3.0 * x)")["f"](1.0)
    assert old.exists()


def test_the_oldest_entries_beyond_the_most_bytes_are_removed(cache, monkeypatch):
    monkeypatch.setattr(storage, "MOST_BYTES", 10**6)
    cache.mkdir(mode=0o700)
    entries = [make_entry(cache, str(days), days, 400_000) for days in (3, 2, 1)]
    doubled(3.0)
    assert [path.exists() for path in entries] == [False, True, True]


def test_an_entry_in_use_stays_young(cache):
    doubled(3.0)
    (entry,) = kept(cache)
    age = make_entry(cache, "other", 30).stat().st_mtime
    os.utime(entry, (age, age))
    assert doubled(3.0) == (6.0, 1)
    assert entry.stat().st_mtime > age + 86400


def test_the_folder_is_that_of_the_user(monkeypatch):
    monkeypatch.setenv("BORN_CACHE_DIR", "")
    monkeypatch.setenv("XDG_CACHE_HOME", "/home/user/cache")
    assert jit.cache_directory() == pathlib.Path("/home/user/cache/born/kernels")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/user")
    assert jit.cache_directory() == pathlib.Path("/home/user/.cache/born/kernels")
    monkeypatch.setenv("BORN_CACHE_DIR", "/fast")
    assert jit.cache_directory() == pathlib.Path("/fast/kernels")


def test_options_of_the_compiler_are_in_the_name(cache, monkeypatch):
    import numba

    assert doubled(3.0) == (6.0, 0)
    monkeypatch.setattr(numba.config, "BOUNDSCHECK", 1)
    assert doubled(3.0) == (6.0, 0)
    monkeypatch.undo()


def test_a_compilation_that_lasts_is_announced(cache):
    told = []
    with announced(lambda: told.append("compiling"), after=0.0):
        cell("f = kernel(lambda x: x * 0.125 + 1)")["f"](1.0)
    with announced(lambda: told.append("too early"), after=60.0):
        cell("f = kernel(lambda x: x * 0.125 + 2)")["f"](1.0)
    cell("f = kernel(lambda x: x * 0.125 + 3)")["f"](1.0)
    assert told == ["compiling"]


def test_without_warnings_in_the_usual_case(cache):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert doubled(3.0) == (6.0, 0)
