"""Time-dependent variational Monte Carlo against exact evolution, where the wave function can follow it exactly."""

import numpy as np
import pytest

import nqs
from nqs.complex_derivatives import Holomorphic, RealParameters
from nqs.energy import local_energies
from nqs.evolution import METHODS, Moment, TimeEvolution
from nqs.exact import FullSummation, evolve, lowest
from nqs.exact.diagonalisation import spins_of
from nqs.log_derivatives import Blocks, Dense
from nqs.spin_observables import transverse_magnetisation
from nqs.velocity import Samples, distance, velocity
from nqs.wavefunctions.wavefunction import jacobian

RING = nqs.TransverseFieldIsing(nqs.Chain(3), J=1.0, h=0.8)
ALL = spins_of(np.arange(8), 3)
LEFT_OUT = 1e-14  # a cutoff that damps no direction


def complete() -> nqs.SpinJastrow:
    """Even under the flip of all spins, as RING is: three couplings and the norm are all amplitudes there are."""
    psi = nqs.SpinJastrow(RING, seed=3, scale=0.3)
    vector = psi.parameters
    vector[[0, 1, 2, 6, 7, 8]] = 0.0  # the biases: real parts, then imaginary parts
    return psi.with_parameters(vector)


@pytest.mark.interpreted
def test_a_complete_wave_function_follows_schroedinger():
    psi = complete()
    start = FullSummation(psi).amplitudes
    evolution = TimeEvolution(RING, psi, method="dormand-prince", tolerance=1e-8, cutoff=LEFT_OUT)
    energies = []
    for moment in evolution.at([0.3, 1.0]):
        now = FullSummation(evolution.psi)
        assert now.fidelity(evolve(RING, start, moment.time)) == pytest.approx(1, abs=1e-10)
        assert moment.residual < 1e-12
        assert moment.energy.mean == pytest.approx(now.expectation(RING), rel=1e-12)
        energies.append(moment.energy.mean)
    assert energies[1] == pytest.approx(energies[0], abs=1e-7)


@pytest.mark.interpreted
@pytest.mark.parametrize("method", METHODS)
def test_order_of_the_methods(method):
    """The distance to the exact state at time 1/2 falls as step^order, within a quarter of an order."""
    psi = complete()
    exact = evolve(RING, FullSummation(psi).amplitudes, 0.5)
    steps, errors = 0.5 / np.array([16, 32]), []
    for dt in steps:
        evolution = TimeEvolution(
            RING, psi, method=method, tolerance=1e6, first_step=dt, longest_step=dt, cutoff=LEFT_OUT
        )
        assert next(evolution.at([0.5])).n_steps == round(0.5 / dt)
        state = FullSummation(evolution.psi).amplitudes
        errors.append(np.linalg.norm(state - exact * np.vdot(exact, state)))
    assert np.polyfit(np.log(steps), np.log(errors), 1)[0] == pytest.approx(METHODS[method].order, abs=0.25)


@pytest.mark.interpreted
def test_smaller_tolerances_give_smaller_errors():
    psi = complete()
    exact = evolve(RING, FullSummation(psi).amplitudes, 1.0)
    distances = []
    for tolerance in (3e-3, 3e-4):
        evolution = TimeEvolution(RING, psi, tolerance=tolerance, cutoff=LEFT_OUT)
        (moment,) = evolution.at([1.0])
        distances.append(np.sqrt(1 - FullSummation(evolution.psi).fidelity(exact)))
        assert distances[-1] < 3 * tolerance * moment.n_steps  # the errors of the steps at most add up
    assert distances[1] < distances[0] / 5


@pytest.mark.interpreted
def test_imaginary_time_ends_in_the_ground_state():
    evolution = TimeEvolution(RING, complete(), imaginary=True, tolerance=1e-4, longest_step=0.5)
    energies = [moment.energy.mean for moment in evolution.at([0.0, 0.5, 1.0, 6.0])]
    assert (np.diff(energies) < 0).all()
    assert energies[-1] == pytest.approx(RING.exact_energy, rel=1e-5)
    assert FullSummation(evolution.psi).fidelity(lowest(RING).states[:, 0]) > 0.9999


def normal(*shape: int) -> np.ndarray:
    return np.random.default_rng(shape).standard_normal(shape)


JACOBIANS = {
    "real": Dense(normal(9, 4)),
    "holomorphic": Holomorphic(Dense(normal(9, 3) + 1j * normal(3, 9).T)),
    "real parameters": RealParameters(Dense(normal(9, 5) + 1j * normal(5, 9).T)),
    "a product": Blocks((Holomorphic(Dense(normal(9, 1) + 0j)), Holomorphic(Dense(normal(9, 2) + 1j)))),
    "a product of both": Blocks((Holomorphic(Dense(normal(9, 2) + 0j)), Dense(normal(9, 2)))),
}


