"""Run an experiment into a result file, and continue one that was stopped."""

import os
import traceback
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from neural.divergence import DivergedError

from .configuration import changed_settings, differing
from .errors import ConfigError, ResultError, RunFailed, UsageError, shortened
from .experiments import find
from .experiments.experiment import Experiment, Progress, Run
from .experiments.settings import Settings
from .interrupts import Interrupts
from .lock import lock_name, only_writer
from .progress import Display
from .reading import open_result
from .recorder import Recorder
from .result import Change, Measurement, Profile, Result
from .state import check_state

MOST_WARNINGS, MOST_CHARACTERS = 20, 1000  # of a result file
REMEDIES = ("learning_rate", "tolerance")  # fields of which a smaller value may help a run that failed
EXPECTED = (ArithmeticError, ValueError, MemoryError)  # their messages are written for the user


def start(experiment: Experiment, settings: Settings, path: Path, display: Display) -> Result:
    """Run from the beginning. The result has the status "finished" or, after a signal to stop, "interrupted".

    Raises ``UsageError`` for settings that do not go together or a file that exists, ``RunFailed`` for a run that
    stopped by itself; what was done before is in the file then, with the status "failed", or "diverged".
    """
    path = Path(os.path.realpath(path))
    with Interrupts(lock_name(path).unlink) as interrupts, only_writer(path):
        if path.exists():
            _check_overwrite(path, settings.overwrite)
        run = made(experiment, settings)
        settings = getattr(run, "settings", settings)  # with what was chosen by the system
        config = settings.model_dump(mode="json")
        result = Result(experiment.name, config, settings.seed, exact=dict(run.exact))
        result.references = dict(getattr(run, "references", {}))
        recorder = Recorder(path, result, settings.checkpoint)
        interrupts.work()
        recorder.save("running")
        return _drive(run, recorder, display, interrupts)


def resume(path: Path, display: Display, changes: Sequence[str] = ()) -> Result:
    """Continue a run that was stopped or killed, to the same bits as if it had not been; errors as in ``start``.

    ``changes`` are fields and values as on the command line, with which the run goes on: ``["--n-steps", "400"]``.
    """
    path = Path(os.path.realpath(path))
    if not path.exists():
        open_result(path)  # which says so, and makes no directory for a lock
    with Interrupts(lock_name(path).unlink) as interrupts, only_writer(path):
        result = open_result(path)
        experiment = find(result.experiment)
        stored = experiment.settings.stored(result.config)
        settings = changed_settings(experiment, stored, changes)
        changed = differing(stored, settings)
        if result.status == "finished" and not changed:
            return result
        run = made(experiment, settings)
        _restore(run, result, path)
        if changed:
            result.config = settings.model_dump(mode="json")
            result.changes.append(Change(result.n_steps, changed))
        interrupts.work()
        return _drive(run, Recorder(path, result, settings.checkpoint), display, interrupts)


def made(experiment: Experiment, settings: Settings) -> Run:
    """A run before its first step. Raises ``ConfigError`` for settings that do not go together or need too much."""
    try:
        with np.errstate(all="ignore"):  # of extreme values, which are judged by what comes out
            return experiment.start(settings)
    except MemoryError as error:
        raise ConfigError(f"expected a run that fits into memory: {error or 'smaller sizes are needed'}") from None
    except ValueError as error:
        raise ConfigError(str(error)) from None
    except ArithmeticError as error:
        raise ConfigError(
            f"expected values of ordinary size, found some that cannot be computed with ({error})"
        ) from None


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
            check_state(run, result.state)
            run.restore(result.state)
        except (KeyError, ValueError, TypeError, AttributeError, IndexError, ArithmeticError, RuntimeError) as error:
            raise ResultError(f"{path}: the saved state does not fit its configuration ({_one_line(error)})") from None


def _drive(run: Run, recorder: Recorder, display: Display, interrupts: Interrupts) -> Result:
    from neural.jit import announced  # imported here, so that a mistake is told without waiting for the compiler

    result = recorder.result
    with warnings.catch_warnings(), display, announced(display.compiling):
        _pass_warnings_on(result, display)
        try:
            for progress in _work(run, recorder, display):
                display.advance(progress)
                if interrupts.received:
                    interrupts.notice()
                    result.stopped_by = interrupts.received
                    recorder.save("interrupted", run.state())
                    return result
                if recorder.due():
                    recorder.save("running", run.state())
            _conclude(run, result)
            interrupts.notice()
            recorder.save("finished", run.state())
        except KeyboardInterrupt:  # within a step: what was saved last is a whole state
            interrupts.notice()
            result.stopped_by = interrupts.received
            recorder.rewind()
            recorder.save("interrupted")
        except RunFailed as error:
            raise RunFailed(f"{error}\nonce it can be written, continue with: born resume {recorder.path}") from error
        except Exception as error:
            raise _failure(error, run, recorder) from error
    return result


def _conclude(run: Run, result: Result) -> None:
    measured, result.samples = run.measurements(), dict(run.samples())
    result.measurement = {name: each for name, each in measured.items() if isinstance(each, Measurement)}
    result.profiles = {name: each for name, each in measured.items() if isinstance(each, Profile)}
    result.notes = list(getattr(run, "notes", ()))
    result.doubts = dict(getattr(run, "doubts", {}))


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


def _failure(error: Exception, run: Run, recorder: Recorder) -> RunFailed:
    """Save what there is, and say what happened, what was saved and how to go on."""
    known = isinstance(error, EXPECTED)
    message = str(error) if known and str(error) else f"{type(error).__name__}: {_one_line(error)}"
    where = traceback.extract_tb(error.__traceback__)[-1]
    place = "" if known else f" ({Path(where.filename).name}, line {where.lineno})"
    recorder.result.failure = (message + place)[:MOST_CHARACTERS]
    recorder.save("diverged" if isinstance(error, DivergedError) else "failed", _last_good_state(run, recorder.n_steps))
    return RunFailed(f"{message}{place}\n{_saved(recorder, getattr(run, 'settings', None))}")


def _last_good_state(run: Run, n_steps: int) -> dict[str, Any] | None:
    """The state before the step that failed, or None where the run has none that could be continued."""
    try:
        state = run.state()
        step = state["step"]
    except Exception:  # of a run that is broken anyway
        return None
    return state if isinstance(step, int) and step <= n_steps else None


def _saved(recorder: Recorder, settings: Any) -> str:
    """What the file holds, and how other settings go on from there."""
    result, path = recorder.result, recorder.path
    steps = f"saved {result.n_steps} steps in {path}"
    remedies = {name: value for name in REMEDIES if isinstance(value := getattr(settings, name, None), float)}
    if result.state is None or not remedies:
        return steps
    name, value = next(iter(remedies.items()))
    command = f"born resume {path} --{name.replace('_', '-')} {value / 4:.3g}"
    return f"{steps}, and the state after step {result.state['step']}: other settings go on from there: {command}"


def _one_line(error: Exception) -> str:
    """The message of an error of any origin; those of a compiler have dozens of lines."""
    return shortened(" ".join(str(error).split()), MOST_CHARACTERS) or type(error).__name__
