"""Exact time evolution of few spins."""

from typing import TYPE_CHECKING

import numpy as np
import scipy

from nqs.exact.diagonalisation import Basis, matrix

if TYPE_CHECKING:
    from nqs.systems.spin_system import SpinSystem


def evolve(system: "SpinSystem", state: np.ndarray, time: float, basis: Basis | None = None) -> np.ndarray:
    """exp(-i H time) |state>, shape (n_states,), in a basis, all 2^n_sites states by default.

    Source: A. H. Al-Mohy and N. J. Higham, SIAM J. Sci. Comput. 33, 488 (2011), as in SciPy.
    """
    return scipy.sparse.linalg.expm_multiply(-1j * time * matrix(system, basis), np.asarray(state, dtype=complex))
