"""Stochastic reconfiguration: three ways to one direction, inside a trust region."""

from typing import Any

import numpy as np
import pytest

import nqs
from neural.optimizers import ExponentialDecay, State
from nqs import reconfiguration
from nqs.complex_derivatives import Holomorphic
from nqs.energy import local_energies
from nqs.exact import FullSummation
from nqs.log_derivatives import Dense, Outer
from nqs.machine_derivatives import MachineJacobian
from nqs.reconfiguration import METHODS, Centred, StochasticReconfiguration
from nqs.vmc import energy_gradient
from nqs.wavefunctions.wavefunction import jacobian
from tests.nqs.convergence import assert_second_order

SHAPES = {"more samples": (200, 12), "more parameters": (30, 80), "one parameter": (50, 1)}


class Problem:
    """Log-derivatives and local energies of some samples, and the textbook solution."""

    def __init__(self, n_samples: int, n_parameters: int, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        scales = np.logspace(0, -2, n_parameters)  # an ill-conditioned metric
        self.jacobian = Dense(rng.standard_normal((n_samples, n_parameters)) * scales + 1.0)
        self.energies = rng.standard_normal(n_samples) - 7.0
        centred = self.jacobian.dense() - self.jacobian.dense().mean(axis=0)
        self.metric = centred.T @ centred / n_samples
        self.force = centred.T @ (self.energies - self.energies.mean()) / n_samples
        self.parameters = rng.standard_normal(n_parameters)

    def direction(self, shift: float) -> np.ndarray:
        return np.linalg.solve(self.metric + shift * np.eye(len(self.force)), self.force)


@pytest.fixture(params=SHAPES)
def problem(request):
    return Problem(*SHAPES[request.param])


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shift", [1.0, 1e-3])
def test_every_method_solves_the_linear_equations(problem, method, shift):
    optimizer = StochasticReconfiguration(method=method, tolerance=1e-13)
    centred, deviations = Centred(problem.jacobian), problem.energies - problem.energies.mean()
    chosen, _ = optimizer.choose(problem.jacobian)
    solution = optimizer.solve(centred, deviations, shift, np.zeros(len(problem.force)), chosen)
    assert solution.method == chosen
    expected = problem.direction(shift)
    np.testing.assert_allclose(solution.direction, expected, rtol=0, atol=1e-9 * np.abs(expected).max())


def machine(is_complex: bool, n_samples: int, n_sites: int, n_hidden: int) -> MachineJacobian | Holomorphic:
    """The log-derivatives of a machine for random samples."""
    rng = np.random.default_rng(3)
    t = rng.uniform(-1, 1, (n_samples, n_hidden)) + 1j * is_complex * rng.uniform(-1, 1, (n_samples, n_hidden))
    spins = rng.choice([-1.0, 1.0], (n_samples, n_sites))
    inner = MachineJacobian(*(np.insert(x, 0, 1, axis=1) for x in (spins, t if is_complex else t.real)))
    return Holomorphic(inner) if is_complex else inner


@pytest.mark.parametrize("method", ["parameters", "samples"])
@pytest.mark.parametrize("is_complex", [False, True])
@pytest.mark.parametrize("shift", [1e-2, 1e-4, 1e-6])
def test_factors_in_single_precision_give_the_solution_in_double_precision(method, is_complex, shift):
    """Against a dense solution of the textbook equations, for a machine with more than 512 samples and parameters."""
    o = machine(is_complex, n_samples=600, n_sites=12, n_hidden=40)
    rng = np.random.default_rng(4)
    deviations = rng.standard_normal(600) + 1j * is_complex * rng.standard_normal(600)
    deviations = (deviations - deviations.mean()) if is_complex else (deviations - deviations.mean()).real
    dense = o.dense() - o.dense().mean(axis=0)
    metric = (dense.conj().T @ dense).real / 600 + shift * np.eye(dense.shape[1])
    expected = np.linalg.solve(metric, (dense.conj().T @ deviations).real / 600)
    solution = StochasticReconfiguration().solve(Centred(o), deviations, shift, np.zeros(len(expected)), method)
    np.testing.assert_allclose(solution.direction, expected, rtol=0, atol=1e-8 * np.abs(expected).max())
    assert solution.iterations > 1


def test_where_single_precision_fails_double_precision_takes_over(monkeypatch):
    """A shift of 1e-9 of the largest eigenvalue is lost in the rounding of single precision."""
    asked = []
    lower_gram = MachineJacobian.lower_gram
    monkeypatch.setattr(
        MachineJacobian, "lower_gram", lambda self, single: asked.append(single) or lower_gram(self, single)
    )
    o = machine(False, n_samples=600, n_sites=8, n_hidden=20)
    deviations = np.random.default_rng(4).standard_normal(600)
    dense = o.dense() - o.dense().mean(axis=0)
    shift = 1e-9 * float(np.linalg.norm(dense, 2)) ** 2 / 600
    deviations -= deviations.mean()
    expected = np.linalg.solve(dense.T @ dense / 600 + shift * np.eye(o.shape[1]), dense.T @ deviations / 600)
    solution = StochasticReconfiguration().solve(Centred(o), deviations, shift, np.zeros(o.shape[1]), "samples")
    assert asked == [True, False]
    np.testing.assert_allclose(solution.direction, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


def test_matrices_beyond_the_limit_are_not_formed():
    """10x10 sites, alpha = 16 and 8192 samples, with complex parameters."""

    def broadcast(width: int, dtype: type) -> np.ndarray:
        return np.broadcast_to(np.zeros(1, dtype), (8192, width))

    for dtype, expected in ((float, "samples"), (complex, "iterations")):
        o = MachineJacobian(broadcast(101, float), broadcast(1601, dtype))
        assert StochasticReconfiguration().choose(Holomorphic(o) if dtype is complex else o)[0] == expected
    assert reconfiguration.LARGEST * 4 == 2**29


def test_conjugate_gradients_stop_at_their_tolerance(problem):
    centred, deviations = Centred(problem.jacobian), problem.energies - problem.energies.mean()
    for tolerance in (1e-2, 1e-6):
        optimizer = StochasticReconfiguration(method="iterations", tolerance=tolerance)
        solution = optimizer.solve(centred, deviations, 1e-3, np.zeros(len(problem.force)), "iterations")
        residual = problem.force - problem.metric @ solution.direction - 1e-3 * solution.direction
        assert np.linalg.norm(residual) <= tolerance * np.linalg.norm(problem.force) * (1 + 1e-6)
        assert solution.iterations > 0


def test_conjugate_gradients_start_from_the_last_direction(problem):
    optimizer = StochasticReconfiguration(learning_rate=1e-3, method="iterations", tolerance=1e-10)
    state = optimizer.init(len(problem.force))
    counts = []
    for _ in range(2):
        _, state, solution = optimizer.step(problem.parameters, problem.jacobian, problem.energies, state)
        counts.append(solution.iterations)
    assert 4 * counts[1] < counts[0]


def test_conjugate_gradients_are_chosen_by_how_many_iterations_they_took():
    rng = np.random.default_rng(3)
    o, energies, parameters = Dense(rng.standard_normal((400, 300))), rng.standard_normal(400), np.zeros(300)
    optimizer = StochasticReconfiguration(tolerance=1e-8)
    state = State(0, {"direction": np.zeros(300), "iterations": np.array(0.0)})
    _, state, solution = optimizer.step(parameters, o, energies, state)
    assert solution.method == "iterations"
    assert state.memory["iterations"] == solution.iterations > 0
    _, state, solution = optimizer.step(parameters, o, energies, state)
    assert solution.method == "parameters"


def test_without_a_force_the_parameters_stay(problem):
    for method in METHODS:
        optimizer = StochasticReconfiguration(method=method)
        state = optimizer.init(len(problem.force))
        after, _, _ = optimizer.step(problem.parameters, problem.jacobian, np.full(len(problem.energies), 3.0), state)
        assert np.array_equal(after, problem.parameters)


def test_step_goes_down_the_natural_gradient(problem):
    optimizer = StochasticReconfiguration(learning_rate=1e-4, shift=0.1, max_distance=1e3)
    after, state, _ = optimizer.step(
        problem.parameters, problem.jacobian, problem.energies, optimizer.init(len(problem.force))
    )
    np.testing.assert_allclose(after - problem.parameters, -1e-4 * problem.direction(0.1), rtol=1e-9, atol=1e-14)
    assert state.step == 1


@pytest.mark.parametrize("learning_rate", [1e-3, 1.0, 1e6])
@pytest.mark.parametrize("max_distance", [0.01, 0.5])
def test_trust_region_bounds_the_distance(problem, learning_rate, max_distance):
    """sqrt(d^T S d) is max_distance at most, and exactly that where the step was scaled back."""
    optimizer = StochasticReconfiguration(learning_rate, shift=1e-3, max_distance=max_distance)
    after, _, _ = optimizer.step(
        problem.parameters, problem.jacobian, problem.energies, optimizer.init(len(problem.force))
    )
    d, free = after - problem.parameters, -learning_rate * problem.direction(1e-3)
    wanted = np.sqrt(free @ problem.metric @ free)
    assert np.sqrt(d @ problem.metric @ d) == pytest.approx(min(wanted, max_distance), rel=1e-9)
    np.testing.assert_allclose(d / np.linalg.norm(d), free / np.linalg.norm(free), atol=1e-9)


def test_distance_is_the_spread_of_the_change_of_log_psi():
    """To first order in the step, for a wave function: std(log psi_after - log psi_before) over the samples."""
    system = nqs.HarmonicOscillator(2, 2)
    psi = nqs.GaussianRBM(system, n_hidden=3, scale=0.5)
    x = system.first_configurations(500, np.random.default_rng(0))
    energies = np.random.default_rng(1).standard_normal(500)
    optimizer = StochasticReconfiguration(learning_rate=1e6, max_distance=1e-4)
    after, _, _ = optimizer.step(
        psi.parameters, Dense(psi.log_derivatives(x)), energies, optimizer.init(psi.n_parameters)
    )
    change = psi.with_parameters(after).log_psi(x) - psi.log_psi(x)
    assert change.std() == pytest.approx(1e-4, rel=1e-3)


def test_schedules_are_asked_for_the_step(problem):
    optimizer = StochasticReconfiguration(ExponentialDecay(1e-4, 0.5), shift=ExponentialDecay(1.0, 0.1))
    state = optimizer.init(len(problem.force))
    parameters = problem.parameters
    for k in range(3):
        after, state, _ = optimizer.step(parameters, problem.jacobian, problem.energies, state)
        expected = -1e-4 * 0.5**k * problem.direction(0.1**k)
        np.testing.assert_allclose(after - parameters, expected, rtol=1e-8, atol=1e-14)
        parameters = after


def test_the_cheapest_method_by_shape_and_structure():
    def cheapest(jacobian: Dense | Outer) -> str:
        return StochasticReconfiguration().choose(jacobian)[0]

    def dense(n_samples: int, n_parameters: int) -> Dense:
        return Dense(np.broadcast_to(0.0, (n_samples, n_parameters)))

    def outer(n_samples: int, width: int) -> Outer:
        return Outer(*[np.broadcast_to(0.0, (n_samples, width))] * 2)

    assert cheapest(dense(10_000, 10)) == "parameters"
    assert cheapest(dense(100, 100_000)) == "samples"
    assert cheapest(dense(10_000, 10_000)) == "iterations"
    narrow = np.broadcast_to(0.0, (2000, 200))
    assert cheapest(dense(2000, 200 * 200)) == "samples"
    assert cheapest(Outer(narrow, narrow)) == "samples"
    narrow = np.broadcast_to(0.0, (10_000, 100))
    assert cheapest(Outer(narrow, narrow)) == "iterations"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"learning_rate": 0.0}, "expected learning_rate to be a positive number, got 0.0"),
        ({"learning_rate": float("nan")}, "expected learning_rate to be a positive number, got nan"),
        ({"learning_rate": "0.1"}, "expected learning_rate to be a positive number, got '0.1'"),
        ({"momentum": "0.9"}, "expected momentum to be at least 0 and below 1, got '0.9'"),
        ({"shift": -1e-3}, "expected shift to be a positive number, got -0.001"),
        ({"max_distance": 0.0}, "expected max_distance to be a positive number, got 0.0"),
        ({"tolerance": 0.0}, "expected tolerance to be a positive number, got 0.0"),
        ({"max_iterations": 0}, "expected max_iterations to be a positive number, got 0"),
        ({"method": "exact"}, "one of auto, parameters, samples, iterations, got 'exact'"),
    ],
)
def test_arguments_out_of_range(options, message):
    with pytest.raises(ValueError, match=message):
        StochasticReconfiguration(**options)


