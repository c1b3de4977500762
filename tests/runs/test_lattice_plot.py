"""Pictures of lattices show every bond once."""

import numpy as np
import pytest
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure

import nqs
from runs.lattice_plot import bonds, draw_correlations, draw_lattice, draw_structure_factor, plane_positions

LATTICES = [
    nqs.Chain(6),
    nqs.Chain(5, periodic=False),
    nqs.Square(4),
    nqs.Square(3, 5, periodic=(True, False)),
    nqs.Triangular(4),
    nqs.Honeycomb(3),
    nqs.Kagome(3),
    nqs.Graph([(0, 1), (1, 2), (2, 0), (2, 3)]),
]


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("lattice", LATTICES, ids=str)
def test_every_bond_is_drawn_with_its_length(lattice, order):
    whole, halves = bonds(lattice, order)
    assert len(whole) + len(halves) / 2 == len(lattice.neighbours(order))
    if lattice.name == "Graph":
        return
    length = lattice.shell_distances[order - 1]
    np.testing.assert_allclose(np.linalg.norm(whole[:, 1] - whole[:, 0], axis=1), length)
    np.testing.assert_allclose(np.linalg.norm(halves[:, 1] - halves[:, 0], axis=1), length / 2)
    ends = {tuple(np.round(position, 6)) for position in plane_positions(lattice)}
    assert {tuple(np.round(start, 6)) for start in np.concatenate([whole[:, 0], whole[:, 1], halves[:, 0]])} <= ends
    if not any(lattice.periodic):
        assert len(halves) == 0


def test_halves_end_between_the_copies_of_sites():
    """On a ring of 6 the bond from site 5 to site 0 leaves to -1/2 and 5 1/2."""
    _, halves = bonds(nqs.Chain(6), 1)
    assert sorted(halves[:, 1, 0]) == [-0.5, 5.5]


@pytest.mark.parametrize("lattice", LATTICES, ids=str)
def test_pictures_have_a_dot_for_each_site(lattice):
    axes = Figure().subplots()
    draw_lattice(lattice, axes, shells=(1, 2))
    (dots,) = [each for each in axes.collections if isinstance(each, PathCollection)]
    np.testing.assert_allclose(np.asarray(dots.get_offsets()), plane_positions(lattice))
    colours = lattice.sublattices
    n_colours = 1 if colours is None else 2
    assert len(np.unique(np.asarray(dots.get_facecolor()), axis=0)) == n_colours


def test_correlations_and_structure_factors_are_drawn():
    axes = Figure().subplots(3)
    draw_correlations(axes[0], np.arange(1.0, 4), np.array([-0.4, 0.2, -0.1]), np.full(3, 0.01))
    assert axes[0].get_yscale() == "log"
    draw_structure_factor(axes[1], np.arange(6.0))
    assert axes[1].lines[0].get_ydata()[-1] == 0.0  # the zone closes
    values = np.arange(12.0).reshape(4, 3)
    draw_structure_factor(axes[2], values)
    image = np.asarray(axes[2].images[0].get_array())
    np.testing.assert_array_equal(image[1], values[[2, 3, 0, 1, 2], 0])  # k_2 = 0: both edges of an even zone
    np.testing.assert_array_equal(image[:, 2], values[0, [2, 0, 1]])  # k_1 = 0
