"""Moves that exchange two antiparallel spins."""

from typing import NamedTuple

import numpy as np

from montecarlo.metropolis import propose
from nqs.proposals.spin_flip import SpinMove, all_sites, check_fraction
from nqs.systems.spin_system import SpinSystem


class _Fields(NamedTuple):
    pairs: np.ndarray  # (n_pairs, 2)
    global_flips: float


class SpinExchange(SpinMove, _Fields):
    """Exchange the spins of two sites, which conserves the magnetisation; equal spins count as rejected.

    Parameters
    ----------
    system : whose bonds are the pairs
    any_pair : all pairs of sites instead
    global_flips : fraction of the moves that turn all spins over, which keeps a magnetisation of 0

    Raises
    ------
    ValueError : for a system without bonds, or unless 0 <= global_flips < 1
    """

    __slots__ = ()

    def __new__(cls, system: SpinSystem, any_pair: bool = False, global_flips: float = 0.0) -> "SpinExchange":
        pairs = np.stack(np.triu_indices(system.n_sites, 1), axis=1) if any_pair else system.bonds
        if len(pairs) == 0:
            raise ValueError("expected a system with bonds: use any_pair=True, or SpinFlip()")
        return cls._make((np.ascontiguousarray(pairs, dtype=np.int64), check_fraction(global_flips)))


@propose.register(SpinExchange)
def _(proposal, target, work, x, i, normals, scratch):
    remaining = normals[0] - proposal.global_flips
    if remaining < 0.0:
        all_sites(x.size, scratch[0])
        return
    n_pairs = proposal.pairs.shape[0]
    pair = proposal.pairs[min(int(remaining / (1.0 - proposal.global_flips) * n_pairs), n_pairs - 1)]
    scratch[0, 0] = 0 if x[pair[0]] == x[pair[1]] else 2
    scratch[0, 1] = pair[0]
    scratch[0, 2] = pair[1]
