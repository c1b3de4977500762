"""Every lesson runs quickly to a result with a picture; worked examples give the numbers that were printed."""

from typing import ClassVar

import numpy as np
import pytest

from runs.configuration import settings_from
from runs.experiments import find
from runs.lessons import LESSONS
from runs.lessons.lesson import Finding, LessonSettings, printed
from runs.plots import picture
from runs.progress import Display
from runs.reading import open_result
from runs.result import Result
from runs.runner import resume, start
from runs.store import save


@pytest.fixture(scope="module")
def quickly(tmp_path_factory):
    """The quick result of a lesson, from its file; every lesson is run once."""
    results = {}

    def run(name: str) -> Result:
        if name not in results:
            path = tmp_path_factory.mktemp("lessons") / f"{name}.h5"
            experiment = find(name)
            start(experiment, settings_from(experiment, ["--quick", "--threads", "1"]), path, Display())
            results[name] = open_result(path)
        return results[name]

    return run


def values(result: Result) -> dict[str, float]:
    return {name: measurement.estimate.mean for name, measurement in result.measurement.items()}


@pytest.mark.parametrize("name", LESSONS)
def test_a_lesson_leaves_findings_and_a_picture(name, quickly):
    result = quickly(name)
    assert (result.experiment, result.status, result.warnings) == (name, "finished", [])
    assert result.n_steps > 0
    assert any(m.exact is not None or m.least is not None or m.most is not None for m in result.measurement.values())
    assert np.all(np.isfinite(list(values(result).values())))
    figure = picture(result)
    assert figure.axes
    assert all(axes.has_data() for axes in figure.axes if axes.axison)


@pytest.mark.parametrize("name", LESSONS)
def test_the_help_of_a_lesson_says_what_is_learnt_and_where_it_comes_from(name, born):
    status, output, _ = born(f"run {name} --help")
    assert status == 0
    assert "Source: " in output
    assert "=" in output.partition("options")[0]
    assert find(name).name == name
    assert all(field.description for field in find(name).settings.model_fields.values())


def test_a_lesson_that_was_stopped_continues_to_the_same_numbers(quickly, tmp_path):
    whole = quickly("perceptron-iris")
    stopped = open_result(_file_of(whole, tmp_path))
    stopped.status, stopped.state, stopped.measurement, stopped.samples = "interrupted", {"step": 1}, {}, {}
    save(tmp_path / "stopped.h5", stopped)
    again = resume(tmp_path / "stopped.h5", Display())
    assert values(again) == values(whole)
    for name in ("loss", "wrong"):
        np.testing.assert_array_equal(again.trace[name], whole.trace[name])


def _file_of(result: Result, directory):
    save(directory / "whole.h5", result)
    return directory / "whole.h5"


def test_quick_replaces_defaults_and_keeps_what_was_asked_for():
    class Example(LessonSettings):
        QUICK: ClassVar = {"n_epochs": 2, "width": 4}

        n_epochs: int = 100
        width: int = 32

    def sizes(**fields) -> tuple[int, int]:
        settings = Example.model_validate(fields)
        return settings.n_epochs, settings.width

    assert sizes() == (100, 32)
    assert sizes(quick=True) == (2, 4)
    assert sizes(quick=True, width=7) == (2, 7)
    stored = Example.model_validate({"quick": True}).model_dump(mode="json")
    assert Example.model_validate(stored).n_epochs == 2


def test_a_printed_number_is_met_to_half_its_last_digit():
    assert printed(0.99611, "0.9961") == Finding(0.99611, 0.9961, 0.00005)


def test_bounds_are_kept_in_the_file_and_shown(tmp_path, born):
    finding = Finding(0.99, least=0.98).measurement()
    save(tmp_path / "a.h5", Result("x", {}, 1, "finished", measurement={"accuracy": finding}))
    found = open_result(tmp_path / "a.h5").measurement["accuracy"]
    assert (found.least, found.most, found.exact) == (0.98, None, None)
    assert born("show a.h5")[1].splitlines()[1:] == ["accuracy        0.99", "  at least      0.98"]


