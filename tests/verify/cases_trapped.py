"""Trapped particles: two electrons at every frequency, double dot, hard spheres, and the models on a line."""

from itertools import product

import numpy as np
from registry import Row, case

import nqs
from neural.optimizers import CosineDecay
from nqs.energy import local_energies
from nqs.exact import gross_pitaevskii
from nqs.observables import PairCorrelation, virial


def _train(system, psi, *, n_steps=300, n_samples=4096, n_measure=2**19, rate=0.2, observables=None):
    """The measurement after training."""
    optimizer = nqs.StochasticReconfiguration(CosineDecay(rate, n_steps, rate / 20), shift=1e-4)
    vmc = nqs.VMC(system, psi, nqs.Langevin(), optimizer, n_samples=n_samples, seed=1)
    for _ in vmc.steps(n_steps):
        pass
    return vmc.measure(n_measure, observables)


def _rows(name, energy, exact, limit):
    """Close enough from above, with an error bar below that, and no more than 3 errors below the exact energy."""
    yield Row(name, energy.mean, energy.error, exact * (1 + limit), limit=0, below=True)
    yield Row(f"{name}: relative error bar", energy.error / exact, 0, limit, limit=0, below=True)
    yield Row(f"{name}: exact, below + 3 errors", exact, energy.error, energy.mean, limit=3, below=True)


@case
def two_electrons_at_every_frequency():
    """The default wave function within 1e-4 of exact, and its virial: 2 T - 2 V_trap + V_int vanishes."""
    for n_dims, omega in product((2, 3), (10.0, 1.0, 0.5, 0.1, 0.01)):
        dot = nqs.QuantumDot(2, n_dims, omega)
        exact = dot.exact_energy  # tested against a solver that shares nothing with this one
        assert exact is not None
        psi, rate = nqs.default_wavefunction(dot, seed=1), 0.2 / omega  # a step is a time, in units of 1 / energy
        measured = _train(dot, psi, rate=rate, observables={"virial": virial(dot)})
        name, found = f"{n_dims}D, omega = {omega}", measured.observables["virial"]
        yield from _rows(name, measured.energy, exact, 1e-4)
        yield Row(f"{name}: virial", found.mean / exact, found.error / exact, 0.0, limit=4)


@case
def calogero_sutherland_exact_form():
    """The local energy of the exact state is constant to 1e-7, relative, where particles nearly touch."""
    rng = np.random.default_rng(1)
    for n_particles, strength in ((2, 0.75), (5, 2.0), (10, 3.0), (50, 1.5)):
        system = nqs.CalogeroSutherland(n_particles, strength)
        psi = nqs.Gaussian(system) * nqs.PowerJastrow(system)
        x = system.first_configurations(100, rng)
        spread = np.abs(local_energies(system, psi, x) / system.exact_energy - 1).max()
        yield Row(f"N = {n_particles}, lambda = {strength}", spread, 0, 0, limit=1e-7)


@case
def calogero_sutherland_rbm():
    """RBM from random weights x powers of the distances: within 1e-3 of exact."""
    system = nqs.CalogeroSutherland(5, 2.0)
    psi = nqs.GaussianRBM(system, n_hidden=4, seed=1, scale=0.5) * nqs.PowerJastrow(system)
    energy = _train(system, psi, n_steps=200, n_measure=2**18).energy
    yield from _rows("N = 5, lambda = 2", energy, system.exact_energy, 1e-3)


@case
def double_dot():
    """Two electrons, R = 2, omega = 1, 2.349555(2): within 3e-4."""
    dot = nqs.DoubleDot(2, 2.0, 1.0)
    energy = _train(dot, nqs.default_wavefunction(dot, seed=1)).energy
    yield from _rows("default wave function", energy, 2.349555, 3e-4)


@case
def hard_spheres():
    """10 atoms: above the mean field with N - 1 by no more than 0.1 %, and never a pair within the diameter."""
    atoms = nqs.HardSphereBosons(10)
    inside = PairCorrelation(np.linspace(0, atoms.diameter, 2))
    psi = nqs.Gaussian(atoms, alpha=[0.4, 0.4, 1.2]) * nqs.HardSphereJastrow(atoms)
    measured = _train(atoms, psi, n_steps=60, n_measure=2**18, observables={"inside": inside})
    mean_field, energy = gross_pitaevskii(10, atoms.diameter, atoms.aspect), measured.energy
    yield Row("mean field, N - 1", mean_field, 0, 24.3972541576463, limit=1e-8)
    yield Row("energy", energy.mean, energy.error, 24.39725 * 1.001, limit=0, below=True)
    yield Row("not below the mean field", 24.39725, energy.error, energy.mean, limit=3, below=True)
    yield Row("pairs within the diameter", float(measured.observables["inside"].mean[0]), 0, 0, limit=0)


@case
def gaussian_interaction():
    """Two particles on a line, fermions and bosons, attracting and repelling: within 1e-3 of the grid."""
    for statistics in ("fermion", "boson"):
        for strength in (-10.0, 10.0):
            system = nqs.GaussianInteraction(2, strength, 0.5, statistics=statistics)
            psi = nqs.default_wavefunction(system, seed=1)
            energy = _train(system, psi, n_samples=2048, n_measure=2**18, rate=0.5 * system.time).energy
            exact = system.exact_energy
            assert exact is not None
            name, limit = f"{statistics}s, V_0 = {strength:g}", exact + 1e-3 * abs(exact)
            yield Row(name, energy.mean, energy.error, limit, limit=0, below=True)
            yield Row("  exact, below + 3 errors", exact, energy.error, energy.mean, limit=3, below=True)
