"""Whether names mean what they meant when they were read.

Numba freezes globals when it compiles. Python does not: ``K = 5.0`` in a new cell of a notebook, an element of an array
or another implementation for a class must reach code that is compiled already.
"""

from collections.abc import Callable, Iterable
from types import CellType, CodeType, FunctionType
from typing import Any

OWN = ("neural", "montecarlo", "nqs", "generative", "runs")


MISSING = object()  # the value of a name that has none


class Watch:
    """What was read, and from where. Another thread may read on while this one looks for changes."""

    def __init__(self) -> None:
        self.n_registered = 0  # implementations of generics, in all
        self.clear()

    def clear(self) -> None:
        self._names: dict[tuple[int, str], tuple[dict[str, Any], str, Any]] = {}
        self._foreign: list[tuple[dict[str, Any], str, Any]] = []
        self._cells: dict[int, tuple[CellType, Any]] = {}
        self._codes: dict[int, tuple[FunctionType, CodeType]] = {}
        self._contents: dict[int, tuple[Any, Callable[[Any], Any], Any]] = {}
        self._kept: dict[int, Any] = {}
        self._implementations: dict[tuple[Any, type], Any] = {}
        self._n_registered = self.n_registered

    def name(self, space: dict[str, Any], name: str) -> Any:
        """A global variable or an attribute of a module; MISSING without one."""
        value = space.get(name, MISSING)
        if (id(space), name) not in self._names:
            self._names[id(space), name] = space, name, value
            if not _is_own(space):
                self._foreign.append((space, name, value))
        return value

    def cell(self, cell: CellType) -> Any:
        """A variable of a function around."""
        value = _contents(cell)
        self._cells[id(cell)] = cell, value
        return value

    def code(self, function: FunctionType) -> CodeType:
        """What a function does."""
        if not _is_own(function.__globals__):
            self._codes[id(function)] = function, function.__code__
        return function.__code__

    def content(self, value: Any, read: Callable[[Any], Any]) -> Any:
        """What ``read`` finds in a value that can change in place."""
        found = read(value)
        self._contents[id(value)] = value, read, found
        return found

    def items(self, container: Any, items: Iterable[Any]) -> Iterable[Any]:
        """The items of a container."""
        if not isinstance(container, tuple | frozenset):
            self.content(container, _identities)
        return items

    def keep(self, value: Any) -> int:
        """The address of a value, which stays its own from now on."""
        self._kept[id(value)] = value
        return id(value)

    def implementation(self, generic: Any, cls: type) -> Any:
        """What a generic does for a class."""
        found = generic.dispatch(cls)
        self._implementations[generic, cls] = found
        return found

    def changed(self) -> bool:
        """Whether anything that was read has changed."""
        return self.changed_by_user() or _rebound([*self._names.values()])

    def changed_by_user(self) -> bool:
        """The same, but that the names in Born's own modules are taken to be constant."""
        return (
            _rebound(self._foreign)
            or any(_contents(cell) is not value for cell, value in [*self._cells.values()])
            or any(function.__code__ is not code for function, code in [*self._codes.values()])
            or any(read(value) != found for value, read, found in [*self._contents.values()])
            or self._another_implementation()
        )

    def _another_implementation(self) -> bool:
        if self.n_registered == self._n_registered:
            return False
        chosen = [*self._implementations.items()]
        if any(generic.dispatch(cls) is not found for (generic, cls), found in chosen):
            return True
        self._n_registered = self.n_registered
        return False


def _is_own(space: dict[str, Any]) -> bool:
    return str(space.get("__name__")).partition(".")[0] in OWN


def _rebound(names: Iterable[tuple[dict[str, Any], str, Any]]) -> bool:
    return any(space.get(name, MISSING) is not value for space, name, value in names)


def _contents(cell: CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # empty
        return MISSING


def _identities(container: Any) -> list[int]:
    items = container.items() if isinstance(container, dict) else ((each,) for each in container)
    return [id(each) for item in items for each in item]


WATCH = Watch()
