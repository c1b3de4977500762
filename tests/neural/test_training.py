"""Mini-batch training: exact solutions, the same loop in torch, and what must not change on the way."""

import itertools
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from neural.feedforward import FeedForward
from neural.losses import LOSSES, find_loss
from neural.optimizers import Adam, AdamW, CosineDecay, GradientDescent, Nesterov
from neural.parameters import flatten
from neural.training import Epoch, fit

REFERENCE_LOSSES = {
    0: 28672414.3466621,
    50: 10855.267298784325,
    100: 567.6511664170878,
    150: 58.571666330066876,
    200: 7.447383884910002,
    250: 1.0250919839768011,
    300: 0.1463988240971842,
    350: 0.021346160908850102,
    400: 0.0031559975186639913,
    450: 0.0004716318886403881,
}


def data(n: int = 103, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Noisy values of a smooth function of two variables."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, (n, 2))
    return x, np.sin(3 * x[:, :1]) * x[:, 1:] + 0.1 * rng.normal(size=(n, 1))


def small_net() -> FeedForward:
    return FeedForward.init((2, 8, 1), activations=("tanh", "identity"), seed=1)


def last(epochs) -> Epoch:
    *_, epoch = epochs
    return epoch


class Recorder(NamedTuple):
    """A model without gradient that remembers which samples every batch held."""

    theta: np.ndarray
    batches: tuple[list[list[int]]]

    def __call__(self, x):
        return np.zeros((len(x), 1))

    def backprop(self, x, y, loss):
        self.batches[0].append(x[:, 0].astype(int).tolist())
        return loss(self(x), y)[0], self._replace(theta=np.zeros(1))


def test_known_losses_of_500_full_batch_steps():
    randn = np.random.RandomState(123).randn
    x, y, w2, w3, b2, b3 = randn(64, 1000), randn(64, 10), randn(1000, 100), randn(100, 10), randn(100), randn(10)
    net = FeedForward.from_layers([w2, w3], [b2, b3], activations=("relu", "identity"))
    epochs = fit(net, x, y, optimizer=GradientDescent(1e-6), loss="sum_squared_error", n_epochs=500, seed=0)
    losses = [epoch.loss for epoch in epochs]
    for step, loss in REFERENCE_LOSSES.items():
        assert losses[step] == pytest.approx(loss, rel=1e-8)


def test_linear_regression_reaches_the_least_squares_solution():
    rng = np.random.default_rng(3)
    x, noise = rng.normal(size=(50, 3)), rng.normal(size=(50, 2))
    y = x @ rng.normal(size=(3, 2)) + 1.0 + 0.1 * noise
    net = FeedForward.init((3, 2), activations=("identity",), seed=0)
    epoch = last(fit(net, x, y, optimizer=Nesterov(0.1), n_epochs=400, batch_size=50, seed=0))
    exact, *_ = np.linalg.lstsq(np.column_stack([x, np.ones(50)]), y, rcond=None)
    np.testing.assert_allclose(np.vstack([*epoch.model.weights, *epoch.model.biases]), exact, atol=1e-10)
    assert epoch.gradient_norm < 1e-10


def test_same_loop_in_torch():
    x, y = data()
    epoch = last(fit(small_net(), x, y, optimizer=Adam(0.01), n_epochs=3, batch_size=16, seed=7))
    recorder = Recorder(np.zeros(1), ([],))
    rows = np.arange(len(x))[:, None]
    list(fit(recorder, rows, y, optimizer=Adam(0.01), n_epochs=3, batch_size=16, seed=7))

    net = small_net()
    w1, w2, b1, b2 = parameters = [torch.tensor(a, requires_grad=True) for a in (*net.weights, *net.biases)]
    optimizer = torch.optim.Adam(parameters, lr=0.01)
    for batch in recorder.batches[0]:
        optimizer.zero_grad()
        outputs = torch.tanh(torch.tensor(x[batch]) @ w1 + b1) @ w2 + b2
        torch.nn.functional.mse_loss(outputs, torch.tensor(y[batch])).backward()
        optimizer.step()
    for ours, theirs in zip((*epoch.model.weights, *epoch.model.biases), parameters):
        np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=1e-10, atol=1e-12)


def test_every_epoch_visits_every_sample_once_in_a_new_order():
    recorder = Recorder(np.zeros(1), ([],))
    x = np.arange(103)[:, None]
    list(fit(recorder, x, np.zeros((103, 1)), optimizer=Adam(0.1), n_epochs=2, batch_size=16, seed=5))
    first, second = recorder.batches[0][:7], recorder.batches[0][7:]
    orders = [list(itertools.chain(*batches)) for batches in (first, second)]
    assert [len(batch) for batch in first] == [len(batch) for batch in second] == [16] * 6 + [7]
    assert sorted(orders[0]) == sorted(orders[1]) == list(range(103))
    assert orders[0] != orders[1]


@pytest.mark.parametrize("loss", LOSSES)
def test_loss_of_an_epoch_is_the_loss_of_all_samples(loss):
    """At learning rate zero, also when the last batch is smaller."""
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(103, 2)), rng.dirichlet(np.ones(3), size=103)
    net = FeedForward.init((2, 5, 3), activations=("gelu", "identity"), seed=0)
    for batch_size in (16, 103, 1000):
        epochs = fit(net, x, y, optimizer=GradientDescent(0.0), loss=loss, n_epochs=1, batch_size=batch_size, seed=0)
        assert last(epochs).loss == pytest.approx(find_loss(loss)(net(x), y)[0], rel=1e-13)


