"""Variational Monte Carlo as a whole: exact results, honest error bars, records."""

import numpy as np
import pytest

import nqs
from neural.jit import COMPILED
from neural.optimizers import Adam, GradientDescent
from tests.helpers_coverage import assert_coverage
from tests.nqs.runs_of_vmc import DOT, SR, TRAP, dot, trap

pytestmark = pytest.mark.interpreted
N_SAMPLES = 40_000 if COMPILED else 12_800

# Exact results


@pytest.mark.skipif(not COMPILED, reason="needs half a million moves")
@pytest.mark.parametrize(
    ("optimizer", "n_steps"), [(SR(0.3), 60), (GradientDescent(0.1), 150), (Adam(0.05), 400)], ids=["SR", "GD", "Adam"]
)
def test_training_ends_in_the_exact_ground_state(optimizer, n_steps):
    """At the exact state the local energy has no variance, so that nothing is left of the statistical error."""
    vmc = trap(np.array([0.9, 0.3]), optimizer)
    *_, last = vmc.steps(n_steps)
    assert vmc.psi.parameters == pytest.approx(TRAP.omega / 2, abs=1e-6)
    assert last.energy.mean == pytest.approx(TRAP.exact_energy, abs=1e-6)
    assert last.variance < 1e-10


def test_energy_of_a_fixed_wave_function_agrees_with_the_exact_expectation():
    """<H> = N sum_d (alpha_d / 2 + omega_d^2 / 8 alpha_d), <r^2> = N sum_d 1 / 4 alpha_d"""
    alpha = np.array([0.7, 0.6])
    result = trap(alpha).measure(N_SAMPLES, {"r2": lambda x: np.sum(x**2, axis=(1, 2))})
    energy = 2 * np.sum(alpha / 2 + TRAP.omega**2 / (8 * alpha))
    assert abs(result.energy.z(energy)) < 3.3
    assert abs(result.observables["r2"].z(2 * np.sum(1 / (4 * alpha)))) < 3.3
    assert result.observables["r2"].error < 0.05
    assert 0.4 < result.acceptance < 0.6


def test_size_of_the_exact_ground_state():
    """The energy has no error at all, other observables have: <r^2> = N sum_d 1 / 2 omega_d."""
    result = trap(TRAP.omega / 2).measure(N_SAMPLES, {"r2": lambda x: np.sum(x**2, axis=(1, 2))})
    assert result.energy.mean == pytest.approx(TRAP.exact_energy, rel=1e-13)
    assert result.energy.error < 1e-13
    assert abs(result.observables["r2"].z(np.sum(1 / TRAP.omega))) < 3.3


def test_a_machine_sampled_by_gibbs():
    """Every move is accepted, without a warning; free bosons are reached to the accuracy of the samples."""
    psi = nqs.GaussianRBM(TRAP, n_hidden=2, seed=3, scale=0.3)
    vmc = nqs.VMC(TRAP, psi, nqs.Gibbs(), SR(0.1), n_samples=640, n_chains=64, n_burn_in=20, threads=1)
    first, *_, last = vmc.steps(30)
    assert first.acceptance == last.acceptance == 1
    assert last.variance < first.variance / 20
    assert last.energy.mean - TRAP.exact_energy < (first.energy.mean - TRAP.exact_energy) / 20


@pytest.mark.skipif(not COMPILED, reason="needs half a million moves")
def test_training_two_electrons():
    """From a bad start nearly all of the excess over the exact energy goes away, and no more than all of it."""
    vmc = dot(beta=4.0, n_samples=2048)
    first, *_ = vmc.steps(100)
    energy = vmc.measure(2**15).energy
    exact = DOT.exact_energy
    assert exact is not None
    excess = first.energy.mean - exact
    assert excess > 100 * energy.error
    assert -3.3 * energy.error < energy.mean - exact < excess / 50


# Error bars


@pytest.mark.skipif(not COMPILED, reason="needs ten million moves")
@pytest.mark.filterwarnings("ignore:.*R-hat:nqs.VMCWarning")  # 32 steps are too few to see that chains agree
@pytest.mark.parametrize(("n_chains", "n_steps"), [(64, 32), (4, 1000)])
def test_error_bars_of_real_runs_cover_the_exact_energy(n_chains, n_steps):
    """The energy of a Gaussian of the wrong width, from 200 seeds."""
    alpha = 0.35
    exact = 2 * np.sum(alpha / 2 + TRAP.omega**2 / (8 * alpha))
    runs = [
        trap(alpha, n_chains=n_chains, n_samples=n_chains, n_burn_in=100, seed=seed).measure(n_chains * n_steps).energy
        for seed in range(200)
    ]
    assert_coverage([run.mean for run in runs], [run.error for run in runs], exact)
    assert abs(np.mean([run.z(exact) for run in runs])) * np.sqrt(200) < 3.3  # no bias


# Records


def test_records_of_a_step():
    vmc = trap()
    before = vmc.psi.parameters
    steps = list(vmc.steps(3))
    assert [step.step for step in steps] == [0, 1, 2]
    assert all(step.energy.n == 640 and step.solver == "parameters" and step.clipped == 0 for step in steps)
    assert steps[0].variance == steps[0].energy.variance
    first = trap()
    next(first.steps(1))
    assert steps[0].update_norm == pytest.approx(np.linalg.norm(first.psi.parameters - before), rel=1e-14)


def test_progress_of_a_measurement(monkeypatch):
    monkeypatch.setattr("nqs.vmc.SAMPLES_PER_ROUND", 6400)
    vmc = trap()
    progress = list(vmc.measuring(15_000))
    assert [record.n_samples for record in progress] == [6400, 12_800, 15_040]  # a whole number for each chain
    assert all(record.n_total == 15_040 for record in progress)
    assert progress[-1].energy.mean == vmc.measured().energy.mean
    assert vmc.measured().energy.n == 15_040


def test_every_measurement_takes_new_samples():
    vmc = trap()
    first, second = vmc.measure(6400).energy, vmc.measure(6400).energy
    assert first.mean != second.mean
    assert first.n == second.n == 6400
    assert abs(first.z(second)) < 3.3


def test_nothing_measured_yet():
    vmc = trap()
    with pytest.raises(ValueError, match=r"call measure\(n_samples\) first"):
        vmc.measured()
    vmc.measure(6400)
    next(vmc.steps(1))
    with pytest.raises(ValueError, match="nothing was measured for these parameters"):
        vmc.measured()


def test_moves_between_samples():
    """More moves between samples leave less autocorrelation."""
    short, long = (trap(moves_per_sample=moves).measure(12_800).energy for moves in (1, 20))
    assert long.tau < 2 < short.tau
