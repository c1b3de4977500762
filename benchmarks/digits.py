"""Time for an epoch of training on handwritten digits, ours against the same loop in plain torch.

Both train a 64-128-10 network on the same batches of 64 with Adam, on one core, in turns; the medians are compared.
Ours computes in float64; torch is timed in float64 and in float32. Prints one JSON line; ratios below 1 mean that
ours is faster. The accuracy is that of five-fold cross-validation, each digit classified by a network that has not
seen it.
"""

import json
import statistics
import time
from collections.abc import Callable, Iterator

import numpy as np
import torch
from sklearn.datasets import load_digits
from threadpoolctl import threadpool_limits

from neural.feedforward import FeedForward
from neural.optimizers import Adam, AdamW, CosineDecay, Optimizer
from neural.training import Epoch, fit

N_EPOCHS, BATCH_SIZE, N_TURNS, RATE = 10, 64, 15, 3e-3


def digits() -> tuple[np.ndarray, np.ndarray]:
    """1797 images of 8 x 8 grey values in [0, 1], and their labels."""
    images, labels = load_digits(return_X_y=True)
    return np.asarray(images) / 16.0, np.asarray(labels)


def network(seed: int) -> FeedForward:
    return FeedForward.init((64, 128, 10), activations=("relu", "identity"), seed=seed, initialisation="he")


def train(
    net: FeedForward, x: np.ndarray, labels: np.ndarray, optimizer: Optimizer, n_epochs: int, seed: int
) -> Iterator[Epoch]:
    loss = "categorical_cross_entropy"
    return fit(net, x, labels, optimizer=optimizer, loss=loss, n_epochs=n_epochs, batch_size=BATCH_SIZE, seed=seed)


def ours(x: np.ndarray, labels: np.ndarray) -> float:
    """Seconds for an epoch of ``fit``, including shuffling and the records."""
    start = time.perf_counter()
    for _ in train(network(0), x, labels, Adam(RATE), N_EPOCHS, seed=0):
        pass
    return (time.perf_counter() - start) / N_EPOCHS


def torch_twin(x: np.ndarray, labels: np.ndarray, dtype: torch.dtype) -> float:
    """Seconds for an epoch of the same in torch."""
    images, classes = torch.tensor(x, dtype=dtype), torch.tensor(labels)
    net = torch.nn.Sequential(torch.nn.Linear(64, 128), torch.nn.ReLU(), torch.nn.Linear(128, 10)).to(dtype)
    optimizer = torch.optim.Adam(net.parameters(), lr=RATE)
    cross_entropy = torch.nn.CrossEntropyLoss()
    start = time.perf_counter()
    for epoch in range(1, N_EPOCHS + 1):
        order = torch.from_numpy(np.random.default_rng([0, epoch]).permutation(len(labels)))
        for rows in order.split(BATCH_SIZE):
            optimizer.zero_grad()
            loss = cross_entropy(net(images[rows]), classes[rows])
            loss.backward()
            optimizer.step()
    return (time.perf_counter() - start) / N_EPOCHS


def cross_validated_accuracy(x: np.ndarray, labels: np.ndarray, n_epochs: int = 40) -> float:
    folds = np.array_split(np.random.default_rng(0).permutation(len(labels)), 5)
    n_right = 0
    for seed, test in enumerate(folds):
        rest = np.setdiff1d(np.arange(len(labels)), test)
        rate = CosineDecay(5e-3, n_epochs * -(-len(rest) // BATCH_SIZE))
        optimizer = AdamW(rate, weight_decay=0.1)
        *_, last = train(network(seed), x[rest], labels[rest], optimizer, n_epochs, seed)
        n_right += int(np.sum(np.argmax(last.model(x[test]), axis=1) == labels[test]))
    return n_right / len(labels)


def main() -> None:
    x, labels = digits()
    runs: dict[str, Callable[[], float]] = {
        "born_float64": lambda: ours(x, labels),
        "torch_float64": lambda: torch_twin(x, labels, torch.float64),
        "torch_float32": lambda: torch_twin(x, labels, torch.float32),
    }
    torch.set_num_threads(1)
    with threadpool_limits(1):
        turns = [{name: run() for name, run in runs.items()} for _ in range(N_TURNS + 1)][1:]
        accuracy = cross_validated_accuracy(x, labels)
    seconds = {name: statistics.median(turn[name] for turn in turns) for name in runs}
    print(
        json.dumps(
            {
                "benchmark": "digits",
                "accuracy": round(accuracy, 4),
                "seconds_per_epoch": {name: round(value, 6) for name, value in seconds.items()},
                "ratio_to_torch_float64": round(seconds["born_float64"] / seconds["torch_float64"], 3),
                "ratio_to_torch_float32": round(seconds["born_float64"] / seconds["torch_float32"], 3),
                "threads": 1,
                "turns": N_TURNS,
            }
        )
    )


if __name__ == "__main__":
    main()