def test_the_worked_step_of_the_perceptron(quickly):
    found = values(quickly("perceptron-iris"))
    assert round(found["worked_z"], 12) == 6.24
    assert round(found["worked_output"], 3) == 0.998
    assert round(found["worked_loss"], 4) == 0.9961
    assert found["worked_update"] == pytest.approx(-0.02 * 0.998053939**2 * (1 - 0.998053939) * 5.1, rel=1e-6)
    assert (found["wrong_before"], found["wrong"]) == (50, 0)


def test_the_worked_step_of_the_or_gate(quickly):
    found = {name: round(value, 12) for name, value in values(quickly("or-gate")).items()}
    assert (found["worked_output_before"], found["worked_sum_as_printed"]) == (-0.2, 2.9)
    assert (found["worked_v1"], found["worked_v2"]) == (-0.6, 2.4)
    assert (found["worked_w12"], found["worked_w22"]) == (-0.4, 3.5)
    assert (found["worked_output_after"], found["wrong"], found["epochs_needed"]) == (2.4, 0, 3)


def test_the_first_losses_of_the_linear_fit(quickly):
    """By hand: 0.125^2 and the squares of 0.1395, 0.14025, 0.141; then from w = 0.50331875, b = -0.129585."""
    result = quickly("linear-fit")
    first = 0.125**2 + 0.1395**2 + 0.14025**2 + 0.141**2
    second = sum((t / 2 - max(0.0, 0.50331875 * t - 0.129585)) ** 2 for t in (0, 0.25, 0.5, 0.75, 1))
    np.testing.assert_allclose(result.trace["loss"][:2], [first, second], rtol=1e-12)
    assert round(first, 4) == 0.0746
    found = values(result)
    assert found["last_loss"] < 2e-7
    assert (found["steps_with_mean"], found["steps_with_sum"]) == (988, 198)


def test_closed_forms_of_least_squares_agree_with_scikit_learn(quickly):
    found = values(quickly("least-squares"))
    assert max(found[f"{name}_of_peer"] for name in ("ordinary", "ridge", "lasso")) < 1e-10
    assert found["bias_plus_variance"] < 1e-12


def test_logistic_regression_finds_the_coefficients_of_scikit_learn(quickly):
    measured = quickly("logistic").measurement
    for name in ("w1", "w2", "b"):
        peer = measured[f"{name}_of_peer"]
        assert peer.exact is not None
        assert abs(peer.estimate.mean - peer.exact) < 1e-4
        assert abs(measured[name].estimate.z(measured[name].exact or 0.0)) < 4


def test_the_worked_derivatives(quickly):
    found = values(quickly("autodiff"))
    for mode in ("forward", "reverse"):
        assert (found[f"dz_dx_{mode}"], found[f"dz_dy_{mode}"]) == (7, 8)
        assert found[f"network_{mode}"] < 1e-13


def test_the_sigmoid_loses_at_least_three_quarters_of_its_gradient_in_each_layer(quickly):
    found = values(quickly("optimizers"))
    assert found["gradient_per_layer_sigmoid"] < 0.25 < min(found[f"gradient_per_layer_{f}"] for f in ("tanh", "relu"))


def test_gravity_lies_within_its_error_bar(quickly):
    measured = quickly("pendulum-fit").measurement
    assert abs(measured["g"].estimate.z(9.81)) < 3
    assert measured["g_off_by"].estimate.mean < 0.005


def test_the_gaussian_process_is_that_of_scikit_learn_and_its_bands_cover(quickly):
    measured = quickly("gaussian-process").measurement
    assert measured["mean_of_peer"].estimate.mean < 1e-8
    assert measured["band_of_peer"].estimate.mean < 1e-7
    assert abs(measured["covered_by_one_sigma"].estimate.z(0.682689)) < 3


def test_the_network_solves_the_pendulum_and_finds_g(quickly):
    measured = quickly("pendulum-pinn").measurement
    assert measured["largest_error_small"].estimate.mean < 1e-3
    assert abs(measured["g_from_ten_points"].estimate.z(1.0)) < 4


def test_the_first_component_of_spins_is_the_magnetisation(quickly):
    found = values(quickly("pca-autoencoder"))
    assert found["overlap_with_uniform"] > 0.98
    assert found["correlation_with_m"] > 0.99
    assert found["linear_autoencoder"] >= 1


def test_the_edge_filter_gives_the_slope_of_a_ramp(quickly):
    assert values(quickly("digits-cnn"))["edge_of_a_ramp"] == pytest.approx(2.0, abs=1e-15)


