"""Coordination numbers, shells and symmetry groups of the lattices are known."""

import itertools
from typing import Any, cast

import numpy as np
import pytest

from montecarlo.graphs import components, signs_of_sites
from montecarlo.lattices import Chain, Graph, Honeycomb, Kagome, Square, Triangular

# lattice, sites, coordination, translations, order of the point group
PERIODIC = [
    (Chain(7), 7, 2, 7, 2),
    (Square(5), 25, 4, 25, 8),
    (Square(4, 6), 24, 4, 24, 4),
    (Triangular(5), 25, 6, 25, 12),
    (Honeycomb(4), 32, 3, 16, 12),
    (Kagome(3), 27, 4, 9, 12),
]


@pytest.mark.parametrize(("lattice", "n_sites", "coordination", "n_translations", "n_point"), PERIODIC, ids=str)
def test_numbers_of_periodic_lattices(lattice, n_sites, coordination, n_translations, n_point):
    assert lattice.n_sites == n_sites
    assert (np.bincount(lattice.edges.ravel(), minlength=n_sites) == coordination).all()
    assert lattice.translations.shape == (n_translations, n_sites)
    assert len(lattice.point_group) == n_point
    assert len(lattice.symmetries) == n_translations * n_point


@pytest.mark.parametrize(
    ("lattice", "n_edges", "n_point"),
    [
        (Chain(6, periodic=False), 5, 2),
        (Square(3, periodic=False), 12, 8),
        (Square(3, 4, periodic=(True, False)), 21, 4),
        (Triangular(3, periodic=False), 16, 4),
    ],
    ids=str,
)
def test_open_lattices(lattice, n_edges, n_point):
    assert len(lattice.edges) == n_edges
    assert len(lattice.point_group) == n_point


def as_set(pairs: np.ndarray) -> set[tuple[int, int]]:
    return {(min(i, j), max(i, j)) for i, j in pairs.tolist()}


@pytest.mark.parametrize("lattice", [row[0] for row in PERIODIC] + [Square(3, 4, (True, False))], ids=str)
def test_symmetries_form_a_group_that_keeps_every_shell(lattice):
    group = lattice.symmetries
    assert np.array_equal(group[0], np.arange(lattice.n_sites))
    known = {row.tobytes() for row in group}
    assert {row[other].tobytes() for row in group[::5] for other in group[::3]} <= known
    for order in (1, 2, 3):
        pairs = lattice.neighbours(order)
        assert all(as_set(row[pairs]) == as_set(pairs) for row in group)


SKEWED = [
    Triangular(2, 16),
    Triangular(1, 7),
    Triangular(16, 2),
    Triangular(3, 20, periodic=(True, False)),
    Honeycomb(2, 9),
    Kagome(1, 7),
    Square(2, 9),
]


@pytest.mark.parametrize("lattice", SKEWED + [row[0] for row in PERIODIC], ids=str)
def test_distances_on_tori_of_any_shape(lattice):
    """They are the shortest over many turns around the rings, and the same after every translation."""
    straight = lattice.positions[None] - lattice.positions[:, None]
    around = itertools.product(*[range(-20, 21) if closed else (0,) for closed in lattice.periodic])
    ways = [np.linalg.norm(straight + (np.array(turns) * lattice.extent) @ lattice.vectors, axis=2) for turns in around]
    np.testing.assert_allclose(lattice.distances, np.min(ways, axis=0), atol=1e-12)
    for p in lattice.translations:
        np.testing.assert_allclose(lattice.distances[np.ix_(p, p)], lattice.distances, atol=1e-12)


def test_the_way_around_a_narrow_torus():
    assert Triangular(2, 16).distances[0, 8] == pytest.approx(4 * np.sqrt(3), rel=1e-12)


def test_translation_moves_positions_along_the_primitive_vectors():
    lattice = Square(3, 4)
    step = lattice.positions[lattice.translations[1]] - lattice.positions
    assert np.array_equal(np.mod(step, (3, 4)), np.broadcast_to([0.0, 1.0], (12, 2)))


