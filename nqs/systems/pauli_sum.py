"""Any sum of products of Pauli matrices."""

import itertools
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from neural.jit import kernel
from nqs.spins import ratio
from nqs.systems.spin_system import SpinSystem
from nqs.systems.system import local_energy

Term = tuple[complex, str]
TOLERANCE = 1e-12


class _Fields(NamedTuple):
    flips: np.ndarray  # (n_flips, 1 + most sites): number of sites turned over, then which
    starts: np.ndarray  # (n_flips + 1,): terms starts[f] .. starts[f + 1] - 1 make flip f
    coefficients: np.ndarray  # (2, n_terms): real and imaginary part
    signs: np.ndarray  # (n_terms, 1 + most sites): number of sites whose spins multiply the term, then which
    translations: np.ndarray


class PauliSum(SpinSystem, _Fields):
    """H = sum_t c_t P_t, where P_t is a product of Pauli matrices (sigma, eigenvalues +-1; not spin operators).

        PauliSum([(-1.0, "Z0 Z1"), (-0.5, "X0"), (-0.5, "X1")], n_sites=2)

    A matrix written to the right acts first: "X0 Y0" is i Z0, so that 1j * "X0 Y0" is -Z0. The empty string is 1.

    Parameters
    ----------
    terms : pairs of a coefficient and a product
    n_sites : one more than the largest site by default
    translations : permutations that H commutes with, for symmetric wave functions; none but 1 by default

    Raises
    ------
    ValueError : for a string that is not understood, or a sum that is not hermitian (names the first such string)

    With every P_t as a phase times X^F Z^S (F the sites turned over, S those whose spins multiply), the local energy is
    sum_t conj(c_t) prod_{k in S} s_k psi(x with F turned over) / psi(x).
    """

    __slots__ = ()

    def __new__(
        cls, terms: Iterable[Term], n_sites: int | None = None, translations: np.ndarray | None = None
    ) -> "PauliSum":
        merged: dict[tuple[tuple[int, ...], tuple[int, ...]], complex] = {}
        for coefficient, string in terms:
            phase, flip, sign = parse(string)
            merged[flip, sign] = merged.get((flip, sign), 0) + phase * coefficient
        kept = {key: c for key, c in merged.items() if c != 0}
        _check_hermitian(kept)
        last = max(itertools.chain.from_iterable(f + s for f, s in kept), default=-1)
        n = last + 1 if n_sites is None else int(n_sites)
        if n < max(1, last + 1):
            raise ValueError(f"expected n_sites of at least {max(1, last + 1)}, got {n_sites}")
        ordered = sorted(kept.items())
        groups = [flip for flip, _ in itertools.groupby(ordered, key=lambda item: item[0][0])]
        counts = [sum(key[0] == flip for key, _ in ordered) for flip in groups]
        c = np.array([value for _, value in ordered], dtype=np.complex128).reshape(-1)
        return cls._make(
            (
                _padded(groups),
                np.cumsum([0, *counts]),
                np.stack([c.real, c.imag]),
                _padded([sign for (_, sign), _ in ordered]),
                np.arange(n)[None] if translations is None else np.asarray(translations, dtype=np.int64),
            )
        )

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


def parse(string: str) -> tuple[complex, tuple[int, ...], tuple[int, ...]]:
    """The phase, F and S of a product such as "X0 Y3 Z1" as phase X^F Z^S, with Y = i X Z and Z X = -X Z."""
    phase, flip, sign = 1 + 0j, set(), set()
    for token in string.split():
        letter, site = token[:1], token[1:]
        if letter not in ("X", "Y", "Z") or not site.isdigit():
            raise ValueError(f"expected a product such as 'X0 Y3 Z1', got {string!r}")
        if letter in "XY":
            phase *= -1 if int(site) in sign else 1
            flip ^= {int(site)}
        if letter in "YZ":
            phase *= 1j if letter == "Y" else 1
            sign ^= {int(site)}
    return phase, tuple(sorted(flip)), tuple(sorted(sign))


def _check_hermitian(terms: dict[tuple[tuple[int, ...], tuple[int, ...]], complex]) -> None:
    for (flip, sign), c in terms.items():
        sites_of_y = len(set(flip) & set(sign))
        if abs(np.conj(c) * (-1) ** sites_of_y - c) > TOLERANCE * abs(c):
            name = " ".join(
                f"{'Y' if site in flip and site in sign else 'X' if site in flip else 'Z'}{site}"
                for site in sorted({*flip, *sign})
            )
            value = complex(c * (-1j) ** sites_of_y)
            raise ValueError(f"expected a hermitian sum, but the coefficient of {name or '1'} is {value}, not real")


def _padded(groups: Sequence[tuple[int, ...]]) -> np.ndarray:
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
