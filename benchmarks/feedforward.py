"""Nanoseconds for one walker through a compiled feed-forward network, as one JSON line.

For each architecture: the output, with the input gradient, with gradient and Laplacian, with the parameter gradient;
the batched NumPy Laplacian for comparison. Shortest of many short repetitions on one core.
"""

import json
import time
from collections.abc import Callable

import numpy as np
from threadpoolctl import threadpool_limits

from neural import feedforward_kernels as kernels
from neural.feedforward import FeedForward
from neural.jit import kernel

ARCHITECTURES = ((4, 32, 32, 1), (12, 64, 64, 1), (40, 128, 128, 1))
N_WALKERS = 500
REPETITIONS = 200


@kernel
def values(net, work, x, out):
    for walker in range(len(x)):
        out[0] = kernels.value(net, work, x[walker])


@kernel
def gradients(net, work, x, out):
    for walker in range(len(x)):
        kernels.value_gradient(net, work, x[walker], out[: x.shape[1]])


@kernel
def laplacians(net, work, x, out):
    for walker in range(len(x)):
        kernels.laplacian(net, work, x[walker], out[: x.shape[1]])


@kernel
def parameter_gradients(net, work, x, out):
    for walker in range(len(x)):
        kernels.parameter_gradient(net, work, x[walker], out)


def nanoseconds(run: Callable[[], object], repetitions: int = REPETITIONS) -> float:
    """The shortest time of ``run``, for one walker."""
    shortest = float("inf")
    for _ in range(repetitions + 1):  # the first one compiles
        start = time.perf_counter()
        run()
        shortest = min(shortest, time.perf_counter() - start)
    return round(shortest / N_WALKERS * 1e9, 1)


def measure(sizes: tuple[int, ...]) -> dict[str, float]:
    """The times of one tanh network with a linear output."""
    net = FeedForward.init(sizes, ("tanh",) * (len(sizes) - 2) + ("identity",), seed=1)
    work, out = kernels.workspace(net), np.empty(net.theta.size)
    x = np.random.default_rng(1).normal(size=(N_WALKERS, sizes[0]))
    times = {
        sweep.__name__: nanoseconds(lambda sweep=sweep: sweep(net, work, x, out))
        for sweep in (values, gradients, laplacians, parameter_gradients)
    }
    return times | {"numpy_laplacians": nanoseconds(lambda: net.laplacian(x), repetitions=20)}


def main() -> None:
    with threadpool_limits(1):
        times = {"-".join(map(str, sizes)): measure(sizes) for sizes in ARCHITECTURES}
    print(json.dumps({"benchmark": "feedforward", "unit": "ns per walker", "activation": "tanh", **times}))


if __name__ == "__main__":
    main()
