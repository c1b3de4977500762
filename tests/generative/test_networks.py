"""Networks: what each output may depend on, by the Jacobian; symmetry under shifts; seeds."""

from typing import Any

import numpy as np
import pytest
import torch

from generative.networks import CausalConv, CausalTransformer, Coupled, Dense, MaskedDense, Paired, UNet, initialise
from generative.noise import generator
from generative.symmetries import augmentation, translations

pytestmark = pytest.mark.interpreted

SHAPE, N = (4, 4), 16


def causal(kind: str, n_condition: int = 0) -> torch.nn.Module:
    made = {
        "dense": lambda: MaskedDense(N, units=3, n_layers=3, n_condition=n_condition),
        "periodic": lambda: CausalConv(SHAPE, 6, 2, padding="circular", n_condition=n_condition),
        "open": lambda: CausalConv(SHAPE, 6, 2, padding="zeros", n_condition=n_condition),
        "transformer": lambda: CausalTransformer(N, 8, 2, 2, n_condition=n_condition),
    }[kind]()
    return randomised(made.double())


def randomised(net: torch.nn.Module) -> torch.nn.Module:
    """With no parameter at zero, where a network starts in part."""
    noise = generator(5)
    with torch.no_grad():
        for p in net.parameters():
            p += 0.3 * torch.randn(p.shape, generator=noise, dtype=p.dtype)
    return net


KINDS = ["dense", "periodic", "open", "transformer"]


def spins(n: int = 3) -> torch.Tensor:
    return 2.0 * torch.randint(2, (n, N), generator=generator(1)).double() - 1


@pytest.mark.parametrize("kind", KINDS)
def test_output_i_depends_on_the_sites_before_i_and_on_no_other(kind):
    net = causal(kind)
    jacobian = np.abs(np.asarray(torch.autograd.functional.jacobian(lambda x: net(x)[0], spins(1))))[:, 0]
    assert np.all(jacobian[np.triu_indices(N)] == 0)
    before = jacobian[np.tril_indices(N, -1)]
    assert np.all(before > 0) if kind in ("dense", "transformer") else np.mean(before > 0) > 0.8


@pytest.mark.parametrize("kind", KINDS)
def test_sites_one_after_the_other_are_the_whole(kind):
    net: Any = causal(kind, 2)
    x = spins()
    condition = torch.randn(3, 2, generator=generator(3), dtype=torch.float64)
    whole = net(x, condition)
    grown, output = torch.zeros_like(x), net.conditionals(3, condition)
    with torch.no_grad():
        for i in range(N):
            np.testing.assert_allclose(output(grown, i), whole[:, i].detach(), rtol=0, atol=1e-12)
            grown[:, i] = x[:, i]


@pytest.mark.parametrize("kind", KINDS)
def test_the_condition_matters(kind):
    net, x = causal(kind, 2), spins()
    one, other = (net(x, torch.full((3, 2), value, dtype=torch.float64)) for value in (0.0, 1.0))
    assert (one - other).abs().max() > 1e-3


def test_a_convolution_on_the_torus_sees_across_the_boundary():
    """The last site has the first of its row and the first of its column as neighbours."""
    net = causal("periodic")
    jacobian = torch.autograd.functional.jacobian(lambda x: net(x)[0, N - 1], spins(1))[0].abs()
    assert jacobian[12] > 0
    assert jacobian[3] > 0


@pytest.mark.parametrize("shape", [(4, 4), (8, 4)])
def test_the_u_net_with_circular_padding_moves_with_its_input(shape):
    net = randomised(UNet(shape, (8, 16), n_condition=2).double())
    x = torch.randn(2, 1, *shape, generator=generator(2), dtype=torch.float64)
    time, condition = torch.tensor([0.1, 0.7]).double(), torch.ones(2, 2).double()
    moved = net(torch.roll(x, (2, 2), (2, 3)), time, condition)
    np.testing.assert_allclose(moved.detach(), torch.roll(net(x, time, condition), (2, 2), (2, 3)).detach(), atol=1e-10)
    rows = net(x.flatten(1), time, condition)
    np.testing.assert_array_equal(rows.detach(), net(x, time, condition).flatten(1).detach())


