"""A result as text: a few lines for the terminal, or Markdown with everything in it."""

from collections.abc import Iterable

from montecarlo.estimates import Estimate

from .analysis import comparisons
from .errors import printable, shortened
from .progress import clock
from .result import Change, Result

MARKDOWN = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", **{mark: "\\" + mark for mark in "\\`|[*~"}}
)  # what would be a link, code, a picture, HTML or another cell


def summary(result: Result) -> str:
    """What a reader wants to know first, in lines that hold no control characters."""
    return "\n".join(map(printable, _summary(result)))


def _summary(result: Result) -> Iterable[str]:
    yield f"{result.experiment}: {result.status} after {result.n_steps} steps"
    yield from map(described, result.changes)
    if result.failure:
        yield f"failed: {result.failure}"
    if not result.measurement:
        yield from _last_row(result)
    compared = {row.name: row for row in comparisons(result)}
    width = max([15, *map(len, [*result.measurement, *result.profiles])]) + 1
    for name, measurement in result.measurement.items():
        yield f"{_label(name):{width}}{_value(measurement.estimate)} {measurement.unit}".rstrip()
        if name in compared:
            row = compared[name]
            sigmas = f", {row.sigmas:+.1f} sigma" if row.error else ""
            yield f"{'  exact':{width}}{row.exact:.10g}   difference {row.difference:+.2g}{sigmas}"
        if name == "energy":
            yield from _references(result, width)
        bounds = {"  at least": measurement.least, "  at most": measurement.most}
        yield from (f"{word:{width}}{bound:.10g}" for word, bound in bounds.items() if bound is not None)
    for name, profile in result.profiles.items():
        yield f"{_label(name):{width}}{profile.estimates} {profile.unit}".rstrip()
    yield from result.notes
    yield from (f"{_label(name):{width}}in doubt: {text}" for name, text in result.doubts.items())
    known = {f"{name}: {text}" for name, text in result.doubts.items()}
    yield from (f"warning: {text}" for text in result.warnings if text.partition(": ")[2] not in known)


def described(change: Change) -> str:
    """``from step 121: learning_rate 0.01 (before: 0.05)``."""
    fields = (f"{name} {after} (before: {before})" for name, (before, after) in change.fields.items())
    return f"from step {change.step + 1}: {', '.join(fields)}"


def _references(result: Result, width: int) -> Iterable[str]:
    for name, (value, error, source) in result.references.items():
        difference = result.energy.mean - value
        yield f"{f'  {name}':{width}}{_value(Estimate(value, error))}   difference {difference:+.2g}   ({source})"


def _label(name: str) -> str:
    return name.replace("_", " ")


def _value(estimate: Estimate) -> str:
    return str(estimate) if estimate.error else f"{estimate.mean:.10g}"


def _last_row(result: Result) -> Iterable[str]:
    if result.n_steps and {"energy", "energy_error"} <= result.trace.keys():
        energy, error = result.trace["energy"][-1], result.trace["energy_error"][-1]
        yield f"{'last energy':16}{energy:.6f} +- {error:.6f}"
        if "energy" in result.exact:
            yield f"{'  exact':16}{result.exact['energy']:.10g}"


def report(result: Result) -> str:
    """The whole result as Markdown, in which nothing of what the result says is markup."""
    parts = [
        f"# {_escaped(result.experiment)}\n",
        _table(("", ""), _facts(result)),
        "## Measurements\n",
        _measurements(result),
        "## Training\n",
        _training(result),
        "## Configuration\n",
        _table(("field", "value"), ((name, str(value)) for name, value in result.config.items())),
        "## Versions\n",
        _table(("package", "version"), result.versions.items()),
    ]
    if result.doubts:
        rows = ((_label(name), text) for name, text in result.doubts.items())
        parts[4:4] = ["## Doubts\n", _table(("quantity", "what casts doubt on it"), rows)]
    if result.notes:
        parts[4:4] = ["\n".join(f"    {printable(text)}" for text in result.notes) + "\n"]
    if result.warnings:
        parts[2:2] = ["## Warnings\n", "\n".join(f"- {_escaped(text)}" for text in result.warnings) + "\n"]
    return "\n".join(parts)


def _escaped(text: str) -> str:
    """One line of text as Markdown shows it."""
    return printable(text).translate(MARKDOWN)


def _facts(result: Result) -> list[tuple[str, str]]:
    facts = [("status", result.status), ("created", result.created), ("steps", str(result.n_steps))]
    if result.n_steps and "wall_time" in result.trace:
        facts.append(("training time", clock(float(result.trace["wall_time"][-1]))))
    if result.failure:
        facts.append(("failure", result.failure))
    return facts + [("changed", described(change)) for change in result.changes]


def _measurements(result: Result) -> str:
    if not result.measurement:
        return "None yet.\n"
    rows = []
    compared = {row.name: row for row in comparisons(result)}
    for name, measurement in result.measurement.items():
        e = measurement.estimate
        row = compared.get(name)
        exact, sigmas = (f"{row.exact:.10g}", f"{row.sigmas:+.1f}" if row.error else "") if row else ("", "")
        numbers = (
            f"{e.mean:.10g}",
            f"{e.error:.2g}",
            exact,
            sigmas,
            f"{e.tau:.3g}",
            f"{e.r_hat:.4f}" if e.r_hat < 100 else f"{e.r_hat:.3g}",
            f"{e.n_eff:.4g}",
        )
        rows.append((_label(name), *numbers, measurement.unit))
    table = _table(("quantity", "value", "error", "exact", "sigmas", "tau", "R-hat", "n_eff", "unit"), rows)
    return table + _literature(result) + _profiles(result)


def _literature(result: Result) -> str:
    if not result.references:
        return ""
    rows = [
        (name, _value(Estimate(value, error)), source) for name, (value, error, source) in result.references.items()
    ]
    return "\n" + _table(("energy by", "value", "source"), rows)


def _profiles(result: Result) -> str:
    if not result.profiles:
        return ""
    rows = [
        (_label(name), ", ".join(profile.axes), str(profile.estimates), profile.unit)
        for name, profile in result.profiles.items()
    ]
    return "\n" + _table(("array", "axes", "values", "unit"), rows)


def _training(result: Result) -> str:
    if not result.n_steps:
        return "No steps yet.\n"
    rows = [(_label(name), f"{column[0]:.8g}", f"{column[-1]:.8g}") for name, column in result.trace.items()]
    return _table(("quantity", "first step", "last step"), rows)


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = tuple(head)
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    lines.extend("| " + " | ".join(_escaped(shortened(cell, 1000)) for cell in row) + " |" for row in rows)
    return "\n".join(lines) + "\n"
