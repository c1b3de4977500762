"""All that a compiled kernel can see, as a digest and a list of the objects in it.

Numba compiles code objects, and freezes what their names mean at that moment: other functions, global numbers and
arrays, classes, attributes of modules, implementations of generics. A fingerprint walks over all of it. What is equal
in every process (bytecode, names, numbers) is part of the digest; file names, line numbers and modules are not. What
can be named by nothing but its address makes the kernel ``Unnameable``.
"""

import builtins
import dis
import enum
import functools
import hashlib
import pathlib
import sys
import sysconfig
import types as python
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import llvmlite
import numba
import numpy as np
from numba.core import sigutils, types
from numba.core.dispatcher import Dispatcher
from numba.core.extending import _Intrinsic
from numba.core.typing.templates import builtin_registry

Description = Any  # nested tuples of strings, numbers and bytes

PLAIN = (type(None), bool, int, float, complex, str, bytes, type(Ellipsis))
NAMED_BY_VERSION = frozenset({"builtins", "numpy", "numba", "llvmlite"})
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
VERSIONS = (sys.version, numba.__version__, llvmlite.__version__, np.__version__)
# Settings of Numba that have no part in what is compiled.
IRRELEVANT = ("THREAD", "CACHE", "CUDA", "COLOR", "BINARY", "DUMP", "DEBUG_", "DEVELOPER", "WARN", "TRACE")


class Unnameable(Exception):
    """Something that a kernel sees has no name or content that other processes could compare."""


class Code(NamedTuple):
    """A code object and those nested in it."""

    digest: str
    global_names: tuple[str, ...]
    words: frozenset[str]  # all names and strings, among them those of attributes


def class_of(numba_type: Any) -> type:
    """The Python class that dispatch looks at for a Numba type."""
    return getattr(numba_type, "instance_class", None) or (tuple if isinstance(numba_type, types.BaseTuple) else object)


def _sha(value: Any) -> str:
    return hashlib.sha256(value if isinstance(value, bytes) else repr(value).encode()).hexdigest()


def _instructions(code: python.CodeType) -> Iterable[tuple[int, int]]:
    extended = 0
    for operation, argument in zip(code.co_code[::2], code.co_code[1::2]):
        argument |= extended
        extended = argument << 8 if operation == dis.EXTENDED_ARG else 0
        yield operation, argument


def _first_constant_is_a_docstring(code: python.CodeType) -> bool:
    """No instruction loads it, so that it is no part of what runs."""
    return not any(argument == 0 for operation, argument in _instructions(code) if operation in dis.hasconst)


def _global_names(code: python.CodeType) -> list[str]:
    load = dis.opmap["LOAD_GLOBAL"]
    return [code.co_names[argument >> 1] for operation, argument in _instructions(code) if operation == load]


