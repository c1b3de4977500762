"""Diffusion of spins against the enumeration of 3 x 3 Ising spins: with the exact posterior, and with a network."""

from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import chi2
from torch import Tensor

from generative.conditions import Interval
from generative.diffusion.spins import SpinDiffusion, back, bound, chain, divergence, noisy, probability_up
from generative.noise import Noise, generator
from generative.objectives import Batch
from montecarlo.lattices import Square

pytestmark = pytest.mark.interpreted

N = 9
STATES = 2.0 * ((torch.arange(2**N)[:, None] >> torch.arange(N)) & 1).double() - 1
AGREE = (N + STATES @ STATES.T) / 2


def ising(temperature: float) -> Tensor:
    """p(s) of all states of the periodic 3 x 3 lattice."""
    edges = torch.from_numpy(Square(3).edges.astype(np.int64))
    return torch.softmax((STATES[:, edges[:, 0]] * STATES[:, edges[:, 1]]).sum(1) / temperature, 0)


P = ising(2.269185)


def forward(t: float) -> Tensor:
    """q(s_t | s_0), (states of s_0, states of s_t)."""
    return (1 - t / 2) ** AGREE * (t / 2) ** (N - AGREE)


def number(s: Tensor) -> Tensor:
    """Which of STATES the rows are."""
    return ((s > 0).long() * 2 ** torch.arange(N)).sum(1)


def exact_log_odds(s: Tensor, t: Tensor) -> Tensor:
    """From p(s_0 | s_t) by enumeration; all rows at one time."""
    posterior = (P[:, None] * forward(float(t[0])))[:, number(s)]
    up = (posterior.T @ (STATES + 1)) / 2
    return torch.log(up) - torch.log(posterior.sum(0)[:, None] - up)


def distribution(n_steps: int) -> Tensor:
    """p of the model with the exact posterior in ``n_steps`` steps, by products of transition matrices."""
    p = torch.full((2**N,), 0.5**N).double()
    for k in range(n_steps, 0, -1):
        t, u = torch.tensor(k / n_steps).double(), torch.tensor((k - 1) / n_steps).double()
        up = probability_up(back(t, u), STATES, exact_log_odds(STATES, t[None]))
        p = p @ torch.where(STATES[None] > 0, up[:, None], 1 - up[:, None]).prod(2)
    return p


def test_a_step_back_is_bayes_rule():
    t, u = torch.tensor(0.7).double(), torch.tensor(0.4).double()
    r = (1 - t) / (1 - u)
    for s in (-1.0, 1.0):
        for s_0 in (-1.0, 1.0):
            weights = [(1 + r * s * s_u) * (1 + (1 - u) * s_u * s_0) for s_u in (-1.0, 1.0)]
            mean = (weights[1] - weights[0]) / (weights[1] + weights[0])
            step = back(t, u)
            assert float(step.here * s + step.there * s_0) == pytest.approx(float(mean), abs=1e-14)
    assert tuple(map(float, back(t, torch.zeros(()).double()))) == (0.0, 1.0)


def test_noise_flips_with_its_probability():
    t = torch.full((4000,), 0.6)
    flipped = (noisy(torch.ones(4000, N), t, torch.rand(4000, N, generator=generator(0))) < 0).double().mean()
    assert abs(float(flipped) - 0.3) < 4 * (0.21 / 36_000) ** 0.5


def test_the_exact_posterior_gives_the_exact_distribution_with_the_second_power_of_the_step():
    steps = np.array([6, 12, 24])
    lost = [float(torch.sum(P * (P.log() - distribution(n).log()))) for n in steps]
    order = -np.polyfit(np.log(steps), np.log(lost), 1)[0]
    assert 1.7 < order < 2.5
    assert lost[-1] < 3e-3


def test_samples_are_those_of_the_products_of_transition_matrices():
    n, n_steps = 20_000, 6
    s = chain(exact_log_odds, n_steps, Noise(1, n, dtype=torch.float64), N)
    counts, expected = torch.bincount(number(s), minlength=2**N).double(), n * distribution(n_steps)
    rare = expected < 10
    found, wanted = (torch.cat([x[~rare], x[rare].sum()[None]]) for x in (counts, expected))
    assert float(((found - wanted) ** 2 / wanted).sum()) < chi2.ppf(0.999, len(found) - 1)


