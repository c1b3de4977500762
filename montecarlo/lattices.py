"""Lattices: sites, edges, shells of neighbours, and the permutations that leave the edges as they are.

A lattice is a piece of a Bravais lattice, closed to a ring or open along each of its directions, with one or more
sites in each cell, or any graph. Lengths are in units of the distance between nearest neighbours.
"""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from montecarlo.graphs import check_edges, path_lengths, two_colours
from neural.memory import check_memory
from neural.records import same

TOLERANCE = 1e-6  # within which two distances are equal
HALF_ROOT_3 = np.sqrt(3) / 2


@dataclass(frozen=True, eq=False)
class Lattice:
    """Sites in cells; made by ``Chain``, ``Square``, ``Triangular``, ``Honeycomb``, ``Kagome`` and ``Graph``.

    vectors : the primitive vectors, one in each row
    basis : positions of the sites of one cell, one in each row
    extent : number of cells along each primitive vector
    periodic : whether the lattice closes to a ring along each primitive vector

    Site n_basis * cell + b is site b of a cell; cells are counted with the last direction fastest. Two sites are at
    most one edge, also where a short ring joins them twice.
    """

    name: str
    vectors: np.ndarray
    basis: np.ndarray
    extent: tuple[int, ...]
    periodic: tuple[bool, ...]

    def __post_init__(self) -> None:
        for length in self.extent:
            if not isinstance(length, int | np.integer) or length < 1:
                raise ValueError(f"expected whole numbers of cells >= 1, got {self.extent}")
        if len(self.periodic) != len(self.extent):
            raise ValueError(f"expected periodic for {len(self.extent)} directions, got {self.periodic}")

    def __eq__(self, other: object) -> bool:
        return same(self._contents(), other._contents()) if isinstance(other, Lattice) else NotImplemented

    def __hash__(self) -> int:
        return hash((self.name, self.extent, self.periodic))

    def _contents(self) -> tuple[object, ...]:
        return self.name, self.vectors, self.basis, self.extent, self.periodic

    def __repr__(self) -> str:
        closed = ["periodic" if each else "open" for each in self.periodic]
        return f"{self.name}({' x '.join(map(str, self.extent))}, {', '.join(closed)}, {self.n_sites} sites)"

    @property
    def n_sites(self) -> int:
        return len(self.positions)

    @cached_property
    def cells(self) -> np.ndarray:
        """The cell of each site in units of the primitive vectors, shape (n_sites, n_directions)."""
        cells = np.array(list(itertools.product(*map(range, self.extent))), dtype=np.int64)
        return np.repeat(cells, len(self.basis), axis=0)

    @cached_property
    def positions(self) -> np.ndarray:
        """Shape (n_sites, n_dims)."""
        n_cells = int(np.prod(self.extent))
        return self.cells @ self.vectors + np.tile(self.basis, (n_cells, 1))

    @cached_property
    def distances(self) -> np.ndarray:
        """The shortest distance between every two sites, around the rings, shape (n_sites, n_sites)."""
        return np.linalg.norm(self.displacements(), axis=2)

    def displacements(self) -> np.ndarray:
        """The shortest way from site i to site j, shape (n_sites, n_sites, n_dims); one of them where several are."""
        n, n_dims = self.positions.shape
        check_memory(8 * n * n * (3 * n_dims + 2), f"the distances between {n} sites", "a smaller lattice")
        straight = self.positions[None, :, :] - self.positions[:, None, :]
        best, shortest = straight, np.linalg.norm(straight, axis=2)
        for around in self._ways_around(straight):
            way = straight + around
            length = np.linalg.norm(way, axis=2)
            shorter = length < shortest - TOLERANCE
            best = np.where(shorter[:, :, None], way, best)
            shortest = np.where(shorter, length, shortest)
        return best

    def _ways_around(self, straight: np.ndarray) -> Iterable[np.ndarray]:
        """Sums of whole turns around the rings, enough for the shortest way between any two sites to be among them.

        No point is further from the nearest sum of vectors a_d than R = (sum_d |a_d|^2)^(1/2) / 2, so that along a_d
        the shortest way is at most R |b_d| turns long, b_d being the reciprocal vectors, the columns of the inverse.

        Source: L. Babai, Combinatorica 6, 1 (1986), theorem 3.1, nearest plane.
        """
        turns = short_basis((self.vectors * np.array(self.extent)[:, None])[list(self.periodic)])
        if not len(turns):
            return
        inverse = np.linalg.pinv(turns)
        most = np.linalg.norm(turns) / 2 * np.linalg.norm(inverse, axis=0) + TOLERANCE
        along = (straight @ inverse).reshape(-1, len(turns))
        first, last = np.ceil(-most - along.max(axis=0)), np.floor(most - along.min(axis=0))
        for each in itertools.product(*map(np.arange, first, last + 1)):
            yield np.array(each) @ turns

    @cached_property
    def shell_distances(self) -> np.ndarray:
        """The different finite distances between sites, rising."""
        lengths = np.sort(self.distances[np.triu_indices(self.n_sites, 1)])
        lengths = lengths[np.isfinite(lengths)]
        return lengths[np.diff(lengths, prepend=0.0) > TOLERANCE]

    def neighbours(self, order: int = 1) -> np.ndarray:
        """The pairs i < j of sites at the ``order``-th smallest distance, shape (n_pairs, 2)."""
        if not 1 <= order <= len(self.shell_distances):
            raise ValueError(f"expected a shell from 1 to {len(self.shell_distances)}, got {order}")
        near = np.abs(self.distances - self.shell_distances[order - 1]) < TOLERANCE
        return np.argwhere(np.triu(near, 1))

    @property
    def edges(self) -> np.ndarray:
        """The pairs i < j of nearest neighbours, shape (n_edges, 2)."""
        return self.neighbours(1) if len(self.shell_distances) else np.empty((0, 2), dtype=np.int64)

    @property
    def sublattices(self) -> np.ndarray | None:
        """0 or 1 for each site so that no edge joins equal ones, shape (n_sites,); None where there is no such way."""
        return two_colours(self.n_sites, self.edges)

    @cached_property
    def translations(self) -> np.ndarray:
        """Permutations p, one in each row, shape (n_translations, n_sites): site i goes to p[i]. The first is 1."""
        steps = [range(length) if closed else (0,) for length, closed in zip(self.extent, self.periodic, strict=True)]
        n_basis, strides = len(self.basis), np.cumprod((1, *self.extent[:0:-1]))[::-1]
        basis_site = np.tile(np.arange(n_basis), len(self.cells) // n_basis)
        shifted = [
            (self.cells + step) % self.extent @ strides * n_basis + basis_site for step in itertools.product(*steps)
        ]
        return np.array(shifted, dtype=np.int64)

    @cached_property
    def point_group(self) -> np.ndarray:
        """Permutations by rotations and reflections about one centre, the one with most of them; rows as above."""
        groups = [self._about(np.array(centre)) for centre in dict.fromkeys(map(tuple, self._centres()))]
        return max(groups, key=len)

    @cached_property
    def symmetries(self) -> np.ndarray:
        """The space group: point group and translations together, each permutation once; the first is 1."""
        return space_group(self.translations, self.point_group)

    def _centres(self) -> Iterable[np.ndarray]:
        """Points that can be fixed by a rotation: corners, centres of cells and edges, sites, threefold points."""
        fractions = [
            (0, 1 / 2, 1 / 3, 2 / 3) if closed else ((length - 1) / 2,)
            for length, closed in zip(self.extent, self.periodic, strict=True)
        ]
        offsets = [np.zeros(self.basis.shape[1]), *self.basis, self.basis.mean(axis=0)]
        for fraction in itertools.product(*fractions):
            for offset in offsets:
                yield np.array(fraction) @ self.vectors + offset

    def _about(self, centre: np.ndarray) -> np.ndarray:
        found = [self._image(rotation, centre) for rotation in orthogonal_maps(self.positions.shape[1])]
        permutations = [image for image in found if image is not None]
        _, first = np.unique(permutations, axis=0, return_index=True)
        return np.array(permutations)[np.sort(first)]

    def _image(self, rotation: np.ndarray, centre: np.ndarray) -> np.ndarray | None:
        """Where each site goes; None unless the map leaves the sites and distances as they are."""
        image = self._sites((self.positions - centre) @ rotation.T + centre)
        if len(np.unique(image)) < self.n_sites or image.min() < 0:
            return None
        distances = self.distances
        return image if np.allclose(distances[np.ix_(image, image)], distances, atol=TOLERANCE) else None

    def _sites(self, points: np.ndarray) -> np.ndarray:
        """The site at each of the points, around the rings, shape (n_points,); -1 where there is none."""
        found = np.full(len(points), -1)
        closed, extent, n_basis = np.array(self.periodic), np.array(self.extent), len(self.basis)
        strides = np.cumprod((1, *self.extent[:0:-1]))[::-1]
        for b, offset in enumerate(self.basis):
            exact = (points - offset) @ np.linalg.inv(self.vectors)
            cells = np.round(exact).astype(np.int64)
            there = np.abs((exact - cells) @ self.vectors).max(axis=1) < TOLERANCE
            cells = np.where(closed, cells % extent, cells)
            there &= ((cells >= 0) & (cells < extent)).all(axis=1)
            found[there] = (cells @ strides * n_basis + b)[there]
        return found


def space_group(translations: np.ndarray, point_group: np.ndarray) -> np.ndarray:
    """Every product of the two, once, in the order of translations; permutations in rows, of which the first is 1."""
    products = translations[:, point_group].reshape(-1, translations.shape[1])
    _, first = np.unique(products, axis=0, return_index=True)
    return products[np.sort(first)]


def orthogonal_maps(n_dims: int) -> list[np.ndarray]:
    """+-1 on a line; in a plane the rotations by multiples of 30 degrees, and these after a reflection."""
    if n_dims == 1:
        return [np.eye(1), -np.eye(1)]
    angles = np.arange(12) * np.pi / 6
    rotations = [np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]]) for a in angles]
    return rotations + [rotation @ np.diag([1.0, -1.0]) for rotation in rotations]


