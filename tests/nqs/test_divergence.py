"""Steps that would run away are shortened, and where nothing helps the training ends at its best state."""

import math
import re

import numpy as np
import pytest

import nqs
from neural.optimizers import GradientDescent, State
from nqs.safeguard import ENOUGH, RETREATS, Best, Record, Safeguard
from tests.nqs.runs_of_vmc import SR, TRAP, dot, trap

GOOD = Record(-10.0, 0.01, 1.0, -10.0, 0.8, 0.5, 1000.0)

# One step


def change_of_log_psi(vmc: nqs.VMC, before: nqs.WaveFunction) -> float:
    x = vmc.chains.x[:64]
    return float(np.std(np.real(vmc.psi.log_psi(x) - before.log_psi(x))))


@pytest.mark.interpreted
@pytest.mark.parametrize("rate", [1.0, 1e3, 1e9])
def test_a_step_changes_psi_by_a_bounded_amount(rate):
    vmc = trap(optimizer=GradientDescent(rate))
    before = vmc.psi
    next(vmc.steps(1))
    assert 0.1 < change_of_log_psi(vmc, before) <= 0.3


def test_what_a_short_step_changes_is_not_looked_at_every_time():
    vmc, looks = trap(optimizer=GradientDescent(1e-3)), []
    log_psi = nqs.Gaussian.log_psi
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nqs.Gaussian, "log_psi", lambda psi, x: looks.append(len(x)) or log_psi(psi, x))
        list(vmc.steps(20))
    assert looks == [64] * 4


def test_the_bound_is_part_of_the_trust_region():
    for max_distance in (0.05, 0.5):
        vmc = trap(1.2, SR(100.0, max_distance=max_distance))
        before = vmc.psi
        next(vmc.steps(1))
        assert 0.2 * max_distance < change_of_log_psi(vmc, before) <= 0.6 * max_distance


def test_a_short_step_is_what_the_optimizer_says():
    """To the last bit."""
    vmc, optimizer = trap(), GradientDescent(1e-3)
    vmc.optimizer = optimizer
    vmc.optimizer_state = optimizer.init(2)
    taken: list[np.ndarray] = []
    update = vmc._update

    def recorded(parameters, o, energies):
        taken.append(update(parameters, o, energies)[0])
        return taken[-1], "gradient"

    vmc._update = recorded  # type: ignore[method-assign]
    for _ in vmc.steps(3):
        assert np.array_equal(vmc.psi.parameters, taken[-1])


# Which samples are good


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"energy": -9.0, "median": -9.0}, "the energy rose from -10 to -9"),
        ({"median": -8.0}, "the median of the energies rose from -10 to -8"),
        ({"acceptance": 0.1}, "the acceptance fell from 0.5 to 0.1"),
        ({"n_eff": 40.0}, "the weighted samples are worth 40 instead of 1000"),
        ({"energy": -1e16, "median": -1e16}, "the energy fell from -10 to -1e.16"),
        ({"acceptance": 0.0}, "no move of the chains is accepted any more"),
        ({"energy": np.nan}, "the energy is not finite"),
        ({"n_eff": np.nan}, "the energy is not finite"),
    ],
)
def test_samples_that_are_not_good(changes, message):
    guard = with_best()
    assert guard.complaint(GOOD) == ""
    assert re.search(message, guard.complaint(GOOD._replace(**changes)))


@pytest.mark.parametrize(
    "changes",
    [
        {"energy": -9.7, "median": -9.7},  # within its deviation
        {"energy": 100.0, "error": 50.0, "deviation": 200.0},  # an outlier, which has an error of its own
        {"energy": -15.0, "median": -15.0},
        {"acceptance": 0.2},
    ],
)
def test_samples_that_may_be_good(changes):
    assert with_best().complaint(GOOD._replace(**changes)) == ""


PEAK = Record(-6692.0, 5887.0, 1e10, -17.9, 6700.0, 0.3, 300.0)


@pytest.mark.parametrize("energy", [-6692.0, 152.0, np.inf])
def test_an_energy_that_no_state_has(energy):
    """However large its error: a peak of psi was found by few samples, and local energies around it are huge."""
    guard = with_best((-81.0, 81.0))
    assert "is outside -81 to 81" in guard.complaint(PEAK._replace(energy=energy)) or energy == np.inf
    assert Safeguard("", (-81.0, 81.0)).complaint(PEAK)
    assert with_best((0.0, math.inf)).complaint(PEAK._replace(energy=-100.0, median=-10.0))


