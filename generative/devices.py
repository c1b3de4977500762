"""The devices that torch computes on."""

from typing import Any

import torch


def find_device(device: Any) -> torch.device:
    """The device "cpu", "cuda", "cuda:1", "mps", ... Raises ``ValueError`` for one that is not here."""
    try:
        found = torch.device(device)
    except (RuntimeError, TypeError):
        raise ValueError(f'expected a device such as "cpu" or "cuda", got {device!r}') from None
    if found.type == "cuda" and (found.index or 0) >= torch.cuda.device_count():
        n = torch.cuda.device_count()
        raise ValueError(f'expected device="cpu": torch finds {n or "no"} GPUs with CUDA here, got {device!r}')
    if found.type == "mps" and not torch.backends.mps.is_available():
        raise ValueError(f'expected device="cpu": torch finds no GPU with Metal here, got {device!r}')
    return found
