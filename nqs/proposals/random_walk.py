"""Moves by a step in a random direction."""

from typing import NamedTuple

from montecarlo.metropolis import log_proposal_ratio, propose
from nqs.proposals.particle_move import ParticleMove
from nqs.systems.system import check_positive


class _Fields(NamedTuple):
    step: float


class RandomWalk(ParticleMove, _Fields):
    """x'_i = x_i + step * xi with standard normal xi; symmetric, so that the ratio of proposals is 1.

    ``step``, in units of length, is where the tuning in burn-in starts. Raises ``ValueError`` unless it is positive.
    """

    __slots__ = ()
    target_acceptance = 0.5

    def __new__(cls, step: float = 0.5) -> "RandomWalk":
        return cls._make((check_positive("step", step),))


@propose.register(RandomWalk)
def _(proposal, target, work, x, i, normals, scratch):
    for d in range(x.shape[1]):
        scratch[0, d] = x[i, d] + proposal.step * normals[d]


@log_proposal_ratio.register(RandomWalk)
def _(proposal, target, work, x, i, scratch):
    return 0.0
