"""Products, and what is particular to each factor of a wave function."""

import numpy as np
import pytest

import nqs
from nqs.energy import local_energies

pytestmark = pytest.mark.interpreted

TRAP = nqs.HarmonicOscillator(3, 2, omega=(1.0, 1.7))
LINE = nqs.HarmonicOscillator(4, 1)
DOT = nqs.QuantumDot(n_particles=2, n_dims=3, omega=0.5)


def rbm(system: nqs.HarmonicOscillator | nqs.QuantumDot = TRAP, **options) -> nqs.GaussianRBM:
    return nqs.GaussianRBM(system, n_hidden=3, seed=1, scale=0.6, **options)


def configurations(psi: nqs.WaveFunction, n: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((n, *psi.shape))


# Products


def test_a_product_adds_logarithms_and_their_derivatives():
    left, right = nqs.Gaussian(DOT, alpha=0.3), rbm(DOT, train_sigma=True) * nqs.PadeJastrow(DOT)
    psi = left * right
    x = configurations(psi, 10)
    np.testing.assert_allclose(psi.log_psi(x), left.log_psi(x) + right.log_psi(x), rtol=1e-14)
    for whole, a, b in zip(psi.gradient_laplacian(x), left.gradient_laplacian(x), right.gradient_laplacian(x)):
        np.testing.assert_allclose(whole, a + b, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(
        psi.log_derivatives(x), np.hstack([left.log_derivatives(x), right.log_derivatives(x)]), rtol=1e-14
    )
    assert np.array_equal(psi.parameters, np.concatenate([left.parameters, right.parameters]))
    assert list(psi.named_parameters())[-1] == "right.right.log_beta"


def test_factors_of_products_of_products():
    a, b, c = nqs.Gaussian(DOT), nqs.GaussianRBM(DOT), nqs.PadeJastrow(DOT)
    assert [type(factor) for factor in ((a * b) * c).factors] == [nqs.Gaussian, nqs.GaussianRBM, nqs.PadeJastrow]
    assert [type(factor) for factor in (a * (b * c)).factors] == [nqs.Gaussian, nqs.GaussianRBM, nqs.PadeJastrow]


def test_factors_of_different_systems():
    with pytest.raises(ValueError, match=r"expected two factors of one system, got Gaussian .* \(3, 2\) and"):
        _ = nqs.Gaussian(TRAP) * nqs.PadeJastrow(DOT)
    with pytest.raises(TypeError):
        nqs.Gaussian(TRAP) * 2.0  # type: ignore


# Single factors


def test_rbm_without_weights_is_the_ground_state_of_the_trap():
    exact = nqs.Gaussian(TRAP)
    x = configurations(exact, 20)
    for represents in ("density", "amplitude"):
        psi = nqs.GaussianRBM(TRAP, n_hidden=2, scale=0.0, represents=represents)
        difference = psi.log_psi(x) - exact.log_psi(x)
        np.testing.assert_allclose(difference, difference[0], rtol=1e-13)


def test_an_amplitude_is_the_square_of_a_density():
    """psi = P and psi = sqrt(P) for the same machine."""
    density, amplitude = (rbm(represents=name, sigma=0.8) for name in ("density", "amplitude"))
    x = configurations(density, 20)
    np.testing.assert_allclose(amplitude.log_psi(x), 2 * density.log_psi(x), rtol=1e-14)


def test_rbm_of_large_angles_stays_finite():
    psi = rbm()._replace(hidden_bias=np.array([-2000.0, 2000.0, 1.0]))
    x = configurations(psi, 5)
    shifted = psi.log_psi(x) - 2000 * psi.power
    pinned = psi._replace(hidden_bias=np.array([-60.0, 60.0, 1.0])).log_psi(x) - 60 * psi.power
    np.testing.assert_allclose(shifted, pinned, atol=1e-10)
    assert np.isfinite(psi.gradient_laplacian(x)[0]).all()


def test_seeds_of_the_weights():
    assert np.array_equal(rbm().parameters, rbm().parameters)
    assert not np.array_equal(nqs.GaussianRBM(TRAP, seed=1).weights, nqs.GaussianRBM(TRAP, seed=2).weights)
    assert not np.array_equal(nqs.Neural(TRAP, seed=1).parameters, nqs.Neural(TRAP, seed=2).parameters)


def near_meeting(n_dims: int, r: float) -> np.ndarray:
    """Two particles at distance r, along the last axis."""
    x = np.zeros((2, n_dims))
    x[0] += 0.3
    x[1] = x[0]
    x[0, -1] += r
    return x


@pytest.mark.parametrize("n_dims", [2, 3])
@pytest.mark.parametrize("equal_spins", [False, True])
def test_cusp_cancels_the_divergence_of_the_repulsion(n_dims, equal_spins):
    """(H psi) / psi tends to a limit where two electrons meet: it differs from it in proportion to r.

    Equal spins have the antisymmetric factor x_11 - x_21, which is harmonic.
    """
    system = nqs.QuantumDot(2, n_dims)._replace(n_up=2 if equal_spins else 1)
    psi = nqs.PadeJastrow(system, beta=0.6)

    def energy(r: float) -> float:
        gradient, laplacian = psi.gradient_laplacian(near_meeting(n_dims, r))
        gradient[:, -1] += np.array([1 / r, -1 / r]) * equal_spins
        return -0.5 * (laplacian + np.sum(gradient**2) - 2 / r**2 * equal_spins) + 1 / r

    distances = np.array([1e-2, 1e-3, 1e-4])
    changes = np.array([energy(r) - energy(r / 2) for r in distances])
    assert np.polyfit(np.log(distances), np.log(np.abs(changes)), 1)[0] == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("n_dims", [2, 3])
@pytest.mark.parametrize("n_up", [1, 2])
def test_backflow_and_pair_network_leave_the_cusp_exact(n_dims, n_up):
    """The local energy tends to a limit where two electrons meet, whatever the parameters."""
    dot = nqs.QuantumDot(2, n_dims, n_up=n_up)
    psi = nqs.Backflow(dot) * nqs.Jastrow(dot) * nqs.PairNetwork(dot, 4, seed=1, scale=0.5)
    psi = psi.with_parameters(psi.parameters + 0.1 * np.random.default_rng(5).standard_normal(psi.n_parameters))
    distances = np.array([1e-2, 1e-3, 1e-4])
    x = np.array([near_meeting(n_dims, r) for r in (*distances, *distances / 2)])
    near, nearer = local_energies(dot, psi, x).reshape(2, -1)
    assert np.polyfit(np.log(distances), np.log(np.abs(near - nearer)), 1)[0] == pytest.approx(1, abs=0.1)


SYMMETRIC = {
    "PadeJastrow": lambda: nqs.PadeJastrow(TRAP),
    "PairNetwork": lambda: nqs.PairNetwork(TRAP, n_hidden=3, seed=2, scale=0.5),
    "Neural sorted": lambda: nqs.Neural(LINE, hidden=(5,), symmetry="sorted", seed=2, scale=0.5),
    "Neural pooled": lambda: nqs.Neural(TRAP, hidden=(5,), symmetry="pooled", seed=2, scale=0.5),
}


@pytest.mark.parametrize("name", SYMMETRIC)
def test_symmetric_wave_functions(name):
    psi = SYMMETRIC[name]()
    x = configurations(psi, 10)
    gradient, laplacian = psi.gradient_laplacian(x)
    permutation = np.roll(np.arange(psi.shape[0]), 1)
    np.testing.assert_allclose(psi.log_psi(x[:, permutation]), psi.log_psi(x), rtol=1e-13)
    permuted_gradient, permuted_laplacian = psi.gradient_laplacian(x[:, permutation])
    np.testing.assert_allclose(permuted_gradient, gradient[:, permutation], rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(permuted_laplacian, laplacian, rtol=1e-11)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nqs.Gaussian(TRAP, alpha=-1.0), "expected alpha to be a positive number, got -1.0"),
        (lambda: nqs.Gaussian(TRAP, alpha=np.nan), "expected alpha to be a positive number, got nan"),
        (lambda: nqs.Gaussian(TRAP, alpha=np.ones(3)), "expected alpha to be one number or 2, one for each axis"),
        (lambda: nqs.GaussianRBM(TRAP, n_hidden=0), "expected n_hidden to be a whole number >= 1, got 0"),
        (lambda: nqs.GaussianRBM(TRAP, n_hidden=-2), "expected n_hidden to be a whole number >= 1, got -2"),
        (lambda: nqs.GaussianRBM(TRAP, sigma=0.0), "expected sigma to be a positive number, got 0.0"),
        (lambda: nqs.GaussianRBM(TRAP, sigma=np.array([1.0, -1.0])), "expected sigma to be a positive number"),
        (
            lambda: nqs.GaussianRBM(TRAP, sigma=[1.0, 2.0, 3.0]),
            "expected sigma to be one number or 2, one for each axis",
        ),
        (lambda: nqs.Gaussian(TRAP, alpha=np.inf), "expected alpha to be a positive number, got inf"),
        (lambda: nqs.Langevin(-1.0), "expected step to be a positive number, got -1.0"),
        (lambda: nqs.RandomWalk(0.0), "expected step to be a positive number, got 0.0"),
        (lambda: nqs.GaussianRBM(TRAP, represents="phase"), "one of density, amplitude, got 'phase'"),
        (lambda: nqs.PadeJastrow(LINE), "expected a system of 2 dimensions or more, got 1"),
        (lambda: nqs.PadeJastrow(TRAP, beta=0.0), "expected beta to be a positive number, got 0.0"),
        (lambda: nqs.Neural(TRAP, symmetry="sorted"), "expected one dimension for symmetry='sorted', got 2"),
        (lambda: nqs.Neural(TRAP, symmetry="even"), "one of none, sorted, pooled, got 'even'"),
        (lambda: nqs.Neural(TRAP, activation="relu"), "expected a smooth activation, got 'relu'"),
        (lambda: nqs.Neural(TRAP, hidden=(0,)), "expected hidden to be a whole number >= 1, got 0"),
        (lambda: nqs.Neural(TRAP, symmetry="pooled", degree=0), "expected degree to be a whole number >= 1, got 0"),
        (lambda: nqs.Neural(TRAP, 32), r"expected the widths of the hidden layers, such as \(32, 32\), got 32"),  # type: ignore
    ],
)
def test_arguments_out_of_range(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_wave_function_needs_a_system_of_particles():
    for make in (nqs.Gaussian, nqs.GaussianRBM, nqs.PadeJastrow, nqs.Neural):
        with pytest.raises(TypeError, match="expected a system of particles, such as HarmonicOscillator"):
            make(nqs.TransverseFieldIsing(nqs.Chain(4)))  # type: ignore
