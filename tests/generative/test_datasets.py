"""Digits, arrays and files as data sets, and the messages for data that a model cannot represent."""

import copy
import pickle
from dataclasses import replace

import h5py
import numpy as np
import pytest
import torch

from generative import BernoulliRBM, datasets
from generative.datasets import Dataset
from generative.datasets.dataset import check_configurations
from montecarlo.lattices import Chain, Graph, Kagome, Square, Triangular


def test_digits_are_the_images_of_scikit_learn():
    data = datasets.digits()
    assert len(data.train) + len(data.test) == 1797
    assert data.values == "bits"
    assert data.shape == (8, 8)
    grey = datasets.digits(binarise=False, seed=0)
    assert grey.values == "unit"
    assert grey.train.max() == 1.0
    np.testing.assert_array_equal(data.train, grey.train > 0.5)
    assert data.train_labels is not None
    assert set(np.unique(data.train_labels)) == set(range(10))


def test_rows_of_an_array_are_split_without_loss():
    x = np.arange(60.0).reshape(20, 3)
    data = datasets.from_array(x, labels=np.arange(20), test_fraction=0.25, seed=1)
    assert data.train_labels is not None
    assert data.test_labels is not None
    assert len(data.test) == 5
    np.testing.assert_array_equal(np.sort(np.r_[data.train_labels, data.test_labels]), np.arange(20))
    np.testing.assert_array_equal(data.train, x[data.train_labels])


def test_a_saved_data_set_is_read_back_lazily(tmp_path):
    data = datasets.digits()
    datasets.save(data, tmp_path / "digits.h5")
    again = datasets.from_hdf5(tmp_path / "digits.h5")
    assert not isinstance(again.train, np.ndarray)
    assert again.values == "bits"
    assert again.shape == (8, 8)
    np.testing.assert_array_equal(np.asarray(again.test), data.test)
    np.testing.assert_array_equal(again.train[[5, 2, 2]], data.train[[5, 2, 2]])
    np.testing.assert_array_equal(check_configurations(again.train, 64, "bits"), data.train)
    np.testing.assert_array_equal(again.train_labels, data.train_labels)
    np.testing.assert_array_equal(again.test_labels, data.test_labels)
    np.testing.assert_array_equal(again.as_spins().train, data.as_spins().train)


@pytest.mark.parametrize("dtype", [bool, np.int8, np.uint8, np.int64, np.float16, np.float32, np.float64])
@pytest.mark.parametrize("make", [np.asarray, torch.as_tensor, lambda x: x.tolist()])
def test_arithmetic_does_not_depend_on_how_numbers_are_stored(dtype, make):
    bits = np.array([[0, 1], [1, 1]])
    data = Dataset("bits", make(bits.astype(dtype)), make(bits.astype(dtype)), "bits", (2,))
    assert data.train.dtype in (np.float32, np.float64)
    np.testing.assert_array_equal(data.as_spins().train, [[-1, 1], [1, 1]])
    np.testing.assert_array_equal(data.as_spins().as_bits().test, bits)
    found = datasets.from_array(make(bits.astype(dtype)), test_fraction=0.5)
    np.testing.assert_array_equal(np.sort(np.concatenate([found.train, found.test]), axis=0), np.sort(bits, axis=0))


def test_spins_of_eight_bits_become_bits():
    data = Dataset("spins", np.array([[-1, 1]], np.int8), np.array([[1, 1]], np.int8), "spins", (2,))
    np.testing.assert_array_equal(data.as_bits().train, [[0, 1]])


def test_large_integers_keep_their_digits():
    x = np.array([[2**24 + 1, 0], [-(2**24) - 3, 2]])
    np.testing.assert_array_equal(check_configurations(x, 2, "real"), x)


def test_data_sets_are_compared_copied_and_sent_to_other_processes():
    data = datasets.ising((3, 3), 2.5, 100, seed=1)
    for twin in (copy.copy(data), copy.deepcopy(data), pickle.loads(pickle.dumps(data)), replace(data)):
        assert twin == data
    assert data != datasets.ising((3, 3), 2.5, 100, seed=2)
    assert data != replace(data, train_labels=None)
    assert data != replace(data, targets=(datasets.IsingTarget(Square(3, periodic=False), 2.5),))
    assert data != "data"


def test_a_data_set_is_one_line_and_prints_the_evidence():
    data = datasets.ising((3, 3), 2.5, 100, seed=1)
    assert repr(data) == f"Dataset({data.name}: 80 for training, 20 for testing, shape (3, 3), bits)"
    assert "independent" in str(data)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (dict(values="trits"), "values among bits, spins, unit, real, got 'trits'"),
        (dict(values="spins"), "train made of -1 and .1, found 0 and 1"),
        (dict(shape=(3,)), r"train of shape \(n, 3\)"),
        (dict(train_labels=np.zeros(3)), r"each of 4 rows, found shape \(3,\)"),
        (dict(test_labels=["a", "b"]), "test_labels as an array of numbers"),
    ],
)
def test_data_sets_that_do_not_fit_together(fields, message):
    with pytest.raises(ValueError, match=message):
        Dataset(**(dict(name="x", train=np.eye(4)[:, :2], test=np.eye(2), values="bits", shape=(2,)) | fields))


def test_a_label_that_is_missing():
    with pytest.raises(ValueError, match=r"each of 500 rows, found shape \(499,\)"):
        datasets.from_array(np.zeros((500, 2)), labels=np.zeros(499))