# The gradient of the energy, exactly: expectation values by quadrature on a line


class Quadrature:
    """<E_L> and its gradient for one particle on a line; for functions that vanish at the ends the error is tiny."""

    x = np.linspace(-9.0, 9.0, 301).reshape(-1, 1, 1)

    def __init__(self, psi: nqs.WaveFunction) -> None:
        weights = np.exp(2 * psi.log_psi(self.x))
        gradient, laplacian = psi.gradient_laplacian(self.x)
        local = -0.5 * (laplacian + gradient.ravel() ** 2) + 0.5 * self.x.ravel() ** 2
        probabilities = weights / weights.sum()
        self.energy = float(probabilities @ local)
        # A weighted covariance is the covariance of samples that count equally, with the weights in one of its factors.
        self.deviations = len(local) * probabilities * (local - self.energy)
        self.gradient = energy_gradient(Dense(psi.log_derivatives(self.x)), self.deviations)


@pytest.mark.parametrize("name", ["Gaussian", "GaussianRBM"])
def test_energy_gradient_is_the_derivative_of_the_energy(name):
    system = nqs.HarmonicOscillator(1, 1)
    psi = {
        "Gaussian": nqs.Gaussian(system, alpha=0.3),
        "GaussianRBM": nqs.GaussianRBM(system, n_hidden=2, scale=1.0, train_sigma=True, seed=1),
    }[name]
    parameters, shifts = psi.parameters, np.eye(psi.n_parameters)

    def energy(vector: np.ndarray) -> float:
        return Quadrature(psi.with_parameters(vector)).energy

    def differences(h: float) -> np.ndarray:
        return np.array([energy(parameters + h * d) - energy(parameters - h * d) for d in shifts]) / (2 * h)

    assert_second_order(differences, Quadrature(psi).gradient)


