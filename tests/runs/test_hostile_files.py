"""Files that are not results, or pretend to be: one clear error, no memory taken, nothing followed."""

import json
import time
import tracemalloc

import h5py
import numpy as np
import pytest
import walk
from editing import edited

from runs.errors import ResultError
from runs.hdf5 import text
from runs.reading import open_result


@pytest.fixture
def path(born, tmp_path):
    """A good result, to be spoiled."""
    assert walk.EXPERIMENT.name == "random-walk"
    assert born("run random-walk --n-steps 3 --n-measure 2 --out walk.h5")[0] == 0
    return tmp_path / "walk.h5"


def external_link(file):
    del file["state"]
    file["state"] = h5py.ExternalLink("/etc/hostname", "/state")


def soft_link(file):
    del file["trace/energy"]
    file["trace/energy"] = h5py.SoftLink("/state/position")


def reference(file):
    file["state"].create_dataset("link", data=file.ref, dtype=h5py.ref_dtype)


def region(file):
    file["state"].create_dataset("link", data=file["samples/position"].regionref[0:1], dtype=h5py.regionref_dtype)


def compound(file):
    file["state"]["table"] = np.zeros(2, dtype=[("a", float), ("b", int)])


def huge_shape(file):
    file["state"].create_dataset("huge", shape=(2**50,), dtype=float, chunks=(1024,))


def huge_string(file):
    file["state"].create_dataset("huge", shape=(), dtype="S2000000000")


def compressed(file):
    file["state"].create_dataset("bomb", data=np.zeros(2**20), compression="gzip")


def virtual(file):
    layout = h5py.VirtualLayout(shape=(4,), dtype=float)
    layout[:] = h5py.VirtualSource("elsewhere.h5", "x", shape=(4,))
    file["state"].create_virtual_dataset("elsewhere", layout)


def external_storage(file):
    file["state"].create_dataset("raw", shape=(8,), dtype="u1", external=[("/etc/hostname", 0, 8)])


def contains_itself(file):
    file["state/loop"] = file["state"]


def string_behind_a_pointer(file):
    file.attrs["config"] = "{}"


def many_strings(file):
    file["state"].create_dataset("names", data=np.array([b"a", b"b"]))


def null_space(file):
    file["state"]["nothing"] = h5py.Empty("f")


def named_type(file):
    file["state/type"] = np.dtype(float)


def trace_of_two_lengths(file):
    file["trace/more"] = np.zeros(2)


def trace_is_a_number(file):
    del file["trace"]
    file["trace"] = 1.0


def measurement_is_text(file):
    del file["measurement/energy/value"]
    file["measurement/energy/value"] = text("three")


def measurement_without_error(file):
    del file["measurement/energy/error"]


def newer_version(file):
    file.attrs["format_version"] = 99


def other_format(file):
    file.attrs["format"] = text("other")


def no_format(file):
    del file.attrs["format"]


def config_is_a_list(file):
    file.attrs["config"] = text("[1]")


def config_is_not_json(file):
    file.attrs["config"] = text("{" * 10)


def config_is_deep(file):
    file.attrs["config"] = text("[" * 60_000)


def seed_is_an_array(file):
    file.attrs["seed"] = [1, 2]


def seed_is_a_pickle(file):
    file.attrs["seed"] = np.void(b"\x80\x04.")


def status_is_unknown(file):
    file.attrs["status"] = text("done")


SPOILED = {
    external_link: "/state: expected data, found a ExternalLink; links are not followed",
    soft_link: "/trace/energy: expected data, found a SoftLink; links are not followed",
    reference: "/state/link: expected numbers or a string of fixed length, found object",
    region: "/state/link: expected numbers or a string of fixed length, found object",
    compound: "/state/table: expected numbers or a string of fixed length, found",
    huge_shape: "/state/huge: shape (1125899906842624,) claims 9007199254740992 bytes, the file holds 0",
    huge_string: "/state/huge: shape () claims 2000000000 bytes, the file holds 0",
    compressed: "/state/bomb: expected plain storage, found compressed, virtual or external data",
    virtual: "/state/elsewhere: expected plain storage, found compressed, virtual or external data",
    external_storage: "/state/raw: expected plain storage, found compressed, virtual or external data",
    contains_itself: "/state/loop: expected a tree of groups, found one that contains itself",
    string_behind_a_pointer: "expected one number or string of fixed length as attribute 'config'",
    many_strings: "/state/names: expected one string, found an array of shape (2,)",
    null_space: "/state/nothing: expected data, found an empty data set",
    named_type: "/state/type: expected a group or a data set, found a Datatype",
    trace_of_two_lengths: "/trace/more: expected a column as long as step, found shape (2,)",
    trace_is_a_number: "/trace: expected a group, found a data set",
    measurement_is_text: "/measurement/energy: expected numbers named value and error",
    measurement_without_error: "/measurement/energy: expected numbers named value and error",
    newer_version: "expected format version 1 to 1, found 99; a newer Born reads it",
    other_format: "expected the format 'born-result', found 'other'",
    no_format: "expected the attribute 'format', not found",
    config_is_a_list: "expected a JSON dict in the attribute 'config', found list",
    config_is_not_json: "expected JSON in the attribute 'config'",
    config_is_deep: "expected JSON in the attribute 'config'",
    seed_is_an_array: "expected one number or string of fixed length as attribute 'seed'",
    seed_is_a_pickle: "expected one number or string of fixed length as attribute 'seed'",
    status_is_unknown: "expected a status among running, interrupted, finished, failed, diverged, found 'done'",
}


