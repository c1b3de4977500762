"""Training from configurations drawn with the density |psi|^power instead of |psi|^2, which weights correct.

Where |psi|^2 is still too small, hardly any of its samples say that psi should grow there, or change its sign on the
way through zero; with power < 2 there are more of them. With the weights w = |psi|^(2 - power), adding up to 1, the
mean of a local value is sum_s w_s E_s.

Source: A. Misery et al., arXiv:2507.05352 (2025), section II.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from montecarlo.metropolis import accept, log_density, log_density_ratio, observe, refresh, workspace
from nqs.complex_derivatives import Holomorphic, RealParameters
from nqs.energy import LocalEnergy
from nqs.log_derivatives import Blocks, Dense, Jacobian
from nqs.systems.spin_system import SpinSystem
from nqs.systems.system import local_energy
from nqs.wavefunctions.wavefunction import write_row


class Flattened(NamedTuple):
    """The density |psi|^power as a target of Markov chains."""

    psi: Any
    power: float

    @property
    def shape(self) -> tuple[int, ...]:
        return self.psi.shape


class Work(NamedTuple):
    psi: Any  # the workspace of psi
    logs: np.ndarray  # log |psi|^2 of the configuration, and how much the move last asked about would add


@workspace.register(Flattened)
def _(target):
    return Work(workspace(target.psi), np.zeros(2))


@refresh.register(Flattened)
def _(target, work, x):
    refresh(target.psi, work.psi, x)
    work.logs[0] = log_density(target.psi, work.psi, x)


@log_density_ratio.register(Flattened)
def _(target, work, x, i, new):
    work.logs[1] = log_density_ratio(target.psi, work.psi, x, i, new)
    return 0.5 * target.power * work.logs[1]


@accept.register(Flattened)
def _(target, work, x, i, new):
    accept(target.psi, work.psi, x, i, new)
    work.logs[0] += work.logs[1]


class Weighted(NamedTuple):
    """What ``LocalEnergy`` records, without configurations, and log |psi|^2 to know the weights by."""

    system: Any
    energies: np.ndarray
    imaginary: np.ndarray
    rows: np.ndarray
    scratch: np.ndarray
    log_densities: np.ndarray  # (n_chains, n_samples)

    @classmethod
    def for_chains(cls, system: Any, psi: Any, n_chains: int, n_samples: int) -> "Weighted":
        """Arrays for ``n_samples`` observations of each chain; with 0 nothing is recorded."""
        plain = LocalEnergy.for_chains(system, psi, n_chains, n_samples, rows=True)
        log_densities = np.empty((n_chains, n_samples))
        return cls(system, plain.energies, plain.imaginary, plain.rows, plain.scratch, log_densities)

    def weights(self, power: float) -> np.ndarray:
        """|psi|^(2 - power), adding up to 1, shape (n_chains n_samples,)."""
        logs = (1 - 0.5 * power) * self.log_densities.ravel()
        weights = np.exp(logs - logs.max())
        return weights / weights.sum()


@observe.register(Weighted)
def _(observer, target, work, x, chain, sample):
    if observer.energies.shape[1] > 0:
        energy = local_energy(observer.system, target.psi, work.psi, x, observer.scratch[chain, 0])
        observer.energies[chain, sample] = energy.real
        observer.imaginary[chain, sample] = energy.imag
        write_row(target.psi, work.psi, x, observer.rows[chain, sample])
        observer.log_densities[chain, sample] = work.logs[0]


def linearised(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Numbers whose plain mean is the weighted mean m of the values, with its statistical error: m + n w (v - m).

    Both have the shape of the values; the error is that of a ratio of two means, to first order.
    """
    weights = weights.reshape(values.shape)
    mean = float(np.sum(weights * values))
    return mean + values.size * weights * (values - mean)


def weighted_variance(values: np.ndarray, weights: np.ndarray) -> float:
    """sum_s w_s (v_s - m)^2 about the weighted mean m, for values of any shape."""
    flat = values.ravel()
    return float(weights @ (flat - weights @ flat) ** 2)


def reweighted(o: Jacobian, energies: np.ndarray, weights: np.ndarray) -> tuple[Jacobian, np.ndarray]:
    """Log-derivatives and energies for stochastic reconfiguration, whose plain centred products are the weighted ones.

    Each row is multiplied by sqrt(n w). What is taken away from such columns is not their mean but their part along
    sqrt(w); a reflection, which changes no product, turns this vector into 1 / sqrt(n). The whole matrix O is formed.
    """
    n = len(weights)
    root = np.sqrt(weights)
    normal = root - 1 / math.sqrt(n)
    normal /= max(float(np.linalg.norm(normal)), np.finfo(float).tiny)

    def turned(columns: np.ndarray) -> np.ndarray:
        scaled = (math.sqrt(n) * root * columns.T).T
        return scaled - 2 * np.multiply.outer(normal, normal @ scaled)

    def of(jacobian: Jacobian) -> Jacobian:
        if isinstance(jacobian, Blocks):
            return Blocks(tuple(of(block) for block in jacobian.blocks))
        if isinstance(jacobian, Holomorphic | RealParameters):
            return type(jacobian)(Dense(turned(jacobian.inner.dense())))
        return Dense(turned(jacobian.dense()))

    return of(o), turned(energies)


def check_power(power: float, system: Any, n_temperatures: int) -> float:
    """``power`` as a float. Raises ``ValueError`` unless it is above 0 and at most 2, and 2 where it has to be."""
    if not 0 < power <= 2:
        raise ValueError(f"expected power to be above 0 and at most 2, got {power!r}")
    if power != 2 and (n_temperatures > 1 or not isinstance(system, SpinSystem)):
        raise ValueError(f"expected power = 2 for particles, and with several temperatures, got {power!r}")
    return float(power)
