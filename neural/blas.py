"""How many threads NumPy's and SciPy's linear algebra may use."""

import functools
from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import ThreadpoolController


@functools.cache
def _controller() -> tuple[ThreadpoolController, int]:
    """The BLAS libraries that are loaded, and the most threads one of them had at first."""
    controller = ThreadpoolController().select(user_api="blas")
    return controller, max((library["num_threads"] for library in controller.info()), default=1)


def blas_threads() -> int:
    """The threads that BLAS had at first: what a machine, or OPENBLAS_NUM_THREADS and its like, allow."""
    return _controller()[1]


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Keep BLAS to one thread inside the block.

    The idle threads of OpenBLAS spin for milliseconds after every product, on cores that the chains want: small
    products between two rounds of sampling are faster on one thread.
    """
    controller, _ = _controller()
    with controller.limit(limits=1):
        yield


@contextmanager
def all_blas_threads() -> Iterator[None]:
    """Give BLAS back, inside a block of ``one_blas_thread``, the threads it had at first."""
    controller, most = _controller()
    with controller.limit(limits=most):
        yield
