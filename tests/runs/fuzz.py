"""Damaged and hostile files, states and commands by the thousand; what is counted is what went wrong.

Every trial is made from its number alone. Trials run in child processes with a limit of memory, each under a timer: an
outcome is "fine", "refused" (by an error of ours, in one line), or what must not be: "traceback", "hang", "memory",
"different" (another content than was written, and no word about it) or "lost".
"""

import collections
import contextlib
import io
import json
import multiprocessing
import os
import resource
import signal
import tempfile
import time
import typing
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from editing import contents_of, edited
from sameness import differences

from runs.errors import BornError
from runs.reading import open_result
from runs.runner import made
from runs.seal import sealed

SECONDS, BYTES = 10, 2**30  # of the processor and of memory, that a trial may take
WAITING, STARTING = 60, 180  # seconds in which something has to happen; with the imports of a new process
GOOD = {"fine", "refused"}
Trial = Callable[[int, Path], str]


def outcomes(trial: Trial, numbers: range, share: int = 250) -> collections.Counter[str]:
    """How often each outcome occurred; a process makes ``share`` trials, and another one goes on where it did not."""
    found: collections.Counter[str] = collections.Counter()
    for start in range(numbers.start, numbers.stop, share):
        part = range(start, min(start + share, numbers.stop))
        while part:
            done = _of_a_child(trial, part)
            found.update(done)
            part = part[len(done) :]
    return found


def _of_a_child(trial: Trial, numbers: range) -> list[str]:
    """Outcomes up to the last number, or to the one that the process did not survive."""
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as directory:
        receive, send = context.Pipe(False)
        child = context.Process(target=_child, args=(trial, numbers, Path(directory), send))
        child.start()
        send.close()
        found = list(_received(receive, numbers))
        child.kill()
        child.join()
    return found


def _received(pipe: Any, numbers: range) -> Iterator[str]:
    patience = STARTING
    for number in numbers:
        try:
            if not pipe.poll(patience):
                yield f"hang: {number}, where no timer is heard"
                return
            yield pipe.recv()
        except EOFError:
            yield f"crash: {number}"
            return
        patience = WAITING


def _child(trial: Trial, numbers: range, directory: Path, pipe: Any) -> None:
    """All trials of one process, whose memory above that of the start is limited."""
    signal.signal(signal.SIGPROF, _too_long)
    _judged(trial, numbers.start, directory)  # everything is imported now
    limit = _address_space() + BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    for number in numbers:
        pipe.send(_judged(trial, number, directory))


def _address_space() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    return pages * resource.getpagesize()


def _judged(trial: Trial, number: int, directory: Path) -> str:
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            return trial(number, directory)
    except TimeoutError:
        return f"hang: {number}"
    except MemoryError:
        return f"memory: {number}"
    except BaseException as error:
        return f"traceback: {number}: {type(error).__name__}: {error}"[:200]
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def _too_long(number: int, frame: Any) -> None:
    raise TimeoutError


# Result files


def written(directory: Path, line: str = "run random-walk --n-steps 3 --n-measure 2") -> Path:
    """A good result of the random walk; made once in a directory."""
    import walk  # noqa: F401  (registers the experiment)

    from runs.cli import main

    path = directory / "good.h5"
    if not path.exists() and main([*line.split(), "--out", str(path)]):
        raise RuntimeError("the run that makes the file failed")
    return path


def mutated_file(number: int, directory: Path) -> str:
    """A result with flipped bytes, cut short, or changed through HDF5 and sealed again: shown, reported and drawn."""
    rng = np.random.default_rng([20, number])
    good, path = written(directory), directory / "mutated.h5"
    contents, kind = good.read_bytes(), rng.choice(["bytes", "resealed bytes", "cut", "structure"])
    if kind == "structure":
        path.write_bytes(contents)
        with contextlib.suppress(Exception), edited(path) as file:  # what HDF5 itself does not accept
            for _ in range(rng.integers(1, 4)):
                spoil(file, rng)
        path.write_bytes(sealed(contents_of(path)))
    else:
        path.write_bytes(_damaged(contents, str(kind), rng))
    return _opened(path, good if kind in ("bytes", "cut") else None, draw=number % 40 == 0)


