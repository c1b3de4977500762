"""Every proposal draws from |psi|^2: tried on a restricted Boltzmann machine, whose density is known in closed form."""

import itertools

import numpy as np
import pytest
from scipy import stats

import nqs
from montecarlo.chains import Chains, Configurations
from montecarlo.metropolis import log_proposal_ratio
from neural.jit import COMPILED
from tests.helpers_sampling import LEVEL, assert_distribution, assert_mean, thinned

pytestmark = pytest.mark.interpreted
N_CHAINS = 40
N_SAMPLES = 2000 if COMPILED else 300
SYSTEM = nqs.HarmonicOscillator(2, 2, omega=(1.0, 2.0))


class ForgetfulLangevin(nqs.Langevin):
    """Follows the drift, but takes its moves to be as likely as their reversal: it must be found out."""

    __slots__ = ()


@log_proposal_ratio.register(ForgetfulLangevin)
def _(proposal, target, work, x, i, scratch):
    return 0.0


# One line for each proposal.
PROPOSALS = [nqs.RandomWalk(0.8), nqs.Langevin(0.4), nqs.Gibbs()]


class Mixture:
    """|psi|^2 = P of a machine: one normal distribution for each state h of its hidden units.

    P(h) ~ exp( b.h + sum_i,d ((a_id + sum_j W_idj h_j)^2 - a_id^2) / 2 sigma_d^2 ),
    x_id | h ~ Normal(a_id + sum_j W_idj h_j, sigma_d^2)
    """

    def __init__(self, psi: nqs.GaussianRBM) -> None:
        states = np.array(list(itertools.product((0.0, 1.0), repeat=psi.hidden_bias.size)))
        self.sigma = np.exp(psi.log_sigma)
        self.means = psi.visible_bias + np.einsum("idj,hj->hid", psi.weights, states)
        squares = np.sum((self.means**2 - psi.visible_bias**2) / (2 * self.sigma**2), axis=(1, 2))
        weights = np.exp(states @ psi.hidden_bias + squares)
        self.probabilities = weights / weights.sum()

    def cdf(self, i: int, d: int):
        """The distribution function of the coordinate x_id."""
        return lambda x: np.dot(stats.norm.cdf(x[:, None], self.means[:, i, d], self.sigma[d]), self.probabilities)

    def product(self, i: int, d: int, k: int, e: int) -> float:
        """<x_id x_ke>"""
        diagonal = self.sigma[d] ** 2 if (i, d) == (k, e) else 0.0
        return float(self.probabilities @ (self.means[:, i, d] * self.means[:, k, e] + diagonal))


@pytest.fixture(scope="module")
def psi() -> nqs.GaussianRBM:
    """A machine whose coordinates are correlated, and neither normal nor centred."""
    return nqs.GaussianRBM(SYSTEM, n_hidden=3, seed=4, scale=0.4)


def samples(psi: nqs.WaveFunction, proposal: nqs.RandomWalk | nqs.Langevin | nqs.Gibbs, seed: int = 0) -> np.ndarray:
    """(n_chains, n_samples, n_particles, n_dims), two sweeps apart, after a burn-in that leaves the step alone."""
    first = SYSTEM.first_configurations(N_CHAINS, np.random.default_rng(seed))
    chains = Chains(first, proposal, seed=seed)
    chains.run(psi, Configurations(np.empty((N_CHAINS, 0, 2, 2))), 100)
    out = Configurations(np.empty((N_CHAINS, N_SAMPLES, 2, 2)))
    acceptance = chains.run(psi, out, N_SAMPLES, 2 if isinstance(proposal, nqs.Gibbs) else 4)
    assert acceptance == 1 if isinstance(proposal, nqs.Gibbs) else 0.2 < acceptance < 0.95
    return out.out


def assert_samples(psi: nqs.GaussianRBM, x: np.ndarray) -> None:
    """Every coordinate has the exact distribution, every pair of them the exact second moment."""
    mixture = Mixture(psi)
    coordinates = list(itertools.product(range(2), range(2)))
    for i, d in coordinates:
        assert_distribution(x[:, :, i, d], mixture.cdf(i, d))
        assert_mean(x[:, :, i, d], mixture.probabilities @ mixture.means[:, i, d])
    for (i, d), (k, e) in itertools.combinations_with_replacement(coordinates, 2):
        assert_mean(x[:, :, i, d] * x[:, :, k, e], mixture.product(i, d, k, e))


@pytest.mark.parametrize("proposal", PROPOSALS, ids=lambda proposal: type(proposal).__name__)
def test_samples_follow_the_density(psi, proposal):
    assert_samples(psi, samples(psi, proposal))


def test_a_proposal_without_its_green_functions_is_found_out(psi):
    with pytest.raises(AssertionError, match="probability"):
        assert_samples(psi, samples(psi, ForgetfulLangevin(0.4)))


def test_gibbs_and_metropolis_draw_from_one_distribution(psi):
    """Two samples against each other, by Kolmogorov and Smirnov's test."""
    gibbs, metropolis = samples(psi, nqs.Gibbs(), seed=1), samples(psi, nqs.RandomWalk(0.8), seed=2)
    for i, d in itertools.product(range(2), range(2)):
        one, other = thinned(gibbs[:, :, i, d]), thinned(metropolis[:, :, i, d])
        assert stats.ks_2samp(one, other).pvalue > LEVEL  # type: ignore


@pytest.mark.skipif(not COMPILED, reason="needs a million moves")
def test_rejections_of_langevin_moves_fall_as_the_step_to_the_power_of_3_2(psi):
    """A drift of the wrong size or sign leaves an error of lower order. Of the logarithm of the ratio, step^(3/2)."""
    first = samples(psi, nqs.Gibbs())[:, -1]
    steps, rejections = np.array([0.02, 0.08, 0.32]), []
    for step in steps:
        chains = Chains(first, nqs.Langevin(step), seed=3)
        rejections.append(1 - chains.run(psi, Configurations(np.empty((N_CHAINS, 0, 2, 2))), N_SAMPLES))
    assert np.polyfit(np.log(steps), np.log(rejections), 1)[0] == pytest.approx(1.5, abs=0.15)


@pytest.mark.parametrize(
    "make",
    [
        lambda: nqs.GaussianRBM(SYSTEM) * nqs.PadeJastrow(SYSTEM),
        lambda: nqs.Gaussian(SYSTEM),
        lambda: nqs.GaussianRBM(SYSTEM, represents="amplitude"),
    ],
)
def test_gibbs_is_for_the_plain_machine_only(make):
    with pytest.raises(TypeError, match="expected a GaussianRBM with represents='density' alone"):
        Chains(np.zeros((4, 2, 2)), nqs.Gibbs(), seed=0).run(make(), Configurations(np.empty((4, 1, 2, 2))), 1)
