"""The experiments of variational Monte Carlo: their choices, their numbers, and continuing to the same bits."""

import os
import signal
import threading
import time
import typing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sameness import differences

import nqs
from runs import runner
from runs.experiments import find
from runs.experiments.quantum_dot import QuantumDotSettings
from runs.experiments.variational import ATOMIC, NATURAL, SAMPLERS, optimizer
from runs.plots import overview
from runs.progress import Display
from runs.reading import open_result
from runs.report import report, summary

SIZES = {"n_steps": 6, "n_samples": 512, "n_chains": 64, "n_burn_in": 20, "n_measure": 200_000, "n_bins": 6}
SMALL = {**SIZES, "checkpoint": 0.0}
TRAPPED = (
    "calogero-sutherland",
    "double-dot",
    "gaussian-interaction",
    "hard-spheres",
    "harmonic-oscillator",
    "quantum-dot",
)


class StopAt(Display):
    """Sends Ctrl-C at the given records, counted over both phases."""

    def __init__(self, *records: int) -> None:
        self.records, self.count = records, 0

    def advance(self, progress):
        self.count += 1
        if self.count in self.records:
            os.kill(os.getpid(), signal.SIGINT)


class StopSoon(Display):
    """Sends Ctrl-C a second after the training began."""

    def phase(self, name):
        self.timer = threading.Timer(1.0, self.stop)
        self.timer.start()

    def stop(self):
        self.sent = time.perf_counter()
        os.kill(os.getpid(), signal.SIGINT)


def start(name, path, display, **settings):
    experiment = find(name)
    return runner.start(experiment, experiment.settings(**{**SMALL, **settings}), Path(path), display)


@pytest.mark.parametrize(
    "settings",
    [
        {"wavefunction": "rbm-jastrow", "threads": 1},
        {"wavefunction": "rbm", "optimizer": "adam", "sampler": "gibbs", "learning_rate": 0.01},
    ],
    ids=lambda settings: settings["wavefunction"],
)
def test_stopped_anywhere_it_continues_to_the_same_bits(settings, tmp_path):
    """Stops after the first step, within training, between the phases, and within the measurement."""
    whole = start("quantum-dot", tmp_path / "whole.h5", Display(), **settings)
    assert whole.status == "finished"
    path = tmp_path / "stopped.h5"
    assert start("quantum-dot", path, StopAt(1), **settings).status == "interrupted"
    for stop in (2, 3, 1):  # counted from where it stood: after steps 3 and 6, and in the first round of measuring
        assert runner.resume(path, StopAt(stop)).status == "interrupted"
    assert differences(runner.resume(path, Display()), whole) == []


def test_the_number_of_threads_changes_nothing(tmp_path):
    one, two = (
        start("quantum-dot", tmp_path / f"{n}.h5", Display(), threads=n, wavefunction="rbm-jastrow") for n in (1, 2)
    )
    assert differences(one, two) == []


def test_an_exact_state_has_the_exact_energy_without_variance(tmp_path):
    """The Gaussian is the ground state: every local energy is N sum omega_d / 2, whatever is sampled."""
    settings = {"wavefunction": "gaussian", "n_particles": 3, "omega": (1.0, 2.5), "n_steps": 0}
    result = start("harmonic-oscillator", tmp_path / "exact.h5", Display(), **settings)
    measured = result.measurement["energy"]
    assert measured.exact == 3 * 3.5 / 2
    assert abs(measured.estimate.mean - 5.25) < 1e-12
    assert measured.estimate.variance < 1e-24
    radius = result.measurement["squared_radius"]
    assert radius.exact == pytest.approx(0.5 + 0.2)
    assert abs(radius.estimate.z(0.7)) < 4


def test_training_lowers_the_energy_to_the_exact_one_from_above(tmp_path):
    """A dot with a trained Jastrow factor: within 0.01 of the exact 3, and not significantly below it."""
    settings = {"n_steps": 30, "n_samples": 2048, "wavefunction": "rbm-jastrow"}
    result = start("quantum-dot", tmp_path / "dot.h5", Display(), **settings)
    assert result.exact["energy"] == pytest.approx(3.0, abs=1e-10)
    assert result.energy.z(3.0) > -4
    assert result.energy.mean < 3.01
    assert result.trace["energy"].shape == (30,)
    assert result.samples["configurations"].shape == (64, 2, 2)


@pytest.mark.parametrize("name", TRAPPED)
def test_every_choice_of_wave_function_builds(name):
    """Those without antisymmetry are refused for fermions of one spin."""
    experiment: Any = find(name)
    for choice in typing.get_args(experiment.settings.model_fields["wavefunction"].annotation):
        settings: Any = experiment.settings(wavefunction=choice)
        if name == "gaussian-interaction" and choice in ("neural", "rbm"):
            with pytest.raises(ValueError, match="antisymmetric"):
                experiment.start(settings)
            settings = experiment.settings(wavefunction=choice, statistics="boson")
        run = experiment.start(settings)
        assert run.vmc.psi.shape == (settings.n_particles, run.vmc.system.n_dims)
        assert np.isfinite(run.vmc.psi.parameters).all()
        assert run.exact.get("virial", 0.0) == 0.0


