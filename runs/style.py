"""Colours and axes that all pictures share."""

from typing import TYPE_CHECKING

from .errors import printable, shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BLUE, ORANGE, GREY, GREEN, PURPLE = "#2a6f97", "#c8553d", "#8a8a8a", "#4f8f5b", "#7a5195"
COLOURS = (BLUE, ORANGE, GREEN, PURPLE, GREY)
STYLE = {"linewidth": 1.2, "color": BLUE}


def tidy(axes: "Axes") -> None:
    """Two spines and a light grid."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25, linewidth=0.6)


def plain(text: str) -> str:
    """Text from a result for a picture: one line that is shown as it is, not set as a formula."""
    return shortened(printable(text), 100).replace("$", r"\$")
