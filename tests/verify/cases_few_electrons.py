"""Three electrons whose determinant has nodes that backflow can move, against configuration interaction."""

import numpy as np
import scipy.optimize
from registry import Row, case

import nqs
from neural.optimizers import CosineDecay
from nqs.exact import configuration_interaction


def _limit(quanta: np.ndarray, energies: np.ndarray) -> float:
    """E from E_q = E + c q^-p through three points."""
    falls = np.diff(energies)

    def mismatch(p: float) -> float:
        steps = np.diff(quanta**-p)
        return float(steps[0] / steps[1] - falls[0] / falls[1])

    p = float(scipy.optimize.brentq(mismatch, 0.5, 6.0))  # type: ignore[arg-type]
    return float(energies[-1] - falls[1] / np.diff(quanta**-p)[1] * quanta[-1] ** -p)


def three_polarised(omega: float) -> tuple[float, float]:
    """The energy of three electrons of equal spin in two dimensions, and what the extrapolation is uncertain by."""
    quanta = np.array([6.0, 10.0, 14.0, 18.0])
    energies = np.array([configuration_interaction(3, 0, omega, int(q))[0] for q in quanta])
    last, before = _limit(quanta[1:], energies[1:]), _limit(quanta[:-1], energies[:-1])
    return last, abs(last - before)


@case
def polarised_electrons():
    """Three electrons of equal spin, 2D, omega = 1: determinants with and without backflow reach the exact energy."""
    dot = nqs.QuantumDot(3, 2, 1.0, n_up=3)
    exact, error = three_polarised(1.0)
    pairs = nqs.PadeJastrow(dot) * nqs.PairNetwork(dot)
    for name, determinants in (("Slater", nqs.Slater(dot)), ("Backflow", nqs.Backflow(dot))):
        optimizer = nqs.StochasticReconfiguration(CosineDecay(0.2, 150, 0.02), shift=1e-3)
        vmc = nqs.VMC(dot, determinants * pairs, nqs.Langevin(), optimizer, n_samples=4096, seed=1)
        for _ in vmc.steps(150):
            pass
        energy = vmc.measure(2**19).energy
        yield Row(f"{name}: relative error", energy.mean / exact - 1, 0, 0, limit=1e-4)
        yield Row(
            f"{name}: exact, below + 4 errors", exact, np.hypot(error, energy.error), energy.mean, 0, 4, below=True
        )