def test_shells_of_the_square():
    lattice = Square(6)
    np.testing.assert_allclose(lattice.shell_distances[:5], np.sqrt([1, 2, 4, 5, 8]))
    assert [len(lattice.neighbours(order)) for order in (1, 2, 3, 4)] == [72, 72, 72, 144]


def test_shells_of_kagome_and_honeycomb():
    np.testing.assert_allclose(Kagome(4).shell_distances[:2], [1, np.sqrt(3)])
    np.testing.assert_allclose(Honeycomb(4).shell_distances[:3], [1, np.sqrt(3), 2])


def test_sublattices():
    sublattices = Chain(4).sublattices
    assert sublattices is not None
    assert sublattices.tolist() == [0, 1, 0, 1]
    assert Chain(5).sublattices is None
    assert Triangular(3).sublattices is None
    colours = Honeycomb(3).sublattices
    assert colours is not None
    assert (np.bincount(colours) == 9).all()


def test_signs_of_sites():
    ring = np.array([(0, 1), (1, 2), (2, 3), (3, 0)])
    signs = signs_of_sites(4, ring, np.array([-1, 1, -1, 1]))
    assert signs is not None
    assert signs.tolist() == [1, -1, -1, 1]
    assert signs_of_sites(4, ring, np.array([-1, 1, 1, 1])) is None
    assert components(5, np.array([(0, 3), (3, 4)])).tolist() == [0, 1, 2, 0, 0]


def test_graph_of_a_cube():
    edges = [(a, a ^ bit) for a in range(8) for bit in (1, 2, 4)]
    reflection = np.arange(8) ^ 1
    cube = Graph(edges, symmetries=np.array([np.arange(8), reflection]))
    assert len(cube.edges) == 12
    assert [len(cube.neighbours(order)) for order in (1, 2, 3)] == [12, 12, 4]
    assert len(cube.symmetries) == 2


def test_distances_in_a_small_dense_graph_count_edges():
    triangle_with_a_tail = Graph([(0, 1), (1, 2), (2, 0), (2, 3)], n_sites=5)
    np.testing.assert_array_equal(triangle_with_a_tail.distances[3], [2, 2, 1, 0, np.inf])
    assert Graph([(0, 1), (1, 2), (2, 0), (2, 3)]).sublattices is None
    assert str(triangle_with_a_tail) == "Graph(5 sites, 4 edges)"
    assert triangle_with_a_tail.shell_distances.tolist() == [1.0, 2.0]  # the fifth site is joined to none
    assert len(Graph([], n_sites=2).edges) == 0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Chain(0), "expected whole numbers of cells >= 1"),
        (lambda: Square(3, 0), "expected whole numbers of cells >= 1"),
        (lambda: Square(3, periodic=(True, False, True)), "expected periodic for 2 directions"),
        (lambda: Square(3).neighbours(9), "expected a shell from 1 to"),
        (lambda: Graph([(0, 0)]), r"expected edges between two different of the sites 0 to 0, got \(0, 0\)"),
        (lambda: Graph([(0, 1), (1, 5)], n_sites=4), r"of the sites 0 to 3, got \(1, 5\)"),
        (lambda: Graph([(-1, 1), (0, 1)]), r"of the sites 0 to 1, got \(-1, 1\)"),
        (lambda: Graph([(1, 2), (2, 3)]), "site 0 has none: count the sites from 0, or say n_sites=4"),
        (lambda: Graph([(0, 1), (3, 4)]), "site 2 has none"),
        (lambda: Graph([]), "expected edges, or n_sites for sites without any, got neither"),
        (lambda: Graph([(0, 1)], n_sites=cast(Any, 2.5)), "expected n_sites to be a whole number >= 1, got 2.5"),
        (lambda: Graph(cast(Any, [(0.5, 1)])), r"two whole numbers each, got \(0.5, 1\)"),
        (lambda: Graph(cast(Any, [(0, 1, 2)])), r"two whole numbers each, got \(0, 1, 2\)"),
        (lambda: Graph([(0, 1), (1, 2)], symmetries=np.array([[1, 0, 2]])), "map edges to edges"),
    ],
)
def test_arguments_out_of_range(make, message):
    with pytest.raises(ValueError, match=message):
        make()
