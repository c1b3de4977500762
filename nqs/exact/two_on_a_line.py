"""Two particles on a line in a harmonic trap, whose interaction has a range."""

import functools
import math

import numpy as np

from nqs.exact.half_line import lowest_on_half_line


@functools.cache
def two_with_gaussian_interaction(strength: float, width: float, omega: float, fermions: bool) -> float:
    """The ground-state energy of two bosons, or two fermions of equal spin, with hbar = m = 1.

    The centre of mass has the energy omega / 2. The relative coordinate x obeys

        -u'' + (omega^2 x^2 / 4 + V_0 / (sqrt(2 pi) sigma) exp( -x^2 / (2 sigma^2) )) u = e u,

    with u even for bosons and odd for fermions, and E = omega / 2 + e.
    """
    height = strength / (math.sqrt(2 * math.pi) * width)

    def potential(x: np.ndarray) -> np.ndarray:
        return omega**2 * x**2 / 4 + height * np.exp(-0.5 * (x / width) ** 2)

    steepness = 2 * height / (omega * width) ** 2  # above 1 the middle is a hill
    end = width * math.sqrt(2 * math.log(max(1.0, steepness))) + 13 / math.sqrt(omega)
    n_points = 80 + int(15 * math.sqrt(end / width))
    return omega / 2 + lowest_on_half_line(potential, end, odd=fermions, n_points=n_points)