def short_basis(vectors: np.ndarray) -> np.ndarray:
    """Vectors, one in each row, with the same sums of whole multiples, pairwise as short as they can be.

    Source: C. F. Gauss, Disquisitiones arithmeticae (1801), section 171, reduction of binary forms.
    """
    short = np.array(vectors, dtype=np.float64)
    reduced = True
    while reduced:
        reduced = False
        for i, j in itertools.permutations(range(len(short)), 2):
            times = short[i] @ short[j] / (short[j] @ short[j])
            if abs(times) > 0.5 + TOLERANCE:
                short[i] -= np.round(times) * short[j]
                reduced = True
    return short


def _closed(periodic: bool | Sequence[bool], n: int) -> tuple[bool, ...]:
    return (bool(periodic),) * n if isinstance(periodic, bool | np.bool_) else tuple(map(bool, periodic))


class Chain(Lattice):
    """``length`` sites on a line, or on a ring where ``periodic``."""

    def __init__(self, length: int, periodic: bool = True) -> None:
        super().__init__("Chain", np.eye(1), np.zeros((1, 1)), (length,), _closed(periodic, 1))


class _Planar(Lattice):
    """``length`` x ``width`` cells of a lattice of the plane; ``width`` is ``length`` where it is not given."""

    PRIMITIVE: tuple[tuple[float, float], ...]
    SITES: tuple[tuple[float, float], ...]

    def __init__(self, length: int, width: int | None = None, periodic: bool | Sequence[bool] = True) -> None:
        extent = (length, length if width is None else width)
        vectors, basis = np.array(self.PRIMITIVE), np.array(self.SITES)
        super().__init__(type(self).__name__, vectors, basis, extent, _closed(periodic, 2))


