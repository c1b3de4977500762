"""What a measurement says of its own numbers: chains that disagree, that stand still, that are too short."""

import numpy as np
import pytest

import nqs
from montecarlo import Accumulator, Moments, split_r_hat
from nqs import spin_observables
from nqs.exact import FullSummation
from nqs.measurement import doubts
from nqs.observables import RadialDensity
from tests.nqs.runs_of_vmc import SR, TRAP, trap

RNG = np.random.default_rng(1)


def of(values: np.ndarray) -> str:
    return doubts(Accumulator().update(values))


# By themselves


@pytest.mark.parametrize(("n_chains", "n_steps"), [(4, 4000), (64, 300), (256, 300)])
def test_independent_values_are_not_in_doubt(n_chains, n_steps):
    assert of(RNG.standard_normal((n_chains, n_steps))) == ""
    assert of(RNG.standard_cauchy((n_chains, n_steps))) == ""
    assert of(RNG.choice([-1.0, 1.0], (n_chains, n_steps))) == ""
    assert doubts(Moments().update([RNG.standard_normal((n_chains, n_steps, 50))])) == ""


def markov(generator: np.random.Generator, p: list[float], shape: tuple[int, int], stay: float) -> np.ndarray:
    """Discrete chains in equilibrium: each step keeps the value with the probability ``stay``, or draws a new one.

    Values carry rounding that depends on the way to them, as local energies do.
    """
    drawn = generator.choice(len(p), size=shape, p=p)
    renewed = generator.random(shape) >= stay
    renewed[:, 0] = True
    last = np.maximum.accumulate(np.where(renewed, np.arange(shape[1]), 0), axis=1)
    values = np.array([-1.16, -3.2, -4.2, -44.4])[np.take_along_axis(drawn, last, axis=1)]
    return values * (1 + 1e-15 * last)


@pytest.mark.parametrize("p", [[0.95, 0.05], [0.998, 0.002], [0.95, 0.035, 0.0149, 0.0001], [0.5, 0.5]])
@pytest.mark.parametrize(("n_chains", "n_steps", "stay"), [(16, 500, 0.0), (16, 1000, 0.8), (128, 120, 0.0)])
def test_no_false_alarm_for_discrete_values(p, n_chains, n_steps, stay):
    """Of 200 well-mixed measurements none is in doubt, as of continuous values with the same correlation."""
    generator = np.random.default_rng(7)
    assert [of(markov(generator, p, (n_chains, n_steps), stay)) for _ in range(200)] == [""] * 200


