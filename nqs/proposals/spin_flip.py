"""Moves that turn one spin over."""

from typing import NamedTuple

from montecarlo.metropolis import (
    AcceptReject,
    carry_out,
    log_proposal_ratio,
    moves_per_sweep,
    noise_per_move,
    propose,
)
from neural.jit import kernel
from nqs.spin_space import SpinSpace


class SpinMove(AcceptReject):
    """Base class of the proposals for spins, which write the sites to turn over into scratch[0].

    scratch[0, 0] is their number; a move of none counts as rejected.
    """

    __slots__ = ()
    noise = "random"
    conserves_magnetisation = False

    def check(self, space: SpinSpace) -> None:
        """Raises ``ValueError`` for moves that do not keep to a space, or do not reach all of it."""


@noise_per_move.register(SpinMove)
def _(proposal, target):
    return 1, 1


@moves_per_sweep.register(SpinMove)
def _(proposal, target):
    return target.shape[0]


@carry_out.register(SpinMove)
def _(proposal, x, i, new):
    for k in range(1, new[0] + 1):
        x[new[k]] = -x[new[k]]


@log_proposal_ratio.register(SpinMove)
def _(proposal, target, work, x, i, scratch):
    """Every move is proposed as often as the one back."""
    return 0.0 if scratch[0, 0] > 0 else -float("inf")


@kernel
def all_sites(n_sites, flips):
    """Turn every spin over."""
    flips[0] = n_sites
    for site in range(n_sites):
        flips[site + 1] = site


class _Fields(NamedTuple):
    global_flips: float


class SpinFlip(SpinMove, _Fields):
    """Turn over one spin, any with the same probability, or in a fraction ``global_flips`` of the moves all of them.

    Raises ``ValueError`` unless 0 <= global_flips < 1.
    """

    __slots__ = ()

    def __new__(cls, global_flips: float = 0.0) -> "SpinFlip":
        return cls._make((check_fraction(global_flips),))


def check_fraction(global_flips: float) -> float:
    """The fraction of global moves, or a ValueError that says what was expected."""
    if not 0 <= global_flips < 1:
        raise ValueError(f"expected global_flips to be at least 0 and below 1, got {global_flips!r}")
    return float(global_flips)


@propose.register(SpinFlip)
def _(proposal, target, work, x, i, normals, scratch):
    remaining = normals[0] - proposal.global_flips
    if remaining < 0.0:
        all_sites(x.size, scratch[0])
    else:
        scratch[0, 0] = 1
        scratch[0, 1] = min(int(remaining / (1.0 - proposal.global_flips) * x.size), x.size - 1)
