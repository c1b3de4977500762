"""The picture of a model of Ising configurations: everything that is known exactly about them beside its samples."""

from typing import TYPE_CHECKING, Any

import numpy as np

from .pictures import draw_curves, draw_differences, draw_grid, shape_of
from .style import BLUE, GREY, ORANGE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from .result import Result


def draw_ising(result: "Result", figure: "Figure") -> None:
    """Training, samples, the histogram of the energy, correlations, and differences in standard errors."""
    figure.set_size_inches(12, 7.5)
    panels = figure.subplot_mosaic([["curves", "curves", "samples"], ["energy", "correlations", "differences"]])
    configurations = result.samples["configurations"]
    draw_curves(result, panels["curves"], ("pseudo_likelihood",))
    panels["curves"].set_xlabel("epoch")
    draw_grid(configurations.reshape(len(configurations), *shape_of(result, configurations)), panels["samples"])
    draw_energy_histogram(result, panels["energy"])
    draw_correlations(result, panels["correlations"])
    draw_differences(result, panels["differences"])
    figure.suptitle(f"{result.experiment}   T = {result.config['temperature']:g}", fontsize=12)


def target_of(result: "Result") -> Any:
    """The Ising model that the configurations were drawn from."""
    from generative.datasets.ising import IsingTarget
    from montecarlo.lattices import Square

    return IsingTarget(Square(result.config["size"]), result.config["temperature"])


def draw_energy_histogram(result: "Result", axes: "Axes") -> None:
    """Energies of the samples, with the exact distribution where it is known, and chi-squared for each degree."""
    from generative.physics import energy_histogram

    histogram = energy_histogram(result.samples["configurations"], target_of(result))
    seen = histogram.counts > 0
    counts, energies = histogram.counts, histogram.energies
    axes.errorbar(energies[seen], counts[seen], np.sqrt(counts[seen]), fmt="o", ms=3, color=BLUE, label="samples")
    if histogram.expected is not None:
        likely = histogram.expected > 0.1
        axes.plot(energies[likely], histogram.expected[likely], color=ORANGE, linewidth=1.2, label="exact")
        if histogram.dof:  # none where all samples belong into one class
            axes.set_title(f"chi-squared / dof = {histogram.chi_squared / histogram.dof:.1f}", fontsize=10)
    axes.set(xlabel="energy", ylabel="configurations", yscale="log")
    axes.legend(frameon=False)


def draw_correlations(result: "Result", axes: "Axes") -> None:
    """G(r) along every direction with its error, and the exact one along the axes."""
    found = {name: each for name, each in result.measurement.items() if name.startswith("G(")}
    distances = [float(name[2:-1]) for name in found]
    means, errors = ([getattr(each.estimate, part) for each in found.values()] for part in ("mean", "error"))
    axes.errorbar(distances, means, errors, fmt="o", ms=4, color=BLUE, label="samples")
    exact = [(r, each.exact) for r, each in zip(distances, found.values()) if each.exact is not None]
    if exact:
        axes.plot(*zip(*exact), "_", color=ORANGE, markersize=14, markeredgewidth=2, label="exact")
    axes.axhline(0.0, color=GREY, linewidth=0.8)
    axes.set(xlabel="distance r", ylabel="G(r)")
    axes.legend(frameon=False)
