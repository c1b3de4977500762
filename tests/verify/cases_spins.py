"""Spins on lattices: accuracy of machines trained for two minutes or less."""

import time
from typing import Any, NamedTuple

from registry import Row, case

import nqs
from neural.optimizers import CosineDecay
from nqs.exact import FullSummation, ground_state_energy
from nqs.spin_observables import VScore
from runs.experiments import find


class Plan(NamedTuple):
    """How to train: the learning rate falls to a twentieth, the shift by 1 % a step from the first to the last."""

    n_steps: int
    rate: float = 0.05
    shifts: tuple[float, float] = (1.0, 1e-3)  # for shared weights, whose derivatives are sums over the group
    momentum: float = 0.9
    n_samples: int = 1024
    n_measure: int = 2**17


def _train(system, psi, plan):
    """What was measured after training, and the seconds that both took."""
    started = time.perf_counter()
    proposal = nqs.SpinFlip() if system.magnetisation is None else nqs.SpinExchange(system)
    first, last = plan.shifts
    optimizer = nqs.StochasticReconfiguration(
        CosineDecay(plan.rate, plan.n_steps, plan.rate / 20),
        shift=lambda step: max(first * 0.99**step, last),
        momentum=plan.momentum,
    )
    vmc = nqs.VMC(system, psi, proposal, optimizer, n_samples=plan.n_samples, seed=1, n_burn_in=50)
    for _ in vmc.steps(plan.n_steps):
        pass
    measured = vmc.measure(plan.n_measure, {"v_score": VScore(system.n_sites)})
    return measured, time.perf_counter() - started


def _rows(system, psi, bound, plan, *, exact=None, v_bound=None, seconds=120):
    """The relative error, whether the energy is a variational one, the V-score (20 times the bound), and the time."""
    exact = exact or system.exact_energy or ground_state_energy(system)
    measured, elapsed = _train(system, psi, plan)
    yield from _compared(
        system, measured, exact, bound, v_bound=v_bound or 20 * bound, elapsed=elapsed, seconds=seconds
    )


def _compared(system, measured, exact, bound, *, v_bound, elapsed, seconds):
    energy, score = measured.energy, measured.observables["v_score"]
    error = (energy.mean - exact) / abs(exact)
    yield Row("relative error", error, energy.error / abs(exact), bound, limit=0, below=True)
    yield Row("exact, below + 4 errors", exact, energy.error, energy.mean, limit=4, below=True)
    yield Row("V-score", score.mean, score.error, v_bound, limit=0, below=True)
    yield Row("seconds", elapsed, 0, seconds, limit=0, below=True)


@case
def ising_chain_alpha_1():
    """Transverse-field chain, N = 40, h = 1, real parameters, alpha = 1: 1e-4."""
    system = nqs.TransverseFieldIsing(nqs.Chain(40))
    plan = Plan(4000, rate=0.025, shifts=(1e-2, 1e-3), momentum=0.95)
    yield from _rows(system, nqs.SpinRBM(system, 1, dtype=float, seed=1), 1e-4, plan)


@case
def ising_chain_symmetric():
    """Transverse-field chain, N = 40, h = 1, six filters under all symmetries: 1e-5.

    Four filters that only translations share end at 1.0e-5, after 1000 steps as after 3000.
    """
    lattice = nqs.Chain(40)
    system = nqs.TransverseFieldIsing(lattice)
    psi = nqs.SymmetricRBM(system, 6, permutations=lattice.symmetries, dtype=float, seed=1)
    yield from _rows(system, psi, 1e-5, Plan(1500, n_measure=2**18))


@case
def ising_chain_strong_field():
    """Transverse-field chain, N = 40, h = 2, four filters: 1e-6."""
    system = nqs.TransverseFieldIsing(nqs.Chain(40), h=2.0)
    psi = nqs.SymmetricRBM(system, 4, dtype=float, seed=1)
    yield from _rows(system, psi, 1e-6, Plan(1500, n_measure=2**18))


@case
def heisenberg_chain_20():
    """Heisenberg ring, N = 20, four filters: 1e-4, and a V-score of 1e-4."""
    system = nqs.Heisenberg(nqs.Chain(20))
    psi = nqs.SymmetricRBM(system, 4, dtype=float, seed=1)
    yield from _rows(system, psi, 1e-4, Plan(3000), v_bound=1e-4)


@case
def heisenberg_chain_40():
    """Heisenberg ring, N = 40, four filters, against the Bethe ansatz: 3e-4."""
    system = nqs.Heisenberg(nqs.Chain(40))
    psi = nqs.SymmetricRBM(system, 4, dtype=float, seed=1)
    yield from _rows(system, psi, 3e-4, Plan(1500))


@case
def heisenberg_square_4():
    """Heisenberg antiferromagnet, 4x4, eight filters under all symmetries: 1e-5.

    Summed over all configurations, training with four filters ends at 1.1e-5 (seed 1), with eight at 1e-8.
    """
    lattice = nqs.Square(4)
    system = nqs.Heisenberg(lattice)
    psi = nqs.SymmetricRBM(system, 8, permutations=lattice.symmetries, dtype=float, seed=1)
    yield from _rows(system, psi, 1e-5, Plan(1000))


LONG_TRAINING: dict[str, Any] = {
    "n_steps": 800,
    "n_samples": 4096,
    "n_measure": 2**17,
    "learning_rate": 0.05,
    "shift": 1e-3,
    "shift_decay": 0.99,
}


@case
def j1j2_square_4():
    """Frustrated antiferromagnet, 4x4, J2 = 0.5, by the experiment ``j1j2-square``, longer than its default: 1e-3."""
    started = time.perf_counter()
    experiment = find("j1j2-square")
    run: Any = experiment.start(experiment.settings(**LONG_TRAINING))
    for _ in (*run.training(), *run.measuring()):
        pass
    elapsed, system = time.perf_counter() - started, run.vmc.system
    measured, exact = run.vmc.measured(), run.exact["energy"]
    yield from _compared(system, measured, exact, 1e-3, v_bound=0.02, elapsed=elapsed, seconds=600)
    summed = FullSummation(run.vmc.psi, system.magnetisation).expectation(system)
    yield Row("relative error, summed exactly", 1 - summed / exact, 0, 1e-3, limit=0, below=True)
    yield Row("R-hat", measured.energy.r_hat, 0, 1.01, limit=0, below=True)


@case
def heisenberg_square_6():
    """Heisenberg antiferromagnet, 6x6, four filters under all symmetries, against -0.678872 a site: 1e-3.

    The reference is an exact diagonalisation, H. J. Schulz et al., J. Phys. I France 6, 675 (1996).
    """
    lattice = nqs.Square(6)
    system = nqs.Heisenberg(lattice)
    psi = nqs.SymmetricRBM(system, 4, permutations=lattice.symmetries, dtype=float, seed=1)
    yield from _rows(system, psi, 1e-3, Plan(800, n_measure=2**16), exact=-0.678872 * 36)


@case
def ising_square_3():
    """Transverse-field square, 3x3, h = 3.04438, two filters: 1e-4."""
    system = nqs.TransverseFieldIsing(nqs.Square(3), h=3.04438)
    yield from _rows(system, nqs.SymmetricRBM(system, 2, dtype=float, seed=1), 1e-4, Plan(300))


@case
def ising_square_4():
    """Transverse-field square, 4x4, h = 3.04438, two filters: 1e-4."""
    system = nqs.TransverseFieldIsing(nqs.Square(4), h=3.04438)
    yield from _rows(system, nqs.SymmetricRBM(system, 2, dtype=float, seed=1), 1e-4, Plan(300))
