"""Time for an epoch of a BernoulliRBM on binarised digits, ours against scikit-learn and a plain torch loop.

1792 rows, 256 hidden units, batches of 64, rate 0.05, in turns; each peer with one thread and with two, of which the
faster counts (ours uses one). torch runs CD-1 in float32, scikit-learn its persistent CD-1, ours CD-1 with centred
gradients and momentum 0.9, in every figure. None records anything on the way. Pseudo-likelihoods
are exact, in nats per image, after 100 epochs.

Test log-likelihoods are those of 360 rows after training with the other 1437: after 100 epochs of each, and of ours in
no more time than those of the faster peer took. The partition function is bracketed by annealing forward and in
reverse, which make the likelihood too large and too small. The error is mostly that of 360 rows, which all models
share: of the differences between models on the same rows it is smaller. Prints one JSON line.
"""

import json
import statistics
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from sklearn.neural_network import BernoulliRBM as Peer
from threadpoolctl import threadpool_limits

from generative import BernoulliRBM, datasets
from generative.boltzmann.restricted import RestrictedBoltzmannMachine
from generative.boltzmann.training import Training
from neural.boltzmann import BinaryBoltzmann
from neural.optimizers import Momentum

N_HIDDEN, BATCH_SIZE, RATE, N_EPOCHS, N_TURNS, LONG, SEEDS = 256, 64, 0.05, 20, 5, 100, (0, 1, 2)


def training(x: np.ndarray, n_epochs: int, seed: int, record_every: int) -> Training:
    options: Any = dict(method="cd", centred=True, optimizer=Momentum(RATE), batch_size=BATCH_SIZE)
    options |= dict(n_epochs=n_epochs, record_every=record_every)
    return Training(BernoulliRBM(x.shape[1], N_HIDDEN, seed=seed), x, **options)


def born(x: np.ndarray, n_epochs: int, seed: int = 0) -> BernoulliRBM:
    fit = training(x, n_epochs, seed, record_every=n_epochs)
    for _ in fit:
        pass
    return fit.model


def scikit_learn(x: np.ndarray, n_epochs: int, seed: int = 0) -> BernoulliRBM:
    peer = Peer(N_HIDDEN, learning_rate=RATE, batch_size=BATCH_SIZE, n_iter=n_epochs, random_state=seed).fit(x)
    return as_model(peer.intercept_visible_, peer.intercept_hidden_, peer.components_.T)


def torch_loop(x: np.ndarray, n_epochs: int, seed: int = 0) -> BernoulliRBM:
    torch.manual_seed(seed)
    v = torch.from_numpy(x.astype(np.float32))
    weights = 0.01 * torch.randn(x.shape[1], N_HIDDEN)
    a, b = torch.zeros(x.shape[1]), torch.zeros(N_HIDDEN)
    for _ in range(n_epochs):
        for rows in torch.randperm(len(v)).split(BATCH_SIZE):
            data = v[rows]
            positive = torch.sigmoid(data @ weights + b)
            chain = torch.bernoulli(torch.sigmoid(torch.bernoulli(positive) @ weights.T + a))
            negative = torch.sigmoid(chain @ weights + b)
            rate = RATE / len(rows)
            weights += rate * (data.T @ positive - chain.T @ negative)
            a += rate * (data - chain).sum(0)
            b += rate * (positive - negative).sum(0)
    return as_model(a.numpy(), b.numpy(), weights.numpy())


def as_model(a: np.ndarray, b: np.ndarray, weights: np.ndarray) -> BernoulliRBM:
    model = BernoulliRBM(len(a), len(b), seed=0)
    model.machine = BinaryBoltzmann(a, b, weights)
    return model


def pseudo_likelihood(model: RestrictedBoltzmannMachine, x: np.ndarray) -> float:
    return round(float(model.pseudo_log_likelihood(x).mean()), 3)


