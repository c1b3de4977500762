"""The experiments with spins on lattices: known values, and continuing to the same bits."""

import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sameness import differences

import nqs
import nqs.training
from neural.jit import COMPILED
from nqs.exact import FullSummation
from runs import runner
from runs.experiments import find
from runs.plots import picture
from runs.progress import Display

pytestmark = pytest.mark.interpreted
SMALL = {
    "n_steps": 3,
    "n_samples": 32,
    "n_chains": 8,
    "n_burn_in": 2,
    "n_measure": 128,
    "threads": 1,
    "checkpoint": 0.0,
}
# Name, settings, and the exact energy; compiled only the first: its machine is also that of other tests.
EXPERIMENTS = [
    ("ising-chain", {"length": 4}, -5.22625185950551),
    ("ising-square", {"length": 2, "h": 1.0}, None),
    ("heisenberg-chain", {"length": 4}, -2.0),
    ("heisenberg-square", {"length": 2, "wavefunction": "symmetric-rbm"}, -2.0),
    ("j1j2-square", {"length": 2, "J2": 0.0}, -2.0),
]


class StopAt(Display):
    """Sends Ctrl-C at the given record."""

    def __init__(self, record: int) -> None:
        self.left = record

    def advance(self, progress):
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGINT)


def start(name: str, path: Path, display: Display, **settings):
    experiment = find(name)
    return runner.start(experiment, experiment.settings(**{**SMALL, **settings}), path, display)


@pytest.mark.parametrize(("name", "settings", "exact"), EXPERIMENTS[:1] if COMPILED else EXPERIMENTS)
def test_stopped_anywhere_it_continues_to_the_same_bits(name, settings, exact, tmp_path):
    """Stops after the first step, after the last one, and in the measurement."""
    whole = start(name, tmp_path / "whole.h5", Display(), **settings)
    assert whole.status == "finished"
    assert exact is None or whole.exact["energy"] == pytest.approx(exact, rel=1e-12)
    assert whole.energy.z(whole.exact["energy"]) > -4  # variational
    path = tmp_path / "stopped.h5"
    assert start(name, path, StopAt(1), **settings).status == "interrupted"
    assert runner.resume(path, StopAt(2)).status == "interrupted"
    assert differences(runner.resume(path, Display()), whole) == []
    assert len(picture(whole).axes) >= 7


def test_correlations_and_structure_factors_in_the_file_agree(tmp_path):
    """S(0) = N m^2 and S(pi) of a ring of 4 follow from the correlations."""
    result = start("ising-chain", tmp_path / "ring.h5", Display(), length=4)
    correlation, factors = result.profiles["correlation"], result.profiles["structure_factor"]
    near, far = correlation.estimates.mean
    np.testing.assert_array_equal(correlation.points("distance"), [1.0, 2.0])
    np.testing.assert_allclose(factors.estimates.mean, [1 + 2 * near + far, 1 - far, 1 - 2 * near + far, 1 - far])
    assert factors.estimates.mean[0] == pytest.approx(4 * result.measurement["squared_magnetisation"].estimate.mean)


@pytest.mark.parametrize(
    ("name", "settings", "energy"),
    [
        ("heisenberg-square", {"length": 6, "J": 2.0}, -72 * 0.678873),
        ("j1j2-square", {"length": 6, "J1": 2.0, "J2": 1.0}, -72 * 0.503810),
        ("heisenberg-square", {"length": 6, "open_ends": True}, None),
        ("j1j2-square", {"length": 6, "J2": 0.3}, None),
        ("heisenberg-square", {"length": 2}, None),  # the exact one is known
    ],
)
def test_published_energies_stand_beside_where_no_exact_one_is_known(name, settings, energy):
    experiment = find(name)
    run: Any = experiment.start(experiment.settings(**{**SMALL, **settings}))
    assert run.exact.keys() == ({"energy"} if settings["length"] == 2 else set())
    assert [each.value for each in run.references.values()] == pytest.approx([] if energy is None else [energy])


def test_defaults_are_those_of_the_plain_call_and_are_stored_as_numbers(tmp_path):
    """The state, the rates and what is drawn from follow from the system; flags win over them."""
    result = start("heisenberg-chain", tmp_path / "ring.h5", Display(), length=6, J=2.0, momentum=0.5)
    ring = nqs.Heisenberg(nqs.Chain(6), J=2.0)
    expected = nqs.training.default_recipe(ring)._replace(momentum=0.5)._asdict()
    assert {name: result.config[name] for name in expected} == expected
    chosen = {"alpha": 6, "dtype": "real", "power": 2.0, "symmetry": "all"}
    assert {name: result.config[name] for name in chosen} == chosen
    run: Any = find("heisenberg-chain").start(find("heisenberg-chain").settings(**{**SMALL, "length": 6, "seed": 4}))
    own = nqs.default_wavefunction(nqs.Heisenberg(nqs.Chain(6)), seed=4)
    np.testing.assert_array_equal(run.vmc.psi.parameters, own.parameters)


@pytest.mark.parametrize(
    ("name", "settings", "chosen"),
    [
        ("j1j2-square", {}, {"dtype": "complex", "power": 1.0, "alpha": 6}),
        ("j1j2-square", {"J2": 0.0}, {"dtype": "real", "power": 2.0, "alpha": 6}),
        ("j1j2-square", {"dtype": "real"}, {"dtype": "real", "power": 2.0}),
        ("ising-chain", {"h": -1.0}, {"dtype": "complex", "power": 1.0}),
        ("ising-chain", {"wavefunction": "rbm"}, {"alpha": 1}),
        ("heisenberg-chain", {"length": 12, "open_ends": True}, {"alpha": 12}),
        ("ising-chain", {"learning_rate": 1.0}, {"learning_rate": 1.0, "final_learning_rate": 0.05}),
    ],
)
@pytest.mark.filterwarnings("ignore::nqs.SignProblemWarning")
def test_what_is_chosen_follows_the_system_and_what_was_given(name, settings, chosen):
    experiment = find(name)
    run: Any = experiment.start(experiment.settings(**{**SMALL, "length": 4, **settings}))
    assert {field: getattr(run.settings, field) for field in chosen} == pytest.approx(chosen)


def test_fields_that_older_results_lack_mean_what_they_meant():
    """No momentum, draws from |psi|^2, translations only, a shift that falls by 1 % a step."""
    older = {"wavefunction": "symmetric-rbm", "alpha": 2, "dtype": "real", "learning_rate": 0.05, "shift": 1e-3}
    meant = {"symmetry": "translations", "first_shift": 1e-3, "shift_decay": 0.99, "momentum": 0.0, "power": 2.0}
    settings = find("ising-chain").settings.stored({**SMALL, "length": 4, "final_learning_rate": 0.01, **older})
    run: Any = find("ising-chain").start(settings)
    expected = {**older, **meant, "final_learning_rate": 0.01}
    assert {field: getattr(run.settings, field) for field in expected} == expected


@pytest.mark.skipif(not COMPILED, reason="trains")
def test_a_short_training_with_the_defaults_comes_close_to_the_exact_energy():
    """60 of 600 steps on a ring of 8, summed over all configurations: no noise but that of the training."""
    experiment = find("heisenberg-chain")
    short: dict[str, Any] = {"length": 8, "n_steps": 60, "threads": 1}
    run: Any = experiment.start(experiment.settings(**short))
    assert sum(1 for _ in run.training()) == 60
    energy = FullSummation(run.vmc.psi, 0).expectation(run.vmc.system)
    assert 0 < energy / run.exact["energy"] <= 1 + 1e-12
    assert 1 - energy / run.exact["energy"] < 1e-3
