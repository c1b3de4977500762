"""The training loop: a plain loop to the bit, resumed to the bit, stopped at a NaN."""

import math
from contextlib import nullcontext
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from torch import nn

from generative.batches import NOISE, ORDER
from generative.noise import generator, hashed
from generative.objectives import Batch, Objective
from generative.training import Training
from neural.divergence import DivergedError
from neural.optimizers import CosineDecay
from runs.hdf5 import read_tree, write_tree

pytestmark = pytest.mark.interpreted


def network(seed: int = 0) -> nn.Sequential:
    net = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1))
    with torch.no_grad():
        for p in net.parameters():
            p.copy_(torch.randn(p.shape, generator=generator(seed)))
    return net


DATA = torch.randn(50, 3, generator=generator(9))


def loss_of(net: nn.Module):
    def loss(batch: Batch):
        noise = torch.randn(batch.x.shape, generator=batch.generator)
        target = (batch.x + 0.1 * noise).sum(dim=1, keepdim=True)
        value = torch.mean((net(batch.x) - target) ** 2)
        return value, {"progress": torch.tensor(batch.progress)}

    return loss


def training(
    net: nn.Module, seed: int = 4, rate: Any = 1e-2, data: torch.Tensor | None = DATA, **options: Any
) -> Training:
    options: Any = {"n_epochs": 6, "batch_size": 16, **options}
    return Training(net, [Objective("loss", loss_of(net), list(net.parameters()), rate)], data, seed=seed, **options)


def parameters(net: nn.Module) -> np.ndarray:
    return nn.utils.parameters_to_vector(net.parameters()).detach().numpy()


def test_it_is_the_plain_loop():
    ours, plain = network(), network()
    records = list(training(ours))
    optimizer = torch.optim.Adam(plain.parameters(), lr=1e-2, fused=True)
    step = 0
    for epoch in range(6):
        order = torch.randperm(50, generator=generator(4, ORDER, epoch))
        for rows in order.split(16):
            noise = torch.Generator().manual_seed(hashed(4, NOISE, step))
            loss, _ = loss_of(plain)(Batch(DATA[rows], None, noise, step, step / 24))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            step += 1
    np.testing.assert_array_equal(parameters(ours), parameters(plain))
    assert [record.step for record in records] == [4, 8, 12, 16, 20, 24]
    assert records[-1].epoch == 6
    assert records[-1].losses["loss"] < records[0].losses["loss"]
    assert records[1].losses["progress"] == pytest.approx(np.mean([4, 5, 6, 7]) / 24)


def test_the_shared_generator_is_left_alone_and_has_no_influence():
    first, second = network(), network()
    before = torch.get_rng_state()
    list(training(first))
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(1)
    list(training(second))
    np.testing.assert_array_equal(parameters(first), parameters(second))


def test_how_often_it_reports_changes_nothing():
    first, second = network(), network()
    list(training(first, record_every=1))
    list(training(second, record_every=7))
    np.testing.assert_array_equal(parameters(first), parameters(second))


@pytest.mark.parametrize(("n_before", "patience"), [(1, 9), (3, None)])
def test_resumed_to_the_bit_through_a_file(tmp_path, n_before, patience):
    options: Any = dict(
        ema=0.9, clip=0.5, rate=CosineDecay(1e-2, 24), validation=(DATA[:10], None), record_every=3, patience=patience
    )
    whole, stopped, resumed = network(), network(), network(seed=1)
    expected = training(whole, **options)
    records = [record._replace(wall_time=0) for record in expected]
    fit = training(stopped, **options)
    for _ in range(n_before):
        next(fit)
    with h5py.File(tmp_path / "state.h5", "w") as file:
        write_tree(file.create_group("state"), fit.state())
    with h5py.File(tmp_path / "state.h5") as file:
        group = file["state"]
        assert isinstance(group, h5py.Group)
        state = read_tree(group)
    again = training(resumed, **options)
    again.restore(state)
    assert [record._replace(wall_time=0) for record in again] == records[n_before:]
    np.testing.assert_array_equal(parameters(resumed), parameters(whole))
    np.testing.assert_equal(again.state(), expected.state())


