"""Pictures of a result: every function takes a ``Result`` and draws on axes, ``overview`` puts them together."""

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from .analysis import blocking_curve, smoothed
from .cloud import CLOUD
from .errors import ResultError, UsageError
from .experiments import find
from .lattice_plot import SPINS
from .outputs import write_output
from .result import Result
from .style import BLUE, COLOURS, GREY, ORANGE, STYLE, plain, tidy


def overview(result: Result) -> Figure:
    """Energy, variance, acceptance, blocking curve, and densities where there are any, on one page.

    Raises ``ResultError`` without any step.
    """
    if not result.n_steps and not result.measurement:
        raise ResultError(f"expected at least one step to draw, found none (status: {result.status})")
    figure = Figure(figsize=(10, 10 if result.profiles else 7), layout="constrained")
    FigureCanvasAgg(figure)
    rows: list[Any] = [["energy"] * 3, ["variance", "acceptance", "blocking"]]
    drawn = dict(PANELS)
    if result.profiles:
        third = SPINS if "correlation" in result.profiles else CLOUD
        rows.append(list(third))
        drawn |= third
    panels = figure.subplot_mosaic(rows, height_ratios=[1.4, 1, 1.25][: len(rows)])
    for name, draw in drawn.items():
        draw(result, panels[name])
        if panels[name].axison:
            tidy(panels[name])
    figure.suptitle(_title(result), fontsize=12)
    return figure


def picture(result: Result) -> Figure:
    """The picture of a lesson as the lesson draws it, and ``overview`` for everything else."""
    try:
        experiment = find(result.experiment)
    except UsageError:  # a result of an experiment that is not known here
        return overview(result)
    experiment.settings.stored(result.config)  # which sizes are taken from
    if experiment.draw is None:
        return overview(result)
    if result.status != "finished":
        raise ResultError(f"expected a finished {result.experiment} to draw, found the status {result.status!r}")
    figure = Figure(layout="constrained")
    FigureCanvasAgg(figure)
    experiment.draw(result, figure)
    for axes in figure.axes:
        if axes.axison and axes.get_label() != "<colorbar>":
            tidy(axes)
    return figure


def save_picture(result: Result, path: Path, overwrite: bool = False) -> Path:
    """Draw ``picture`` into a file whose suffix names the format.

    Raises ``RunFailed`` if it cannot be written, ``UsageError`` for another suffix, or for the name of a result or of
    another file that exists, which ``overwrite`` replaces.
    """
    kind, contents = path.suffix.removeprefix(".") or "png", io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of fonts and layouts
        figure = picture(result)
        if kind not in figure.canvas.get_supported_filetypes():
            raise UsageError(f"cannot draw {path}: expected a name that ends with .png, .svg or .pdf, found .{kind}")
        figure.savefig(contents, dpi=120, format=kind)
    write_output(path, contents.getvalue(), overwrite)
    return path


def _title(result: Result) -> str:
    config = result.config
    words = [f"{config[key]} {label}" for key, label in _TITLE.items() if key in config]
    return plain("   ".join([result.experiment, *words]))


_TITLE = {"wavefunction": "wave function", "n_particles": "particles", "n_dims": "dimensions"}


def _steps(result: Result) -> np.ndarray:
    return np.arange(1, result.n_steps + 1)


def draw_energy(result: Result, axes: Axes) -> None:
    """The energy of every step with its error band, the exact value and the final measurement."""
    axes.set(xlabel="step", ylabel="energy", title="Energy")
    if {"energy", "energy_error"} <= result.trace.keys():
        energy, error = result.trace["energy"], result.trace["energy_error"]
        axes.fill_between(_steps(result), energy - error, energy + error, color=BLUE, alpha=0.25, linewidth=0)
        axes.plot(_steps(result), energy, label="training, one standard error", **STYLE)
        _focus(axes, energy, result)
    if "energy" in result.exact:
        exact = result.exact["energy"]
        axes.axhline(exact, color=ORANGE, linewidth=1.2, linestyle="--", label=f"exact {exact:.8g}")
    for (name, reference), colour in zip(result.references.items(), COLOURS[2:]):
        label = plain(f"{name} {reference.value:.8g}")
        axes.axhline(reference.value, color=colour, linewidth=1.2, linestyle=":", label=label)
    if "energy" in result.measurement:
        estimate = result.energy
        label = f"measured {str(estimate).partition(' [')[0]}"
        axes.errorbar(
            [result.n_steps + 1], [estimate.mean], [estimate.error], fmt="o", color="black", ms=4, label=label
        )
    axes.ticklabel_format(axis="y", useOffset=False)
    axes.margins(x=0.01)
    axes.legend(frameon=False, loc="upper right", ncols=3)


def _focus(axes: Axes, energy: np.ndarray, result: Result) -> None:
    """Limits that show the later steps well; the steep beginning may leave the picture."""
    later = energy[len(energy) // 10 :]
    values = np.array([*later, *([result.exact["energy"]] if "energy" in result.exact else [])])
    if not (finite := np.isfinite(values)).any():
        return
    low, high = values[finite].min(), values[finite].max()
    margin = 0.15 * (high - low) or 1e-6
    axes.set_ylim(low - margin, high + 3 * margin)  # with room for the legend


def draw_variance(result: Result, axes: Axes) -> None:
    """The variance of the local energy, which vanishes for an exact state."""
    axes.set(xlabel="step", title="Variance of the local energy")
    if "variance" in result.trace:
        axes.plot(_steps(result), result.trace["variance"], **STYLE)
        if (result.trace["variance"] > 0).all():
            axes.set_yscale("log")


def draw_acceptance(result: Result, axes: Axes) -> None:
    """The fraction of accepted moves and its running mean."""
    axes.set(xlabel="step", title="Acceptance", ylim=(0, 1.02))
    if "acceptance" in result.trace:
        column = result.trace["acceptance"]
        axes.plot(_steps(result), column, color=BLUE, alpha=0.35, linewidth=0.8)
        axes.plot(_steps(result), smoothed(column, 10), **STYLE)


def draw_blocking(result: Result, axes: Axes) -> None:
    """The error of the measured energy against the size of the blocks: it is honest on the plateau."""
    axes.set(xlabel="block size", title="Error by blocking")
    curve = blocking_curve(result)
    if curve is None or not curve.error.max() > 0:
        axes.text(0.5, 0.5, "nothing to show", transform=axes.transAxes, ha="center", color=GREY)
        return
    exponent = int(np.floor(np.log10(curve.error.max())))
    unit = 10.0**exponent
    axes.set_ylabel(f"$10^{{{exponent}}}$")
    axes.errorbar(curve.size, curve.error / unit, curve.error_of_error / unit, fmt="o-", ms=3, capsize=2, **STYLE)
    if "energy" in result.measurement:
        axes.axhline(result.energy.error / unit, color=ORANGE, linewidth=1.2, linestyle="--", label="quoted error")
        axes.legend(frameon=False, loc="lower right")
    axes.set_xscale("log", base=2)
    axes.set_ylim(0, 1.25 * curve.error.max() / unit)


PANELS = {
    "energy": draw_energy,
    "variance": draw_variance,
    "acceptance": draw_acceptance,
    "blocking": draw_blocking,
}
