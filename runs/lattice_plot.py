"""Pictures of lattices: sites, bonds shell by shell, and how the spins on them are correlated."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from .errors import ResultError
from .experiments.spin_lattice import lattice_of
from .style import BLUE, COLOURS, GREEN, GREY, ORANGE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from montecarlo.lattices import Lattice

    from .result import Result

MOST_NUMBERS = 100  # sites up to which each shows its number
SHELL_COLOURS = (GREY, GREEN, *COLOURS[3:])
TOLERANCE = 1e-6


def plane_positions(lattice: "Lattice") -> np.ndarray:
    """Where sites are drawn, shape (n_sites, 2): a chain lies on the horizontal axis."""
    return np.pad(lattice.positions, ((0, 0), (0, 2 - lattice.positions.shape[1])))


def bonds(lattice: "Lattice", order: int) -> tuple[np.ndarray, np.ndarray]:
    """The bonds of a shell as segments, shape (n, 2, 2): whole ones, and halves of those around a ring.

    A bond that goes around a ring is drawn as two halves, from each of its sites to the outside.
    """
    positions, pairs = plane_positions(lattice), lattice.neighbours(order)
    start, end = positions[pairs[:, 0]], positions[pairs[:, 1]]
    if lattice.name == "Graph":
        return np.stack([start, end], axis=1), np.empty((0, 2, 2))
    ways = lattice.displacements()[pairs[:, 0], pairs[:, 1]]
    ways = np.pad(ways, ((0, 0), (0, 2 - ways.shape[1])))
    around = np.abs(end - start - ways).max(axis=1, initial=0.0) > TOLERANCE
    whole = np.stack([start, end], axis=1)[~around]
    outwards = [np.stack([start, start + ways / 2], axis=1), np.stack([end, end - ways / 2], axis=1)]
    return whole, np.concatenate([half[around] for half in outwards])


def arched(segments: np.ndarray, height: float, n: int = 24) -> np.ndarray:
    """Segments on a line as arches of parabolas, shape (n_segments, n, 2), so that they do not hide each other."""
    t = np.linspace(0, 1, n)
    curves = segments[:, :1] * (1 - t)[:, None] + segments[:, 1:] * t[:, None]
    lengths = np.abs(segments[:, 1, 0] - segments[:, 0, 0])
    curves[:, :, 1] += height * lengths[:, None] * 4 * t * (1 - t)
    return curves


def draw_lattice(lattice: "Lattice", axes: "Axes", shells: Sequence[int] = (1,)) -> None:
    """Sites in the colours of the two sublattices, where there are two, and the bonds of the given shells.

    Bonds around a ring are dashed. Raises ``ValueError`` for a shell that does not exist.
    """
    from matplotlib.collections import LineCollection

    for order, colour in zip(shells, np.resize(SHELL_COLOURS, len(shells)), strict=True):
        whole, halves = bonds(lattice, order) if lattice.n_sites > 1 else (np.empty((0, 2, 2)),) * 2
        if lattice.positions.shape[1] == 1 and order > 1:
            whole, halves = arched(whole, 0.3), arched(halves, 0.3)
        label = f"distance {lattice.shell_distances[order - 1]:.4g}" if len(shells) > 1 else None
        axes.add_collection(LineCollection(list(whole), colors=colour, linewidths=1.2, label=label, zorder=1))
        axes.add_collection(LineCollection(list(halves), colors=colour, linewidths=1.0, linestyles="--", zorder=1))
    x, y = plane_positions(lattice).T
    colours = lattice.sublattices
    faces = [BLUE] * len(x) if colours is None else [(BLUE, ORANGE)[colour] for colour in colours]
    size = float(np.clip(6000 / len(x), 12, 160))
    axes.scatter(x, y, s=size, c=faces, zorder=2)
    if len(x) <= MOST_NUMBERS and size >= 60:
        for site in range(len(x)):
            axes.text(x[site], y[site], str(site), color="white", ha="center", va="center", fontsize=6, zorder=3)
    axes.set_aspect("equal")
    axes.set_axis_off()
    axes.margins(0.1)
    if lattice.positions.shape[1] == 1:
        axes.set_ylim(-0.06 * len(x) - 0.3, 0.06 * len(x) + 0.3 * max(shells))
    axes.set_title(_title(lattice))
    if len(shells) > 1:
        axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=8)


def _title(lattice: "Lattice") -> str:
    if lattice.name == "Graph":
        return f"Graph({lattice.n_sites} sites)"
    return repr(lattice).replace(", periodic, periodic", ", periodic").replace(", open, open", ", open")


def draw_correlations(axes: "Axes", distances: np.ndarray, mean: np.ndarray, error: np.ndarray) -> None:
    """<s_i s_j> against the distance; filled where positive, open where negative, on a scale of sizes."""
    positive = mean > 0
    axes.set(xlabel="distance", title=r"Correlation $|\langle s_i s_j \rangle|$")
    for sign, face, label in ((positive, BLUE, "positive"), (~positive, "white", "negative")):
        if sign.any():
            options = {"fmt": "o", "ms": 4, "color": BLUE, "markerfacecolor": face, "capsize": 2}
            axes.errorbar(distances[sign], np.abs(mean[sign]), error[sign], label=label, **options)
    if (np.abs(mean) > 0).all():
        axes.set_yscale("log")
    axes.legend(frameon=False)


def draw_structure_factor(axes: "Axes", values: np.ndarray) -> None:
    """S(k) for k = 0 .. n - 1 along each direction of the reciprocal lattice, as ``StructureFactors`` gives it.

    Of a chain a curve over the whole zone, of a plane a map with k = 0 in the middle.
    """
    axes.set(title="Structure factor")
    if values.ndim == 1:
        k = 2 * np.arange(len(values) + 1) / len(values)
        axes.plot(k, np.append(values, values[0]), "o-", ms=3, linewidth=1.2, color=BLUE)
        axes.set(xlabel=r"$k / \pi$", ylim=(0, None))
        return
    steps = [np.arange(-(n // 2), n // 2 + 1) for n in values.shape]  # of an even zone both edges
    image = values[np.ix_(*(k % n for k, n in zip(steps, values.shape, strict=True)))]
    across, up = steps
    extent = (across[0] - 0.5, across[-1] + 0.5, up[0] - 0.5, up[-1] + 0.5)
    shown = axes.imshow(image.T, origin="lower", extent=extent, cmap="Blues", vmin=0)
    labels = [rf"$k_{d + 1}$ in units of $2\pi / {n}$" for d, n in enumerate(values.shape)]
    axes.set(xlabel=labels[0], ylabel=labels[1])
    axes.figure.colorbar(shown, ax=axes, shrink=0.8)


def _lattice(result: "Result") -> "Lattice":
    config, shape = result.config, result.experiment.rpartition("-")[2]
    n_sites = config["length"] ** (2 if shape == "square" else 1)
    if n_sites != (found := result.samples["configurations"].shape[1]):
        raise ResultError(f"expected configurations of {n_sites} sites, found {found}")
    return lattice_of(shape, config["length"], config["open_ends"])


def _draw_lattice(result: "Result", axes: "Axes") -> None:
    draw_lattice(_lattice(result), axes)


def _draw_correlations(result: "Result", axes: "Axes") -> None:
    profile = result.profiles["correlation"]
    draw_correlations(axes, profile.points("distance"), profile.estimates.mean, profile.estimates.error)


def _draw_structure_factor(result: "Result", axes: "Axes") -> None:
    draw_structure_factor(axes, result.profiles["structure_factor"].estimates.mean)


SPINS = {"lattice": _draw_lattice, "correlation": _draw_correlations, "structure_factor": _draw_structure_factor}
