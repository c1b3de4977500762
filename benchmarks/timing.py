"""How the benchmarks time a call."""

import statistics
import time
from collections.abc import Callable


def seconds(call: Callable[[], object], repeats: int = 15) -> dict[str, float]:
    """Median, shortest and longest time of a call in seconds, after one call that is not counted."""
    call()
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    return {"median": statistics.median(times), "min": min(times), "max": max(times)}
