"""Diffusion of spins against the enumeration of 3 x 3 Ising spins: with the exact posterior, and with a network."""

from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import chi2
from torch import Tensor

from generative.conditions import Interval
from generative.diffusion.spins import LogOdds, SpinDiffusion, back, bound, chain, divergence, noisy, probability_up
from generative.noise import Noise, generator
from generative.objectives import Batch
from montecarlo.lattices import Square

pytestmark = pytest.mark.interpreted

N = 9
STATES = 2.0 * ((torch.arange(2**N)[:, None] >> torch.arange(N)) & 1).double() - 1
AGREE = ((N + STATES @ STATES.T) / 2).long()
SATISFIED = STATES[:, torch.from_numpy(Square(3).edges.astype(np.int64))].prod(2).sum(1)  # minus the energy
P = torch.softmax(SATISFIED / 2.269185, 0)  # p(s) of all states of the periodic 3 x 3 lattice
ENTROPY = float(-(P * P.log()).sum())


def forward(t: float) -> Tensor:
    """q(s_t | s_0), (states of s_0, states of s_t)."""
    k = torch.arange(N + 1).double()
    return ((1 - t / 2) ** k * (t / 2) ** (N - k))[AGREE]


def number(s: Tensor) -> Tensor:
    """Which of STATES the rows are."""
    return ((s > 0).long() * 2 ** torch.arange(N)).sum(1)


@cache
def log_odds_of_all_states(t: float) -> Tensor:
    """From p(s_0 | s_t) by enumeration."""
    joint = P[:, None] * forward(t)
    up = joint.T @ (STATES + 1) / 2
    return torch.log(up) - torch.log(joint.sum(0)[:, None] - up)


def exact_log_odds(s: Tensor, t: Tensor) -> Tensor:
    """Of rows at one time."""
    return log_odds_of_all_states(float(t[0]))[number(s)]


def steps_back(n_steps: int) -> list[tuple[float, float]]:
    """The pairs of times (t, u) of ``n_steps`` equal steps."""
    return [(k / n_steps, (k - 1) / n_steps) for k in range(n_steps, 0, -1)]


def up_of_all_states(log_odds: LogOdds, t: float, u: float) -> Tensor:
    """p(s_u = +1 | s_t) for all states s_t."""
    step = back(torch.tensor(t).double(), torch.tensor(u).double())
    return probability_up(step, STATES, log_odds(STATES, torch.full((2**N,), t).double()))


def distribution(n_steps: int, log_odds: LogOdds = exact_log_odds) -> Tensor:
    """p of the model in ``n_steps`` steps, by products of transition matrices."""
    p = torch.full((2**N,), 0.5**N).double()
    for t, u in steps_back(n_steps):
        up = up_of_all_states(log_odds, t, u)
        p = p @ torch.exp(up.log() @ (1 + STATES.T) / 2 + (1 - up).log() @ (1 - STATES.T) / 2)
    return p


def entropy_of_a_step(t: float, u: float) -> float:
    """H(s_u | s_t, s_0) of one spin that flips with (1 - m(t)) / 2, from the table of the three."""
    flips = [torch.tensor([[1 - p, p], [p, 1 - p]]).double() for p in (u / 2, (t - u) / (1 - u) / 2)]
    joint = 0.5 * flips[0][:, :, None] * flips[1]  # s_0, s_u, s_t
    return float(-torch.xlogy(joint, joint / joint.sum(1, keepdim=True)).sum())


def nats(n_steps: int, log_odds: LogOdds = exact_log_odds) -> float:
    """Minus the bound, on average over p, all steps and all noise: sum_u H(s_u | s_t) of the model less that above.

    The first is the cross entropy of the true marginals of s_u given s_t and those of the model.
    """
    total = 0.0
    for t, u in steps_back(n_steps):
        true, up = up_of_all_states(exact_log_odds, t, u), up_of_all_states(log_odds, t, u)
        cross = -(torch.xlogy(true, up) + torch.xlogy(1 - true, 1 - up)).sum(1)
        total += float((P @ forward(t)) @ cross) - N * entropy_of_a_step(t, u)
    return total


def order(steps: list[int], lost: list[float]) -> float:
    """Of the power of the step with which something falls."""
    return -float(np.polyfit(np.log(steps), np.log(lost), 1)[0])


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


def test_what_the_steps_lose_has_its_order():
    """Two spins flip together in a step h with a probability h^2, and a step of independent spins has that one wrong.

    So the distribution is wrong by h in all steps together, its divergence from the truth by h^2; and the divergence
    of the paths, which the bound adds up, by h^2 in a step and by h in all. Paths lose more than their ends do.
    """
    steps = [16, 24, 32]
    ends = [float(torch.sum(P * (P / distribution(n)).log())) for n in steps]
    paths = [nats(n) - ENTROPY for n in steps]
    assert order(steps, ends) == pytest.approx(2, abs=0.25)
    assert order(steps, paths) == pytest.approx(1, abs=0.05)
    assert all(0 < end < path for end, path in zip(ends, paths, strict=True))