def test_a_state_of_another_network_is_refused():
    fit = training(nn.Linear(3, 1))
    with pytest.raises(ValueError, match=r"saved state, network: expected the entries 0\.bias"):
        training(network()).restore(fit.state())


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_stops_at_its_step_and_goes_back(bad):
    net = network()
    kept = {}

    def loss(batch: Batch):
        kept[batch.step] = parameters(net).copy()
        return torch.mean(net(batch.x) ** 2) * (bad if batch.step == 213 else 1.0)

    objectives = [Objective("loss", loss, list(net.parameters()), 1e-4)]
    fit = Training(net, objectives, DATA, n_epochs=100, batch_size=16, ema=0.5)
    with pytest.raises(DivergedError, match=r"step 214: loss is (nan|inf).*back at step 200") as raised:
        list(fit)
    assert raised.value.step == 214
    assert isinstance(raised.value, FloatingPointError)
    np.testing.assert_array_equal(parameters(net), kept[200])
    assert fit.step == 200
    assert fit.average is not None
    assert torch.isfinite(fit.average.averages["loss"]).all()


def bowl(net: nn.Module, jump: int = -1, factor: float = 1.0, settled: float = 0.0) -> Objective:
    """A loss that falls from about 3, multiplied from the step ``jump`` on."""

    def loss(batch: Batch):
        misfit = torch.mean((net(batch.x) - batch.x.sum(dim=1, keepdim=True)) ** 2)
        return misfit * factor if 0 <= jump <= batch.step else misfit

    return Objective("loss", loss, list(net.parameters()), 1e-2, settled=settled)


@pytest.mark.parametrize(("settled", "factor"), [(0.0, 1e5), (math.inf, 1e8)])
def test_a_loss_that_jumps_beyond_its_noise_stops(settled, factor):
    net = network()
    fit = Training(net, [bowl(net, 200, factor, settled)], DATA, n_steps=1000, record_every=4, batch_size=16)
    with pytest.raises(DivergedError, match=r"step 2\d\d: the loss .* learning rate.*back at step 200"):
        list(fit)


def test_the_loss_of_adversaries_may_rise():
    net = network()
    for settled, raises in ((math.inf, False), (0.0, True)):
        fit = Training(net, [bowl(net, 200, 1e4, settled)], DATA, n_steps=400, record_every=4, batch_size=16)
        with pytest.raises(DivergedError) if raises else nullcontext():
            list(fit)


@pytest.mark.parametrize(("rate", "n_steps"), [(1e30, 50), (1e30, 2), (1e3, 50)])
def test_a_learning_rate_that_is_too_large_is_noticed_however_short_the_training(rate, n_steps):
    net = network()
    objective = bowl(net)._replace(learning_rate=rate)
    fit = Training(net, [objective], DATA, n_steps=n_steps, record_every=n_steps, batch_size=16)
    before = parameters(net)
    with pytest.raises(DivergedError, match="learning rate"):
        list(fit)
    np.testing.assert_array_equal(parameters(net), before)


@pytest.mark.parametrize("seed", range(5))
def test_a_training_that_goes_on_where_it_has_converged_is_left_alone(seed):
    net = network(seed)
    for rate in (1e-2, 1e-2, 1e-3):
        list(training(net, seed=seed, rate=rate, n_epochs=40))


def test_a_training_that_ran_away_continues_with_a_smaller_rate():
    net, other = network(), network()
    fit = training(net, rate=lambda step: 1e-2 if step < 200 else 1e20, n_epochs=200)
    with pytest.raises(DivergedError):
        list(fit)
    again = training(other, rate=1e-2, n_epochs=200)
    again.restore(fit.state())
    assert again.step == 200
    assert list(again)[-1].losses["loss"] < 0.1


def test_a_training_that_is_never_iterated_changes_nothing():
    net = network()
    first, begun = training(net, ema=0.9), []
    next(first)
    before = parameters(net)
    training(net, ema=0.5, begin=begun.append)
    next(first)
    assert not begun
    assert not np.array_equal(parameters(net), before)


def test_a_training_whose_network_was_taken_over_says_so():
    net = network()
    first, second = training(net), training(net)
    next(first)
    next(second)
    with pytest.raises(RuntimeError, match="another one has taken over"):
        next(first)


