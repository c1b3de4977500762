"""Run an experiment into a result file, and continue one that was stopped."""

import os
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .errors import ConfigError, ResultError, RunFailed, UsageError
from .experiments import find
from .experiments.experiment import Experiment, Progress, Run
from .experiments.settings import Settings
from .interrupts import Interrupts
from .lock import only_writer
from .progress import Display
from .reading import open_result
from .recorder import Recorder
from .result import Measurement, Profile, Result

MOST_WARNINGS, MOST_CHARACTERS = 20, 1000  # of a result file
EXPECTED = (ArithmeticError, ValueError, MemoryError)  # their messages are written for the user


def start(experiment: Experiment, settings: Settings, path: Path, display: Display) -> Result:
    """Run from the beginning. The result has the status "finished" or, after Ctrl-C, "interrupted".

    Raises ``UsageError`` for settings that do not go together or a file that exists, ``RunFailed`` for a run that
    stopped by itself; what was done before is in the file then, with the status "failed".
    """
    path = Path(os.path.realpath(path))
    with Interrupts() as interrupts, only_writer(path):
        if path.exists():
            _check_overwrite(path, settings.overwrite)
        run = _make(experiment, settings)
        settings = getattr(run, "settings", settings)  # with what was chosen by the system
        config = settings.model_dump(mode="json")
        result = Result(experiment.name, config, settings.seed, exact=dict(run.exact))
        result.references = dict(getattr(run, "references", {}))
        recorder = Recorder(path, result, settings.checkpoint)
        recorder.save("running")
        return _drive(run, recorder, display, interrupts)


def resume(path: Path, display: Display) -> Result:
    """Continue a run that was stopped or killed, to the same bits as if it had not been; errors as in ``start``."""
    path = Path(os.path.realpath(path))
    with Interrupts() as interrupts, only_writer(path):
        result = open_result(path)
        if result.status == "finished":
            return result
        experiment = find(result.experiment)
        settings = experiment.settings.model_validate(result.config)
        run = _make(experiment, settings)
        _restore(run, result, path)
        return _drive(run, Recorder(path, result, settings.checkpoint), display, interrupts)


def _make(experiment: Experiment, settings: Settings) -> Run:
    try:
        return experiment.start(settings)
    except ValueError as error:
        raise ConfigError(str(error)) from None


def _check_overwrite(path: Path, overwrite: bool) -> None:
    try:
        result = open_result(path)
    except ResultError as error:
        raise UsageError(f"{error}; it will not be replaced: choose another --out") from None
    if not overwrite:
        found = f"{path} holds a result ({result.status}, {result.n_steps} steps)"
        resumable = "" if result.status == "finished" else f"continue it with `born resume {path}`, "
        raise UsageError(f"{found}: {resumable}choose another --out, or replace it with --overwrite")


def _restore(run: Run, result: Result, path: Path) -> None:
    """Put the run where the saved state is, and drop the rows of the trace that lie after it."""
    step = 0 if result.state is None else result.state.get("step")
    if not isinstance(step, int) or not 0 <= step <= result.n_steps:
        raise ResultError(f"{path}: expected a state after at most {result.n_steps} steps, found {step!r}")
    result.trace = {name: column[:step] for name, column in result.trace.items()}
    result.failure = ""
    if result.state is not None:
        try:
            run.restore(result.state)
        except (KeyError, ValueError, TypeError, AttributeError, IndexError, OverflowError) as error:
            raise ResultError(f"{path}: the saved state does not fit its configuration ({error})") from None


def _drive(run: Run, recorder: Recorder, display: Display, interrupts: Interrupts) -> Result:
    from neural.jit import announced  # imported here, so that a mistake is told without waiting for the compiler

    result = recorder.result
    with warnings.catch_warnings(), display, announced(display.compiling):
        _pass_warnings_on(result, display)
        try:
            for progress in _work(run, recorder, display):
                display.advance(progress)
                if interrupts.received:
                    recorder.save("interrupted", run.state())
                    return result
                if recorder.due():
                    recorder.save("running", run.state())
            measured, result.samples = run.measurements(), dict(run.samples())
            result.measurement = {name: each for name, each in measured.items() if isinstance(each, Measurement)}
            result.profiles = {name: each for name, each in measured.items() if isinstance(each, Profile)}
            result.notes = list(getattr(run, "notes", ()))
            recorder.save("finished", run.state())
        except RunFailed as error:
            raise RunFailed(f"{error}\nonce it can be written, continue with: born resume {recorder.path}") from error
        except Exception as error:
            raise _failure(error, recorder) from error
    return result


def _work(run: Run, recorder: Recorder, display: Display) -> Iterator[Progress]:
    display.phase("training")
    for progress in run.training():
        recorder.append(progress.numbers)
        yield progress
    display.phase("measuring")
    yield from run.measuring()


def _pass_warnings_on(result: Result, display: Display) -> None:
    from neural.jit import CacheWarning

    def show(message: Any, category: type[Warning], *where: Any) -> None:
        text = str(message)[:MOST_CHARACTERS]
        if issubclass(category, CacheWarning):
            display.warn(text)
        elif text not in result.warnings and len(result.warnings) < MOST_WARNINGS:
            result.warnings.append(text)
            display.warn(text)

    for category in (UserWarning, RuntimeWarning):
        warnings.simplefilter("always", category)
    warnings.showwarning = show


def _failure(error: Exception, recorder: Recorder) -> RunFailed:
    """Save what there is, and say what happened and what was saved."""
    message = str(error) if isinstance(error, EXPECTED) else f"{type(error).__name__}: {error}"
    where = traceback.extract_tb(error.__traceback__)[-1]
    place = "" if isinstance(error, EXPECTED) else f" ({Path(where.filename).name}, line {where.lineno})"
    recorder.result.failure = (message + place)[:MOST_CHARACTERS]
    recorder.save("failed")
    return RunFailed(f"{message}{place}\nsaved {recorder.result.n_steps} steps in {recorder.path}")