LOADER = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.zeros(4, 2)), batch_size=2)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (LOADER, "found a DataLoader: take all rows as one array"),
        (LOADER.dataset, "found a TensorDataset: take all rows as one array"),
        (datasets.from_array(np.eye(4)[:, :2]), "take data.train"),
        ([[0, 1], [1]], "as an array of numbers, found a list"),
        (np.zeros((3, 2), complex), "dtype complex128"),
        ("bits", "found a str"),
        (None, "found a NoneType"),
    ],
)
def test_what_is_no_array_of_numbers_is_named(x, message):
    with pytest.raises(ValueError, match=message):
        check_configurations(x, 2, "bits")


LATTICES = [
    Chain(5),
    Square(3, 4, periodic=(True, False)),
    Triangular(3),
    Kagome(2, periodic=False),
    Graph([(0, 1), (1, 2), (2, 3), (3, 0)], symmetries=np.array([[0, 1, 2, 3], [1, 2, 3, 0]])),
]


@pytest.mark.parametrize("lattice", LATTICES, ids=repr)
def test_exact_distributions_of_spins_are_kept(tmp_path, lattice):
    spins = np.random.default_rng(2).choice([-1.0, 1.0], (20, lattice.n_sites))
    targets = tuple(datasets.IsingTarget(lattice, t, 0.7) for t in (1.5, 2.5))
    datasets.save(replace(datasets.from_array(spins), targets=targets), tmp_path / "spins.h5")
    again = datasets.from_hdf5(tmp_path / "spins.h5")
    assert len(again.targets) == 2
    for target, found in zip(targets, again.targets):
        np.testing.assert_array_equal(found.log_weight(spins), target.log_weight(spins))
        np.testing.assert_array_equal(found.lattice.symmetries, lattice.symmetries)
        assert found.exact() == target.exact()


def test_the_exact_density_of_points_is_kept(tmp_path):
    data = datasets.gaussian_ring(100, n_modes=5, sigma=0.2)
    datasets.save(data, tmp_path / "ring.h5")
    assert datasets.from_hdf5(tmp_path / "ring.h5").targets == data.targets


def test_an_unknown_target_is_named(tmp_path):
    datasets.save(datasets.gaussian_ring(100), tmp_path / "ring.h5")
    with h5py.File(tmp_path / "ring.h5", "r+") as file:
        file["targets/0"].attrs["kind"] = np.bytes_("disc")
    with pytest.raises(ValueError, match="ising or ring in /targets/0, found 'disc'"):
        datasets.from_hdf5(tmp_path / "ring.h5")


def test_a_file_without_the_data_names_what_it_has(tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["images"] = np.zeros((3, 2))
    with pytest.raises(ValueError, match=r"'train'.*images"):
        datasets.from_hdf5(tmp_path / "other.h5")


@pytest.mark.parametrize(
    ("x", "values", "message"),
    [
        (np.array([[1.0, -1.0]]), "bits", "as_bits"),
        (np.array([[1.0, 0.0]]), "spins", "as_spins"),
        (np.array([[0.2, 0.0]]), "bits", "x > 0.5"),
        (np.array([[3.0, 0.0]]), "unit", "rescale"),
        (np.array([[3.0, 0.0]]), "bits", "x > threshold; their range is 0 to 3"),
        (np.array([[0.2, 0.0]]), "spins", "2 \\(x > 0.5\\) - 1"),
        (np.array([[3.0, 0.0]]), "spins", "2 \\(x > threshold\\) - 1; their range is 0 to 3"),
        (np.array([[1.0, -1.0]]), "unit", "as_bits"),
        (np.array([[np.nan, 0.0]]), "real", "NaN"),
        (np.zeros((3, 4)), "bits", "shape"),
        (np.zeros((3, 1, 2)), "bits", "reshape"),
        (np.array([["a", "b"]]), "bits", "array of numbers"),
    ],
)
def test_messages_say_how_to_convert(x, values, message):
    with pytest.raises(ValueError, match=message):
        check_configurations(x, 2, values)


@pytest.mark.parametrize("fraction", [0.0, 1.0])
def test_a_split_leaves_rows_on_both_sides(fraction):
    with pytest.raises(ValueError, match="both sides"):
        datasets.from_array(np.zeros((10, 2)), test_fraction=fraction)


@pytest.mark.parametrize(
    "make",
    [
        lambda: datasets.ising((4, 4), 2.0, 10**12, seed=0),
        lambda: datasets.ising((4, 4), 2.0, 100, seed=0, n_chains=10**9),
        lambda: datasets.ising(10**6, 2.0, 100, seed=0),
        lambda: datasets.moons(10**12),
        lambda: datasets.gaussian_ring(10**12),
        lambda: datasets.pendulum_frames(10**9),
        lambda: BernoulliRBM(10**6, 10**6, seed=0),
    ],
)
def test_what_no_memory_holds_is_refused_before_it_is_made(make):
    with pytest.raises(ValueError, match=r"expected what fits into .* GiB of memory, found .*: take "):
        make()


def test_rings_have_a_number_of_modes():
    with pytest.raises(ValueError, match="expected 1 to 1000000 modes, got 0"):
        datasets.gaussian_ring(10, n_modes=0)


@pytest.mark.parametrize("temperature", [1e-300, 1e300])
def test_spins_at_extreme_temperatures(temperature):
    data = datasets.ising((4, 4), temperature, 1000, seed=0, values="spins")
    m = np.abs(data.train.mean(axis=1))
    assert np.all(m == 1.0) if temperature < 1 else abs(m.mean() - 0.196) < 0.03  # C(16, 8) / 2^16 = 0.196