def test_the_seed_decides_everything():
    x, y = data()
    thetas = [
        flatten(last(fit(small_net(), x, y, optimizer=Adam(0.01), n_epochs=2, seed=seed)).model).tobytes()
        for seed in (1, 1, 2)
    ]
    assert thetas[0] == thetas[1] != thetas[2]


def test_resumed_training_continues_to_the_same_bits():
    x, y = data()
    options: dict[str, Any] = dict(
        optimizer=Adam(0.05), n_epochs=12, batch_size=16, seed=3, validation=data(40, seed=1), patience=4
    )
    straight = list(fit(small_net(), x, y, **options))
    for stop in (1, 5, len(straight)):
        resumed = list(fit(small_net(), x, y, resume=straight[stop - 1], **options))
        assert len(resumed) == len(straight) - stop
        for ours, theirs in zip(resumed, straight[stop:]):
            assert flatten(ours.model).tobytes() == flatten(theirs.model).tobytes()
            assert (ours.loss, ours.validation_loss) == (theirs.loss, theirs.validation_loss)
            assert ours.best[:2] == theirs.best[:2]


def test_early_stopping_keeps_the_best_model():
    """A network with more parameters than samples overfits noise; the records must say when."""
    x, y = data(20)
    x_new, y_new = data(200, seed=1)
    net = FeedForward.init((2, 64, 1), activations=("tanh", "identity"), seed=0)
    options: dict[str, Any] = dict(optimizer=Adam(0.02), batch_size=5, seed=0, validation=(x_new, y_new))
    epochs = list(fit(net, x, y, n_epochs=1000, patience=20, **options))
    validation_losses = np.array([epoch.validation_loss for epoch in epochs])
    best = epochs[-1].best
    assert best.epoch == 1 + int(np.argmin(validation_losses)) == len(epochs) - 20
    assert best.loss == validation_losses.min() == np.mean((best.model(x_new) - y_new) ** 2)
    assert epochs[-1].loss < epochs[best.epoch - 1].loss
    assert flatten(best.model).tobytes() == flatten(epochs[best.epoch - 1].model).tobytes()


def test_a_record_says_what_was_measured():
    x, y = data()
    optimizer = GradientDescent(lambda step: 0.1 / (1 + step))
    epoch = last(fit(small_net(), x, y, optimizer=optimizer, n_epochs=1, batch_size=103, seed=0))
    loss, gradient = small_net().backprop(x, y, loss="mean_squared_error")
    assert epoch.loss == pytest.approx(loss, rel=1e-13)
    assert epoch.gradient_norm == pytest.approx(np.linalg.norm(flatten(gradient)), rel=1e-13)
    assert (epoch.epoch, epoch.learning_rate, epoch.state.step, epoch.best.epoch) == (1, 0.1, 1, 1)
    assert epoch.wall_time > 0
    assert str(epoch).startswith(f"epoch 1  loss {epoch.loss:.6g}  |gradient|")


def test_nan_in_the_data_stops_at_its_batch():
    x, y = data()
    y[50] = np.nan
    recorder = Recorder(np.zeros(1), ([],))
    rows = np.arange(len(x))[:, None]
    list(fit(recorder, rows, np.zeros((103, 1)), optimizer=Adam(0.1), n_epochs=1, batch_size=16, seed=5))
    batch = next(number for number, rows in enumerate(recorder.batches[0], start=1) if 50 in rows)
    with pytest.raises(FloatingPointError, match=f"epoch 1, batch {batch}: .*learning rate"):
        last(fit(small_net(), x, y, optimizer=Adam(0.1), n_epochs=1, batch_size=16, seed=5))


def test_a_diverging_run_stops():
    x, y = data()
    with pytest.raises(FloatingPointError, match=r"epoch \d+, batch \d+"):
        last(fit(small_net(), x, y, optimizer=GradientDescent(1e3), loss="sum_squared_error", n_epochs=500, seed=0))


def test_nan_in_the_validation_data_stops():
    x, y = data()
    with pytest.raises(FloatingPointError, match="epoch 1: validation loss nan"):
        last(fit(small_net(), x, y, optimizer=Adam(0.01), n_epochs=3, seed=0, validation=(x, y * np.nan)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (dict(n_epochs=0), "n_epochs >= 1"),
        (dict(batch_size=0), "batch_size >= 1"),
        (dict(patience=0, validation=data()), "patience >= 1"),
        (dict(patience=3), "validation="),
        (dict(y=np.zeros((4, 1))), "103 and 4"),
        (dict(loss="mean_squard_error"), "mean_squared_error"),
    ],
)
def test_arguments_that_do_not_fit_together_are_refused_at_once(changes, message):
    x, y = data()
    options: dict[str, Any] = {**dict(x=x, y=y, optimizer=Adam(0.1), n_epochs=1, seed=0), **changes}
    with pytest.raises(ValueError, match=message):
        fit(small_net(), **options)


def test_digits():
    """A 64-128-10 network classifies at least 97 % of all handwritten digits, none of which it has seen."""
    images, labels = map(np.asarray, load_digits(return_X_y=True))
    x, loss, n_right = images / 16.0, "categorical_cross_entropy", 0
    for fold in range(5):
        test = np.random.default_rng(0).permutation(len(x))[fold::5]
        train = np.setdiff1d(np.arange(len(x)), test)
        net = FeedForward.init((64, 128, 10), activations=("relu", "identity"), seed=fold, initialisation="he")
        optimizer = AdamW(CosineDecay(5e-3, 40 * 23), weight_decay=0.1)
        epochs = fit(net, x[train], labels[train], optimizer=optimizer, loss=loss, n_epochs=40, seed=fold)
        n_right += np.sum(np.argmax(last(epochs).model(x[test]), axis=1) == labels[test])
    assert n_right / len(x) >= 0.97
