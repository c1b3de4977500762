"""Spins on lattices: accuracy of machines trained for two minutes or less."""

import time

from registry import Row, case

import nqs
from neural.optimizers import CosineDecay
from nqs.exact import ground_state_energy
from nqs.spin_observables import v_score


def _train(system, psi, *, n_steps, rate=0.025, n_samples=1024, n_measure=2**17):
    """The energy after training, its variance, and the seconds both took."""
    started = time.perf_counter()
    proposal = nqs.SpinFlip() if system.magnetisation is None else nqs.SpinExchange(system)
    optimizer = nqs.StochasticReconfiguration(
        CosineDecay(rate, n_steps, rate / 20), shift=lambda step: max(1e-2 * 0.995**step, 1e-4)
    )
    vmc = nqs.VMC(system, psi, proposal, optimizer, n_samples=n_samples, seed=1, n_burn_in=50)
    for _ in vmc.steps(n_steps):
        pass
    measured = vmc.measure(n_measure)
    return measured.energy, time.perf_counter() - started


def _rows(system, psi, bound, *, seconds=120, **options):
    """The relative error with its own error, the V-score, and the time."""
    exact = system.exact_energy
    exact = ground_state_energy(system) if exact is None else exact
    energy, elapsed = _train(system, psi, **options)
    yield Row("energy", energy.mean, energy.error, exact, limit=4 + bound * abs(exact) / energy.error)
    yield Row("relative error", (energy.mean - exact) / abs(exact), 0, bound, limit=0, below=True)
    yield Row("exact, below + 4 errors", exact, energy.error, energy.mean, limit=4, below=True)
    yield Row("V-score", v_score(energy.mean, energy.variance, system.n_sites), 0, 1, limit=0, below=True)
    yield Row("seconds", elapsed, 0, seconds, limit=0, below=True)


@case
def ising_chain_alpha_1():
    """Transverse-field chain, N = 40, h = 1, real parameters, alpha = 1: 1e-4."""
    system = nqs.TransverseFieldIsing(nqs.Chain(40))
    yield from _rows(system, nqs.SpinRBM(system, 1, dtype=float, seed=1), 1e-4, n_steps=2000)


@case
def ising_chain_symmetric():
    """Transverse-field chain, N = 40, h = 1, four filters: 1e-5 (the error bar of the measurement is 3e-6)."""
    system = nqs.TransverseFieldIsing(nqs.Chain(40))
    psi = nqs.SymmetricRBM(system, 4, dtype=float, seed=1)
    yield from _rows(system, psi, 1e-5, n_steps=2500, n_measure=2**18)


@case
def ising_chain_strong_field():
    """Transverse-field chain, N = 40, h = 2, four filters: 1e-6."""
    system = nqs.TransverseFieldIsing(nqs.Chain(40), h=2.0)
    yield from _rows(system, nqs.SymmetricRBM(system, 4, dtype=float, seed=1), 1e-6, n_steps=1500, n_measure=2**18)


@case
def heisenberg_chain_20():
    """Heisenberg ring, N = 20, four filters: 1e-4."""
    system = nqs.Heisenberg(nqs.Chain(20))
    yield from _rows(system, nqs.SymmetricRBM(system, 4, dtype=float, seed=1), 1e-4, n_steps=800)


@case
def heisenberg_square_4():
    """Heisenberg antiferromagnet, 4x4, four filters under all symmetries: 1e-5."""
    lattice = nqs.Square(4)
    system = nqs.Heisenberg(lattice)
    psi = nqs.SymmetricRBM(system, 4, permutations=lattice.symmetries, dtype=float, seed=1)
    yield from _rows(system, psi, 1e-5, n_steps=1500, n_measure=2**18)


@case
def ising_square_4():
    """Transverse-field square, 4x4, h = 3.04438, two filters: 1e-4."""
    system = nqs.TransverseFieldIsing(nqs.Square(4), h=3.04438)
    yield from _rows(system, nqs.SymmetricRBM(system, 2, dtype=float, seed=1), 1e-4, n_steps=600)
