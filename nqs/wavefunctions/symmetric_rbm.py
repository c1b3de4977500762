"""The restricted Boltzmann machine of spins with filters that all translations share."""

from typing import NamedTuple

import numpy as np

from neural.jit import kernel
from nqs.complex_derivatives import Holomorphic
from nqs.log_derivatives import Dense, Jacobian
from nqs.systems.spin_system import SpinSystem, check_spins
from nqs.systems.system import check_positive_integer
from nqs.wavefunctions.spin_machine import SpinMachine, spins_and_tanh
from nqs.wavefunctions.spin_rbm import check_dtype, joined
from nqs.wavefunctions.wavefunction import jacobian, row_size


class Filters(NamedTuple):
    """The real, or the imaginary parts of the parameters of a symmetric machine."""

    visible_bias: np.ndarray  # a, (n_orbits,): one for each class of sites that the group maps to each other
    hidden_bias: np.ndarray  # b, (n_filters,)
    weights: np.ndarray  # W, (n_filters, n_sites)


class _Fields(NamedTuple):
    real: Filters
    imaginary: Filters | tuple[()]
    group: np.ndarray  # (n_group, n_sites): site i goes to group[g, i]
    orbits: np.ndarray  # (n_sites,): the class of each site
    sector: np.ndarray  # (0,) or (1,): the magnetisation in which psi is not 0


class SymmetricRBM(SpinMachine, _Fields):
    """A spin machine that does not change under a group of permutations g of the sites:

        psi(s) = exp( sum_i a_i s_i ) prod_f prod_g cosh( b_f + sum_i W_fi s_g(i) )

    with as many hidden units as filters f times members of the group, and parameters for the filters only.

    Parameters
    ----------
    system : the system it is for
    alpha : the number of filters
    permutations : of the group, shape (n_group, n_sites), such as ``lattice.symmetries``; the translations by default
    dtype : complex or float
    seed : of the parameters, normally distributed with standard deviation ``scale`` (of each part)

    Raises
    ------
    ValueError : for parameters outside these ranges, or rows that are not permutations of the sites

    Source: G. Carleo and M. Troyer, Science 355, 602 (2017), supplement, section 1.
    """

    __slots__ = ()

    def __new__(
        cls,
        system: SpinSystem,
        alpha: int = 1,
        *,
        permutations: np.ndarray | None = None,
        dtype: type = complex,
        seed: int = 0,
        scale: float = 0.01,
    ) -> "SymmetricRBM":
        space = check_spins(system)
        n_filters, n_sites = check_positive_integer("alpha", alpha), system.n_sites
        group = np.ascontiguousarray(system.translations if permutations is None else permutations, dtype=np.int64)
        if group.ndim != 2 or not (np.sort(group, axis=1) == np.arange(n_sites)).all():
            raise ValueError(f"expected permutations of {n_sites} sites, got an array of shape {group.shape}")
        orbits = np.unique(group.min(axis=0), return_inverse=True)[1].reshape(-1)
        normal = np.random.default_rng(seed).standard_normal

        def draw() -> Filters:
            return Filters(
                scale * normal(orbits.max() + 1), scale * normal(n_filters), scale * normal((n_filters, n_sites))
            )

        return cls._make((draw(), draw() if check_dtype(dtype) else (), group, orbits, space.sector))

    @property
    def shape(self) -> tuple[int]:
        return self.orbits.shape  # type: ignore[return-value]

    @property
    def is_complex(self) -> bool:
        return len(self.imaginary) > 0

    def couplings(self) -> tuple[np.ndarray, ...]:
        """Hidden unit f n_group + g sees site g(i) with the weight W_fi."""
        a, b, w = joined(self.real, self.imaginary)
        n_filters, n_sites = w.shape
        full = np.empty((n_sites, n_filters, len(self.group)), dtype=w.dtype)
        for g, permutation in enumerate(self.group):
            full[permutation, :, g] = w.T
        return a[self.orbits], np.repeat(b, len(self.group)), full.reshape(n_sites, -1)


@row_size.register(SymmetricRBM)
def _(psi):
    n_hidden = psi.real.hidden_bias.size * psi.group.shape[0]
    return 1 + psi.orbits.size + (1 + n_hidden) * (2 if len(psi.imaginary) > 0 else 1)


@jacobian.register(SymmetricRBM)
def _(psi: SymmetricRBM, rows: np.ndarray) -> Jacobian:
    """d log psi / d b_f = sum_g t_fg and d log psi / d W_fi = sum_g t_fg s_g(i)."""
    n_sites, n_filters, n_group = psi.orbits.size, psi.real.hidden_bias.size, len(psi.group)
    spins, t = (each[:, 1:] for each in spins_and_tanh(rows, n_sites, psi.is_complex))
    n_orbits = psi.real.visible_bias.size
    parts = [np.real(t), np.imag(t)] if psi.is_complex else [t]
    dense = np.zeros((len(parts), len(rows), n_orbits + n_filters * (1 + n_sites)))
    dense[0, :, :n_orbits] = spins @ np.eye(n_orbits)[psi.orbits]
    for part, out in zip(parts, dense, strict=True):
        by_filter = np.ascontiguousarray(part).reshape(len(rows), n_filters, n_group)
        out[:, n_orbits : n_orbits + n_filters] = by_filter.sum(axis=2)
        _share(np.ascontiguousarray(spins), by_filter, psi.group, np.empty(n_sites), out, n_orbits)
    return Holomorphic(Dense(dense[0] + 1j * dense[1])) if psi.is_complex else Dense(dense[0])


@kernel
def _share(spins, t, group, moved, out, n_orbits):
    """Add sum_g t_fg s_g(i) to the columns of the weights."""
    n_filters, n_sites = t.shape[1], spins.shape[1]
    for s in range(spins.shape[0]):
        for g in range(group.shape[0]):
            for i in range(n_sites):
                moved[i] = spins[s, group[g, i]]
            for f in range(n_filters):
                start = n_orbits + n_filters + f * n_sites
                _add(t[s, f, g], moved, out[s, start : start + n_sites])


@kernel
def _add(factor, vector, out):
    for i in range(np.uintp(vector.size)):
        out[i] += factor * vector[i]
