"""How the benchmarks time a call."""

import difflib
import statistics
import sys
import time
from collections.abc import Callable, Iterable


def seconds(call: Callable[[], object], repeats: int = 15) -> dict[str, float]:
    """Median, shortest and longest time of a call in seconds, after one call that is not counted."""
    call()
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    return {"median": statistics.median(times), "min": min(times), "max": max(times)}


def cases_among(known: Iterable[str], chosen: list[str]) -> list[str]:
    """The chosen cases, or all; a name that is not known ends the process with the status 2 and the nearest one."""
    names = list(known)
    for word in chosen:
        if word not in names:
            near = difflib.get_close_matches(word, names, n=1) or names
            print(f"unknown case {word!r}: expected one such as {', '.join(near)}", file=sys.stderr)
            raise SystemExit(2)
    return chosen or names
