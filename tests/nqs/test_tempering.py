"""Parallel tempering of spins in two deep minima, against the whole distribution."""

import numpy as np
import pytest
from scipy.stats import chi2

import nqs
from montecarlo.chains import Chains
from montecarlo.tempering import Ladder, TemperedChains
from nqs.energy import LocalEnergy
from nqs.exact import FullSummation
from nqs.exact.diagonalisation import spins_of, states_of

N, N_CHAINS = 8, 128
RING = nqs.TransverseFieldIsing(nqs.Chain(N))
ALL = spins_of(np.arange(2**N), N)


def two_minima() -> nqs.SpinJastrow:
    """|psi|^2 = exp(0.11 M + 0.175 M^2) with M = sum_i s_i: all spins up, or all down and e^1.76 times rarer.

    A configuration with M = 0 is e^12 times rarer than the first: single flips hardly get across.
    """
    psi = nqs.SpinJastrow(RING, dtype=float)
    return psi._replace(real=psi.real._replace(bias=np.full(N, 0.055), couplings=np.full(N * (N - 1) // 2, 0.175)))


def chi_squared_p(psi: nqs.SpinState, samples: np.ndarray) -> float:
    """The probability of a chi-squared as large, with states of few expected visits taken together."""
    expected = FullSummation(psi).probabilities * len(samples)
    counts = np.bincount(states_of(samples), minlength=2**N)
    many = expected >= 10
    observed, expected = (np.append(each[many], each[~many].sum()) for each in (counts, expected))
    return float(chi2.sf(np.sum((observed - expected) ** 2 / expected), len(expected) - 1))


def sample(psi: nqs.SpinState, chains: Chains | TemperedChains, n_samples: int, sweeps: int) -> np.ndarray:
    nothing = LocalEnergy.for_chains(RING, psi, len(chains), 0)
    chains.burn_in(psi, 200, nothing)
    seen = LocalEnergy.for_chains(RING, psi, len(chains), n_samples, energies=False, configurations=True)
    if isinstance(chains, Chains):
        chains.run(psi, seen, n_samples, sweeps * N)
        return seen.configurations.reshape(-1, N)
    kept = []
    for _ in range(n_samples):
        chains.run(psi, nothing, sweeps, N)
        kept.append(chains.x.copy())
    return np.concatenate(kept)


def tempered(**options) -> TemperedChains:
    """All chains at all temperatures begin in the rarer minimum."""
    x = np.full((N_CHAINS, N), -1, dtype=np.int8)
    return TemperedChains(x, nqs.SpinFlip(), betas=np.linspace(0, 1, 5), seed=3, **options)


def test_samples_against_the_whole_distribution():
    psi, chains = two_minima(), tempered()
    samples = sample(psi, chains, 60, 12)
    assert 1e-3 < chi_squared_p(psi, samples) < 0.999
    assert (chains.ladder.acceptance > 0.2).all()
    assert np.ptp(chains.ladder.acceptance) < 0.2  # the ladder has adapted
    assert chains.ladder.trips_per_step > 0.01


def test_without_tempering_the_chains_stay_where_they_began():
    psi = two_minima()
    plain = Chains(np.full((N_CHAINS, N), -1, dtype=np.int8), nqs.SpinFlip(), seed=3)
    assert chi_squared_p(psi, sample(psi, plain, 60, 12)) < 1e-10
    mixed = Chains(np.full((N_CHAINS, N), -1, dtype=np.int8), nqs.SpinFlip(global_flips=0.2), seed=3)
    assert 1e-3 < chi_squared_p(psi, sample(psi, mixed, 60, 12)) < 0.999


class Careless(Ladder):
    """Exchanges without looking at the densities."""

    def exchange(self, log_ratio, exponentials, *arrays):
        super().exchange(np.zeros_like(log_ratio), exponentials, *arrays)


def test_a_wrong_exchange_fails():
    psi, chains = two_minima(), tempered()
    chains.ladder = Careless(chains.ladder.betas, N_CHAINS)
    assert chi_squared_p(psi, sample(psi, chains, 60, 12)) < 1e-10


def vmc(threads: int = 1) -> nqs.VMC:
    optimizer = nqs.StochasticReconfiguration(0.05, shift=1e-3)
    options = {"n_samples": 256, "n_chains": 32, "n_burn_in": 20, "seed": 1, "threads": threads}
    psi = nqs.SpinJastrow(RING, dtype=float, seed=2)
    return nqs.VMC(RING, psi, nqs.SpinFlip(), optimizer, n_temperatures=4, **options)


def test_vmc_restored_continues_to_the_same_bits_on_any_number_of_threads():
    whole = vmc()
    energies = [step.energy.mean for step in whole.steps(4)]
    first = vmc()
    begun = [step.energy.mean for step in first.steps(2)]
    second = vmc(threads=2)
    second.restore(first.state())
    assert begun + [step.energy.mean for step in second.steps(2)] == energies
    np.testing.assert_array_equal(second.psi.parameters, whole.psi.parameters)


@pytest.mark.interpreted
def test_ladder_exchanges_rows_and_counts_round_trips():
    ladder = Ladder(np.array([0.0, 0.5, 1.0]), 2)
    x = np.arange(6).reshape(3, 2)
    always, never = np.full((1, 2), np.inf), np.full((1, 2), -np.inf)
    ladder.exchange(np.concatenate([always[:, :1], never[:, :1]], axis=1), np.ones((1, 2)), x)  # levels 0, 1
    assert x.tolist() == [[2, 1], [0, 3], [4, 5]]
    ladder.exchange(always, np.ones((1, 2)), x)  # levels 1, 2
    assert x.tolist() == [[2, 1], [4, 5], [0, 3]]
    np.testing.assert_array_equal(ladder.acceptance, [0.5, 1.0])
    for _ in range(2):
        ladder.exchange(always, np.ones((1, 2)), x)
    assert ladder.n_trips == 2
    assert ladder.trips_per_step == 2 / (4 * 2)


@pytest.mark.interpreted
def test_ladder_moves_to_where_exchanges_are_rejected():
    """Rejections of 0.6 and 0.2: the middle temperature moves so that each neighbour gets 0.4."""
    ladder = Ladder(np.array([0.0, 0.3, 1.0]), 4)
    ladder.rejected, ladder.n_exchanges = np.array([6.0, 2.0]), np.array([10.0, 10.0])
    ladder.adapt()
    np.testing.assert_allclose(ladder.betas, [0.0, 0.2, 1.0])
    assert ladder.n_steps == 0


@pytest.mark.interpreted
@pytest.mark.parametrize("betas", [[0.0, 0.5], [0.0, 0.0, 1.0], [-0.1, 1.0], [1.0]])
def test_ladders_that_do_not_rise_to_one(betas):
    with pytest.raises(ValueError, match="expected inverse temperatures that rise from 0 or more to 1"):
        Ladder(np.array(betas), 2)
