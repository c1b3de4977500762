"""The ``born`` command: what it prints, and its exit status."""

import os
import subprocess
import sys

import numpy as np
import pytest
import walk
from editing import edited

from neural.jit import COMPILED
from runs.experiments import EXPERIMENTS, find
from runs.hdf5 import text
from runs.lessons import LESSONS
from runs.reading import open_result
from runs.store import save

FAST = "run random-walk --n-steps 3 --n-measure 2"


def test_experiments_and_lessons_are_listed_apart(born):
    status, output, _ = born("list")
    assert status == 0
    names = [line.split()[0] for line in output.splitlines()]
    assert names == ["experiments:", *EXPERIMENTS, "lessons:", *LESSONS]


def test_every_experiment_has_the_name_and_the_flags_of_the_house(born):
    for name in EXPERIMENTS:
        assert find(name).name == name
    for name in ("harmonic-oscillator", "quantum-dot"):
        status, output, _ = born(f"run {name} --help")
        assert status == 0
        for flag in ("n-particles", "n-dims", "omega", "n-hidden", "n-steps", "n-samples", "seed", "threads", "out"):
            assert f"--{flag} " in output
        assert all(field.description for field in find(name).settings.model_fields.values())


def test_a_run_leaves_a_result_and_says_where(born, tmp_path):
    status, output, errors = born(f"{FAST} --seed 5 --out deep/er/walk.h5")
    assert (status, errors) == (0, "")
    assert output.splitlines()[-1] == "saved in deep/er/walk.h5"
    result = open_result(tmp_path / "deep/er/walk.h5")
    assert (result.status, result.seed, result.n_steps) == ("finished", 5, 3)
    assert set(result.trace) == {"energy", "energy_error", "acceptance", "wall_time"}
    assert result.config == {
        "seed": 5,
        "threads": 2,
        "checkpoint": 5.0,
        "out": "deep/er/walk.h5",
        "n_steps": 3,
        "n_measure": 2,
        "pause": 0.0,
        "nan_at": 0,
        "learning_rate": 1.0,
    }


def test_the_default_file_is_named_after_the_experiment(born, tmp_path):
    assert born(FAST)[0] == 0
    assert open_result(tmp_path / "results/random-walk.h5").status == "finished"


def test_a_toml_file_does_what_flags_do_and_flags_win(born, tmp_path):
    (tmp_path / "walk.toml").write_text('n-steps = 3\nn_measure = 2\nseed = 4\nout = "a.h5"\n')
    assert born("run random-walk --config walk.toml --seed 6")[0] == 0
    assert born(f"{FAST} --seed 6 --out b.h5")[0] == 0
    left, right = open_result(tmp_path / "a.h5"), open_result(tmp_path / "b.h5")
    assert {**left.config, "out": "b.h5"} == right.config
    assert repr(left.energy) == repr(right.energy)


def test_an_existing_result_is_kept_unless_told_otherwise(born, tmp_path):
    assert born(f"{FAST} --out walk.h5")[0] == 0
    before = (tmp_path / "walk.h5").read_bytes()
    status, _, errors = born(f"{FAST} --seed 9 --out walk.h5")
    assert (status, "holds a result (finished, 3 steps)" in errors, "--overwrite" in errors) == (2, True, True)
    assert (tmp_path / "walk.h5").read_bytes() == before
    assert born(f"{FAST} --seed 9 --out walk.h5 --overwrite")[0] == 0
    assert open_result(tmp_path / "walk.h5").seed == 9


def test_a_link_is_written_through(born, tmp_path):
    (tmp_path / "scratch").mkdir()
    (tmp_path / "walk.h5").symlink_to(tmp_path / "scratch/real.h5")
    assert born(f"{FAST} --out walk.h5")[0] == 0
    assert (tmp_path / "walk.h5").is_symlink()
    assert open_result(tmp_path / "scratch/real.h5").status == "finished"


def test_a_run_that_diverges_says_where_and_keeps_its_last_good_state(born, tmp_path):
    status, output, errors = born("run random-walk --nan-at 3 --out walk.h5")
    assert status == 1
    assert "Traceback" not in output + errors
    assert errors.splitlines() == [
        "born: step 3: NaN in the position of walker 0; take smaller steps",
        f"saved 2 steps in {tmp_path / 'walk.h5'}, and the state after step 2: other settings go on from there: "
        f"born resume {tmp_path / 'walk.h5'} --learning-rate 0.25",
    ]
    result = open_result(tmp_path / "walk.h5")
    assert (result.status, result.n_steps) == ("diverged", 2)
    assert result.state is not None
    assert result.state["step"] == 2
    assert "failed: step 3: NaN in the position" in born("show walk.h5")[1]
    assert born("resume walk.h5")[0] == 1


