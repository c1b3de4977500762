"""Time for a training step, ours against the same in a plain torch loop, and how MADE grows with the lattice.

Network, batches and optimizer are equal, one thread, in turns; the CPU times of the process are compared, which other
processes disturb less than the clock. Prints one JSON line; a ratio of 1.05 would be 5 % slower than the plain loop.
"""

import json
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from generative.autoregressive import MADE
from generative.datasets import IsingTarget
from generative.networks import Dense, feed_forward
from generative.objectives import Batch, Objective
from generative.training import Training
from montecarlo.lattices import Square

N_TURNS = 15
Loss = Callable[[Batch], Tensor]
Case = tuple[Callable[[], nn.Module], Callable[[nn.Module], Loss], Tensor, int, int]


def autoencoder() -> nn.ModuleDict:
    return nn.ModuleDict({"encoder": feed_forward([64, 256, 16]), "decoder": feed_forward([8, 256, 64])})


def elbo(net: nn.Module) -> Loss:
    """The negative ELBO of a variational autoencoder with 8 latent variables and pixels of 0 and 1."""

    def loss(batch: Batch) -> Tensor:
        mean, log_variance = net.get_submodule("encoder")(batch.x).chunk(2, dim=1)
        noise = torch.randn(mean.shape, generator=batch.generator)
        logits = net.get_submodule("decoder")(mean + torch.exp(0.5 * log_variance) * noise)
        misfit = nn.functional.binary_cross_entropy_with_logits(logits, batch.x, reduction="sum")
        divergence = 0.5 * torch.sum(mean**2 + log_variance.exp() - 1 - log_variance)
        return (misfit + divergence) / len(batch.x)

    return loss


def denoising(net: nn.Module) -> Loss:
    """The mean squared error of predicted noise."""

    def loss(batch: Batch) -> Tensor:
        time = torch.rand(len(batch.x), generator=batch.generator)
        noise = torch.randn(batch.x.shape, generator=batch.generator)
        angle = 0.5 * torch.pi * time[:, None]
        return torch.mean((net(angle.cos() * batch.x + angle.sin() * noise, time) - noise) ** 2)

    return loss


def ours(case: Case) -> float:
    make, loss_of, data, batch_size, n_epochs = case
    net = make()
    objective = Objective("loss", loss_of(net), list(net.parameters()))
    fit = Training(net, [objective], data, n_epochs=n_epochs, batch_size=batch_size)
    start = time.process_time()
    for _ in fit:
        pass
    return (time.process_time() - start) / fit.n_steps


def plain(case: Case) -> float:
    make, loss_of, data, batch_size, n_epochs = case
    net = make()
    loss_function, noise, step = loss_of(net), torch.Generator().manual_seed(0), 0
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3, fused=True)
    start = time.process_time()
    for _ in range(n_epochs):
        total = 0.0
        for rows in torch.randperm(len(data), generator=noise).split(batch_size):
            loss = loss_function(Batch(data[rows], None, noise, step, 0.0))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
            step += 1
    return (time.process_time() - start) / step


def growth(size: int, batch_size: int = 64) -> dict[str, float]:
    """A variational step and samples of MADE with two hidden units per site, by CPU time."""
    model = MADE((size, size), units=2, flip=True)
    fit = model.fit_energy(IsingTarget(Square(size), 2.5), n_steps=6, batch_size=batch_size, record_every=2)
    next(fit)
    start = time.process_time()
    for _ in fit:
        pass
    step = (time.process_time() - start) / 4
    start = time.process_time()
    model.sample(512, seed=1)
    tensors = [*model.network.parameters(), *model.network.buffers()]
    return {
        "parameters": sum(p.numel() for p in model.network.parameters()),
        "megabytes": round(sum(t.numel() * t.element_size() for t in tensors) / 1e6, 1),
        "ms_per_step": round(1e3 * step, 2),
        "samples_per_second": round(512 / (time.process_time() - start)),
    }


def main() -> None:
    torch.set_num_threads(1)
    noise = torch.Generator().manual_seed(0)
    cases: dict[str, Case] = {
        "vae_digits": (autoencoder, elbo, torch.rand(1437, 64, generator=noise), 128, 5),
        "ddpm_moons": (
            lambda: Dense(2, (256, 256, 256), 2, time=True),
            denoising,
            torch.randn(4096, 2, generator=noise),
            256,
            3,
        ),
    }
    figures = {}
    for name, case in cases.items():
        turns = [(ours(case), plain(case)) for _ in range(N_TURNS + 1)][1:]
        figures[name] = {
            "ms_per_step": round(1e3 * statistics.median(turn[0] for turn in turns), 4),
            "ms_per_step_plain": round(1e3 * statistics.median(turn[1] for turn in turns), 4),
            "ratio": round(statistics.median(turn[0] / turn[1] for turn in turns), 3),
        }
    made = {f"{size}x{size}": growth(size) for size in (8, 16, 32)}
    print(json.dumps({"benchmark": "torch_training", **figures, "made": made, "threads": 1}))


if __name__ == "__main__":
    main()
