"""What stops a run of variational Monte Carlo, what warns, and what an outlier may do."""

import math
import warnings
from typing import Any

import numpy as np
import pytest

import nqs
from neural.optimizers import GradientDescent
from nqs.vmc import clip_energies
from tests.nqs.runs_of_vmc import DOT, SR, TRAP, dot, trap

pytestmark = pytest.mark.interpreted

# What must stop a run


def test_a_step_far_too_long_diverges_and_says_where():
    vmc = trap(optimizer=GradientDescent(1e200))
    message = "step 0: psi changes beyond all bounds even on 9e-13 of the way; a smaller learning rate may help"
    with pytest.raises(nqs.DivergedError, match=message):
        list(vmc.steps(10))
    assert np.array_equal(vmc.psi.parameters, trap().psi.parameters)


def test_an_update_that_overflows():
    vmc = trap(0.05, GradientDescent(1e308))
    with (
        pytest.raises(nqs.DivergedError, match="step 0: the update is not finite; a smaller learning rate may help"),
        np.errstate(over="ignore"),
    ):
        list(vmc.steps(10))


def test_a_potential_that_is_not_a_number():
    system = TRAP._replace(omega=np.array([1.0, np.nan]))
    vmc = nqs.VMC(system, nqs.Gaussian(TRAP), nqs.RandomWalk(), SR(), n_samples=640, n_chains=64, threads=1)
    with pytest.raises(nqs.DivergedError, match="step 0: 640 of 640 local energies are not finite"):
        vmc.measure(640)


def test_a_metric_without_a_shift_is_singular():
    """With fewer samples than parameters, the smallest eigenvalues are zero within rounding."""
    vmc = dot(n_hidden=8, optimizer=SR(0.05, shift=1e-300, method="parameters"), n_samples=32)
    with pytest.raises(nqs.DivergedError, match=r"step 0: the metric is not positive definite .* larger shift"):
        next(vmc.steps(1))


def with_nan() -> nqs.Gaussian:
    return nqs.Gaussian(TRAP)._replace(alpha=np.array([np.nan, 1.0]))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((nqs.Gaussian(TRAP), TRAP, nqs.RandomWalk(), SR()), "a system, then a wave function, got Gaussian and Harm"),
        ((TRAP, nqs.Gaussian(TRAP), nqs.SpinFlip(), SR()), "a proposal for HarmonicOscillator, got SpinFlip"),
        ((TRAP, nqs.Gaussian(TRAP), nqs.Langevin, SR()), "got the class Langevin itself"),
        ((TRAP, nqs.Gaussian(TRAP), nqs.Langevin(), SR), "got the class StochasticReconfiguration itself"),
        ((TRAP, nqs.Gaussian(TRAP), nqs.Langevin(), "sr"), r"such as StochasticReconfiguration\(0.05\), got str"),
    ],
)
def test_arguments_of_another_kind(arguments, message):
    with pytest.raises(TypeError, match=message):
        nqs.VMC(*arguments)


@pytest.mark.parametrize(
    ("observables", "message"),
    [
        ({"energy": lambda x: x[:, 0, 0]}, "expected other names of observables than energy"),
        ({"r": lambda x: x[1:, 0]}, "expected the observable r to return 10 numbers or arrays for 10 configurations"),
    ],
)
def test_observables_that_cannot_be_measured(observables, message):
    with pytest.raises(ValueError, match=message):
        trap().measure(640, observables)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: nqs.VMC(TRAP, nqs.Gaussian(DOT), nqs.RandomWalk(), SR(), n_chains=0),
            "n_chains to be a whole number",
        ),
        (lambda: trap(n_samples=63), "expected n_samples >= n_chains, got 63 samples for 64 chains"),
        (lambda: trap(n_burn_in=0), "expected n_burn_in to be a whole number >= 1, got 0"),
        (lambda: trap(threads=-1), "expected threads >= 1, got -1"),
        (lambda: trap(clip=-1.0), "expected clip to be a positive number, got -1.0"),
        (lambda: trap(moves_per_sample=0), "expected moves_per_sample to be a whole number >= 1, got 0"),
        (
            lambda: nqs.VMC(nqs.HarmonicOscillator(3, 1), nqs.Gaussian(TRAP), nqs.RandomWalk(), SR()),
            r"expected a wave function of 3 particles in 1 dimensions, got one for .* = \(2, 2\)",
        ),
        (
            lambda: nqs.VMC(TRAP, with_nan(), nqs.RandomWalk(), SR()),
            "expected finite parameters, got NaN or infinity in alpha",
        ),
        (
            lambda: nqs.VMC(TRAP, nqs.GaussianRBM(TRAP) * with_nan(), nqs.RandomWalk(), SR()),
            r"got NaN or infinity in right\.alpha",
        ),
        (
            lambda: nqs.VMC(
                nqs.HarmonicOscillator(3, 2, statistics="fermion"),
                nqs.Gaussian(nqs.HarmonicOscillator(3, 2)),
                nqs.RandomWalk(),
                SR(),
            ),
            "expected a wave function that is antisymmetric for 3 fermions, got Gaussian: multiply it with nqs.Slater",
        ),
        (
            lambda: nqs.VMC(nqs.QuantumDot(2, n_up=2), nqs.Gaussian(nqs.QuantumDot(2)), nqs.RandomWalk(), SR()),
            "expected a wave function that is antisymmetric for 2 fermions, got Gaussian",
        ),
    ],
)
def test_arguments_out_of_range(make, message):
    with pytest.raises(ValueError, match=message):
        make()


