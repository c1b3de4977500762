"""Boltzmann machines against enumeration, quadrature, torch's autograd and finite differences."""

import itertools
from typing import Any

import numpy as np
import pytest
import torch
from scipy import special, stats

from neural.boltzmann import CHUNK, BinaryBoltzmann, GaussianBoltzmann, SpinBoltzmann, softplus_sum
from neural.parameters import flatten, unflatten

pytestmark = pytest.mark.interpreted

N_VISIBLE, N_HIDDEN = 4, 3
SIGMAS = {"fixed": 0.7, "one": [0.7], "each": [0.5, 0.7, 1.0, 1.4]}


def random_machine(cls, seed: int = 0, **constants) -> Any:
    rng = np.random.default_rng(seed)
    a, b, W = rng.normal(size=N_VISIBLE), rng.normal(size=N_HIDDEN), rng.normal(size=(N_VISIBLE, N_HIDDEN))
    return cls(a, b, W, **constants)


MACHINES = {
    "binary": random_machine(BinaryBoltzmann),
    "spin": random_machine(SpinBoltzmann),
    **{f"Gaussian, sigma {name}": random_machine(GaussianBoltzmann, sigma=sigma) for name, sigma in SIGMAS.items()},
}
DISCRETE = {name: machine for name, machine in MACHINES.items() if name in ("binary", "spin")}
GAUSSIAN = {name: machine for name, machine in MACHINES.items() if name not in DISCRETE}

each_machine = pytest.mark.parametrize("machine", MACHINES.values(), ids=MACHINES)
each_discrete = pytest.mark.parametrize("machine", DISCRETE.values(), ids=DISCRETE)
each_gaussian = pytest.mark.parametrize("machine", GAUSSIAN.values(), ids=GAUSSIAN)


def unit_values(machine) -> tuple[float, float]:
    return (-1.0, 1.0) if isinstance(machine, SpinBoltzmann) else (0.0, 1.0)


def all_configurations(machine, n_units: int) -> np.ndarray:
    return np.array(list(itertools.product(unit_values(machine), repeat=n_units)))


def sample(machine, n_samples: int, seed: int = 1) -> np.ndarray:
    """Some visible configurations, not drawn from the machine."""
    rng = np.random.default_rng(seed)
    if isinstance(machine, GaussianBoltzmann):
        return rng.normal(size=(n_samples, N_VISIBLE))
    return rng.choice(unit_values(machine), size=(n_samples, N_VISIBLE))


def joint_energy(machine, v, h) -> float:
    """E(v, h) of one pair, term by term."""
    total = -sum(b * hj for b, hj in zip(machine.hidden_bias, h))
    for i, vi in enumerate(v):
        pull = sum(machine.weights[i, j] * h[j] for j in range(len(h)))
        if isinstance(machine, GaussianBoltzmann):
            sigma = np.broadcast_to(machine.sigma, len(v))[i]
            total += (vi - machine.visible_bias[i]) ** 2 / (2 * sigma**2) - vi * pull / sigma**2
        else:
            total += -machine.visible_bias[i] * vi - vi * pull
    return total


def joint_energies(machine, visible, hidden) -> np.ndarray:
    return np.array([[joint_energy(machine, v, h) for h in hidden] for v in visible])


def torch_free_energy(machine, vector, v):
    """F(v) of one configuration for a torch vector of parameters, as a sum over all hidden configurations."""
    sizes = [leaf.size for leaf in machine if isinstance(leaf, np.ndarray)]
    a, b, flat_weights, *rest = torch.split(vector, sizes)
    W = flat_weights.reshape(machine.weights.shape)
    h = torch.tensor(all_configurations(machine, N_HIDDEN))
    if isinstance(machine, GaussianBoltzmann):
        sigma = rest[0] if rest else machine.sigma
        return torch.sum(((v - a) / sigma) ** 2) / 2 - torch.logsumexp(h @ (b + (v / sigma**2) @ W), dim=0)
    return -(a @ v) - torch.logsumexp(h @ (b + v @ W), dim=0)


# Free energy, normalisation, conditionals


