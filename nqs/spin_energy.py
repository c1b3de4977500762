"""The local energy of spins, and the observer that records it along the chains."""

from typing import Any, NamedTuple

import numpy as np

from montecarlo.metropolis import observe, refresh, workspace
from neural.jit import kernel
from nqs.systems.spin_system import local_energy
from nqs.wavefunctions.wavefunction import row_size, write_row


@kernel
def _local_energies(system, psi, work, x, energies, scratch):
    for s in range(x.shape[0]):
        refresh(psi, work, x[s])
        energies[s] = local_energy(system, psi, work, x[s], scratch)


def local_energies(system: Any, psi: Any, x: np.ndarray) -> np.ndarray:
    """E_L of configurations, shape (n, n_sites) -> (n,); complex where psi or the Hamiltonian is."""
    energies = np.empty(len(x), dtype=np.complex128)
    x = np.ascontiguousarray(x, dtype=np.int8)
    _local_energies(system, psi, workspace(psi), x, energies, np.empty((2, x.shape[1])))
    return energies


class SpinLocalEnergy(NamedTuple):
    """The observer of VMC for spins: local energies, rows for the log-derivatives, configurations.

    All arrays begin with the axes (chain, sample). What has no samples is not recorded; ``scratch`` is shared.
    """

    system: Any
    energies: np.ndarray
    imaginary: np.ndarray  # the imaginary parts of the energies
    rows: np.ndarray
    configurations: np.ndarray  # int8, (n_chains, n_samples, n_sites)
    scratch: np.ndarray

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
    ) -> "SpinLocalEnergy":
        """Arrays for ``n_samples`` observations of each of the chains x."""
        n_chains, n_sites = x.shape
        return cls(
            system,
            np.empty((n_chains, n_samples * energies)),
            np.empty((n_chains, n_samples * energies)),
            np.empty((n_chains, n_samples * rows, row_size(psi))),
            np.empty((n_chains, n_samples * configurations, n_sites), dtype=np.int8),
            np.empty((n_chains, 1, 2, n_sites)),
        )


@observe.register(SpinLocalEnergy)
def _(observer, target, work, x, chain, sample):
    if observer.energies.shape[1] > 0:
        energy = local_energy(observer.system, target, work, x, observer.scratch[chain, 0])
        observer.energies[chain, sample] = energy.real
        observer.imaginary[chain, sample] = energy.imag
    if observer.rows.shape[1] > 0:
        write_row(target, work, x, observer.rows[chain, sample])
    if observer.configurations.shape[1] > 0:
        for i in range(x.size):
            observer.configurations[chain, sample, i] = x[i]
