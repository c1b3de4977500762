"""How much memory there is, and how the C library's allocator treats what is freed."""

import ctypes
import functools
import os
import sys

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # from malloc.h of glibc
LARGEST, KEPT = 2**25, 2**27  # bytes: of an array, which glibc allows at most, and of all freed ones together


@functools.cache
def keep_freed_memory() -> bool:
    """Ask glibc to keep up to ``KEPT`` bytes that are freed, and tell whether there was one to ask.

    By default it returns an array of some megabytes to the system as soon as it is freed. A loop that makes such arrays
    in every turn then spends more time on the first touch of fresh memory than on the arithmetic. Asked once in a
    process; memory in use is not affected.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(M_MMAP_THRESHOLD, LARGEST) and mallopt(M_TRIM_THRESHOLD, KEPT))


def memory_bytes() -> int:
    """The memory of this machine; 2^63 where that is not known."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return 2**63


def check_memory(n_bytes: float, what: str, remedy: str) -> None:
    """Raise ``ValueError`` for arrays that this machine cannot hold, before they are made."""
    if n_bytes > memory_bytes():
        raise ValueError(
            f"expected what fits into {memory_bytes() / 2**30:.3g} GiB of memory, found {what}, which needs about "
            f"{n_bytes / 2**30:.3g} GiB: take {remedy}"
        )
