"""Data from elsewhere: handwritten digits and arrays."""

from typing import Any

import numpy as np

from generative.datasets.dataset import Dataset, as_numbers, check_configurations, check_labels, find_values

Array = np.ndarray


def digits(binarise: bool = True, test_fraction: float = 0.2, seed: int = 0) -> Dataset:
    """1797 handwritten digits of 8 x 8 pixels (E. Alpaydin, C. Kaynak, UCI repository, 1998), labels 0 to 9.

    Grey values 0 to 16 are divided by 16; with ``binarise``, pixels above half the maximum are 1.
    """
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    x = np.asarray(images, dtype=np.float32) / 16
    x = (x > 0.5).astype(np.float32) if binarise else x
    return from_array(x, labels=labels, test_fraction=test_fraction, seed=seed, shape=(8, 8), name="handwritten digits")


def from_array(
    x: Any,
    *,
    labels: Any = None,
    test_fraction: float = 0.2,
    seed: int = 0,
    shape: tuple[int, ...] | None = None,
    name: str = "array",
) -> Dataset:
    """A data set from an array (n, ...), divided at random into training and test rows.

    What the numbers are ("bits", "spins", "unit" or "real") is found from their values. Raises ``ValueError`` for NaN
    and for arrays without a row for each part.
    """
    x = as_numbers(x, "data")
    if x.ndim < 2:
        raise ValueError(f"expected an array of numbers (n, ...), found shape {x.shape}, dtype {x.dtype}")
    row_shape = x.shape[1:] if shape is None else tuple(shape)
    rows = x.reshape(len(x), -1)
    rows = check_configurations(rows, rows.shape[1], "real", "data")
    n_test = round(test_fraction * len(rows))
    if not 1 <= n_test < len(rows) or int(np.prod(row_shape)) != rows.shape[1]:
        raise ValueError(
            f"expected a test_fraction that leaves rows on both sides and a shape of {rows.shape[1]} numbers, "
            f"got {test_fraction} of {len(rows)} rows and {row_shape}"
        )
    order = np.random.default_rng(seed).permutation(len(rows))
    test, train = np.sort(order[:n_test]), np.sort(order[n_test:])
    y = None if labels is None else check_labels(labels, len(rows))
    train_labels, test_labels = (None, None) if y is None else (y[train], y[test])
    return Dataset(name, rows[train], rows[test], find_values(rows), row_shape, train_labels, test_labels)
