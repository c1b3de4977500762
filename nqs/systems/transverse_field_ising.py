"""The Ising model in a transverse field."""

from typing import NamedTuple

import numpy as np

from montecarlo.lattices import Chain, Lattice, space_group
from neural.jit import kernel
from nqs.exact.free_fermions import transverse_field_chain
from nqs.spins import multiply_flip_ratios
from nqs.systems.pauli_sum import PauliSum
from nqs.systems.spin_system import SpinSystem, check_finite, check_lattice
from nqs.systems.system import local_energy

NO_CHAIN, OPEN_CHAIN, RING = 0, 1, 2


class _Fields(NamedTuple):
    edges: np.ndarray  # (n_edges, 2)
    J: float
    h: float
    longitudinal: float
    translations: np.ndarray
    point_group: np.ndarray  # rotations and reflections, as permutations of the sites
    kind: int


class TransverseFieldIsing(SpinSystem, _Fields):
    """H = -J sum_<ij> sigma^z_i sigma^z_j - h sum_i sigma^x_i - g sum_i sigma^z_i, in Pauli matrices.

    Parameters
    ----------
    lattice : such as ``Chain(40)``
    J : coupling of nearest neighbours, ferromagnetic where positive
    h : transverse field
    longitudinal : the field g along z

    The exact energy of a chain without longitudinal field comes from free fermions.

    Raises
    ------
    TypeError : unless ``lattice`` is one
    ValueError : for a coupling or field that is not finite
    """

    __slots__ = ()

    def __new__(
        cls, lattice: Lattice, J: float = 1.0, h: float = 1.0, longitudinal: float = 0.0
    ) -> "TransverseFieldIsing":
        check_lattice(lattice)
        numbers = (check_finite("J", J), check_finite("h", h), check_finite("longitudinal", longitudinal))
        kind = NO_CHAIN
        if isinstance(lattice, Chain) and lattice.n_sites > 2:
            kind = RING if lattice.periodic[0] else OPEN_CHAIN
        return cls._make((lattice.edges, *numbers, lattice.translations, lattice.point_group, kind))

    @property
    def symmetries(self) -> np.ndarray:
        return space_group(self.translations, self.point_group)

    @property
    def bonds(self) -> np.ndarray:
        return self.edges

    @property
    def exact_energy(self) -> float | None:
        if self.kind == NO_CHAIN or self.longitudinal:
            return None
        return transverse_field_chain(self.n_sites, self.J, self.h, periodic=self.kind == RING)

    @property
    def conserves_magnetisation(self) -> bool:
        return self.h == 0

    @property
    def stoquastic(self) -> bool:
        return self.h >= 0

    @property
    def hamiltonian(self) -> PauliSum:
        terms = [(-self.J, f"Z{i} Z{j}") for i, j in self.edges]
        terms += [(-self.h, f"X{i}") for i in range(self.n_sites)]
        terms += [(-self.longitudinal, f"Z{i}") for i in range(self.n_sites)]
        return PauliSum(terms, self.n_sites, self.translations)


@kernel
def bond_sum(edges, x):
    """sum_<ij> s_i s_j."""
    total = 0
    for e in range(edges.shape[0]):
        total += np.int64(x[edges[e, 0]]) * np.int64(x[edges[e, 1]])
    return total


@local_energy.register(TransverseFieldIsing)
def _(system, psi, work, x, scratch):
    spins = 0
    for i in range(x.size):
        spins += np.int64(x[i])
        scratch[0, i] = 1.0
        scratch[1, i] = 0.0
    multiply_flip_ratios(psi, work, x, scratch)
    real, imaginary = 0.0, 0.0
    for i in range(x.size):
        real += scratch[0, i]
        imaginary += scratch[1, i]
    diagonal = -system.J * bond_sum(system.edges, x) - system.longitudinal * spins
    return complex(diagonal - system.h * real, -system.h * imaginary)
