"""Time for an epoch of a BernoulliRBM on binarised digits, ours against scikit-learn and a plain torch loop.

1792 rows, 256 hidden units, batches of 64, rate 0.05, in turns; each peer with one thread and with two, of which the
faster counts (ours uses one). torch runs CD-1 in float32, scikit-learn its persistent CD-1. Pseudo-likelihoods are
exact, in nats per image, after 100 epochs. Test log-likelihoods are those of 360 rows after training with the other
1437, by annealed importance sampling: after 100 epochs of each, and of ours, by CD-1 and by PCD, in no more time than
those of the faster peer took. Prints one JSON line.
"""

import json
import statistics
import time
import warnings
from collections.abc import Callable

import numpy as np
import torch
from sklearn.neural_network import BernoulliRBM as Peer
from threadpoolctl import threadpool_limits

from generative import BernoulliRBM, datasets
from generative.boltzmann.restricted import RestrictedBoltzmannMachine
from neural.boltzmann import BinaryBoltzmann

N_HIDDEN, BATCH_SIZE, RATE, N_EPOCHS, N_TURNS, LONG = 256, 64, 0.05, 5, 7, 100


def born(x: np.ndarray, n_epochs: int, method: str = "cd") -> BernoulliRBM:
    model = BernoulliRBM(x.shape[1], N_HIDDEN, seed=0)
    for _ in model.fit(x, method=method, n_epochs=n_epochs, batch_size=BATCH_SIZE, learning_rate=RATE):
        pass
    return model


def scikit_learn(x: np.ndarray, n_epochs: int) -> BernoulliRBM:
    peer = Peer(N_HIDDEN, learning_rate=RATE, batch_size=BATCH_SIZE, n_iter=n_epochs, random_state=0).fit(x)
    return as_model(peer.intercept_visible_, peer.intercept_hidden_, peer.components_.T)


def torch_loop(x: np.ndarray, n_epochs: int) -> BernoulliRBM:
    torch.manual_seed(0)
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


def test_likelihood(model: BernoulliRBM, train: np.ndarray, test: np.ndarray) -> str:
    model.base_bias = model.bias_of(train.mean(axis=0), train.var(axis=0))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        estimate = model.log_likelihood(test, n_chains=64, n_steps=500, seed=1, reverse=False)
    return f"{estimate.mean:.2f} +- {estimate.error:.2f}" + (" (annealing not converged)" if caught else "")


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


def trained_for(x: np.ndarray, seconds: float, method: str) -> tuple[BernoulliRBM, int]:
    """Our machine after as many epochs as end within this time, and their number."""
    model, start = BernoulliRBM(x.shape[1], N_HIDDEN, seed=0), time.perf_counter()
    parameters, n_epochs = model.machine, 0
    for epoch in model.fit(x, method=method, n_epochs=10**6, batch_size=BATCH_SIZE, learning_rate=RATE):
        if time.perf_counter() - start > seconds:
            break
        parameters, n_epochs = model.machine, epoch.epoch
    model.machine = parameters
    return model, n_epochs


def likelihoods(train: np.ndarray, test: np.ndarray) -> dict[str, str]:
    fits = {"born": born, "born_pcd": lambda x, n: born(x, n, "pcd"), "scikit_learn": scikit_learn, "torch": torch_loop}
    found, seconds = {}, {}
    for name, fit in fits.items():
        start = time.perf_counter()
        model = fit(train, LONG)
        seconds[name] = time.perf_counter() - start
        found[name] = test_likelihood(model, train, test)
    for method in ("cd", "pcd"):
        model, n_epochs = trained_for(train, min(seconds["scikit_learn"], seconds["torch"]), method)
        found[f"born_{method}_in_equal_time"] = f"{test_likelihood(model, train, test)} after {n_epochs} epochs"
    return found


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
    fits = {"born": born, "scikit_learn": scikit_learn, "torch": torch_loop}
    with threadpool_limits(1):
        exact = {name: pseudo_likelihood(fit(x, LONG), x) for name, fit in fits.items()}
        annealed = likelihoods(data.train, data.test)
    print(
        json.dumps(
            {
                "benchmark": "restricted-boltzmann",
                "milliseconds_per_epoch": {name: round(1e3 * value, 2) for name, value in seconds.items()},
                "times_faster_than": {name: round(value, 2) for name, value in ratios.items()},
                "pseudo_likelihood_after_100": exact,
                "test_log_likelihood": annealed,
            }
        )
    )


if __name__ == "__main__":
    main()
