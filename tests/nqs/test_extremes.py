"""Traps of any strength, particles that begin on a node, and numbers beyond what can be computed."""

import numpy as np
import pytest

import neural
import nqs
from nqs.exact.double_well import one_electron_double_dot
from tests.nqs.runs_of_vmc import SR


@pytest.mark.parametrize("proposal", [nqs.Langevin(), nqs.RandomWalk()], ids=["langevin", "random-walk"])
@pytest.mark.parametrize("omega", [1e-9, 1e-6, 1e9])
def test_the_proposal_is_tuned_to_a_trap_of_any_strength(omega, proposal):
    """A Gaussian of the wrong width alpha: E = sum_d (alpha / 2 + omega^2 / (8 alpha)) for each particle."""
    system = nqs.HarmonicOscillator(2, 2, omega=omega)
    options = {"n_samples": 1024, "n_chains": 64, "threads": 1, "seed": 1}
    vmc = nqs.VMC(system, nqs.Gaussian(system, 0.4 * omega), proposal, SR(0.05), **options)
    measured = vmc.measure(64 * 600)
    assert abs(measured.energy.z(4 * omega * (0.2 + 1 / 3.2))) < 3.3
    assert measured.acceptance == pytest.approx(vmc.chains.proposal.target_acceptance, abs=0.1)
    assert measured.warnings == {}


def test_electrons_that_begin_on_a_node_are_set_free():
    """Three polarised electrons on a line through the centre: the determinant of 1, x, y is 0, and every ratio NaN."""
    dot = nqs.QuantumDot(3, n_up=3)
    options = {"n_samples": 256, "n_chains": 16, "threads": 1, "seed": 1}
    vmc = nqs.VMC(dot, nqs.Slater(dot) * nqs.PadeJastrow(dot), nqs.RandomWalk(), SR(0.05), **options)
    on_a_line = np.zeros((8, 3, 2))
    on_a_line[:, :, 0] = [-1.0, 0.0, 1.0]
    vmc.chains.x[:8] = on_a_line
    vmc.burn_in()
    moved = (vmc.chains.x[:8] != on_a_line).any(axis=(1, 2))
    assert moved.all()
    assert np.isfinite(vmc.psi.log_psi(vmc.chains.x)).all()


@pytest.mark.parametrize("value", [1e300, 1e-300, 0.0, -1.0, np.inf, np.nan, "1"])
@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("omega", lambda x: nqs.HarmonicOscillator(2, 2, omega=x)),
        ("omega", lambda x: nqs.QuantumDot(omega=x)),
        ("omega", lambda x: nqs.DoubleDot(omega=x)),
        ("omega", lambda x: nqs.CalogeroSutherland(omega=x)),
        ("omega", lambda x: nqs.GaussianInteraction(omega=x)),
        ("width", lambda x: nqs.GaussianInteraction(width=x)),
        ("diameter", lambda x: nqs.HardSphereBosons(diameter=x)),
        ("aspect", lambda x: nqs.HardSphereBosons(aspect=x)),
        ("separation", lambda x: nqs.DoubleDot(separation=x or -1.0)),
        ("strength", lambda x: nqs.CalogeroSutherland(strength=x)),
        ("learning_rate", lambda x: SR(x if x not in (1e300, 1e-300) else -1.0)),
        ("learning_rate", lambda x: neural.Adam(x if x not in (0.0, 1e300, 1e-300) else -1.0)),
    ],
)
def test_numbers_out_of_range(name, make, value):
    with pytest.raises((ValueError, TypeError), match=rf"expected .*{name}|expected {name}"):
        make(value)


@pytest.mark.parametrize("value", [1e300, -1e300, np.inf, np.nan])
def test_a_strength_out_of_range(value):
    with pytest.raises(ValueError, match="expected strength to be a"):
        nqs.GaussianInteraction(strength=value)


@pytest.mark.parametrize("omega", [1e-9, 1.0, 1e9])
def test_the_edges_of_the_range_are_systems(omega):
    for system in (
        nqs.QuantumDot(2, omega=omega),
        nqs.QuantumDot(2, 3, omega=omega),
        nqs.DoubleDot(1, 1e-9, omega),
        nqs.DoubleDot(1, 1e9, omega),
        nqs.DoubleDot(2, 1e9, omega),
        nqs.GaussianInteraction(2, 1e9, 1e-9, omega),
        nqs.GaussianInteraction(2, -1e9, 1e-9, omega, "boson"),
        nqs.CalogeroSutherland(3, 1e9, omega),
        nqs.HardSphereBosons(1, 1e-9, omega),
    ):
        energy = system.exact_energy
        assert energy is None or np.isfinite(energy)
        x = system.first_configurations(3, np.random.default_rng(0))
        assert np.isfinite(x).all()
        assert np.isfinite(system.extent).all()


def test_wells_far_apart():
    """One electron has the energy of one well; of two the matrix would be too small, so that nothing is said."""
    assert one_electron_double_dot(100.0, 1.0) == one_electron_double_dot(1e6, 1.0) == 1.0
    assert one_electron_double_dot(11.9, 1.0) == pytest.approx(1.0, rel=1e-11)
    assert nqs.DoubleDot(2, 100.0).exact_energy is None
    assert nqs.DoubleDot(2, 2.0, 1e4).exact_energy is None
    assert nqs.GaussianInteraction(2, width=1e-3).exact_energy is None