def test_noise_about_a_bound_is_no_complaint():
    """The ground state of two spins is at the bound, -3/4; where sigma is largest, 16 samples may be far beyond it."""
    at_bound = Record(-0.75, 0.1, 0.3, -0.75, 0.3, 0.5, 16.0)
    guard = Safeguard("", (-0.75, 0.75))
    assert guard.complaint(at_bound) == guard.complaint(at_bound._replace(energy=-1.3)) == ""
    assert guard.complaint(at_bound._replace(energy=-2.0))


def test_an_impossible_energy_ends_a_training():
    """Chains far from equilibrium, beside a peak of psi that they have not found: E_L there is -e^10."""
    system = nqs.TransverseFieldIsing(nqs.Chain(10), h=1.0)
    psi = nqs.SpinJastrow(system, dtype=float).with_parameters(np.concatenate([np.full(10, 5.0), np.zeros(45)]))
    vmc = nqs.VMC(system, psi, nqs.SpinFlip(), SR(0.05), n_samples=64, n_chains=64, threads=1, moves_per_sample=1)
    vmc._ready = True
    vmc.chains.x[:] = 1
    vmc.chains.x[:, 0] = -1
    with pytest.raises(nqs.DivergedError, match=r"step 0: the energy -[0-9.]+ is outside -20 to 20, where"):
        next(vmc.steps(1))


def with_best(bounds: tuple[float, float] = (-math.inf, math.inf)) -> Safeguard:
    guard = Safeguard("less may help", bounds)
    guard.accept(0, Best(np.zeros(2), State(0, {}), GOOD))
    return guard


def test_no_step_is_to_blame_for_an_energy_that_stays():
    """After four retreats it is taken as it is; what cannot be right is not."""
    psi, guard = nqs.Gaussian(TRAP), with_best()
    higher = GOOD._replace(energy=-8.0, median=-8.0)
    for _ in range(ENOUGH):
        assert guard.complaint(higher)
        guard.retreat(psi)
        assert guard.complaint(GOOD._replace(energy=np.inf))
    assert not guard.complaint(higher)
    for _ in range(RETREATS - ENOUGH):
        assert not guard.exhausted
        guard.retreat(psi)
    assert guard.exhausted


def test_trust_is_lost_at_once_and_comes_back_slowly():
    guard, psi = with_best(), nqs.Gaussian(TRAP)
    now = Best(np.zeros(2), State(0, {}), GOOD)
    guard.retreat(psi)
    guard.retreat(psi)
    guard.accept(1, now)
    assert guard.trust == 1 / 16
    found = []
    for step in range(2, 20):
        guard.accept(step, now)
        found.append(guard.trust)
    assert found[0] == 1.2 / 16
    assert found[-1] == 1
    assert (np.diff(found) >= 0).all()


# A training that runs away


@pytest.mark.interpreted
def test_it_ends_at_the_best_state():
    """Every energy becomes NaN; eight shorter steps do not help."""
    vmc = trap()
    list(vmc.steps(5))
    best = vmc._safeguard.best
    assert best is not None
    vmc.system = TRAP._replace(omega=np.array([1.0, np.nan]))
    message = "step 5: 640 of 640 local energies are not finite.*; a smaller learning rate or a larger shift may help"
    with pytest.raises(nqs.DivergedError, match=message) as caught:
        list(vmc.steps(5))
    assert caught.value.step == 5
    assert np.array_equal(vmc.psi.parameters, best.parameters)
    assert vmc.optimizer_state == best.optimizer
    with pytest.raises(nqs.DivergedError, match=r"the training diverged \(step 5: .*measure with allow_diverged=True"):
        vmc.measure(640)
    vmc.system = TRAP
    other = trap(optimizer=SR(0.1))  # continues with other settings, and is then as good as any
    other.restore(vmc.state())
    with pytest.raises(nqs.DivergedError, match="the training diverged"):
        other.measure(640)
    assert "step 5" in other.measure(2**15, allow_diverged=True).diverged
    list(other.steps(10))
    assert other.measure(2**15).diverged == ""


