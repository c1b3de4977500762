"""Exact energies of spin lattices, found in ways that share nothing, and values from elsewhere."""

import numpy as np
import pytest

import nqs
from nqs.exact import Basis, ground_state_energy, heisenberg_ring, lowest, matrix, transverse_field_chain

# Total ground-state energies: J = 1 and the field h for the Ising model, J1 = 1 for the others.
TRANSVERSE_FIELD_RINGS = {
    (4, 1.0): -5.22625185950551,
    (10, 1.0): -12.7849064429993,
    (10, 2.0): -21.2712088186959,
    (20, 1.0): -25.4909896863647,
    (40, 1.0): -50.9426741142569,
    (40, 2.0): -85.0835527978693,
}
TRANSVERSE_FIELD_SQUARES = {1.0: -19.1313668090738, 2.0: -22.6837811768167, 3.04438: -29.5535110351386}
HEISENBERG_RINGS = {8: -3.65109340893718, 16: -7.14229636061678, 20: -8.90438652987644, 40: -17.7465227883332}
SQUARE_J1J2 = {0.0: -11.2284832084289, 0.5: -8.45792335139484}


@pytest.mark.parametrize(("n_sites", "h"), TRANSVERSE_FIELD_RINGS)
def test_free_fermions(n_sites, h):
    assert transverse_field_chain(n_sites, 1.0, h) == pytest.approx(TRANSVERSE_FIELD_RINGS[n_sites, h], rel=1e-13)


@pytest.mark.parametrize(("J", "h"), [(1.0, 1.0), (1.0, -0.7), (-0.8, 0.5), (0.0, 1.0)])
@pytest.mark.parametrize("periodic", [True, False])
def test_free_fermions_against_diagonalisation(J, h, periodic):
    system = nqs.TransverseFieldIsing(nqs.Chain(8, periodic), J, h)
    assert ground_state_energy(system) == pytest.approx(system.exact_energy, rel=1e-12)


def test_a_frustrated_ring_has_no_closed_form_here():
    assert nqs.TransverseFieldIsing(nqs.Chain(7), J=-1.0).exact_energy is None
    assert nqs.TransverseFieldIsing(nqs.Chain(8), longitudinal=0.1).exact_energy is None
    assert nqs.TransverseFieldIsing(nqs.Square(3)).exact_energy is None


@pytest.mark.parametrize("h", TRANSVERSE_FIELD_SQUARES)
def test_transverse_field_square(h):
    system = nqs.TransverseFieldIsing(nqs.Square(3), h=h)
    assert ground_state_energy(system) == pytest.approx(TRANSVERSE_FIELD_SQUARES[h], rel=1e-12)


@pytest.mark.parametrize("n_sites", HEISENBERG_RINGS)
def test_bethe_ansatz(n_sites):
    assert heisenberg_ring(n_sites) == pytest.approx(HEISENBERG_RINGS[n_sites], rel=1e-13)


def test_bethe_ansatz_of_a_long_ring():
    """E / N tends to 1/4 - ln 2 as -pi^2 / (12 N^2), up to logarithms."""
    correction = heisenberg_ring(400) / 400 - (0.25 - np.log(2))
    assert correction * 12 * 400**2 / np.pi**2 == pytest.approx(-1, abs=2e-3)


def test_heisenberg_rings_by_lanczos():
    assert ground_state_energy(nqs.Heisenberg(nqs.Chain(16))) == pytest.approx(HEISENBERG_RINGS[16], rel=1e-12)
    twenty = lowest(nqs.Heisenberg(nqs.Chain(20)), magnetisation=0, momentum=0)
    assert twenty.energies[0] == pytest.approx(HEISENBERG_RINGS[20], rel=1e-12)


def test_open_heisenberg_chain():
    system = nqs.Heisenberg(nqs.Chain(10, periodic=False))
    assert ground_state_energy(system) == pytest.approx(-4.25803520728288, rel=1e-12)
    assert system.exact_energy is None


@pytest.mark.parametrize("marshall", [True, False])
@pytest.mark.parametrize("J2", SQUARE_J1J2)
def test_square_with_two_couplings(J2, marshall):
    system = nqs.J1J2(nqs.Square(4), J1=1.0, J2=J2, marshall=marshall)
    assert ground_state_energy(system) == pytest.approx(SQUARE_J1J2[J2], rel=1e-12)


@pytest.mark.parametrize(
    "system", [nqs.Heisenberg(nqs.Chain(6), marshall=False), nqs.TransverseFieldIsing(nqs.Chain(6))]
)
def test_momentum_sectors_make_up_the_spectrum(system):
    sectors = [lowest(system, 64, momentum=momentum) for momentum in range(6)]
    energies = np.sort(np.concatenate([sector.energies for sector in sectors]))
    h = matrix(system).toarray()
    np.testing.assert_allclose(energies, np.linalg.eigvalsh(h), atol=1e-12)
    for sector in sectors:
        vector = sector.basis.expand(sector.states[:, 0])
        np.testing.assert_allclose(h @ vector, sector.energies[0] * vector, atol=1e-12)
        assert np.linalg.norm(vector) == pytest.approx(1, rel=1e-12)


def test_sectors_that_do_not_exist():
    with pytest.raises(ValueError, match="expected a magnetisation that 4 spins"):
        Basis(4, magnetisation=1)
    with pytest.raises(ValueError, match="that the Hamiltonian conserves"):
        matrix(nqs.TransverseFieldIsing(nqs.Chain(4)), Basis(4, magnetisation=0))
    with pytest.raises(ValueError, match="expected 1 to 24 sites"):
        Basis(30)
    with pytest.raises(ValueError, match="expected an even number of sites"):
        heisenberg_ring(7)
