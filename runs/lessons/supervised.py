"""Training of a torch module on inputs and targets, shared by the lessons that have them."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..experiments.experiment import Progress


def supervised(
    network: Any,
    loss: Callable[[Any, Any], Any],
    x: np.ndarray,
    y: np.ndarray,
    *,
    n_epochs: int,
    seed: int,
    batch_size: int = 128,
    learning_rate: float = 1e-3,
    threads: int = 1,
    weight_decay: float = 0.0,
    augment: Any = None,
) -> Iterator[Progress]:
    """Adam, with a rate that falls to 0 along a cosine, on loss(network(x), y); a record for each epoch.

    The rows of x and y are flattened; the network and the loss get float32 tensors of shape (batch, n).
    """
    import torch

    from generative.training import Objective, Training
    from neural.optimizers import CosineDecay

    torch.set_num_threads(threads)
    inputs, targets = (torch.tensor(np.reshape(a, (len(a), -1)), dtype=torch.float32) for a in (x, y))
    rate = CosineDecay(learning_rate, n_epochs * -(-len(x) // batch_size))
    objective = Objective(
        "loss",
        lambda batch: loss(network(batch.x), batch.condition),
        list(network.parameters()),
        rate,
        weight_decay=weight_decay,
    )
    training = Training(
        network, [objective], inputs, targets, n_epochs=n_epochs, batch_size=batch_size, augment=augment, seed=seed
    )
    for record in training:
        yield Progress(round(record.epoch), n_epochs, {"loss": record.losses["loss"]})
    network.eval()


def predicted(network: Any, x: np.ndarray) -> np.ndarray:
    """The outputs of the network for flattened rows of x."""
    import torch

    with torch.no_grad():
        return network(torch.tensor(np.reshape(x, (len(x), -1)), dtype=torch.float32)).numpy()
