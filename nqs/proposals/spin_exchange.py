"""Moves that exchange two antiparallel spins."""

from typing import NamedTuple

import numpy as np

from montecarlo.graphs import components
from montecarlo.metropolis import propose
from nqs.proposals.spin_flip import SpinMove, all_sites, check_fraction
from nqs.spin_space import SpinSpace
from nqs.systems.spin_system import SpinSystem, check_spins


class _Fields(NamedTuple):
    pairs: np.ndarray  # (n_pairs, 2)
    global_flips: float


class SpinExchange(SpinMove, _Fields):
    """Exchange the spins of two sites, which conserves the magnetisation; equal spins count as rejected.

    Parameters
    ----------
    system : whose bonds are the pairs; all pairs of sites where the bonds do not connect every site to every other
    any_pair : all pairs of sites in any case
    global_flips : fraction of the moves that turn all spins over, which keeps a magnetisation of 0

    Raises
    ------
    TypeError : for anything but a system of spins
    ValueError : for a system without bonds, unless 0 <= global_flips < 1, or for global flips where the magnetisation
        of the ground state is not 0
    """

    __slots__ = ()
    conserves_magnetisation = True

    def __new__(cls, system: SpinSystem, any_pair: bool = False, global_flips: float = 0.0) -> "SpinExchange":
        space, bonds = check_spins(system), system.bonds
        if len(bonds) == 0 and not any_pair:
            raise ValueError("expected a system with bonds: use any_pair=True, or SpinFlip()")
        every = np.stack(np.triu_indices(system.n_sites, 1), axis=1)
        pairs = every if any_pair or components(system.n_sites, bonds).any() else bonds
        self = cls._make((np.ascontiguousarray(pairs, dtype=np.int64), check_fraction(global_flips)))
        if global_flips and space.magnetisation is not None:
            self.check(space)
        return self

    def check(self, space: SpinSpace) -> None:
        n = space.n_sites
        if self.global_flips and space.magnetisation != 0:
            raise ValueError(
                f"expected global_flips=0 for the magnetisation {space.magnetisation}, whose sign they change, "
                f"got {self.global_flips}"
            )
        if self.pairs.size and not 0 <= self.pairs.min() <= self.pairs.max() < n:
            raise ValueError(f"expected pairs of the sites 0 to {n - 1}, got others: SpinExchange(system) has them")
        if components(n, self.pairs).any():
            raise ValueError("expected pairs that connect all sites: use SpinExchange(system, any_pair=True)")


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
