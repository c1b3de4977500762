"""The networks of diffusion models."""

import math
from collections.abc import Sequence
from typing import Any

from torch import nn

from generative.networks.convolutional import UNet
from generative.networks.dense import Coupled, Dense
from generative.networks.lattice import LatticeDense, per_site


def denoiser(
    shape: tuple[int, ...],
    hidden: Sequence[int],
    channels: Sequence[int] | None,
    *,
    coupled: bool,
    padding: str,
    activation: str,
    translation: bool,
    **options: Any,
) -> nn.Module:
    """A network of rows and times: a U-Net where there are ``channels``, else dense, with couplings for spins.

    translation : dense layers that share their weights among the sites of a periodic lattice
    options : n_condition, highest and seed of all of them
    """
    if channels is not None:
        return UNet((shape[0], shape[1]), channels, padding=padding, **options)
    n = math.prod(shape)
    if translation:
        return LatticeDense(shape, 1, per_site(hidden, n), 1, activation=activation, time=True, **options)
    if coupled:
        return Coupled(n, hidden, activation=activation, time=True, **options)
    return Dense(n, hidden, n, activation=activation, time=True, **options)
