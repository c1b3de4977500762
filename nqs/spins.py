"""What a wave function of spins tells a Hamiltonian: ratios of amplitudes.

A move is an integer vector ``flips``: the number of sites that are turned over, then which ones, each once.
"""

from typing import Any

import numpy as np

from neural.jit import generic


@generic
def ratio(psi: Any, work: Any, x: np.ndarray, flips: np.ndarray) -> complex:
    """psi(x') / psi(x), where x' is x with the sites of ``flips`` turned over; ``work`` belongs to x."""
    ...


@generic
def multiply_flip_ratios(psi: Any, work: Any, x: np.ndarray, out: np.ndarray) -> None:
    """Multiply out[:, i], a real and an imaginary part, by psi(x') / psi(x) for x' with site i alone turned over."""
    ...
