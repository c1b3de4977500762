"""Importance sampling: moves that follow the drift of the wave function."""

from typing import NamedTuple

import numpy as np

from montecarlo.metropolis import log_proposal_ratio, propose
from neural.jit import kernel
from nqs.proposals.particle_move import ParticleMove
from nqs.systems.system import check_positive
from nqs.wavefunctions.wavefunction import drift, proposed_drift


class _Fields(NamedTuple):
    step: float


class Langevin(ParticleMove, _Fields):
    """x'_i = x_i + v_i step + sqrt(step) xi with standard normal xi, and the drift v_i that follows grad_i log |psi|.

    At a distance d from a node of psi the gradient is 1 / d. A move along it would end far away, from where no move
    of this kind leads back, so that chains got stuck at nodes. So the drift is limited to what a particle covers in the
    time step when it moves away from a node, which for small steps is the gradient g itself:

        v = 2 g / (1 + sqrt(1 + 2 |g|^2 step))

    The ratio of proposals is that of the Green functions of the Fokker-Planck equation,

        log q(x|x') - log q(x'|x) = -( |x_i - x'_i - v'_i step|^2 - |x'_i - x_i - v_i step|^2 ) / (2 step).

    ``step`` is a time, in units of length^2; it is where the tuning in burn-in starts.
    Raises ``ValueError`` unless it is positive.

    Source: W. K. Hastings, Biometrika 57, 97 (1970); P. J. Reynolds et al., J. Chem. Phys. 77, 5593 (1982), eq. (11);
    C. J. Umrigar, M. P. Nightingale and K. J. Runge, J. Chem. Phys. 99, 2865 (1993), eq. (35), for the limit.
    """

    __slots__ = ()
    target_acceptance = 0.7

    def __new__(cls, step: float = 0.3) -> "Langevin":
        return cls._make((check_positive("step", step),))


@kernel
def _limit(drift, step):
    squared = 0.0
    for d in range(drift.size):
        squared += drift[d] * drift[d]
    scale = 2.0 / (1.0 + np.sqrt(1.0 + 2.0 * squared * step))
    for d in range(drift.size):
        drift[d] *= scale


@propose.register(Langevin)
def _(proposal, target, work, x, i, normals, scratch):
    new, old_drift = scratch[0], scratch[1]
    old_drift[:] = 0.0
    drift(target, work, x, i, old_drift)
    _limit(old_drift, proposal.step)
    width = np.sqrt(proposal.step)
    for d in range(x.shape[1]):
        new[d] = x[i, d] + old_drift[d] * proposal.step + width * normals[d]


@log_proposal_ratio.register(Langevin)
def _(proposal, target, work, x, i, scratch):
    new, old_drift, new_drift = scratch[0], scratch[1], scratch[2]
    new_drift[:] = 0.0
    proposed_drift(target, work, x, i, new, new_drift)
    _limit(new_drift, proposal.step)
    difference = 0.0
    for d in range(x.shape[1]):
        back = x[i, d] - new[d] - new_drift[d] * proposal.step
        forth = new[d] - x[i, d] - old_drift[d] * proposal.step
        difference += (back - forth) * (back + forth)
    return -difference / (2.0 * proposal.step)
