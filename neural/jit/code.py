"""Code objects as digests: what runs, without file names, line numbers, comments and docstrings."""

import dis
import functools
import hashlib
import pathlib
import sys
import sysconfig
from collections.abc import Iterable
from types import CodeType
from typing import Any, NamedTuple

NAMED_BY_VERSION = frozenset({"builtins", "numpy", "numba", "llvmlite"})
STANDARD_LIBRARY = pathlib.Path(sysconfig.get_path("stdlib"))
INSTALLED = pathlib.Path(sysconfig.get_path("purelib"))


class Code(NamedTuple):
    """A code object with those nested in it."""

    digest: str
    global_names: tuple[str, ...]
    words: frozenset[str]  # all names and strings, among them those of attributes


def sha(value: Any) -> str:
    """SHA-256 of bytes, or of the text of anything else."""
    return hashlib.sha256(value if isinstance(value, bytes) else repr(value).encode()).hexdigest()


@functools.cache
def is_known(module: str) -> bool:
    """Whether versions name its content: the standard library, NumPy and Numba, but no file that hides one of them."""
    root = module.partition(".")[0]
    if root not in sys.stdlib_module_names:
        return root in NAMED_BY_VERSION
    path = pathlib.Path(getattr(sys.modules.get(root), "__file__", None) or STANDARD_LIBRARY)
    return path.is_relative_to(STANDARD_LIBRARY) and not path.is_relative_to(INSTALLED)


@functools.cache
def read(code: CodeType) -> Code:
    """The content of a code object."""
    constants = list(code.co_consts)
    if constants and _first_constant_is_idle(code):
        constants[0] = None  # a docstring
    nested = [read(each) for each in constants if isinstance(each, CodeType)]
    described = [read(each).digest if isinstance(each, CodeType) else _constant(each) for each in constants]
    arguments = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags)
    names = (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
    digest = sha((arguments, code.co_code, code.co_exceptiontable, described, names))
    global_names = dict.fromkeys([*_global_names(code), *(name for each in nested for name in each.global_names)])
    words = {*code.co_names, *(each for each in constants if isinstance(each, str))}
    return Code(digest, tuple(global_names), frozenset(words.union(*(each.words for each in nested))))


def _instructions(code: CodeType) -> Iterable[tuple[int, int]]:
    extended = 0
    for operation, argument in zip(code.co_code[::2], code.co_code[1::2]):
        argument |= extended
        extended = argument << 8 if operation == dis.EXTENDED_ARG else 0
        yield operation, argument


def _first_constant_is_idle(code: CodeType) -> bool:
    return not any(argument == 0 for operation, argument in _instructions(code) if operation in dis.hasconst)


def _global_names(code: CodeType) -> list[str]:
    load = dis.opmap["LOAD_GLOBAL"]
    return [code.co_names[argument >> 1] for operation, argument in _instructions(code) if operation == load]


def _constant(value: Any) -> Any:
    if isinstance(value, tuple | frozenset):
        items = [_constant(each) for each in value]
        return type(value).__name__, items if isinstance(value, tuple) else sorted(items, key=repr)
    return type(value).__name__, repr(value)
