"""Principal components: the best linear map of data through few numbers."""

from typing import NamedTuple

import numpy as np

Array = np.ndarray


class PrincipalComponents(NamedTuple):
    """The mean (n_features,) of data and its components in rows, orthonormal, the largest variance first."""

    mean: Array
    vectors: Array

    @classmethod
    def of(cls, x: Array) -> "PrincipalComponents":
        """From the singular values of the centred rows of x (n, n_features)."""
        return cls(x.mean(axis=0), np.linalg.svd(x - x.mean(axis=0), full_matrices=False)[2])

    def project(self, x: Array, d: int) -> Array:
        """v_k . (x - mean) for the first d components, shape (n, d)."""
        return (x - self.mean) @ self.vectors[:d].T

    def rebuilt(self, x: Array, d: int) -> Array:
        """x from its first d components: mean + sum_k v_k (v_k . (x - mean))."""
        return self.mean + self.project(x, d) @ self.vectors[:d]
