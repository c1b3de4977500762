"""The motion of one particle in a symmetric potential on a line, solved on one half of it by collocation."""

from collections.abc import Callable

import numpy as np
import scipy

from nqs.exact.two_electron_dot import chebyshev


def lowest_on_half_line(
    potential: Callable[[np.ndarray], np.ndarray], end: float, *, odd: bool, n_points: int = 80
) -> float:
    """The lowest e of -u'' + V(x) u = e u among the functions that are even, u'(0) = 0, or odd, u(0) = 0.

    The potential may have a kink at 0 or at ``end``, where u vanishes, but is smooth between, so that Chebyshev
    collocation converges exponentially. Its points are dense near 0, about ``end`` 5 / n_points^2 apart.
    """
    x, d = chebyshev(n_points)
    x, d = end * (1 - x) / 2, -2 / end * d
    operator = -(d @ d) + np.diag(potential(x))
    if odd:
        inner = operator[1:-1, 1:-1]
    else:  # u_0 follows from the others
        inner = operator[1:-1, 1:-1] - np.outer(operator[1:-1, 0], d[0, 1:-1]) / d[0, 0]
    return float(np.real(scipy.linalg.eigvals(inner)).min())
