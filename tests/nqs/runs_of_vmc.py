"""Two small runs of variational Monte Carlo that the tests share: each combination of types is compiled once."""

from typing import Any

import numpy as np

import nqs

SR = nqs.StochasticReconfiguration
TRAP = nqs.HarmonicOscillator(2, 2, omega=(1.0, 1.7))
DOT = nqs.QuantumDot(n_particles=2, n_dims=2, omega=1.0)


def trap(alpha: float | np.ndarray = 0.7, optimizer: Any = None, proposal: Any = None, **options: Any) -> nqs.VMC:
    """A Gaussian of the wrong width in a trap: cheap, and everything about it is known."""
    defaults = {"n_samples": 640, "n_chains": 64, "n_burn_in": 80, "threads": 1, "seed": 1}
    psi = nqs.Gaussian(TRAP, alpha)
    return nqs.VMC(TRAP, psi, proposal or nqs.RandomWalk(), optimizer or SR(0.2), **{**defaults, **options})


def dot(beta: float = 0.6, n_hidden: int = 2, optimizer: Any = None, **options: Any) -> nqs.VMC:
    """Two electrons, the way they are meant to be computed."""
    defaults = {"n_samples": 640, "n_chains": 32, "n_burn_in": 80, "threads": 1, "seed": 1}
    psi = nqs.GaussianRBM(DOT, n_hidden, seed=1) * nqs.PadeJastrow(DOT, beta)
    return nqs.VMC(DOT, psi, nqs.Langevin(), optimizer or SR(0.05), **{**defaults, **options})
