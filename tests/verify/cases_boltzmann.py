"""Boltzmann machines and Ising data against exact values."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from registry import Row, case

from generative import (
    BernoulliRBM,
    BoltzmannMachine,
    DeepBoltzmannMachine,
    GaussianBernoulliRBM,
    IsingRBM,
    PottsRBM,
    datasets,
)
from generative.datasets.exact_ising import kaufman
from generative.datasets.ising_chains import HeatBath, SwendsenWang
from generative.physics import observables
from montecarlo.lattices import Square
from montecarlo.statistics import estimate
from runs.experiments import tomography as reconstruction
from runs.experiments.ising_rbm import EXPERIMENT, IsingRBMSettings

T_C, LOG_2 = 2.269185314213022, float(np.log(2))


@case
def ising_sampler() -> Iterator[Row]:
    """Energies of 1024 chains on 32 x 32 sites at three temperatures against Kaufman's."""
    for sampler in (HeatBath, SwendsenWang):
        for temperature in (2.0, T_C, 3.0):
            chains = sampler(Square(32), 1 / temperature, 1024, seed=1, threads=2)
            chains.sweep(3000 if sampler is HeatBath else 100)
            record = []
            for _ in range(20):
                chains.sweep(20 if sampler is HeatBath else 5)
                s = chains.configurations().astype(np.int64)
                record.append(-2 * (s[:, chains.edges[:, 0]] * s[:, chains.edges[:, 1]]).mean(axis=1))
            energy = estimate(np.transpose(record))
            exact = kaufman((32, 32), temperature).energy
            yield Row(f"{sampler.__name__}, T = {temperature:.3f}, energy", energy.mean, energy.error, exact)


def trained(**fields: float) -> Any:
    """A run of the experiment with these settings, all others as they are, after its training."""
    run: Any = EXPERIMENT.start(IsingRBMSettings.model_validate(fields))
    for _ in run.training():
        pass
    return run


@case
def ising_rbm_4() -> Iterator[Row]:
    """Kullback-Leibler divergence of a trained machine from 4 x 4 spins, in nats per configuration."""
    for temperature in (2.0, T_C, 3.0):
        divergence = trained(temperature=temperature).divergence()
        yield Row(f"T = {temperature:.3f}", divergence, 0.0, 0.0, limit=0.02, below=True)


@case
def ising_rbm_8() -> Iterator[Row]:
    """8 x 8 spins: nats above the entropy, and observables within 3 standard errors or 1 %."""
    for temperature in (T_C, 2.0, 3.0):
        run, at = trained(size=8, temperature=temperature), f"T = {temperature:.3f}, "
        found = run.model.log_likelihood(run.data.test, n_steps=2000, seed=1)
        log_z, entropy = found.log_partition, -run.exact["log_likelihood"]
        yield Row(at + "negative log-likelihood", -found.mean, 0.0, entropy, limit=0.5, below=True)
        yield Row(at + "log Z from below", log_z.mean, log_z.error, log_z.reverse.mean, log_z.reverse.error)
        estimates = observables(run.model.sample(100_000, 1), run.data.targets[0]).estimates
        for name in ("energy", "abs_m", "specific_heat"):
            exact, sigma = run.exact[name], estimates[name].error
            yield Row(at + name, estimates[name].mean, 0.0, exact, limit=max(3 * sigma, 0.01 * abs(exact)))


@case
def annealing_coverage() -> Iterator[Row]:
    """How often the exact log Z of random machines with 20 hidden units lies within the 95 % interval."""
    n_seeds, inside = 200, 0
    for seed in range(n_seeds):
        rng = np.random.default_rng(seed)
        model = IsingRBM(20, 20, seed=seed)
        a, b, W = (scale * rng.normal(size=array.shape) for scale, array in zip((0.3, 0.3, 0.2), model.machine))
        model.machine = type(model.machine)(a, b, W)
        found = model.log_partition(method="annealed", n_chains=100, n_steps=200, seed=seed, reverse=False)
        inside += abs(found.z(model.log_partition(method="exact").mean)) < 1.96
    yield Row("covered", inside / n_seeds, (0.95 * 0.05 / n_seeds) ** 0.5, 0.95, limit=3.0)


@case
def inverse_ising() -> Iterator[Row]:
    """Root mean square error of the couplings of a 4 x 4 spin glass from 100 000 samples."""
    lattice = Square(4)
    for seed in range(3):
        rng = np.random.default_rng(seed)
        truth, found = BoltzmannMachine(16), BoltzmannMachine(16)
        i, j = lattice.edges.T
        truth.J[i, j] = truth.J[j, i] = rng.normal(scale=0.5, size=len(i))
        states = 2.0 * ((np.arange(2**16)[:, None] >> np.arange(16)) & 1) - 1.0
        samples = states[rng.choice(len(states), 100_000, p=np.exp(truth.log_prob(states)))]
        for _ in found.fit(samples, "pseudo-likelihood"):
            pass
        error = np.sqrt(np.mean((found.J - truth.J)[np.triu_indices(16, 1)] ** 2))
        yield Row(f"seed {seed}", float(error), 0.0, 0.0, limit=0.02, below=True)