# What must warn


def test_a_factor_that_is_not_symmetric():
    dot = nqs.QuantumDot(3)
    message = "GaussianRBM changes when electrons of the same spin are exchanged, so that psi is not antisymmetric"
    with pytest.warns(nqs.VMCWarning, match=message):
        nqs.VMC(dot, nqs.Slater(dot) * nqs.GaussianRBM(dot), nqs.RandomWalk(), SR())
    pair = nqs.QuantumDot(2)
    nqs.VMC(pair, nqs.GaussianRBM(pair), nqs.RandomWalk(), SR())  # opposite spins may differ


def test_steps_that_are_hardly_ever_accepted():
    vmc: Any = trap(n_burn_in=20)
    vmc.burn_in()
    vmc.chains.proposal = nqs.RandomWalk(10.0)
    with pytest.warns(nqs.VMCWarning, match=r"step 0: acceptance 0\.0\d is outside 0\.2 to 0\.9"):
        next(vmc.steps(1))


def warnings_of_frozen_chains(alpha: float) -> list[str]:
    """What is said of steps that are far too short."""
    vmc: Any = trap(alpha, n_burn_in=20)
    vmc.chains.proposal, vmc._ready = nqs.RandomWalk(1e-15), True
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        vmc.measure(6400)
        vmc.measure(6400)
    assert all(warning.category is nqs.VMCWarning for warning in caught)
    return [str(warning.message) for warning in caught]


def test_chains_that_do_not_move():
    """Each kind of warning is given once."""
    messages = warnings_of_frozen_chains(0.7)
    assert len(messages) == 2
    assert "R-hat" in messages[0]
    assert "is above 1.05: the chains disagree" in messages[0]
    assert "acceptance 1.00 is outside 0.2 to 0.9" in messages[1]


def test_an_energy_below_the_exact_one():
    """A wide Gaussian has E_L < E_0 near the centre, where chains that do not move have stayed."""
    assert any("more than 5 errors below the exact 2.7" in message for message in warnings_of_frozen_chains(0.05))


def test_the_exact_state_is_not_below_itself():
    """Rounding alone does not warn: warnings are errors here."""
    trap(TRAP.omega / 2).measure(6400)


# Clipping


def test_clipped_energies():
    energies = np.concatenate([np.linspace(-1, 1, 99), [1000.0]])
    clipped, fraction = clip_energies(energies, 3.0)
    median, deviation = np.median(energies), np.mean(np.abs(energies - np.median(energies)))
    assert clipped.max() == median + 3 * deviation
    assert fraction == 0.01
    assert np.array_equal(clipped[:-1], energies[:-1])
    assert clip_energies(energies, None) == (energies, 0.0)


def test_clipping_changes_the_update_and_not_the_estimate():
    plain, clipped = trap(), trap(clip=1.0)
    one = next(plain.steps(1))
    other = next(clipped.steps(1))
    assert one.energy == other.energy
    assert one.clipped == 0 < other.clipped < 0.6
    assert one.update_norm != other.update_norm
    assert math.isfinite(other.update_norm)
