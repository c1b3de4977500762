"""Data from elsewhere: handwritten digits, arrays, and HDF5 files."""

import os
from typing import Any

import numpy as np

from generative.datasets.dataset import Dataset, check_configurations, find_values

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
    x = np.asarray(x)
    if x.ndim < 2 or x.dtype.kind not in "biuf":
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
    y = None if labels is None else np.asarray(labels)
    if y is not None and y.shape != (len(rows),):
        raise ValueError(f"expected one label for each of {len(rows)} rows, got shape {y.shape}")
    train_labels, test_labels = (None, None) if y is None else (y[train], y[test])
    return Dataset(name, rows[train], rows[test], find_values(rows), row_shape, train_labels, test_labels)


class Rows:
    """Rows of a data set in an HDF5 file, read when they are asked for; ``numpy.asarray`` reads all of them."""

    def __init__(self, path: str, name: str) -> None:
        import h5py

        self.path, self.name = path, name
        with h5py.File(path, "r") as file:
            found = file.get(name)
            if not isinstance(found, h5py.Dataset) or found.ndim < 2:
                raise ValueError(f"expected a data set {name!r} of shape (n, ...) in {path}, found {list(file)}")
            self.shape, self.dtype = (len(found), int(np.prod(found.shape[1:]))), found.dtype
            self.row_shape = found.shape[1:]
            self.ndim = 2

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Any) -> Array:
        import h5py

        with h5py.File(self.path, "r") as file:
            data: Any = file[self.name]
            if not isinstance(rows, np.ndarray | list):
                return np.asarray(data[rows]).reshape(-1, self.shape[1])
            unique, inverse = np.unique(np.asarray(rows), return_inverse=True)  # HDF5 wants increasing indices
            return data[unique].reshape(-1, self.shape[1])[inverse]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return self[:].astype(dtype or self.dtype)


def from_hdf5(path: str | os.PathLike[str], train: str = "train", test: str = "test") -> Dataset:
    """The data sets ``train`` and ``test``, each (n, ...), of an HDF5 file; only a few rows are read now.

    What the numbers are is taken from the attribute ``values`` where ``save`` wrote it, otherwise from the first 1000
    rows; labels are ``train_labels`` and ``test_labels``, if the file has them. Raises ``ValueError`` when the names
    are not there.
    """
    import h5py

    rows: Any = [Rows(os.fspath(path), name) for name in (train, test)]
    if rows[0].row_shape != rows[1].row_shape:
        raise ValueError(f"expected training and test rows of one shape, found {[each.row_shape for each in rows]}")
    with h5py.File(path, "r") as file:
        values = str(file.attrs.get("values", "")) or find_values(rows[0][:1000])
        name = str(file.attrs.get("name", os.path.basename(path)))
        of_train, of_test = (_labels(file, f"{part}_labels", len(own)) for part, own in zip((train, test), rows))
    return Dataset(name, rows[0], rows[1], values, tuple(rows[0].row_shape), of_train, of_test)


def _labels(file: Any, name: str, n_rows: int) -> Array | None:
    if name not in file:
        return None
    if file[name].shape != (n_rows,):
        raise ValueError(f"expected one number of {name!r} for each of {n_rows} rows, found shape {file[name].shape}")
    return file[name][:]


def save(data: Dataset, path: str | os.PathLike[str]) -> None:
    """Write the configurations and labels of a data set into a new HDF5 file that ``from_hdf5`` reads."""
    import h5py

    with h5py.File(path, "x") as file:
        file.attrs.update({"name": data.name, "values": data.values})
        for part, rows in (("train", data.train), ("test", data.test)):
            file[part] = np.asarray(rows).reshape(len(rows), *data.shape)
        for part, labels in (("train_labels", data.train_labels), ("test_labels", data.test_labels)):
            if labels is not None:
                file[part] = labels