def test_energy_gradient_of_a_gaussian():
    """E = alpha / 2 + 1 / (8 alpha), dE / d alpha = 1/2 - 1 / (8 alpha^2)"""
    quadrature = Quadrature(nqs.Gaussian(nqs.HarmonicOscillator(1, 1), alpha=0.3))
    assert quadrature.energy == pytest.approx(0.15 + 1 / 2.4, rel=1e-12)
    assert quadrature.gradient == pytest.approx([0.5 - 1 / 0.72], rel=1e-12)


@pytest.mark.parametrize("method", ["parameters", "samples", "iterations"])
def test_momentum_is_the_regularised_least_squares_of_spring(method):
    """d minimises |O d - e|^2 / n + shift |d - mu d'|^2, d' the last direction: a stacked lstsq."""
    rng = np.random.default_rng(5)
    n, p, shift, mu = 40, 25, 0.03, 0.8
    o, energies, last = rng.standard_normal((n, p)), rng.standard_normal(n), rng.standard_normal(p)
    centred, deviations = o - o.mean(axis=0), energies - energies.mean()
    stacked = np.vstack([centred / np.sqrt(n), np.sqrt(shift) * np.eye(p)])
    right = np.concatenate([deviations / np.sqrt(n), np.sqrt(shift) * mu * last])
    expected = np.linalg.lstsq(stacked, right)[0]
    optimizer = nqs.StochasticReconfiguration(0.1, shift, momentum=mu, method=method, tolerance=1e-13)
    found = optimizer.direction(Centred(Dense(o)), deviations, shift, last, method)
    np.testing.assert_allclose(found.direction, expected, rtol=1e-9)