@pytest.mark.parametrize("spoil", SPOILED, ids=lambda spoil: spoil.__name__)
def test_a_spoiled_result_is_refused_by_name(spoil, path, born):
    with edited(path) as file:
        spoil(file)
    with pytest.raises(ResultError) as caught:
        open_result(path)
    assert SPOILED[spoil] in str(caught.value)
    for command in ("show", "report", "plot", "resume"):
        status, _, errors = born(f"{command} walk.h5")
        assert status == 2
        assert len(errors.splitlines()) == 1


@pytest.mark.parametrize(
    "contents", [b"", b"not HDF5 at all", b"\x89HDF\r\n\x1a\n", b"\x89HDF\r\n\x1a\n" + bytes(4096)]
)
def test_a_foreign_file_is_refused(contents, tmp_path, born):
    path = tmp_path / "foreign.h5"
    path.write_bytes(contents)
    with pytest.raises(ResultError, match="expected a complete HDF5 file, found a damaged or foreign one"):
        open_result(path)
    status, _, errors = born("run random-walk --overwrite --out foreign.h5")
    assert (status, "it will not be replaced" in errors) == (2, True)
    assert path.read_bytes() == contents


def test_hdf5_without_checksums_is_refused(tmp_path):
    """The older layout of HDF5 can be damaged so that the library loops for ever or takes all memory."""
    with h5py.File(tmp_path / "old.h5", "w", libver="earliest") as file:
        file.attrs["format"] = text("born-result")
    with pytest.raises(ResultError, match=r"it does not begin as HDF5 1\.10 does"):
        open_result(tmp_path / "old.h5")


def test_no_file_and_a_directory(tmp_path):
    with pytest.raises(ResultError, match="expected a result file, found none"):
        open_result(tmp_path / "none.h5")
    with pytest.raises(ResultError, match="expected a result file, found a directory"):
        open_result(tmp_path)


