"""Spins sampled from |psi|^2, against the whole distribution, and trained to known energies."""

import numpy as np
import pytest
from scipy.stats import chi2

import nqs
from montecarlo.chains import Chains
from montecarlo.metropolis import log_proposal_ratio
from nqs.energy import LocalEnergy, local_energies
from nqs.exact import lowest, matrix
from nqs.exact.diagonalisation import spins_of, states_of
from nqs.proposals.spin_flip import SpinFlip
from nqs.vmc import energy_gradient
from nqs.wavefunctions.wavefunction import jacobian

N = 8
RING = nqs.TransverseFieldIsing(nqs.Chain(N))
HEISENBERG = nqs.Heisenberg(nqs.Chain(N))


class Biased(SpinFlip):
    """A wrong proposal: it claims that turning a spin over is half as likely as turning it back."""

    __slots__ = ()


@log_proposal_ratio.register(Biased)
def _(proposal, target, work, x, i, scratch):
    return 0.7 * x[scratch[0, 1]]


def sample(system, psi, proposal, n_samples: int) -> np.ndarray:
    """Configurations far apart in each chain, shape (n, n_sites)."""
    x = system.first_configurations(64, np.random.default_rng(1))
    chains = Chains(x, proposal, seed=2, threads=1)
    observer = LocalEnergy.for_chains(system, psi, len(x), n_samples, energies=False, configurations=True)
    chains.run(psi, LocalEnergy.for_chains(system, psi, len(x), 0), 1, 50 * N)
    chains.run(psi, observer, n_samples, 15 * N)
    return observer.configurations.reshape(-1, N)


def chi_squared_p(psi, states: np.ndarray, samples: np.ndarray) -> float:
    """The probability of a chi-squared as large, with states of few expected visits taken together."""
    weights = np.exp(2 * np.real(psi.log_psi(spins_of(states, N))))
    expected = weights / weights.sum() * len(samples)
    counts = np.bincount(np.searchsorted(states, states_of(samples)), minlength=len(states))
    many = expected >= 10
    observed = np.append(counts[many], counts[~many].sum())
    expected = np.append(expected[many], max(expected[~many].sum(), 1e-12))
    keep = expected > 1
    statistic = np.sum((observed[keep] - expected[keep]) ** 2 / expected[keep])
    return float(chi2.sf(statistic, keep.sum() - 1))


EVERYTHING = np.arange(2**N)
WITHOUT_MAGNETISATION = np.array([s for s in range(2**N) if s.bit_count() == N // 2])


@pytest.mark.parametrize(
    ("system", "proposal", "states"),
    [
        (RING, nqs.SpinFlip(), EVERYTHING),
        (RING, nqs.SpinFlip(global_flips=0.2), EVERYTHING),
        (HEISENBERG, nqs.SpinExchange(HEISENBERG), WITHOUT_MAGNETISATION),
        (HEISENBERG, nqs.SpinExchange(HEISENBERG, any_pair=True, global_flips=0.1), WITHOUT_MAGNETISATION),
    ],
    ids=["flips", "flips and all", "exchange", "any exchange and all"],
)
def test_samples_against_the_whole_distribution(system, proposal, states):
    psi = nqs.SpinRBM(system, 1, seed=3, scale=0.25)
    samples = sample(system, psi, proposal, 400)
    assert np.isin(states_of(samples), states).all()
    assert 1e-3 < chi_squared_p(psi, states, samples) < 0.999


def test_a_wrong_sampler_fails():
    psi = nqs.SpinJastrow(RING, dtype=float, seed=3, scale=0.15)  # quick to compile
    assert chi_squared_p(psi, EVERYTHING, sample(RING, psi, Biased(), 400)) < 1e-10


def test_gradient_against_the_sum_over_all_configurations():
    """From many samples the gradient is that of <psi|H|psi> / <psi|psi>, by differences."""
    psi = nqs.SpinRBM(RING, 1, seed=3, scale=0.3)
    h = matrix(RING)
    x = spins_of(EVERYTHING, N)

    def energy(vector: np.ndarray) -> float:
        amplitudes = np.exp(psi.with_parameters(vector).log_psi(x))
        return float(np.real(amplitudes.conj() @ (h @ amplitudes)) / np.sum(np.abs(amplitudes) ** 2))

    samples = sample(RING, psi, nqs.SpinFlip(), 2000)
    energies = local_energies(RING, psi, samples)
    found = energy_gradient(jacobian(psi, psi.rows(samples)), energies)
    steps = 1e-4 * np.eye(psi.n_parameters)
    exact = np.array([energy(psi.parameters + s) - energy(psi.parameters - s) for s in steps]) / 2e-4
    assert np.corrcoef(found, exact)[0, 1] > 0.99
    assert np.linalg.norm(found - exact) < 0.1 * np.linalg.norm(exact)


@pytest.mark.parametrize("dtype", [float, complex])
def test_training_the_ising_ring(dtype):
    psi = nqs.SpinRBM(RING, 2, dtype=dtype, seed=1, scale=0.05)
    optimizer = nqs.StochasticReconfiguration(0.05, shift=1e-3)
    vmc = nqs.VMC(RING, psi, nqs.SpinFlip(), optimizer, n_samples=1024, seed=1, n_burn_in=40, threads=1)
    last = list(vmc.steps(200))[-1]
    assert last.energy.mean == pytest.approx(RING.exact_energy, rel=1e-3)
    assert last.energy.z(RING.exact_energy or 0.0) > -5
    x = spins_of(EVERYTHING, N)
    amplitudes = np.exp(vmc.psi.log_psi(x))
    exact = lowest(RING).states[:, 0]
    assert abs(exact @ amplitudes) ** 2 / np.sum(np.abs(amplitudes) ** 2) > 0.999


@pytest.mark.parametrize("system", [RING, nqs.PauliSum([(1.0, "X0 X1"), (0.9, "Y0 Y1")])])
def test_exchanges_need_a_fixed_magnetisation(system):
    psi = nqs.SpinJastrow(system, dtype=complex)
    proposal = nqs.SpinExchange(HEISENBERG)
    with pytest.raises(ValueError, match=r"expected SpinFlip\(\) for (Transv|PauliSum).* is not fixed"):
        nqs.VMC(system, psi, proposal, nqs.StochasticReconfiguration(0.05))
    with pytest.raises(ValueError, match="is not fixed"):
        nqs.TimeEvolution(system, psi, proposal)


def test_results_do_not_depend_on_threads():
    def energies(threads: int) -> list[float]:
        psi = nqs.SpinRBM(HEISENBERG, 1, seed=1, scale=0.05)
        optimizer = nqs.StochasticReconfiguration(0.05, shift=1e-3)
        proposal = nqs.SpinExchange(HEISENBERG)
        vmc = nqs.VMC(
            HEISENBERG, psi, proposal, optimizer, n_samples=256, n_chains=32, seed=1, n_burn_in=5, threads=threads
        )
        return [step.energy.mean for step in vmc.steps(3)]

    assert energies(1) == energies(2)
