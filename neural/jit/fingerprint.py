"""All that a compiled kernel can see, as a digest and a list of the objects in it.

Numba compiles code objects, and freezes what their names mean at that moment: other functions, numbers, arrays,
classes, attributes of modules, implementations of generics. A fingerprint walks over all of it. What is equal in every
process (bytecode, names, numbers) is part of the digest; file names, line numbers, comments and modules are not. What
has neither content nor a name that other processes could compare leaves the kernel without a digest.
"""

import builtins
import enum
import types as python
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numba.core import sigutils, types
from numba.core.dispatcher import Dispatcher
from numba.core.extending import _Intrinsic

from .code import is_known, read, sha
from .overloads import overloaded_methods, overloads
from .watch import MISSING, WATCH

Description = Any  # nested tuples of strings, numbers and bytes

PLAIN = (type(None), bool, int, float, complex, str, bytes, type(Ellipsis))
BUILTIN = (python.BuiltinFunctionType, python.MethodDescriptorType, python.WrapperDescriptorType, np.ufunc)
PLAIN_TYPES = (
    types.Number,
    types.Boolean,
    types.Array,
    types.NoneType,
    types.UnicodeType,
    types.IntegerLiteral,
    types.BooleanLiteral,
    types.StringLiteral,
    types.DType,
    types.NumberClass,
)
FROZEN_BYTES = 10**6  # of an array that Numba copies into the machine code; it points to a larger one
MEMBER = "member"  # the place of another function or class in a description


class Surface(NamedTuple):
    """A function or class without those that it names."""

    digest: str
    members: tuple[Any, ...]  # that it names, in order
    has_name: bool  # whether another process could know everything else in it


def class_of(numba_type: Any) -> type:
    """The Python class that dispatch looks at for a Numba type."""
    return getattr(numba_type, "instance_class", None) or (tuple if isinstance(numba_type, types.BaseTuple) else object)


def is_generic(value: Any) -> bool:
    """Whether a function was declared by ``generic``."""
    return hasattr(value, "compiled_with")


class Fingerprint:
    """The walk from a kernel and the types of its arguments over everything that it can see.

    ``members`` are functions and classes in the order of the first visit, the same in every process; ``digest`` is
    that of all of them and of how they name each other; ``has_name`` is False if it means nothing to other processes.
    """

    def __init__(self, dispatcher: Dispatcher, signature: Any) -> None:
        self.members: list[Any] = []
        self._numbers: dict[int, int] = {}
        self._records: list[Description] = []
        self._generics: list[Any] = []
        self._classes: list[type] = [tuple]
        self.has_name = True
        self._visit(_call(dispatcher, signature))
        self._follow()
        self.digest = sha(self._records)

    def _follow(self) -> None:
        visited, chosen = 0, set()
        while visited < len(self.members):
            while visited < len(self.members):
                member = self.members[visited]
                self._visit(_surface(member))
                if is_generic(member):
                    self._generics.append(member)
                elif isinstance(member, type):
                    self._classes.append(member)
                visited += 1
            for pair in [(generic, cls) for generic in self._generics for cls in self._classes]:
                if pair not in chosen:
                    chosen.add(pair)
                    self._choose(*pair)

    def _visit(self, surface: Surface) -> None:
        self._records.append((surface.digest, [self._number(member) for member in surface.members]))
        self.has_name &= surface.has_name

    def _choose(self, generic: Any, cls: type) -> None:
        found = WATCH.implementation(generic, cls)
        chosen = found if found is not generic.dispatch(object) else None
        self._records.append((self._number(generic), self._number(cls), chosen and self._number(chosen)))

    def _number(self, member: Any) -> int:
        number = self._numbers.setdefault(id(member), len(self.members))
        if number == len(self.members):
            self.members.append(member)
        return number


_surfaces: dict[int, tuple[Any, Surface]] = {}


def forget() -> None:
    """Read everything anew, because something changed."""
    _surfaces.clear()
    WATCH.clear()


def _call(dispatcher: Dispatcher, signature: Any) -> Surface:
    reader = _Reader()
    arguments, result = sigutils.normalize_signature(signature)
    types_of_call = [reader.type(each) for each in arguments], result and reader.type(result)
    methods = [reader.value(each) for each in overloaded_methods()]
    return reader.surface((reader.value(dispatcher), types_of_call, methods))


def _surface(member: Any) -> Surface:
    if id(member) not in _surfaces:
        reader = _Reader()
        _surfaces[id(member)] = member, reader.surface(reader.member(member))
    return _surfaces[id(member)][1]


