"""Are two results of the same run equal to the last bit?"""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import numpy as np

from runs.result import Result


def differences(left: Result, right: Result) -> list[str]:
    """The names of all parts that differ in type, shape or any bit; the wall time does not count."""
    return list(_differences("", parts(left), parts(right)))


def parts(result: Result) -> dict[str, Any]:
    trace = {name: column for name, column in result.trace.items() if name != "wall_time"}
    return {
        "trace": trace,
        "state": result.state or {},
        "samples": result.samples,
        "measurement": {name: repr(each) for name, each in result.measurement.items()},
        "profiles": {name: {**asdict(each.estimates), **each.axes} for name, each in result.profiles.items()},
        "references": {name: repr(each) for name, each in result.references.items()},
        "status": result.status,
        "seed": result.seed,
        "exact": result.exact,
    }


def _differences(name: str, left: Any, right: Any) -> Iterator[str]:
    if not (isinstance(left, dict) and isinstance(right, dict)):
        if bits(left) != bits(right):
            yield name
        return
    for key in left.keys() | right.keys():
        yield from _differences(f"{name}/{key}", left.get(key), right.get(key))


def bits(leaf: Any) -> Any:
    if isinstance(leaf, np.ndarray):
        return leaf.dtype, leaf.shape, leaf.tobytes()
    return type(leaf), repr(leaf)