def leaves(tree: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    if not isinstance(tree, dict):
        return [path]
    return [leaf for name, part in tree.items() for leaf in leaves(part, (*path, name))]


def changed(tree: Any, path: tuple[str, ...], change: Any) -> Any:
    """A copy of a tree in which one leaf is what ``change`` makes of it; without it where that is None."""
    name, *rest = path
    new = change(tree[name]) if not rest else changed(tree[name], tuple(rest), change)
    return {key: value for key, value in {**tree, name: new}.items() if value is not None}


WRONG = {
    "gone": lambda leaf: None,
    "longer": lambda leaf: np.append(leaf, leaf),
    "not a number": lambda leaf: np.asarray(leaf, dtype=float) * np.nan,
    "text": lambda leaf: "abc",
    "complex": lambda leaf: np.asarray(leaf) * (1 + 0j),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_state_that_does_not_fit_is_refused_before_anything_changes(wrong):
    options: Any = dict(ema=0.9, validation=(DATA[:10], None), patience=9, record_every=4)
    fit = training(network(), **options)
    next(fit)
    next(fit)
    state, net = fit.state(), network(seed=1)
    again = training(net, **options)
    again.state()
    before, optional = parameters(net), {("average", "loss"), ("guard", "watch", "recent")}
    for path in leaves(state):
        if (wrong == "longer" and path[-1] == "recent") or (wrong == "gone" and path in optional):
            continue
        with pytest.raises(ValueError, match=r"saved state.*expected"):
            again.restore(changed(state, path, WRONG[wrong]))
        np.testing.assert_array_equal(parameters(net), before)
    again.restore(state)
    assert not np.array_equal(parameters(net), before)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("step",), -1),
        (("step",), 25),
        (("step",), 4.5),
        (("stale",), 9),
        (("lowest",), math.nan),
        (("optimizers", "loss", "0", "step"), 9.0),
        (("guard", "watch", "n_seen"), -1),
        (("network", "0.bias"), np.zeros(8)),
        (("network", "0.bias"), np.full(8, np.inf, np.float32)),
        (("optimizers", "loss", "0", "exp_avg_sq"), np.full(41, -1.0, np.float32)),
        (("unknown",), 1),
    ],
)
def test_counters_types_and_signs_of_a_state_are_checked(path, value):
    fit = training(network())
    next(fit)
    next(fit)
    state = fit.state()
    state.setdefault(path[0], None)
    with pytest.raises(ValueError, match=r"saved state.*expected"):
        training(network()).restore(changed(state, path, lambda leaf: value))


def test_an_infinite_gradient_of_a_finite_loss_is_caught_before_it_does_harm():
    net = nn.Linear(3, 1)
    nn.init.ones_(net.weight)
    nn.init.zeros_(net.bias)
    fit = Training(
        net,
        [Objective("loss", lambda batch: torch.sqrt(net.bias).sum(), list(net.parameters()))],
        DATA,
        n_epochs=1,
    )
    with pytest.raises(FloatingPointError, match="step 1: loss is 0 and the norm of its gradient inf"):
        next(fit)
    assert net.bias.item() == 0.0


def test_clipping_scales_the_gradient():
    """One step of Adam with a small epsilon ignores the scale; so the recorded norm and the moments tell."""
    net = network()
    fit = training(net, clip=0.01, n_steps=1, n_epochs=None)
    record = next(fit)
    moments = fit.descents[0].optimizer.state_dict()["state"][0]["exp_avg"]
    assert record.gradient_norm > 1
    assert float(moments.norm()) == pytest.approx(0.1 * 0.01, rel=1e-4)


