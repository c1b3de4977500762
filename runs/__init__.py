"""Experiments, their result files, and the ``born`` command.

result = runs.open_result("dot.h5")
result.energy, result.trace["energy"], result.config
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .reading import open_result
    from .result import Result

__all__ = ["Result", "open_result"]

_HOMES = {"open_result": "reading", "Result": "result"}


def __getattr__(name: str) -> Any:
    """Load h5py only when a result is opened."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f".{_HOMES[name]}", __name__), name)
