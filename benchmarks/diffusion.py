"""Time for a training step of a diffusion model on the moons, ours against a plain loop in torch; samples per second.

Both train a dense network with three layers of 256 units on batches of 256 points with Adam, in one thread and in
turns; the processor's time is counted. Prints one JSON line; a ratio below 1 means that ours is faster.
"""

import json
import statistics
import time

import torch

from generative import datasets
from generative.diffusion import DDIM, DDPM, Diffusion

BATCH_SIZE, RATE, N_TURNS, N_STEPS, N_SAMPLES = 256, 1e-3, 15, 100, 1000


def ours(x: torch.Tensor) -> float:
    """Seconds for a step of ``fit``."""
    fit = Diffusion((2,)).fit(x.numpy(), n_steps=N_STEPS, batch_size=BATCH_SIZE, learning_rate=RATE)
    start = time.process_time()
    for _ in fit:
        pass
    return (time.process_time() - start) / N_STEPS


def plain(x: torch.Tensor) -> float:
    """The same in a loop that does nothing else."""
    net = Diffusion((2,)).scaled.net
    x = (x - x.mean(0)) / (x - x.mean(0)).square().mean().sqrt()
    optimizer = torch.optim.Adam(net.parameters(), lr=RATE, fused=True)
    noise, step = torch.Generator().manual_seed(0), 0
    start = time.process_time()
    while step < N_STEPS:
        for rows in torch.randperm(len(x), generator=noise).split(BATCH_SIZE):
            batch = x[rows]
            t, eps = torch.rand(len(batch), generator=noise), torch.randn(batch.shape, generator=noise)
            log_alpha = (-0.5 * t * (0.1 + 0.5 * 19.9 * t))[:, None]
            noisy = log_alpha.exp() * batch + (-torch.expm1(2 * log_alpha)).sqrt() * eps
            loss = torch.mean((net(noisy, t) - eps) ** 2)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            loss.item()
            step += 1
            if step == N_STEPS:
                break
    return (time.process_time() - start) / N_STEPS


def samples_per_second(sampler: object) -> float:
    """Of the untrained network, which is as fast as a trained one."""
    model = Diffusion((2,))
    model.sampler = sampler  # pyright: ignore[reportAttributeAccessIssue]
    start = time.process_time()
    model.sample(N_SAMPLES, seed=0)
    return N_SAMPLES / (time.process_time() - start)


def main() -> None:
    torch.set_num_threads(1)
    x = torch.from_numpy(datasets.moons().train).float()
    turns = [(ours(x), plain(x)) for _ in range(N_TURNS + 1)][1:]
    step, step_of_plain = (statistics.median(each) for each in zip(*turns))
    print(
        json.dumps(
            {
                "benchmark": "diffusion",
                "steps_per_second": {"born": round(1 / step, 1), "torch": round(1 / step_of_plain, 1)},
                "ratio_to_torch": round(step / step_of_plain, 3),
                "samples_per_second": {
                    "ddpm_1000": round(samples_per_second(DDPM(1000)), 1),
                    "ddim_50": round(samples_per_second(DDIM(50)), 1),
                },
                "threads": 1,
                "turns": N_TURNS,
            }
        )
    )


if __name__ == "__main__":
    main()