def test_other_settings_go_on_from_the_last_good_state_and_are_written_down(born, tmp_path):
    """The steps before are those of an undisturbed run, the steps after those of the smaller rate."""
    assert born("run random-walk --nan-at 3 --out walk.h5")[0] == 1
    assert born("run random-walk --out whole.h5")[0] == 0
    status, output, _ = born("resume walk.h5 --learning-rate 0.5 --n-steps 5")
    assert status == 0
    line = "from step 3: n_steps 5 (before: 40), learning_rate 0.5 (before: 1.0)"
    assert line in output.splitlines()
    assert line in born("show walk.h5")[1].splitlines()
    assert f"| changed | {line} |" in born("report walk.h5")[1]
    result, whole = open_result(tmp_path / "walk.h5"), open_result(tmp_path / "whole.h5")
    assert result.changes == [(2, {"n_steps": (40, 5), "learning_rate": (1.0, 0.5)})]
    assert (result.config["learning_rate"], result.status, result.failure) == (0.5, "finished", "")
    steps, undisturbed = np.diff(result.trace["energy"]), np.diff(whole.trace["energy"])
    np.testing.assert_array_equal(steps[:1], undisturbed[:1])
    np.testing.assert_allclose(steps[1:], 0.5 * undisturbed[1:4], rtol=1e-12)


def test_a_finished_run_can_be_made_longer(born, tmp_path):
    assert born("run random-walk --n-steps 4 --n-measure 2 --out walk.h5")[0] == 0
    assert born("resume walk.h5 --n-measure 6")[0] == 0
    assert born("run random-walk --n-steps 4 --n-measure 6 --out whole.h5")[0] == 0
    assert repr(open_result(tmp_path / "walk.h5").energy) == repr(open_result(tmp_path / "whole.h5").energy)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--seed 2", "--seed: expected as it is when a run continues; what may change: --threads"),
        ("--n-steps -1", "n-steps: expected a number of at least 0, found -1"),
        ("--n-stepz 3", "--n-steps"),
        ("--config later.toml", "--nan-at: expected as it is"),
    ],
)
def test_what_a_run_cannot_be_continued_with_is_refused(words, message, born, tmp_path):
    assert born(f"{FAST} --out walk.h5")[0] == 0
    (tmp_path / "later.toml").write_text("nan_at = 1\n")
    before = (tmp_path / "walk.h5").read_bytes()
    status, output, errors = born(f"resume walk.h5 {words}")
    assert (status, message in output + errors) == (2, True)
    assert (tmp_path / "walk.h5").read_bytes() == before


def test_a_defect_is_one_line_with_its_place(born, tmp_path, monkeypatch):
    monkeypatch.setattr(walk.Walk, "measurements", lambda self: {}["energy"])
    status, _, errors = born(f"{FAST} --out walk.h5")
    assert status == 1
    assert errors.startswith("born: KeyError: 'energy' (test_command.py, line ")
    result = open_result(tmp_path / "walk.h5")
    assert (result.status, (result.state or {})["step"]) == ("failed", 3)


def test_a_warning_is_shown_and_kept(born, tmp_path, monkeypatch):
    import warnings

    def samples(self):
        warnings.warn("R-hat 1.2: run longer", stacklevel=1)
        return {}

    monkeypatch.setattr(walk.Walk, "samples", samples)
    status, output, errors = born(f"{FAST} --out walk.h5")
    assert (status, errors) == (0, "warning: R-hat 1.2: run longer\n")
    assert "warning: R-hat 1.2: run longer" in output
    assert open_result(tmp_path / "walk.h5").warnings == ["R-hat 1.2: run longer"]


def test_resuming_a_finished_run_changes_nothing(born, tmp_path):
    assert born(f"{FAST} --out walk.h5")[0] == 0
    before = (tmp_path / "walk.h5").read_bytes()
    assert born("resume walk.h5")[0] == 0
    assert (tmp_path / "walk.h5").read_bytes() == before


def test_show_names_the_command_that_continues(born, tmp_path):
    assert born(f"{FAST} --out walk.h5")[0] == 0
    result = open_result(tmp_path / "walk.h5")
    result.status = "running"
    save(tmp_path / "walk.h5", result)
    assert "no process is at it: continue with: born resume walk.h5" in born("show walk.h5")[1]