def test_likelihood(model: BernoulliRBM, train: np.ndarray, test: np.ndarray) -> tuple[np.ndarray, str]:
    """log p of every test row, and its mean with the mean from reverse annealing."""
    model.base_bias = model.bias_of(train.mean(axis=0), train.var(axis=0))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        estimate = model.log_likelihood(test, n_chains=128, n_steps=1000, seed=1)
    log_z = estimate.log_partition
    assert log_z
    assert log_z.reverse
    lower = estimate.mean + log_z.mean - log_z.reverse.mean
    text = f"{estimate.mean:.2f} +- {estimate.error:.2f}, in reverse {lower:.2f}"
    return -model.free_energy(test) - log_z.mean, text + "".join(f" ({each.category.__name__})" for each in caught)


def gain(ours: np.ndarray, theirs: np.ndarray) -> str:
    """The mean difference of log p of the same rows."""
    difference = ours - theirs
    return f"{difference.mean():+.2f} +- {difference.std(ddof=1) / len(difference) ** 0.5:.2f}"


def seconds_per_epoch(fit: Callable[[np.ndarray, int], object], x: np.ndarray) -> float:
    start = time.perf_counter()
    fit(x, N_EPOCHS)
    return (time.perf_counter() - start) / N_EPOCHS


def one_turn(x: np.ndarray) -> dict[str, float]:
    seconds = {"born": seconds_per_epoch(born, x)}
    for threads in (1, 2):
        torch.set_num_threads(threads)
        with threadpool_limits(threads):
            for name, fit in (("scikit_learn", scikit_learn), ("torch", torch_loop)):
                seconds[f"{name}_{threads}_threads"] = seconds_per_epoch(fit, x)
    return seconds


def trained_for(x: np.ndarray, seconds: float, seed: int) -> tuple[BernoulliRBM, int]:
    """Our machine after as many epochs as end within this time, and their number."""
    start = time.perf_counter()
    fit = training(x, 10**6, seed, record_every=4)
    parameters, n_epochs = fit.model.machine, 0
    for epoch in fit:
        if time.perf_counter() - start > seconds:
            break
        parameters, n_epochs = fit.model.machine, epoch.epoch
    fit.model.machine = parameters
    return fit.model, n_epochs


def likelihoods(train: np.ndarray, test: np.ndarray, seed: int) -> dict[str, str]:
    found, rows, seconds = {}, {}, {}
    for name, fit in FITS.items():
        start = time.perf_counter()
        model = fit(train, LONG, seed)
        seconds[name] = time.perf_counter() - start
        rows[name], found[name] = test_likelihood(model, train, test)
    model, n_epochs = trained_for(train, min(seconds["scikit_learn"], seconds["torch"]), seed)
    rows["born_in_equal_time"], text = test_likelihood(model, train, test)
    found["born_in_equal_time"] = f"{text} after {n_epochs} epochs"
    for ours in ("born", "born_in_equal_time"):
        for peer in ("scikit_learn", "torch"):
            found[f"{ours} - {peer}"] = gain(rows[ours], rows[peer])
    return found


FITS = {"born": born, "scikit_learn": scikit_learn, "torch": torch_loop}


def main() -> None:
    data = datasets.digits()
    x = np.concatenate([data.train, data.test])[:1792]
    turns = [one_turn(x) for _ in range(N_TURNS + 1)][1:]
    seconds = {name: statistics.median(turn[name] for turn in turns) for name in turns[0]}
    ratios = {
        name: min(seconds[f"{name}_{threads}_threads"] for threads in (1, 2)) / seconds["born"]
        for name in ("scikit_learn", "torch")
    }
    torch.set_num_threads(1)
    with threadpool_limits(1):
        exact = {name: [pseudo_likelihood(fit(x, LONG, seed), x) for seed in SEEDS] for name, fit in FITS.items()}
        annealed = {seed: likelihoods(data.train, data.test, seed) for seed in SEEDS}
    print(
        json.dumps(
            {
                "benchmark": "restricted-boltzmann",
                "milliseconds_per_epoch": {name: round(1e3 * value, 2) for name, value in seconds.items()},
                "times_faster_than": {name: round(value, 2) for name, value in ratios.items()},
                "pseudo_likelihood_after_100": exact,
                "test_log_likelihood_of_seed": annealed,
            }
        )
    )


if __name__ == "__main__":
    main()