@each_machine
def test_free_energy_sums_over_the_hidden_units(machine):
    v = sample(machine, 20)
    hidden = all_configurations(machine, N_HIDDEN)
    energies = joint_energies(machine, v, hidden)
    np.testing.assert_allclose(machine.free_energy(v), -np.logaddexp.reduce(-energies, axis=1), rtol=1e-13, atol=1e-13)
    for h, column in zip(hidden, energies.T):
        np.testing.assert_allclose(machine.energy(v, np.tile(h, (20, 1))), column, rtol=1e-13, atol=1e-13)


@each_discrete
def test_partition_function_and_conditionals_by_enumeration(machine):
    visible, hidden = all_configurations(machine, N_VISIBLE), all_configurations(machine, N_HIDDEN)
    joint = np.exp(-joint_energies(machine, visible, hidden))
    Z = joint.sum()
    marginal = np.exp(-machine.free_energy(visible))
    assert marginal.sum() == pytest.approx(Z, rel=1e-13)
    np.testing.assert_allclose(marginal / Z, joint.sum(axis=1) / Z, rtol=1e-13)
    given_v, given_h = joint / joint.sum(axis=1, keepdims=True), joint / joint.sum(axis=0)
    np.testing.assert_allclose(machine.hidden_means(visible), given_v @ hidden, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(machine.visible_means(hidden), given_h.T @ visible, rtol=1e-12, atol=1e-14)


def test_partition_function_of_gaussian_visibles_by_quadrature():
    """Against sum_h e^(b.h) times the Gaussian integral over v, prod_i sqrt(2 pi) sigma e^((m^2 - a^2) / 2 sigma^2)."""
    rng = np.random.default_rng(5)
    a, b, W, sigma = rng.normal(size=2), rng.normal(size=3), rng.normal(size=(2, 3)), np.array([0.6, 1.1])
    machine = GaussianBoltzmann(a, b, W, sigma)
    # The trapezoidal rule converges faster than any power for a smooth density that dies out at the ends.
    x, y = np.linspace(-9, 9, 400), np.linspace(-14, 14, 400)
    density = np.exp(-machine.free_energy(np.stack(np.meshgrid(x, y, indexing="ij"), axis=-1)))
    quadrature = density.sum() * (x[1] - x[0]) * (y[1] - y[0])
    h = all_configurations(machine, 3)
    means = a + h @ W.T
    exact = np.sum(np.exp(h @ b + np.sum((means**2 - a**2) / (2 * sigma**2), axis=1))) * 2 * np.pi * np.prod(sigma)
    assert quadrature == pytest.approx(exact, rel=1e-12)


@each_gaussian
def test_conditionals_of_gaussian_visibles(machine):
    v, h = sample(machine, 50), all_configurations(machine, N_HIDDEN)
    energies = joint_energies(machine, v, h)
    np.testing.assert_allclose(machine.hidden_means(v), special.softmax(-energies, axis=1) @ h, rtol=1e-12)
    log_p = stats.norm.logpdf(v[:, None], machine.visible_means(h), np.broadcast_to(machine.sigma, N_VISIBLE))
    difference = energies + log_p.sum(axis=2)
    np.testing.assert_allclose(difference, np.tile(difference[0], (50, 1)), atol=1e-11)  # independent of v


@each_discrete
def test_draws_follow_the_conditional_means(machine):
    """Uniforms on a grid of 10000 cells give the means to one cell, without statistics."""
    n = 10_000
    uniforms = (np.arange(n)[:, None] + 0.5) / n
    spread = unit_values(machine)[1] - unit_values(machine)[0]
    v, h = sample(machine, 1), np.array([[1.0, unit_values(machine)[0], 1.0]])
    hidden = machine.draw_hidden(np.tile(v, (n, 1)), np.tile(uniforms, (1, N_HIDDEN)))
    visible = machine.draw_visible(np.tile(h, (n, 1)), np.tile(uniforms, (1, N_VISIBLE)))
    assert set(np.unique(hidden)) == set(np.unique(visible)) == set(unit_values(machine))
    np.testing.assert_allclose(hidden.mean(axis=0), machine.hidden_means(v)[0], atol=0.51 * spread / n)
    np.testing.assert_allclose(visible.mean(axis=0), machine.visible_means(h)[0], atol=0.51 * spread / n)


@each_gaussian
def test_draws_of_gaussian_visibles(machine):
    h, normals = np.ones((2, N_HIDDEN)), np.array([[0.0] * N_VISIBLE, [2.0] * N_VISIBLE])
    mean = machine.visible_bias + machine.weights.sum(axis=1)
    np.testing.assert_allclose(
        machine.draw_visible(h, normals), [mean, mean + 2 * np.broadcast_to(machine.sigma, N_VISIBLE)], rtol=1e-14
    )


def test_binary_units_as_spins():
    machine = random_machine(BinaryBoltzmann)
    spins, constant = machine.as_spins()
    v = all_configurations(machine, N_VISIBLE)
    np.testing.assert_allclose(machine.free_energy(v), spins.free_energy(2 * v - 1) + constant, rtol=1e-13, atol=1e-13)


def test_spins_with_binary_hidden_units():
    """The equivalence that the module's docstring states."""
    a, b, W = random_machine(SpinBoltzmann)
    s = all_configurations(SpinBoltzmann(a, b, W), N_VISIBLE)
    binary_hidden = BinaryBoltzmann(a, b, W).free_energy(s)
    difference = binary_hidden - SpinBoltzmann(a + W.sum(1) / 2, b / 2, W / 2).free_energy(s)
    np.testing.assert_allclose(difference, difference[0], rtol=1e-12)


# Derivatives


def dense_parameters(machine) -> torch.Tensor:
    return torch.tensor(flatten(machine), requires_grad=True)


@each_machine
def test_parameter_gradients_equal_autograd(machine):
    v = sample(machine, 10)
    expected = [
        torch.autograd.grad(torch_free_energy(machine, p := dense_parameters(machine), torch.tensor(row)), p)[0].numpy()
        for row in v
    ]
    np.testing.assert_allclose(machine.gradients(v), expected, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(flatten(machine.mean_gradient(v)), np.mean(expected, axis=0), rtol=1e-12, atol=1e-13)


@each_machine
def test_features_build_the_gradients(machine):
    v = sample(machine, 10)
    x, t = machine.features(v)
    stop = N_VISIBLE + N_HIDDEN + N_VISIBLE * N_HIDDEN
    weights_part = machine.gradients(v)[:, N_VISIBLE + N_HIDDEN : stop].reshape(-1, N_VISIBLE, N_HIDDEN)
    np.testing.assert_array_equal(machine.gradients(v)[:, N_VISIBLE : N_VISIBLE + N_HIDDEN], -t)
    np.testing.assert_array_equal(weights_part, -np.einsum("ni,nj->nij", x, t))


def order_of_convergence(steps, errors) -> float:
    return np.polyfit(np.log(steps), np.log(errors), 1)[0]


@each_machine
def test_parameter_gradients_against_finite_differences(machine):
    """Central differences approach the gradient with the square of the step."""
    v, parameters = sample(machine, 1), flatten(machine)
    direction = np.random.default_rng(2).normal(size=parameters.size) / np.sqrt(parameters.size)
    exact, steps, errors = machine.gradients(v)[0] @ direction, 2.0 ** -np.arange(3, 10), []
    for step in steps:
        plus, minus = (unflatten(machine, parameters + sign * step * direction) for sign in (1, -1))
        errors.append(abs(float(plus.free_energy(v)[0] - minus.free_energy(v)[0]) / (2 * step) - exact))
    assert order_of_convergence(steps, errors) == pytest.approx(2.0, abs=0.05)


@each_gaussian
def test_visible_derivatives_equal_autograd(machine):
    v = sample(machine, 10)
    parameters = torch.tensor(flatten(machine))
    for row, gradient, laplacian in zip(v, machine.visible_gradient(v), machine.visible_laplacian(v)):
        x = torch.tensor(row, requires_grad=True)
        (exact,) = torch.autograd.grad(torch_free_energy(machine, parameters, x), x)
        hessian: Any = torch.autograd.functional.hessian(lambda x: torch_free_energy(machine, parameters, x), x)
        np.testing.assert_allclose(gradient, exact.numpy(), rtol=1e-12, atol=1e-12)
        assert laplacian == pytest.approx(float(hessian.trace()), rel=1e-11)


@each_gaussian
def test_visible_derivatives_against_finite_differences(machine):
    v, steps = sample(machine, 1)[0], 2.0 ** -np.arange(3, 9)
    gradient, laplacian = machine.visible_gradient(v[None])[0], machine.visible_laplacian(v[None])[0]
    gradient_errors, laplacian_errors = [], []
    for step in steps:
        plus, minus = (machine.free_energy(v + sign * step * np.eye(N_VISIBLE)) for sign in (1, -1))
        gradient_errors.append(np.linalg.norm((plus - minus) / (2 * step) - gradient))
        second = (plus + minus - 2 * machine.free_energy(v)) / step**2
        laplacian_errors.append(abs(second.sum() - laplacian))
    assert order_of_convergence(steps, gradient_errors) == pytest.approx(2.0, abs=0.05)
    assert order_of_convergence(steps, laplacian_errors) == pytest.approx(2.0, abs=0.05)


# Large arguments


@each_machine
def test_large_angles(machine):
    """With weights of 1e4 the free energy is that of the best hidden configuration, and all stays finite."""
    large = machine._replace(weights=1e4 * np.sign(machine.weights), hidden_bias=np.array([1e3, -1e3, 1e3]))
    v = sample(machine, 20)
    best = joint_energies(large, v, all_configurations(machine, N_HIDDEN)).min(axis=1)
    np.testing.assert_allclose(large.free_energy(v), best, rtol=1e-12)
    assert np.isfinite(large.gradients(v)).all()
    assert set(np.unique(np.round(large.hidden_means(v), 12))) == set(unit_values(machine))
    assert np.isfinite(large.visible_means(large.hidden_means(v))).all()


@pytest.mark.parametrize("n", [1, 2, 7, 64, CHUNK, CHUNK + 1, 3 * CHUNK + 5])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 30.0, 1e3])
def test_softplus_sum_over_many_units(n, scale):
    theta = scale * np.random.default_rng(n).normal(size=n)
    means = np.empty(n)
    assert softplus_sum(theta, means) == pytest.approx(np.logaddexp(0, theta).sum(), rel=1e-14, abs=n * 1e-15)
    np.testing.assert_allclose(means, special.expit(theta), rtol=1e-14, atol=1e-16)