@pytest.mark.parametrize("n_chains", [4, 64])
def test_faults_of_discrete_chains_are_seen(n_chains):
    """One chain that stands still, and wells of weight 90:10 between which no chain moves, for many seeds."""
    for seed in range(50):
        generator = np.random.default_rng(seed)
        values = markov(generator, [0.9, 0.1], (n_chains, 500), 0.0)
        still, wells = values.copy(), values.copy()
        still[0] = values[0, 0]
        assert f"1 of {n_chains} chains never move" in of(still)
        wells[: max(1, n_chains // 10)] = markov(generator, [0.1, 0.9], (max(1, n_chains // 10), 500), 0.0)
        assert "the chains disagree" in of(wells)


def test_rounding_makes_no_ranks():
    """Two values with rounding of their own in each chain have the R-hat of two values."""
    generator = np.random.default_rng(1)
    plain = generator.choice([1.0, 2.0], size=(8, 1000), p=[0.95, 0.05])
    noisy = plain * (1 + 1e-15 * np.arange(8)[:, None])
    assert split_r_hat(noisy, rank_normalized=True) == split_r_hat(plain, rank_normalized=True) < 1.01


def test_values_that_are_not_finite_are_in_doubt():
    values = RNG.standard_normal((8, 100))
    values[1, 7] = np.nan
    assert of(values) == "some values are not finite"


def test_wells_that_no_chain_leaves():
    values = RNG.standard_normal((8, 1000))
    values[:2] += 5
    assert "R-hat 1.9" in of(values) or "R-hat 2." in of(values)
    assert "the chains disagree" in of(values)
    assert "R-hat of 1 of 1 numbers is above 1.05, up to" in doubts(Moments().update([values[..., None]]))


@pytest.mark.parametrize("n_chains", [4, 300])
def test_a_chain_that_stands_still_at_the_mean(n_chains):
    values = RNG.standard_normal((n_chains, 1000))
    assert of(values) == ""
    values[1] = 0.0
    assert f"1 of {n_chains} chains never move" in of(values)
    assert ("R-hat" in of(values)) == (n_chains == 4)  # one in 300 does not change the variances much


def test_chains_of_different_spread():
    values = RNG.standard_normal((4, 2000))
    values[0] *= 3
    assert "R-hat" in of(values)


def test_few_independent_samples():
    assert of(RNG.standard_normal((40, 1))) == "only 40 independent samples (tau 1)"


def test_values_that_are_equal_within_rounding():
    values = 3.0 + 1e-15 * RNG.standard_normal((8, 100))
    values[:4] += 1e-14
    assert of(values) == of(np.full((8, 100), 0.3)) == ""


# In a measurement


ORDERED = nqs.TransverseFieldIsing(nqs.Chain(10), h=0.2)


def two_wells() -> tuple[nqs.SpinJastrow, float]:
    """psi = exp(a sum_i s_i + W sum_{i<j} s_i s_j), of which 90 % are in the well of spins up; and <m>."""
    plain = nqs.SpinJastrow(ORDERED, dtype=float)
    psi = plain.with_parameters(np.concatenate([np.full(10, np.log(9) / 40), np.full(45, 0.25)]))
    whole = FullSummation(psi)
    return psi, float(whole.probabilities @ spin_observables.magnetisation(whole.basis.spins))


def wells(**options: int) -> tuple[nqs.VMC, float]:
    psi, exact = two_wells()
    return nqs.VMC(ORDERED, psi, nqs.SpinFlip(), SR(0.05), n_samples=256, n_burn_in=50, threads=1, **options), exact


def test_wells_of_unequal_weight_are_in_doubt():
    """Chains that start at random fall into both wells of an ordered state, and stay there."""
    vmc, exact = wells(n_chains=64)
    assert 0.799 < exact < 0.8
    with pytest.warns(nqs.VMCWarning, match=r"step 0: (m|energy): R-hat .* the chains disagree") as given:
        measured = vmc.measure(64 * 500, {"m": spin_observables.magnetisation})
    assert abs(measured.observables["m"].z(exact)) > 3
    assert "R-hat" in measured.warnings["m"]
    assert [f"step 0: {name}: {text}" for name, text in measured.warnings.items()] == [str(w.message) for w in given]


def test_tempered_chains_find_the_weights_of_wells():
    vmc, exact = wells(n_chains=64, n_temperatures=6)
    measured = vmc.measure(64 * 1000, {"m": spin_observables.magnetisation})
    assert abs(measured.observables["m"].z(exact)) < 3.3
    assert measured.warnings == {}


def test_a_good_measurement_is_not_in_doubt():
    measured = trap(TRAP.omega / 2.2).measure(64 * 400, {"r^2": lambda x: (x**2).sum(axis=(1, 2))})
    assert measured.warnings == {}


def test_observables_go_by_name():
    for wrong in ([lambda x: x[:, 0, 0]], (1,), {3: lambda x: x[:, 0, 0]}):
        with pytest.raises(TypeError, match="expected observables by name, such as"):
            trap().measure(640, wrong)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="expected the observable r to be a function or an operator, got 3"):
        trap().measure(640, {"r": 3})  # type: ignore[dict-item]
    with pytest.raises(TypeError, match="got the class RadialDensity itself"):
        trap().measure(640, {"r": RadialDensity})  # type: ignore[dict-item]