def _damaged(contents: bytes, kind: str, rng: np.random.Generator) -> bytes:
    if kind == "cut":
        return contents[: rng.integers(len(contents))]
    body = bytearray(contents if kind == "bytes" else contents[: -len(sealed(b""))])
    region = len(body) if rng.random() < 0.5 else 4096
    for position in rng.integers(region, size=rng.integers(1, 9)):
        body[position] = rng.integers(256)
    return bytes(body) if kind == "bytes" else sealed(bytes(body))


def _opened(path: Path, good: Path | None, draw: bool) -> str:
    """Show, report and sometimes draw; a file that was not meant to be another must have the same contents."""
    from runs.cli import main

    commands = [["show"], ["report"], *([["plot"]] if draw else [])]
    statuses = {main([*words, str(path), *(["--overwrite"] if words == ["plot"] else [])]) for words in commands}
    if not statuses <= {0, 2}:
        return f"traceback: status {statuses}"
    if 0 in statuses and good is not None and differences(open_result(path), open_result(good)):
        return "different"
    return "fine" if statuses == {0} else "refused"


def members(file: h5py.File) -> list[str]:
    """The names of all groups and data sets."""
    names: list[str] = []
    file.visit(names.append)
    return sorted(names)


def spoil(file: h5py.File, rng: np.random.Generator) -> None:
    """One random change of a group, a data set or an attribute."""
    names = members(file)
    name, other = (str(rng.choice(names)) for _ in range(2))
    leaves: list[Any] = [
        np.nan,
        -1,
        2**62,
        "text",
        np.zeros((2, 3)),
        np.arange(9),
        np.full(3, np.inf),
        1j,
        True,
        b"\xff",
    ]
    leaf = leaves[rng.integers(len(leaves))]
    change = rng.integers(7)
    if change == 0:
        del file[name]
    elif change == 1:
        file[f"{name}_{rng.integers(9)}"] = file[other]
    elif change == 2:
        del file[name]
        file[name] = leaf
    elif change == 3:
        file.move(name, f"{name}\x1b[31m|<b>")
    elif change == 4:
        attribute = str(rng.choice(sorted(file.attrs)))
        texts = [
            '{"a": [1]}',
            "[]",
            "null",
            "[[1, 2]]",
            "x" * 1000,
            '{"energy": null}',
            "1e999",
            '{"energy": [1, 2, 3]}',
        ]
        file.attrs[attribute] = np.array(
            texts[rng.integers(len(texts))].encode(), dtype=h5py.string_dtype("utf-8", 1000)
        )
    elif change == 5:
        file[other].attrs[str(rng.choice(["unit", "axes", "kind", "exact"]))] = leaf
    else:
        file.create_dataset(f"{name}_big", shape=(2**40,), dtype=float, chunks=(1024,))


# States


def hand_made_state(number: int, directory: Path) -> str:
    """A saved state of the random walk in which something was changed is refused, or continues to a result."""
    path = directory / "state.h5"
    path.write_bytes(written(directory).read_bytes())
    return _continued(path, np.random.default_rng([21, number]))


INTERRUPTED = ("quantum-dot", "ising-chain", "heisenberg-square", "ising-rbm", "moons", "variational-ising", "quench")


def interrupted(name: str, directory: Path) -> Path:
    """The file of an interrupted run of an experiment."""
    with zipfile.ZipFile(Path(__file__).parent / "data/experiments-v1.zip") as archive:
        return Path(archive.extract(f"{name}.h5", directory))


def state_of_an_experiment(number: int, directory: Path) -> str:
    """The same with an interrupted run of one of the experiments, whose kernels are best compiled before."""
    path = interrupted(INTERRUPTED[number % len(INTERRUPTED)], directory)
    return _continued(path, np.random.default_rng([25, number]))


def _continued(path: Path, rng: np.random.Generator) -> str:
    from runs.cli import main

    with edited(path) as file:
        file.attrs["status"] = np.array(b"interrupted", dtype=h5py.string_dtype("utf-8", 11))
        spoil_state(file["state"], rng)
    status = main(["resume", str(path)])
    return {0: "fine", 1: "refused", 2: "refused"}.get(status, f"traceback: status {status}")


