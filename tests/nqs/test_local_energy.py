"""The local energy: constant at an exact eigenstate, and equal to (H psi) / psi elsewhere."""

import numpy as np
import pytest

import nqs
from neural.jit import COMPILED
from nqs.energy import local_energies

pytestmark = pytest.mark.interpreted

N_PARTICLES = (1, 2, 10, 100, 500) if COMPILED else (1, 2, 10, 100)
FREQUENCIES = [1.0, 0.3, (2.0,), (1.0, 1.7), (1.0, 2.8, 0.6)]


def ground_states(system: nqs.HarmonicOscillator) -> list[nqs.WaveFunction]:
    """The Gaussian, and machines whose hidden units do not see the coordinates."""
    machines = [
        nqs.GaussianRBM(system, n_hidden=3, scale=0.0, represents=name)._replace(hidden_bias=np.array([0.5, -1.0, 3.0]))
        for name in ("density", "amplitude")
    ]
    return [nqs.Gaussian(system), *machines]


@pytest.mark.parametrize("n_particles", N_PARTICLES)
@pytest.mark.parametrize("omega", FREQUENCIES, ids=str)
def test_local_energy_of_the_exact_ground_state_is_constant(n_particles, omega):
    """Zero variance: E_L is the exact energy at every point, also far from the centre."""
    for n_dims in [1, 2, 3] if np.ndim(omega) == 0 else [np.size(omega)]:
        system = nqs.HarmonicOscillator(n_particles, n_dims, omega)
        x = 2 * system.first_configurations(5, np.random.default_rng(n_particles))
        for psi in ground_states(system):
            np.testing.assert_allclose(local_energies(system, psi, x), system.exact_energy, rtol=0, atol=1e-10)


def hamiltonian(system: nqs.HarmonicOscillator | nqs.QuantumDot, psi: nqs.WaveFunction, x: np.ndarray) -> float:
    """(H psi)(x) / psi(x) by differences of fourth order, with the potential written out."""
    h, energy = 2e-3, float(np.sum(system.omega**2 * x**2) / 2)
    if isinstance(system, nqs.QuantumDot):
        energy += 1 / float(np.linalg.norm(x[0] - x[1]))
    for shift in h * np.eye(x.size).reshape(x.size, *x.shape):
        points = np.stack([x + k * shift for k in (-2, -1, 0, 1, 2)])
        amplitudes = np.exp(psi.log_psi(points) - psi.log_psi(x))
        energy -= 0.5 * float(np.array([-1, 16, -30, 16, -1]) @ amplitudes) / (12 * h**2)
    return energy


DOT = nqs.QuantumDot(n_particles=2, n_dims=2)
TRAP = nqs.HarmonicOscillator(3, 2, omega=(1.0, 1.7))
CASES = {
    "trap, Gaussian": lambda: (TRAP, nqs.Gaussian(TRAP, alpha=np.array([0.3, 1.1]))),
    "trap, GaussianRBM": lambda: (TRAP, nqs.GaussianRBM(TRAP, n_hidden=3, scale=0.5)),
    "dot, GaussianRBM * PadeJastrow": lambda: (DOT, nqs.GaussianRBM(DOT, n_hidden=4) * nqs.PadeJastrow(DOT)),
}


@pytest.mark.parametrize("case", CASES)
def test_local_energy_is_the_hamiltonian_on_psi(case):
    system, psi = CASES[case]()
    x = np.random.default_rng(1).standard_normal((5, *psi.shape))
    expected = [hamiltonian(system, psi, each) for each in x]
    np.testing.assert_allclose(local_energies(system, psi, x), expected, rtol=0, atol=1e-7)
