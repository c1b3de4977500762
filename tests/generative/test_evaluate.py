"""Evaluation: a perfect model passes, a wrong one does not, and the tests know true data from false."""

import itertools
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import stats

import generative
from generative import GAN, VAE, datasets
from generative.datasets import Dataset, IsingTarget
from generative.importance import importance, independence_metropolis
from generative.physics import energy_histogram, exact_observables, features, jackknife, observables
from generative.two_sample import memorisation, two_sample_tests
from montecarlo.lattices import Square
from tests.helpers_coverage import assert_coverage

DATA = datasets.ising((4, 4), 2.269185, 6000, seed=0)
EXACT: Any = DATA.targets[0].exact()


STATES = np.array(list(itertools.product([0.0, 1.0], repeat=16)))
ENERGIES = DATA.targets[0].energy(2 * STATES - 1)


class Perfect:
    """Draws from the exact distribution of 4 x 4 spins, or from that at another temperature."""

    def __init__(self, temperature: float) -> None:
        self.x, log_w = STATES, -ENERGIES / temperature
        self.log_p = log_w - np.logaddexp.reduce(log_w)

    def sample(self, n, seed):
        return self.x[np.random.default_rng(seed).choice(len(self.x), n, p=np.exp(self.log_p))]

    def log_prob(self, x):
        return self.log_p[(x @ (1 << np.arange(15, -1, -1))).astype(int)]


def test_a_perfect_model_passes():
    evaluation = generative.evaluate(Perfect(2.269185), DATA, n_samples=8000, seed=1)
    assert evaluation.p_value > 1e-3
    assert all(abs(row.z) < 4 for row in evaluation.observables)
    assert evaluation.histogram is not None
    assert stats.chi2.sf(evaluation.histogram.chi_squared, evaluation.histogram.dof) > 1e-3
    assert evaluation.importance is not None
    assert evaluation.importance.n_eff == pytest.approx(8000)
    assert evaluation.importance.acceptance == 1.0
    exact = DATA.targets[0].exact()
    assert exact is not None
    assert evaluation.importance.free_energy.mean == pytest.approx(-2.269185 * exact.log_z, rel=1e-10)
    assert "specific_heat" in str(evaluation)


def test_a_model_at_a_wrong_temperature_fails_and_its_weights_correct_it():
    evaluation = generative.evaluate(Perfect(2.4), DATA, n_samples=8000, seed=1)
    assert evaluation.p_value < 1e-6
    assert evaluation.importance is not None
    exact = DATA.targets[0].exact()
    assert exact is not None
    assert evaluation.importance.n_eff < 7900
    assert abs(evaluation.importance.free_energy.z(-2.269185 * exact.log_z)) < 4


def test_exact_observables_are_sums_over_all_configurations():
    model = Perfect(2.269185)
    p, s = np.exp(model.log_p), 2 * model.x - 1
    exact = exact_observables(DATA.targets[0])
    energy, m = DATA.targets[0].energy(s), s.mean(axis=1)
    assert exact["energy"] == pytest.approx(p @ energy / 16)
    assert exact["susceptibility"] == pytest.approx(16 * (p @ m**2 - (p @ abs(m)) ** 2) / 2.269185)
    assert exact["binder"] == pytest.approx(1 - (p @ m**4) / (3 * (p @ m**2) ** 2))
    assert exact["G(2)"] == pytest.approx(p @ (s[:, 0] * s[:, 2]))


def test_errors_of_the_jackknife_cover_the_truth():
    """The variance of normal numbers, a function of two means."""
    rng = np.random.default_rng(0)
    results = []
    for _ in range(300):
        x = rng.standard_normal(640)
        results += jackknife(np.stack([x, x**2], axis=1), lambda mean: mean[1:] - mean[:1] ** 2).estimates
    assert_coverage([r.mean for r in results], [r.error for r in results], 1.0)


