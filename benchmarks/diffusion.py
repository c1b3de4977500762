"""Time for a training step of a diffusion model on the moons, ours against a plain loop in torch; samples per second.

Both train a dense network with three layers of 256 units on batches of 256 points with Adam, in one thread and twenty
steps at a time in turns; the processor's time is counted. Prints one JSON line; a ratio below 1 means that ours is
faster.
"""

import itertools
import json
import statistics
import time
from collections.abc import Iterator
from typing import Any

import torch

from generative import datasets
from generative.autoregressive import MADE
from generative.diffusion import DDIM, DDPM, Diffusion
from generative.model import TorchModel

BATCH_SIZE, RATE, N_TURNS, N_STEPS, N_SAMPLES = 256, 1e-3, 60, 20, 1000


def ours(x: torch.Tensor) -> Iterator[object]:
    """Yields after every ``N_STEPS`` steps."""
    options: Any = dict(n_steps=N_STEPS * N_TURNS, batch_size=BATCH_SIZE, record_every=N_STEPS)
    return Diffusion((2,)).fit(x.numpy(), learning_rate=RATE, **options)


def plain(x: torch.Tensor) -> Iterator[object]:
    """The same in a loop that does nothing else."""
    losses = _plain(x)
    while True:
        yield statistics.fmean(itertools.islice(losses, N_STEPS))


def _plain(x: torch.Tensor) -> Iterator[float]:
    """The loss of every step."""
    net = Diffusion((2,)).scaled.net
    x = (x - x.mean(0)) / (x - x.mean(0)).square().mean().sqrt()
    optimizer = torch.optim.Adam(net.parameters(), lr=RATE, fused=True)
    noise = torch.Generator().manual_seed(0)
    while True:
        for rows in torch.randperm(len(x), generator=noise).split(BATCH_SIZE):
            batch = x[rows]
            t, eps = torch.rand(len(batch), generator=noise), torch.randn(batch.shape, generator=noise)
            log_alpha = (-0.5 * t * (0.1 + 0.5 * 19.9 * t))[:, None]
            noisy = log_alpha.exp() * batch + (-torch.expm1(2 * log_alpha)).sqrt() * eps
            loss = torch.mean((net(noisy, t) - eps) ** 2)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            yield loss.item()


def seconds(loop: Iterator[object]) -> float:
    """Of the processor, for the next ``N_STEPS`` steps."""
    start = time.process_time()
    next(loop)
    return time.process_time() - start


def samples_per_second(model: TorchModel) -> float:
    """Of the untrained network, which is as fast as a trained one."""
    start = time.process_time()
    model.sample(N_SAMPLES, seed=0)
    return round(N_SAMPLES / (time.process_time() - start), 1)


def main() -> None:
    torch.set_num_threads(1)
    x = torch.from_numpy(datasets.moons().train).float()
    mine, other = ours(x), plain(x)
    turns = [(seconds(mine), seconds(other)) for _ in range(N_TURNS)]
    born, torch_alone = (statistics.median(each) / N_STEPS for each in zip(*turns))
    print(
        json.dumps(
            {
                "benchmark": "diffusion",
                "steps_per_second": {"born": round(1 / born, 1), "torch": round(1 / torch_alone, 1)},
                "ratio_to_torch": round(born / torch_alone, 3),
                "samples_per_second": {
                    "ddpm_1000": samples_per_second(Diffusion((2,), sampler=DDPM(1000))),
                    "ddim_50": samples_per_second(Diffusion((2,), sampler=DDIM(50))),
                    "made_of_64_spins": samples_per_second(MADE((8, 8), units=2)),
                },
                "threads": 1,
                "turns": N_TURNS,
            }
        )
    )


if __name__ == "__main__":
    main()