@pytest.mark.interpreted
@pytest.mark.parametrize("factor", [-1j, -1.0], ids=["real time", "imaginary time"])
@pytest.mark.parametrize("name", JACOBIANS)
def test_velocity_is_the_nearest_motion(name, factor):
    """Least squares for real parameters, with real and imaginary parts stacked."""
    weights = normal(9) ** 2 / np.sum(normal(9) ** 2)
    samples = Samples(JACOBIANS[name], normal(9, 2) @ np.array([1, 1j]), weights, np.inf)
    found = velocity(samples, factor, 1e-12, 0.0)
    o, root = samples.jacobian.dense(), np.sqrt(weights)
    o = root[:, None] * (o - weights @ o)
    goal = factor * root * (samples.energies - weights @ samples.energies)
    stacked, right = np.vstack([np.real(o), np.imag(o)]), np.concatenate([np.real(goal), np.imag(goal)])
    best = np.linalg.lstsq(stacked, right, rcond=1e-8)[0]
    np.testing.assert_allclose(found.theta, best, atol=1e-9)
    assert found.residual == pytest.approx(np.sum((stacked @ best - right) ** 2) / np.sum(right**2), rel=1e-9)
    change = normal(o.shape[1], 1)[:, 0]
    assert distance(samples, change) == pytest.approx(np.linalg.norm(o @ change), rel=1e-12)


@pytest.mark.interpreted
def test_velocity_of_a_complete_wave_function_has_no_noise():
    """Where the motion can be followed exactly, any samples give the same velocity as all configurations.

    Any in which each configuration is as frequent as the one with all spins turned over: the biases stay zero.
    """
    psi, x = complete(), ALL[[0, 7, 1, 6, 1, 6, 2, 5, 3, 4]]
    whole = FullSummation(psi)
    energies = local_energies(RING, psi, ALL)
    exact = velocity(Samples(jacobian(psi, psi.rows(ALL)), energies, whole.probabilities, np.inf), -1j, LEFT_OUT, 0.0)
    few = Samples(jacobian(psi, psi.rows(x)), local_energies(RING, psi, x), np.full(10, 0.1), 10.0)
    found = velocity(few, -1j, LEFT_OUT, 0.0)
    np.testing.assert_allclose(found.theta, exact.theta, atol=1e-8)
    assert np.abs(exact.theta).max() > 0.1


@pytest.mark.interpreted
def test_distance_of_small_changes():
    """The angle between psi and psi with slightly other parameters, to first order."""
    psi = complete()
    change = 1e-4 * normal(psi.n_parameters)
    fidelity = FullSummation(psi).fidelity(FullSummation(psi.with_parameters(psi.parameters + change)).amplitudes)
    samples = Samples(jacobian(psi, psi.rows(ALL)), np.zeros(8), FullSummation(psi).probabilities, np.inf)
    assert distance(samples, change) == pytest.approx(np.sqrt(1 - fidelity), rel=1e-3)


@pytest.mark.interpreted
def test_directions_without_signal_are_damped():
    """Of two independent columns one has a force of 40 standard errors, the other one of noise alone.

    What is damped are the eigenvectors of the metric, which the samples rotate a little.
    """
    rng = np.random.default_rng(7)
    n = 4000
    o = rng.standard_normal((n, 2)) * np.array([1.0, 0.7])
    energies = o[:, 0] + rng.standard_normal(n) + 0j
    samples = Samples(Dense(o), energies, np.full(n, 1 / n), n)
    free, damped = velocity(samples, -1.0, 1e-8, 0.0), velocity(samples, -1.0, 1e-8, 8.0)
    assert free.rank == pytest.approx(2)
    assert damped.rank == pytest.approx(1, abs=1e-2)
    noisy, clear = np.linalg.eigh(np.cov(o.T))[1].T
    assert abs(noisy @ damped.theta) < 1e-2 * abs(noisy @ free.theta) + 1e-4
    assert clear @ damped.theta == pytest.approx(clear @ free.theta, rel=1e-3)
    assert abs(clear @ free.theta) == pytest.approx(1, abs=0.1)


@pytest.mark.interpreted
def test_noise_of_a_force_is_its_spread_over_repetitions():
    """A threshold of exactly one standard error halves the direction: the median damping over many draws of noise."""
    rng = np.random.default_rng(8)
    forces, n = [], 500
    for _ in range(400):
        o, energies = rng.standard_normal((n, 1)), rng.standard_normal(n) + 0j
        samples = Samples(Dense(o), energies, np.full(n, 1 / n), n)
        forces.append(velocity(samples, -1.0, 1e-12, 1.0).rank)
    # |force| exceeds one standard error with the probability 0.3173 of a normal distribution, and then rank > 1/2
    assert abs(np.mean(np.array(forces) > 0.5) - 0.3173) < 4 * np.sqrt(0.3173 * 0.6827 / 400)