def test_the_u_net_depends_on_time_and_condition_and_reaches_every_pixel():
    net = randomised(UNet((8, 8), (8, 16), n_condition=1, padding="zeros").double())
    x = torch.randn(1, 64, generator=generator(2), dtype=torch.float64)
    one = torch.ones(1).double()
    base = net(x, 0.5 * one, one[:, None])
    assert (net(x, 0.6 * one, one[:, None]) - base).abs().max() > 1e-3
    assert (net(x, 0.5 * one, 0 * one[:, None]) - base).abs().max() > 1e-3
    jacobian = torch.autograd.functional.jacobian(lambda x: net(x, 0.5 * one, one[:, None])[0], x)
    assert (jacobian[:, 0].abs() > 0).all()


def test_a_u_net_starts_at_zero_and_refuses_odd_levels():
    net = UNet((8, 8))
    assert net(torch.ones(1, 64), torch.ones(1)).abs().max() == 0
    with pytest.raises(ValueError, match="divisible by 4 for 3 levels"):
        UNet((8, 6), (8, 8, 8))


@pytest.mark.parametrize(
    "make",
    [
        lambda seed: MaskedDense(9, 4, seed=seed),
        lambda seed: CausalConv((4, 4), 4, seed=seed),
        lambda seed: CausalTransformer(9, 8, 2, seed=seed),
        lambda seed: UNet((4, 4), (4, 4), seed=seed),
        lambda seed: Dense(2, (8,), 2, time=True, seed=seed),
    ],
)
def test_networks_come_from_their_seed_alone(make):
    before = torch.get_rng_state()
    first, again, other = (torch.nn.utils.parameters_to_vector(make(seed).parameters()) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_weights_have_the_variance_of_their_inputs():
    """Of a masked layer, the inputs that the mask lets through."""
    net = MaskedDense(40, units=50)
    initialise(net, 3)
    mask, weight = net.first.get_buffer("mask"), net.first.weight.detach()
    for site in (5, 39):
        rows = slice(site * 50, (site + 1) * 50)
        seen = weight[rows][mask[rows] > 0]
        assert float(seen.var()) * site == pytest.approx(1.0, abs=4 * 0.9 / np.sqrt(len(seen)))


def test_a_dense_network_takes_time_and_condition():
    net = randomised(Dense(2, (8, 8), 3, time=True, n_condition=2))
    x = torch.ones(4, 2)
    out = net(x, torch.linspace(0, 1, 4), torch.zeros(4, 2))
    assert out.shape == (4, 3)
    assert (out[1:] - out[0]).abs().min() > 0


def test_translations_are_the_group_of_the_lattice():
    group = translations((3, 4)).numpy()
    assert len({tuple(row) for row in group}) == 12
    assert {tuple(a[b]) for a in group for b in group} == {tuple(row) for row in group}
    image = np.arange(12).reshape(3, 4)
    np.testing.assert_array_equal(group[1 * 4 + 3].reshape(3, 4), np.roll(image, (1, 3), (0, 1)))


@pytest.mark.parametrize("values", ["spins", "bits"])
def test_random_images_are_images_and_all_of_them_come(values):
    x = torch.zeros(4000, 6)
    x[:, 1] = 1
    x = 2 * x - 1 if values == "spins" else x
    images = augmentation((2, 3), values, True, True)(x, generator(0)).numpy()
    rows, counts = np.unique(images, axis=0, return_counts=True)
    assert len(rows) == 12
    assert np.sum((counts - 4000 / 12) ** 2) / (4000 / 12) < 31.3  # chi-squared of 11, probability 1e-3


def test_couplings_are_bilinear_in_what_they_join_and_in_the_condition():
    """With the dense layers at zero: sum_j (J_ij + sum_k c_k V_ij,k) x_j from 3 numbers to 5, and x_i times that."""
    x, c = spins(4)[:, :3], torch.tensor([[1.0, 0.5], [1.0, -0.5], [0.0, 2.0], [0.0, 0.0]]).double()
    coupled, paired = Coupled(3, (4,), 5, n_condition=2).double(), Paired(3, (), 1, n_condition=2).double()
    with torch.no_grad():
        for p in coupled.dense.parameters():
            p.zero_()
        for net in (coupled, paired):
            net.couplings.matrices.copy_(torch.randn(net.couplings.matrices.shape, generator=generator(2)))
    joined = torch.cat([torch.ones(4, 1), c], dim=1)
    fields = torch.einsum("bk,kij,bj->bi", joined, coupled.couplings.matrices, x)
    torch.testing.assert_close(coupled(x, condition=c), fields)
    products = x * torch.einsum("bk,kij,bj->bi", joined, paired.couplings.matrices, x)
    torch.testing.assert_close(paired(x, c), paired.dense(torch.cat([x, products], dim=1), condition=c))
