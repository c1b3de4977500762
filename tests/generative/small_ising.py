"""3 x 3 Ising spins with all their probabilities, for machines to learn."""

from typing import Any, NamedTuple

import numpy as np

from montecarlo.lattices import Square

LATTICE = Square(3)


class SmallIsing(NamedTuple):
    """All ``states`` (512, 9) with their ``log_p``, and ``data`` drawn from them."""

    states: np.ndarray
    log_p: np.ndarray
    data: np.ndarray

    def divergence(self, model: Any) -> float:
        """The Kullback-Leibler divergence of the model from the exact distribution, in nats."""
        return float(np.exp(self.log_p) @ (self.log_p - model.log_prob(self.states)))


def small_ising(temperature: float, n_data: int) -> SmallIsing:
    states = 2.0 * ((np.arange(512)[:, None] >> np.arange(9)) & 1) - 1.0
    i, j = LATTICE.edges.T
    log_p = (states[:, i] * states[:, j]).sum(axis=1) / temperature
    log_p -= np.logaddexp.reduce(log_p)
    return SmallIsing(states, log_p, states[np.random.default_rng(0).choice(512, n_data, p=np.exp(log_p))])
