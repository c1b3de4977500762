"""What moves of one particle have in common."""

from montecarlo.metropolis import Metropolis, moves_per_sweep, noise_per_move


class ParticleMove(Metropolis):
    """Base class: a sweep moves each particle once, and each move draws a normal number for each dimension."""

    __slots__ = ()


@noise_per_move.register(ParticleMove)
def _(proposal, target):
    return target.shape[1], 1


@moves_per_sweep.register(ParticleMove)
def _(proposal, target):
    return target.shape[0]
