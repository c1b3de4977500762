"""Time for a training step of a variational autoencoder 64-256-8 on digits, ours against a plain loop in torch.

Both train the same networks on the grey values of 1797 digits, as probabilities of bits, in batches of 128 with Adam,
in one thread and in turns; the processor's time is counted. Prints one JSON line with the negative lower bound in nats
after 60 epochs; a ratio below 1 means that ours is faster.
"""

import json
import statistics
import time

import torch
from sklearn.datasets import load_digits
from torch.nn import functional as F

from generative.vae import VAE

N_EPOCHS, BATCH_SIZE, RATE, N_TURNS, EPOCHS_PER_TURN = 60, 128, 2e-3, 30, 4


def digits() -> torch.Tensor:
    """1797 images of 8 x 8 grey values in [0, 1]."""
    return torch.as_tensor(load_digits(return_X_y=True)[0], dtype=torch.float32) / 16


def train(x: torch.Tensor, n_epochs: int) -> tuple[float, float]:
    """Seconds for a step, and -ELBO in the last epoch."""
    options = dict(n_epochs=n_epochs, batch_size=BATCH_SIZE)
    fit = VAE((8, 8), "bits", n_latent=8, hidden=(256,)).train(x, None, None, None, RATE, options)
    start = time.process_time()
    *_, last = fit
    return (time.process_time() - start) / fit.step, -last.losses["elbo"]


def plain(x: torch.Tensor, n_epochs: int) -> tuple[float, float]:
    """The same in a loop that does nothing else."""
    model = VAE((8, 8), "bits", n_latent=8, hidden=(256,))
    encoder, decoder = model.encoder, model.decoder
    parameters = [*encoder.parameters(), *decoder.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=RATE, fused=True)
    noise, step, mean = torch.Generator().manual_seed(0), 0, 0.0
    start = time.process_time()
    for _ in range(n_epochs):
        losses = []
        for rows in torch.randperm(len(x), generator=noise).split(BATCH_SIZE):
            batch = x[rows]
            m, log_v = encoder(batch).chunk(2, dim=1)
            z = m + torch.exp(0.5 * log_v) * torch.randn(m.shape, generator=noise)
            kl = 0.5 * (m**2 + log_v.exp() - log_v - 1).sum()
            loss = (F.binary_cross_entropy_with_logits(decoder(z), batch, reduction="sum") + kl) / len(batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
            step += 1
        mean = statistics.fmean(losses)
    return (time.process_time() - start) / step, mean


def main() -> None:
    torch.set_num_threads(1)
    x = digits()
    bound, bound_of_plain = train(x, N_EPOCHS)[1], plain(x, N_EPOCHS)[1]
    turns = [(train(x, EPOCHS_PER_TURN)[0], plain(x, EPOCHS_PER_TURN)[0]) for _ in range(N_TURNS)]
    ours, theirs = (statistics.median(each) for each in zip(*turns))
    print(
        json.dumps(
            {
                "benchmark": "vae",
                "milliseconds_per_step": {"born": round(1e3 * ours, 4), "torch": round(1e3 * theirs, 4)},
                "ratio_to_torch": round(ours / theirs, 3),
                "negative_elbo": {"born": round(bound, 2), "torch": round(bound_of_plain, 2)},
                "threads": 1,
                "turns": N_TURNS,
            }
        )
    )


if __name__ == "__main__":
    main()
