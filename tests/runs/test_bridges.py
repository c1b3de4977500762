"""The same Boltzmann machine as a quantum state and as a generative model."""

import itertools
from typing import Any

import numpy as np
import pytest
from scipy import stats

import nqs
from generative import GaussianBernoulliRBM, IsingRBM


def test_gaussian_machines_agree():
    """log psi = -F/2, with the same arrays on both sides."""
    trap = nqs.HarmonicOscillator(2, 2, 1.0)
    psi = nqs.GaussianRBM(trap, 3, seed=1, scale=0.5)
    model = GaussianBernoulliRBM(4, 3, seed=0, train_sigma=True)
    sigma = np.tile(np.exp(psi.log_sigma), 2)
    model.machine = type(model.machine)(psi.visible_bias.ravel(), psi.hidden_bias, psi.weights.reshape(4, 3), sigma)
    x = np.random.default_rng(0).normal(size=(20, 2, 2))
    np.testing.assert_allclose(psi.log_psi(x), -model.free_energy(x.reshape(20, 4)) / 2, rtol=1e-12)


def spin_state_and_model() -> tuple[nqs.SpinRBM, IsingRBM]:
    """psi is a product of cosh, |psi|^2 one of cosh^2: a machine with every hidden unit twice, and twice the bias."""
    psi = nqs.SpinRBM(nqs.TransverseFieldIsing(nqs.Chain(6), J=1.0, h=1.0), alpha=0.5, dtype=float, seed=3, scale=0.4)
    a, b, W = psi.real
    model = IsingRBM(6, 6, seed=0)
    model.machine = type(model.machine)(2 * a, np.tile(b, 2), np.tile(W, 2))
    return psi, model


def test_spin_machines_agree():
    psi, model = spin_state_and_model()
    s = np.array(list(itertools.product([-1.0, 1.0], repeat=6)))
    difference = psi.log_psi(s) + model.free_energy(s) / 2
    assert np.ptp(difference) < 1e-12


@pytest.mark.parametrize("method", ["gibbs", "tempering"])
def test_block_gibbs_samples_the_square_of_the_quantum_state(method):
    """The probabilities come from the wave function, the samples from the generative model."""
    psi, model = spin_state_and_model()
    s = np.array(list(itertools.product([-1.0, 1.0], repeat=6)))
    p = np.exp(2 * (psi.log_psi(s) - psi.log_psi(s).max()))
    samples = model.sample(8000, seed=1, method=method)
    counts = np.bincount((((samples + 1) / 2) @ (1 << np.arange(5, -1, -1))).astype(int), minlength=64)
    assert stats.chisquare(counts, p / p.sum() * len(samples)).pvalue > 1e-3


def test_metropolis_on_the_quantum_state_and_block_gibbs_on_the_model_agree():
    """Two independent samplers, compared with each other by chi-squared."""
    psi, model = spin_state_and_model()
    system = nqs.TransverseFieldIsing(nqs.Chain(6), J=1.0, h=1.0)
    optimizer = nqs.StochasticReconfiguration(0.05)
    vmc = nqs.VMC(system, psi, nqs.SpinFlip(), optimizer, n_samples=4000, n_chains=4000, n_burn_in=100, seed=2)
    vmc.measure(4000)
    quantum = vmc.chains.x.reshape(4000, 6)
    classical = model.sample(4000, seed=1)
    code = 1 << np.arange(6)
    counts = [np.bincount(((each > 0) @ code).astype(int), minlength=64) for each in (quantum, classical)]
    seen = np.sum(counts, axis=0) >= 10
    table = np.array([[*count[seen], count[~seen].sum() + 1] for count in counts])
    result: Any = stats.chi2_contingency(table)
    assert result.pvalue > 1e-3
