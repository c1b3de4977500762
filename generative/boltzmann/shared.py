"""Weights shared among the elements of a group of permutations of the visible units, as the translations of a lattice.

    W[p_t(i), f n + t] = w[i, f]        t = 0 ... n - 1

The hidden units come in groups of n, the members of which see the same filter w[:, f] moved by the permutations p_t:
the distribution is invariant, p(v) = p(v o p_t), and every gradient is the average of n.

Source: for translations, H. Lee, R. Grosse, R. Ranganath, A. Y. Ng, ICML 2009, the convolutional machine.
"""

from typing import Any

import numpy as np

Array = np.ndarray


class SharedWeights:
    """Machines whose parameters are invariant under ``permutations``, a group: p_t in row t, shape (n, n_visible).

    Raises ``ValueError`` for rows that are no permutations, and where n does not divide ``n_hidden``.
    """

    def __init__(self, permutations: Any, n_visible: int, n_hidden: int) -> None:
        p = np.asarray(permutations)
        if p.ndim != 2 or not np.array_equal(np.sort(p, axis=1), np.tile(np.arange(n_visible), (len(p), 1))):
            raise ValueError(f"expected permutations of {n_visible} visible units in rows, found shape {p.shape}")
        if n_hidden % len(p):
            raise ValueError(f"expected n_hidden a multiple of the {len(p)} permutations, found {n_hidden}")
        self.permutations, self.element = p, np.arange(len(p))[:, None]

    def spread(self, filters: Array) -> Array:
        """The weights (n_visible, n_hidden) of ``filters`` (n_visible, n_hidden / n)."""
        n_visible, n_filters = filters.shape
        weights = np.empty((n_visible, n_filters, len(self.permutations)))
        weights[self.permutations, :, self.element] = filters
        return weights.reshape(n_visible, -1)

    def filters(self, weights: Array) -> Array:
        """The average of all members of each group, moved back: the inverse of ``spread``."""
        groups = weights.reshape(len(weights), -1, len(self.permutations))
        return groups[self.permutations, :, self.element].mean(axis=0)

    def groups(self, n_hidden: int) -> tuple[Array, Array, Array]:
        """Which elements of a, of b and of W are equal: their flat indices, each of shape (n_groups, n)."""
        n_visible, n = self.permutations.shape[1], len(self.permutations)
        weights = np.arange(n_visible * n_hidden).reshape(n_visible, -1, n)
        equal = weights[self.permutations, :, self.element]  # (n, n_visible, n_filters)
        return self.permutations.T, np.arange(n_hidden).reshape(-1, n), equal.reshape(n, -1).T

    def average(self, machine: Any) -> Any:
        """The nearest machine, or gradient, that is invariant."""
        n = len(self.permutations)
        return machine._replace(
            visible_bias=machine.visible_bias[self.permutations].mean(axis=0),
            hidden_bias=np.repeat(machine.hidden_bias.reshape(-1, n).mean(axis=1), n),
            weights=self.spread(self.filters(machine.weights)),
        )
