"""Is a saved state one that this run could have saved? Asked before any of it is used."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from .experiments.experiment import Run


def check_state(run: Run, saved: Mapping[str, Any]) -> None:
    """Compare a saved state with that of a fresh run of the same configuration. Raises ``ValueError``.

    Both have the same names, and behind them the same kinds of things: arrays of the same type and shape, integers,
    numbers, text, finite where the fresh ones are. What is still empty in a fresh run may hold anything. Names that a
    state may lack, or have beyond a fresh one, are those of ``run.optional_state``. What the numbers mean is checked by
    the ``restore`` of whom they belong to.
    """
    like: Any = getattr(run, "state_like", lambda saved: run.state())
    _check("", like(saved), saved, frozenset(getattr(run, "optional_state", ())))


def _check(name: str, own: Any, saved: Any, optional: frozenset[str]) -> None:
    if isinstance(own, Mapping):
        _check_names(name, own, saved, optional)
        for key in own.keys() & saved.keys():
            _check(f"{name}/{key}", own[key], saved[key], optional)
    elif isinstance(own, np.ndarray) and own.ndim:
        _check_array(name, own, saved)
    else:
        _check_number(name, own, saved)


def _check_names(name: str, own: Mapping[str, Any], saved: Any, optional: frozenset[str]) -> None:
    if not isinstance(saved, Mapping):
        raise ValueError(f"{name or 'state'}: expected a group of {', '.join(own)}, found {_kind(saved)}")
    unknown = sorted(saved.keys() - own.keys() - optional)
    if own and unknown:
        raise ValueError(f"{name}/{unknown[0]}: expected {', '.join(own)} only")


def _check_array(name: str, own: np.ndarray, saved: Any) -> None:
    if not isinstance(saved, np.ndarray) or saved.dtype != own.dtype:
        raise ValueError(f"{name}: expected {_kind(own)}, found {_kind(saved)}")
    if own.size and saved.shape != own.shape:
        raise ValueError(f"{name}: expected the shape {own.shape}, found {saved.shape}")
    if own.dtype.kind in "fc" and np.isfinite(own).all() and not np.isfinite(saved).all():
        raise ValueError(f"{name}: expected finite numbers, found {saved[~np.isfinite(saved)][0]}")


def _check_number(name: str, own: Any, saved: Any) -> None:
    own, saved = _scalar(own), _scalar(saved)
    if isinstance(saved, Mapping | np.ndarray) or not _same_kind(own, saved):
        raise ValueError(f"{name}: expected {_kind(own)}, found {_kind(saved)}")
    if isinstance(own, float) and np.isfinite(own) and not np.isfinite(saved):
        raise ValueError(f"{name}: expected a finite number, found {saved}")
    if isinstance(own, int) and own >= 0 > saved:
        raise ValueError(f"{name}: expected a number of at least 0, found {saved}")


def _scalar(found: Any) -> Any:
    return found.item() if isinstance(found, np.ndarray | np.generic) and found.size == 1 else found


def _same_kind(own: Any, saved: Any) -> bool:
    return type(own) is type(saved) or (type(own) is float and type(saved) is int)


def _kind(found: Any) -> str:
    if isinstance(found, np.ndarray):
        return f"an array of {found.dtype}"
    return "a group" if isinstance(found, Mapping) else f"{type(found).__name__} {found!r}"[:100]
