"""One run as an object: configuration, trace, measurements, samples and the state to continue from."""

import contextlib
import platform
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from typing import Any, NamedTuple

import numpy as np

from montecarlo.estimates import Estimate
from montecarlo.moments import Estimates

from .errors import ResultError

STATUSES = ("running", "interrupted", "finished", "failed", "diverged")
PACKAGES = ("born", "numpy", "numba", "scipy", "h5py")


@dataclass
class Measurement:
    """One measured quantity, with its unit and, where they are known, the exact value and the bounds it is held to."""

    estimate: Estimate
    unit: str = ""
    exact: float | None = None
    least: float | None = None
    most: float | None = None


class Reference(NamedTuple):
    """A value from the literature to be seen beside the measured one."""

    value: float
    error: float
    source: str


class Change(NamedTuple):
    """Fields of the configuration that were changed after ``step`` steps: name to the values before and after."""

    step: int
    fields: dict[str, tuple[Any, Any]]


@dataclass
class Profile:
    """A measured array, such as a density, and what its axes are.

    ``axes`` maps the names of the axes, in their order, to the edges of the bins, or to the values along them.
    """

    estimates: Estimates
    axes: dict[str, np.ndarray]
    unit: str = ""
    axis_unit: str = ""

    def points(self, name: str) -> np.ndarray:
        """The values along an axis: the middles of its bins."""
        values = self.axes[name]
        size = self.estimates.shape[list(self.axes).index(name)]
        return values if len(values) == size else (values[1:] + values[:-1]) / 2


@dataclass(repr=False)
class Result:
    """One run: what was asked, what came out, and what is needed to continue.

    ``trace`` maps names to arrays of shape (n_steps,), ``references`` maps methods to their energies, ``state`` is a
    tree of arrays and numbers or None before the first save. ``notes`` are lines of text that were found, such as
    equations. ``config`` is the configuration in the end, ``changes`` how it came to differ from that of the start.
    ``doubts`` are what casts doubt on a measurement, by its name. ``stopped_by`` is the signal that a run has just been
    stopped by, and in no file.
    """

    experiment: str
    config: dict[str, Any]
    seed: int
    status: str = "running"
    failure: str = ""
    created: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    versions: dict[str, str] = field(default_factory=lambda: installed_versions())
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    exact: dict[str, float] = field(default_factory=dict)
    trace: dict[str, np.ndarray] = field(default_factory=dict)
    references: dict[str, Reference] = field(default_factory=dict)
    measurement: dict[str, Measurement] = field(default_factory=dict)
    profiles: dict[str, Profile] = field(default_factory=dict)
    samples: dict[str, np.ndarray] = field(default_factory=dict)
    state: dict[str, Any] | None = None
    changes: list[Change] = field(default_factory=list)
    doubts: dict[str, str] = field(default_factory=dict)
    stopped_by: int = field(default=0, compare=False)

    def __repr__(self) -> str:
        measured = "".join(f", {name} = {each.estimate}" for name, each in self.measurement.items())
        return f"Result({self.experiment}, {self.status}, {self.n_steps} steps{measured})"

    @property
    def energy(self) -> Estimate:
        """The measured energy. Raises ``ResultError`` while the run has not been measured."""
        if "energy" not in self.measurement:
            found = ", ".join(self.measurement) or "nothing yet"
            raise ResultError(f"expected a measured energy, found {found} (status: {self.status})")
        return self.measurement["energy"].estimate

    @property
    def n_steps(self) -> int:
        """How many steps the trace holds."""
        return len(next(iter(self.trace.values()), ()))


def installed_versions() -> dict[str, str]:
    """Versions of Python and of the packages that decide a result."""
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[package] = metadata.version(package)
    return versions