class Square(_Planar):
    """Four neighbours; ``length`` x ``width`` sites, ``periodic`` in both directions, none, or (True, False)."""

    PRIMITIVE = ((1.0, 0.0), (0.0, 1.0))
    SITES = ((0.0, 0.0),)


class Triangular(_Planar):
    """Six neighbours; ``length`` x ``width`` sites, ``periodic`` in both directions, none, or (True, False)."""

    PRIMITIVE = ((1.0, 0.0), (0.5, HALF_ROOT_3))
    SITES = ((0.0, 0.0),)


class Honeycomb(_Planar):
    """Three neighbours; ``length`` x ``width`` cells of two sites."""

    PRIMITIVE = ((1.5, HALF_ROOT_3), (1.5, -HALF_ROOT_3))
    SITES = ((0.0, 0.0), (1.0, 0.0))


class Kagome(_Planar):
    """Four neighbours, in triangles that share corners; ``length`` x ``width`` cells of three sites."""

    PRIMITIVE = ((2.0, 0.0), (1.0, 2 * HALF_ROOT_3))
    SITES = ((0.0, 0.0), (1.0, 0.0), (0.5, HALF_ROOT_3))


class Graph(Lattice):
    """Any edges between sites 0 .. n_sites - 1: on a circle in that order, with distances counted in edges.

    Its permutations are those given (rows of ``symmetries``; none but 1 by default).

    Raises
    ------
    ValueError : for an edge that joins a site to itself or one that is not there, for sites without an edge unless
        ``n_sites`` is given, or a permutation that does not map the edges to edges
    """

    def __init__(
        self, edges: Iterable[tuple[int, int]], n_sites: int | None = None, symmetries: np.ndarray | None = None
    ) -> None:
        pairs = check_edges(edges, n_sites)
        n = int(pairs.max(initial=-1)) + 1 if n_sites is None else n_sites
        angles = 2 * np.pi * np.arange(n) / n
        circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
        super().__init__("Graph", np.zeros((1, 2)), circle, (1,), (False,))
        permutations = np.arange(n)[None] if symmetries is None else np.asarray(symmetries, dtype=np.int64)
        for row in permutations:
            moved = np.unique(np.sort(row[pairs], axis=1), axis=0)
            if not np.array_equal(np.sort(row), np.arange(n)) or not np.array_equal(moved, pairs):
                raise ValueError(f"expected permutations of {n} sites that map edges to edges, got {row}")
        self.__dict__.update(distances=path_lengths(n, pairs), translations=permutations, point_group=permutations[:1])

    def _contents(self) -> tuple[object, ...]:
        return self.edges, self.translations

    def __repr__(self) -> str:
        return f"Graph({self.n_sites} sites, {len(self.edges)} edges)"
