"""Are two sets of samples from one distribution? Distances and tests, in the space of the configurations.

    mmd                   maximum mean discrepancy, squared, unbiased (Gretton et al., JMLR 13, 723 (2012))
    energy_distance       2 E|x - y| - E|x - x'| - E|y - y'| (Szekely, Rizzo, J. Stat. Plan. Inference 143, 1249 (2013))
    sliced_wasserstein    mean W1 of random projections (Bonneel et al., J. Math. Imaging Vis. 51, 22 (2015))
    classifier            held-out accuracy of a classifier told to separate them, at best 1/2 (Lopez-Paz, ICLR 2017)
    precision, recall, density, coverage    by nearest neighbours, of features if given (Naeem et al., ICML 2020)
    memorisation          fraction of samples nearer to the training data than to the test data, 1/2 without memory

None of these numbers means anything alone: ``two_sample_tests`` sets each beside its value for two halves of true data.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

Array = np.ndarray

MOST_ROWS = 1000
N_PROJECTIONS, N_NEIGHBOURS = 64, 5


def squared_distances(x: Array, y: Array) -> Array:
    """|x_i - y_j|^2, shape (n_x, n_y)."""
    return np.maximum((x**2).sum(axis=1)[:, None] + (y**2).sum(axis=1) - 2 * x @ y.T, 0.0)


def _mean_off_diagonal(matrix: Array) -> float:
    n = len(matrix)
    return float((matrix.sum() - np.trace(matrix)) / (n * (n - 1)))


def mmd(x: Array, y: Array) -> float:
    """Squared MMD; the width of the kernel is the median distance of the two sets together."""
    xx, yy, xy = squared_distances(x, x), squared_distances(y, y), squared_distances(x, y)
    width = float(np.median(xy)) or 1.0
    kernel = [np.exp(-each / width) for each in (xx, yy, xy)]
    return _mean_off_diagonal(kernel[0]) + _mean_off_diagonal(kernel[1]) - 2 * float(kernel[2].mean())


def energy_distance(x: Array, y: Array) -> float:
    """The energy distance, unbiased: 0 on average for one distribution."""
    xx, yy, xy = (np.sqrt(squared_distances(*pair)) for pair in ((x, x), (y, y), (x, y)))
    return 2 * float(xy.mean()) - _mean_off_diagonal(xx) - _mean_off_diagonal(yy)


def sliced_wasserstein(x: Array, y: Array, seed: int) -> float:
    """Mean over random directions of the Wasserstein distance of the projections; sets of one size."""
    n = min(len(x), len(y))
    directions = np.random.default_rng(seed).standard_normal((x.shape[1], N_PROJECTIONS))
    directions /= np.linalg.norm(directions, axis=0)
    return float(np.abs(np.sort(x[:n] @ directions, axis=0) - np.sort(y[:n] @ directions, axis=0)).mean())


def classifier_accuracy(x: Array, y: Array, seed: int) -> float:
    """Accuracy of boosted trees fitted to one half of the rows on the other half."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    rng = np.random.default_rng(seed)
    features = np.concatenate([x, y])
    labels = np.repeat([0, 1], [len(x), len(y)])
    order = rng.permutation(len(labels))
    half = len(order) // 2
    fit = HistGradientBoostingClassifier(max_iter=20, random_state=seed).fit(
        features[order[:half]], labels[order[:half]]
    )
    return float(fit.score(features[order[half:]], labels[order[half:]]))


class Neighbours(NamedTuple):
    """Precision and density: samples within the data; recall and coverage: data within the samples."""

    precision: float
    recall: float
    density: float
    coverage: float


def neighbours(data: Array, samples: Array, k: int = N_NEIGHBOURS) -> Neighbours:
    """From balls around each point that reach to its k-th neighbour of its own kind."""
    radius_data = np.sort(squared_distances(data, data), axis=1)[:, k]
    radius_samples = np.sort(squared_distances(samples, samples), axis=1)[:, k]
    cross = squared_distances(data, samples)
    inside = cross <= radius_data[:, None]
    return Neighbours(
        precision=float(inside.any(axis=0).mean()),
        recall=float((cross <= radius_samples).any(axis=1).mean()),
        density=float(inside.sum(axis=0).mean() / k),
        coverage=float((cross.min(axis=1) <= radius_data).mean()),
    )


def memorisation(samples: Array, train: Array, test: Array) -> float:
    """The fraction of samples that are nearer to ``train`` than to as many rows of ``test``; ties count half."""
    n = min(len(train), len(test))
    to_train, to_test = (squared_distances(samples, each[:n]).min(axis=1) for each in (train, test))
    return float(np.mean(to_train < to_test) + 0.5 * np.mean(to_train == to_test))


class TwoSample(NamedTuple):
    """One test: its value for the model against true data, and for two halves of true data."""

    name: str
    model: float
    data: float


def two_sample_tests(
    samples: Array, train: Array, test: Array, seed: int = 0, features: Callable[[Array], Array] = np.asarray
) -> list[TwoSample]:
    """All tests, of at most 1000 rows each: samples against ``test``, and rows of ``train`` against ``test``.

    features : numbers (n, n_features) of configurations, between which the neighbours of precision, recall, density and
        coverage are sought
    """
    rng = np.random.default_rng(seed)
    n = min(MOST_ROWS, len(samples), len(train) // 2, len(test))
    if n <= N_NEIGHBOURS:
        raise ValueError(f"expected more than {N_NEIGHBOURS} samples, test rows and pairs of training rows, found {n}")
    rows = rng.choice(len(train), 2 * n, replace=False)
    model, true, memory = (
        np.asarray(each, dtype=np.float64) for each in (samples[:n], train[rows[:n]], train[rows[n:]])
    )
    held_out = np.asarray(test, dtype=np.float64)[rng.choice(len(test), n, replace=False)]
    results = []
    for name, test_of in {
        "mmd": lambda x: mmd(x, held_out),
        "energy distance": lambda x: energy_distance(x, held_out),
        "sliced Wasserstein": lambda x: sliced_wasserstein(x, held_out, seed),
        "classifier accuracy": lambda x: classifier_accuracy(x, held_out, seed),
        "nearer to training data": lambda x: memorisation(x, memory, held_out),
    }.items():
        results.append(TwoSample(name, test_of(model), test_of(true)))
    near = features(held_out)
    pairs = zip(Neighbours._fields, neighbours(near, features(model)), neighbours(near, features(true)))
    return [*results, *(TwoSample(*pair) for pair in pairs)]