@case
def tomography() -> Iterator[Row]:
    """A ground state of 10 spins from measurements, and what it saves variational Monte Carlo."""
    run: Any = reconstruction.EXPERIMENT.start(reconstruction.TomographySettings.model_validate({}))
    for phase in (run.training(), run.measuring()):
        for _ in phase:
            pass
    found = {name: each.estimate.mean for name, each in run.measurements().items()}
    for n, limit in ((200, 0.3), (2000, 0.03), (20_000, 0.003)):
        yield Row(f"1 - fidelity, {n} measurements", found[f"infidelity_{n}"], 0.0, 0.0, limit=limit, below=True)
    yield Row("energy", found["energy"], 0.0, run.exact["energy"], limit=1e-3 * abs(run.exact["energy"]))
    random, ours = found["vmc_steps_from_random"], found["vmc_steps"]
    yield Row("steps to 1e-4 from it, and from random", ours, 0.0, random, limit=-0.5 * random, below=True)


def patterns() -> np.ndarray:
    """The 30 bars and stripes of 4 x 4 pixels, 40 of each."""
    lines = (np.arange(16)[:, None] >> np.arange(4)) & 1
    bars = np.repeat(lines[:, None], 4, axis=1)
    return np.tile(np.unique(np.concatenate([bars, bars.transpose(0, 2, 1)]).reshape(-1, 16), axis=0), (40, 1))


def worst_gain(make: Any, x: np.ndarray, chance: float, n_epochs: int) -> float:
    """The smallest log-likelihood above ``chance`` of ten seeds after a training with nothing but defaults."""
    gains = []
    for seed in range(10):
        model = make(seed)
        for _ in model.fit(x, n_epochs=n_epochs):
            pass
        gains.append(model.log_likelihood(x[:500]).mean - chance)
    return min(gains)


@case
def boltzmann_defaults_do_not_diverge() -> Iterator[Row]:
    """The smallest log-likelihood of ten seeds above that of chance, or of independent real numbers, in nats."""
    few, bits = patterns(), datasets.digits().train
    spins = datasets.ising((4, 4), T_C, 5000, seed=0, values="spins").train
    rng = np.random.default_rng(0)
    mixture = rng.integers(0, 2, (2000, 3)) @ rng.normal(size=(3, 6)) * 3 + 0.3 * rng.normal(size=(2000, 6))
    independent = -0.5 * float(np.log(2 * np.pi * np.e * mixture.var(axis=0)).sum())
    states = np.eye(2)[few].reshape(len(few), -1)
    problems: dict[str, tuple[Any, np.ndarray, float, int]] = {
        "IsingRBM, bars and stripes": (lambda n: IsingRBM(16, 16, seed=n), 2 * few - 1, -16 * LOG_2, 100),
        "BernoulliRBM, bars and stripes": (lambda n: BernoulliRBM(16, 16, seed=n), few, -16 * LOG_2, 100),
        "PottsRBM, bars and stripes": (lambda n: PottsRBM(16, 2, 16, seed=n), states, -16 * LOG_2, 40),
        "IsingRBM, 4 x 4 spins": (lambda n: IsingRBM(16, 16, seed=n), spins, -16 * LOG_2, 20),
        "BernoulliRBM, 4 x 4 spins": (lambda n: BernoulliRBM(16, 16, seed=n), (spins + 1) / 2, -16 * LOG_2, 20),
        "BernoulliRBM, digits": (lambda n: BernoulliRBM(64, 16, seed=n), bits, -64 * LOG_2, 30),
        "DeepBoltzmannMachine, digits": (
            lambda n: DeepBoltzmannMachine((64, 20, 10), seed=n),
            bits[:600],
            -64 * LOG_2,
            10,
        ),
        "GaussianBernoulliRBM, a mixture": (lambda n: GaussianBernoulliRBM(6, 6, seed=n), mixture, independent, 40),
        "GaussianBernoulliRBM, the same a millionth": (
            lambda n: GaussianBernoulliRBM(6, 6, seed=n),
            1e-6 * mixture,
            independent + 6 * np.log(1e6),
            40,
        ),
    }
    for name, problem in problems.items():
        yield Row(name, worst_gain(*problem), 0.0, 0.0, limit=0.0, above=True)
