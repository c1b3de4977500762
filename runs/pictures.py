"""Pictures of trained models: curves of the training, grids of samples, what was measured beside exact values.

Every function takes what it draws and axes, so that experiments can put them together as they like.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from .analysis import comparisons
from .style import BLUE, COLOURS, GREY, ORANGE, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from .result import Result

NOT_CURVES = {"wall_time", "updates", "learning_rate", "gradient_norm", "surrogate"}
MOST_ROWS = 60  # measurements beside their exact values
BETWEEN = "#c9d3da"  # the colour between the images of a grid


def draw_training(result: "Result", figure: "Figure") -> None:
    """Curves of the training, samples, and differences from exact values."""
    figure.set_size_inches(11, 4)
    left, middle, right = figure.subplots(1, 3, width_ratios=[1.3, 1, 1])
    draw_curves(result, left)
    configurations = result.samples["configurations"]
    draw_grid(configurations.reshape(len(configurations), *shape_of(result, configurations)), middle)
    draw_differences(result, right)
    figure.suptitle(plain(result.experiment), fontsize=12)


def shape_of(result: "Result", rows: np.ndarray) -> tuple[int, int]:
    """Height and width of the picture of a row: of the lattice, or the square that holds it."""
    side = int(result.config.get("size") or round(rows.shape[1] ** 0.5))
    return side, rows.shape[1] // side


def draw_curves(result: "Result", axes: "Axes", names: tuple[str, ...] = ()) -> None:
    """Columns of the trace, all losses unless named, against the number of updates, with their exact values."""
    chosen = names or tuple(name for name in result.trace if name not in NOT_CURVES)
    updates = result.trace.get("updates", np.arange(1, result.n_steps + 1))
    for name, colour in zip(chosen, COLOURS * (1 + len(chosen) // len(COLOURS))):
        axes.plot(updates, result.trace[name], color=colour, linewidth=1.2, label=plain(name.replace("_", " ")))
        if name in result.exact:
            axes.axhline(result.exact[name], color=colour, linewidth=1, linestyle="--")
    axes.set(xlabel="updates", title="Training")
    axes.legend(frameon=False, fontsize="small")


def draw_grid(images: np.ndarray, axes: "Axes", columns: int = 8, most: int = 64, **options: Any) -> None:
    """Images (n, height, width) side by side, at most ``most``; spins are black and white."""
    images = images[:most]
    from matplotlib import colormaps

    n, height, width = images.shape
    rows = -(-n // columns)
    low, high = float(images.min()), float(images.max())
    canvas = np.full((rows * (height + 1) - 1, columns * (width + 1) - 1), np.nan)
    for k, image in enumerate(images):
        top, left = (k // columns) * (height + 1), (k % columns) * (width + 1)
        canvas[top : top + height, left : left + width] = image
    colours = colormaps["gray_r"].with_extremes(bad=BETWEEN)
    axes.imshow(canvas, **{"cmap": colours, "vmin": low, "vmax": high, "interpolation": "nearest", **options})
    axes.set_title("Samples")
    axes.axis("off")


def draw_differences(result: "Result", axes: "Axes") -> None:
    """Measured less exact values in standard errors, with the band of two."""
    rows = [row for row in comparisons(result) if np.isfinite(row.sigmas)][:MOST_ROWS]
    at = np.arange(len(rows))
    axes.axvspan(-2, 2, color=GREY, alpha=0.15, linewidth=0)
    axes.axvline(0, color=ORANGE, linewidth=1, linestyle="--")
    axes.plot([row.sigmas for row in rows], at, "o", color=BLUE)
    axes.set_yticks(at, [plain(row.name.replace("_", " ")) for row in rows])
    axes.margins(y=0.2)
    axes.invert_yaxis()
    axes.set(xlabel="standard errors from the exact value", title="Measured")
