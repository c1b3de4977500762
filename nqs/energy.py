"""The local energy, and the observer that records it along the chains.

E_L(x) = (H psi)(x) / psi(x) = -( nabla^2 log psi + |nabla log psi|^2 ) / 2 + V(x)
"""

from typing import Any, NamedTuple

import numpy as np

from montecarlo.metropolis import observe, refresh, workspace
from neural.jit import copy, kernel
from nqs.systems.system import potential
from nqs.wavefunctions.wavefunction import gradient_laplacian, row_size, write_row


@kernel
def local_energy(system, psi, work, x, gradient):
    """E_L of one configuration x; ``work`` belongs to x, ``gradient`` is scratch of the shape of x."""
    gradient[:] = 0.0
    laplacian = gradient_laplacian(psi, work, x, gradient)
    squared = 0.0
    for i in range(x.shape[0]):
        for d in range(x.shape[1]):
            squared += gradient[i, d] * gradient[i, d]
    return -0.5 * (laplacian + squared) + potential(system, x)


@kernel
def _local_energies(system, psi, work, x, energies, gradient):
    for s in range(x.shape[0]):
        refresh(psi, work, x[s])
        energies[s] = local_energy(system, psi, work, x[s], gradient)


def local_energies(system: Any, psi: Any, x: np.ndarray) -> np.ndarray:
    """E_L of configurations, shape (n, n_particles, n_dims) -> (n,)."""
    energies = np.empty(len(x))
    _local_energies(system, psi, workspace(psi), np.ascontiguousarray(x), energies, np.empty(x.shape[1:]))
    return energies


class LocalEnergy(NamedTuple):
    """The observer of VMC: local energies, rows for the log-derivatives, configurations.

    All arrays begin with the axes (chain, sample). What has no samples is not recorded; ``gradient`` is scratch.
    """

    system: Any
    energies: np.ndarray
    rows: np.ndarray
    configurations: np.ndarray
    gradient: np.ndarray

    @classmethod
    def for_chains(
        cls,
        system: Any,
        psi: Any,
        x: np.ndarray,
        n_samples: int,
        *,
        energies: bool = True,
        rows: bool = False,
        configurations: bool = False,
    ) -> "LocalEnergy":
        """Arrays for ``n_samples`` observations of each of the chains x."""
        n_chains, n_particles, n_dims = x.shape
        return cls(
            system,
            np.empty((n_chains, n_samples * energies)),
            np.empty((n_chains, n_samples * rows, row_size(psi))),
            np.empty((n_chains, n_samples * configurations, n_particles, n_dims)),
            np.empty((n_chains, 1, n_particles, n_dims)),
        )


@observe.register(LocalEnergy)
def _(observer, target, work, x, chain, sample):
    if observer.energies.shape[1] > 0:
        gradient = observer.gradient[chain, 0]
        observer.energies[chain, sample] = local_energy(observer.system, target, work, x, gradient)
    if observer.rows.shape[1] > 0:
        write_row(target, work, x, observer.rows[chain, sample])
    if observer.configurations.shape[1] > 0:
        copy(x, observer.configurations[chain, sample])
