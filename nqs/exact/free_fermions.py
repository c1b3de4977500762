"""The chain in a transverse field as free fermions."""

import numpy as np


def transverse_field_chain(n_sites: int, J: float, h: float, periodic: bool = True) -> float | None:
    """The ground-state energy of H = -J sum_i sigma^z_i sigma^z_(i+1) - h sum_i sigma^x_i.

    The Jordan-Wigner transformation gives free fermions with the energies 2 epsilon_k. In a ring with an even number
    of them, which holds the ground state for J >= 0,

        E = -sum_k sqrt(J^2 + h^2 - 2 J h cos k),    k = (2 m + 1) pi / N, m = 0 .. N - 1,

    and for J < 0 on an even ring, where turning every second spin changes the sign of J. A frustrated ring (J < 0, N
    odd) gives None. An open chain has E = -sum of the singular values of the matrix with h on the diagonal and J
    beside it, for any signs.

    Source: P. Pfeuty, Ann. Phys. 57, 79 (1970), eqs. (2.16)-(2.18); E. Lieb, T. Schultz and D. Mattis, Ann. Phys. 16,
    407 (1961), for the open chain.
    """
    if not periodic:
        matrix = np.diag(np.full(n_sites, h)) + np.diag(np.full(n_sites - 1, J), 1)
        return -float(np.linalg.svd(matrix, compute_uv=False).sum())
    if J < 0 and n_sites % 2:
        return None
    k = (2 * np.arange(n_sites) + 1) * np.pi / n_sites
    J, h = abs(J), abs(h)
    return -float(np.sqrt(np.maximum(J**2 + h**2 - 2 * J * h * np.cos(k), 0)).sum())
