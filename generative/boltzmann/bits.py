"""Contrastive statistics of machines of units 0 and 1 in single precision, by sums of rows (see ``gibbs_kernels``)."""

import numpy as np

from generative.boltzmann.gibbs_kernels import conditional_means, contrast, draw

Array = np.ndarray


class BitMachine:
    """p(v, h) proportional to e^(a.v + b.h + v W h), in single precision; units are uint8."""

    def __init__(self, a: Array, b: Array, W: Array) -> None:
        self.visible_bias, self.hidden_bias = a.astype(np.float32), b.astype(np.float32)
        self.weights = W.astype(np.float32)
        self.transposed = np.ascontiguousarray(self.weights.T)

    def _means(self, weights: Array, bias: Array, units: Array) -> Array:
        means, chosen = np.empty((len(units), len(bias)), np.float32), np.empty(len(weights) + 1, np.int64)
        conditional_means(weights, bias, units, means, chosen)
        return means

    def hidden_means(self, v: Array) -> Array:
        """p(h = 1 | v), shape (n, n_hidden)."""
        return self._means(self.weights, self.hidden_bias, v)

    def visible_means(self, h: Array) -> Array:
        """p(v = 1 | h), shape (n, n_visible)."""
        return self._means(self.transposed, self.visible_bias, h)

    def draw(self, means: Array, rng: np.random.Generator) -> Array:
        """Units that are 1 with the given probabilities."""
        n_words = -(-means.size // 2)
        words = rng.bit_generator.random_raw(n_words).view(np.uint32)[: means.size]
        units = np.empty(means.shape, np.uint8)
        draw(means, words.reshape(means.shape), units)
        return units

    def contrast(self, data: Array, chains: Array, k: int, rng: np.random.Generator) -> tuple[Array, Array]:
        """<v>, <h>, <v h> of ``data`` less those of ``chains`` after k Gibbs steps, in one vector; and the chains."""
        data_means = means = self.hidden_means(data)
        v = chains
        if chains is not data:
            means = self.hidden_means(v)
        for _ in range(k):
            v = self.draw(self.visible_means(self.draw(means, rng)), rng)
            means = self.hidden_means(v)
        n_visible, n_hidden = self.weights.shape
        out = np.empty(n_visible + n_hidden + n_visible * n_hidden)
        rows, chosen = np.empty((2, n_hidden), np.float32), np.empty(max(len(data), len(v)) + 1, np.int64)
        contrast(data, data_means, v, means, out, rows, chosen)
        return out, v
