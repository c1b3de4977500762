"""Any sum of products of Pauli matrices."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from neural.jit import kernel
from nqs.spin_space import SpinSpace, as_magnetisation
from nqs.spins import ratio
from nqs.systems.ground_sector import Bonds
from nqs.systems.pauli_algebra import Key, Term, added_up, check_terms, parse, product, without
from nqs.systems.spin_system import SpinSystem
from nqs.systems.system import local_energy

TOLERANCE = 1e-12


class _Fields(NamedTuple):
    flips: np.ndarray  # (n_flips, 1 + most sites): number of sites turned over, then which
    starts: np.ndarray  # (n_flips + 1,): terms starts[f] .. starts[f + 1] - 1 make flip f
    coefficients: np.ndarray  # (2, n_terms): real and imaginary part
    signs: np.ndarray  # (n_terms, 1 + most sites): number of sites whose spins multiply the term, then which
    translations: np.ndarray
    sector: np.ndarray  # the magnetisation that was asked for, shape (1,) or (0,)


class PauliSum(SpinSystem, _Fields):
    """H = sum_t c_t P_t, where P_t is a product of Pauli matrices (sigma, eigenvalues +-1; not spin operators).

        PauliSum([(-1.0, "Z0 Z1"), (-0.5, "X0"), (-0.5, "X1")], n_sites=2)

    A matrix written to the right acts first: "X0 Y0" is i Z0, so that 1j * "X0 Y0" is -Z0. The empty string is 1.

    Parameters
    ----------
    terms : pairs of a coefficient and a product
    n_sites : one more than the largest site by default
    translations : permutations that H commutes with, for symmetric wave functions; none but 1 by default
    magnetisation : the sum of all sigma^z, where H conserves it and the ground state is sought in one that is given; by
        default the one of the ground state, where it can be known

    The coefficients of equal products are added up, and a sum that is 0 within rounding is 0. Every hermitian operator
    on spins is such a sum: ``VMC.measure`` takes it as an observable.

    Raises
    ------
    ValueError : for terms that are not understood, a sum that is not hermitian (names the first such product), sites
        beyond ``n_sites``, or a magnetisation that these spins cannot have or H does not conserve

    With every P_t as a phase times X^F Z^S (F the sites turned over, S those whose spins multiply), the local energy is
    sum_t conj(c_t) prod_{k in S} s_k psi(x with F turned over) / psi(x).
    """

    __slots__ = ()

    def __new__(
        cls,
        terms: Iterable[Term],
        n_sites: int | None = None,
        translations: np.ndarray | None = None,
        magnetisation: int | None = None,
    ) -> "PauliSum":
        products = [(*parse(string), coefficient) for coefficient, string in check_terms(terms)]
        merged = added_up(((flip, sign), phase * coefficient) for phase, flip, sign, coefficient in products)
        _check_hermitian(merged)
        n = _number_of_sites(n_sites, [site for _, flip, sign, _ in products for site in (*flip, *sign)])
        ordered = sorted(merged.items())
        groups = [flip for flip, _ in itertools.groupby(ordered, key=lambda item: item[0][0])]
        counts = [sum(key[0] == flip for key, _ in ordered) for flip in groups]
        c = np.array([value for _, value in ordered], dtype=np.complex128).reshape(-1)
        self = cls._make(
            (
                padded(groups),
                np.cumsum([0, *counts]),
                np.stack([c.real, c.imag]),
                padded([sign for (_, sign), _ in ordered]),
                _check_permutations(translations, n),
                SpinSpace(n, magnetisation).sector,
            )
        )
        if magnetisation is not None and not self.conserves_magnetisation:
            raise ValueError(f"expected a sum that conserves the magnetisation, {magnetisation}, got one that does not")
        return self

    def _keys(self) -> Iterator[tuple[tuple[int, ...], tuple[int, ...], complex]]:
        """F, S and the coefficient of X^F Z^S for each term."""
        for group, (start, stop) in zip(self.flips.tolist(), itertools.pairwise(self.starts), strict=True):
            for sign, c in zip(self.signs[start:stop].tolist(), self.coefficients[:, start:stop].T, strict=True):
                yield tuple(group[1 : 1 + group[0]]), tuple(sign[1 : 1 + sign[0]]), complex(*c)

    @property
    def terms(self) -> list[Term]:
        """Coefficients and products, equal ones added up, from which the same sum can be made."""
        return [(c * (-1j) ** len({*flip} & {*sign}), product(flip, sign)) for flip, sign, c in self._keys()]

    @property
    def conserves_magnetisation(self) -> bool:
        """[H, sum_i sigma^z_i] = 2 sum_t c_t sum_{i in F} X^F Z^S Z_i = 0."""
        return not added_up(((flip, without(sign, i)), c) for flip, sign, c in self._keys() for i in flip)

    @property
    def isotropic(self) -> bool:
        """Whether H commutes with every rotation of all spins.

        Besides the magnetisation, [H, sum_i sigma^x_i] = -2 sum_t c_t sum_{i in S} X_i X^F Z^S = 0.
        """
        turned = (((without(flip, i), sign), c) for flip, sign, c in self._keys() for i in sign)
        return self.conserves_magnetisation and not added_up(turned)

    @property
    def even(self) -> bool:
        """Whether H stays the same as all spins turn over."""
        return not (self.signs[:, 0] % 2).any()

    @property
    def given_magnetisation(self) -> int | None:
        return as_magnetisation(self.sector)

    @property
    def exchange_bonds(self) -> Bonds | None:
        ising: dict[tuple[int, ...], float] = {}
        exchange: dict[tuple[int, ...], float] = {}
        for flip, sign, c in self._keys():
            if len(flip) == 2 and sign in ((), flip):  # X X or, as X Z = -i Y, -Y Y
                exchange[flip] = exchange.get(flip, 0.0) + (c.real if not sign else -c.real)
            elif not flip and len(sign) == 2:
                ising[sign] = c.real
            elif flip or sign:
                return None
        edges = sorted({*ising, *exchange})
        values = np.array([(ising.get(edge, 0.0), exchange.get(edge, 0.0)) for edge in edges]).reshape(-1, 2)
        return Bonds(self.n_sites, np.array(edges, dtype=np.int64).reshape(-1, 2), *values.T)

    @property
    def bonds(self) -> np.ndarray:
        """Every pair of sites that share a term."""
        pairs = set()
        for group, (start, stop) in zip(self.flips, itertools.pairwise(self.starts), strict=True):
            for sign in self.signs[start:stop]:
                sites = sorted({*group[1 : 1 + group[0]], *sign[1 : 1 + sign[0]]})
                pairs |= set(itertools.combinations(sites, 2))
        return np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2)

    @property
    def hamiltonian(self) -> "PauliSum":
        return self

    @property
    def stoquastic(self) -> bool:
        """Checked term by term for flips of one term; a flip with several is judged by its largest possible element."""
        for group, (start, stop) in zip(self.flips, itertools.pairwise(self.starts), strict=True):
            if group[0]:
                total = sum(abs(complex(*self.coefficients[:, t])) for t in range(start, stop) if self.signs[t, 0])
                plain = sum(self.coefficients[0, t] for t in range(start, stop) if not self.signs[t, 0])
                if plain + total > TOLERANCE:
                    return False
        return True


def _number_of_sites(n_sites: int | None, sites: list[int]) -> int:
    least = max(sites, default=0) + 1
    if n_sites is None:
        if not sites:
            raise ValueError("expected a term with a site, or n_sites, got neither")
        return least
    if not isinstance(n_sites, int | np.integer) or n_sites < least:
        raise ValueError(f"expected n_sites of at least {least}, got {n_sites!r}")
    return int(n_sites)


def _check_permutations(rows: np.ndarray | None, n: int) -> np.ndarray:
    found = np.arange(n)[None] if rows is None else np.asarray(rows)
    if found.ndim != 2 or not np.array_equal(np.sort(found, axis=1), np.broadcast_to(np.arange(n), found.shape)):
        raise ValueError(f"expected permutations of {n} sites, shape (n_translations, {n}), got shape {found.shape}")
    return found.astype(np.int64)


def _check_hermitian(terms: dict[Key, complex]) -> None:
    for (flip, sign), c in terms.items():
        sites_of_y = len({*flip} & {*sign})
        if abs(np.conj(c) * (-1) ** sites_of_y - c) > TOLERANCE * abs(c):
            value = complex(c * (-1j) ** sites_of_y)
            name = product(flip, sign) or "1"
            raise ValueError(f"expected a hermitian sum, but the coefficient of {name} is {value}, not real")


def padded(groups: Sequence[tuple[int, ...]]) -> np.ndarray:
    """Groups of sites as rows: how many there are, then which, then zeros."""
    rows = np.zeros((len(groups), 1 + max(map(len, groups), default=0)), dtype=np.int64)
    for row, group in zip(rows, groups, strict=True):
        row[0], row[1 : 1 + len(group)] = len(group), group
    return rows


@kernel
def _element(system, x, flip):
    """<x|H|x'> for x' = x with the sites of a flip turned over, as real and imaginary part."""
    real, imaginary = 0.0, 0.0
    for t in range(system.starts[flip], system.starts[flip + 1]):
        sign = 1.0
        for k in range(1, system.signs[t, 0] + 1):
            sign *= x[system.signs[t, k]]
        real += sign * system.coefficients[0, t]
        imaginary -= sign * system.coefficients[1, t]
    return complex(real, imaginary)


@local_energy.register(PauliSum)
def _(system, psi, work, x, scratch):
    energy = 0j
    for flip in range(system.flips.shape[0]):
        element = _element(system, x, flip)
        if element != 0j:
            energy += element * ratio(psi, work, x, system.flips[flip])
    return energy


class _Operator(NamedTuple):
    operator: PauliSum


class WithinSector(SpinSystem, _Operator):
    """An operator between the configurations of one magnetisation: moves that change it count as 0."""

    __slots__ = ()

    @property
    def shape(self) -> tuple[int]:
        return self.operator.shape


@local_energy.register(WithinSector)
def _(system, psi, work, x, scratch):
    value, operator = 0j, system.operator
    for flip in range(operator.flips.shape[0]):
        change = 0
        for k in range(1, operator.flips[flip, 0] + 1):
            change += x[operator.flips[flip, k]]
        if change == 0:
            element = _element(operator, x, flip)
            if element != 0j:
                value += element * ratio(psi, work, x, operator.flips[flip])
    return value
