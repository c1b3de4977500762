"""Hamiltonians of spins: their matrices against products of Pauli matrices, and what they refuse."""

import functools
from typing import Any, cast

import numpy as np
import pytest

import nqs
from nqs.exact import matrix
from nqs.systems.pauli_sum import parse

PAULI = {
    "1": np.eye(2),
    "X": np.array([[0, 1], [1, 0]]),
    "Y": np.array([[0, -1j], [1j, 0]]),
    "Z": np.diag([1, -1]),
}
UP_LAST = [1, 0]  # bit 1 is spin up, the first basis vector of the Pauli matrices


def operator(letter: str, site: int, n_sites: int) -> np.ndarray:
    factors = [PAULI[letter if i == site else "1"][np.ix_(UP_LAST, UP_LAST)] for i in range(n_sites)]
    return functools.reduce(np.kron, reversed(factors))


def coupled(letters: str, edges: np.ndarray, n: int) -> np.ndarray:
    return np.sum([operator(a, i, n) @ operator(a, j, n) for i, j in edges for a in letters], axis=0)


def test_transverse_field_ising():
    lattice = nqs.Square(2, 3)
    n, field = 6, np.sum([operator("X", i, 6) for i in range(6)], axis=0)
    along = np.sum([operator("Z", i, n) for i in range(n)], axis=0)
    expected = -0.7 * coupled("Z", lattice.edges, n) - 1.3 * field - 0.2 * along
    found = matrix(nqs.TransverseFieldIsing(lattice, J=0.7, h=1.3, longitudinal=0.2)).toarray()
    np.testing.assert_allclose(found, expected, atol=1e-14)


@pytest.mark.parametrize("marshall", [True, False])
def test_heisenberg(marshall):
    lattice, n = nqs.Chain(5, periodic=False), 5
    flip = coupled("XY", lattice.edges, n) * (-1 if marshall else 1)
    expected = 1.5 / 4 * (flip + 0.4 * coupled("Z", lattice.edges, n))
    found = matrix(nqs.Heisenberg(lattice, J=1.5, anisotropy=0.4, marshall=marshall)).toarray()
    np.testing.assert_allclose(found, expected, atol=1e-14)


def test_j1j2():
    lattice, n = nqs.Square(2, 4, periodic=(False, True)), 8
    near, far = lattice.neighbours(1), lattice.neighbours(2)
    expected = (coupled("XYZ", near, n) + 0.6 * coupled("XYZ", far, n)) / 4
    found = matrix(nqs.J1J2(lattice, 1.0, 0.6, marshall=False)).toarray()
    np.testing.assert_allclose(found, expected, atol=1e-14)
    turned = matrix(nqs.J1J2(lattice, 1.0, 0.6)).toarray()
    np.testing.assert_allclose(np.linalg.eigvalsh(turned), np.linalg.eigvalsh(expected), atol=1e-12)


def test_pauli_sum():
    terms = [(0.3, "X0 Y1 Z2"), (1.1, "Y2"), (-0.4j, "X1 Y1 X0"), (0.7, ""), (0.2, "Z0 Z2")]
    expected = 0.3 * operator("X", 0, 3) @ operator("Y", 1, 3) @ operator("Z", 2, 3) + 1.1 * operator("Y", 2, 3)
    expected = expected + 0.4 * operator("Z", 1, 3) @ operator("X", 0, 3) + 0.7 * np.eye(8)
    expected += 0.2 * operator("Z", 0, 3) @ operator("Z", 2, 3)
    np.testing.assert_allclose(matrix(nqs.PauliSum(terms)).toarray(), expected, atol=1e-14)


def test_sums_that_vanish_within_rounding():
    """0.1 + 0.2 - 0.3 is 5e-17: an imaginary part of nothing is no reason to refuse, and leaves no term."""
    found = nqs.PauliSum([(0.1j, "X0"), (0.2j, "X0"), (-0.3j, "X0"), (1.0, "Z0")])
    assert found.terms == [(1, "Z0")]
    left = nqs.PauliSum([(0.1, "X0 X1"), (0.2, "X0 X1"), (0.3, "Y1 Y0")])
    assert left.conserves_magnetisation
    nothing = nqs.PauliSum([(1.0, "X3"), (-1.0, "X3")])
    assert (nothing.terms, nothing.n_sites) == ([], 4)
    np.testing.assert_array_equal(matrix(nothing).toarray(), np.zeros((16, 16)))
    assert nqs.PauliSum([(1e-20, "X0"), (1.0, "Z0")]).terms == [(1, "Z0"), (1e-20, "X0")]


