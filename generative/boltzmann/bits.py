"""A Boltzmann machine of bits in single precision: Gibbs sampling and contrastive statistics (``bit_kernels``)."""

from typing import Any

import numpy as np

from generative.boltzmann import bit_kernels
from generative.boltzmann.bit_kernels import ROWS_TOGETHER, Batch, Layer, Scratch, Sums
from generative.boltzmann.bit_training import Descent, one_epoch
from neural.jit import ROWS_AT_ONCE, TILE, UNITS_AT_ONCE

Array = np.ndarray

CACHE_LINE = 64  # bytes; a tile that crosses no line is read at twice the speed


def _matrix(n_rows: int, n_columns: int) -> Array:
    """Zeros in a whole number of tiles as columns, and a line more: rows a power of 2 apart would share few places of
    the cache.
    """
    return _aligned(n_rows, _tiles(n_columns) + CACHE_LINE // 4)


def _vector(n: int) -> Array:
    """Zeros in a whole number of tiles."""
    return _aligned(_tiles(n))


def _tiles(n: int) -> int:
    return -(-n // TILE) * TILE


def _aligned(*shape: int) -> Array:
    """Zeros in single precision that begin with a line of the cache."""
    size = int(np.prod(shape))
    buffer = np.zeros(4 * size + CACHE_LINE, dtype=np.uint8)
    start = -buffer.ctypes.data % CACHE_LINE
    return buffer[start : start + 4 * size].view(np.float32).reshape(shape)


def _first(batch: Batch, n: int) -> Batch:
    return batch._replace(v=batch.v[:n], h=batch.h[:n])


class BitMachine:
    """The parameters of a machine in single precision, and the work space of its kernels.

    scale : 1 for units 0 and 1, 2 for -1 and +1; here they are bits, uint8, in either case

    What is drawn depends on the machine, the bits and a key of 64 bits only.
    """

    def __init__(self, n_visible: int, n_hidden: int, scale: int = 1) -> None:
        self.shape, self.scale = (n_visible, n_hidden), float(scale)
        self.visible = Layer(_matrix(n_hidden + 1, n_visible), _vector(n_visible))
        self.hidden = Layer(_matrix(n_visible + 1, n_hidden), _vector(n_hidden))
        self.gradient = np.empty(n_visible + n_hidden + n_visible * n_hidden)
        self._make_room(1)

    def _make_room(self, n_rows: int) -> None:
        """Work space for batches of ``n_rows`` and fewer."""
        self.n_rows, self.scratch = n_rows, self._scratch(n_rows)
        self.data, self.chains = self._batch(n_rows), self._batch(n_rows)
        self.data_sums, self.chain_sums = self._sums(n_rows), self._sums(n_rows)

    def _scratch(self, n_rows: int) -> Scratch:
        most = max(self.shape)
        words = np.empty((most + 1) // 2, np.uint64)
        length = ROWS_TOGETHER + UNITS_AT_ONCE + ROWS_AT_ONCE
        lists = np.empty((n_rows, length), np.int32), np.empty(n_rows, np.int32)
        return Scratch(*lists, words, words.view(np.uint32), np.empty((3, self.shape[1])))

    def _sums(self, n_rows: int) -> Sums:
        n, n_hidden = self.shape[0] + 1, self.shape[1]
        lists = np.empty((n, n_rows + ROWS_AT_ONCE), np.int32), np.empty(n, np.int32)
        return Sums(*lists, _vector(n_hidden), _matrix(n, n_hidden))

    def _batch(self, n_rows: int) -> Batch:
        n_visible, n_hidden = self.shape
        units = np.empty((n_rows, n_visible), np.uint8), np.empty((n_rows, n_hidden), np.uint8)
        return Batch(*units, _matrix(n_rows + 1, n_visible), _matrix(n_rows + 1, n_hidden))

    def _room_for(self, *numbers: int) -> None:
        if max(numbers) > self.n_rows:
            self._make_room(max(numbers))

    def load(self, parameters: Array) -> None:
        """Take over the ``parameters`` a, b, W of a machine, in one vector."""
        bit_kernels.load(parameters, self.scale, self.visible, self.hidden)

    def _fill(self, batch: Batch, v: Array) -> Batch:
        """The bits ``v`` (n, n_visible) and their hidden means in a batch."""
        batch = _first(batch, len(v))
        batch.v[:] = v
        bit_kernels.conditional_means(self.hidden, batch.v, batch.h_means, self.scratch)
        return batch

    def _gibbs(self, v: Array, k: int, key: Any) -> Batch:
        chains = self._fill(self.chains, v)
        with np.errstate(over="ignore"):
            bit_kernels.gibbs(self.visible, self.hidden, chains, k, np.uint64(key), self.scratch)
        return chains

    def gibbs(self, v: Array, k: int, key: Any) -> Array:
        """The bits ``v`` (n, n_visible) after k Gibbs steps."""
        self._room_for(len(v))
        return self._gibbs(v, k, key).v.copy()

    def contrast(self, data: Array, chains: Array, k: int, key: Any) -> tuple[Array, Array]:
        """<dF> of ``data`` less <dF> of ``chains`` after k Gibbs steps, and these chains.

        The next call changes the vector. With k > 0 and ``chains`` that are ``data``, this is contrastive divergence.
        """
        self._room_for(len(data), len(chains))
        after, data_batch = self._gibbs(chains, k, key), self._fill(self.data, data)
        sums = self.data_sums, self.chain_sums
        bit_kernels.contrast(data_batch, after, self.scale, self.gradient, *sums, self.scratch)
        return self.gradient, after.v.copy()

    def epoch(
        self,
        parameters: Array,
        rows: Array,
        batches: tuple[Array, int],
        descent: Descent,
        keys: Array,
        k: int,
        chains: Array | None,
    ) -> tuple[float, Array, Array]:
        """One pass of gradient descent over ``rows``, which changes ``parameters`` and the arrays of ``descent``; see
        ``bit_training.one_epoch``.

        ``batches`` are the order of the rows and the size of a batch; ``chains`` are persistent, or None. Returns the
        mean norm of the gradient, and the chains before and after the steps of the last batch.
        """
        order, size = batches
        n_chains = size if chains is None else len(chains)
        self._room_for(size, n_chains)
        data, ours = _first(self.data, size), _first(self.chains, n_chains)
        if chains is not None:
            ours.v[:] = chains
        before, layers, sums = np.empty_like(ours.v), (self.visible, self.hidden), (self.data_sums, self.chain_sums)
        arguments = (k, chains is not None, layers, data, ours, before, sums, self.scratch)
        with np.errstate(over="ignore"):
            norm = one_epoch(parameters, rows, order, descent, keys, *arguments)
        last = n_chains if chains is not None else len(order) - (len(keys) - 1) * size
        return norm, before[:last], ours.v[:last].copy()

    def pseudo_likelihood(self, v: Array, units: Array) -> float:
        """Mean of log p(v_i | all others) for one unit i of each row of the bits v, in nats."""
        self._room_for(len(v))
        return bit_kernels.pseudo_likelihood(self.visible, self.hidden, v, units, self.data.h_means, self.scratch)

    def reconstruction(self, v: Array, key: Any) -> Array:
        """The means of the visible bits after one step to the hidden bits and back, shape (n, n_visible)."""
        self._room_for(len(v))
        chains = self._fill(self.chains, v)
        with np.errstate(over="ignore"):
            bit_kernels.draw(chains.h_means, chains.h, np.uint64(key), self.scratch)
        bit_kernels.conditional_means(self.visible, chains.h, chains.v_means, self.scratch)
        return chains.v_means[: len(v), : v.shape[1]].copy()
