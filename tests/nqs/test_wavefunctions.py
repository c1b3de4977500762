"""What every wave function of particles promises, tried on every factor and on products."""

from collections.abc import Callable

import numpy as np
import pytest

import nqs
from montecarlo.metropolis import accept, refresh, workspace
from neural.jit import COMPILED, kernel
from neural.parameters import flatten, unflatten
from nqs.wavefunctions.wavefunction import (
    drift,
    gradient_laplacian,
    jacobian,
    log_psi,
    log_ratio,
    proposed_drift,
    row_size,
    write_row,
)
from tests.nqs import own_functions, references
from tests.nqs.convergence import assert_second_order

pytestmark = pytest.mark.interpreted

TRAP = nqs.HarmonicOscillator(3, 2, omega=(1.0, 1.7))
LINE = nqs.HarmonicOscillator(4, 1)
ATOMS = nqs.HardSphereBosons(3, diameter=0.03)
DOT = nqs.QuantumDot(n_particles=2, n_dims=3, omega=0.5)
FOUR_ELECTRONS = nqs.QuantumDot(n_particles=4, n_dims=3, omega=0.5)
SIX_ELECTRONS = nqs.QuantumDot(n_particles=6, n_dims=2)
SPINS = nqs.HarmonicOscillator(5, 3, omega=(1.0, 1.0, 1.7), statistics="fermion")


def rbm(system: nqs.HarmonicOscillator | nqs.QuantumDot = TRAP, **options) -> nqs.GaussianRBM:
    return nqs.GaussianRBM(system, n_hidden=3, seed=1, scale=0.6, **options)


def neural(system: nqs.HarmonicOscillator | nqs.QuantumDot, **options) -> nqs.Neural:
    return nqs.Neural(system, hidden=(5, 4), seed=2, scale=0.5, **options)


def own_machine() -> nqs.WaveFunction:
    normal = np.random.default_rng(5).standard_normal
    a, b, weights = 0.3 * normal((3, 2)), normal(7), 0.5 * normal((3, 2, 7))
    return own_functions.machine(TRAP, a=a, b=b, W=weights)


def shifted(psi: nqs.WaveFunction) -> nqs.WaveFunction:
    """With random numbers added to the parameters, some of which start at zero."""
    return psi.with_parameters(psi.parameters + 0.1 * np.random.default_rng(4).standard_normal(psi.n_parameters))


# One line for each factor and product: its name, how it is made.
WAVE_FUNCTIONS: dict[str, Callable[[], nqs.WaveFunction]] = {
    "Gaussian": lambda: nqs.Gaussian(TRAP, alpha=np.array([0.4, 0.9])),
    "GaussianRBM": lambda: rbm(),
    "GaussianRBM amplitude": lambda: rbm(represents="amplitude"),
    "GaussianRBM trained sigma": lambda: rbm(train_sigma=True, sigma=np.array([0.8, 0.6])),
    "PadeJastrow bosons": lambda: nqs.PadeJastrow(TRAP, beta=0.7),
    "PadeJastrow two electrons": lambda: nqs.PadeJastrow(DOT),
    "PadeJastrow four electrons": lambda: nqs.PadeJastrow(FOUR_ELECTRONS)._replace(log_beta=np.array([0.1, -0.4])),
    "PadeJastrow six electrons": lambda: shifted(nqs.PadeJastrow(SIX_ELECTRONS)),
    "Jastrow bosons": lambda: shifted(nqs.Jastrow(TRAP)),
    "Jastrow four electrons": lambda: shifted(nqs.Jastrow(FOUR_ELECTRONS, n_terms=2, length=0.8)),
    "PairNetwork bosons": lambda: nqs.PairNetwork(TRAP, n_hidden=4, seed=3, scale=0.5),
    "PairNetwork four electrons": lambda: nqs.PairNetwork(FOUR_ELECTRONS, n_hidden=3, seed=3, scale=0.5, length=0.7),
    "Backflow": lambda: shifted(nqs.Backflow(SIX_ELECTRONS, n_terms=3, omega=0.8)),
    "Backflow open shell": lambda: shifted(nqs.Backflow(SPINS, n_terms=2)),
    "Slater": lambda: nqs.Slater(SIX_ELECTRONS, omega=0.8),
    "Slater open shell": lambda: nqs.Slater(SPINS),
    "Gaussian * PowerJastrow": lambda: nqs.Gaussian(LINE) * nqs.PowerJastrow(LINE, power=1.7),
    "Gaussian * HardSphereJastrow": lambda: nqs.Gaussian(ATOMS) * nqs.HardSphereJastrow(ATOMS),
    "Neural": lambda: neural(TRAP),
    "Neural sorted": lambda: neural(LINE, symmetry="sorted"),
    "Neural pooled": lambda: neural(TRAP, symmetry="pooled", degree=3, activation="softplus"),
    "own, by jets": lambda: own_functions.pairs(TRAP, alpha=np.array([0.4, 0.7]), beta=0.6, powers=np.array([1, 2, 3])),
    "own, by a tape": lambda: own_machine(),
    "Gaussian * (GaussianRBM * PadeJastrow)": lambda: nqs.Gaussian(DOT) * (rbm(DOT) * nqs.PadeJastrow(DOT, beta=0.4)),
}


