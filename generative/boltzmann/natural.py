"""The natural gradient: steps measured by how far the distribution moves, not the parameters.

    (S + lambda) d = g,     S = <dF dF^T> - <dF> <dF>^T

S is taken over the batch before, whose errors are not those of g: over the same batch, or over the chains, both err
together (S is small where spins happen to be ordered, and the step to order long), and the model ends too cold or too
hot.

The distance of p(v) at parameters w and at w + e d is e^2 d^T S d / 2, a Kullback-Leibler divergence in nats. Plain
gradients are slow where directions differ in it by orders of magnitude, as in Ising models at their critical point: the
energy of all bonds together and the range of a filter. Parameters that are bound to be equal are one coordinate.

Source: S. Amari, Neural Comput. 10, 251 (1998), theorem 1; for Boltzmann machines S. Amari, K. Kurata, H. Nagaoka,
IEEE Trans. Neural Netw. 3, 260 (1992).
"""

import numpy as np

Array = np.ndarray

LARGEST_STEP = 1.0  # of g . d; a step of rate 1 then moves the distribution by half a nat at most


class Coordinates:
    """Independent coordinates of parameters: ``groups`` (n_coordinates, n_equal) are the indices of equal ones.

    A group may come several times, and name a parameter several times; parameters in no group stay as they are.
    """

    def __init__(self, groups: Array) -> None:
        ordered = np.unique(np.sort(groups, axis=1), axis=0)
        distinct = 1 + np.count_nonzero(np.diff(ordered, axis=1), axis=1)
        self.groups, self.weight = ordered, distinct / ordered.shape[1]

    def slopes(self, gradients: Array) -> Array:
        """Derivatives for the coordinates from those for the parameters, (n, n_parameters) or (n_parameters,)."""
        return self.weight * gradients[..., self.groups].sum(axis=-1)

    def spread(self, direction: Array, n_parameters: int) -> Array:
        """The change of all parameters from that of the coordinates."""
        change = np.zeros(n_parameters)
        change[self.groups] = direction[:, None]
        return change


def natural_gradient(gradient: Array, slopes: Array, coordinates: Coordinates, damping: float) -> Array:
    """d for the ``gradient`` (n_parameters,) and the ``slopes`` dF (n, n_coordinates) of n configurations.

    damping : lambda as a part of 1 + the mean diagonal element of S
    """
    g, O = coordinates.slopes(gradient), (slopes - slopes.mean(axis=0)) / np.sqrt(len(slopes))
    damping *= 1.0 + float(np.sum(O**2)) / len(g)
    if len(g) <= len(O):
        d = np.linalg.solve(O.T @ O + damping * np.eye(len(g)), g)
    else:  # (O^T O + lambda)^-1 = (1 - O^T (O O^T + lambda)^-1 O) / lambda
        d = (g - O.T @ np.linalg.solve(O @ O.T + damping * np.eye(len(O)), O @ g)) / damping
    return coordinates.spread(d * min(1.0, LARGEST_STEP / max(float(g @ d), 1e-300)), len(gradient))
