"""The command ``born``."""

import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from .errors import BornError, UsageError, nearest, printable
from .streams import discard_output, keep_streams_open, say

USAGE = """usage: born COMMAND ...

  born list                          the experiments and the lessons
  born run NAME [--field value ...]  run one; `born run NAME --help` lists its fields
  born resume FILE [--field value]   continue a run that was stopped or killed; rates and lengths may change
  born show FILE                     its results on a few lines
  born plot FILE [PICTURE]           its curves, as FILE.png if not told otherwise
  born report FILE [TEXT]            everything about it, as Markdown

plot and report keep a file that exists unless told --overwrite, and a result always.
Exit status: 0 done, 1 the run failed, 2 the command, a value or a file cannot be used, 130 stopped by Ctrl-C,
75 saved and to be continued, after the SIGTERM of a batch system or the end of a terminal.
"""
STOPPED, TO_BE_CONTINUED = 130, 75  # the latter is EX_TEMPFAIL of sysexits.h


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    keep_streams_open()
    try:
        status = _dispatch(words)
        sys.stdout.flush()
        return status
    except BornError as error:
        say("born: " + "\n".join(map(printable, str(error).splitlines())))
        return error.status
    except KeyboardInterrupt:
        say("born: stopped at once; what was saved last is intact")
        return STOPPED
    except OSError as error:
        discard_output()
        if not isinstance(error, BrokenPipeError):
            say(f"born: {printable(str(error.filename or 'the output'))}: {error.strerror}")
        return 1


def _dispatch(words: list[str]) -> int:
    if not words or words[0] in ("-h", "--help"):
        print(USAGE, end="")
        return 0 if words else 2
    if words[0] not in COMMANDS:
        raise UsageError(f"unknown command {words[0]!r}: {nearest(words[0], COMMANDS)}")
    if words[0] not in ("run", "resume") and {"-h", "--help"} & set(words[1:]):
        print(USAGE, end="")
        return 0
    return COMMANDS[words[0]](words[1:])


def _list(words: list[str]) -> int:
    from .experiments import EXPERIMENTS
    from .lessons import LESSONS

    _files(words, "list", 0, 0)
    for title, known in {"experiments": EXPERIMENTS, "lessons": LESSONS}.items():
        print(f"{title}:")
        for name, (_, summary) in known.items():
            print(f"  {name:22} {summary}")
    return 0


def _run(words: list[str]) -> int:
    from .experiments import find

    if not words or words[0].startswith("-"):
        raise UsageError("expected an experiment or a lesson: born run NAME; `born list` names them")
    experiment = find(words[0])
    from .configuration import settings_from

    settings = settings_from(experiment, words[1:])
    from .progress import display_for
    from .runner import start

    path = settings.out or Path("results", f"{experiment.name}.h5")
    return _conclude(start(experiment, settings, path, display_for(sys.stdout)), path)


def _resume(words: list[str]) -> int:
    from .progress import display_for
    from .runner import resume

    (path,) = _files(words[:1], "resume", 1, 1)
    return _conclude(resume(path, display_for(sys.stdout), words[1:]), path)


def _conclude(result: Any, path: Path) -> int:
    """Say how a run ended; that nobody reads it is no failure of the run."""
    from .report import summary

    is_done = result.status != "interrupted"
    end = "saved in" if is_done else f"stopped after step {result.n_steps} and saved; continue with: born resume"
    try:
        print(f"{summary(result)}\n{end} {path}", flush=True)
    except OSError:
        discard_output()
    if is_done:
        return 0
    return TO_BE_CONTINUED if result.stopped_by in (signal.SIGTERM, signal.SIGHUP) else STOPPED


def _show(words: list[str]) -> int:
    from .lock import is_locked
    from .reading import makes_sense, open_result
    from .report import summary

    (path,) = _files(words, "show", 1, 1)
    result = open_result(path)
    with makes_sense(path):
        text = summary(result)
    print(text)
    if result.status != "finished" and not is_locked(path):
        print(f"not finished, and no process is at it: continue with: born resume {path}")
    return 0


def _plot(words: list[str]) -> int:
    from .reading import makes_sense, open_result

    words, overwrite = _without_overwrite(words)
    path, *rest = _files(words, "plot", 1, 2)
    result = open_result(path)
    os.environ.pop("MPLBACKEND", None)  # of a notebook, which may not be there; pictures need none
    from .plots import save_picture

    with makes_sense(path):
        picture = save_picture(result, rest[0] if rest else path.with_suffix(".png"), overwrite)
    print(f"drawn in {picture}")
    return 0


def _report(words: list[str]) -> int:
    from .outputs import write_output
    from .reading import makes_sense, open_result
    from .report import report

    words, overwrite = _without_overwrite(words)
    path, *rest = _files(words, "report", 1, 2)
    result = open_result(path)
    with makes_sense(path):
        text = report(result)
    if rest:
        write_output(rest[0], text.encode(), overwrite)
    else:
        print(text, end="")
    return 0


def _without_overwrite(words: list[str]) -> tuple[list[str], bool]:
    return [word for word in words if word != "--overwrite"], "--overwrite" in words


def _files(words: list[str], command: str, least: int, most: int) -> list[Path]:
    wrong = [word for word in words if word.startswith("-")]
    if wrong or not least <= len(words) <= most:
        found = " ".join(words) or "nothing"
        raise UsageError(f"born {command}: expected {_NUMBERS[least, most]}, found {found}; see born --help")
    return [Path(word) for word in words]


_NUMBERS = {(0, 0): "no file", (1, 1): "one file", (1, 2): "one or two files"}

COMMANDS: dict[str, Callable[[list[str]], int]] = {
    "list": _list,
    "run": _run,
    "resume": _resume,
    "show": _show,
    "plot": _plot,
    "report": _report,
}


if __name__ == "__main__":
    sys.exit(main())
