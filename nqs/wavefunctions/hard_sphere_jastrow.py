"""The factor that keeps hard spheres apart."""

from typing import NamedTuple

import numpy as np

from montecarlo.metropolis import accept, refresh, workspace
from neural.jit import kernel
from nqs.systems.hard_sphere_bosons import HardSphereBosons
from nqs.systems.system import System, check_particles, check_positive
from nqs.wavefunctions.wavefunction import (
    WaveFunction,
    drift,
    gradient_laplacian,
    log_psi,
    log_ratio,
    proposed_drift,
    row_size,
    write_row,
)


class _Fields(NamedTuple):
    diameter: float
    n_particles: int


class HardSphereJastrow(WaveFunction, _Fields):
    """psi(x) = prod_{i<j} (1 - a / r_ij) for r_ij > a, and 0 where two spheres of the diameter a overlap.

    The factor of a pair is its state of zero energy in three dimensions, where 1 / r is harmonic. Multiplied with a
    ``Gaussian`` it is the correlated product of dilute gases. It has no parameters.

    Parameters
    ----------
    system : of three dimensions
    diameter : a, positive; by default that of ``HardSphereBosons``

    Raises
    ------
    ValueError : for a system of other dimensions, or a diameter out of range or not known

    Source: J. L. DuBois and H. R. Glyde, Phys. Rev. A 63, 023602 (2001), eqs. (5)-(8).
    """

    __slots__ = ()

    def __new__(cls, system: System, diameter: float | None = None) -> "HardSphereJastrow":
        check_particles(system)
        if system.n_dims != 3:
            raise ValueError(f"expected a system of three dimensions, got {system.n_dims}: there 1 / r is harmonic")
        if diameter is None and isinstance(system, HardSphereBosons):
            diameter = system.diameter
        if diameter is None:
            raise ValueError(f"expected the diameter of the spheres, {type(system).__name__} has none")
        return cls._make((check_positive("diameter", diameter), system.n_particles))

    @property
    def shape(self) -> tuple[int, int]:
        return self.n_particles, 3


class _Work(NamedTuple):
    distances: np.ndarray  # (n_particles, n_particles)
    new_distances: np.ndarray  # (n_particles,)


@workspace.register(HardSphereJastrow)
def _(psi):
    return _Work(np.empty((psi.n_particles, psi.n_particles)), np.empty(psi.n_particles))


@kernel
def _distances(x, position, out):
    for j in range(x.shape[0]):
        squared = 0.0
        for d in range(x.shape[1]):
            squared += (x[j, d] - position[d]) ** 2
        out[j] = np.sqrt(squared)


@refresh.register(HardSphereJastrow)
def _(psi, work, x):
    for i in range(x.shape[0]):
        _distances(x, x[i], work.distances[i])


@accept.register(HardSphereJastrow)
def _(psi, work, x, i, new):
    for j in range(x.shape[0]):
        work.distances[i, j] = work.new_distances[j]
        work.distances[j, i] = work.new_distances[j]


@log_psi.register(HardSphereJastrow)
def _(psi, work, x):
    value = 0.0
    for i in range(x.shape[0]):
        for j in range(i):
            if work.distances[i, j] <= psi.diameter:
                return -np.inf
            value += np.log(1.0 - psi.diameter / work.distances[i, j])
    return value


@log_ratio.register(HardSphereJastrow)
def _(psi, work, x, i, new):
    """Minus infinity for a move into another sphere, which no sampler accepts."""
    _distances(x, new, work.new_distances)
    product = 1.0
    for j in range(x.shape[0]):
        if j != i:
            if work.new_distances[j] <= psi.diameter:
                return -np.inf
            product *= (1.0 - psi.diameter / work.new_distances[j]) / (1.0 - psi.diameter / work.distances[i, j])
    return np.log(product)


@kernel
def _slope(psi, r):
    """The derivative of log (1 - a / r), divided by r."""
    return psi.diameter / (r * r * (r - psi.diameter))


@kernel
def _pull(psi, x, i, position, distances, out):
    for j in range(x.shape[0]):
        if j != i:
            factor = _slope(psi, distances[j])
            for d in range(x.shape[1]):
                out[d] += factor * (position[d] - x[j, d])


@drift.register(HardSphereJastrow)
def _(psi, work, x, i, out):
    _pull(psi, x, i, x[i], work.distances[i], out)


@proposed_drift.register(HardSphereJastrow)
def _(psi, work, x, i, new, out):
    _pull(psi, x, i, new, work.new_distances, out)


@gradient_laplacian.register(HardSphereJastrow)
def _(psi, work, x, gradient):
    """1 - a / r is harmonic: each pair adds minus the square of its gradients, 2 u'^2, to the Laplacian of log psi."""
    laplacian = 0.0
    for i in range(x.shape[0]):
        for j in range(i):
            r = work.distances[i, j]
            factor = _slope(psi, r)
            laplacian -= 2.0 * (factor * r) ** 2
            for d in range(x.shape[1]):
                pull = factor * (x[i, d] - x[j, d])
                gradient[i, d] += pull
                gradient[j, d] -= pull
    return laplacian


@row_size.register(HardSphereJastrow)
def _(psi):
    return 0


@write_row.register(HardSphereJastrow)
def _(psi, work, x, row):
    pass