class _Reader:
    """Describes what code names."""

    def __init__(self) -> None:
        self._members: list[Any] = []
        self._has_name = True
        self._open: set[int] = set()  # containers around the one that is read

    def surface(self, description: Description) -> Surface:
        return Surface(sha(description), tuple(self._members), self._has_name)

    def member(self, member: Any) -> Description:
        """The description of a function or class."""
        if isinstance(member, Dispatcher):
            return self._dispatcher(member)
        if isinstance(member, _Intrinsic):
            return "intrinsic", self.value(member._defn)
        if is_generic(member):
            return "generic", member.__name__, member.compiled_with
        return self._class(member) if isinstance(member, type) else self._function(member)

    def _dispatcher(self, dispatcher: Dispatcher) -> Description:
        self._has_name &= dispatcher._can_compile  # its code is from the time of its definition
        options = sorted((name, repr(_ordered(value))) for name, value in dispatcher.targetoptions.items())
        return "kernel", options, self.value(dispatcher.py_func)

    def _function(self, function: python.FunctionType) -> Description:
        code = read(WATCH.code(function))
        names = [(name, self._global(name, function.__globals__, code.words)) for name in code.global_names]
        cells = [self.value(WATCH.cell(cell), code.words) for cell in function.__closure__ or ()]
        defaults = self.value(function.__defaults__), self.value(function.__kwdefaults__)
        return "function", code.digest, names, cells, defaults, [self.value(each) for each in overloads(function)]

    def _global(self, name: str, space: dict[str, Any], words: frozenset[str]) -> Description:
        value = WATCH.name(space, name)
        if value is MISSING:
            return ("builtin", name) if hasattr(builtins, name) else "missing"
        return self.value(value, words)

    def _class(self, cls: type) -> Description:
        self._has_name &= not issubclass(cls, BaseException)  # a raised one is made anew from its pickle
        bases = [self.value(each) for each in cls.__bases__]
        elements = [(each.name, self.value(each.value)) for each in cls] if issubclass(cls, enum.Enum) else []
        defaults = [(name, self._default(value)) for name, value in getattr(cls, "_field_defaults", {}).items()]
        return "class", cls.__qualname__, bases, getattr(cls, "_fields", ()), defaults, elements

    def _default(self, value: Any) -> Description:
        """A default of a field; what cannot be named cannot be compiled either."""
        return self.value(value) if isinstance(value, (*PLAIN, np.generic, tuple)) else "a default"

    def value(self, value: Any, words: frozenset[str] = frozenset()) -> Description:
        """Anything that code can name; of modules, the attributes that are among the ``words`` of the code."""
        kind = type(value)
        if kind in PLAIN:
            return kind.__name__, repr(value)
        if isinstance(value, Dispatcher | _Intrinsic):
            return self._refer(value)
        if kind is python.FunctionType or isinstance(value, (*BUILTIN, type)):
            return self._callable(value)
        if kind is python.ModuleType:
            return self._module(value, words)
        if isinstance(value, types.Type):
            return self.type(value)
        return self._data(value, words)

    def _refer(self, member: Any) -> Description:
        self._members.append(member)
        return MEMBER

    def _callable(self, value: Any) -> Description:
        if is_generic(value) or not is_known(home := _home(value)):
            return self._nameless(value) if isinstance(value, BUILTIN) else self._refer(value)
        cells = [WATCH.cell(cell) for cell in getattr(value, "__closure__", None) or ()]
        functions = [self.value(each) for each in cells if isinstance(each, python.FunctionType | Dispatcher)]
        instead = [self.value(each) for each in overloads(value)]
        return home, getattr(value, "__qualname__", value.__name__), functions, instead

    def _module(self, module: python.ModuleType, words: frozenset[str]) -> Description:
        if is_known(module.__name__):
            return "module", module.__name__
        attributes = ((word, WATCH.name(vars(module), word)) for word in sorted(words))
        return "module", [(word, self.value(each, words)) for word, each in attributes if each is not MISSING]

    def _data(self, value: Any, words: frozenset[str]) -> Description:
        if isinstance(value, np.ndarray | np.generic) and not value.dtype.hasobject and value.nbytes <= FROZEN_BYTES:
            layout = repr(getattr(value, "flags", None))
            content = WATCH.content(value, _bytes) if isinstance(value, np.ndarray) else _bytes(value)
            return "array", repr(value.dtype), value.shape, layout, content
        if isinstance(value, enum.Enum):
            return "element", self.value(type(value)), value.name
        if isinstance(value, tuple | list | set | frozenset | dict):
            return self._container(value, words)
        if isinstance(value, np.dtype):
            return "dtype", repr(value)
        if callable(value) and hasattr(value, "__qualname__") and is_known(_home(value)):
            return _home(value), value.__qualname__
        return self._nameless(value)

    def _container(self, value: Any, words: frozenset[str]) -> Description:
        if id(value) in self._open:
            return self._nameless(value)
        self._open.add(id(value))
        items = value.items() if isinstance(value, dict) else value
        described = [self.value(each, words) for each in WATCH.items(value, items)]
        self._open.discard(id(value))
        if isinstance(value, set | frozenset):
            described.sort(key=repr)
        return self.value(type(value)), described

    def _nameless(self, value: Any) -> Description:
        self._has_name = False
        return type(value).__qualname__, WATCH.keep(value)

    def type(self, numba_type: Any) -> Description:
        """A type of Numba."""
        name = type(numba_type).__name__
        if isinstance(numba_type, types.BaseTuple):
            cls = getattr(numba_type, "instance_class", tuple)
            return name, self.value(cls), [self.type(each) for each in numba_type]
        if isinstance(numba_type, types.Dispatcher):
            return name, self.value(numba_type.dispatcher)
        if isinstance(numba_type, types.Omitted):
            return name, self.value(numba_type.value)
        if isinstance(numba_type, types.Optional):
            return name, self.type(numba_type.type)
        if isinstance(numba_type, PLAIN_TYPES):
            return name, str(numba_type), getattr(numba_type, "aligned", True)
        return self._nameless(numba_type)


def _home(value: Any) -> str:
    """The module of a function or class."""
    space = value.__globals__ if isinstance(value, python.FunctionType) else {}
    return str(space.get("__name__") or getattr(value, "__module__", None) or "builtins")


def _bytes(value: Any) -> str:
    return sha(value.tobytes())


def _ordered(value: Any) -> Any:
    return sorted(value) if isinstance(value, Iterable) and not isinstance(value, str) else value
