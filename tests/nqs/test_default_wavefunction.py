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


SPINS = {
    "ring": (nqs.TransverseFieldIsing(nqs.Chain(6)), 12, 6, False),
    "square": (nqs.Heisenberg(nqs.Square(4)), 128, 6, False),
    "open chain": (nqs.Heisenberg(nqs.Chain(10, periodic=False)), 2, 10, False),
    "frustrated": (nqs.J1J2(nqs.Square(4)), 128, 6, True),
    "field of the other sign": (nqs.TransverseFieldIsing(nqs.Chain(5), h=-1.0), 10, 6, True),
    "Pauli strings": (nqs.PauliSum([(-1.0, "Z0 Z1"), (-1.0, "X0"), (-1.0, "X1")]), 1, 6, False),
}


@pytest.mark.parametrize("name", SPINS)
def test_of_spins_has_every_symmetry_and_signs_where_they_are_needed(name):
    system, n_symmetries, n_filters, is_complex = SPINS[name]
    psi = nqs.default_wavefunction(system, seed=3)
    assert isinstance(psi, nqs.SymmetricRBM)
    assert psi.group.shape == (n_symmetries, system.n_sites)
    assert (len(psi.real.hidden_bias), psi.is_complex) == (n_filters, is_complex)
    x = system.first_configurations(3, np.random.default_rng(1))
    for permutation in psi.group:
        np.testing.assert_allclose(psi.log_psi(x[:, permutation]), psi.log_psi(x), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", [name for name in SPINS if name != "Pauli strings"])
def test_the_hamiltonian_has_the_symmetries_too(name):
    """H moved by each of them is H: as dense matrices of few sites, as sets of bonds of more."""
    system = SPINS[name][0]
    bonds = {frozenset(map(int, bond)) for bond in system.bonds}
    for permutation in system.symmetries:
        assert {frozenset(map(int, permutation[list(bond)])) for bond in bonds} == bonds


def test_time_is_measured_in_couplings():
    """A step of the default rate does not depend on the unit of energy."""
    for factor in (1e-3, 1.0, 1e3):
        ring = nqs.TransverseFieldIsing(nqs.Chain(6), J=factor, h=2 * factor)
        assert ring.time == pytest.approx(1 / (3 * factor), rel=1e-12)  # J and h once for each site
        assert nqs.Heisenberg(nqs.Square(4), J=-factor).time == pytest.approx(1 / (1.5 * factor), rel=1e-12)
    assert nqs.TransverseFieldIsing(nqs.Chain(6), J=0.0, h=0.0).time == 1.0


@pytest.mark.parametrize(("system", "rate"), [(nqs.Heisenberg(nqs.Chain(4)), 0.2), (nqs.QuantumDot(2, omega=0.5), 0.1)])
def test_default_optimizer_falls_from_a_time_of_the_system(system, rate):
    optimizer = nqs.default_optimizer(system, n_steps=50)
    assert optimizer.learning_rate(0) == pytest.approx(rate * system.time)  # type: ignore[operator]
    assert optimizer.learning_rate(49) == pytest.approx(rate / 20 * system.time)  # type: ignore[operator]
    shifts = [optimizer.shift(step) for step in range(1000)]  # type: ignore[operator]
    assert shifts == sorted(shifts, reverse=True)
    assert shifts[-1] == 1e-4


def test_only_for_systems():
    with pytest.raises(TypeError, match="expected a system"):
        nqs.default_wavefunction(nqs.Chain(4))  # type: ignore
