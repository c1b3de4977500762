"""Autoregressive models against Kaufman's free energy, and against the entropy of the data."""

import math
from collections.abc import Iterator
from typing import Any

from registry import Row, case

from generative import MADE, Interval, datasets
from generative.datasets.exact_ising import kaufman
from generative.importance import mean
from neural.optimizers import CosineDecay
from runs.experiments import ising_autoregressive, variational_ising

T_C = 2.269185314213022
TEMPERATURES = (2.0, T_C, 3.0)


def finished(experiment: Any, **fields: Any) -> Any:
    """A run of the experiment, trained and measured."""
    run = experiment.start(experiment.settings.model_validate(fields))
    for phase in (run.training(), run.measuring()):
        for _ in phase:
            pass
    return run


def free_energies(size: int, limit: float, **fields: Any) -> Iterator[Row]:
    for temperature in TEMPERATURES:
        run = finished(variational_ising.EXPERIMENT, size=size, temperature=temperature, **fields)
        found, exact = run.measurements(), run.exact
        name, free = f"T = {temperature:.3f}", exact["free_energy"]
        by_weights, bound, energy = (found[key].estimate for key in ("free_energy", "free_energy_bound", "energy"))
        yield Row(f"{name}, free energy, relative", by_weights.mean / free - 1, 0.0, 0.0, limit=limit)
        yield Row(f"{name}, its bound, relative", 1 - bound.mean / free, 0.0, 0.0, limit=limit, below=True)
        yield Row(f"{name}, free energy", by_weights.mean, by_weights.error, free, limit=3.0)
        yield Row(f"{name}, energy by weights", energy.mean, energy.error, exact["energy"], limit=3.0)
        for key in ("specific_heat", "susceptibility"):
            if key in exact:
                weighted = found[key].estimate
                yield Row(f"{name}, {key} by weights", weighted.mean, weighted.error, exact[key], limit=4.0)


@case
def variational_ising_8() -> Iterator[Row]:
    """Free energy of 8 x 8 spins from the energy alone, against Kaufman's."""
    yield from free_energies(8, 1e-4)


@case
def variational_ising_16() -> Iterator[Row]:
    """Free energy of 16 x 16 spins from the energy alone, against Kaufman's."""
    # with 600 steps the model of T = 2 loses the configurations with two domains, 4 % of them, for good
    yield from free_energies(16, 1e-3, units=4, n_steps=2000, learning_rate=2e-3)


def likelihoods(size: int, limit: float, **fields: Any) -> Iterator[Row]:
    for temperature in TEMPERATURES:
        run = finished(ising_autoregressive.EXPERIMENT, size=size, temperature=temperature, **fields)
        found = run.measurements()
        divergence = found["divergence"].estimate
        yield Row(f"T = {temperature:.3f}, divergence from the truth", divergence.mean, 0.0, 0.0, limit=limit)
        # the likelihood of the test data scatters with them, by the square root of the heat capacity
        likelihood, exact = found["log_likelihood"].estimate, run.exact["log_likelihood"]
        slack = limit + 4 * likelihood.error
        yield Row(
            f"T = {temperature:.3f}, entropy above the likelihood", exact - likelihood.mean, 0.0, 0.0, limit=slack
        )


@case
def ising_autoregressive_4() -> Iterator[Row]:
    """A model of 4 x 4 spins learned from data, in nats per configuration."""
    yield from likelihoods(4, 0.05, n_epochs=10, n_data=50_000)


@case
def ising_autoregressive_8() -> Iterator[Row]:
    """A model of 8 x 8 spins learned from data, in nats per configuration."""
    yield from likelihoods(8, 0.3, n_epochs=6)


@case
def held_out_temperatures() -> Iterator[Row]:
    """A conditional model of 8 x 8 spins trained at T = 1.8, 2.2, 2.6 and 3.0, asked at 2.0 and 2.4."""
    data = datasets.ising((8, 8), (1.8, 2.2, 2.6, 3.0), 25_000, seed=1, values="spins")
    model = MADE((8, 8), 8, 2, condition=Interval(1.8, 3.0), flip=True, seed=1)
    n_steps = 6 * math.ceil(len(data.train) / 256)
    for _ in model.fit(
        data, n_epochs=6, batch_size=256, translation=True, ema=0.99, learning_rate=CosineDecay(5e-3, n_steps, 2e-4)
    ):
        pass
    for temperature in (2.0, 2.4):
        s = model.sample(20_000, seed=2, condition=temperature)
        energy = mean(datasets.IsingTarget(data.targets[0].lattice, temperature).energy(s) / 64)
        exact = kaufman((8, 8), temperature).energy
        yield Row(f"T = {temperature:g}, energy, relative", energy.mean / exact - 1, 0.0, 0.0, limit=0.03)