def test_softplus_sum_at_the_ends_of_the_number_line():
    means = np.empty(2)
    assert softplus_sum(np.array([-1e3, 1e3]), means) == pytest.approx(1e3, rel=1e-15)
    np.testing.assert_array_equal(np.round(means, 15), [0.0, 1.0])
    assert softplus_sum(np.array([-np.inf, np.inf]), means) == np.inf
    np.testing.assert_array_equal(np.round(means, 15), [0.0, 1.0])
    assert np.isnan(softplus_sum(np.array([0.0, np.nan]), means))
    assert np.isnan(means[1])


# Construction


def test_init():
    machine = GaussianBoltzmann.init(30, 40, seed=3, scale=0.1, sigma=[2.0])
    assert machine.weights.shape == (30, 40)
    assert machine.weights.std() == pytest.approx(0.1, rel=5 / np.sqrt(2 * 1200))
    assert flatten(machine).size == 30 + 40 + 1200 + 1
    assert flatten(machine).tobytes() == flatten(GaussianBoltzmann.init(30, 40, seed=3, scale=0.1, sigma=[2])).tobytes()
    assert not machine.visible_bias.any()
    assert not machine.hidden_bias.any()
    assert isinstance(unflatten(machine, flatten(machine)), GaussianBoltzmann)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: BinaryBoltzmann(np.zeros(2), np.zeros(3), np.zeros((3, 2))), r"\(2,\), \(3,\) and \(3, 2\)"),
        (lambda: SpinBoltzmann(np.zeros(2), np.zeros(0), np.zeros((2, 0))), "not empty"),
        (lambda: SpinBoltzmann([0.0, np.nan], [0.0], [[0.0], [0.0]]), "finite numbers in visible_bias"),
        (lambda: BinaryBoltzmann.init(0, 3, seed=0), "at least one visible and one hidden"),
        (lambda: GaussianBoltzmann([0.0], [0.0], [[1.0]], sigma=0.0), "sigma > 0"),
        (lambda: GaussianBoltzmann([0.0], [0.0], [[1.0]], sigma=[np.inf]), "finite sigma"),
        (lambda: GaussianBoltzmann([0.0], [0.0], [[1.0]], sigma=np.ones(3)), r"\(1,\) or \(1,\), got \(3,\)"),
    ],
)
def test_arguments_that_make_no_machine(make, message):
    with pytest.raises(ValueError, match=message):
        make()
