"""The families of models that several experiments train, each by one name."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from generative.datasets import Dataset
    from generative.model import TorchModel
    from generative.training import Training

SAMPLERS = ("ddpm", "ddim", "flow")


def sampler(name: str, n_steps: int) -> Any:
    """A sampler of diffusion models."""
    from generative.diffusion import DDIM, DDPM, ProbabilityFlow

    return {"ddpm": DDPM, "ddim": DDIM, "flow": ProbabilityFlow}[name](n_steps)


def make_model(family: str, data: "Dataset", width: int, seed: int, **options: Any) -> "TorchModel":
    """A model of ``family`` for ``data``, dense, with hidden layers of ``width`` units."""
    from generative.autoregressive import MADE
    from generative.diffusion import Diffusion, SpinDiffusion
    from generative.gan import GAN
    from generative.vae import VAE

    arguments: Any = (data.shape, data.values)
    n_latent = max(2, min(16, data.n_features // 4))
    if family == "made":
        units = max(1, width // data.n_features)
        return MADE(data.shape, units, 2, values=data.values, seed=seed, **options)
    if family == "vae":
        return VAE(*arguments, seed=seed, **{"n_latent": n_latent, "hidden": (width,), **options})
    if family == "gan":
        return GAN(*arguments, seed=seed, **{"n_latent": 16, "hidden": (width, width), **options})
    if family == "diffusion":
        return Diffusion(*arguments, seed=seed, **{"hidden": (width,) * 3, **options})
    if family == "flow":
        from generative.flows import Flow

        return Flow(*arguments, hidden=(width // 4,) * 2, seed=seed, **options)
    if family == "spin-diffusion":
        return SpinDiffusion(*arguments, seed=seed, **{"hidden": (width,) * 2, **options})
    raise ValueError(f"expected a family of models, got {family!r}")


def fit(model: "TorchModel", data: "Dataset", settings: Any, **options: Any) -> "Training":
    """Adam with a rate that falls to 0 along a cosine, and an average of the parameters."""
    from neural.optimizers import CosineDecay

    arguments: Any = dict(
        n_steps=settings.n_updates,
        batch_size=settings.batch_size,
        learning_rate=CosineDecay(settings.learning_rate, settings.n_updates),
        ema=0.999 if settings.n_updates >= 5000 else 0.99,
        record_every=max(100, settings.n_updates // 100),
        clip=10.0,
    )
    return model.fit(data, **{**arguments, **options})
