"""Plots, reports, progress and analysis."""

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from montecarlo.estimates import Estimate
from montecarlo.statistics import Accumulator
from runs.analysis import blocking_curve, comparisons, smoothed
from runs.errors import ResultError, UsageError
from runs.experiments.experiment import Progress
from runs.plots import draw_energy, overview, save_picture
from runs.progress import Lines, clock, describe
from runs.report import report, summary
from runs.result import Measurement, Result


@pytest.fixture
def accumulator():
    """64 chains of 1000 independent normal values."""
    return Accumulator().update(3 + np.random.default_rng(2).standard_normal((64, 1000)))


@pytest.fixture
def result(accumulator):
    steps = np.arange(50)
    trace = {
        "energy": 3 + np.exp(-steps / 5.0),
        "energy_error": np.full(50, 0.01),
        "variance": np.exp(-steps / 5.0),
        "acceptance": np.full(50, 0.9),
        "wall_time": 0.1 * steps,
    }
    measurement = {"energy": Measurement(accumulator.estimate(), "hartree", 3.0)}
    state = {"step": 50, "measured": {"energy": accumulator.state()}}
    config = {"n_particles": 2, "omega": 1.0}
    return Result(
        "quantum-dot", config, 1, "finished", exact={"energy": 3.0}, trace=trace, measurement=measurement, state=state
    )


def test_a_difference_in_standard_errors():
    measured = {"a": Measurement(Estimate(3.5, 0.25), exact=3.0), "b": Measurement(Estimate(1.0, 0.1))}
    (row,) = comparisons(Result("x", {}, 1, measurement=measured))
    assert row == ("a", 3.5, 0.25, 3.0, 0.5, 2.0)


def test_blocking_of_independent_samples_is_flat_at_the_true_error(result, accumulator):
    """The standard deviation is 1, so that every block size must give 1 / sqrt(64000)."""
    curve = blocking_curve(result)
    assert curve is not None
    z = (curve.error - 64_000**-0.5) / curve.error_of_error
    assert np.all(np.abs(z) < 4)
    assert curve.size[0] == 2**accumulator.level


def test_blocking_sizes_that_do_not_divide_the_chains_are_comparable():
    """A block of 2^k > half the chain leaves almost half of the samples out; the error must not grow from that."""
    chains = np.random.default_rng(5).standard_normal((256, 1000))
    state = {"measured": {"energy": Accumulator().update(chains).state()}}
    curve = blocking_curve(Result("x", {}, 1, state=state))
    assert curve is not None
    assert curve.size[-1] == 512
    assert abs(curve.error[-1] - 256_000**-0.5) < 4 * curve.error_of_error[-1]


def test_there_is_no_blocking_curve_without_a_measurement():
    assert blocking_curve(Result("x", {}, 1)) is None
    assert blocking_curve(Result("x", {}, 1, state={"measured": {}})) is None


def test_a_running_mean_keeps_constants_and_length():
    np.testing.assert_allclose(smoothed(np.full(7, 2.5), 4), 2.5)
    np.testing.assert_allclose(smoothed(np.array([0.0, 3.0, 6.0]), 3), [1.5, 3.0, 4.5])


def test_the_overview_draws_what_is_there(result):
    figure = overview(result)
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == ["Energy", "Variance of the local energy", "Acceptance", "Error by blocking"]
    lines = {line.get_label(): line for line in figure.axes[0].get_lines()}
    np.testing.assert_array_equal(lines["training, one standard error"].get_ydata(), result.trace["energy"])
    assert lines["exact 3"].get_ydata() == [3.0, 3.0]


def test_the_band_is_one_standard_error(result):
    axes = Figure().subplots()
    assert isinstance(axes, Axes)
    draw_energy(result, axes)
    vertices = np.asarray(axes.collections[0].get_paths()[0].vertices)
    at_last_step = vertices[vertices[:, 0] == 50, 1]
    last = result.trace["energy"][-1]
    np.testing.assert_allclose([at_last_step.min(), at_last_step.max()], [last - 0.01, last + 0.01])


def test_every_title_is_within_the_page(result):
    figure = overview(result)
    figure.draw_without_rendering()
    for axes in figure.axes:
        extent = axes.title.get_window_extent()
        assert extent.x0 >= 0
        assert extent.x1 <= figure.bbox.width


@pytest.mark.parametrize("missing", ["measurement", "trace", "state", "exact"])
def test_an_unfinished_result_can_be_drawn(result, missing):
    setattr(result, missing, {})
    assert len(overview(result).axes) == 4


def test_pictures_are_written_in_the_format_of_their_name(result, tmp_path):
    for suffix, magic in ((".png", b"\x89PNG"), (".svg", b"<?xml"), (".pdf", b"%PDF")):
        path = save_picture(result, tmp_path / f"dot{suffix}")
        assert path.read_bytes().startswith(magic)
    with pytest.raises(UsageError, match="cannot draw"):
        save_picture(result, tmp_path / "dot.abc")
    with pytest.raises(ResultError, match="expected at least one step to draw"):
        overview(Result("x", {}, 1))


def test_the_summary_sets_the_energy_beside_the_exact_value(result):
    lines = summary(result).splitlines()
    estimate = result.energy
    assert lines[0] == "quantum-dot: finished after 50 steps"
    assert lines[1] == f"energy          {estimate} hartree"
    assert lines[2].startswith("  exact         3   difference ")
    assert lines[2].endswith(f"{estimate.z(3.0):+.1f} sigma")


def test_the_report_has_every_field(result):
    result.warnings = ["R-hat 1.2"]
    text = report(result)
    energy = f"| energy | {result.energy.mean:.10g} |"
    for part in ("## Warnings", "- R-hat 1.2", "| n_particles | 2 |", "| numpy |", energy, "| status | finished |"):
        assert part in text
    assert "None yet." in report(Result("x", {}, 1))


def test_lines_are_about_twenty_with_the_time_left(capsys):
    display = Lines()
    display.phase("training")
    for step in range(1, 1001):
        display.advance(Progress(step, 1000, {"energy": 3.0, "energy_error": 0.001, "acceptance": 0.5}))
    lines = capsys.readouterr().out.splitlines()
    assert 20 <= len(lines) <= 22
    assert lines[-1] == "training 1000/1000  energy 3.000000 +- 0.001000  acceptance 0.5"
    assert lines[1].endswith("s left")


def test_numbers_without_an_energy_are_shown_too():
    assert describe(Progress(1, 2, {"loss": 0.25})) == "loss 0.25"
    assert describe(Progress(1, 2, {"a": 1.0, "b": 2.0, "c": 3.0, "d": 4.0})) == "a 1  b 2  c 3"


@pytest.mark.parametrize(("seconds", "text"), [(0.2, "0 s"), (59.4, "59 s"), (60, "1:00"), (3723, "1:02:03")])
def test_clock(seconds, text):
    assert clock(seconds) == text
