"""Compiled kernels on disk, under a digest of all that a kernel can see.

An entry that is found is therefore the right one: nothing is compared with source files, nothing becomes stale. What
no other process could name is compiled in memory only.
"""

import copy
import functools
import io
import pickle
import re
import sys
import weakref
from typing import Any

import llvmlite
import numba
import numpy as np
from numba.core import types
from numba.core.caching import NullCache
from numba.core.compiler import CompileResult
from numba.core.compiler_lock import global_compiler_lock
from numba.core.dispatcher import Dispatcher
from numba.core.environment import Environment, lookup_environment
from numba.core.serialize import NumbaPickler
from numba.core.targetconfig import ConfigStack
from numba.core.utils import _dynamic_modname, _dynamic_module

from . import fingerprint, overloads, storage
from .code import is_known, sha
from .fingerprint import Fingerprint
from .watch import WATCH

VERSIONS = (sys.version, numba.__version__, llvmlite.__version__, np.__version__)
# Words in the names of settings of Numba that have no part in what is compiled.
IDLE = ("THREAD", "CACHE", "CUDA", "COLOR", "BINARY", "DUMP", "DEVELOPER", "WARN", "TRACE", "DEBUG_", "PROFILER")

_caches: weakref.WeakSet["Cache"] = weakref.WeakSet()


class Cache(NullCache):
    """What a dispatcher of Numba asks for compiled code, and gives it to."""

    def __init__(self, dispatcher: Dispatcher, on_disk: bool = True) -> None:
        self._dispatcher = dispatcher
        self._on_disk = on_disk
        self._digests: dict[Any, str] = {}  # of what is compiled, by signature
        _caches.add(self)

    def load_overload(self, signature: Any, target_context: Any) -> Any:
        """Compiled code from the disk, or None.

        Without Numba's refresh, the import of all of its library, a quarter of a second, which only compiling needs.
        """
        if ConfigStack.top_or_none() is None:  # no part of the compilation of a caller
            _look_for_changes(WATCH.changed())
        seen = Fingerprint(self._dispatcher, signature)
        _adopt(seen.members)
        self._digests[signature] = seen.digest
        payload = storage.read(name) if (name := self._name(seen, target_context.codegen())) else None
        return _load(payload, seen.members, target_context) if payload else None

    def save_overload(self, signature: Any, result: Any) -> None:
        if result.library.has_dynamic_globals or result.lifted or _holds_class(result.signature.return_type):
            return
        if WATCH.changed():
            return
        seen = Fingerprint(self._dispatcher, signature)
        name = self._name(seen, result.codegen)
        payload = _dump(result, seen.members) if name and seen.digest == self._digests[signature] else None
        if name and payload:
            storage.write(name, payload)

    def drop_stale(self) -> None:
        """Forget compiled code if one piece of it would be another today."""
        if any(Fingerprint(self._dispatcher, each).digest != digest for each, digest in self._digests.items()):
            self._digests.clear()
            _forget_code(self._dispatcher)

    def _name(self, seen: Fingerprint, codegen: Any) -> str | None:
        if not (self._on_disk and seen.has_name):
            return None
        words = re.sub(r"\W+", "_", self._dispatcher.py_func.__qualname__)[-40:]
        return f"{words}-{sha((seen.digest, VERSIONS, _settings(), codegen.magic_tuple()))[:40]}"


def follow_changes() -> None:
    """Compile anew, at the next call, what sees a name of the user that has changed its meaning: a global variable, an
    element of an array, an implementation for a class."""
    _look_for_changes(WATCH.changed_by_user())


def _look_for_changes(changed: bool) -> None:
    if changed:
        with global_compiler_lock:
            fingerprint.forget()
            overloads.choose_anew()
            for cache in list(_caches):
                cache.drop_stale()


def _forget_code(dispatcher: Dispatcher) -> None:
    dispatcher._reset_overloads()
    dispatcher._compiler._failed_cache.clear()


def _holds_class(numba_type: Any) -> bool:
    """Whether machine code makes an object of a class, that of the process where it was compiled."""
    inner = numba_type if isinstance(numba_type, types.BaseTuple) else [getattr(numba_type, "type", None)]
    return hasattr(numba_type, "instance_class") or any(_holds_class(each) for each in inner if each is not None)


def _adopt(members: list[Any]) -> None:
    """Numba's own cache of a function that a user compiled with ``njit`` could be stale, and so may code of before."""
    for member in members:
        if isinstance(member, Dispatcher) and not isinstance(member._cache, Cache) and member._can_compile:
            _forget_code(member)
            member._cache = Cache(member, on_disk=False)


@functools.cache
def _names_of_settings() -> list[str]:
    return sorted(name for name in vars(numba.config) if name.isupper() and not any(word in name for word in IDLE))


def _settings() -> list[tuple[str, str]]:
    """Those of Numba that have a part in what is compiled."""
    return [(name, repr(getattr(numba.config, name))) for name in _names_of_settings()]


def _dump(result: Any, members: list[Any]) -> bytes | None:
    code, description, environment, signature, object_mode, lifted, _, initialisers, environments = result._reduce()
    description = copy.copy(description)
    description.global_dict, description.modname = None, _dynamic_modname  # globals are not looked up again
    reduced = (code, description, environment, signature, object_mode, lifted, "", initialisers, environments)
    file = io.BytesIO()
    try:
        _Pickler(file, members).dump(reduced)
    except (pickle.PicklingError, TypeError, AttributeError):
        return None
    return file.getvalue()


def _load(payload: bytes, members: list[Any], target_context: Any) -> Any:
    return CompileResult._rebuild(target_context, *_Unpickler(io.BytesIO(payload), members).load())


class _Pickler(NumbaPickler):
    """Writes functions and classes that a kernel sees as their numbers in its fingerprint."""

    def __init__(self, file: Any, members: list[Any]) -> None:
        super().__init__(file, protocol=5)
        self._numbers = {id(member): number for number, member in enumerate(members)}

    def persistent_id(self, value: Any) -> int | None:
        number = self._numbers.get(id(value))
        if number is None and isinstance(value, type) and not is_known(value.__module__):
            raise pickle.PicklingError(f"the class {value.__qualname__} is no part of the kernel")
        return number

    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, Environment):
            return _environment, (value.env_name, list(value.consts))
        return super().reducer_override(value)


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: Any, members: list[Any]) -> None:
        super().__init__(file)
        self._members = members

    def persistent_load(self, number: int) -> Any:
        return self._members[number]


def _environment(name: str, constants: list[Any]) -> Environment:
    """The constants of a compiled function. Only interpreted code would read globals; there are none."""
    found = lookup_environment(name)
    if found is None:
        found = Environment(vars(_dynamic_module))
        found.consts[:], found.env_name = constants, name
        Environment._memo[name] = found
    return found
