"""Metropolis and Hastings' rule and the chains that follow it, for a density and proposals of this file."""

from typing import NamedTuple

import numpy as np
import pytest
from scipy import stats

from montecarlo import chains as chains_module
from montecarlo.chains import Chains, Configurations
from montecarlo.metropolis import (
    Metropolis,
    accept,
    log_density_ratio,
    log_proposal_ratio,
    moves_per_sweep,
    noise_per_move,
    propose,
    refresh,
    workspace,
)
from neural.jit import COMPILED
from tests.helpers_sampling import assert_distribution, assert_mean

pytestmark = pytest.mark.interpreted
N_SAMPLES = 2000 if COMPILED else 200


class Gammas(NamedTuple):
    """p(x) = prod x^(k - 1) e^(-x) over all coordinates x > 0, a Gamma distribution for each."""

    k: float
    n_parts: int
    n_dims: int


class _Work(NamedTuple):
    total: np.ndarray  # (1,): the sum of all coordinates, kept up to date by the moves


@workspace.register(Gammas)
def _(target):
    return _Work(np.empty(1))


@refresh.register(Gammas)
def _(target, work, x):
    work.total[0] = 0.0
    for i in range(x.shape[0]):
        for d in range(x.shape[1]):
            work.total[0] += x[i, d]


@log_density_ratio.register(Gammas)
def _(target, work, x, i, new):
    ratio = 0.0
    for d in range(x.shape[1]):
        if new[d] <= 0.0:
            return -np.inf
        ratio += (target.k - 1.0) * np.log(new[d] / x[i, d]) - (new[d] - x[i, d])
    return ratio


@accept.register(Gammas)
def _(target, work, x, i, new):
    for d in range(x.shape[1]):
        work.total[0] += new[d] - x[i, d]


class Steps(Metropolis, NamedTuple("Steps", [("step", float)])):
    """x' = x + step xi"""

    __slots__ = ()
    target_acceptance = 0.4


class Stretches(Steps):
    """x' = x exp(step xi): log q(x | x') - log q(x' | x) = sum log(x' / x)"""

    __slots__ = ()


class ForgetfulStretches(Stretches):
    """Takes its moves to be as likely as their reversal, which they are not."""

    __slots__ = ()


@noise_per_move.register(Steps)
def _(proposal, target):
    return target.n_dims, 1


@moves_per_sweep.register(Steps)
def _(proposal, target):
    return target.n_parts


@propose.register(Steps)
def _(proposal, target, work, x, i, normals, scratch):
    for d in range(x.shape[1]):
        scratch[0, d] = x[i, d] + proposal.step * normals[d]


@log_proposal_ratio.register(Steps)
def _(proposal, target, work, x, i, scratch):
    return 0.0


@propose.register(Stretches)
def _(proposal, target, work, x, i, normals, scratch):
    for d in range(x.shape[1]):
        scratch[0, d] = x[i, d] * np.exp(proposal.step * normals[d])


@log_proposal_ratio.register(Stretches)
def _(proposal, target, work, x, i, scratch):
    ratio = 0.0
    for d in range(x.shape[1]):
        ratio += np.log(scratch[0, d] / x[i, d])
    return ratio


@log_proposal_ratio.register(ForgetfulStretches)
def _(proposal, target, work, x, i, scratch):
    return 0.0


GAMMAS = Gammas(2.0, 3, 2)


def make_chains(proposal: Steps, n_chains: int = 40, seed: int = 0, threads: int = 1) -> Chains:
    first = np.random.default_rng(99).gamma(GAMMAS.k, size=(n_chains, GAMMAS.n_parts, GAMMAS.n_dims))
    return Chains(first, proposal, seed=seed, threads=threads)


def space(chains: Chains, n_samples: int) -> Configurations:
    return Configurations(np.empty((len(chains), n_samples, *chains.x.shape[1:])))


def sample(chains: Chains, n_samples: int, moves_per_sample: int | None = None) -> np.ndarray:
    out = space(chains, n_samples)
    chains.run(GAMMAS, out, n_samples, moves_per_sample)
    return out.out


# The distribution


def assert_gammas(proposal: Steps) -> None:
    """Samples of every coordinate against the exact distribution, <x> = k and <x^2> = k (k + 1)."""
    chains = make_chains(proposal)
    chains.burn_in(GAMMAS, 100, space(chains, 0))
    x = sample(chains, N_SAMPLES)
    for coordinate in x.reshape(len(chains), N_SAMPLES, -1).transpose(2, 0, 1):
        assert_distribution(coordinate, stats.gamma(GAMMAS.k).cdf)
        assert_mean(coordinate, GAMMAS.k)
        assert_mean(coordinate**2, GAMMAS.k * (GAMMAS.k + 1))


@pytest.mark.parametrize("proposal", [Steps(1.0), Stretches(0.7)], ids=lambda proposal: type(proposal).__name__)
def test_samples_follow_the_density(proposal):
    assert_gammas(proposal)


def test_a_wrong_ratio_of_proposals_is_found_out():
    with pytest.raises(AssertionError, match="probability"):
        assert_gammas(ForgetfulStretches(0.7))


