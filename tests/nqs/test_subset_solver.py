"""The natural direction preconditioned by a subset of the samples, against dense solutions of the equations."""

import numpy as np
import pytest

from nqs import subset_solver
from nqs.complex_derivatives import Holomorphic
from nqs.log_derivatives import Dense
from nqs.machine_derivatives import MachineJacobian
from nqs.reconfiguration import Centred, StochasticReconfiguration

N_SAMPLES, N_SITES, N_HIDDEN = 2400, 31, 33  # 1087 parameters
SHIFT = 0.02


def machine(n_samples: int = N_SAMPLES, *, is_complex: bool = False) -> MachineJacobian:
    rng = np.random.default_rng(3)
    spins = rng.choice([-1.0, 1.0], (n_samples, N_SITES))
    t = np.tanh(spins @ rng.normal(0, 0.1, (N_SITES, N_HIDDEN)) + 0.3 * rng.standard_normal((n_samples, N_HIDDEN)))
    return MachineJacobian(*(np.insert(x, 0, 1, axis=1) for x in (spins, t + 0j if is_complex else t)))


@pytest.fixture(scope="module")
def problem():
    o = machine()
    deviations = np.random.default_rng(4).standard_normal(N_SAMPLES)
    deviations -= deviations.mean()
    dense = o.dense() - o.dense().mean(axis=0)
    metric = dense.T @ dense / N_SAMPLES + SHIFT * np.eye(dense.shape[1])
    return o, deviations, np.linalg.solve(metric, dense.T @ deviations / N_SAMPLES)


def solve(o: MachineJacobian, deviations: np.ndarray):
    start = np.zeros(o.shape[1])
    return StochasticReconfiguration().solve(Centred(o), deviations, SHIFT, start, "parameters")


def test_the_solution_is_that_of_the_whole_metric(problem):
    o, deviations, expected = problem
    solution = solve(o, deviations)
    assert solution.method == "subset"
    np.testing.assert_allclose(solution.direction, expected, rtol=0, atol=1e-7 * np.abs(expected).max())


def test_where_the_subset_takes_too_long_the_whole_metric_takes_over(problem, monkeypatch):
    monkeypatch.setattr(subset_solver, "MAX_ITERATIONS", 2)
    o, deviations, expected = problem
    solution = solve(o, deviations)
    assert solution.method == "parameters"
    np.testing.assert_allclose(solution.direction, expected, rtol=0, atol=1e-8 * np.abs(expected).max())


def test_the_same_bits_for_any_number_of_threads(problem, monkeypatch):
    o, deviations, _ = problem
    directions = []
    for threads in (1, 2, 3):
        monkeypatch.setattr(subset_solver, "blas_threads", lambda threads=threads: threads)
        directions.append(solve(o, deviations).direction)
    assert np.array_equal(directions[0], directions[1])
    assert np.array_equal(directions[0], directions[2])


def test_when_a_subset_pays():
    assert subset_solver.pays(machine(), SHIFT)
    assert not subset_solver.pays(machine(), 1e-5)
    assert not subset_solver.pays(machine(1200), SHIFT)
    assert not subset_solver.pays(machine(5000), SHIFT)
    assert not subset_solver.pays(Dense(np.zeros((2400, 1087))), SHIFT)
    assert not subset_solver.pays(machine(is_complex=True), SHIFT)
    assert not subset_solver.pays(Holomorphic(machine(is_complex=True)), SHIFT)


def test_tables_of_parameters_and_back():
    o, v = machine(4), np.arange(1087.0)
    assert np.array_equal(o.vector(o.table(v)), v)
    assert o.table(v)[0, 0] == 0