def test_energies_add_up_and_densities_are_kept(tmp_path):
    """T + V_trap + V_int = E, the densities count the particles, and all is read back as it was."""
    settings = {"n_steps": 2, "n_measure": 6400, "n_bins": 9, "n_particles": 3, "wavefunction": "gaussian-distances"}
    result = start("calogero-sutherland", tmp_path / "line.h5", Display(), **settings)
    means = {key: each.estimate.mean for key, each in result.measurement.items()}
    assert means["kinetic"] + means["trap"] + means["interaction"] == pytest.approx(means["energy"], rel=1e-12)
    density = result.profiles["density"]
    (edges,) = density.axes.values()
    assert np.sum(density.estimates.mean) * np.diff(edges)[0] == pytest.approx(3, rel=1e-12)
    assert density.unit == "hbar = m = 1"
    read = open_result(tmp_path / "line.h5")
    assert [name for name in differences(read, result) if not name.startswith("/state")] == []
    assert np.array_equal(read.profiles["density"].points("x"), (edges[1:] + edges[:-1]) / 2)
    figure = overview(result)
    assert [axes.get_title() for axes in figure.axes][-3:] == ["Density", "Radial density", "Pair correlation"]
    assert "density" in summary(result)
    assert "| array |" in report(result)


def test_references_stand_beside_the_energy():
    """Of a closed shell; not for another spin, for which nobody has them."""
    experiment: Any = find("quantum-dot")
    known = experiment.start(experiment.settings(n_particles=6, wavefunction="slater-jastrow")).references
    assert known["diffusion"].value == 20.15932
    polarised = experiment.settings(n_particles=6, n_up=6, wavefunction="slater-jastrow")
    assert experiment.start(polarised).references == {}
    spheres: Any = find("hard-spheres")
    mean_field = spheres.start(spheres.settings()).references["mean field"]
    assert mean_field.value == pytest.approx(24.3972541576463, rel=1e-9)


def test_units_of_observables():
    names = ["kinetic", "squared_radius", "pair_distance", "density", "radial_density_up", "pair_correlation_equal"]
    found = [ATOMIC.of(name, 3) for name in names]
    assert found == ["hartree", "bohr^2", "bohr", "bohr^-2", "bohr^-3", "bohr^-3"]
    assert {NATURAL.of(name, 3) for name in names} == {"hbar = m = 1"}


def test_a_long_burn_in_is_left_at_once_and_can_be_begun_anew(tmp_path):
    """Hours of sweeps before the first step, in compiled kernels."""
    start("quantum-dot", tmp_path / "warm.h5", Display(), threads=1)
    display, path = StopSoon(), tmp_path / "dot.h5"
    result = start("quantum-dot", path, display, threads=1, n_burn_in=10_000_000)
    assert time.perf_counter() - display.sent < 5
    assert (result.status, result.n_steps, result.stopped_by) == ("interrupted", 0, signal.SIGINT)
    again = runner.resume(path, display)
    assert time.perf_counter() - display.sent < 5
    assert (again.status, open_result(path).config["n_burn_in"]) == ("interrupted", 10_000_000)


def test_every_sampler_and_optimizer_is_what_its_name_says():
    fields = QuantumDotSettings.model_fields
    assert set(SAMPLERS) == set(typing.get_args(fields["sampler"].annotation))
    made = {name: type(make(nqs)).__name__ for name, make in SAMPLERS.items()}
    assert made == {"langevin": "Langevin", "random-walk": "RandomWalk", "gibbs": "Gibbs"}
    made = {
        name: type(optimizer(QuantumDotSettings(optimizer=name), nqs.QuantumDot())).__name__
        for name in typing.get_args(fields["optimizer"].annotation)
    }
    assert made == {"sr": "StochasticReconfiguration", "adam": "Adam", "gradient-descent": "GradientDescent"}


def test_the_learning_rate_goes_from_the_first_to_the_final_one():
    settings = QuantumDotSettings(learning_rate=0.2, final_learning_rate=0.02, n_steps=50)
    rate = optimizer(settings, nqs.QuantumDot()).learning_rate
    assert rate(0) == pytest.approx(0.2)
    assert rate(49) == pytest.approx(0.02)


@pytest.mark.parametrize(("name", "rate"), [("sr", 0.5), ("adam", 0.1)])
def test_a_step_of_stochastic_reconfiguration_is_a_time_in_units_of_the_trap(name, rate):
    found = optimizer(QuantumDotSettings(optimizer=name), nqs.QuantumDot(2, 2, 0.2))
    assert found.learning_rate.rate == pytest.approx(rate)
