"""Time for an epoch of a BernoulliRBM on binarised digits, ours against scikit-learn and a plain torch loop.

1792 rows, 256 hidden units, batches of 64, rate 0.05, in turns on one core. torch runs CD-1 in float32, scikit-learn
its persistent CD-1. Pseudo-likelihoods are exact, in nats per image, after 100 epochs. Test log-likelihoods are those
of 360 rows after 100 epochs with the other 1437, by annealed importance sampling. Prints one JSON line.
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

N_HIDDEN, BATCH_SIZE, RATE, N_EPOCHS, N_TURNS, LONG = 256, 64, 0.05, 5, 5, 100


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


def main() -> None:
    data = datasets.digits()
    x = np.concatenate([data.train, data.test])[:1792]
    torch.set_num_threads(1)
    fits = {"born": born, "scikit_learn": scikit_learn, "torch_float32": torch_loop}
    turns: list[dict[str, float]] = []
    for _ in range(N_TURNS + 1):
        turns.append({})
        for name, fit in fits.items():
            with threadpool_limits(1):
                turns[-1][name] = seconds_per_epoch(fit, x)
    seconds = {name: statistics.median(turn[name] for turn in turns[1:]) for name in fits}
    fastest = {name: min(turn[name] for turn in turns[1:]) for name in fits}
    print(
        json.dumps(
            {
                "benchmark": "restricted-boltzmann",
                "milliseconds_per_epoch": {name: round(1e3 * value, 2) for name, value in seconds.items()},
                "fastest_turn": {name: round(1e3 * value, 2) for name, value in fastest.items()},
                "scikit_learn_over_born": round(seconds["scikit_learn"] / seconds["born"], 2),
                "torch_over_born": round(seconds["torch_float32"] / seconds["born"], 2),
                "pseudo_likelihood_after_100": {name: pseudo_likelihood(fit(x, LONG), x) for name, fit in fits.items()},
                "test_log_likelihood_after_100": {
                    name: test_likelihood(fit(data.train, LONG), data.train, data.test) for name, fit in fits.items()
                },
            }
        )
    )


if __name__ == "__main__":
    main()
