"""The experiments: one file each, imported when it is needed.

A new one is a file with ``EXPERIMENT = Experiment(...)`` and a line here.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from ..errors import UsageError, nearest
from ..lessons import LESSONS

if TYPE_CHECKING:
    from .experiment import Experiment

EXPERIMENTS = {
    "calogero-sutherland": ("runs.experiments.calogero_sutherland", "inverse-square repulsion on a line, solvable"),
    "digits": ("runs.experiments.digits", "handwritten digits, learned by every family of models"),
    "double-dot": ("runs.experiments.double_dot", "electrons with Coulomb repulsion in two wells"),
    "gaussian-interaction": ("runs.experiments.gaussian_interaction", "a repulsion of finite range on a line"),
    "gaussian-ring": ("runs.experiments.gaussian_ring", "eight Gaussians on a ring: does a model find all of them?"),
    "hard-spheres": ("runs.experiments.hard_spheres", "hard spheres in an elliptical trap, a model of cold atoms"),
    "harmonic-oscillator": ("runs.experiments.harmonic_oscillator", "particles in a harmonic trap, exactly solvable"),
    "heisenberg-chain": ("runs.experiments.heisenberg_chain", "spins 1/2 on a ring, exactly solvable"),
    "heisenberg-square": ("runs.experiments.heisenberg_square", "the antiferromagnet on the square lattice"),
    "ising-autoregressive": ("runs.experiments.ising_autoregressive", "exact probabilities, learned from Ising data"),
    "ising-chain": ("runs.experiments.ising_chain", "spins in a transverse field on a ring, exactly solvable"),
    "ising-rbm": ("runs.experiments.ising_rbm", "a Boltzmann machine learns the Ising model, known exactly"),
    "ising-showdown": ("runs.experiments.ising_showdown", "all families of models on the same, exactly known spins"),
    "ising-square": ("runs.experiments.ising_square", "spins in a transverse field on the square lattice"),
    "j1j2-square": ("runs.experiments.j1j2_square", "the square lattice with frustrating second neighbours"),
    "moons": ("runs.experiments.moons", "two half moons, learned by diffusion and other models"),
    "quantum-dot": ("runs.experiments.quantum_dot", "electrons with Coulomb repulsion in a harmonic trap"),
    "quench": (
        "runs.experiments.quench",
        "spins after a sudden change of the field, beside exact evolution",
    ),
    "tomography": ("runs.experiments.tomography", "a quantum state from measurements, by a Boltzmann machine"),
    "variational-ising": ("runs.experiments.variational_ising", "the free energy of the Ising model from its energy"),
}


def find(name: str) -> "Experiment":
    """The experiment or lesson called ``name``. Raises ``UsageError`` that names the nearest one."""
    known = {**EXPERIMENTS, **LESSONS}
    if name not in known:
        raise UsageError(f"unknown experiment {name!r}: {nearest(name, known)}")
    module, _ = known[name]
    return import_module(module).EXPERIMENT
