"""A run that is killed continues to the same bits, and never leaves a broken file."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import walk
from editing import edited
from sameness import differences

from runs.errors import BusyError, ResultError
from runs.lock import is_locked, lock_name, only_writer
from runs.reading import open_result
from runs.store import temporary_name

# Saving after every step makes it likely that a kill hits a save.
ARGUMENTS = ["run", "random-walk", "--checkpoint", "0", "--pause", "0.001", "--n-steps", "12", "--n-measure", "6"]


def finish(processes, arguments):
    process = processes.Process(target=walk.born, args=(arguments,))
    process.start()
    process.join(30)
    return process.exitcode


def wait_for(path):
    deadline = time.perf_counter() + 30
    while not path.exists():
        assert time.perf_counter() < deadline
        time.sleep(0.001)


@pytest.fixture(scope="module")
def uninterrupted(processes, tmp_path_factory):
    """The whole run and the seconds it takes, once the server of processes is warm."""
    directory = tmp_path_factory.mktemp("uninterrupted")
    assert finish(processes, [*ARGUMENTS, "--n-steps", "1", "--out", str(directory / "warm.h5")]) == 0
    started = time.perf_counter()
    assert finish(processes, [*ARGUMENTS, "--out", str(directory / "walk.h5")]) == 0
    return open_result(directory / "walk.h5"), time.perf_counter() - started


@pytest.mark.parametrize("kill", range(20))
def test_killed_at_a_random_time_continues_to_the_same_bits(kill, processes, uninterrupted, tmp_path):
    expected, duration = uninterrupted
    path = tmp_path / "walk.h5"
    process = processes.Process(target=walk.born, args=([*ARGUMENTS, "--out", str(path)],))
    process.start()
    time.sleep(np.random.default_rng([7, kill]).uniform(0, duration))
    process.kill()  # SIGKILL, unless it is done already
    process.join()
    if path.exists():
        assert open_result(path).status in ("running", "finished")
        again = ["resume", str(path)]
    else:  # killed before the run began
        again = [*ARGUMENTS, "--out", str(path)]
    assert finish(processes, again) == 0
    assert differences(open_result(path), expected) == []
    assert os.listdir(tmp_path) == ["walk.h5"]


def test_a_kill_within_a_save_leaves_the_file_of_the_save_before(tmp_path, born):
    """The worst moment: half of the new contents are on the disk, under the temporary name."""
    assert born("run random-walk --out walk.h5")[0] == 0
    path = tmp_path / "walk.h5"
    before = path.read_bytes()
    temporary_name(path).write_bytes(before[: len(before) // 2])
    assert open_result(path).status == "finished"
    assert born("run random-walk --out walk.h5 --overwrite")[0] == 0
    assert not temporary_name(path).exists()


STATUSES = {signal.SIGINT: 130, signal.SIGTERM: 75, signal.SIGHUP: 75}


@pytest.mark.parametrize("number", STATUSES, ids=lambda number: number.name)
def test_a_signal_finishes_the_step_and_saves(number, processes, uninterrupted, tmp_path):
    path = tmp_path / "walk.h5"
    process = processes.Process(target=walk.born, args=([*ARGUMENTS, "--pause", "0.02", "--out", str(path)],))
    process.start()
    wait_for(path)
    os.kill(process.pid, number)
    process.join(30)
    assert process.exitcode == STATUSES[number]
    stopped = open_result(path)
    assert stopped.status == "interrupted"
    assert stopped.state is not None
    assert stopped.n_steps == stopped.state["step"] < 12
    assert finish(processes, ["resume", str(path)]) == 0
    assert differences(open_result(path), uninterrupted[0]) == []


@pytest.mark.parametrize("number", STATUSES, ids=lambda number: number.name)
def test_a_long_step_is_left_within_a_second_and_repeated(number, processes, uninterrupted, tmp_path):
    """A signal in a step that takes a minute: what was saved before is kept, and continues."""
    path = tmp_path / "walk.h5"
    arguments = ["run", "random-walk", "--pause", "60", "--out", str(path)]
    process = processes.Process(target=walk.born, args=(arguments,))
    process.start()
    wait_for(path)
    began = time.perf_counter()
    os.kill(process.pid, number)
    process.join(30)
    assert process.exitcode == STATUSES[number]
    assert time.perf_counter() - began < 5
    stopped = open_result(path)
    assert (stopped.status, stopped.n_steps, stopped.state) == ("interrupted", 0, None)
    assert os.listdir(tmp_path) == ["walk.h5"]


def test_a_batch_system_that_ends_a_run_reads_how_to_continue(tmp_path):
    path = tmp_path / "walk.h5"
    command = [sys.executable, walk.__file__, "run", "random-walk", "--pause", "0.01", "--n-steps", "9000"]
    process = subprocess.Popen([*command, "--out", str(path)], stdout=subprocess.PIPE, text=True)
    wait_for(path)
    process.terminate()
    text = process.communicate(timeout=30)[0]
    assert process.returncode == 75
    assert f"saved; continue with: born resume {path}" in text


def test_a_second_signal_ends_the_process_in_the_middle_of_a_kernel(processes, tmp_path):
    """A minute in C that no handler of Python can leave."""
    process = processes.Process(target=walk.deaf, args=(str(tmp_path / "ready"),))
    process.start()
    wait_for(tmp_path / "ready")
    began = time.perf_counter()
    for _ in range(2):
        os.kill(process.pid, signal.SIGINT)
        time.sleep(0.2)
    process.join(30)
    assert process.exitcode == 130
    assert time.perf_counter() - began < 5
    assert sorted(os.listdir(tmp_path)) == ["ready", "stopped"]


def test_a_second_writer_is_refused(born, tmp_path):
    path = tmp_path / "walk.h5"
    with only_writer(path):
        assert is_locked(path)
        with pytest.raises(BusyError, match="another run is writing"), only_writer(path):
            pass
        status, _, errors = born("run random-walk --out walk.h5")
        assert (status, "another run is writing" in errors) == (2, True)
    assert not is_locked(path)
    assert os.listdir(tmp_path) == []


def test_the_lock_of_a_dead_process_blocks_nobody(born, tmp_path):
    lock_name(tmp_path / "walk.h5").write_text("")
    assert born("run random-walk --out walk.h5")[0] == 0


def test_a_full_disk_stops_the_run_and_keeps_what_was_saved(processes, tmp_path):
    path = tmp_path / "walk.h5"
    assert finish(processes, [*ARGUMENTS, "--n-steps", "5", "--out", str(path)]) == 0
    size = path.stat().st_size
    full = tmp_path / "full.h5"
    process = processes.Process(target=walk.born, args=([*ARGUMENTS, "--out", str(full)], size - 1000))
    process.start()
    process.join(30)
    assert process.exitcode == 1
    assert open_result(full).status == "running"
    assert sorted(os.listdir(tmp_path)) == ["full.h5", "walk.h5"]
    assert finish(processes, ["resume", str(full)]) == 0


def test_a_state_that_does_not_fit_is_refused(born, tmp_path):
    assert born("run random-walk --nan-at 3 --checkpoint 0 --out walk.h5")[0] == 1
    with edited(tmp_path / "walk.h5") as file:
        del file["state/generator"]
    status, _, errors = born("resume walk.h5")
    assert (status, "does not fit" in errors) == (2, True)
    with pytest.raises(ResultError):
        open_result(tmp_path / "nothing.h5")