@pytest.fixture(params=WAVE_FUNCTIONS)
def psi(request):
    return WAVE_FUNCTIONS[request.param]()


def configurations(psi: nqs.WaveFunction, n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, *psi.shape))


def is_trained(psi: nqs.WaveFunction) -> np.ndarray:
    """Which parameters are trained: all but the widths of an RBM that are fixed."""
    if isinstance(psi, nqs.Product):
        return np.concatenate([is_trained(psi.left), is_trained(psi.right)])
    frozen = isinstance(psi, nqs.GaussianRBM) and not psi.train_sigma
    names = [(name, array.size) for name, array in psi.named_parameters().items()]
    return np.concatenate([np.zeros(0, bool), *(np.full(n, not (frozen and name == "log_sigma")) for name, n in names)])


# Moves


@kernel
def _walk(psi, work, x, new, accepted, ratios, drifts, proposed_drifts, values, gradient, row):
    """Move one particle after the other; in the end evaluate everything from the workspace as the moves left it."""
    refresh(psi, work, x)
    for k in range(new.shape[0]):
        i = k % x.shape[0]
        drift(psi, work, x, i, drifts[k])
        ratios[k] = log_ratio(psi, work, x, i, new[k])
        proposed_drift(psi, work, x, i, new[k], proposed_drifts[k])
        if accepted[k]:
            accept(psi, work, x, i, new[k])
            for d in range(x.shape[1]):
                x[i, d] = new[k, d]
    values[0] = log_psi(psi, work, x)
    values[1] = gradient_laplacian(psi, work, x, gradient)
    write_row(psi, work, x, row)


class Walk:
    """Moves of one particle after the other, of which two in three are accepted, and what the kernel says of them."""

    def __init__(self, psi: nqs.WaveFunction, n_moves: int) -> None:
        rng = np.random.default_rng(3)
        n_particles, n_dims = psi.shape
        self.particle = np.arange(n_moves) % n_particles
        new = rng.standard_normal((n_moves, n_dims))
        accepted = rng.random(n_moves) < 2 / 3
        self.before = np.empty((n_moves, n_particles, n_dims))
        x = configurations(psi, 1)[0]
        first = x.copy()
        for k, i in enumerate(self.particle):
            self.before[k] = x
            x[i] = np.where(accepted[k], new[k], x[i])
        self.last = x
        self.proposed = self.before.copy()
        self.proposed[np.arange(n_moves), self.particle] = new
        self.ratios = np.empty(n_moves)
        self.drifts, self.proposed_drifts = np.zeros((2, n_moves, n_dims))
        self.values, self.gradient, self.row = np.empty(2), np.zeros(psi.shape), np.empty(row_size(psi))
        out = self.ratios, self.drifts, self.proposed_drifts, self.values, self.gradient, self.row
        _walk(psi, workspace(psi), first, new, accepted, *out)
        assert np.array_equal(first, self.last)


def of_particle(psi: nqs.WaveFunction, x: np.ndarray, particle: np.ndarray) -> np.ndarray:
    return psi.gradient_laplacian(x)[0][np.arange(len(x)), particle]


def test_ratio_and_drifts_of_a_move_equal_recomputation(psi):
    walk = Walk(psi, 200)
    exact = psi.log_psi(walk.proposed) - psi.log_psi(walk.before)
    np.testing.assert_allclose(walk.ratios, exact, rtol=1e-12, atol=1e-12)
    for found, x in ((walk.drifts, walk.before), (walk.proposed_drifts, walk.proposed)):
        np.testing.assert_allclose(found, of_particle(psi, x, walk.particle), rtol=1e-12, atol=1e-12)


