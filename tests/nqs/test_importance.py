"""Training from |psi|^power with weights, against the weighted formulas and the sum over all configurations."""

import numpy as np
import pytest

import nqs
from montecarlo.chains import Chains
from montecarlo.statistics import estimate
from nqs.complex_derivatives import Holomorphic, RealParameters, as_complex
from nqs.exact import FullSummation
from nqs.importance import Flattened, Weighted, linearised, reweighted
from nqs.log_derivatives import Blocks, Dense
from nqs.reconfiguration import Centred, StochasticReconfiguration

pytestmark = pytest.mark.interpreted
SYSTEM = nqs.J1J2(nqs.Chain(6), 1.0, 0.4)
PSI = nqs.SpinJastrow(SYSTEM, dtype=complex, seed=2, scale=0.2)
N, P, SHIFT = 40, 7, 0.01


def normal(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


def complex_normal(seed: int, *shape: int) -> np.ndarray:
    return normal(seed, *shape) + 1j * normal(seed + 1, *shape)


WEIGHTS = np.exp(normal(3, N)) / np.exp(normal(3, N)).sum()
REAL, COMPLEX = Dense(normal(4, N, P)), Dense(complex_normal(4, N, P))
OPERATORS = {
    "real": REAL,
    "holomorphic": Holomorphic(COMPLEX),
    "complex": RealParameters(COMPLEX),
    "product": Blocks((REAL, Dense(normal(8, N, 3)))),
}


@pytest.mark.parametrize("name", OPERATORS)
def test_direction_is_that_of_the_weighted_metric_and_force(name):
    """Re sum_s w_s O* O and Re sum_s w_s O* e with both centred by their weighted means, by every method."""
    o, energies = OPERATORS[name], complex_normal(6, N) if name in ("holomorphic", "complex") else normal(6, N)
    columns = o.dense() - WEIGHTS @ o.dense()
    force = np.real(columns.conj().T @ (WEIGHTS * (energies - WEIGHTS @ energies)))
    metric = np.real(columns.conj().T @ (WEIGHTS[:, None] * columns))
    expected = np.linalg.solve(metric + SHIFT * np.eye(len(metric)), force)
    turned, e = reweighted(o, energies, WEIGHTS)
    assert turned.kind == o.kind
    for method in ("parameters", "samples", "iterations"):
        if (name, method) == ("complex", "samples"):
            continue
        optimizer = StochasticReconfiguration(method=method, tolerance=1e-12)
        solution = optimizer.solve(Centred(turned), e - e.mean(), SHIFT, np.zeros(o.shape[1]), method)
        np.testing.assert_allclose(solution.direction, expected, rtol=0, atol=1e-8 * np.abs(expected).max())
    if name == "holomorphic":
        plain = np.linalg.solve(
            (COMPLEX.array - WEIGHTS @ COMPLEX.array).conj().T
            @ (WEIGHTS[:, None] * (COMPLEX.array - WEIGHTS @ COMPLEX.array))
            + SHIFT * np.eye(P),
            as_complex(force),
        )
        np.testing.assert_allclose(as_complex(expected), plain, atol=1e-10)


def test_equal_weights_change_nothing():
    turned, e = reweighted(REAL, normal(6, N), np.full(N, 1 / N))
    np.testing.assert_allclose(turned.dense(), REAL.array, rtol=1e-14)
    np.testing.assert_allclose(e, normal(6, N), rtol=1e-14)


def drawn(power: float, n_samples: int = 50) -> tuple[Chains, Weighted]:
    x = SYSTEM.first_configurations(64, np.random.default_rng(1))
    chains, target = Chains(x, nqs.SpinExchange(SYSTEM), seed=5), Flattened(PSI, power)
    chains.run(target, Weighted.for_chains(SYSTEM, PSI, len(x), 0), 1, 60)
    seen = Weighted.for_chains(SYSTEM, PSI, len(x), n_samples)
    chains.run(target, seen, n_samples)
    return chains, seen


def test_weighted_energy_against_the_sum_over_all_configurations():
    exact = FullSummation(PSI, 0).expectation(SYSTEM)
    _, seen = drawn(1.0)
    found = estimate(linearised(seen.energies, seen.weights(1.0)))
    assert abs(found.z(exact)) < 3
    assert found.mean == pytest.approx(seen.weights(1.0) @ seen.energies.ravel(), rel=1e-12)
    assert abs(estimate(seen.energies).z(exact)) > 10  # without the weights it is another number
    assert abs(estimate(linearised(seen.energies, seen.weights(0.0))).z(exact)) > 4  # and with their squares, too


def test_weights_follow_psi_along_the_chains():
    chains, seen = drawn(1.0)
    np.testing.assert_allclose(seen.log_densities[:, -1], 2 * np.real(PSI.log_psi(chains.x)), rtol=0, atol=1e-10)


def vmc(threads: int = 1, **options) -> nqs.VMC:
    optimizer = nqs.StochasticReconfiguration(0.1, shift=1e-3)
    arguments = {"n_samples": 128, "n_chains": 32, "n_burn_in": 10, "seed": 1, "threads": threads, "power": 1.0}
    return nqs.VMC(SYSTEM, PSI, nqs.SpinExchange(SYSTEM), optimizer, **{**arguments, **options})


def test_training_ends_at_the_ground_state_and_is_measured_in_its_own_density():
    training = vmc(n_samples=512)
    steps = list(training.steps(60))
    assert isinstance(training.psi, nqs.SpinState)
    state = FullSummation(training.psi, 0)
    exact = state.expectation(SYSTEM)
    assert exact < FullSummation(PSI, 0).expectation(SYSTEM) - 0.5
    assert abs(steps[-1].energy.mean - exact) < 5 * steps[-1].energy.error + 0.01  # one step apart
    measured = training.measure(4096)
    assert abs(measured.energy.z(exact)) < 3.5
    assert measured.variance == pytest.approx(state.variance(SYSTEM), rel=0.3)


def test_restored_it_continues_to_the_same_bits_on_any_number_of_threads():
    whole, first, second = vmc(), vmc(), vmc(threads=2)
    energies = [step.energy.mean for step in whole.steps(2)] + [whole.measure(64).energy.mean]
    begun = [step.energy.mean for step in first.steps(2)]
    second.restore(first.state())
    assert [*begun, second.measure(64).energy.mean] == energies
    first.restore(second.state())
    assert [step.energy.mean for step in first.steps(1)] == [step.energy.mean for step in whole.steps(1)]


@pytest.mark.parametrize("options", [{"power": 0.0}, {"power": 2.5}, {"n_temperatures": 3}])
def test_powers_out_of_range(options):
    with pytest.raises(ValueError, match="expected power"):
        vmc(**options)


def test_particles_draw_from_the_square():
    oscillator = nqs.HarmonicOscillator(1, 1)
    with pytest.raises(ValueError, match="expected power = 2 for particles"):
        nqs.VMC(oscillator, nqs.Gaussian(oscillator), nqs.RandomWalk(), nqs.StochasticReconfiguration(), power=1.0)
