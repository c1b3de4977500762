"""Data files of others: refused in one line, nothing followed, no memory taken; files of our own, with checksums."""

import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from generative import datasets
from generative.datasets.storage import opened
from montecarlo.lattices import Graph, Square

ROWS = np.random.default_rng(0).integers(0, 2, (40, 9))
CYCLE = Graph([(0, 1), (1, 2), (2, 3), (3, 0)])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A good file of bits with labels and an Ising target, to be spoiled."""
    data = datasets.from_array(ROWS, labels=np.arange(40), shape=(3, 3))
    datasets.save(replace(data, targets=(datasets.IsingTarget(Square(3), 2.0),)), tmp_path / "bits.h5")
    return tmp_path / "bits.h5"


def compressed(file: Any) -> None:
    del file["train"]
    file.create_dataset("train", shape=(800_000, 1000), dtype="f8", chunks=(1000, 1000), compression="gzip")


def never_written(file: Any) -> None:
    del file["train"]
    file.create_dataset("train", shape=(2**40, 9), dtype="u1", chunks=(1024, 9))


def external_storage(file: Any) -> None:
    del file["train"]
    file.create_dataset("train", shape=(1, 9), dtype="u1", external=[("/etc/hostname", 0, 9)])


def virtual(file: Any) -> None:
    del file["train"]
    layout = h5py.VirtualLayout(shape=(4, 9), dtype=float)
    layout[:] = h5py.VirtualSource("elsewhere.h5", "x", shape=(4, 9))
    file.create_virtual_dataset("train", layout)


def external_link(file: Any) -> None:
    del file["train"]
    file["train"] = h5py.ExternalLink("/etc/hostname", "/train")


def soft_link(file: Any) -> None:
    del file["test"]
    file["test"] = h5py.SoftLink("/train")


def external_labels(file: Any) -> None:
    del file["train_labels"]
    file.create_dataset("train_labels", shape=(32,), dtype="u1", external=[("/etc/hostname", 0, 32)])


def words(file: Any) -> None:
    del file["train"]
    file["train"] = np.full((4, 9), b"word")


def pointers(file: Any) -> None:
    del file["train"]
    file.create_dataset("train", shape=(4, 9), dtype=h5py.ref_dtype)


def a_group(file: Any) -> None:
    del file["train"]
    file.create_group("train/deep")


def false_values(file: Any) -> None:
    file.attrs["values"] = np.bytes_("spins")


def unknown_values(file: Any) -> None:
    file.attrs["values"] = np.bytes_("trits")


def values_of_arrays(file: Any) -> None:
    file.attrs["values"] = np.zeros(3)


def labels_of_other_rows(file: Any) -> None:
    del file["train_labels"]
    file["train_labels"] = np.arange(31)


def a_huge_lattice(file: Any) -> None:
    file["targets/0/lattice/extent"][:] = 2**30


def negative_temperature(file: Any) -> None:
    file["targets/0"].attrs["temperature"] = -1.0


def no_temperature(file: Any) -> None:
    del file["targets/0"].attrs["temperature"]


def a_target_in_itself(file: Any) -> None:
    del file["targets/0/lattice"]
    file["targets/0/lattice"] = file["targets/0"]


SPOILERS = {
    compressed: "compressed.*h5repack",
    never_written: "found 0 of the",
    external_storage: "in another one",
    virtual: "virtual",
    external_link: "ExternalLink; links are not followed",
    soft_link: "SoftLink; links are not followed",
    external_labels: "in another one",
    words: "expected numbers at 'train'",
    pointers: "expected numbers at 'train'",
    a_group: "expected numbers at 'train'",
    false_values: r"rows of 'train' made of -1 and \+1, found 0 and 1",
    unknown_values: "'values' among bits, spins, unit, real, found 'trits'",
    values_of_arrays: "a number or a text of fixed length .* .values",
    labels_of_other_rows: r"each of 32 rows, found shape \(31,\)",
    a_huge_lattice: "expected a lattice of 9 sites",
    negative_temperature: "temperature > 0",
    no_temperature: "damaged or foreign",
    a_target_in_itself: "damaged or foreign",
}


@pytest.mark.parametrize("spoil", SPOILERS, ids=lambda spoil: spoil.__name__)
def test_a_strangers_file_is_refused_in_one_line(path: Path, spoil: Any) -> None:
    with h5py.File(path, "r+") as file:
        spoil(file)
    tracemalloc.start()
    with pytest.raises(ValueError, match=SPOILERS[spoil]) as caught:
        datasets.from_hdf5(path)
    assert tracemalloc.get_traced_memory()[1] < 2**26
    tracemalloc.stop()
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_damaged_pointer_to_a_text_is_not_followed(path: Path) -> None:
    """A heap with an object of a wrong size, in which HDF5 loops for ever: texts in heaps have no checksum."""
    with h5py.File(path, "r+") as file:
        file.attrs["values"], file.attrs["name"] = "bits", "of variable length"
    contents = bytearray(path.read_bytes())
    heap = contents.rfind(b"GCOL")
    contents[heap + 24 : heap + 32] = (1000).to_bytes(8, "little")  # the size of the first object
    path.write_bytes(contents)
    with pytest.raises(ValueError, match=r"fixed length .* 'values' of /, found one of variable length"):
        datasets.from_hdf5(path)


def test_a_name_of_variable_length_is_that_of_the_file(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        file.attrs["name"] = "a name"
    assert datasets.from_hdf5(path).name == "bits.h5"


def test_texts_of_any_length_are_kept(tmp_path: Path) -> None:
    data = replace(datasets.from_array(ROWS), name="Ising, β = ½")
    datasets.save(data, tmp_path / "own.h5")
    assert datasets.from_hdf5(tmp_path / "own.h5").name == data.name
    assert b"GCOL" not in (tmp_path / "own.h5").read_bytes()


def test_a_graph_is_as_large_as_a_row(tmp_path: Path) -> None:
    data = replace(datasets.from_array(np.ones((8, 4))), targets=(datasets.IsingTarget(CYCLE, 1.0),))
    datasets.save(data, tmp_path / "cycle.h5")
    assert datasets.from_hdf5(tmp_path / "cycle.h5") == replace(data, name="array")
    with h5py.File(tmp_path / "cycle.h5", "r+") as file:
        file["targets/0/lattice"].attrs["n_sites"] = 10**9
    with pytest.raises(ValueError, match="a graph of 4 sites"):
        datasets.from_hdf5(tmp_path / "cycle.h5")


def test_many_names_of_one_array_are_read_once(path: Path) -> None:
    """2000 targets that share one lattice of a hundred kilobytes."""
    with h5py.File(path, "r+") as file:
        lattice: Any = file["targets/0/lattice"]
        lattice.attrs["name"], lattice.attrs["n_sites"] = np.bytes_("Graph"), 9
        lattice["edges"], lattice["symmetries"] = [[0, 1]], np.tile(np.arange(9), (2000, 1))
        for k in range(1, 2000):
            file[f"targets/{k}"] = file["targets/0"]
    with pytest.raises(ValueError, match="read once"):
        datasets.from_hdf5(path)


def test_false_values_are_found_where_they_are_read(path: Path) -> None:
    """Beyond the first thousand rows, which tell what the others should be."""
    with h5py.File(path, "r+") as file:
        del file["train"], file["train_labels"]
        rows = np.zeros((1500, 3, 3), np.uint8)
        rows[1200, 1, 1] = 7
        file["train"] = rows
    data = datasets.from_hdf5(path)
    assert data.train[:1000].sum() == 0
    with pytest.raises(ValueError, match="rows of 'train' made of 0 and 1"):
        data.train[1100:1300]


def test_rows_of_small_integers_are_numbers_to_calculate_with(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "bits.h5", "w") as file:
        file["train"], file["test"] = ROWS.astype(np.uint8), ROWS[:5].astype(bool)
    data = datasets.from_hdf5(tmp_path / "bits.h5")
    assert data.train[[3, 1]].dtype == np.float32
    np.testing.assert_array_equal(2 * data.train[:] - 1, 2 * ROWS - 1)
    np.testing.assert_array_equal(data.as_spins().test, 2 * ROWS[:5] - 1)


def test_training_and_test_rows_are_of_the_wider_kind(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "grey.h5", "w") as file:
        file["train"], file["test"] = ROWS / 2, ROWS[:5]
    assert datasets.from_hdf5(tmp_path / "grey.h5").values == "unit"


@pytest.mark.parametrize("name", ["nothing.h5", "."])
def test_what_is_no_file_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(FileNotFoundError, match="expected an HDF5 file"):
        datasets.from_hdf5(tmp_path / name)


def test_text_is_no_data_file(tmp_path: Path) -> None:
    (tmp_path / "text.h5").write_text("not data")
    with pytest.raises(ValueError, match="complete HDF5 file"):
        datasets.from_hdf5(tmp_path / "text.h5")


def test_numbers_are_stored_with_checksums(path: Path) -> None:
    """The first byte of the configurations, changed in place, is found out as soon as it is read."""
    with h5py.File(path, "r") as file:
        start = file["train"].id.get_chunk_info(0).byte_offset
    content = bytearray(path.read_bytes())
    content[start] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match="damaged"):
        datasets.from_hdf5(path)


def test_a_damaged_file_is_read_as_it_was_or_refused(path: Path) -> None:
    """500 files of which bytes were changed, cut, or repeated: none gives other numbers."""
    good, rng = path.read_bytes(), np.random.default_rng(1)
    expected = [np.asarray(each) for each in everything(path)]
    n_refused = n_same = 0
    for _ in range(500):
        content, where = bytearray(good), int(rng.integers(len(good)))
        if rng.random() < 0.8:
            content[where] ^= int(rng.integers(1, 256))
        elif rng.random() < 0.5:
            del content[where:]
        else:
            content[where:where] = content[: int(rng.integers(1, 64))]
        path.write_bytes(content)
        try:
            found = everything(path)
        except ValueError as error:
            n_refused += "\n" not in str(error)
        else:
            n_same += all(np.array_equal(a, b) for a, b in zip(found, expected, strict=True))
    assert n_refused + n_same == 500
    assert n_refused > 50


def everything(path: Path) -> list[Any]:
    data = datasets.from_hdf5(path)
    numbers = [data.train, data.test, data.train_labels, data.test_labels]
    return [*map(np.asarray, numbers), *(target.temperature for target in data.targets)]


def test_many_small_parts_may_be_read_as_often_as_there_are_bytes(path: Path) -> None:
    with opened(str(path)) as source:
        source.array("train_labels")
        source.n_bytes = 1
        with pytest.raises(ValueError, match="read once"):
            source.array("train_labels")
