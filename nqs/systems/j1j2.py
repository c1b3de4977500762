"""The Heisenberg model with nearest and next-nearest neighbours."""

import numpy as np

from montecarlo.lattices import Lattice
from nqs.spin_space import SpinSpace
from nqs.systems.heisenberg import ExchangeModel, exchange_signs, pair_flips
from nqs.systems.spin_system import check_finite, check_lattice


class J1J2(ExchangeModel):
    """H = J1 sum_<ij> S_i S_j + J2 sum_<<ij>> S_i S_j, in spin operators S = sigma / 2.

    Parameters
    ----------
    lattice : such as ``Square(4)``; its first and second shell of neighbours are coupled
    J1, J2 : antiferromagnetic where positive
    marshall : turn the spins of one sublattice by pi about z, see ``Heisenberg``; exact for J2 <= 0, and for J2 > 0
        the usual start. By default where the lattice has two sublattices and J1 > 0
    magnetisation : as for ``Heisenberg``

    Raises
    ------
    TypeError : unless ``lattice`` is one
    ValueError : for couplings that are not finite, J2 on a lattice without second neighbours, ``marshall=True`` without
        two sublattices, or a magnetisation that these spins cannot have
    """

    __slots__ = ()

    def __new__(
        cls,
        lattice: Lattice,
        J1: float = 1.0,
        J2: float = 0.5,
        marshall: bool | None = None,
        magnetisation: int | None = None,
    ) -> "J1J2":
        J1, J2 = check_finite("J1", J1), check_finite("J2", J2)
        near, far = check_lattice(lattice).edges, _second_neighbours(lattice, J2)
        edges = np.concatenate([near, far])
        signs = exchange_signs(
            lattice, edges, lattice.sublattices is not None and J1 > 0 if marshall is None else marshall
        )
        couplings = np.repeat([J1, J2], [len(near), len(far)])
        sector = SpinSpace(lattice.n_sites, magnetisation).sector
        permutations = lattice.translations, lattice.point_group
        return cls._make((pair_flips(edges), couplings / 4, couplings / 2 * signs, *permutations, 0.0, sector))


def _second_neighbours(lattice: Lattice, J2: float) -> np.ndarray:
    """The pairs of the second shell, shape (n_pairs, 2); none where there is no such shell and J2 = 0."""
    if len(lattice.shell_distances) > 1:
        return lattice.neighbours(2)
    if J2:
        raise ValueError(f"expected J2 = 0 on a lattice without second neighbours, {lattice}, got {J2}")
    return np.empty((0, 2), dtype=np.int64)
