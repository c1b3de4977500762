"""The wave function that is taken where none is given."""

import numpy as np
import pytest

import nqs
from nqs.energy import local_energies

pytestmark = pytest.mark.interpreted
Trap = nqs.HarmonicOscillator
SYSTEMS = {
    "dot of two": (nqs.QuantumDot(2), [nqs.Slater, nqs.PadeJastrow, nqs.PairNetwork]),
    "dot": (nqs.QuantumDot(6, 3), [nqs.Backflow, nqs.PadeJastrow, nqs.PairNetwork]),
    "double dot": (nqs.DoubleDot(4), [nqs.Backflow, nqs.PadeJastrow, nqs.Neural]),
    "hard spheres": (nqs.HardSphereBosons(5), [nqs.Gaussian, nqs.HardSphereJastrow]),
    "Calogero-Sutherland": (nqs.CalogeroSutherland(3), [nqs.Gaussian, nqs.PowerJastrow]),
    "fermions on a line": (nqs.GaussianInteraction(3, statistics="fermion"), [nqs.PowerJastrow, nqs.Neural]),
    "bosons on a line": (nqs.GaussianInteraction(3, statistics="boson"), [nqs.Gaussian, nqs.PairNetwork]),
    "one boson": (Trap(1, 3), [nqs.Gaussian, nqs.PairNetwork]),
    "free fermions": (Trap(5, 2, statistics="fermion"), [nqs.Slater, nqs.Neural]),
}


@pytest.mark.parametrize("name", SYSTEMS)
def test_factors(name):
    """The factors that suit the system; fermions have an antisymmetric product."""
    system, factors = SYSTEMS[name]
    psi = nqs.default_wavefunction(system, seed=3)
    assert [type(factor) for factor in getattr(psi, "factors", (psi,))] == factors
    assert psi.symmetric
    assert psi.antisymmetric or not system.fermions or name == "dot of two"
    nqs.VMC(system, psi, nqs.Langevin(), nqs.StochasticReconfiguration(), n_samples=16, n_chains=16, threads=1)


def test_seed_is_that_of_the_weights():
    dot = nqs.QuantumDot(6)
    one, same, other = (nqs.default_wavefunction(dot, seed).parameters for seed in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_free_fermions_start_at_their_energy():
    """The network starts near zero."""
    trap = Trap(5, 2, statistics="fermion")
    x = trap.first_configurations(200, np.random.default_rng(1))
    energies = local_energies(trap, nqs.default_wavefunction(trap, seed=1), x)
    assert abs(np.median(energies) / trap.exact_energy - 1) < 0.1


def test_only_for_particles():
    with pytest.raises(TypeError, match="expected a system of particles"):
        nqs.default_wavefunction(nqs.TransverseFieldIsing(nqs.Chain(4)))  # type: ignore
