"""What a command may write over, and what becomes of a run whose display dies."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import walk

from runs.reading import open_result
from runs.store import temporary_name

FAST = "run random-walk --n-steps 3 --n-measure 2"
WALK = [sys.executable, walk.__file__]


@pytest.fixture
def path(born, tmp_path):
    assert born(f"{FAST} --out walk.h5")[0] == 0
    return tmp_path / "walk.h5"


@pytest.mark.parametrize("line", ["report walk.h5 walk.h5", "report walk.h5 copy.h5", "plot walk.h5 copy.h5"])
@pytest.mark.parametrize("flag", ["", " --overwrite"])
def test_nothing_is_written_over_a_result(line, flag, born, path):
    copy = path.with_name("copy.h5")
    copy.write_bytes(path.read_bytes()[:40_000])  # even a damaged one
    before = path.read_bytes(), copy.read_bytes()
    status, _, errors = born(line + flag)
    assert status == 2
    assert "holds a result" in errors or "expected a name that ends with .png" in errors
    assert (path.read_bytes(), copy.read_bytes()) == before


def test_a_result_that_is_called_like_its_picture_stays(born, path):
    before = path.rename(path.with_name("x.png")).read_bytes()
    status, _, errors = born("plot x.png")
    assert (status, "holds a result, which is never replaced" in errors) == (2, True)
    assert path.with_name("x.png").read_bytes() == before


@pytest.mark.parametrize(("line", "name"), [("report walk.h5 a.md", "a.md"), ("plot walk.h5", "walk.png")])
def test_another_file_is_replaced_only_when_told(line, name, born, path):
    other = path.with_name(name)
    other.write_text("mine")
    status, _, errors = born(line)
    assert (status, "choose another name, or replace it with --overwrite" in errors) == (2, True)
    assert other.read_text() == "mine"
    assert born(f"{line} --overwrite")[0] == 0
    assert other.read_bytes() != b"mine"


def test_devices_and_links_to_results_are_not_replaced(born, path):
    path.with_name("link.md").symlink_to(path)
    before = path.read_bytes()
    for name in ("/dev/null", "link.md", "."):
        assert born(f"report walk.h5 {name} --overwrite")[0] == 2
    assert path.read_bytes() == before
    assert not Path("/dev/null").is_file()


def test_permissions_stay_when_a_file_is_replaced(born, path):
    path.chmod(0o600)
    assert born(f"{FAST} --out walk.h5 --overwrite --checkpoint 0")[0] == 0
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o664)
    assert born("resume walk.h5 --n-steps 5")[0] == 0
    assert path.stat().st_mode & 0o777 == 0o664


def test_a_link_at_the_temporary_name_is_not_written_through(born, path):
    mine = path.with_name("mine")
    mine.write_text("mine")
    temporary_name(path).symlink_to(mine)
    assert born(f"{FAST} --out walk.h5 --overwrite")[0] == 0
    assert mine.read_text() == "mine"


def test_a_pipe_is_not_waited_for(born, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for line in ("show pipe", "plot pipe", "resume pipe", f"{FAST} --out pipe"):
        status, _, errors = born(line)
        assert (status, "expected a result file, found a pipe or a device" in errors) == (2, True)


def test_a_refused_run_leaves_no_directory(born, tmp_path):
    assert born("run quantum-dot --n-particles 3 --wavefunction rbm")[0] == 2
    assert born("resume none/none.h5")[0] == 2
    assert os.listdir(tmp_path) == []


def test_a_toml_file_may_begin_with_a_byte_order_mark(born, tmp_path):
    (tmp_path / "walk.toml").write_bytes(b"\xef\xbb\xbfn_steps = 2\n")
    assert born("run random-walk --config walk.toml --out walk.h5")[0] == 0
    assert open_result(tmp_path / "walk.h5").n_steps == 2


def shell(command: str, directory: Path) -> tuple[str, str]:
    """What a shell prints; ``born`` stands for the command."""
    line = command.replace("born", " ".join(WALK))
    done = subprocess.run(["bash", "-c", line], cwd=directory, capture_output=True, text=True, timeout=60)
    return done.stdout, done.stderr


@pytest.mark.parametrize("redirected", ["{} >/dev/full", "{} >&-", "{} >&- 2>&- <&-", "({}) | true"])
def test_a_run_survives_its_display(redirected, tmp_path):
    """No space, closed streams, a reader that went away: the run is done all the same."""
    command = f"born {FAST} --out walk.h5"
    assert shell(f"set -o pipefail; {redirected.format(command)}; echo $?", tmp_path) == ("0\n", "")
    assert open_result(tmp_path / "walk.h5").status == "finished"


def test_output_that_cannot_be_written_is_one_line(path, tmp_path):
    for command in ("show walk.h5", "report walk.h5", "list", "--help"):
        output, errors = shell(f"born {command} >/dev/full; echo $?", tmp_path)
        assert (output, errors) == ("1\n", "born: the output: No space left on device\n")
    assert shell("born report walk.h5 | true", tmp_path) == ("", "")


def test_pictures_need_no_backend(path, tmp_path):
    output, errors = shell("MPLBACKEND=module://none.of_these born plot walk.h5", tmp_path)
    assert (output, errors) == ("drawn in walk.png\n", "")
