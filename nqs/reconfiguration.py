"""Stochastic reconfiguration: descent in the natural metric of quantum states.

With the centred log-derivatives O and local energies e of n samples, the metric S = O^T O / n (the quantum geometric
tensor) and the force f = O^T e / n, half the gradient of the energy, a step is

    theta <- theta - learning_rate * (S + shift)^-1 f.

Three ways to solve for the direction agree to rounding; which is cheapest depends on the number of samples n and of
parameters P:

    "parameters"   Cholesky of the P x P metric: n P^2 / 2 + P^3 / 3 multiplications
    "samples"      (S + shift)^-1 O^T = O^T (O O^T / n + shift)^-1: Cholesky of an n x n matrix: that of O O^T + n^3 / 3
    "iterations"   conjugate gradients, which need products with O and O^T only

Sources: S. Sorella, Phys. Rev. B 64, 024512 (2001), eqs. (6)-(8); A. Chen and M. Heyl, Nat. Phys. 20, 1476 (2024),
eq. (5), for the sample space; G. Goldshlager, N. Abrahamsen and L. Lin, J. Comput. Phys. 516, 113351 (2024): SPRING.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import scipy.linalg

from neural.blas import all_blas_threads, one_blas_thread
from neural.optimizers import Schedule, State
from nqs.log_derivatives import Jacobian

METHODS = ("auto", "parameters", "samples", "iterations")
LARGE = 5e9  # multiplications, about 0.1 s on one core, from which BLAS uses all threads
ITERATIONS_EXPECTED = 60  # of conjugate gradients, for the choice of the cheapest method


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
    method : "auto" picks the cheapest of "parameters", "samples" and "iterations"
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
            if not callable(value) and not 0 < value < math.inf:
                raise ValueError(f"expected {name} to be a positive number, got {value!r}")
        if not 0 <= self.momentum < 1:
            raise ValueError(f"expected momentum to be at least 0 and below 1, got {self.momentum!r}")

    def init(self, n_parameters: int) -> State:
        """The state before the first update: the last direction, from which conjugate gradients start."""
        return State(0, {"direction": np.zeros(n_parameters)})

    def step(
        self, parameters: np.ndarray, jacobian: Jacobian, energies: np.ndarray, state: State
    ) -> tuple[np.ndarray, State, Solution]:
        """New parameters, the new state and the solution behind them, from the local energies, shape (n,)."""
        is_large = min(solver_costs(jacobian).values()) > LARGE
        with all_blas_threads() if is_large else one_blas_thread():
            return self._step(parameters, jacobian, energies, state)

    def _step(
        self, parameters: np.ndarray, jacobian: Jacobian, energies: np.ndarray, state: State
    ) -> tuple[np.ndarray, State, Solution]:
        centred = Centred(jacobian)
        deviations = energies - energies.mean()
        deviations = deviations.real if jacobian.kind == "real" else deviations
        solution = self.direction(centred, deviations, _at(self.shift, state.step), state.memory["direction"])
        update = _at(self.learning_rate, state.step) * solution.direction
        distance = float(np.linalg.norm(centred.matvec(update))) / math.sqrt(len(energies))
        update *= min(1.0, self.max_distance / distance) if distance > 0 else 1.0
        return parameters - update, State(state.step + 1, {"direction": solution.direction}), solution

    def direction(self, centred: "Centred", deviations: np.ndarray, shift: float, last: np.ndarray) -> Solution:
        """The solution for the energies, from the ``last`` direction on where there is momentum."""
        if not self.momentum:
            return self.solve(centred, deviations, shift, last)
        remaining = deviations - self.momentum * centred.matvec(last)
        solution = self.solve(centred, remaining, shift, (1 - self.momentum) * last)
        return solution._replace(direction=solution.direction + self.momentum * last)

    def solve(self, centred: "Centred", deviations: np.ndarray, shift: float, start: np.ndarray) -> Solution:
        """(S + shift)^-1 O^T e / n for the centred log-derivatives and energies."""
        method = cheapest(centred.jacobian) if self.method == "auto" else self.method
        if method == "parameters":
            return Solution(_solve_parameters(centred, deviations, shift), method, 0)
        if method == "samples":
            return Solution(_solve_samples(centred, deviations, shift), method, 0)
        direction, iterations = self._conjugate_gradients(centred, deviations, shift, start)
        return Solution(direction, method, iterations)

    def _conjugate_gradients(
        self, centred: "Centred", deviations: np.ndarray, shift: float, start: np.ndarray
    ) -> tuple[np.ndarray, int]:
        n = len(deviations)

        def metric(v: np.ndarray) -> np.ndarray:
            return centred.rmatvec(centred.matvec(v)) / n + shift * v

        force = centred.rmatvec(deviations) / n
        solution = start.copy()
        residual = force - metric(solution)
        conjugate, squared = residual.copy(), float(residual @ residual)
        goal = (self.tolerance * float(np.linalg.norm(force))) ** 2
        iterations = 0
        while squared > goal and iterations < self.max_iterations:
            image = metric(conjugate)
            length = squared / float(conjugate @ image)
            solution += length * conjugate
            residual -= length * image
            squared, previous = float(residual @ residual), squared
            conjugate = residual + (squared / previous) * conjugate
            iterations += 1
        return solution, iterations


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

    def gram(self) -> np.ndarray:
        """C O O^T C, by removing the mean of every row and column of O O^T."""
        gram = self.jacobian.gram()
        means = gram.mean(axis=0)
        return gram - means - means[:, None].conj() + means.mean()

    def dense(self) -> np.ndarray:
        dense = self.jacobian.dense()
        return dense - dense.mean(axis=0)


def cheapest(jacobian: Jacobian) -> str:
    """The method with the fewest multiplications."""
    costs = solver_costs(jacobian)
    return min(costs, key=costs.__getitem__)


def solver_costs(jacobian: Jacobian) -> dict[str, float]:
    """The multiplications of every method that is possible."""
    n, p = jacobian.shape
    costs = {
        "parameters": n * p**2 / 2 + p**3 / 3,
        "samples": jacobian.gram_cost + (4 if jacobian.kind == "holomorphic" else 1) * n**3 / 3,
        "iterations": getattr(jacobian, "iterations_expected", ITERATIONS_EXPECTED) * 2 * jacobian.cost,
    }
    if jacobian.kind == "complex":  # O O^T u is not linear in a complex u
        del costs["samples"]
    return costs


def _solve_parameters(centred: Centred, deviations: np.ndarray, shift: float) -> np.ndarray:
    o = centred.dense()
    parts = [o] if np.isrealobj(o) else [np.real(o), np.imag(o)]
    metric = np.add.reduce([part.T @ part for part in parts]) / len(o)
    metric[np.diag_indices_from(metric)] += shift
    return _solve_positive(metric, centred.rmatvec(deviations) / len(o))


def _solve_samples(centred: Centred, deviations: np.ndarray, shift: float) -> np.ndarray:
    """With G = O O^T not centred, the solution x of (C G C + n shift) x = e, of mean 0 as e is, follows from
    (G + n shift) x = e + m 1, where m makes the mean of x vanish. So the large matrix is never centred.
    """
    if centred.jacobian.kind == "complex":
        raise ValueError(
            "expected parameters that are all real or all complex for method='samples'; use method='iterations'"
        )
    n = len(deviations)
    gram = centred.jacobian.lower_gram()
    gram[np.diag_indices_from(gram)] += shift * n
    right = np.stack([deviations, np.ones_like(deviations)], axis=1)
    solution, ones = _solve_positive(gram, right).T
    return centred.rmatvec(solution - ones * (solution.sum() / ones.sum()))


def _solve_positive(matrix: np.ndarray, right: np.ndarray) -> np.ndarray:
    """From the lower triangle of the matrix."""
    factor = scipy.linalg.cho_factor(matrix, lower=True, overwrite_a=True, check_finite=False)
    return scipy.linalg.cho_solve(factor, right, check_finite=False)


def _at(value: float | Schedule, step: int) -> float:
    return value(step) if callable(value) else value