@pytest.mark.parametrize("part", range(10))
def test_a_truncated_file_is_refused(part, path):
    contents = path.read_bytes()
    path.write_bytes(contents[: len(contents) * part // 10])
    with pytest.raises(ResultError):
        open_result(path)


def test_damaged_bytes_give_a_result_or_one_error(path):
    """Every one of 150 files with a few random bytes replaced either opens or is refused as damaged."""
    contents, generator = path.read_bytes(), np.random.default_rng(3)
    refusals = []
    for _ in range(150):
        damaged = bytearray(contents)
        for position in generator.integers(len(contents) // 8, size=4):  # where the structure of the file lies
            damaged[position] = generator.integers(256)
        path.write_bytes(damaged)
        try:
            open_result(path)
        except ResultError as error:
            refusals.append(str(error))
    assert len(refusals) > 15
    assert all(refusal.startswith(str(path)) for refusal in refusals)


def hard_links(file):
    file["state/big"] = np.zeros(2**17)
    for k in range(400):
        file[f"state/big_{k}"] = file["state/big"]


def many_links(file):
    leaf = file["state/step"]
    for k in range(100_000):
        file[f"state/link_{k}"] = leaf


AMPLIFIED = {
    hard_links: "expected no more data than the file has bytes, found the same bytes again",
    many_links: "/state: expected at most 20000 groups and data sets in a file",
}


@pytest.mark.parametrize("spoil", AMPLIFIED, ids=lambda spoil: spoil.__name__)
def test_a_file_gives_no_more_than_it_holds(spoil, path):
    """400 links to a megabyte, and 100000 links: refused in less than a second, without the memory they claim."""
    with edited(path) as file:
        spoil(file)
    tracemalloc.start()
    began = time.process_time()
    with pytest.raises(ResultError, match=AMPLIFIED[spoil]):
        open_result(path)
    seconds, (_, peak) = time.process_time() - began, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert seconds < 5
    assert peak < 2 * path.stat().st_size + 2**20


def test_a_file_that_is_mostly_holes_is_refused(path):
    """3 GB that are nowhere on the disk, as the storage of one data set."""
    with h5py.File(path, "r+", libver=("v110", "v110")) as file:
        properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        properties.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
        properties.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
        space = h5py.h5s.create_simple((3 * 2**27,))
        h5py.h5d.create(file["state"].id, b"sparse", h5py.h5t.NATIVE_DOUBLE, space, properties)
    assert path.stat().st_size > 3 * 2**30
    with pytest.raises(ResultError, match="bytes, which are not all there"):
        open_result(path)


def test_a_flipped_bit_of_an_array_is_noticed(path):
    """Not in the metadata, which HDF5 looks after: in the numbers, wherever they lie, and in the checksum."""
    contents = path.read_bytes()
    (at,) = (h5py.File(path)["state/position"].id.get_offset(),)
    for position in (at, at + 63, len(contents) - 1, len(contents) - 70):
        damaged = bytearray(contents)
        damaged[position] ^= 16
        path.write_bytes(damaged)
        with pytest.raises(ResultError, match=r"the file is damaged|another program changed the file"):
            open_result(path)


def test_a_file_that_another_program_changed_is_not_believed(path):
    with h5py.File(path, "r+", libver=("v110", "v110")) as file:
        position = file["state/position"]
        assert isinstance(position, h5py.Dataset)
        position[0] = 1.0
    with pytest.raises(ResultError, match="expected its checksum at the end, found none: another program changed"):
        open_result(path)


COMMANDS = "\x1b]0;owned\x07\x1b[31m\nenergy 3.0 +- 0.0 | <script>x</script> ![x](http://x) `x` \u202e"


def test_text_in_a_file_commands_neither_terminal_nor_report(path, born):
    """Names, units, warnings, notes, versions and configuration with escapes, Markdown and HTML in them."""
    with edited(path) as file:
        for name in ("failure", "created", "experiment"):
            file.attrs[name] = text(COMMANDS)
        file.attrs["config"] = text(json.dumps({COMMANDS: COMMANDS}))
        file.attrs["versions"] = text(json.dumps({COMMANDS: COMMANDS}))
        file.attrs["references"] = text(json.dumps({COMMANDS: [1.0, 0.1, COMMANDS]}))
        for name in ("warnings", "notes"):
            file.attrs[name] = text(json.dumps([COMMANDS]))
        file["measurement/energy"].attrs["unit"] = text(COMMANDS)
        file.copy("measurement/energy", "measurement/" + COMMANDS.replace("/", " "))
        file.copy("trace/energy", "trace/" + COMMANDS.replace("/", " "))
    lines = {}
    for command in ("show", "report"):
        status, output, errors = born(f"{command} walk.h5")
        assert (status, errors) == (0, "")
        assert all(c.isprintable() or c == "\n" for c in output)
        lines[command] = output.splitlines()
    assert not any(line.startswith("energy 3.0") for line in lines["show"] + lines["report"])
    markup = [line for line in lines["report"] if "script" in line and not line.startswith("    ")]
    assert markup
    assert not any("<" in line or "![" in line.replace("!\\[", "") or " `" in line for line in markup)
    assert {line.replace("\\|", "").count("|") for line in markup if line.startswith("|")} == {3, 4, 10}
    assert born("plot walk.h5 a.png")[0] == 0


def test_contents_that_do_not_fit_together_are_one_line(path, born):
    """A configuration or arrays that the picture of the experiment cannot use, numbers that cannot be formatted."""
    with edited(path) as file:
        file.attrs["experiment"] = text("heisenberg-chain")
        file.attrs["config"] = text(json.dumps({"length": 100_000}))
        del file["measurement/energy/tau"]
        file["measurement/energy/tau"] = text("9" * 400)
        h5write(file["measurement/energy/tau"], "integer")
    for command in ("show", "report", "plot", "resume"):
        status, _, errors = born(f"{command} walk.h5")
        assert (status, len(errors.splitlines())) == (2, 1)


def h5write(dataset, kind):
    dataset.attrs["kind"] = text(kind)
