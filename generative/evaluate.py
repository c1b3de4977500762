"""How good is a generative model of physics data? For any model that can ``sample``, and perhaps ``log_prob``."""

import math
from typing import Any, NamedTuple

import numpy as np

from generative.datasets.dataset import ALLOWED, Dataset, as_numbers, check_configurations, find_values
from generative.datasets.ising import IsingTarget
from generative.importance import Importance, importance
from generative.physics import Histogram, Observables, energy_histogram, exact_observables, features, observables
from generative.two_sample import TwoSample, two_sample_tests
from montecarlo.estimates import Estimate

Array = np.ndarray


class Comparison(NamedTuple):
    """One observable of model and data; ``z`` is that of the model against the exact value, or else the data."""

    name: str
    model: Estimate
    data: Estimate
    exact: float | None

    @property
    def z(self) -> float:
        """Difference in standard errors."""
        return self.model.z(self.data if self.exact is None else self.exact)


class Evaluation(NamedTuple):
    """Everything that was measured; prints as a table.

    ``chi_squared`` is Hotelling's of all observables together, with their covariance, against the exact values (or the
    data), and ``p_value`` its probability; both NaN for data without a target.
    """

    observables: list[Comparison]
    chi_squared: float
    p_value: float
    histogram: Histogram | None
    tests: list[TwoSample]
    importance: Importance | None

    def __str__(self) -> str:
        lines = []
        if self.observables:
            lines.append(f"{'observable':16}{'model':>24}{'data':>24}{'exact':>14}{'z':>8}")
            for row in self.observables:
                model, data = (f"{each.mean:.5f} +- {each.error:.5f}" for each in (row.model, row.data))
                exact = "" if row.exact is None else f"{row.exact:.6f}"
                lines.append(f"{row.name:16}{model:>24}{data:>24}{exact:>14}{row.z:>8.2f}")
            lines.append(f"all together: chi-squared {self.chi_squared:.1f}, probability {self.p_value:.2g}")
        lines.append(f"{'test':24}{'model':>12}{'true data':>12}")
        lines += [f"{test.name:24}{test.model:>12.4f}{test.data:>12.4f}" for test in self.tests]
        if self.importance is not None:
            lines.append(str(self.importance))
        return "\n".join(lines)


def evaluate(model: Any, data: Dataset, *, n_samples: int = 10_000, seed: int = 0) -> Evaluation:
    """Draw ``n_samples`` from ``model`` and set them beside ``data`` and beside what is known exactly.

    ``model.sample(n, seed)`` must return configurations (n, n_features). Spins and bits are converted into each other
    where model and data differ; ``model.values`` says what the model speaks of, else its samples do. With Ising data
    and a ``model.log_prob(x)`` that is exact (``model.likelihood`` may say that it is not), importance weights are
    added. Data at several temperatures, and all other data, is compared by the two-sample tests only. Neighbours are
    sought in the physical features of ``physics.features`` where there is one Ising model, in configurations otherwise.

    Raises ``ValueError`` for samples that are not of the kind of the data.
    """
    _check(model, data)
    own = as_numbers(model.sample(n_samples, seed), "samples")
    if own.shape != (n_samples, data.n_features):
        raise ValueError(f"expected samples of shape {(n_samples, data.n_features)}, found {own.shape}")
    samples = _as(data.values, own, getattr(model, "values", None))
    train, test = np.asarray(data.train), np.asarray(data.test)
    if len(data.targets) != 1 or not isinstance(data.targets[0], IsingTarget):
        return Evaluation([], math.nan, math.nan, None, two_sample_tests(samples, train, test, seed), None)
    target = data.targets[0]
    tests = two_sample_tests(samples, train, test, seed, lambda x: features(_as("spins", x, data.values), target))
    spins, true = (_as("spins", each, data.values) for each in (samples, np.concatenate([train, test])))
    worth = data.diagnostics[0].n_independent if data.diagnostics else None
    ours, theirs = observables(spins, target), observables(true, target, worth)
    exact = exact_observables(target)
    rows = [Comparison(name, ours.estimates[name], theirs.estimates[name], exact.get(name)) for name in ours.estimates]
    weights = _importance(model, own, spins, target, seed)
    return Evaluation(rows, *_hotelling(rows, ours, theirs), energy_histogram(spins, target), tests, weights)


def _check(model: Any, data: Any) -> None:
    if not isinstance(data, Dataset):
        raise TypeError(
            f"expected data as a generative.datasets.Dataset, found {type(data).__name__}: take "
            'Dataset("mine", train, test, values="bits", shape=(8, 8)), with the values and the shape of your rows'
        )
    if not callable(getattr(model, "sample", None)):
        raise TypeError(f"expected a model with sample(n, seed), found {type(model).__name__}")


def _as(goal: str, x: Array, origin: str | None) -> Array:
    """Rows of the kind ``origin``, or of the narrowest kind they belong to, as rows of the kind ``goal``, float64."""
    origin = origin or find_values(x)
    x = check_configurations(x, x.shape[1], origin, "samples").astype(np.float64)
    if {origin, goal} == {"bits", "spins"}:
        return 2 * x - 1 if goal == "spins" else (x + 1) / 2
    if origin != goal and (goal in ("bits", "spins") or (goal, origin) == ("unit", "spins")):
        raise ValueError(
            f"expected a model of {ALLOWED[goal]}, of which the data is made, found one of {ALLOWED[origin]}: "
            f"train a model with values={goal!r}, or compare it with data made of {ALLOWED[origin]}"
        )
    return x


def _importance(model: Any, samples: Array, spins: Array, target: IsingTarget, seed: int) -> Importance | None:
    """By 1 / q where q is exact: E[1 / q'] of a bound or of an estimate q' is not 1 / q, and Z would come out wrong."""
    if not hasattr(model, "log_prob") or getattr(model, "likelihood", "exact") != "exact":
        return None
    return importance(target.log_weight(spins), np.asarray(model.log_prob(samples)), target.temperature, seed)


def _hotelling(rows: list[Comparison], ours: Observables, theirs: Observables) -> tuple[float, float]:
    """T^2 = d^T S^-1 d of the differences d with covariance S, and its probability from the F distribution."""
    from scipy.stats import f

    difference = np.array([row.model.mean - (row.data.mean if row.exact is None else row.exact) for row in rows])
    unknown = np.array([row.exact is None for row in rows])
    covariance = ours.covariance + np.outer(unknown, unknown) * theirs.covariance
    known = np.flatnonzero(np.isfinite(difference) & (np.diag(covariance) > 0))
    if not len(known):
        return math.nan, math.nan
    difference, covariance = difference[known], covariance[np.ix_(known, known)]
    scale = np.sqrt(np.diag(covariance))
    eigenvalues, vectors = np.linalg.eigh(covariance / np.outer(scale, scale))
    keep = eigenvalues > 1e-8 * eigenvalues[-1]
    t2 = float(np.sum((vectors[:, keep].T @ (difference / scale)) ** 2 / eigenvalues[keep]))
    n, p = rows[0].model.dof + 1, int(keep.sum())
    return t2, float(f.sf(t2 * (n - p) / (p * (n - 1)), p, n - p)) if n > p else math.nan