@pytest.mark.parametrize("n_steps", [4, 16])
def test_the_bound_lies_below_the_log_likelihood_by_little(n_steps):
    """On average over p; against the log-likelihood of the model itself."""
    rows = torch.multinomial(P, 1500, replacement=True, generator=generator(2))
    gap = distribution(n_steps).log()[rows] - bound(
        exact_log_odds, STATES[rows], n_steps, Noise(3, 1500, dtype=P.dtype)
    )
    error = float(gap.std()) / len(gap) ** 0.5
    assert float(gap.mean()) > -4 * error
    assert float(gap.mean()) < 4 * error + 2.0 / n_steps


def test_divergence_against_its_definition_and_none_for_the_truth():
    t, u = torch.tensor([[0.5]]).double(), torch.tensor([[0.3]]).double()
    s, s_0 = STATES[5:6], STATES[300:301]
    h = torch.linspace(-3, 3, N).double()[None]
    q = (1 + back(t, u).here * s + back(t, u).there * s_0) / 2
    p = probability_up(back(t, u), s, h)
    kl = torch.distributions.kl_divergence(torch.distributions.Bernoulli(q), torch.distributions.Bernoulli(p)).sum()
    assert float(divergence(back(t, u), s, s_0, h)) == pytest.approx(float(kl), abs=1e-12)
    assert float(divergence(back(t, u), s, s_0, 60 * s_0)) == pytest.approx(0.0, abs=1e-12)


def test_the_loss_is_the_negative_bound_on_average():
    model = SpinDiffusion((3, 3), n_steps=8, hidden=(16,))
    rows = STATES[torch.multinomial(P, 20_000, replacement=True, generator=generator(2))].float()
    loss = float(model.loss(Batch(rows, None, generator(4), 0, 0.0)).detach())
    found = model.log_prob(rows.numpy())
    assert loss == pytest.approx(-found.mean(), abs=8 * found.std() / len(found) ** 0.5)


def test_it_learns_the_ising_model_and_resumes_to_the_bit():
    def fit(model: SpinDiffusion) -> Any:
        rows = STATES[torch.multinomial(P, 4000, replacement=True, generator=generator(2))].numpy()
        options: Any = dict(n_steps=450, batch_size=200, record_every=150, learning_rate=3e-3, ema=0.98, seed=5)
        return model.fit(rows, flip=True, translation=True, **options)

    whole, stopped, resumed = (SpinDiffusion((3, 3), n_steps=16, hidden=(64,), seed=seed) for seed in (0, 0, 1))
    list(fit(whole))
    first = fit(stopped)
    next(first)
    second = fit(resumed)
    second.restore(first.state())
    list(second)
    np.testing.assert_array_equal(whole.sample(50, 1), resumed.sample(50, 1))
    exact = float(-(P * P.log()).sum())
    nats = -(P.numpy() @ whole.log_prob(STATES.numpy(), seed=1))
    assert exact - 0.05 < nats < exact + 0.15
    energy = -np.mean([np.sum(row[Square(3).edges].prod(1)) for row in whole.sample(4000, 2)])
    truth = float(P @ -torch.from_numpy(STATES.numpy()[:, Square(3).edges].prod(2).sum(1)))
    assert energy == pytest.approx(truth, rel=0.1)


@pytest.mark.parametrize("values", ["spins", "bits"])
def test_samples_do_not_depend_on_how_many_are_drawn(values):
    model = SpinDiffusion((4, 4), values, channels=(4, 8), condition=Interval(2.0, 3.0), guidance=0.5, n_steps=5)
    many = model.sample(12, 3, condition=2.5, batch_size=5)
    assert model.tensor(many).shape == (12, 16)
    np.testing.assert_array_equal(model.sample(4, 3, condition=2.5), many[:4])
    assert model.log_prob(many, condition=2.5).shape == (12,)


def test_arguments_are_checked():
    with pytest.raises(ValueError, match="expected values"):
        SpinDiffusion((4,), "real")
    with pytest.raises(ValueError, match="a condition to be guided by"):
        SpinDiffusion((4,), guidance=1.0)