def test_the_lorenz_system_is_found_from_its_series(quickly):
    found = values(quickly("pendulum-sindy"))
    for name, exact in (("y_in_equation_1", 10.0), ("x_in_equation_2", 28.0), ("z_in_equation_3", -8 / 3)):
        assert found[f"lorenz_{name}"] == pytest.approx(exact, abs=1e-4)
    assert found["lorenz_terms"] == 7
    assert quickly("pendulum-sindy").notes[0].startswith("z'' = ")


def test_the_area_under_the_curve_of_known_distributions(quickly):
    measured = quickly("events").measurement
    assert abs(measured["auc_normal"].estimate.z(measured["auc_normal"].exact or 0.0)) < 4
    assert measured["auc_of_peer"].estimate.mean == pytest.approx(measured["auc_of_peer"].exact, abs=1e-12)


def test_the_products_of_a_decay_have_the_mass_of_the_resonance(monkeypatch):
    from runs.lessons import events

    monkeypatch.setattr(events, "RESOLUTION", 0.0)
    x = events.signal(np.random.default_rng(0), 1000)
    np.testing.assert_allclose(events.mass(x), events.MASS, rtol=1e-9)


def test_hits_of_a_track_lie_on_the_track_and_all_its_edges_are_candidates():
    from runs.lessons.tracks_gnn import RADII, event

    for n in (5, 40):
        one = event(np.random.default_rng(n), n)
        assert one.hits.shape == (8 * n, 3)
        np.testing.assert_array_equal(np.sort(np.unique(one.hits[:, 0])), RADII)
        assert one.labels.sum() == 7 * n
        radii = one.hits[one.edges, 0]
        assert np.all(radii[:, 0] < radii[:, 1])


def test_crossings_of_scatters_with_a_correction_lie_on_a_line_to_the_critical_temperature():
    from runs.lessons.phase_transition import TEMPERATURES, crossings_of, limit

    sizes, t_c = np.array([8.0, 16.0, 32.0]), 2.3
    for correction in (0.0, 0.8):
        logs = -2 + 0.3 * sizes[:, None] * (TEMPERATURES - t_c) + correction * sizes[:, None] ** (-7 / 8)
        h, crossings = crossings_of(sizes, np.exp(logs)[:, None])
        np.testing.assert_allclose(crossings[:, 0], t_c + correction / 0.3 * h, atol=3e-4)  # the step of the search
        assert limit(h, crossings[:, 0]) == pytest.approx(t_c, abs=1e-3)


def test_networks_of_the_transition_learn_from_their_own_spins():
    from runs.lessons.phase_transition import DISORDERED, ORDERED, PhaseTransition, spins

    settings = PhaseTransition.model_validate({"quick": True})
    x = spins(8, ORDERED + DISORDERED, settings, seed=3)
    assert x.shape == (8, settings.n_networks, settings.n_samples, 64)
    assert set(np.unique(x)) == {-1.0, 1.0}
    magnetisation = np.abs(x.mean(axis=-1)).mean(axis=(1, 2))
    assert magnetisation[:4].min() > 0.9 > 0.5 > magnetisation[4:].max()


def test_how_many_numbers_are_needed_for_the_variance():
    from runs.lessons.pendulum_autoencoder import needed

    assert needed([1.0, 0.2, 0.04, 0.01]) == 2
    assert needed([1.0, 0.2]) == 2


def test_pixels_are_replaced_as_often_as_asked_and_the_same_way_by_both():
    import torch

    from runs.lessons.pendulum_autoencoder import Replaced, replaced

    x = np.full((400, 256), 2.0, dtype=np.float32)
    generator = torch.Generator().manual_seed(5)
    for noisy in (replaced(x, 0.4, np.random.default_rng(5)), Replaced(0.4)(torch.tensor(x), generator).numpy()):
        changed = noisy != 2.0
        assert abs(changed.mean() - 0.4) < 4 * np.sqrt(0.24 / x.size)
        assert abs(noisy[changed].mean() - 0.5) < 4 * np.sqrt(1 / 12 / changed.sum())


def test_the_median_filter_removes_a_single_pixel():
    from runs.lessons.pendulum_autoencoder import filtered

    x = np.zeros((1, 256), dtype=np.float32)
    x[0, 100] = 1.0
    assert not filtered(x, 3).any()