@pytest.mark.parametrize(
    "system",
    [
        nqs.Heisenberg(nqs.Chain(2)),
        nqs.Heisenberg(nqs.Square(2, 3), J=-1.3, anisotropy=2.0),
        nqs.J1J2(nqs.Square(3), J2=0.7, marshall=False),
        nqs.TransverseFieldIsing(nqs.Chain(5), J=0.7, h=-1.2),
        nqs.PauliSum([(-2.0, ""), (0.7, "Y0 X1"), (-0.7, "X0 Y1"), (0.3, "Z0 Z1 Z2")]),
    ],
)
def test_every_energy_is_within_the_bounds(system):
    energies = np.linalg.eigvalsh(matrix(system).toarray())
    low, high = system.energy_bounds
    assert low - 1e-12 <= energies[0]
    assert energies[-1] <= high + 1e-12


def test_the_bound_of_two_spins_is_reached():
    assert nqs.Heisenberg(nqs.Chain(2)).energy_bounds == (-0.75, 0.75)


def test_products_of_pauli_matrices():
    assert parse("X0 Y0") == (1j, (), (0,))
    assert parse("Z0 X0") == (-1, (0,), (0,))
    assert parse("X1 X1") == (1, (), ())


def test_sign_rule():
    assert nqs.Heisenberg(nqs.Square(4)).stoquastic
    assert not nqs.Heisenberg(nqs.Square(4), marshall=False).stoquastic
    assert not nqs.Heisenberg(nqs.Triangular(3)).stoquastic
    assert not nqs.J1J2(nqs.Square(4)).stoquastic
    assert not nqs.TransverseFieldIsing(nqs.Chain(4), h=-1.0).stoquastic
    for system in (nqs.Heisenberg(nqs.Chain(4)), nqs.TransverseFieldIsing(nqs.Chain(4)), nqs.Heisenberg(nqs.Chain(5))):
        h = matrix(system).toarray()
        positive = (h - np.diag(np.diag(h))).max() > 1e-14
        assert system.stoquastic == (not positive)
        assert system.hamiltonian.stoquastic or positive or isinstance(system, nqs.Heisenberg)


def test_first_configurations():
    generator = np.random.default_rng(1)
    spins = nqs.Heisenberg(nqs.Chain(8)).first_configurations(200, generator)
    assert spins.dtype == np.int8
    assert (spins.sum(axis=1) == 0).all()
    assert len(np.unique(spins, axis=0)) > 50
    free = nqs.TransverseFieldIsing(nqs.Chain(8)).first_configurations(2000, generator)
    assert set(np.unique(free)) == {-1, 1}
    assert abs(free.mean()) < 4 / np.sqrt(free.size)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nqs.TransverseFieldIsing(nqs.Chain(4), J=np.nan), "expected J to be a finite number"),
        (lambda: nqs.Heisenberg(nqs.Chain(4), J=cast(Any, 1j)), "expected J to be a finite number"),
        (lambda: nqs.Heisenberg(nqs.Triangular(3), marshall=True), "expected a lattice of two sublattices"),
        (lambda: nqs.PauliSum([(1j, "X0 Y1")]), "the coefficient of X0 Y1 is 1j, not real"),
        (lambda: nqs.PauliSum([(1.0, "X0 Y0")]), "the coefficient of Z0 is 1j, not real"),
        (lambda: nqs.PauliSum([(1.0, "A0")]), "expected a product such as 'X0 Y3 Z1', got 'A0'"),
        (lambda: nqs.PauliSum([(1.0, "X3")], n_sites=2), "expected n_sites of at least 4, got 2"),
        (lambda: nqs.PauliSum([(1.0, "X3")], n_sites=cast(Any, 4.5)), "expected n_sites of at least 4, got 4.5"),
        (lambda: nqs.PauliSum([]), "expected a term with a site, or n_sites, got neither"),
        (lambda: nqs.PauliSum([(1.0, "")]), "expected a term with a site, or n_sites, got neither"),
        (lambda: nqs.PauliSum(cast(Any, [("X0", 1.0)])), r"got \('X0', 1.0\): write \(1.0, 'X0'\)"),
        (lambda: nqs.PauliSum(cast(Any, [1.0, "X0"])), "expected pairs of a number and a product, .* got 1.0"),
        (lambda: nqs.PauliSum(cast(Any, [(1.0, "X0", 2)])), "expected pairs of a number and a product"),
        (lambda: nqs.PauliSum([(np.inf, "X0")]), "expected a finite coefficient of X0, got inf"),
        (lambda: nqs.PauliSum([(1.0, "X²")]), "expected a product such as"),
        (lambda: nqs.PauliSum([(0.1j, "X0"), (0.2j, "X0"), (-0.2j, "X0")]), "the coefficient of X0 is .*j, not real"),
        (lambda: nqs.PauliSum([(1.0, "Z0")], 2, np.zeros((1, 2))), "expected permutations of 2 sites"),
    ],
)
def test_arguments_out_of_range(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_number_is_no_lattice():
    with pytest.raises(TypeError, match="expected a lattice such as"):
        nqs.TransverseFieldIsing(cast(Any, 10))