WRONG = {
    "": "usage: born COMMAND",
    "rum quantum-dot": "unknown command 'rum': did you mean 'run'?",
    "run": "expected an experiment or a lesson: born run NAME; `born list` names them",
    "run quantum-dots": "unknown experiment 'quantum-dots': did you mean 'quantum-dot'?",
    "show": "born show: expected one file, found nothing",
    "show a b": "born show: expected one file, found a b",
    "plot --dpi 3": "born plot: expected one or two files, found --dpi 3",
    "show none.h5": "none.h5: expected a result file, found none",
    "resume none.h5": "none.h5: expected a result file, found none",
    "run random-walk --n-stepz 3": "--n-steps",
    "run random-walk --n-steps -1": "n-steps: expected a number of at least 0, found -1",
    "run random-walk --n-steps few": "invalid literal for int()",
    "run random-walk --seed -1": "seed: expected a number of at least 0, found -1",
    "run random-walk --pause nan": "pause: expected a number of at least 0.0, found nan",
    "run random-walk --checkpoint inf": "checkpoint: expected a finite number, found inf",
    "run random-walk --config none.toml": "none.toml: expected a TOML file with fields (No such file or directory)",
    "run random-walk --config bad.toml": "bad.toml: expected a TOML file with fields, found:",
    "run random-walk --config typo.toml": "unknown field 'n_stepz': did you mean 'n_steps'?",
    "run random-walk --config type.toml": "n-steps: expected a valid integer, unable to parse string as an integer",
    "run quantum-dot --n-particles 0": "n-particles: expected a number of at least 1, found 0",
    "run quantum-dot --n-particles 3 --wavefunction rbm": "antisymmetric",
    "run quantum-dot --n-dims 1": "expected n_dims to be 2 or 3, got 1",
    "run quantum-dot --omega -1": "omega: expected one positive number, or one per axis, found -1.0",
    "run quantum-dot --omega nan": "omega: expected one positive number, or one per axis, found nan",
    "run quantum-dot --omega 1 2": "omega: expected one number, the dot is isotropic, found (1.0, 2.0)",
    "run quantum-dot --omega 1e300": "omega: expected numbers between 1e-12 and 1e+12, found 1e+300",
    "run quantum-dot --omega 1e-300": "omega: expected numbers between 1e-12 and 1e+12, found 1e-300",
    "run ising-chain --h 1e300": "h: expected a number of at most 1000000000000.0, found 1e+300",
    "run double-dot --separation 1e300": "separation: expected a number of at most 1000000.0, found 1e+300",
    "run gaussian-interaction --width 1e-300": "width: expected a number of at least 1e-09, found 1e-300",
    "run hard-spheres --diameter 1e300": "diameter: expected a number of at most 1000.0, found 1e+300",
    "run ising-rbm --temperature 1e-300": "temperature: expected a number of at least 1e-09, found 1e-300",
    "run ising-rbm --n-data 1000000000000": "n-data: expected a number of at most 100000000, found 1000000000000",
    "run ising-rbm --k 1000000000000000000000000000000": "k: expected a number of at most 1000000, found 1000000000000",
    "run quantum-dot --n-chains 1000000000": "n-chains: expected a number of at most 10000000, found 1000000000",
    "run ising-chain --length 100000": "length: expected a lattice of at most 10000 sites, found 100000",
    "run quantum-dot --n-hidden 0": "n-hidden: expected a number of at least 1, found 0",
    "run quantum-dot --n-samples 10": "expected n_samples >= n_chains",
    "run quantum-dot --sampler gibbs": "sampler: gibbs draws from a plain rbm",
    "run quantum-dot --wavefunction rmb": "wavefunction",
    "run harmonic-oscillator --omega 1 2 3": "expected omega to be one number or 2, one for each axis",
    "run harmonic-oscillator --n-particles 6 --statistics fermion": "antisymmetric",
}


@pytest.mark.parametrize("line", WRONG, ids=lambda line: line or "nothing")
def test_a_wrong_command_is_explained_on_one_screen(line, born, tmp_path):
    (tmp_path / "bad.toml").write_text("n-steps = = 3\n")
    (tmp_path / "typo.toml").write_text("n-stepz = 3\n")
    (tmp_path / "type.toml").write_text('n-steps = "few"\n')
    files = sorted(tmp_path.rglob("*"))
    status, output, errors = born(line)
    assert status == 2
    assert WRONG[line] in output + errors
    assert len((output + errors).splitlines()) <= 24
    assert "Traceback" not in output + errors
    assert sorted(tmp_path.rglob("*.h5")) == []
    assert [path for path in sorted(tmp_path.rglob("*")) if path.is_file()] == files


def test_a_configuration_in_a_file_is_checked_like_flags(born, tmp_path):
    assert born("run random-walk --nan-at 2 --n-steps 3 --out walk.h5")[0] == 1
    with edited(tmp_path / "walk.h5") as file:
        file.attrs["config"] = text('{"n_stepz": 3}')
    status, _, errors = born("resume walk.h5")
    assert (status, errors) == (2, "born: unknown field 'n_stepz': did you mean 'n_steps'?\n")


def test_listing_and_help_need_no_numerics():
    """They answer at once: neither NumPy nor the compiler nor pydantic is loaded."""
    code = (
        "import sys; from runs.cli import main; main(['list']); main(['--help']);"
        "print(sorted({'numpy', 'numba', 'torch', 'pydantic', 'h5py'} & set(sys.modules)))"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output.splitlines()[-1] == "[]"


def test_importing_runs_loads_neither_torch_nor_matplotlib_nor_h5py():
    code = "import sys, runs; print(sorted({'torch', 'matplotlib', 'h5py', 'numba'} & set(sys.modules)))"
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output.strip() == "[]"


@pytest.mark.skipif(not COMPILED, reason="nothing is compiled under NUMBA_DISABLE_JIT=1")
def test_a_long_compilation_is_announced(tmp_path):
    words = f"run harmonic-oscillator --n-steps 1 --n-measure 256 --overwrite --out {tmp_path}/r.h5".split()
    environment = os.environ | {"BORN_CACHE_DIR": str(tmp_path)}

    def shown() -> str:
        command = [sys.executable, "-m", "runs.cli", *words]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout

    assert "compiling kernels, which later runs find ready\n" in shown()
    assert "compiling" not in shown()