def spoil_state(state: Any, rng: np.random.Generator) -> None:
    """Another shape, type, value or name in a saved state."""
    names = [name for name in members(state) if isinstance(state[name], h5py.Dataset)]
    name = str(rng.choice(names))
    found = np.array(state[name][()])
    change, flat = rng.integers(8), found.reshape(-1)
    numeric = found.dtype.kind in "biufc" and found.size > 0
    del state[name]
    if change == 0:
        return
    if change == 1:
        state[name + "_more"] = found
    elif change == 2:
        state[name] = np.stack([found, found])
    elif change == 3 and found.ndim:
        state[name] = found[:-1]
    elif change == 4 and numeric:
        state[name] = found.astype("f4" if found.dtype.kind != "f" else "i8", copy=True)
    elif numeric:
        with np.errstate(all="ignore"):
            value = [np.nan, -1, 0, 2**31, 1e300, -np.inf][rng.integers(6)]
            flat[rng.integers(flat.size)] = np.array(value).astype(found.dtype)
        state[name] = flat.reshape(found.shape)
    else:
        state[name] = "other"


# Data files


def data_file(number: int, directory: Path) -> str:
    """A file of data that was damaged, or changed through HDF5, gives a data set or one clear error."""
    from generative import datasets

    rng = np.random.default_rng([22, number])
    good, path = directory / "data.h5", directory / "other.h5"
    if not good.exists():
        datasets.save(datasets.gaussian_ring(100, seed=1), good)
    contents = bytearray(good.read_bytes())
    if number % 2:
        for position in rng.integers(len(contents) if number % 4 == 1 else 4096, size=rng.integers(1, 9)):
            contents[position % len(contents)] = rng.integers(256)
    path.write_bytes(contents[: rng.integers(len(contents))] if number % 10 == 2 else contents)
    if number % 2 == 0:
        with contextlib.suppress(Exception), h5py.File(path, "r+", libver=("v110", "v110")) as file:
            spoil(file, rng)
    try:
        read = datasets.from_hdf5(path)
        train = np.asarray(read.train)
    except (ValueError, OSError):
        return "refused"
    same = np.array_equal(train, np.asarray(datasets.from_hdf5(good).train))
    return "different" if number % 2 and not same else "fine"


# Configurations


TINY = dict(n_steps=1, n_samples=16, n_chains=8, n_burn_in=1, n_measure=128, n_bins=5, n_particles=2, threads=1)
TINY |= dict(n_data=1000, n_updates=20, n_epochs=1, batch_size=10, width=4, units=2, n_grid=10, sampler_steps=2)
TINY |= dict(patience=1, n_times=2, n_vmc_steps=1, alpha=1, length=4, size=4, n_spins=4)
"""Lengths of runs that end soon, or would if it were not for the other fields."""


def tiny_words(experiment: Any) -> list[str]:
    """Flags that make an experiment small."""
    known = {name: value for name, value in TINY.items() if name in experiment.settings.model_fields}
    return [word for name, value in known.items() for word in (f"--{name.replace('_', '-')}", str(value))]


def is_small(settings: Any) -> bool:
    """Whether all lengths are about as in ``TINY``, so that a run cannot take long."""
    values = [value for name, value in settings if name != "seed"]
    return all(value <= 1000 for value in values if type(value) is int)


def configuration(number: int, directory: Path) -> str:
    """Fields with values of all kinds: settings, or one message; every fourth, if it is small, is also started."""
    from runs.configuration import settings_from
    from runs.experiments import EXPERIMENTS, find

    rng = np.random.default_rng([23, number])
    names = [name for name in EXPERIMENTS if name != "random-walk"]
    experiment = find(names[number % len(names)])
    try:
        settings = settings_from(experiment, [*tiny_words(experiment), *random_words(experiment, rng)])
        if number // len(names) % 4 == 0 and is_small(settings):
            made(experiment, settings)
    except BornError as error:
        return "refused" if error.status == 2 and len(str(error).splitlines()) < 9 else f"traceback: {error}"
    except SystemExit as end:
        return "refused" if end.code == 2 else f"traceback: exit {end.code}"
    return "fine"


VALUES = (
    "0 1 -1 2 3 0.5 1e300 1e-300 1e12 1000000000 nan inf -inf true few 9999999999999999999999 '' [] {} 1e5 é\x1b[0m"
)

INTEGERS, NUMBERS = (0, 1, 2, 3, 4, 8, 16, 100), (0, 1e-9, 0.01, 0.1, 0.5, 1, 2, 3, 30, 1e6, -1, -0.3)


