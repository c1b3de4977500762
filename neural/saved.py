"""Entries of a saved state, checked against what would be saved now before anything uses them.

A state is a nested dictionary of arrays, numbers and strings, perhaps from a file that someone else wrote. Every
mistake in it is a ``ValueError`` that says which entry was expected to be what, and what was found.
"""

import math
import zlib
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

import numpy as np

Shape = tuple[int | None, ...]
MISSING = object()


class Saved:
    """A state, or a part of one; ``path`` leads to it, for messages."""

    def __init__(self, state: Any, path: str = "") -> None:
        self.path = path
        if not isinstance(state, Mapping):
            self.refuse("a group of entries", type(state).__name__)
        self.state: Mapping[str, Any] = state

    def refuse(self, expected: str, found: Any, name: str = "") -> NoReturn:
        """Raise the ``ValueError`` for an entry."""
        path = "/".join(part for part in (self.path, name) if part)
        raise ValueError(f"saved state{f', {path}' if path else ''}: expected {expected}, found {found}")

    def __contains__(self, name: str) -> bool:
        return name in self.state

    def names(self, expected: Iterable[str], optional: Iterable[str] = ()) -> None:
        """Refuse a state without one of the ``expected`` entries, or with one that is neither of them nor optional."""
        expected = set(expected)
        if missing := expected - set(self.state):
            self.refuse(f"the entries {_listed(expected)}", f"no {_listed(missing)}")
        if unknown := set(self.state) - expected - set(optional):
            self.refuse(f"the entries {_listed(expected | set(optional))}", f"{_listed(unknown)}, too")

    def entry(self, name: str) -> Any:
        """What is called ``name``, unchecked."""
        if name not in self.state:
            self.refuse("this entry", "none", name)
        return self.state[name]

    def part(self, name: str) -> "Saved":
        """The group of entries called ``name``."""
        path = f"{self.path}/{name}" if self.path else name
        return Saved(self.entry(name), path)

    def array(
        self,
        name: str,
        shape: Shape,
        dtype: Any,
        *,
        least: float = -math.inf,
        most: float = math.inf,
        finite: bool = True,
    ) -> np.ndarray:
        """A copy of the array ``name`` of this type and shape, None standing for any length, in the range.

        A number without an axis may be of any type of the same kind. ``finite=False`` lets NaN and infinity pass.
        """
        found, dtype = np.array(self.entry(name), order="C"), np.dtype(dtype)
        if found.dtype != dtype and (found.ndim or found.dtype.kind != dtype.kind):
            self.refuse(f"numbers of type {dtype}", str(found.dtype), name)
        if len(found.shape) != len(shape) or any(n not in (m, None) for m, n in zip(found.shape, shape, strict=True)):
            self.refuse(f"the shape {_shown(shape)}", _shown(found.shape), name)
        if finite and not np.isfinite(found).all():
            self.refuse("finite numbers", "NaN or infinity", name)
        if dtype.kind != "b" and ((found < least) | (found > most)).any():
            self.refuse(f"numbers from {least:g} to {most:g}", f"{found.min():g} to {found.max():g}", name)
        return found.astype(dtype, copy=False)

    def integer(self, name: str, least: int = 0, most: float = math.inf, default: Any = MISSING) -> int:
        """A whole number in the range, or the default where there is none."""
        if default is not MISSING and name not in self:
            return default
        found = np.asarray(self.entry(name))
        if found.ndim or found.dtype.kind not in "iu":
            self.refuse("a whole number", _kind(found), name)
        if not least <= int(found) <= most:
            self.refuse(f"a whole number from {least} to {most}", int(found), name)
        return int(found)

    def number(self, name: str, least: float = -math.inf, most: float = math.inf, default: Any = MISSING) -> float:
        """A finite number in the range, or the default where there is none."""
        if default is not MISSING and name not in self:
            return default
        found = np.asarray(self.entry(name))
        if found.ndim or found.dtype.kind not in "iuf":
            self.refuse("a number", _kind(found), name)
        if not (math.isfinite(found) and least <= float(found) <= most):
            self.refuse(f"a finite number from {least:g} to {most:g}", float(found), name)
        return float(found)

    def text(self, name: str, default: Any = MISSING) -> str:
        """A string, or the default where there is none."""
        if default is not MISSING and name not in self:
            return default
        found = self.entry(name)
        return found if isinstance(found, str) else self.refuse("a text", type(found).__name__, name)

    def flag(self, name: str) -> bool:
        """True or False."""
        found = np.asarray(self.entry(name))
        if found.ndim or found.dtype != bool:
            self.refuse("True or False", _kind(found), name)
        return bool(found)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(map(str, names))) or "(none)"


def _shown(shape: Shape) -> str:
    return "(" + ", ".join("any" if n is None else str(n) for n in shape) + ")"


def _kind(found: np.ndarray) -> str:
    return f"an array of shape {_shown(found.shape)}" if found.ndim else repr(found.item())


# What a state belongs to

FEW = 64  # numbers of an array that are kept one by one
AGREE = 1e-9  # relative: other machines round otherwise


def description(model: Any, *, parameters: bool = True, without: tuple[str, ...] = ()) -> dict[str, Any]:
    """The class of a model and its constants by name, to be saved beside its state and compared by ``check_same``.

    parameters : whether its float arrays are among them, which are constants of a system, but not of a wave function
    without : fields that are left out, too
    """
    found: dict[str, Any] = {"class": type(model).__name__}
    for name, leaf in zip(getattr(model, "_fields", ()), model if isinstance(model, tuple) else (), strict=True):
        value = _constant(leaf, parameters)
        if value is not None and name not in without:
            found[name] = value
    return found


def _constant(leaf: Any, parameters: bool) -> Any:
    if hasattr(leaf, "_fields"):
        return description(leaf, parameters=parameters)
    if isinstance(leaf, str | bool | int | float | np.number):
        return leaf if isinstance(leaf, str) else float(leaf) if isinstance(leaf, float | np.floating) else int(leaf)
    if not isinstance(leaf, np.ndarray) or leaf.dtype.kind not in "biufc":
        return None
    if leaf.dtype.kind in "biu":
        return zlib.crc32(np.ascontiguousarray(leaf, dtype=np.int64).tobytes(), len(leaf.shape))
    return _digest(leaf) if parameters else None


def _digest(numbers: np.ndarray) -> np.ndarray:
    """The numbers, or where there are many of them three sums, which do not hang on rounding."""
    parts = [np.real(numbers), np.imag(numbers)] if np.iscomplexobj(numbers) else [numbers]
    flat = np.concatenate([np.ravel(part) for part in parts])
    if flat.size <= FEW:
        return flat.astype(np.float64)
    return np.array([np.abs(flat).sum(), flat.sum(), np.cos(np.arange(flat.size)) @ flat])


def check_same(saved: Saved, own: Mapping[str, Any]) -> None:
    """Refuse a state whose description differs from one's own in an entry that both have."""
    for name, mine in own.items():
        if name not in saved:
            continue
        if isinstance(mine, Mapping):
            check_same(saved.part(name), mine)
        elif not _agree(mine, found := saved.entry(name)):
            saved.refuse(f"{mine}, as this run was made", found, name)


def _agree(mine: Any, found: Any) -> bool:
    if isinstance(mine, str) or isinstance(found, str | Mapping):
        return isinstance(mine, str) and isinstance(found, str) and mine == found
    mine, found = np.asarray(mine), np.asarray(found)
    if mine.shape != found.shape or found.dtype.kind not in "biuf":
        return False
    return bool((np.abs(found - mine) <= AGREE * np.abs(mine).max(initial=0.0)).all())
