"""Networks that share weights among the translations of a lattice: against plain sums, and under every shift."""

import itertools
from typing import Any

import numpy as np
import pytest
import torch

from generative.diffusion import Diffusion, SpinDiffusion
from generative.networks import LatticeDense, SharedLinear
from generative.networks.lattice import per_site
from generative.noise import generator
from generative.symmetries import translations

pytestmark = pytest.mark.interpreted

SHAPE, N = (3, 4), 12
SHIFTS = translations(SHAPE)


def normal(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=generator(3), dtype=torch.float64)


def randomised(net: Any) -> Any:
    """With no parameter at zero, where a network starts in part."""
    noise = generator(5)
    with torch.no_grad():
        for p in net.double().parameters():
            p += 0.3 * torch.randn(p.shape, generator=noise, dtype=p.dtype)
    return net


def shifted(x: torch.Tensor, shift: torch.Tensor) -> torch.Tensor:
    """Every channel of rows (b, channels * N) moved."""
    return x.unflatten(1, (-1, N))[:, :, shift].flatten(1)


def test_a_layer_is_a_convolution_over_the_whole_torus():
    layer = randomised(SharedLinear(SHAPE, 2, 3))
    x, sites = normal(5, 2, *SHAPE), list(itertools.product(range(SHAPE[0]), range(SHAPE[1])))
    assert layer.bias is not None
    w, bias = layer.weight.detach().view(*SHAPE, 3, 2), layer.bias.detach()
    found = layer(x.flatten(1)).detach().view(5, 3, *SHAPE)
    for i, j in sites:
        terms = [x[:, :, k, m] @ w[(i - k) % SHAPE[0], (j - m) % SHAPE[1]].T for k, m in sites]
        np.testing.assert_allclose(found[:, :, i, j], sum(terms) + bias, atol=1e-12)


def test_a_shift_of_the_input_shifts_the_output():
    net = randomised(LatticeDense(SHAPE, 2, (3, 2), 2, time=True, n_condition=1, seed=1))
    x, time, condition = normal(2, 2 * N), torch.tensor([0.1, 0.7]).double(), normal(2, 1)
    y = net(x, time, condition).detach()
    assert y.abs().max() > 0.1
    for shift in SHIFTS:
        moved = net(shifted(x, shift), time, condition)
        np.testing.assert_allclose(moved.detach(), shifted(y, shift), atol=1e-12)


def test_time_and_condition_matter():
    net = randomised(LatticeDense(SHAPE, 1, (4,), 1, time=True, n_condition=1, seed=1))
    x, one = normal(1, N), torch.ones(1).double()
    base = net(x, 0.5 * one, one[:, None])
    assert (net(x, 0.6 * one, one[:, None]) - base).abs().max() > 1e-3
    assert (net(x, 0.5 * one, 0 * one[:, None]) - base).abs().max() > 1e-3


@pytest.mark.parametrize("values", ["spins", "real"])
def test_a_diffusion_model_follows_shifts_also_after_it_has_seen_data(values):
    model = Diffusion(SHAPE, values, hidden=(24, 24), translation=True, seed=1)
    rows = np.where(normal(64, N) > 0, 1.0, -1.0)
    next(model.fit(rows if values == "spins" else rows + np.arange(N), n_steps=3, batch_size=32))
    x, eps = normal(4, N).float(), model.epsilon(None)
    for shift in SHIFTS:
        np.testing.assert_allclose(eps(x[:, shift], 0.3).detach(), eps(x, 0.3)[:, shift].detach(), atol=1e-5)
    assert model.encoded(torch.zeros(1, N), None).std() < 1e-6  # one mean for all sites


def test_diffusion_of_spins_follows_shifts():
    model = SpinDiffusion(SHAPE, hidden=(24,), translation=True, seed=1)
    next(model.fit(np.where(normal(64, N) > 0, 1.0, -1.0), n_steps=20, batch_size=32, learning_rate=0.02))
    s, t, log_odds = torch.sign(normal(4, N)).float(), torch.full((4,), 0.4), model.log_odds(None)
    found = log_odds(s, t).detach()
    assert (found - SpinDiffusion._own(s, t)).abs().max() > 0.01
    for shift in SHIFTS:
        np.testing.assert_allclose(log_odds(s[:, shift], t).detach(), found[:, shift], atol=1e-5)


def test_units_come_in_groups_of_one_for_each_site():
    assert per_site((24, 36), 12) == [2, 3]
    for units in ((24, 30), (), (0,)):
        with pytest.raises(ValueError, match="in groups of 12, one for each site"):
            per_site(units, 12)
    with pytest.raises(ValueError, match="in groups of 12"):
        SpinDiffusion(SHAPE, hidden=(16,), translation=True)
