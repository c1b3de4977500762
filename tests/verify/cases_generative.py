"""Variational autoencoders, adversarial networks and diffusion models against what is known exactly."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from registry import Row, case

from generative import datasets
from generative.autoregressive import MADE
from generative.conditions import Interval
from generative.datasets.exact_ising import kaufman
from generative.diffusion import DDIM, DDPM, Diffusion, ProbabilityFlow, SpinDiffusion
from generative.flows import Flow
from generative.gan import GAN
from generative.two_sample import classifier_accuracy
from generative.vae import VAE
from neural.divergence import DivergedError
from neural.optimizers import CosineDecay
from runs.experiments import find


def finished(name: str, **fields: Any) -> Any:
    """The run of an experiment, trained and measured."""
    experiment = find(name)
    run: Any = experiment.start(experiment.settings.model_validate(fields))
    for phase in (run.training(), run.measuring()):
        for _ in phase:
            pass
    return run


N_DRAWS = 4  # sets of samples, whose accuracies are averaged


def mean_accuracy(model: Any, test: np.ndarray) -> float:
    """Of classifiers between 2000 samples and as many held-out points.

    One accuracy scatters by sqrt(1/4 / 2000) = 0.011, the mean of four by 0.006 around the accuracy of the model.
    """
    draws = [model.sample(2000, seed).astype(np.float64) for seed in range(2, 2 + N_DRAWS)]
    return float(np.mean([classifier_accuracy(x, test[:2000], seed) for seed, x in enumerate(draws)]))


@case
def diffusion_moons() -> Iterator[Row]:
    """A classifier between samples and held-out points, for every sampler, and the integral of the density."""
    run = finished("moons")
    measured = run.measurements()
    test = np.asarray(run.data.test, dtype=np.float64)
    yield Row("DDPM, accuracy", mean_accuracy(run.model, test), 0.006, 0.55, limit=0.0, below=True)
    for name, sampler in (("DDIM-50", DDIM(50)), ("flow", ProbabilityFlow(25))):
        run.model.sampler = sampler
        yield Row(f"{name}, accuracy", mean_accuracy(run.model, test), 0.006, 0.55, limit=0.0, below=True)
    yield Row("integral of the density", measured["integral"].estimate.mean, 0.0, 1.0, limit=0.01)


@case
def flow_moons() -> Iterator[Row]:
    """A classifier between samples of a flow and held-out points, and the integral of the density."""
    measured = finished("moons", family="flow", n_updates=2000).measurements()
    yield Row("accuracy", measured["classifier_accuracy"].estimate.mean, 0.0, 0.55, limit=0.0, below=True)
    yield Row("integral of the density", measured["integral"].estimate.mean, 0.0, 1.0, limit=0.01)


@case
def ring_modes() -> Iterator[Row]:
    """Modes of a ring of eight Gaussians that samples cover."""
    for family, fields in (("diffusion", {}), ("gan", {"n_updates": 8000, "learning_rate": 1e-3})):
        covered = finished("gaussian-ring", family=family, **fields).measurements()["modes_covered"]
        yield Row(f"{family}, modes", covered.estimate.mean, 0.0, 8.0, limit=0.0)


@case
def digits_vae() -> Iterator[Row]:
    """The negative lower bound on binarised digits after 60 epochs of an autoencoder 64-256-8, in nats per image."""
    data = datasets.digits()
    model = VAE((8, 8), data.values, n_latent=8, hidden=(256,))
    *_, last = model.fit(data, n_epochs=60, batch_size=128, learning_rate=1e-3)
    yield Row("training rows", -last.losses["elbo"], 0.0, 24.6, limit=0.0, below=True)
    yield Row("held-out rows, K = 64", -float(model.log_prob(data.test).mean()), 0.0, 24.6, limit=0.0, below=True)


PLAIN: dict[str, tuple[str, Callable[..., Any]]] = {
    "vae, moons": ("moons", lambda d, s: VAE(d.shape, d.values, seed=s)),
    "gan, moons": ("moons", lambda d, s: GAN(d.shape, d.values, seed=s)),
    "gan, ring": ("gaussian_ring", lambda d, s: GAN(d.shape, d.values, seed=s)),
    "diffusion, moons": ("moons", lambda d, s: Diffusion(d.shape, d.values, seed=s)),
    "flow, moons": ("moons", lambda d, s: Flow(d.shape, d.values, seed=s)),
    "vae, digits": ("digits", lambda d, s: VAE(d.shape, d.values, seed=s)),
    "gan, digits": ("digits", lambda d, s: GAN(d.shape, d.values, seed=s)),
    "made, digits": ("digits", lambda d, s: MADE(d.shape, values=d.values, seed=s)),
    "spin diffusion, digits": ("digits", lambda d, s: SpinDiffusion(d.shape, d.values, seed=s)),
}


@case
def plain_trainings() -> Iterator[Row]:
    """Ten seeds of the plain call of every family: how many run away in 1000 steps."""
    torch.set_num_threads(1)
    for name, (kind, make) in PLAIN.items():
        data, ran_away = getattr(datasets, kind)(), 0
        for seed in range(10):
            try:
                for _ in make(data, seed).fit(data, n_steps=1000):
                    pass
            except DivergedError:
                ran_away += 1
        yield Row(f"{name}, ran away", ran_away, 0.0, 0.0, limit=0.0)


HELD_OUT: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
    "vae": (VAE, {"n_latent": 16, "hidden": (256, 256), "activation": "gelu", "flip": True, "couplings": True}),
    "gan": (
        GAN,
        {"n_latent": 64, "hidden": (256, 256), "penalty": 1.0, "n_critic": 2, "flip": True, "couplings": True},
    ),
    "diffusion": (Diffusion, {"hidden": (512, 512), "translation": True, "sampler": DDPM(100)}),
    "spin diffusion": (SpinDiffusion, {"hidden": (512, 512), "translation": True, "n_steps": 256}),
}


def held_out(family: str, **fields: Any) -> Iterator[Row]:
    """Trained at T = 1.8, 2.2, 2.6 and 3.0, asked at temperatures in between."""
    torch.set_num_threads(1)
    data = datasets.ising((8, 8), (1.8, 2.2, 2.6, 3.0), 10_000, seed=1, values="spins")
    make, options = HELD_OUT[family]
    model = make((8, 8), "spins", condition=Interval(1.8, 3.0), **options)
    settings: Any = {"n_steps": 3000, "learning_rate": 2e-3, "record_every": 1000, **fields}
    settings["learning_rate"] = CosineDecay(settings["learning_rate"], settings["n_steps"])
    for _ in model.fit(data, batch_size=256, ema=0.999, flip=True, translation=True, **settings):
        pass
    for temperature in (2.0, 2.4):
        samples = model.sample(5000, 1, condition=temperature)
        energy, exact = float(data.targets[0].energy(samples).mean()) / 64, kaufman((8, 8), temperature).energy
        name = f"{family}, T = {temperature}, energy over exact"
        yield Row(name, energy / exact, 0.0, 1.0, limit=0.03)


@case
def held_out_vae() -> Iterator[Row]:
    """A variational autoencoder of 8 x 8 spins at temperatures that it was not shown: the energy within 3 %."""
    yield from held_out("vae")


@case
def held_out_gan() -> Iterator[Row]:
    """An adversarial network of 8 x 8 spins at temperatures that it was not shown: the energy within 3 %."""
    yield from held_out("gan", n_steps=6000, learning_rate=1e-3)


@case
def held_out_diffusion() -> Iterator[Row]:
    """Diffusion of 8 x 8 spins, by numbers and by flips, at temperatures not shown: the energy within 3 %."""
    yield from held_out("diffusion", learning_rate=4e-3)
    yield from held_out("spin diffusion", n_steps=5000, learning_rate=4e-3)


NATS = {"rbm": 0.002, "made": 0.005, "vae": 0.02, "diffusion": 0.01, "spin-diffusion": 0.01}


def contest(temperature: float) -> Iterator[Row]:
    """No model has fewer nats per spin than the entropy, nor many more; what the exact ones say of the energy."""
    measured = finished("ising-showdown", temperatures=(temperature,)).measurements()
    for name, each in measured.items():
        family, quantity = name.partition(" ")[0], name.rpartition(" ")[2]
        exact = each.exact or 0.0
        if quantity == "nats_per_spin":
            yield Row(name, each.estimate.mean, each.estimate.error, exact, limit=4.0, above=True)
            excess = each.estimate.mean - exact
            yield Row(f"{family}, nats above the entropy", excess, 0.0, NATS[family], limit=0.0, below=True)
        if quantity == "energy" and family in ("rbm", "made"):
            yield Row(name, each.estimate.mean, each.estimate.error, exact, limit=4.0)
        elif quantity == "energy":
            yield Row(f"{name} over exact", each.estimate.mean / exact, 0.0, 1.0, limit=0.1)


@case
def showdown_cold() -> Iterator[Row]:
    """All families on 8 x 8 spins at T = 2."""
    yield from contest(2.0)


@case
def showdown_critical() -> Iterator[Row]:
    """All families on 8 x 8 spins at the critical temperature."""
    yield from contest(2.269185)


@case
def showdown_hot() -> Iterator[Row]:
    """All families on 8 x 8 spins at T = 3."""
    yield from contest(3.0)
