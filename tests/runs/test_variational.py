"""The experiments of variational Monte Carlo: their choices, their numbers, and continuing to the same bits."""

import os
import signal
import typing
from pathlib import Path

import numpy as np
import pytest
from sameness import differences

import nqs
from runs import runner
from runs.experiments import find
from runs.experiments.harmonic_oscillator import HarmonicOscillatorSettings
from runs.experiments.quantum_dot import QuantumDotSettings
from runs.experiments.variational import SAMPLERS, optimizer, wave_function
from runs.progress import Display

SMALL = {"n_steps": 6, "n_samples": 512, "n_chains": 64, "n_burn_in": 20, "n_measure": 200_000, "n_bins": 6, "checkpoint": 0.0}


class StopAt(Display):
    """Sends Ctrl-C at the given records, counted over both phases."""

    def __init__(self, *records: int) -> None:
        self.records, self.count = records, 0

    def advance(self, progress):
        self.count += 1
        if self.count in self.records:
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
    one = start("quantum-dot", tmp_path / "one.h5", Display(), threads=1)
    two = start("quantum-dot", tmp_path / "two.h5", Display(), threads=2)
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
    result = start("quantum-dot", tmp_path / "dot.h5", Display(), n_steps=30, n_samples=2048)
    assert result.exact["energy"] == pytest.approx(3.0, abs=1e-10)
    assert result.energy.z(3.0) > -4
    assert result.energy.mean < 3.01
    assert result.trace["energy"].shape == (30,)
    assert result.samples["configurations"].shape == (64, 2, 2)


def test_every_choice_of_wave_function_builds():
    for settings_class in (HarmonicOscillatorSettings, QuantumDotSettings):
        settings = settings_class()
        system = nqs.HarmonicOscillator(2, 2) if settings_class is HarmonicOscillatorSettings else nqs.QuantumDot()
        for choice in typing.get_args(settings_class.model_fields["wavefunction"].annotation):
            psi = wave_function(system, settings.model_copy(update={"wavefunction": choice}))
            assert psi.shape == (2, 2)
            assert np.isfinite(psi.parameters).all()


def test_every_sampler_and_optimizer_is_what_its_name_says():
    fields = QuantumDotSettings.model_fields
    assert set(SAMPLERS) == set(typing.get_args(fields["sampler"].annotation))
    made = {name: type(make(nqs)).__name__ for name, make in SAMPLERS.items()}
    assert made == {"langevin": "Langevin", "random-walk": "RandomWalk", "gibbs": "Gibbs"}
    made = {
        name: type(optimizer(QuantumDotSettings(optimizer=name))).__name__
        for name in typing.get_args(fields["optimizer"].annotation)
    }
    assert made == {"sr": "StochasticReconfiguration", "adam": "Adam", "gradient-descent": "GradientDescent"}


def test_the_learning_rate_goes_from_the_first_to_the_final_one():
    rate = optimizer(QuantumDotSettings(learning_rate=0.2, final_learning_rate=0.02, n_steps=50)).learning_rate
    assert rate(0) == pytest.approx(0.2)
    assert rate(49) == pytest.approx(0.02)


