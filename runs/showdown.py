"""The table and the picture of many models of the same Ising configurations."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .pictures import draw_grid
from .result import Measurement
from .style import COLOURS, GREY

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from .result import Result

OBSERVABLES = ("energy", "abs_m", "specific_heat", "susceptibility", "binder", "G(2)", "G(3)")  # G(1) is -energy / 2
HEADS = ("energy", "|m|", "C", "chi", "Binder", "G(2)", "G(3)")
SYMBOLS = ("$E$", "$|m|$", "$C$", "$\\chi$", "$U$", "$G_2$", "$G_3$")
LEGEND = "E energy, |m| magnetisation, C specific heat, χ susceptibility, U Binder cumulant, G_r correlation at r"
SHADES = (*COLOURS, "#c9a227")
COLOUR_LIMIT, SMALLEST = 10.0, 1e-5  # standard errors; nats per spin


def name_of(family: str, temperature: float, quantity: str = "") -> str:
    """Of a measurement, or without a quantity of a picture."""
    return f"{family} {temperature:g} {quantity}".rstrip()


def table(measured: Mapping[str, Measurement], temperatures: Sequence[float], families: Sequence[str]) -> list[str]:
    """Lines: for each model the z-score of every observable, nats per spin above the entropy, seconds of a core."""
    head = f"{'T':<9}{'model':16}{''.join(f'{name:>8}' for name in HEADS)}"
    lines = [
        "standard errors from the exact value; nats per spin above the entropy; seconds of a core",
        f"{head}{'nats above':>12}{'error':>9}  {'':9}{'train s':>8}{'sample ms':>11}",
    ]
    for t in temperatures:
        for k, family in enumerate(families):
            scores = "".join(f"{z(measured.get(name_of(family, t, name))):>8.1f}" for name in OBSERVABLES)
            train, each = (_value(measured.get(name_of(family, t, f"seconds_{what}"))) for what in WORK)
            nats = _nats(measured.get(name_of(family, t, "nats_per_spin")))
            lines.append(f"{f'{t:.4g}' if not k else '':<9}{family:16}{scores}{nats}{train:>8.1f}{1e3 * each:>11.3f}")
    return lines


WORK = ("to_train", "per_sample")


def z(measured: Measurement | None) -> float:
    """Standard errors from the exact value, NaN without."""
    if measured is None or measured.exact is None or not measured.estimate.error:
        return float("nan")
    return measured.estimate.z(measured.exact)


def _value(measured: Measurement | None) -> float:
    return float("nan") if measured is None else measured.estimate.mean


def _kind(measured: Measurement) -> str:
    """Of the bound: "exact", "at most", "at least", "estimate"."""
    return measured.unit.removeprefix("nats, ")


def _nats(measured: Measurement | None) -> str:
    if measured is None or measured.exact is None:
        return f"{'':>12}{'':>9}  {'none':9}"
    above = measured.estimate.mean - measured.exact
    return f"{above:>12.5f}{measured.estimate.error:>9.5f}  {_kind(measured):9}"


def draw(result: "Result", figure: "Figure") -> None:
    """For each temperature the z-scores of all observables and nats per spin above the entropy; time; samples."""
    temperatures = result.config["temperatures"]
    columns = len(temperatures)
    figure.set_size_inches(1.5 + 4.3 * columns, 9.5)
    parts: Any = figure.subfigures(3, 1, height_ratios=[1.2, 1, 1.1])
    upper, middle, lower = parts
    panels = upper.subplots(1, columns, squeeze=False)[0]
    for k, (axes, t) in enumerate(zip(panels, temperatures)):
        draw_scores(result, axes, t, names=not k)
        axes.set_title(f"T = {t:.4g}", pad=20)
    upper.supxlabel(f"standard errors from the exact value, of {result.config['n_measure']} samples\n{LEGEND}", size=9)
    panels = middle.subplots(1, columns, squeeze=False, sharex=True)[0]
    for k, (axes, t) in enumerate(zip(panels, temperatures)):
        draw_nats(result, axes, t, names=not k)
    middle.supxlabel(
        "nats per spin above the entropy: 0 is the exact distribution; pale bars are within two standard errors of it",
        size=9,
    )
    left, centre, right = lower.subplots(1, 3)
    draw_work(result, left, WORK[0], 1.0, "training, seconds of a core")
    draw_work(result, centre, WORK[1], 1e3, "one sample, milliseconds of a core", axis="log", names=False)
    draw_samples(result, right, sorted(temperatures)[len(temperatures) // 2])
    size = result.config["size"]
    figure.suptitle(f"{result.experiment}: models of {size} x {size} Ising spins, side by side", fontsize=13)


def draw_scores(result: "Result", axes: "Axes", t: float, names: bool) -> None:
    """A table of z-scores, white within two standard errors."""
    families = result.config["families"]
    scores = np.array([[z(result.measurement.get(name_of(f, t, name))) for name in OBSERVABLES] for f in families])
    beyond = np.sign(scores) * np.clip((np.abs(scores) - 2) / (COLOUR_LIMIT - 2), 0, 1)
    axes.imshow(0.75 * beyond, cmap="RdBu_r", vmin=-1, vmax=1, aspect="auto")
    middle: Any = dict(ha="center", va="center", fontsize=8)
    for (row, column), score in np.ndenumerate(scores):
        if np.isfinite(score):
            axes.text(column, row, f"{score:.1f}" if abs(score) < 9.95 else f"{score:.0f}", **middle)
    for column, symbol in enumerate(SYMBOLS):
        axes.text(column, -0.75, symbol, **{**middle, "fontsize": 9})
    for row, family in enumerate(families if names else []):
        axes.text(-0.7, row, family, ha="right", va="center", fontsize=10)
    axes.axis("off")


def draw_nats(result: "Result", axes: "Axes", t: float, names: bool) -> None:
    """Bars on a logarithmic axis, with errors and the kind of bound."""
    families = result.config["families"]
    for k, family in enumerate(families):
        nats = result.measurement.get(name_of(family, t, "nats_per_spin"))
        if nats is None or nats.exact is None:
            axes.text(1.1 * SMALLEST, k, "no likelihood", va="center", fontsize=8, color=GREY)
            continue
        above, error = nats.estimate.mean - nats.exact, nats.estimate.error
        top = max(above, error, 1.5 * SMALLEST)
        axes.barh(k, top, color=SHADES[k % len(SHADES)], alpha=1.0 if above > 2 * error else 0.4, height=0.7)
        axes.text(
            1.15 * top, k, f"{_kind(nats)} {above:.{1 + (abs(above) > error)}g} ± {error:.1g}", va="center", fontsize=8
        )
    axes.set(xscale="log", xlim=(SMALLEST, 1.0))
    _name(axes, families, names)


def draw_work(
    result: "Result", axes: "Axes", what: str, scale: float, title: str, *, axis: str = "linear", names: bool = True
) -> None:
    """Bars: the mean over temperatures."""
    families, temperatures = result.config["families"], result.config["temperatures"]
    for k, family in enumerate(families):
        each = [_value(result.measurement.get(name_of(family, t, f"seconds_{what}"))) for t in temperatures]
        mean = scale * float(np.mean(each))
        axes.barh(k, mean, color=SHADES[k % len(SHADES)], height=0.7)
        axes.text(mean, k, f" {mean:.2g}" if mean < 10 else f" {mean:.0f}", va="center", fontsize=8)
    axes.set_xscale(axis)
    axes.margins(x=0.2)
    axes.set_title(title, fontsize=10)
    _name(axes, families, names)


def draw_samples(result: "Result", axes: "Axes", t: float) -> None:
    """A row of configurations of the data, and of each model."""
    names = ["data", *result.config["families"]]
    rows: Any = [result.samples[name_of(name, t)] for name in names]
    size, n = result.config["size"], len(rows[0])
    draw_grid(np.concatenate(rows).reshape(-1, size, size), axes, columns=n, most=n * len(rows))
    axes.set_title(f"samples at T = {t:.4g}", fontsize=10)
    for k, name in enumerate(names):
        axes.text(-1.5, (size + 1) * k + size / 2, name, ha="right", va="center", fontsize=9)


def _name(axes: "Axes", families: Sequence[str], names: bool) -> None:
    axes.set_yticks(range(len(families)), families if names else [""] * len(families))
    axes.set_ylim(len(families) - 0.5, -0.5)
    axes.tick_params(length=0)
