"""How good is a generative model of physics data? For any model that can ``sample``, and perhaps ``log_prob``."""

import math
from typing import Any, NamedTuple

import numpy as np

from generative.datasets.dataset import Dataset
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

    ``model.sample(n, seed)`` must return configurations of the kind of ``data.values``; with ``model.log_prob(x)`` and
    Ising data, importance weights are added. Data at several temperatures, and all other data, is compared by the
    two-sample tests only. Neighbours are sought in the physical features of ``physics.features`` where there is one
    Ising model, in configurations otherwise.
    """
    samples = np.asarray(model.sample(n_samples, seed), dtype=np.float64)
    if samples.shape != (n_samples, data.n_features):
        raise ValueError(f"expected samples of shape {(n_samples, data.n_features)}, found {samples.shape}")
    train, test = np.asarray(data.train), np.asarray(data.test)
    if len(data.targets) != 1 or not isinstance(data.targets[0], IsingTarget):
        return Evaluation([], math.nan, math.nan, None, two_sample_tests(samples, train, test, seed), None)
    target = data.targets[0]
    tests = two_sample_tests(samples, train, test, seed, lambda x: features(_as_spins(x, data.values), target))
    spins, true = (_as_spins(each, data.values) for each in (samples, np.concatenate([train, test])))
    ours, theirs = observables(spins, target), observables(true, target, data.diagnostics[0].n_independent)
    exact = exact_observables(target)
    rows = [Comparison(name, ours.estimates[name], theirs.estimates[name], exact.get(name)) for name in ours.estimates]
    weights = _importance(model, samples, spins, target, seed)
    return Evaluation(rows, *_hotelling(rows, ours, theirs), energy_histogram(spins, target), tests, weights)


def _as_spins(x: Array, values: str) -> Array:
    return np.asarray(x, dtype=np.float64) if values == "spins" else 2.0 * np.asarray(x, dtype=np.float64) - 1.0


def _importance(model: Any, samples: Array, spins: Array, target: IsingTarget, seed: int) -> Importance | None:
    if not hasattr(model, "log_prob"):
        return None
    return importance(target.log_weight(spins), np.asarray(model.log_prob(samples)), target.temperature, seed)


def _hotelling(rows: list[Comparison], ours: Observables, theirs: Observables) -> tuple[float, float]:
    """T^2 = d^T S^-1 d of the differences d with covariance S, and its probability from the F distribution."""
    from scipy.stats import f

    difference = np.array([row.model.mean - (row.data.mean if row.exact is None else row.exact) for row in rows])
    unknown = np.array([row.exact is None for row in rows])
    covariance = ours.covariance + np.outer(unknown, unknown) * theirs.covariance
    scale = np.sqrt(np.diag(covariance))
    eigenvalues, vectors = np.linalg.eigh(covariance / np.outer(scale, scale))
    keep = eigenvalues > 1e-8 * eigenvalues[-1]
    t2 = float(np.sum((vectors[:, keep].T @ (difference / scale)) ** 2 / eigenvalues[keep]))
    n, p = rows[0].model.dof + 1, int(keep.sum())
    return t2, float(f.sf(t2 * (n - p) / (p * (n - 1)), p, n - p)) if n > p else math.nan