@functools.cache
def _read(code: python.CodeType) -> Code:
    constants = list(code.co_consts)
    if constants and _first_constant_is_a_docstring(code):
        constants[0] = None
    nested = [_read(each) for each in constants if isinstance(each, python.CodeType)]
    described = [_read(each).digest if isinstance(each, python.CodeType) else _constant(each) for each in constants]
    arguments = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags)
    names = (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
    digest = _sha((arguments, code.co_code, code.co_exceptiontable, described, names))
    global_names = dict.fromkeys([*_global_names(code), *(name for each in nested for name in each.global_names)])
    words = {*code.co_names, *(each for each in constants if isinstance(each, str))}
    return Code(digest, tuple(global_names), frozenset(words.union(*(each.words for each in nested))))


def _constant(value: Any) -> Description:
    """A constant of a code object."""
    if isinstance(value, tuple | frozenset):
        items = [_constant(each) for each in value]
        return type(value).__name__, items if isinstance(value, tuple) else sorted(items, key=repr)
    return type(value).__name__, repr(value)


STANDARD_LIBRARY = pathlib.Path(sysconfig.get_path("stdlib"))
INSTALLED = pathlib.Path(sysconfig.get_path("purelib"))


@functools.cache
def _is_known(module: str) -> bool:
    """Whether the versions name its content: the standard library, NumPy and Numba, but no file that hides one."""
    root = module.partition(".")[0]
    if root not in sys.stdlib_module_names:
        return root in NAMED_BY_VERSION
    path = pathlib.Path(getattr(sys.modules.get(root), "__file__", None) or STANDARD_LIBRARY / root)
    return path.is_relative_to(STANDARD_LIBRARY) and not path.is_relative_to(INSTALLED)


def _home(value: Any) -> str:
    return (value.__globals__ if isinstance(value, python.FunctionType) else {}).get("__name__") or str(
        getattr(value, "__module__", None) or "builtins"
    )


class Walk:
    """The walk from one kernel and the types of its arguments over everything that it can see."""

    def __init__(self, dispatcher: Dispatcher, signature: Any) -> None:
        self.members: list[Any] = []  # functions and classes in the order of the first visit
        self._numbers: dict[int, int] = {}
        self._records: list[Description] = []
        self._generics: list[Any] = []
        self._classes: list[type] = [tuple]
        arguments, result = sigutils.normalize_signature(signature)
        types_of_call = [self.type(each) for each in arguments], result and self.type(result)
        self._records += [self.value(dispatcher), types_of_call]
        self._follow()

    def digest(self, machine: Any) -> str:
        """The name of the compiled kernel on a ``machine``."""
        return _sha((VERSIONS, machine, _settings(), self._records))

    def _follow(self) -> None:
        visited, chosen = 0, set()
        while visited < len(self.members):
            while visited < len(self.members):
                self._records.append(self._record(self.members[visited]))
                visited += 1
            for generic in list(self._generics):
                for cls in list(self._classes):
                    if (pair := (id(generic), id(cls))) not in chosen:
                        chosen.add(pair)
                        self._records.append(self._implementation(generic, cls))

    def _implementation(self, generic: Any, cls: type) -> Description:
        found = generic.dispatch(cls)
        return self._number(generic), self._number(cls), found is not generic.dispatch(object) and self.value(found)

    def _number(self, member: Any) -> Description:
        if id(member) not in self._numbers:
            self._numbers[id(member)] = len(self.members)
            self.members.append(member)
        return "member", self._numbers[id(member)]

    def _record(self, member: Any) -> Description:
        if isinstance(member, Dispatcher):
            options = sorted((name, repr(_ordered(value))) for name, value in member.targetoptions.items())
            return "kernel", options, self.value(member.py_func)
        if isinstance(member, _Intrinsic):
            return "intrinsic", self.value(member._defn)
        if isinstance(member, type):
            return self._class(member)
        if getattr(member, "is_generic", False):
            self._generics.append(member)
            return "generic", member.__name__
        return self._function(member)

    def _function(self, function: python.FunctionType) -> Description:
        code = _read(function.__code__)
        space = function.__globals__
        names = [(name, self._named(name, space, code.words)) for name in code.global_names]
        cells = [self.value(each.cell_contents, code.words) for each in function.__closure__ or ()]
        defaults = self.value(function.__defaults__), self.value(function.__kwdefaults__)
        overloads = [self.value(each) for each in _overloads(function)]
        return "function", code.digest, names, cells, defaults, overloads

    def _named(self, name: str, space: dict[str, Any], words: frozenset[str]) -> Description:
        if name in space:
            return self.value(space[name], words)
        return self.value(vars(builtins)[name]) if name in vars(builtins) else "missing"

    def _class(self, cls: type) -> Description:
        if _is_known(cls.__module__):
            return cls.__module__, cls.__qualname__
        if issubclass(cls, BaseException):
            raise Unnameable(f"the exception {cls.__qualname__}")
        self._classes.append(cls)
        bases = [self.value(each) for each in cls.__bases__]
        members = [(each.name, self.value(each.value)) for each in cls] if issubclass(cls, enum.Enum) else []
        defaults = sorted(getattr(cls, "_field_defaults", {}).items())
        fields = getattr(cls, "_fields", ()), [(name, self._default(value)) for name, value in defaults]
        return "class", cls.__qualname__, bases, fields, members

    def _default(self, value: Any) -> Description:
        """A default of a field that cannot be named cannot be compiled either."""
        try:
            return self.value(value)
        except Unnameable:
            return "unnameable"

    def value(self, value: Any, words: frozenset[str] = frozenset()) -> Description:
        """Anything that code can name; of modules, the attributes that are among the ``words`` of the code."""
        kind = type(value)
        if kind in PLAIN:
            return kind.__name__, repr(value)
        if kind is python.FunctionType or isinstance(value, (*BUILTIN, type)):
            return self._callable(value)
        if isinstance(value, Dispatcher | _Intrinsic):
            return self._number(value)
        if kind is python.ModuleType:
            return self._module(value, words)
        return self._data(value, words)

    def _callable(self, value: Any) -> Description:
        home = _home(value)
        if not _is_known(home) or getattr(value, "is_generic", False):
            if isinstance(value, BUILTIN):
                raise Unnameable(f"{value!r}")
            return self._number(value)
        if isinstance(value, type):
            return home, value.__qualname__
        cells = [each.cell_contents for each in getattr(value, "__closure__", None) or ()]
        functions = [self.value(each) for each in cells if isinstance(each, python.FunctionType | Dispatcher)]
        return home, getattr(value, "__qualname__", value.__name__), functions

    def _module(self, module: python.ModuleType, words: frozenset[str]) -> Description:
        if _is_known(module.__name__):
            return "module", module.__name__
        return "module", [(name, self.value(vars(module)[name], words)) for name in sorted(words & vars(module).keys())]

    def _data(self, value: Any, words: frozenset[str]) -> Description:
        if isinstance(value, np.ndarray | np.generic) and not value.dtype.hasobject:
            layout = getattr(value, "flags", None)
            return "array", repr(value.dtype), value.shape, repr(layout), _sha(value.tobytes())
        if isinstance(value, enum.Enum):
            return "member", self.value(type(value)), value.name
        if isinstance(value, tuple | list):
            return self.value(type(value)), [self.value(each, words) for each in value]
        if isinstance(value, dict):
            return "dict", [(self.value(key, words), self.value(each, words)) for key, each in value.items()]
        if isinstance(value, set | frozenset):
            return type(value).__name__, sorted(repr(self.value(each, words)) for each in value)
        if isinstance(value, types.Type):
            return self.type(value)
        if isinstance(value, np.dtype):
            return "dtype", repr(value)
        if callable(value) and hasattr(value, "__qualname__") and _is_known(_home(value)):
            return _home(value), value.__qualname__
        raise Unnameable(f"a value of {type(value).__qualname__}")

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
        raise Unnameable(f"an argument of type {numba_type}")


def _ordered(value: Any) -> Any:
    return sorted(value) if isinstance(value, set | frozenset) else value


_overloaded: dict[int, list[Callable[..., Any]]] = {}
_n_read = 0


def _overloads(function: Any) -> list[Callable[..., Any]]:
    """What Numba was told to compile in place of a function."""
    global _n_read
    for value, numba_type in builtin_registry.globals[_n_read:]:
        for template in getattr(numba_type, "templates", ()):
            if hasattr(template, "_overload_func"):
                _overloaded.setdefault(id(value), []).append(template._overload_func)
    _n_read = len(builtin_registry.globals)
    return _overloaded.get(id(function), [])


def _settings() -> Description:
    """Those of Numba that have a part in what is compiled."""
    settings = vars(numba.config).items()
    relevant = ((name, value) for name, value in settings if name.isupper() and not name.startswith(IRRELEVANT))
    return sorted((name, repr(value)) for name, value in relevant if not any(word in name for word in IRRELEVANT))
