"""The local energy E_L(x) = (H psi)(x) / psi(x), and the observer that records it along the chains."""

from typing import Any, NamedTuple

import numpy as np

from montecarlo.metropolis import observe, refresh, workspace
from neural.jit import copy, follow_changes, kernel
from nqs.systems.system import System, local_energy, potential
from nqs.wavefunctions.wavefunction import gradient_laplacian, row_size, write_row


@local_energy.register(System)
def _(system, psi, work, x, scratch):
    """-( nabla^2 log psi + |nabla log psi|^2 ) / 2 + V(x), the gradient being left in scratch[0]."""
    gradient = scratch[0]
    gradient[:] = 0.0
    laplacian = gradient_laplacian(psi, work, x, gradient)
    squared = 0.0
    for i in range(x.shape[0]):
        for d in range(x.shape[1]):
            squared += gradient[i, d] * gradient[i, d]
    return -0.5 * (laplacian + squared) + potential(system, x)


@kernel
def _local_energies(system, psi, work, x, energies, scratch):
    for s in range(x.shape[0]):
        refresh(psi, work, x[s])
        energies[s] = local_energy(system, psi, work, x[s], scratch)


def local_energies(system: Any, psi: Any, x: np.ndarray) -> np.ndarray:
    """E_L of configurations, shape (n, *system.shape) -> (n,); complex for spins."""
    follow_changes()
    x = np.ascontiguousarray(x, dtype=system.configuration_dtype)
    energies = np.empty(len(x), dtype=system.energy_dtype)
    _local_energies(system, psi, workspace(psi), x, energies, np.empty((2, *system.shape)))
    return energies


class LocalEnergy(NamedTuple):
    """The observer of VMC: local energies, rows for the log-derivatives, configurations.

    All arrays begin with the axes (chain, sample). What has no samples is not recorded; ``scratch`` is not a result.
    """

    system: Any
    energies: np.ndarray
    imaginary: np.ndarray  # the imaginary parts of the energies
    rows: np.ndarray
    configurations: np.ndarray
    scratch: np.ndarray

    @classmethod
    def for_chains(
        cls,
        system: Any,
        psi: Any,
        n_chains: int,
        n_samples: int,
        *,
        energies: bool = True,
        rows: bool = False,
        configurations: bool = False,
    ) -> "LocalEnergy":
        """Arrays for ``n_samples`` observations of each chain."""
        return cls(
            system,
            np.empty((n_chains, n_samples * energies)),
            np.empty((n_chains, n_samples * energies)),
            np.empty((n_chains, n_samples * rows, row_size(psi))),
            np.empty((n_chains, n_samples * configurations, *system.shape), dtype=system.configuration_dtype),
            np.empty((n_chains, 1, 2, *system.shape)),
        )


@observe.register(LocalEnergy)
def _(observer, target, work, x, chain, sample):
    if observer.energies.shape[1] > 0:
        energy = local_energy(observer.system, target, work, x, observer.scratch[chain, 0])
        observer.energies[chain, sample] = energy.real
        observer.imaginary[chain, sample] = energy.imag
    if observer.rows.shape[1] > 0:
        write_row(target, work, x, observer.rows[chain, sample])
    if observer.configurations.shape[1] > 0:
        copy(x, observer.configurations[chain, sample])