def test_the_average_follows_its_formula():
    net = network()
    fit = training(net, ema=0.5, record_every=1)
    expected = parameters(net).astype(np.float64)
    for k, _ in enumerate(fit):
        d = min(0.5, (1 + k) / (10 + k))
        expected = d * expected + (1 - d) * parameters(net)
    live = parameters(net).copy()
    with fit.averaged():
        np.testing.assert_allclose(parameters(net), expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(parameters(net), live)


def test_two_losses_in_turn_each_touch_their_own_parameters():
    """A saddle: y learns at every step, x at every third."""
    x, y = nn.Parameter(torch.ones(1)), nn.Parameter(torch.ones(1))
    game = nn.ParameterDict({"x": x, "y": y})
    history: list[tuple[float, float]] = []

    def descent(batch: Batch):
        return (x * y).sum() + 0.5 * (x**2).sum()

    def ascent(batch: Batch):
        history.append((float(x.detach()), float(y.detach())))
        return -(x * y).sum() + 0.5 * (y**2).sum()

    objectives = [Objective("y", ascent, [y], 0.1), Objective("x", descent, [x], 0.1, every=3)]
    (record,) = Training(game, objectives, None, n_steps=6, record_every=6)
    xs = [pair[0] for pair in history]
    assert xs[0] == xs[1] == xs[2] != xs[3] == xs[4] == xs[5]
    assert set(record.losses) == {"x", "y"}
    assert record.epoch == 6


@pytest.mark.parametrize(("n_steps", "n_records"), [(50, 5), (4, 4)])
def test_patience_returns_to_the_best_parameters(n_steps, n_records):
    """Also when the steps end before patience does."""
    net = nn.Linear(3, 1)
    nn.init.zeros_(net.weight)
    nn.init.zeros_(net.bias)
    losses = {0: 3.0, 1: 2.0, 2: 1.0}
    seen = []

    def loss(batch: Batch):
        if not net.training:
            seen.append(float(net.bias.detach()))
            return torch.tensor(losses.get(batch.step - 1, 5.0))
        return net.bias.sum()

    objective = Objective("loss", loss, list(net.parameters()), 1.0)
    fit = Training(net, [objective], DATA, validation=(DATA, None), n_steps=n_steps, record_every=1, patience=2)
    assert len(list(fit)) == n_records
    assert net.bias.item() == seen[2]


@pytest.mark.parametrize(("settled", "n_records"), [(0.0, 3), (0.5, 12)])
def test_patience_waits_until_a_loss_keeps_its_meaning(settled, n_records):
    """Validation at the progress 1 rises in every record; ten are behind half of the steps. The first is the best."""
    net, seen = nn.Linear(3, 1), []

    def loss(batch: Batch):
        if not net.training:
            seen.append(batch.progress)
            return torch.tensor(float(batch.step))
        return net(batch.x).square().mean()

    objective = Objective("loss", loss, list(net.parameters()), 1e-3, settled=settled)
    fit = Training(net, [objective], DATA, validation=(DATA, None), n_steps=20, record_every=1, patience=2)
    assert len(list(fit)) == n_records
    assert set(seen) == {1.0}


def test_mixed_precision_multiplies_in_bfloat16_and_updates_in_single_precision():
    """The same path as in single precision, to the 8 bits of bfloat16."""
    nets, found, types = {}, {}, set()
    for precision in ("full", "mixed"):
        net = nets[precision] = network()
        net[0].register_forward_hook(lambda layer, inputs, out: types.add(out.dtype))
        found[precision] = [record.losses["loss"] for record in training(net, precision=precision)]
    assert types == {torch.float32, torch.bfloat16}
    assert parameters(nets["mixed"]).dtype == np.float32
    assert found["mixed"] != found["full"]
    np.testing.assert_allclose(found["mixed"], found["full"], rtol=2**-7)


def test_losses_that_share_parameters_are_refused():
    net = network()
    parameters = list(net.parameters())
    objectives = [Objective(name, loss_of(net), parameters) for name in ("one", "other")]
    with pytest.raises(ValueError, match="parameters of their own"):
        Training(net, objectives, DATA, n_epochs=1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(n_epochs=None), "expected n_steps, or n_epochs"),
        (dict(n_steps=3), "expected n_steps, or n_epochs"),
        (dict(data=None), "expected n_steps, or n_epochs"),
        (dict(n_epochs=0), "at least one step"),
        (dict(precision="half"), "expected precision full or mixed"),
        (dict(ema=1.0), "ema < 1"),
        (dict(batch_size=0), "batch_size and record_every >= 1"),
        (dict(record_every=0), "batch_size and record_every >= 1"),
        (dict(patience=3), "validation rows"),
        (dict(clip=0.0), "clip > 0"),
        (dict(device="quantum"), 'such as "cpu"'),
        (dict(device="cuda:99"), 'expected device="cpu": torch finds'),
    ],
)
def test_arguments_are_checked(options, message):
    with pytest.raises(ValueError, match=message):
        training(network(), **options)