def test_samples_are_those_of_the_products_of_transition_matrices():
    n, n_steps = 20_000, 6
    s = chain(exact_log_odds, n_steps, Noise(1, n, dtype=torch.float64), N)
    counts, expected = torch.bincount(number(s), minlength=2**N).double(), n * distribution(n_steps)
    rare = expected < 10
    found, wanted = (torch.cat([x[~rare], x[rare].sum()[None]]) for x in (counts, expected))
    assert float(((found - wanted) ** 2 / wanted).sum()) < chi2.ppf(0.999, len(found) - 1)


@pytest.mark.parametrize("n_steps", [4, 16])
def test_the_bound_has_the_mean_that_enumeration_gives_it(n_steps):
    rows = torch.multinomial(P, 4000, replacement=True, generator=generator(2))
    found = bound(exact_log_odds, STATES[rows], n_steps, Noise(3, len(rows), dtype=P.dtype))
    assert abs(float(found.mean()) + nats(n_steps)) < 4 * float(found.std()) / len(rows) ** 0.5


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
    """A trained network has a distribution and a bound by enumeration too, whatever its steps and training lack."""

    def fit(model: SpinDiffusion) -> Any:
        rows = STATES[torch.multinomial(P, 4000, replacement=True, generator=generator(2))].numpy()
        options: Any = dict(n_steps=300, batch_size=200, record_every=100, learning_rate=3e-3, ema=0.98, seed=5)
        return model.fit(rows, flip=True, translation=True, **options)

    whole, stopped, resumed = (SpinDiffusion((3, 3), n_steps=16, hidden=(64,), seed=seed) for seed in (0, 0, 1))
    nothing = nats(16, of(whole)) - nats(16)
    list(fit(whole))
    first = fit(stopped)
    next(first)
    second = fit(resumed)
    second.restore(first.state())
    list(second)
    np.testing.assert_array_equal(whole.sample(50, 1), resumed.sample(50, 1))
    assert 0 < nats(16, of(whole)) - nats(16) < 0.05 * nothing
    found = whole.log_prob(STATES[torch.multinomial(P, 4000, replacement=True, generator=generator(6))].numpy(), seed=1)
    assert abs(found.mean() + nats(16, of(whole))) < 4 * found.std() / len(found) ** 0.5
    bonds = SATISFIED[number(torch.from_numpy(whole.sample(4000, 2)))]
    expected = float(distribution(16, of(whole)) @ SATISFIED)
    assert abs(float(bonds.mean()) - expected) < 4 * float(bonds.std()) / len(bonds) ** 0.5


def of(model: SpinDiffusion) -> LogOdds:
    """The log odds of a model with its own precision."""

    @torch.no_grad()
    def log_odds(s: Tensor, t: Tensor) -> Tensor:
        return model.log_odds(None)(s.float(), t.float()).double()

    return log_odds


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


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_divergence_of_certain_spins_is_finite_and_right(dtype):
    """At the last step, where s_u = s_0, it is log(1 + e^-h) for a spin that is up, with the slope -1 / (1 + e^h)."""
    h = torch.tensor([[90.0], [30.0], [1.0], [0.0], [-40.0], [-3000.0]], dtype=dtype, requires_grad=True)
    one = torch.ones(6, 1, dtype=dtype)
    found = divergence(back(0.25 * one, 0 * one), -one, one, h)
    np.testing.assert_allclose(found.tolist(), np.logaddexp(0, -h.double().detach().numpy()[:, 0]), rtol=1e-4)
    slope = torch.autograd.grad(found.sum(), h)[0]
    np.testing.assert_allclose(slope, -torch.sigmoid(-h.detach().double()), rtol=1e-4)
    assert float(found[0].detach()) == pytest.approx(8.194012623990515e-40, rel=1e-4)


@pytest.mark.parametrize("t", [1 / 256, 0.5, 1.0])
def test_the_divergence_of_any_odds_is_finite_and_has_a_finite_gradient(t):
    s, s_0, h = (each.reshape(-1, 1) for each in torch.meshgrid(
        torch.tensor([-1.0, 1.0]), torch.tensor([-1.0, 1.0]), torch.tensor([-1e4, -90.0, -17.0, 0.0, 17.0, 90.0, 1e4]),
        indexing="ij",
    ))  # fmt: skip
    h = h.clone().requires_grad_()
    step = back(torch.full_like(s, t), torch.full_like(s, t - 1 / 256))
    found = divergence(step, s, s_0, h)
    assert torch.isfinite(found).all()
    assert float(found.detach().min()) > -1e-6
    assert torch.isfinite(torch.autograd.grad(found.sum(), h)[0]).all()
