"""How the C library's allocator treats freed memory."""

import ctypes
import functools
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
