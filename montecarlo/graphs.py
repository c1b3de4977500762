"""Graphs: edges as pairs of sites, shape (n_edges, 2), which parts they join, and which signs fit them."""

from collections.abc import Iterable

import numpy as np

Array = np.ndarray


def check_edges(edges: Iterable[tuple[int, int]], n_sites: int | None) -> Array:
    """The edges i < j, each once, shape (n_edges, 2), or a ValueError that names what cannot be one.

    Sites without an edge are allowed where ``n_sites`` says how many sites there are.
    """
    if n_sites is not None and (not isinstance(n_sites, int | np.integer) or n_sites < 1):
        raise ValueError(f"expected n_sites to be a whole number >= 1, got {n_sites!r}")
    found = list(edges)
    for edge in found:
        if np.shape(edge) != (2,) or not np.issubdtype(np.asarray(edge).dtype, np.integer):
            raise ValueError(f"expected edges such as (0, 1), two whole numbers each, got {edge!r}")
    pairs = np.unique(np.sort(np.array(found, dtype=np.int64).reshape(-1, 2), axis=1), axis=0)
    n = int(pairs.max(initial=-1)) + 1 if n_sites is None else n_sites
    if n < 1:
        raise ValueError("expected edges, or n_sites for sites without any, got neither")
    for i, j in pairs:
        if i == j or not 0 <= i < j < n:
            raise ValueError(f"expected edges between two different of the sites 0 to {n - 1}, got ({i}, {j})")
    alone = np.setdiff1d(np.arange(n), pairs)
    if n_sites is None and len(alone):
        raise ValueError(
            f"expected an edge at each of the sites 0 to {n - 1}, site {alone[0]} has none: count the sites from 0, "
            f"or say n_sites={n} if it is meant to have none"
        )
    return pairs


def neighbours_of_each(n_sites: int, edges: Array) -> list[list[tuple[int, int]]]:
    """For each site the sites that it is joined to, each with the number of the edge."""
    adjacent: list[list[tuple[int, int]]] = [[] for _ in range(n_sites)]
    for e, (i, j) in enumerate(np.asarray(edges).tolist()):
        adjacent[i].append((j, e))
        adjacent[j].append((i, e))
    return adjacent


def components(n_sites: int, edges: Array) -> Array:
    """The number of the connected part to which each site belongs, counted from 0, shape (n_sites,)."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    pairs = np.reshape(edges, (-1, 2))
    graph = coo_array((np.ones(len(pairs)), pairs.T), shape=(n_sites, n_sites))
    return connected_components(graph, directed=False)[1]


def signs_of_sites(n_sites: int, edges: Array, products: Array) -> Array | None:
    """+-1 for each site so that the two ends of edge e multiply to products[e] = +-1, or None where none do.

    The first site of each connected part has +1.
    """
    adjacent, wanted = neighbours_of_each(n_sites, edges), np.asarray(products, dtype=np.int64)
    signs = np.zeros(n_sites, dtype=np.int64)
    for start in range(n_sites):
        if signs[start] == 0:
            signs[start], open_sites = 1, [start]
            while open_sites:
                i = open_sites.pop()
                fresh = [(j, e) for j, e in adjacent[i] if signs[j] == 0]
                for j, e in fresh:
                    signs[j] = signs[i] * wanted[e]
                open_sites += [j for j, _ in fresh]
    return signs if all(signs[i] * signs[j] == wanted[e] for e, (i, j) in enumerate(edges)) else None


def two_colours(n_sites: int, edges: Array) -> Array | None:
    """0 or 1 for each site so that every edge joins different ones, or None."""
    signs = signs_of_sites(n_sites, edges, np.full(len(edges), -1))
    return None if signs is None else (1 - signs) // 2


def path_lengths(n_sites: int, edges: Array) -> Array:
    """Edges on the shortest path between every two sites, shape (n_sites, n_sites); infinity where there is none."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import shortest_path

    graph = coo_array((np.ones(len(edges)), np.reshape(edges, (-1, 2)).T), shape=(n_sites, n_sites)).tocsr()
    return shortest_path(graph, directed=False, unweighted=True)
