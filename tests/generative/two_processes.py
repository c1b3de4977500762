"""``python two_processes.py FOLDER``: train models on the CPU in two processes, which write what they learned."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

from generative.autoregressive import MADE
from generative.datasets import IsingTarget
from generative.gan import GAN
from generative.vae import VAE
from montecarlo.lattices import Square

N_PROCESSES = 2


def trained(fabric: Any, parts: int | None) -> dict[str, Any]:
    """Losses and the parameters at the end, of a model with noise, of two losses in turn, and of one without data."""
    options: Any = dict(fabric=fabric, parts=parts)
    spins = np.sign(np.random.default_rng(0).normal(size=(150, 9)) + 0.5)
    of_data: Any = dict(n_steps=12, batch_size=63, record_every=4, ema=0.9, clip=1.0, flip=True, **options)
    vae, gan = VAE((3, 3), "spins", n_latent=2, hidden=(16,)), GAN((3, 3), "spins", hidden=(16,), n_critic=2)
    made, target = MADE((3, 3), 3), IsingTarget(Square(3), 2.5)
    fits = {
        "vae": (vae, "loss", vae.fit(spins, validation=spins[:30], **of_data)),
        "gan": (gan, "critic", gan.fit(spins, **of_data)),
        "made": (
            made,
            "surrogate",
            made.fit_energy(target, n_steps=10, record_every=5, **options),
        ),
    }
    found = {}
    for name, (model, loss, fit) in fits.items():
        records = list(fit)
        parameters = torch.nn.utils.parameters_to_vector(model.network.parameters()).tolist()
        losses = [[record.losses[loss], record.gradient_norm, record.validation or 0.0] for record in records]
        found[name] = {"losses": losses, "parameters": parameters}
    return found


if __name__ == "__main__":
    from generative.distributed import launch

    torch.set_num_threads(1)
    processes = launch(N_PROCESSES, accelerator="cpu")
    path = Path(sys.argv[1]) / f"{processes.global_rank}.json"
    path.write_text(json.dumps(trained(processes, None)))
