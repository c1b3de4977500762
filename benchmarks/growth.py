"""How the families of generative models grow with the lattice: parameters, memory, training steps and samples.

Memory is that of parameters and masks, and of what a step of 64 rows keeps for the way back through the network. One
thread; the processor's time is counted. Prints one JSON line.
"""

import json
import time
from typing import Any

import torch
from torch import Tensor

from generative.autoregressive import MADE
from generative.datasets import IsingTarget
from generative.diffusion import SpinDiffusion
from generative.gan import GAN
from generative.model import TorchModel
from generative.training import Training
from generative.vae import VAE
from montecarlo.lattices import Square


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


def kept_by_a_step(fit: Training, parameters: set[int]) -> int:
    """Bytes that a step keeps for its gradient, each tensor once, besides the parameters."""
    kept: dict[int, Tensor] = {}

    def keep(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor  # held on to, so that no other gets its place
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        next(fit)
    return sum(t.untyped_storage().nbytes() for place, t in kept.items() if place not in parameters)


def growth(family: str, size: int, batch_size: int = 64, n_samples: int = 128) -> dict[str, float]:
    """Training steps on random spins, for MADE by its energy, and samples, by CPU time."""
    model = lattice_model(family, size)
    spins = 2.0 * torch.randint(2, (batch_size, size**2), generator=torch.Generator().manual_seed(0)) - 1
    options: Any = dict(n_steps=6, batch_size=batch_size, record_every=1)
    if isinstance(model, MADE):
        fit = model.fit_energy(IsingTarget(Square(size), 2.5), **options)
    else:
        fit = model.fit(spins.numpy(), **options)
    places = {parameter.untyped_storage().data_ptr() for parameter in model.network.parameters()}
    kept = kept_by_a_step(fit, places)
    start = time.process_time()
    for _ in fit:
        pass
    step = (time.process_time() - start) / 5
    start = time.process_time()
    model.sample(n_samples, seed=1)
    tensors = [*model.network.parameters(), *model.network.buffers()]
    return {
        "parameters": sum(p.numel() for p in model.network.parameters()),
        "megabytes": round(sum(t.numel() * t.element_size() for t in tensors) / 1e6, 2),
        "megabytes_of_a_step": round(kept / 1e6, 2),
        "ms_per_step": round(1e3 * step, 2),
        "samples_per_second": round(n_samples / (time.process_time() - start)),
    }


def main() -> None:
    torch.set_num_threads(1)
    families = ("made", "vae", "gan", "spin_diffusion")
    table = {family: {f"{size}x{size}": growth(family, size) for size in (8, 16, 32)} for family in families}
    print(json.dumps({"benchmark": "growth", **table, "threads": 1}))


if __name__ == "__main__":
    main()
