"""Schroedinger's equation projected on a wave function with parameters: where they go in real or imaginary time.

The time-dependent variational principle asks for the theta' for which sum_k theta'_k d|psi>/d theta_k comes nearest to
-i (H - <H>) |psi>, or to -(H - <H>) |psi> in imaginary time. With the centred log-derivatives O and local energies e,

    S theta' = -i F   or   S theta' = -F,    S = <O^* O>,  F = <O^* e>,

for complex parameters in which psi is holomorphic; for real parameters the real parts of both sides. Where S is nearly
singular, or the force is lost in noise, the solution is damped along the eigenvectors of S.

Sources: G. Carleo, F. Becca, M. Schiro and M. Fabrizio, Sci. Rep. 2, 243 (2012); M. Schmitt and M. Heyl,
Phys. Rev. Lett. 125, 100503 (2020), for the signal-to-noise ratio.
"""

import math
from typing import NamedTuple

import numpy as np

from nqs.complex_derivatives import Holomorphic
from nqs.log_derivatives import Blocks, Jacobian

Array = np.ndarray
SHARPNESS = 6  # of the damping: 1 / (1 + (threshold / value)^6)


class Samples(NamedTuple):
    """Configurations with what is needed of them; the weights add up to 1."""

    jacobian: Jacobian
    energies: Array  # local energies, complex, (n,)
    weights: Array  # (n,)
    n_eff: float  # how many independent samples they are worth; infinity for all configurations with exact weights


class Velocity(NamedTuple):
    """theta', and how well it stands for the exact motion."""

    theta: Array  # of the real parameters, (n_parameters,)
    residual: float  # |H - <H> psi - projection|^2 / Var(H): 0 where the wave function can follow exactly, at most 1
    rank: float  # the number of directions that are not damped


def holomorphic_columns(jacobian: Jacobian) -> Array:
    """d log psi / d theta for the complex parameters, shape (n, n_parameters / 2)."""
    if isinstance(jacobian, Blocks):
        return np.hstack([holomorphic_columns(block) for block in jacobian.blocks])
    if not isinstance(jacobian, Holomorphic):
        raise TypeError(f"expected holomorphic log-derivatives, got {type(jacobian).__name__}")
    return jacobian.inner.dense()


def real_parameters(jacobian: Jacobian, theta: Array) -> Array:
    """A vector of complex parameters as that of real ones: real parts, then imaginary parts, of each factor."""
    if isinstance(jacobian, Blocks):
        cuts = np.cumsum([block.shape[1] // 2 for block in jacobian.blocks])[:-1]
        parts = zip(jacobian.blocks, np.split(theta, cuts), strict=True)
        return np.concatenate([real_parameters(block, part) for block, part in parts])
    return np.concatenate([np.real(theta), np.imag(theta)])


def velocity(samples: Samples, factor: complex, cutoff: float, least_signal: float) -> Velocity:
    """theta' for ``factor`` = -i (real time) or -1 (imaginary time).

    Eigenvalues of S below ``cutoff`` times the largest, and forces below ``least_signal`` times their standard error,
    are damped.
    """
    jacobian, root = samples.jacobian, np.sqrt(samples.weights)
    holomorphic = jacobian.kind == "holomorphic"
    columns = holomorphic_columns(jacobian) if holomorphic else jacobian.dense()
    o = root[:, None] * (columns - samples.weights @ columns)
    goal = factor * root * (samples.energies - samples.weights @ samples.energies)

    def of(values: Array) -> Array:
        return values if holomorphic else np.real(values)

    eigenvalues, vectors = np.linalg.eigh(of(o.conj().T @ o))
    eigenvalues = np.maximum(eigenvalues, np.finfo(float).tiny)
    along = o @ vectors
    forces = of(along.conj().T @ goal)
    damping = _damping(eigenvalues, cutoff * eigenvalues[-1])
    if math.isfinite(samples.n_eff):
        damping *= _damping(np.abs(forces), least_signal * _noise(of(along.conj() * goal[:, None]), forces, samples))
    theta = vectors @ (damping * forces / eigenvalues)
    left = np.linalg.norm(o @ theta - goal) ** 2 / max(np.linalg.norm(goal) ** 2, np.finfo(float).tiny)
    return Velocity(real_parameters(jacobian, theta) if holomorphic else theta, float(left), float(damping.sum()))


def _damping(values: Array, threshold: float | Array) -> Array:
    """1 where the values are well above the threshold, 0 well below."""
    power = np.minimum(values / np.maximum(threshold, np.finfo(float).tiny), 1e9) ** SHARPNESS
    return power / (1 + power)


def _noise(terms: Array, forces: Array, samples: Samples) -> Array:
    """The standard error of the forces: each is the sum over the samples of weight times (term / weight)."""
    second = np.sum(np.abs(terms) ** 2 / samples.weights[:, None], axis=0)
    return np.sqrt(np.maximum(second - np.abs(forces) ** 2, 0) / samples.n_eff)


def distance(samples: Samples, change: Array) -> float:
    """How far a small change of the parameters moves the state, sqrt(change^T S change): the Fubini-Study metric."""
    image = samples.jacobian.matvec(change)
    return math.sqrt(float(samples.weights @ np.abs(image - samples.weights @ image) ** 2))
