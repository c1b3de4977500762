"""Pictures of the measured cloud: density, radial densities, pair correlations; each draws a ``Result`` on axes."""

from typing import TYPE_CHECKING

import numpy as np

from .result import Profile, Result
from .style import COLOURS, GREY, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_density(result: Result, axes: "Axes") -> None:
    """The density over the plane, or along a line with its error band."""
    axes.set(title="Density")
    profile = result.profiles.get("density")
    if profile is None:
        _nothing(axes)
    elif len(profile.axes) == 1:
        _draw_curves(axes, {"density": profile})
    else:
        x, y = profile.axes.values()
        mesh = axes.pcolormesh(x, y, profile.estimates.mean.T, cmap="magma", rasterized=True)
        axes.set(xlabel="x", ylabel="y", aspect="equal")
        axes.figure.colorbar(mesh, ax=axes, shrink=0.8)


def draw_radial(result: Result, axes: "Axes") -> None:
    """The radial density, of each spin where there are two."""
    axes.set(title="Radial density")
    _draw_curves(axes, _starting_with(result, "radial_density"))


def draw_pairs(result: Result, axes: "Axes") -> None:
    """Pairs in a unit of volume at a distance, of equal and opposite spin where there are two."""
    axes.set(title="Pair correlation")
    _draw_curves(axes, _starting_with(result, "pair_correlation"))


def _starting_with(result: Result, prefix: str) -> dict[str, Profile]:
    chosen = {name: each for name, each in result.profiles.items() if name.startswith(prefix)}
    return {plain(name.removeprefix(prefix).strip("_")) or "all": each for name, each in chosen.items()}


def _draw_curves(axes: "Axes", profiles: dict[str, Profile]) -> None:
    """Every one-dimensional profile with a band of two standard errors."""
    if not profiles:
        _nothing(axes)
    for (label, profile), colour in zip(profiles.items(), COLOURS):
        (name,) = profile.axes
        points, mean, error = profile.points(name), profile.estimates.mean, profile.estimates.error
        axes.fill_between(points, mean - 2 * error, mean + 2 * error, color=colour, alpha=0.3, linewidth=0)
        axes.plot(points, mean, color=colour, linewidth=1.2, label=label)
        axes.set(xlabel=name)
    if len(profiles) > 1:
        axes.legend(frameon=False)
    if profiles:
        axes.set_ylim(0, 1.05 * max(float(np.max(each.estimates.mean)) for each in profiles.values()))


def _nothing(axes: "Axes") -> None:
    axes.text(0.5, 0.5, "nothing to show", transform=axes.transAxes, ha="center", color=GREY)


CLOUD = {"density": draw_density, "radial": draw_radial, "pairs": draw_pairs}