def test_acceptance_is_the_mean_of_min_1_ratio():
    """For x' = x + step xi: the acceptance by quadrature over x and x'."""
    grid = np.linspace(0.005, 25, 2501)
    p = stats.gamma.pdf(grid, GAMMAS.k)
    jump = stats.norm.pdf(grid[:, None] - grid, scale=1.5)
    exact = np.sum(np.minimum(p[:, None], p) * jump) * (grid[1] - grid[0]) ** 2
    one = Gammas(GAMMAS.k, 1, 1)
    first = np.random.default_rng(1).gamma(GAMMAS.k, size=(1000, 1, 1))
    chains = Chains(first, Steps(1.5), seed=2)
    n = 10 * N_SAMPLES // 100
    acceptance = chains.run(one, Configurations(np.empty((1000, n, 1, 1))), n)
    # Successive decisions are nearly independent; their variance is at most doubled.
    assert abs(acceptance - exact) < 3.3 * np.sqrt(2 * exact * (1 - exact) / (1000 * n))


# Reproducibility


@pytest.mark.parametrize("threads", [2, 3, 4, 100])
def test_results_do_not_depend_on_the_number_of_threads(threads):
    runs = []
    for n in (1, threads):
        chains = make_chains(Steps(1.0), n_chains=7, threads=n)
        acceptance = chains.burn_in(GAMMAS, 40, space(chains, 0))
        runs.append((acceptance, chains.proposal, sample(chains, 50), chains.x))
    assert runs[0][:2] == runs[1][:2]
    assert np.array_equal(runs[0][2], runs[1][2])
    assert np.array_equal(runs[0][3], runs[1][3])


def test_random_numbers_of_a_chain_do_not_depend_on_its_companions():
    many, few = make_chains(Steps(1.0), n_chains=7), make_chains(Steps(1.0), n_chains=7)
    few.x, few.generators = few.x[:2].copy(), few.generators[:2]
    assert np.array_equal(sample(many, 20)[:2], sample(few, 20))


def test_seeds_differ():
    first, second = (sample(make_chains(Steps(1.0), seed=seed), 20) for seed in (0, 1))
    assert not np.isin(first[:, 10:], second[:, 10:]).any()


def test_state_and_restore_continue_to_the_same_bits():
    whole, interrupted = make_chains(Steps(1.0)), make_chains(Steps(1.0))
    for chains in (whole, interrupted):
        chains.burn_in(GAMMAS, 40, space(chains, 0))
        sample(chains, 10)
    state = interrupted.state()
    sample(interrupted, 5)  # what is done after the state was taken does not change it
    other = make_chains(Steps(9.9), seed=5, threads=2)
    other.restore(state)
    assert np.array_equal(sample(whole, 30), sample(other, 30))
    assert whole.proposal == other.proposal


def test_restore_refuses_other_chains():
    state = make_chains(Steps(1.0), n_chains=5).state()
    with pytest.raises(ValueError, match=r"expected chains of shape \(6, 3, 2\), found chains of shape \(5, 3, 2\)"):
        make_chains(Steps(1.0), n_chains=6).restore(state)


def test_first_configurations_are_copied():
    x = np.ones((2, 3, 2))
    chains = Chains(x, Steps(1.0), seed=0)
    sample(chains, 5)
    assert np.all(x == 1)


def test_long_runs_are_cut_into_rounds(monkeypatch):
    """Every sample is recorded once, and where the cuts are does not depend on threads."""
    monkeypatch.setattr(chains_module, "NOISE_BYTES", 8 * 4 * 9 * 7)  # 7 samples at a time
    one, two = (make_chains(Steps(1.0), n_chains=4, threads=threads) for threads in (1, 2))
    x = sample(one, 50)
    assert np.array_equal(x, sample(two, 50))
    assert np.array_equal(x[:, -1], one.x)
    moved = (np.diff(x, axis=1) != 0).any(axis=(2, 3))
    assert 0.5 < moved.mean() < 1  # most sweeps accept a move


def test_moves_between_samples():
    """One move of a sweep changes one part, in order; three moves are one sweep."""
    one_by_one, by_sweep = make_chains(Steps(0.1)), make_chains(Steps(0.1))
    moves, sweeps = sample(one_by_one, 30, moves_per_sample=1), sample(by_sweep, 10)
    assert np.array_equal(moves[:, 2::3], sweeps)
    changed = (np.diff(moves, axis=1) != 0).any(axis=3)
    for k in range(29):
        assert set(np.flatnonzero(changed[:, k].any(axis=0))) <= {(k + 1) % 3}


def test_runs_within_a_sweep():
    """Runs of one move take turns through the parts, also from a saved state; else some parts would never move."""
    chains = make_chains(Steps(0.1))
    for k in range(7):
        before = chains.x.copy()
        continued = make_chains(Steps(0.1))
        continued.restore(chains.state())
        sample(chains, 1, moves_per_sample=1)
        sample(continued, 1, moves_per_sample=1)
        assert np.array_equal(chains.x, continued.x)
        assert set(np.flatnonzero((chains.x != before).any(axis=(0, 2)))) == {k % 3}


# Burn-in


@pytest.mark.parametrize("first_step", [1e-4, 1.0, 100.0])
def test_burn_in_reaches_the_target_acceptance(first_step):
    chains = make_chains(Steps(first_step))
    acceptance = chains.burn_in(GAMMAS, 400, space(chains, 0))
    assert acceptance == pytest.approx(Steps.target_acceptance, abs=0.05)
    frozen = chains.proposal
    chains.run(GAMMAS, space(chains, 20), 20)
    assert chains.proposal == frozen


def test_threads_below_one():
    with pytest.raises(ValueError, match="expected threads >= 1, got 0"):
        make_chains(Steps(1.0), threads=0)
