"""Machine code on disk, under a name that is a digest of all that the compiled kernel can see.

An entry that is found is therefore the right one: nothing is ever compared with source files, and nothing becomes
stale. An entry carries a checksum; one that does not fit is compiled again.
"""

import contextlib
import hashlib
import io
import os
import pathlib
import pickle
import re
from typing import Any

from numba.core.caching import NullCache
from numba.core.compiler import CompileResult
from numba.core.environment import Environment, lookup_environment
from numba.core.serialize import NumbaPickler
from numba.core.utils import _dynamic_module

from .fingerprint import Unnameable, Walk, _is_known

LENGTH = hashlib.sha256().digest_size


def cache_directory() -> pathlib.Path:
    """Where compiled kernels are kept: ``BORN_CACHE_DIR``, or a folder of the user's cache."""
    default = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "born"
    return pathlib.Path(os.environ.get("BORN_CACHE_DIR", default)) / "kernels"


def read(path: pathlib.Path) -> bytes | None:
    """The content of an entry; None where there is none, or a damaged one."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    checksum, payload = content[:LENGTH], content[LENGTH:]
    return payload if hashlib.sha256(payload).digest() == checksum else None


def write(path: pathlib.Path, payload: bytes) -> None:
    """Write an entry, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    try:
        temporary.write_bytes(hashlib.sha256(payload).digest() + payload)
        temporary.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def _environment(name: str, constants: list[Any]) -> Environment:
    """The constants of a compiled function; globals, which only Python code would read, are empty."""
    found = lookup_environment(name)
    if found is not None:
        return found
    environment = Environment(vars(_dynamic_module))
    environment.consts[:] = constants
    environment.env_name = name
    Environment._memo[name] = environment
    return environment


class _Pickler(NumbaPickler):
    """Writes functions and classes that a kernel sees as their numbers in its fingerprint."""

    def __init__(self, file: Any, members: list[Any]) -> None:
        super().__init__(file, protocol=5)
        self._numbers = {id(member): number for number, member in enumerate(members)}

    def persistent_id(self, value: Any) -> int | None:
        number = self._numbers.get(id(value))
        if number is None and isinstance(value, type) and not _is_known(value.__module__):
            raise Unnameable(f"the class {value.__qualname__}")
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


def _dump(result: Any, members: list[Any]) -> bytes:
    code, description, environment, signature, object_mode, lifted, _, initialisers, environments = result._reduce()
    description.global_dict = None
    reduced = code, description, environment, signature, object_mode, lifted, "", initialisers, environments
    file = io.BytesIO()
    _Pickler(file, members).dump(reduced)
    return file.getvalue()


class Cache(NullCache):
    """What a dispatcher of Numba asks for compiled code, and gives it to."""

    def __init__(self, dispatcher: Any) -> None:
        self._dispatcher = dispatcher

    @property
    def cache_path(self) -> str:
        return str(cache_directory())

    def load_overload(self, signature: Any, target_context: Any) -> Any:
        walk, path = self._entry(signature, target_context.codegen())
        payload = read(path) if path else None
        if payload is None:
            return None
        reduced = _Unpickler(io.BytesIO(payload), walk.members).load()
        reduced[1].modname = self._dispatcher.py_func.__module__
        return CompileResult._rebuild(target_context, *reduced)

    def save_overload(self, signature: Any, result: Any) -> None:
        if result.library.has_dynamic_globals or result.lifted:
            return
        walk, path = self._entry(signature, result.codegen)
        if path:
            with contextlib.suppress(Unnameable, pickle.PicklingError, TypeError, AttributeError, OSError):
                write(path, _dump(result, walk.members))

    def _entry(self, signature: Any, codegen: Any) -> Any:
        try:
            walk = Walk(self._dispatcher, signature)
        except Unnameable:
            return None, None
        name = re.sub(r"\W+", "_", self._dispatcher.py_func.__qualname__)[-40:]
        return walk, cache_directory() / f"{name}-{walk.digest(codegen.magic_tuple())[:40]}"
