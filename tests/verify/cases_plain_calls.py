"""Plain calls: every wave function on a small system that it suits, with the defaults of the classes.

There are only a quarter of the default number of samples, so that updates have twice the noise.
"""

import math
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from registry import Row, case

import nqs

N_STEPS, N_SAMPLES = 60, 2048
SEEDS = range(10)

TRAP, BOSONS = nqs.HarmonicOscillator(2, 2), nqs.HardSphereBosons(3)
DOT, THREE = nqs.QuantumDot(2), nqs.QuantumDot(3)
LINE = nqs.HarmonicOscillator(3, 1, statistics="fermion")
CALOGERO, GAUSSIANS = nqs.CalogeroSutherland(3), nqs.GaussianInteraction(3)
ISING, RING = nqs.TransverseFieldIsing(nqs.Chain(10)), nqs.Heisenberg(nqs.Chain(10))
FRUSTRATED = nqs.J1J2(nqs.Square(4))

# name -> the system, the wave function of a seed
PLAIN: dict[str, tuple[Any, Callable[[int], nqs.WaveFunction]]] = {
    "Gaussian, trap": (TRAP, lambda seed: nqs.Gaussian(TRAP)),
    "GaussianRBM, dot": (DOT, lambda seed: nqs.GaussianRBM(DOT, seed=seed)),
    "GaussianRBM x Pade, dot": (DOT, lambda seed: nqs.GaussianRBM(DOT, seed=seed) * nqs.PadeJastrow(DOT)),
    "Gaussian x Jastrow, dot": (DOT, lambda seed: nqs.Gaussian(DOT) * nqs.Jastrow(DOT)),
    "Neural, dot": (DOT, lambda seed: nqs.Neural(DOT, seed=seed)),
    "Neural x Pade, dot": (DOT, lambda seed: nqs.Neural(DOT, seed=seed) * nqs.PadeJastrow(DOT)),
    "Gaussian x PairNetwork, dot": (DOT, lambda seed: nqs.Gaussian(DOT) * nqs.PairNetwork(DOT, seed=seed)),
    "Slater x Pade, three in a dot": (THREE, lambda seed: nqs.Slater(THREE) * nqs.PadeJastrow(THREE)),
    "Backflow x Pade, three in a dot": (THREE, lambda seed: nqs.Backflow(THREE) * nqs.PadeJastrow(THREE)),
    "Slater x Neural, line": (LINE, lambda seed: nqs.Slater(LINE) * nqs.Neural(LINE, symmetry="pooled", seed=seed)),
    "Gaussian x HardSphere, bosons": (BOSONS, lambda seed: nqs.Gaussian(BOSONS) * nqs.HardSphereJastrow(BOSONS)),
    "Gaussian x Power, Calogero": (CALOGERO, lambda seed: nqs.Gaussian(CALOGERO) * nqs.PowerJastrow(CALOGERO)),
    "default, Gaussian interaction": (GAUSSIANS, lambda seed: nqs.default_wavefunction(GAUSSIANS, seed=seed)),
    "SpinRBM, Ising": (ISING, lambda seed: nqs.SpinRBM(ISING, seed=seed)),
    "SpinRBM, Heisenberg": (RING, lambda seed: nqs.SpinRBM(RING, seed=seed)),
    "SpinJastrow, Ising": (ISING, lambda seed: nqs.SpinJastrow(ISING, seed=seed)),
    "SpinJastrow, Heisenberg": (RING, lambda seed: nqs.SpinJastrow(RING, seed=seed)),
    "SpinNeural, Ising": (ISING, lambda seed: nqs.SpinNeural(ISING, seed=seed)),
    "SymmetricRBM, Ising": (ISING, lambda seed: nqs.SymmetricRBM(ISING, seed=seed)),
    "SymmetricRBM, Heisenberg": (RING, lambda seed: nqs.SymmetricRBM(RING, seed=seed)),
    "SymmetricRBM, J1-J2": (FRUSTRATED, lambda seed: nqs.SymmetricRBM(FRUSTRATED, seed=seed)),
}


def moves_for(system: Any) -> Any:
    if system.configuration_dtype is not nqs.TransverseFieldIsing.configuration_dtype:
        return nqs.Langevin()
    return nqs.SpinExchange(system) if system.conserves_magnetisation else nqs.SpinFlip()


def energies(system: Any, psi: nqs.WaveFunction, seed: int) -> tuple[Any, Any]:
    """The first and the last energy of a training; two that are NaN where it ran away."""
    vmc = nqs.VMC(
        system, psi, moves_for(system), nqs.StochasticReconfiguration(), n_samples=N_SAMPLES, seed=seed, threads=1
    )
    try:
        steps = list(vmc.steps(N_STEPS))
    except nqs.DivergedError as error:
        print(f"  seed {seed}: {error}")
        return nqs.Estimate(math.nan, 0.0, n=1), nqs.Estimate(math.nan, 0.0, n=1)
    return steps[0].energy, steps[-1].energy


def is_sound(system: Any, first: Any, last: Any) -> bool:
    """Whether the energy has not risen, and is not below what it can be."""
    error = 5 * math.hypot(first.error, last.error)
    exact = system.exact_energy
    least = system.energy_bounds[0] if exact is None else exact
    return least - error - 1e-9 * abs(least) <= last.mean <= first.mean + error + 1e-9 * abs(first.mean)


@case
def plain_calls() -> Iterator[Row]:
    """Ten seeds of 60 steps with the defaults of every class: how many ran away, or ended where no energy can be."""
    for name, (system, make) in PLAIN.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = [energies(system, make(seed), seed) for seed in SEEDS]
        yield Row(name, sum(not is_sound(system, *pair) for pair in found), 0.0, 0.0, limit=0.0)