@pytest.mark.interpreted
def test_a_state_that_cannot_be_normalised_is_named():
    psi = nqs.Gaussian(TRAP)._replace(alpha=np.array([-0.3, 1.0]))
    for use in (lambda vmc: vmc.measure(640), lambda vmc: next(vmc.steps(1))):
        vmc = nqs.VMC(TRAP, psi, nqs.RandomWalk(), SR(), n_samples=640, n_chains=64, threads=1, n_burn_in=400)
        with pytest.raises(nqs.DivergedError, match=r"so that psi cannot be normalised: alpha is -0\.3; a smaller"):
            use(vmc)


def test_electrons_at_an_absurd_rate():
    """It went to energies between -50 and 28; the exact one is 3."""
    vmc = dot(optimizer=SR(100.0), n_samples=2048, n_chains=64)
    energies = [step.energy.mean for step in vmc.steps(60)]
    assert max(energies[5:]) < energies[0] + 0.2
    assert vmc.measure(2**16).energy.mean == pytest.approx(3.0, abs=0.02)


@pytest.mark.parametrize("stop", [3, 20, 41])
def test_restored_it_shortens_the_same_steps(stop):
    def run() -> nqs.VMC:
        return dot(optimizer=SR(100.0), n_samples=640)

    whole, interrupted, fresh = run(), run(), run()
    expected = list(whole.steps(50))
    assert whole._safeguard.trust < 1
    assert list(interrupted.steps(stop)) == expected[:stop]
    fresh.restore(interrupted.state())
    assert list(fresh.steps(50 - stop)) == expected[stop:]
    assert np.array_equal(fresh.psi.parameters, whole.psi.parameters)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"trust": 0.0}, "safeguard/trust: expected a finite number from 1e-300 to 1, found 0"),
        ({"record": np.zeros(3)}, r"safeguard/record: expected the shape \(7\), found \(3\)"),
        ({"parameters": np.zeros(1)}, r"safeguard/parameters: expected the shape \(2\), found \(1\)"),
    ],
)
def test_a_safeguard_that_does_not_fit(change, message):
    state = trap().state()
    state["safeguard"] |= change
    with pytest.raises(ValueError, match=message):
        trap().restore(state)


def test_a_state_saved_without_a_safeguard_continues():
    vmc, other = trap(), trap()
    list(vmc.steps(3))
    state = vmc.state()
    del state["safeguard"], state["diverged"]
    other.restore(state)
    assert list(other.steps(3)) == list(vmc.steps(3))


# Where the linear part of a step says nothing


def test_a_machine_that_is_flat_at_the_beginning():
    """16 spins, exact -11.2284832 by diagonalisation: log psi is nearly quadratic in the weights of a new machine.

    With the trust region of the linear part alone, the energies went to -1e16 in three steps.
    """
    system = nqs.Heisenberg(nqs.Square(4))
    psi = nqs.SymmetricRBM(system, 4, dtype=float, seed=1)
    optimizer = SR(0.05, shift=1e-3)
    vmc = nqs.VMC(system, psi, nqs.SpinExchange(system), optimizer, n_samples=1024, seed=1, threads=1)
    steps = list(vmc.steps(100))
    assert min(step.acceptance for step in steps) > 0.1
    assert all(step.energy.mean > -11.3 for step in steps)
    assert vmc.measure(2**15).energy.mean == pytest.approx(-11.2284832, rel=1e-3)


# Local energies with an imaginary part


def test_the_variance_of_a_real_state_with_complex_energies():
    """1.0725 by summation over all configurations; that of the real parts alone is 0."""
    terms = [(0.7, "Y0 X1"), (-0.7, "X0 Y1"), (0.7, "Y1 X2"), (-0.7, "X1 Y2")]
    system = nqs.PauliSum(terms, 3)
    psi = nqs.SpinRBM(system, 1, dtype=float, seed=2, scale=0.3)
    with pytest.warns(nqs.SignProblemWarning):
        vmc = nqs.VMC(system, psi, nqs.SpinFlip(), SR(), n_samples=2**14, n_chains=64, seed=1, threads=1)
    step = next(vmc.steps(1))
    assert step.energy.mean == pytest.approx(0, abs=1e-12)
    assert step.variance == pytest.approx(1.0725, abs=0.03)
