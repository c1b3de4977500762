"""How many threads NumPy's and SciPy's linear algebra may use."""

import functools
from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import ThreadpoolController


@functools.cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()


@contextmanager
def blas_threads(n: int | None) -> Iterator[None]:
    """Limit BLAS to ``n`` threads inside the block; None leaves it as it is.

    The idle threads of OpenBLAS spin for milliseconds after every product, on cores that the chains want: small
    products between two rounds of sampling are faster on one thread.
    """
    with _controller().limit(limits=n, user_api="blas"):
        yield
