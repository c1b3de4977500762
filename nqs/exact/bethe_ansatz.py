"""The isotropic antiferromagnetic ring by the Bethe ansatz."""

import functools

import numpy as np


@functools.cache
def heisenberg_ring(n_sites: int, tolerance: float = 1e-14) -> float:
    """The ground-state energy of H = sum_i S_i S_(i+1) on a ring of an even number of sites.

    With N / 2 rapidities and the quantum numbers I_j = j - (N / 2 - 1) / 2, j = 0 .. N / 2 - 1,

        N arctan(2 lambda_j) = pi I_j + sum_k arctan(lambda_j - lambda_k),    E = N / 4 - sum_j 2 / (1 + 4 lambda_j^2),

    solved by Newton's method. Raises ``ValueError`` for an odd number of sites or fewer than 4.

    Source: H. Bethe, Z. Phys. 71, 205 (1931); M. Karbach, K. Hu and G. Mueller, Comput. Phys. 12, 565 (1998).
    """
    if n_sites < 4 or n_sites % 2:
        raise ValueError(f"expected an even number of sites >= 4, got {n_sites}")
    numbers = np.arange(n_sites // 2) - (n_sites // 2 - 1) / 2
    rapidities = np.tan(np.pi * numbers / n_sites) / 2
    for _ in range(100):
        differences = rapidities[:, None] - rapidities[None, :]
        residual = n_sites * np.arctan(2 * rapidities) - np.pi * numbers - np.arctan(differences).sum(axis=1)
        kernel = 1 / (1 + differences**2)
        slope = np.diag(2 * n_sites / (1 + 4 * rapidities**2) - kernel.sum(axis=1)) + kernel
        step = np.linalg.solve(slope, residual)
        rapidities -= step
        if np.abs(step).max() < tolerance * max(1.0, float(np.abs(rapidities).max())):
            break
    return float(n_sites / 4 - (2 / (1 + 4 * rapidities**2)).sum())