def test_sampled_evolution_agrees_with_the_summed_one():
    """Over 16 seeds the deviations of <sigma^x> average to zero within their spread; the steps are the same."""
    ring = nqs.TransverseFieldIsing(nqs.Chain(4), J=1.0, h=0.8)
    operator = nqs.PauliSum([(1 / 4, f"X{i}") for i in range(4)], 4)
    options = {"n_samples": 2048, "n_chains": 64, "n_burn_in": 20, "least_signal": 0.0, "cutoff": 1e-4}
    options |= {"tolerance": 1e3, "first_step": 0.1, "longest_step": 0.1}

    def evolved(proposal: nqs.SpinFlip | None, seed: int) -> tuple[float, Moment]:
        psi = nqs.SpinJastrow(ring, seed=3, scale=0.3)
        evolution = TimeEvolution(ring, psi, proposal, seed=seed, threads=1, **options)
        (moment,) = evolution.at([0.4], {"sx": lambda x: transverse_magnetisation(evolution.psi)(x)})
        return FullSummation(evolution.psi).expectation(operator), moment

    exact, moment = evolved(None, 0)
    assert moment.observables["sx"].mean == pytest.approx(exact, rel=1e-12)
    assert 1e-3 < moment.residual < 1  # the wave function cannot follow: there is noise
    values, moments = zip(*(evolved(nqs.SpinFlip(), seed) for seed in range(16)), strict=True)
    assert np.std(values) > 1e-4
    assert abs(np.mean(values) - exact) < 4 * np.std(values, ddof=1) / 4
    z = [each.observables["sx"].z(value) for each, value in zip(moments, values, strict=True)]
    assert np.sum(np.square(z)) < 40.8  # chi-squared with 16 degrees of freedom, p = 6e-4


@pytest.mark.parametrize("proposal", [None, nqs.SpinFlip()], ids=["sum", "samples"])
def test_restored_it_continues_to_the_same_bits(proposal):
    options = {"n_samples": 512, "n_chains": 64, "n_burn_in": 20, "tolerance": 0.02, "seed": 1}
    times = [0.0, 0.1, 0.2, 0.3]
    whole = TimeEvolution(RING, complete(), proposal, threads=1, **options)
    moments = list(whole.at(times))
    first = TimeEvolution(RING, complete(), proposal, threads=1, **options)
    steps = first.at(times)
    begun = [next(steps), next(steps)]
    second = TimeEvolution(RING, complete(), proposal, threads=2, **options)
    second.restore(first.state())
    assert repr([*begun, *second.at(times)]) == repr(moments)
    np.testing.assert_array_equal(second.psi.parameters, whole.psi.parameters)


@pytest.mark.interpreted
def test_an_energy_that_is_not_conserved_stops_at_the_last_moment():
    """Steps of 5 with a tolerance that bounds nothing."""
    system = nqs.TransverseFieldIsing(nqs.Chain(3), h=1.3)
    evolution = TimeEvolution(system, complete(), first_step=5.0, longest_step=5.0, tolerance=10.0, method="heun")
    moments = evolution.at([0.0, 2.0])
    next(moments)
    before = evolution.state()
    message = "time 2: the energy went from .*; a smaller tolerance or cutoff, or more samples, may help"
    with pytest.raises(nqs.DivergedError, match=message):
        next(moments)
    assert evolution.time == 0
    assert repr(evolution.state()) == repr(before)
    evolution.tolerance, evolution.step_size = 1e-4, 1e-2
    assert next(evolution.at([2.0])).energy.mean == pytest.approx(
        FullSummation(complete()).expectation(system), abs=1e-2
    )


@pytest.mark.interpreted
def test_a_run_away_step_is_tried_again_shorter():
    evolution = TimeEvolution(RING, complete(), first_step=1e3, longest_step=1e3, tolerance=1e-3)
    (moment,) = evolution.at([0.2])
    assert moment.n_steps > 1
    assert moment.energy.mean == pytest.approx(FullSummation(complete()).expectation(RING), abs=1e-2)


@pytest.mark.interpreted
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "euler"}, "expected method to be one of heun, bogacki-shampine, dormand-prince, got 'euler'"),
        ({"tolerance": 0.0}, "expected tolerance to be a positive number"),
        ({"proposal": nqs.SpinFlip(), "n_samples": 8}, "expected n_samples >= n_chains"),
        ({"psi": nqs.SpinRBM(RING, dtype=float)}, "expected a wave function with a phase in real time"),
    ],
)
def test_arguments_out_of_range(options, message):
    with pytest.raises(ValueError, match=message):
        TimeEvolution(RING, **{"psi": complete(), **options})


@pytest.mark.interpreted
def test_log_derivatives_that_are_not_holomorphic_are_refused_as_such():
    from nqs.velocity import holomorphic_columns

    with pytest.raises(TypeError, match="expected holomorphic log-derivatives, got RealParameters"):
        holomorphic_columns(Blocks((RealParameters(Dense(np.ones((2, 2)) + 0j)),)))
