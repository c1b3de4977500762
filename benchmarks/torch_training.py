"""Time for a training step, ours against the same in a plain torch loop, and how models grow with the lattice.

Network, batches and optimizer are equal, one thread, in turns; the CPU times of the process are compared, which other
processes disturb less than the clock. Prints one JSON line; a ratio of 1.05 would be 5 % slower than the plain loop.
"""

import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from generative.autoregressive import MADE
from generative.datasets import IsingTarget
from generative.diffusion import SpinDiffusion
from generative.gan import GAN
from generative.model import TorchModel
from generative.networks import Dense, feed_forward
from generative.objectives import Batch, Objective
from generative.training import Training
from generative.vae import VAE
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


def lattice_model(family: str, size: int) -> TorchModel:
    """MADE with two hidden units per site, dense networks of 256 units, and a U-Net with periodic convolutions."""
    shape: tuple[int, int] = (size, size)
    if family == "made":
        return MADE(shape, units=2, flip=True)
    if family == "vae":
        return VAE(shape, "spins", n_latent=16, hidden=(256,))
    if family == "gan":
        return GAN(shape, "spins", hidden=(256, 256))
    return SpinDiffusion(shape, channels=(8, 16), n_steps=16)


def growth(family: str, size: int, batch_size: int = 64, n_samples: int = 128) -> dict[str, float]:
    """Training steps on random spins, for MADE by its energy, and samples, by CPU time."""
    model = lattice_model(family, size)
    spins = 2.0 * torch.randint(2, (batch_size, size**2), generator=torch.Generator().manual_seed(0)) - 1
    options: Any = dict(n_steps=10, batch_size=batch_size, record_every=5)
    if isinstance(model, MADE):
        fit = model.fit_energy(IsingTarget(Square(size), 2.5), **options)
    else:
        fit = model.fit(spins.numpy(), **options)
    next(fit)
    start = time.process_time()
    next(fit)
    step = (time.process_time() - start) / 5
    start = time.process_time()
    model.sample(n_samples, seed=1)
    tensors = [*model.network.parameters(), *model.network.buffers()]
    return {
        "parameters": sum(p.numel() for p in model.network.parameters()),
        "megabytes": round(sum(t.numel() * t.element_size() for t in tensors) / 1e6, 2),
        "ms_per_step": round(1e3 * step, 2),
        "samples_per_second": round(n_samples / (time.process_time() - start)),
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
    table = {
        family: {f"{size}x{size}": growth(family, size) for size in (8, 16, 32)}
        for family in ("made", "vae", "gan", "spin_diffusion")
    }
    print(json.dumps({"benchmark": "torch_training", **figures, "growth": table, "threads": 1}))


if __name__ == "__main__":
    main()