# Products of real and complex factors

COMPLEX_SUM = nqs.PauliSum([(0.7, "Y0 X1"), (-0.7, "X0 Y1"), (0.3, "Z0 Z2"), (-0.5, "X0"), (0.4, "Y2 Z1")])


def product_of(first: type, second: type) -> Any:
    machine = nqs.SpinRBM(COMPLEX_SUM, 1, dtype=first, seed=1, scale=0.3)
    return machine * nqs.SpinJastrow(COMPLEX_SUM, dtype=second, seed=2, scale=0.3)


@pytest.mark.interpreted
@pytest.mark.parametrize("types", [(float, complex), (complex, float), (complex, complex)])
def test_products_of_real_and_complex_factors(types):
    """The force is half the gradient of the energy, by finite differences; every method solves the same equations."""
    psi = product_of(*types)
    whole, theta, step = FullSummation(psi), psi.parameters, 1e-5
    x, weights = whole.basis.spins, whole.probabilities
    energies, o = local_energies(COMPLEX_SUM, psi, x), jacobian(psi, psi.rows(x))
    shifted = [
        [FullSummation(psi.with_parameters(theta + sign * step * axis)).expectation(COMPLEX_SUM) for sign in (1, -1)]
        for axis in np.eye(len(theta))
    ]
    gradient = np.subtract(*np.transpose(shifted)) / (2 * step)
    found = 2 * o.rmatvec(weights * (energies - weights @ energies))
    np.testing.assert_allclose(found, gradient, rtol=0, atol=1e-8)
    centred, deviations = o.dense() - o.dense().mean(axis=0), energies - energies.mean()
    metric = np.real(centred.conj().T @ centred) / len(x) + 1e-2 * np.eye(len(theta))
    direction = np.linalg.solve(metric, np.real(centred.conj().T @ deviations) / len(x))
    for method in METHODS if types == (complex, complex) else ("auto", "parameters", "iterations"):
        sr = StochasticReconfiguration(1.0, shift=1e-2, method=method, max_distance=1e9, tolerance=1e-12)
        after, _, _ = sr.step(theta, o, energies, sr.init(len(theta)))
        np.testing.assert_allclose(theta - after, direction, rtol=0, atol=1e-10)


@pytest.mark.interpreted
def test_a_product_of_complex_factors_trains():
    psi = product_of(complex, complex)
    vmc = nqs.VMC(COMPLEX_SUM, psi, nqs.SpinFlip(), StochasticReconfiguration(), n_samples=256, n_chains=64, threads=1)
    steps = list(vmc.steps(5))
    assert steps[-1].energy.mean < steps[0].energy.mean
