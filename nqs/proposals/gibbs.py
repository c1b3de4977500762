"""Gibbs sampling of the plain restricted Boltzmann machine."""

from typing import NamedTuple

import numpy as np

from montecarlo.metropolis import move, moves_per_sweep, noise_per_move, refresh
from neural.records import Record
from nqs.wavefunctions.gaussian_rbm import GaussianRBM


class _Fields(NamedTuple):
    unused: int


class Gibbs(Record, _Fields):
    """Draw all hidden units for the given coordinates, then all coordinates for the given hidden units.

        P(h_j = 1 | x) = sigmoid(theta_j),    x_id | h ~ Normal(a_id + sum_j W_idj h_j, sigma_d^2)

    Every draw is accepted. It is for a ``GaussianRBM`` that represents the density, alone: a further factor changes
    the conditionals.

    Source: K. Cho, A. Ilin and T. Raiko, ICANN 2011, eqs. (5)-(6).
    """

    __slots__ = ()

    def __new__(cls) -> "Gibbs":
        return cls._make((0,))


@noise_per_move.register(Gibbs)
def _(proposal, target):
    if not isinstance(target, GaussianRBM) or target.power != 0.5:
        raise TypeError(
            "expected a GaussianRBM with represents='density' alone, since Gibbs draws from its conditionals, "
            f"got {type(target).__name__}: use Langevin() or RandomWalk()"
        )
    return target.visible_bias.size, target.hidden_bias.size


@moves_per_sweep.register(Gibbs)
def _(proposal, target):
    return 1


@move.register(Gibbs)
def _(proposal, target, work, x, i, normals, exponentials, scratch):
    """A unit is on when its exponential exceeds -log sigmoid(theta), which has that probability."""
    n_particles, n_dims = x.shape
    for j in range(work.theta.size):
        on = exponentials[j] > -np.log(work.sigmoid[j])
        work.new_sigmoid[j] = 1.0 if on else 0.0
    for i in range(n_particles):
        for d in range(n_dims):
            mean = target.visible_bias[i, d]
            for j in range(work.theta.size):
                mean += target.weights[i, d, j] * work.new_sigmoid[j]
            x[i, d] = mean + normals[i * n_dims + d] / np.sqrt(work.precision[d])
    refresh(target, work, x)
    return True