def test_errors_of_weighted_samples_cover_the_truth():
    """Specific heat and susceptibility of 4 x 4 spins from samples of another temperature."""
    model, target = Perfect(2.6), DATA.targets[0]
    s = 2 * model.x - 1
    energy, m, exact = target.energy(s) / 16, s.mean(axis=1), exact_observables(target)
    features = np.stack([energy, energy**2, np.abs(m), m**2], axis=1)
    log_w = target.log_weight(s) - model.log_p
    weights, cumulative = np.exp(log_w - log_w.max()), np.exp(model.log_p).cumsum()

    def derived(mean):
        e, e2, abs_m, m2 = mean
        return np.array([16 * (e2 - e**2) / 2.269185**2, 16 * (m2 - abs_m**2) / 2.269185])

    rng, results = np.random.default_rng(0), []
    for _ in range(300):
        rows = np.searchsorted(cumulative, rng.random(6400) * cumulative[-1])
        results.append(jackknife(features[rows], derived, weights=weights[rows]).estimates)
    for estimates, name in zip(zip(*results), ("specific_heat", "susceptibility")):
        assert_coverage([each.mean for each in estimates], [each.error for each in estimates], exact[name])


def test_observables_by_weights_are_those_of_the_target():
    model, target = Perfect(2.6), DATA.targets[0]
    s = 2 * model.sample(20_000, 1) - 1
    log_w = target.log_weight(s) - model.log_prob((s + 1) / 2)
    found, exact = observables(s, target, log_weights=log_w).estimates, exact_observables(target)
    assert exact.keys() >= {"energy", "specific_heat", "susceptibility", "binder"}
    assert all(abs(found[name].z(value)) < 4 for name, value in exact.items() if name in found)
    assert abs(observables(s, target).estimates["energy"].z(exact["energy"])) > 10


def test_histogram_and_observables_use_spins():
    spins = DATA.as_spins().train
    histogram = energy_histogram(spins, DATA.targets[0])
    assert histogram.counts.sum() == len(spins)
    found = observables(spins, DATA.targets[0]).estimates
    assert found["G(1)"].mean == pytest.approx(-found["energy"].mean / 2)


@pytest.mark.parametrize("J", [1e-100, 1e-7, 1e7, 0.1])
def test_no_unit_of_energy_is_special(J):
    """J and T times one number: the same histogram, and energies in that unit."""
    spins, target = DATA.as_spins().train, DATA.targets[0]
    scaled = target._replace(temperature=J * target.temperature, coupling=J)
    found, expected = energy_histogram(spins, scaled), energy_histogram(spins, target)
    assert found.chi_squared == pytest.approx(expected.chi_squared, rel=1e-9)
    assert stats.chi2.sf(found.chi_squared, found.dof) > 1e-3
    np.testing.assert_array_equal(found.counts, expected.counts)
    np.testing.assert_allclose(found.energies, J * expected.energies, rtol=1e-14)
    ours, theirs = observables(spins, scaled).estimates, observables(spins, target).estimates
    units = {"energy": J, "susceptibility": 1 / J}
    for name, estimate in ours.items():
        assert estimate.mean == pytest.approx(units.get(name, 1.0) * theirs[name].mean, rel=1e-9)


