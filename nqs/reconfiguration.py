"""Stochastic reconfiguration: descent in the natural metric of quantum states.

With the centred log-derivatives O and local energies e of n samples, the metric S = O^T O / n (the quantum geometric
tensor) and the force f = O^T e / n, half the gradient of the energy, a step is

    theta <- theta - learning_rate * (S + shift)^-1 f.

Three ways to solve for the direction, the first two to rounding, the third to a tolerance; which is cheapest depends on
the number of samples n and of parameters P:

    "parameters"   Cholesky of the P x P metric: n P^2 / 2 + P^3 / 6 multiplications
    "samples"      (S + shift)^-1 O^T = O^T (O O^T / n + shift)^-1: Cholesky of an n x n matrix: that of O O^T + n^3 / 6
    "iterations"   conjugate gradients, which need products with O and O^T only, about as many as the last time

The Cholesky factors of large matrices are computed in single precision. They precondition conjugate gradients in double
precision, which reach a relative error of 1e-10 in three or four iterations.

Sources: S. Sorella, Phys. Rev. B 64, 024512 (2001), eqs. (6)-(8); A. Chen and M. Heyl, Nat. Phys. 20, 1476 (2024),
eq. (5), for the sample space; G. Goldshlager, N. Abrahamsen and L. Lin, J. Comput. Phys. 516, 113351 (2024): SPRING.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real
from typing import NamedTuple

import numpy as np

from neural.blas import all_blas_threads, one_blas_thread
from neural.memory import keep_freed_memory
from neural.optimizers import Schedule, State
from nqs.complex_derivatives import Holomorphic, as_complex, as_real
from nqs.linear_solvers import Cholesky, Operator, conjugate_gradients
from nqs.log_derivatives import Jacobian

METHODS = ("auto", "parameters", "samples", "iterations")
LARGE = 5e10  # multiplications, a second on one core, from which BLAS uses all threads
ITERATIONS_EXPECTED = 60.0  # of conjugate gradients at the first step; later as many as they last took
LARGEST = 2**27  # numbers of a matrix, half a gigabyte in single precision, from which it is not formed
SINGLE = 0.5  # the time of a multiplication in single precision
SINGLE_FROM = 512  # equations, for which single precision is worth its overhead
PRECISE = 1e-10  # the relative error of solutions by Cholesky factors
MAX_REFINEMENTS = 20


class Solution(NamedTuple):
    """The direction (S + shift)^-1 f, how it was found, and how many iterations that took."""

    direction: np.ndarray
    method: str
    iterations: int


@dataclass(frozen=True)
class StochasticReconfiguration:
    """The natural-gradient optimizer of variational Monte Carlo.

    learning_rate : a number, or a schedule of the step
    shift : added to the diagonal of the metric; a number, or a schedule of the step
    momentum : mu of the SPRING method: the new direction is mu times the last one, plus the solution for what of the
        energies e the last one leaves, e - mu O d; between 0 and 1, 0 for none
    max_distance : the trust region: a step d with sqrt(d^T S d) beyond it is scaled back to it. It is the standard
        deviation of the change of log psi over the samples
    method : "auto" picks for every step the cheapest of "parameters", "samples" and "iterations"
    tolerance, max_iterations : conjugate gradients stop at a residual of tolerance |f|; the statistical error of f is
        many times larger

    Raises ``ValueError`` for hyperparameters outside their range.
    """

    learning_rate: float | Schedule = 0.05
    shift: float | Schedule = 1e-4
    momentum: float = 0.0
    max_distance: float = 0.5
    method: str = "auto"
    tolerance: float = 1e-3
    max_iterations: int = 500

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ValueError(f"expected method to be one of {', '.join(METHODS)}, got {self.method!r}")
        for name in ("learning_rate", "shift", "max_distance", "tolerance", "max_iterations"):
            value = getattr(self, name)
            if not callable(value) and not (isinstance(value, Real) and 0 < float(value) < math.inf):
                raise ValueError(f"expected {name} to be a positive number, got {value!r}")
        if not (isinstance(self.momentum, Real) and 0 <= float(self.momentum) < 1):
            raise ValueError(f"expected momentum to be at least 0 and below 1, got {self.momentum!r}")

    def init(self, n_parameters: int) -> State:
        """The state before the first update: the last direction, and the iterations that conjugate gradients need."""
        return State(0, {"direction": np.zeros(n_parameters), "iterations": np.array(ITERATIONS_EXPECTED)})

    def step(
        self, parameters: np.ndarray, jacobian: Jacobian, energies: np.ndarray, state: State
    ) -> tuple[np.ndarray, State, Solution]:
        """New parameters, the new state and the solution behind them, from the local energies, shape (n,)."""
        keep_freed_memory()
        method, cost = self.choose(jacobian, float(state.memory["iterations"]))
        with all_blas_threads() if cost > LARGE else one_blas_thread():
            return self._step(parameters, Centred(jacobian), energies, state, method)

    def _step(
        self, parameters: np.ndarray, centred: "Centred", energies: np.ndarray, state: State, method: str
    ) -> tuple[np.ndarray, State, Solution]:
        deviations = energies - energies.mean()
        deviations = deviations.real if centred.jacobian.kind == "real" else deviations
        solution = self.direction(centred, deviations, _at(self.shift, state.step), state.memory["direction"], method)
        update = _at(self.learning_rate, state.step) * solution.direction
        distance = float(np.linalg.norm(centred.matvec(update))) / math.sqrt(len(energies))
        update *= min(1.0, self.max_distance / distance) if distance > 0 else 1.0
        iterations = np.array(float(solution.iterations)) if method == "iterations" else state.memory["iterations"]
        memory = {"direction": solution.direction, "iterations": iterations}
        return parameters - update, State(state.step + 1, memory), solution

    def choose(self, jacobian: Jacobian, iterations: float = ITERATIONS_EXPECTED) -> tuple[str, float]:
        """The method for log-derivatives of this shape and structure, and what it costs, in multiplications.

        ``iterations`` is how many conjugate gradients are expected to need.
        """
        costs = solver_costs(jacobian, iterations)
        method = min(costs, key=costs.__getitem__) if self.method == "auto" else self.method
        return method, costs.get(method, math.inf)

    def direction(
        self, centred: "Centred", deviations: np.ndarray, shift: float, last: np.ndarray, method: str
    ) -> Solution:
        """The solution for the energies, from the ``last`` direction on where there is momentum."""
        if not self.momentum:
            return self.solve(centred, deviations, shift, last, method)
        remaining = deviations - self.momentum * centred.matvec(last)
        solution = self.solve(centred, remaining, shift, (1 - self.momentum) * last, method)
        return solution._replace(direction=solution.direction + self.momentum * last)

    def solve(
        self, centred: "Centred", deviations: np.ndarray, shift: float, start: np.ndarray, method: str
    ) -> Solution:
        """(S + shift)^-1 O^T e / n for the centred log-derivatives and energies, by one of the three methods."""
        if method == "parameters":
            return _solve_parameters(centred, deviations, shift)
        if method == "samples":
            return _solve_samples(centred, deviations, shift)
        force = centred.rmatvec(deviations) / len(deviations)
        options = {"tolerance": self.tolerance, "max_iterations": self.max_iterations}
        direction, iterations, _ = conjugate_gradients(centred.metric(shift), force, start=start, **options)
        return Solution(direction, method, iterations)


class Centred:
    """O minus its mean over the samples, as an operator: C O with C u = u - mean(u)."""

    def __init__(self, jacobian: Jacobian) -> None:
        self.jacobian = jacobian
        self.shape = jacobian.shape

    def matvec(self, v: np.ndarray) -> np.ndarray:
        product = self.jacobian.matvec(v)
        return product - product.mean()

    def rmatvec(self, u: np.ndarray) -> np.ndarray:
        return self.jacobian.rmatvec(u - u.mean())

    def metric(self, shift: float) -> Operator:
        """v -> (S + shift) v"""
        return lambda v: self.rmatvec(self.matvec(v)) / self.shape[0] + shift * v

    def gram(self, shift: float) -> Operator:
        """u -> (C O O^T C + shift) u"""
        return lambda u: self.matvec(self.rmatvec(u)) + shift * u


def solver_costs(jacobian: Jacobian, iterations: float) -> dict[str, float]:
    """The multiplications of every method that is possible, as if all were in double precision."""
    n, p = jacobian.shape
    holomorphic, pairs = jacobian.kind == "holomorphic", isinstance(jacobian, Holomorphic)
    equations = 4 * (p / 2) ** 3 if pairs else p**3
    costs = {
        "parameters": (jacobian.metric_cost + equations / 6) * SINGLE,
        "samples": (jacobian.gram_cost + (4 if holomorphic else 1) * n**3 / 6) * SINGLE,
        "iterations": (iterations + 2) * 2 * jacobian.cost,
    }
    sizes = {"parameters": p**2 / (2 if pairs else 1), "samples": n**2 * (2 if holomorphic else 1)}
    for method, size in sizes.items():
        if size >= LARGEST:
            del costs[method]
    if jacobian.kind == "complex":  # O O^T u is not linear in a complex u
        costs.pop("samples", None)
    return costs


def _solve_parameters(centred: Centred, deviations: np.ndarray, shift: float) -> Solution:
    force = centred.rmatvec(deviations) / len(deviations)
    is_pair = isinstance(centred.jacobian, Holomorphic)  # the metric of products of several is one of real parameters

    def inverse(single: bool) -> Operator:
        factor = _factorise(centred.jacobian.lower_metric(single), shift)
        return lambda v: as_real(factor.solve(as_complex(v))) if is_pair else factor.solve(v)

    direction, iterations = _refined(centred.metric(shift), inverse, force)
    return Solution(direction, "parameters", iterations)


def _solve_samples(centred: Centred, deviations: np.ndarray, shift: float) -> Solution:
    """O^T x with (C O O^T C + n shift) x = e.

    With G = O O^T not centred, the inverse of the centred matrix takes a vector r of mean 0, as e is, to the x of mean
    0 that follows from (G + n shift) x = r + m 1 with some number m. So the large matrix is never centred.
    """
    if centred.jacobian.kind == "complex":
        raise ValueError(
            "expected parameters that are all real or all complex for method='samples'; use method='iterations'"
        )
    n_shift = shift * len(deviations)

    def inverse(single: bool) -> Operator:
        factor = _factorise(centred.jacobian.lower_gram(single), n_shift)
        ones = factor.solve(np.ones_like(deviations))
        ones /= ones.sum()

        def apply(r: np.ndarray) -> np.ndarray:
            solution = factor.solve(r)
            return solution - solution.sum() * ones

        return apply

    solution, iterations = _refined(centred.gram(n_shift), inverse, deviations)
    return Solution(centred.rmatvec(solution), "samples", iterations)


def _factorise(matrix: np.ndarray, shift: float) -> Cholesky:
    matrix[np.diag_indices_from(matrix)] += shift
    return Cholesky(matrix)


def _refined(operator: Operator, inverse: Callable[[bool], Operator], right: np.ndarray) -> tuple[np.ndarray, int]:
    """The solution of A x = b to ``PRECISE`` and its iterations of conjugate gradients.

    ``inverse(single)`` is A^-1 from a Cholesky factor in single or double precision. Single precision takes half the
    time; a few iterations with A itself, in double precision, make the solution exact. Where rounding in single
    precision is too much, the factor is computed again in double precision.
    """
    if len(right) >= SINGLE_FROM:
        try:
            solution, iterations, found = conjugate_gradients(
                operator, right, precondition=inverse(True), tolerance=PRECISE, max_iterations=MAX_REFINEMENTS
            )
        except np.linalg.LinAlgError:
            found = False
        if found:
            return solution, iterations
    options = {"tolerance": PRECISE, "max_iterations": MAX_REFINEMENTS}
    solution, iterations, _ = conjugate_gradients(operator, right, precondition=inverse(False), **options)
    return solution, iterations


def _at(value: float | Schedule, step: int) -> float:
    return value(step) if callable(value) else value
