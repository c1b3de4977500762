"""The lessons at full size: every finding beside its published or exact value, or its bound."""

from collections.abc import Iterator

from registry import CASES, Case, Row

from runs.configuration import settings_from
from runs.experiments import find
from runs.lessons import LESSONS
from runs.lessons.lesson import Finding, LessonRun


def rows(name: str, finding: Finding) -> Iterator[Row]:
    value, error = finding.value, finding.error
    if finding.reference is not None and finding.tolerance is not None:
        yield Row(name, value, 0.0, finding.reference, limit=finding.tolerance)
    elif finding.reference is not None:
        yield Row(name, value, error, finding.reference, limit=4.0 if error else 0.0)
    if finding.most is not None:
        yield Row(f"{name}, at most", value, 0.0, finding.most, limit=0.0, below=True)
    if finding.least is not None:
        yield Row(f"{name}, at least", value, 0.0, finding.least, limit=0.0, above=True)


def of_lesson(name: str, summary: str) -> Case:
    def check() -> Iterator[Row]:
        experiment = find(name)
        run = experiment.start(settings_from(experiment, []))
        assert isinstance(run, LessonRun)
        for _ in run.training():
            pass
        for figure, finding in run.outcome.findings.items():
            yield from rows(figure.replace("_", " "), finding)

    check.__doc__ = f"{summary[0].upper()}{summary[1:]}."
    return check


CASES.update({f"lesson-{name}": of_lesson(name, summary) for name, (_, summary) in LESSONS.items()})
