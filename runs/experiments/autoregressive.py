"""The settings and the making of autoregressive models, for the experiments that train them."""

from typing import Any, Literal

from pydantic import Field

from .settings import Settings


class AutoregressiveSettings(Settings):
    """Fields of every experiment with an autoregressive model on a periodic square lattice."""

    threads: int = Field(1, ge=1, le=1024, description="number of threads; the same bits need the same number")
    size: int = Field(8, ge=3, le=64, description="sites along each side of the lattice")
    temperature: float = Field(2.269185, ge=1e-9, le=1e6, description="in units of J / k_B")
    network: Literal["made", "cnn", "transformer"] = Field("made", description="masked layers, convolutions, attention")
    units: int = Field(8, ge=1, le=1024, description="hidden units per site, channels, or the width of the attention")
    n_layers: int = Field(2, ge=1, le=32, description="hidden layers")
    flip: bool = Field(True, description="a model with q(s) = q(-s)")
    batch_size: int = Field(256, ge=2, le=100_000_000, description="configurations for each update")
    learning_rate: float = Field(5e-3, gt=0, allow_inf_nan=False, description="of Adam; falls to 1/20 along a cosine")
    n_measure: int = Field(20_000, ge=100, le=10_000_000_000_000, description="samples of the final comparison")


def make_model(settings: Any, **options: Any) -> Any:
    """The model of these settings."""
    from generative.autoregressive import MADE, CausalCNN, SiteTransformer

    shape, options = (settings.size, settings.size), {"flip": settings.flip, "seed": settings.seed, **options}
    if settings.network == "made":
        return MADE(shape, settings.units, settings.n_layers, **options)
    if settings.network == "cnn":
        return CausalCNN(shape, settings.units, settings.n_layers, **options)
    return SiteTransformer(shape, settings.units, 4, settings.n_layers, **options)


def schedule(settings: Any, n_steps: int) -> Any:
    """The learning rate of these settings."""
    from neural.optimizers import CosineDecay

    return CosineDecay(settings.learning_rate, n_steps, settings.learning_rate / 20)