def test_workspace_after_many_moves_equals_a_fresh_one(psi):
    walk = Walk(psi, 10_000 if COMPILED else 1000)
    gradient, laplacian = psi.gradient_laplacian(walk.last)
    log_derivatives = jacobian(psi, walk.row[None]).dense()[0]
    np.testing.assert_allclose(walk.values, [psi.log_psi(walk.last), laplacian], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(walk.gradient, gradient, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(log_derivatives, psi.log_derivatives(walk.last), rtol=1e-9, atol=1e-9)


# Derivatives


def test_values_and_derivatives_equal_those_of_automatic_differentiation(psi):
    for x in configurations(psi, 3):
        value, gradient, laplacian, log_derivatives = references.derivatives(psi, x)
        np.testing.assert_allclose(psi.log_psi(x), value, rtol=1e-12, atol=1e-13)
        np.testing.assert_allclose(psi.gradient_laplacian(x)[0], gradient, rtol=1e-11, atol=1e-12)
        np.testing.assert_allclose(psi.gradient_laplacian(x)[1], laplacian, rtol=1e-11, atol=1e-12)
        expected = np.where(is_trained(psi), log_derivatives, 0.0)
        np.testing.assert_allclose(psi.log_derivatives(x), expected, rtol=1e-11, atol=1e-12)


def ratio_to(psi: nqs.WaveFunction, x: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """psi(x') / psi(x). Differences are taken of psi, not of log psi, of which those of a Gaussian have no error."""
    return lambda shifted: np.exp(psi.log_psi(shifted) - psi.log_psi(x))


@pytest.fixture
def x_and_shifts(psi):
    """A configuration, and all displacements of one coordinate by 1, shape (n_coordinates, n_particles, n_dims)."""
    x = configurations(psi, 1, seed=7)[0]
    return x, np.eye(x.size).reshape(x.size, *x.shape)


def test_gradient_is_the_limit_of_central_differences(psi, x_and_shifts):
    x, shifts = x_and_shifts
    ratio = ratio_to(psi, x)
    gradient = psi.gradient_laplacian(x)[0].ravel()
    assert_second_order(lambda h: (ratio(x + h * shifts) - ratio(x - h * shifts)) / (2 * h), gradient)


def test_laplacian_is_the_limit_of_central_differences(psi, x_and_shifts):
    """nabla^2 psi / psi = nabla^2 log psi + |nabla log psi|^2"""
    x, shifts = x_and_shifts
    ratio = ratio_to(psi, x)
    gradient, laplacian = psi.gradient_laplacian(x)
    assert_second_order(
        lambda h: np.sum(ratio(x + h * shifts) + ratio(x - h * shifts) - 2, keepdims=True) / h**2,
        laplacian + np.sum(gradient**2),
    )


def test_log_derivatives_are_the_limit_of_central_differences(psi):
    x = configurations(psi, 1, seed=7)[0]
    parameters = psi.parameters
    directions = np.eye(parameters.size)[is_trained(psi)]

    def amplitude(vector: np.ndarray) -> float:
        return np.exp(psi.with_parameters(vector).log_psi(x) - psi.log_psi(x))

    def differences(h: float) -> np.ndarray:
        return np.array([amplitude(parameters + h * d) - amplitude(parameters - h * d) for d in directions]) / (2 * h)

    assert_second_order(differences, psi.log_derivatives(x)[is_trained(psi)])


# Parameters and shapes


def test_parameters_round_trip(psi):
    vector = np.random.default_rng(5).standard_normal(psi.n_parameters)
    changed = psi.with_parameters(vector)
    assert type(changed) is type(psi)
    assert np.array_equal(changed.parameters, vector)
    assert np.array_equal(flatten(unflatten(psi, psi.parameters)), psi.parameters)
    assert {n: a.shape for n, a in changed.named_parameters().items()} == {
        n: a.shape for n, a in psi.named_parameters().items()
    }
    with pytest.raises(ValueError, match=f"expected a vector of {psi.n_parameters} parameters"):
        psi.with_parameters(vector[1:])


def test_batches_of_any_shape(psi):
    x = configurations(psi, 6).reshape(2, 3, *psi.shape)
    gradient, laplacian = psi.gradient_laplacian(x)
    assert psi.log_psi(x).shape == laplacian.shape == (2, 3)
    assert gradient.shape == x.shape
    assert psi.log_derivatives(x).shape == (2, 3, psi.n_parameters)
    assert psi.log_psi(x[1, 2]) == psi.log_psi(x)[1, 2]
    assert psi.gradient_laplacian(x[1, 2])[1] == laplacian[1, 2]
    assert psi.log_psi(x[:0]).shape == (0, 3)
    with pytest.raises(ValueError, match=r"expected configurations of shape \(\.\.\., "):
        psi.log_psi(np.zeros((5, psi.shape[0] + 1, psi.shape[1])))