def test_energies_of_other_lattices_are_counted_without_rounding():
    from montecarlo.lattices import Square

    target = datasets.IsingTarget(Square(3, 2, periodic=False), 0.3e-7, 0.1e-7)
    spins = np.random.default_rng(0).choice([-1, 1], (500, 6)).astype(np.int8)
    histogram = energy_histogram(spins, target)
    assert histogram.counts.sum() == 500
    assert len(histogram.energies) == len(np.unique(target.energy(spins) // 0.5e-8))
    assert set(np.round(histogram.energies / 0.1e-7)) <= set(range(-7, 8, 2))


def test_two_sample_tests_tell_noise_from_data():
    train, test = DATA.train, DATA.test
    noise = (np.random.default_rng(0).random((1000, 16)) < 0.5).astype(float)
    true = {each.name: each for each in two_sample_tests(Perfect(2.269185).sample(1000, 3), train, test)}
    false = {each.name: each for each in two_sample_tests(noise, train, test)}
    for name in ("mmd", "energy distance", "sliced Wasserstein", "classifier accuracy"):
        assert abs(true[name].model - true[name].data) < 0.2 * (false[name].model - false[name].data)
    assert false["precision"].model < true["precision"].model - 0.1


def test_neighbours_are_sought_in_physical_features():
    """Which a translation does not change; samples that are too cold leave most of the data uncovered."""
    target, spins = DATA.targets[0], DATA.as_spins().test
    found = features(spins, target)
    np.testing.assert_allclose(found, features(spins[:, target.lattice.translations[5]], target), atol=1e-12)
    np.testing.assert_allclose(found[:, 0], target.energy(spins) / 16)
    np.testing.assert_allclose(found[:, 2], -found[:, 0] / 2)  # nearest neighbours
    tests = generative.evaluate(Perfect(2.269185), DATA, n_samples=1000).tests
    ordered = generative.evaluate(Perfect(1.0), DATA, n_samples=1000).tests
    coverage, too_cold = (next(each for each in all if each.name == "coverage") for all in (tests, ordered))
    assert coverage.model > coverage.data - 0.05
    assert too_cold.model < coverage.data - 0.2


def test_copies_of_training_rows_are_noticed():
    rng = np.random.default_rng(0)
    train, test = rng.normal(size=(500, 5)), rng.normal(size=(500, 5))
    assert memorisation(train + 0.01, train, test) > 0.99
    fresh = memorisation(rng.normal(size=(500, 5)), train, test)
    assert stats.binomtest(round(500 * fresh), 500, 0.5).pvalue > 1e-3


def test_independence_metropolis_has_the_distribution_of_the_weights():
    rng = np.random.default_rng(1)
    states = rng.integers(0, 3, 60_000)
    weight = np.array([1.0, 2.0, 0.5])
    chain, _ = independence_metropolis(np.log(weight[states]), seed=2)
    p = weight / weight.sum()
    frequencies = np.bincount(states[chain][1000::10], minlength=3)
    assert stats.chisquare(frequencies, p * frequencies.sum()).pvalue > 1e-3


@pytest.mark.parametrize(
    ("of_model", "of_data", "says"), [("spins", "bits", True), ("spins", "bits", False), ("bits", "spins", False)]
)
def test_spins_and_bits_are_converted_into_each_other(of_model, of_data, says):
    """The energy per site of 4 x 4 spins is at least -2, and all numbers are those of the perfect model in bits."""
    data = DATA if of_data == "bits" else DATA.as_spins()
    expected = observables(2 * Perfect(2.269185).sample(1000, 1) - 1, DATA.targets[0]).estimates
    found = generative.evaluate(Speaking(of_model, says), data, n_samples=1000, seed=1)
    assert found.observables[0].model.mean >= -2
    for row in found.observables:
        assert row.model.mean == pytest.approx(expected[row.name].mean)
    assert found.importance is not None
    assert found.importance.free_energy.mean == pytest.approx(-2.269185 * EXACT.log_z, rel=1e-10)


class Speaking(Perfect):
    """The perfect model in spins or bits, which says so or not."""

    def __init__(self, values: str, says: bool) -> None:
        super().__init__(2.269185)
        self.of = values
        if says:
            self.values = values

    def sample(self, n, seed):
        x = super().sample(n, seed)
        return 2 * x - 1 if self.of == "spins" else x

    def log_prob(self, x):
        return super().log_prob((x + 1) / 2 if self.of == "spins" else x)


def test_samples_of_another_kind_are_refused():
    class Grey(Perfect):
        values = "unit"

        def sample(self, n, seed):
            return 0.5 * super().sample(n, seed)

    class Confused(Perfect):
        values = "spins"

    with pytest.raises(ValueError, match=r"expected a model of 0 and 1, of which the data is made.*values=\"?'bits"):
        generative.evaluate(Grey(2.0), DATA, n_samples=100)
    with pytest.raises(ValueError, match="expected samples made of -1 and"):
        generative.evaluate(Confused(2.0), DATA, n_samples=100)
    with pytest.raises(ValueError, match="expected spins made of -1 and"):
        observables(DATA.train, DATA.targets[0])
    with pytest.raises(ValueError, match="expected spins made of -1 and"):
        energy_histogram(DATA.train, DATA.targets[0])


@pytest.mark.parametrize(("kind", "given"), [("lower", False), ("stochastic", False), ("exact", True)])
def test_what_is_not_a_likelihood_gives_no_free_energy(kind, given):
    """E[1 / q'] of a bound or of an estimate q' is not that of q: a third of a nat below, Z is too large by e^(1/3)."""
    model: Any = Perfect(2.269185)
    model.likelihood = kind
    assert (generative.evaluate(model, DATA, n_samples=500).importance is not None) == given


def test_a_bound_from_one_sample_gives_no_free_energy():
    assert generative.evaluate(VAE((4, 4), n_importance=1, hidden=(8,)), DATA, n_samples=500).importance is None


def test_models_without_a_likelihood_are_judged_by_their_samples():
    for model in (GAN((4, 4), "bits", hidden=(8,)), generative.DeepBoltzmannMachine((16, 40, 40), seed=0)):
        found = generative.evaluate(model, DATA, n_samples=200)
        assert found.importance is None
        assert len(found.observables) > 5


@pytest.mark.parametrize("values", ["spins", "bits"])
@pytest.mark.parametrize("up", [True, False])
def test_cold_spins_that_are_all_equal_do_not_differ(values, up):
    """At T = 0.5 one spin of 10^5 samples of 4 x 4 spins is turned; E / N is -2 + 2e-6."""
    x = np.full((400, 16), 1.0 if up else (-1.0 if values == "spins" else 0.0))
    data = Dataset("cold", x, x, values, (4, 4), targets=(IsingTarget(Square(4), 0.5),))

    class Cold:
        def sample(self, n, seed):
            return np.repeat(x[:1], n, axis=0)

    found = generative.evaluate(Cold(), data, n_samples=1000)
    assert all(abs(row.z) < 1 for row in found.observables)
    assert found.p_value > 0.3
    assert "energy" in str(found)


def test_cold_spins_differ_from_warmer_ones():
    """At T = 1.2 one of 50 samples has a turned spin: a model that never turns one is found out."""
    x = np.ones((1000, 16))
    data = Dataset("cold", x, x, "spins", (4, 4), targets=(IsingTarget(Square(4), 1.2),))

    class Cold:
        def sample(self, n, seed):
            return np.ones((n, 16))

    found = generative.evaluate(Cold(), data, n_samples=10_000)
    assert found.observables[0].z < -10
    assert found.p_value < 1e-6


def test_an_antiferromagnet_without_magnetisation_is_compared():
    """Its checkerboards have m = 0 in every sample, so that the Binder cumulant is not defined."""
    board = np.where(np.indices((4, 4)).sum(0).ravel() % 2, 1.0, -1.0)
    x = np.stack([board, -board] * 100)
    data = Dataset("cold", x, x, "spins", (4, 4), targets=(IsingTarget(Square(4), 0.5, -1.0),))

    class Cold:
        def sample(self, n, seed):
            return x[np.random.default_rng(seed).integers(0, 2, n)]

    found = generative.evaluate(Cold(), data, n_samples=200)
    assert found.observables[0].model.mean == -2
    assert all(abs(row.z) < 1 for row in found.observables if row.name != "binder")


def test_a_histogram_does_not_depend_on_the_unit_of_energy():
    spins = DATA.as_spins().train
    for unit in (1e-7, 1e7):
        found = energy_histogram(spins, IsingTarget(Square(4), 2.269185 * unit, unit))
        expected = energy_histogram(spins, IsingTarget(Square(4), 2.269185))
        assert found.chi_squared == pytest.approx(expected.chi_squared)
        np.testing.assert_allclose(found.energies, unit * expected.energies)


def test_data_whose_diagnostics_are_unknown_is_compared(tmp_path):
    datasets.save(DATA, tmp_path / "data.h5")
    found = generative.evaluate(
        GAN((4, 4), "bits", hidden=(8,)), datasets.from_hdf5(tmp_path / "data.h5"), n_samples=200
    )
    assert found.observables[0].data.error > 0
    found = generative.evaluate(Perfect(2.269185), replace(DATA, diagnostics=()), n_samples=2000)
    assert found.p_value > 1e-3


def test_what_is_no_data_set_is_refused():
    with pytest.raises(TypeError, match=r"expected data as a .*Dataset, found ndarray: take Dataset"):
        generative.evaluate(Perfect(2.0), DATA.test)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="expected a model with sample"):
        generative.evaluate(DATA, DATA)


def test_wrong_arguments():
    with pytest.raises(ValueError, match="finite log weights"):
        importance(np.array([0.0, math.nan]), np.zeros(2), 1.0)

    class Wrong:
        def sample(self, n, seed):
            return np.zeros((n, 3))

    with pytest.raises(ValueError, match="expected samples of shape"):
        generative.evaluate(Wrong(), DATA)
