"""Time for a training step of a variational autoencoder 64-256-8 on digits, ours against a plain loop in torch.

Both train the same networks on the grey values of 1797 digits, as probabilities of bits, in batches of 128 with Adam
for 60 epochs, three times, in one thread and epoch by epoch in turns; the processor's time is counted. Prints one JSON
line with the negative lower bound of the last epoch in nats; a ratio below 1 means that ours is faster.
"""

import json
import statistics
import time
from collections.abc import Iterator

import torch
from sklearn.datasets import load_digits
from torch.nn import functional as F

from generative.vae import VAE

N_RUNS, N_EPOCHS, BATCH_SIZE, RATE = 3, 60, 128, 2e-3


def digits() -> torch.Tensor:
    """1797 images of 8 x 8 grey values in [0, 1]."""
    return torch.as_tensor(load_digits(return_X_y=True)[0], dtype=torch.float32) / 16


def ours(x: torch.Tensor) -> Iterator[float]:
    """-ELBO of each epoch."""
    options = dict(n_epochs=N_EPOCHS, batch_size=BATCH_SIZE)
    for record in VAE((8, 8), "bits", n_latent=8, hidden=(256,)).train(x, None, None, None, RATE, options):
        yield -record.losses["elbo"]


def plain(x: torch.Tensor) -> Iterator[float]:
    """The same in a loop that does nothing else."""
    model = VAE((8, 8), "bits", n_latent=8, hidden=(256,))
    encoder, decoder = model.encoder, model.decoder
    optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=RATE, fused=True)
    noise = torch.Generator().manual_seed(0)
    for _ in range(N_EPOCHS):
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
        yield statistics.fmean(losses)


def timed(loop: Iterator[float]) -> tuple[float, float]:
    """Seconds for the next epoch, and its loss."""
    start = time.process_time()
    loss = next(loop)
    return time.process_time() - start, loss


def main() -> None:
    torch.set_num_threads(1)
    x = digits()
    epochs = []
    for mine, other in ((ours(x), plain(x)) for _ in range(N_RUNS)):
        epochs += [(*timed(mine), *timed(other)) for _ in range(N_EPOCHS)]
    born, _, torch_alone, _ = (statistics.median(each) for each in zip(*epochs))
    n_steps = -(-len(x) // BATCH_SIZE)
    print(
        json.dumps(
            {
                "benchmark": "vae",
                "milliseconds_per_step": {
                    "born": round(1e3 * born / n_steps, 4),
                    "torch": round(1e3 * torch_alone / n_steps, 4),
                },
                "ratio_to_torch": round(born / torch_alone, 3),
                "negative_elbo": {"born": round(epochs[-1][1], 2), "torch": round(epochs[-1][3], 2)},
                "threads": 1,
                "epochs": N_RUNS * N_EPOCHS,
            }
        )
    )


if __name__ == "__main__":
    main()