def random_words(experiment: Any, rng: np.random.Generator) -> list[str]:
    """Some of the fields of an experiment; two in three have a value of their type, the others one of any kind."""
    fields = experiment.settings.model_fields
    names = [name for name in fields if name not in ("out", "config")]
    words: list[str] = []
    for name in rng.choice(names, size=rng.integers(1, 5)):
        values = VALUES.split() if rng.random() < 1 / 3 else _of_type(fields[name].annotation)
        words += [f"--{str(name).replace('_', '-')}", *map(str, rng.choice(values, size=min(len(values), 1)))]
    return words


def _of_type(annotation: Any) -> list[str]:
    """Values that suit a field, among them extreme ones; none for a switch."""
    choices = [value for value in typing.get_args(annotation) if isinstance(value, str)]
    if choices or annotation is bool:
        return choices
    is_whole = "int" in str(annotation) and "float" not in str(annotation)
    return [*map(str, INTEGERS if is_whole else NUMBERS)]


# Kills

MOMENTS = ("fsync", "replace", "replaced")  # contents are written; a moment before the new name, and after it


def killed(number: int, path: Path, line: list[str], seconds: float, expected: Any, method: str) -> str:
    """SIGKILL in a run, and up to twice while it is continued; the end has the same bits.

    Every other kill comes within a save, the first or a later one, the others at any time of the ``seconds`` of a run.
    Processes start by the ``method`` of multiprocessing.
    """
    rng, log = np.random.default_rng([24, number]), path.with_suffix(".log")
    for _ in range(rng.integers(1, 4)):
        moment = str(rng.choice(MOMENTS)) if rng.random() < 0.5 else ""
        process = _begun(_words(line, path), log, method, moment, int(rng.choice([1, 2, 5, 12])))
        process.join(None if moment else rng.uniform(0, seconds))
        process.kill()
        process.join()
        try:
            assert not path.exists() or open_result(path).status in ("running", "finished")
        except BornError as error:
            return f"lost: {error}"
    process = _begun(_words(line, path), log, method)
    process.join(SECONDS + 4 * seconds)
    if process.is_alive():
        process.kill()
        return f"hang: {number}"
    if process.exitcode or "Traceback" in log.read_text():
        return f"lost: {log.read_text()[-200:]}"
    return f"different: {number}" if differences(open_result(path), expected) else "fine"


def _words(line: list[str], path: Path) -> list[str]:
    return ["resume", str(path)] if path.exists() else [*line, "--out", str(path)]


def whole(path: Path, line: list[str], method: str) -> tuple[float, Any]:
    """The seconds that a run takes in a process of its own, and its result."""
    began = time.perf_counter()
    process = _begun(_words(line, path), path.with_suffix(".log"), method)
    process.join()
    return time.perf_counter() - began, open_result(path)


def _begun(words: list[str], log: Path, method: str, moment: str = "", n: int = 0) -> Any:
    context: Any = multiprocessing.get_context(method)
    if method == "forkserver":  # processes start in milliseconds from a server that has imported everything
        context.set_forkserver_preload(["fuzz", "walk", "runs.cli", "runs.runner", "runs.configuration", "runs.report"])
    process = context.Process(target=_born, args=(words, log, moment, n))
    process.start()
    return process


def _born(words: list[str], log: Path, moment: str, n: int) -> None:
    """The command, which ends itself at a ``moment`` of its n-th save."""
    import walk

    with open(log, "wb") as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    if moment:
        name = moment.removesuffix("d")
        setattr(os, name, _deadly(getattr(os, name), 2 * n - 1 if name == "fsync" else n, moment != name))
    walk.born(words)


def _deadly(call: Callable[..., Any], n: int, after: bool) -> Callable[..., Any]:
    """A function that kills its process at the n-th call, before it does anything or after it did."""
    numbers = iter(range(1, 2**31))

    def called(*arguments: Any) -> Any:
        number = next(numbers)
        if number == n and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        found = call(*arguments)
        if number == n:
            os.kill(os.getpid(), signal.SIGKILL)
        return found

    return called


def summary_of(found: collections.Counter[str]) -> str:
    return json.dumps(dict(found.most_common(12)))


def random_command(number: int) -> list[str]:
    """``run NAME`` with random values of random fields."""
    from runs.experiments import EXPERIMENTS, find

    rng = np.random.default_rng([26, number])
    names = [name for name in EXPERIMENTS if name != "random-walk"]
    experiment = find(str(rng.choice(names)))
    return ["run", experiment.name, *tiny_words(experiment), *random_words(experiment, rng)]
