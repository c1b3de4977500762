"""A training that has run away is stopped within a few records, and one that has not, never."""

import math
import pickle

import numpy as np
import pytest

from neural.divergence import DivergedError, Signal, Watch

N_LONG = 100_000


def watched(losses, errors=None, **options) -> int | None:
    """The record at which the watch gives alarm, or None."""
    watch = Watch(**options)
    errors = np.zeros(len(losses)) if errors is None else errors
    try:
        for step, (loss, error) in enumerate(zip(losses, errors, strict=True)):
            watch.see(step, float(loss), float(error))
    except DivergedError as error:
        return error.step
    return None


def noise(kind: str, n: int, seed: int = 0) -> np.ndarray:
    draw = np.random.default_rng(seed)
    return {
        "normal": draw.standard_normal,
        "cauchy": draw.standard_cauchy,
        "student": lambda size: draw.standard_t(1.5, size),
        "skew": lambda size: draw.pareto(1.2, size),
    }[kind](n)


def correlated(n: int, tau: float, seed: int = 0) -> np.ndarray:
    steps, found, rho = noise("normal", n, seed).tolist(), [], math.exp(-1 / tau)
    for step in steps:
        found.append(rho * (found[-1] if found else 0.0) + step)
    return np.array(found)


@pytest.mark.parametrize("kind", ["normal", "cauchy", "student", "skew"])
def test_no_alarm_where_a_loss_stands_still(kind):
    assert watched(0.1 * noise(kind, N_LONG)) is None


@pytest.mark.parametrize("tau", [10, 100])
def test_no_alarm_where_the_noise_is_slow(tau):
    assert all(watched(5 + correlated(2000, tau, seed)) is None for seed in range(20))


@pytest.mark.parametrize("kind", ["normal", "student"])
def test_no_alarm_where_a_loss_falls(kind):
    """From far away, and from a saddle that it leaves ever faster."""
    t, draws = np.arange(2000), noise(kind, 2000)
    assert watched(1e6 * np.exp(-t / 20) + 0.1 * draws) is None
    assert watched(-40 / (1 + np.exp(-(t - 500) / 5)) + 0.1 * draws, 0.1 * np.ones(2000)) is None
    assert watched(-np.log1p(t) + 0.01 * draws) is None


def test_no_alarm_where_a_loss_may_rise():
    t = np.arange(5000)
    assert watched(0.7 + 0.01 * t + 0.1 * noise("normal", 5000), minimised=False) is None
    assert watched(0.7 + 0.5 * np.sin(t / 100) + 0.1 * noise("student", 5000), minimised=False) is None


@pytest.mark.parametrize("minimised", [True, False])
@pytest.mark.parametrize("to", [1e4, -1e16, 1e300])
def test_a_jump(minimised, to):
    """Up or down; five records in a row, for one may be an outlier."""
    losses = -3 + 0.1 * noise("normal", 200)
    assert watched(np.where(np.arange(200) == 100, to, losses), minimised=minimised) is None
    assert watched(np.where(np.arange(200) >= 100, to, losses), minimised=minimised) == 104


@pytest.mark.parametrize("growth", [1.1, 1.5, 2.0, 10.0])
def test_growth(growth):
    """A loss that multiplies its distance at each record is caught a few records after it is above its start."""
    t = np.arange(1000)
    losses = -10 - 10 * (1 - np.exp(-t / 10)) + 0.1 * noise("normal", 1000)
    with np.errstate(over="ignore"):
        found = watched(losses + np.where(t > 200, 0.1 * growth ** np.maximum(t - 200.0, 0), 0.0))
    assert found is not None
    assert 204 < found < 200 + math.log(1000) / math.log(growth) + 6


def test_a_loss_that_may_rise_must_not_explode():
    t = np.arange(400)
    found = watched(0.7 * np.where(t > 300, 2.0 ** np.maximum(t - 300, 0), 1.0), minimised=False)
    assert found is not None
    assert 300 < found < 325


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_stops_at_once(bad):
    assert watched([1.0, 1.0, bad]) == 2
    watch = Watch()
    with pytest.raises(DivergedError, match="step 3: the largest weight is not finite"):
        watch.see(3, 1.0, largest_weight=Signal(bad))


def test_a_signal_out_of_bounds():
    watch = Watch("energy", advice="a smaller learning rate may help")
    gone = Signal(0.0, low=1e-3, cause="the chains stand still")
    for step in range(4):
        watch.see(step, -1.0, acceptance=gone)
        assert not watch.calm
    watch.see(4, -1.0, acceptance=Signal(0.5, low=1e-3))
    assert watch.calm
    message = "step 9: acceptance 0 is below 0.001: the chains stand still; a smaller learning rate may help"
    for step in range(5, 9):
        watch.see(step, -1.0, acceptance=gone)
    with pytest.raises(DivergedError, match=message) as caught:
        watch.see(9, -1.0, acceptance=gone)
    assert caught.value.step == 9


def test_its_own_error_explains_a_rise():
    losses, errors = np.full(100, 1.0), np.full(100, 0.01)
    losses[50:], errors[50:] = 100.0, 50.0
    assert watched(losses, errors) is None
    assert watched(losses, np.full(100, 0.01)) == 54


def test_restored_it_judges_alike():
    """At whatever record it is saved."""
    t = np.arange(60)
    losses = 3 + 0.1 * noise("student", 60) + np.where(t > 40, 0.01 * 2.0 ** np.maximum(t - 40, 0), 0)
    for cut in range(1, 50, 3):
        whole, second = Watch(), Watch()
        for step in range(cut):
            whole.see(step, losses[step])
        second.restore(whole.state())
        assert [outcome(each, losses, cut) for each in (whole, second)] == [outcome(Watch(), losses, 0)] * 2


def outcome(watch: Watch, losses: np.ndarray, first: int) -> tuple[str, dict]:
    message = ""
    try:
        for step in range(first, len(losses)):
            watch.see(step, losses[step])
    except DivergedError as error:
        message = str(error)
    assert "above" in message
    return message, {name: np.asarray(each).tolist() for name, each in watch.state().items()}


def test_the_error_travels_between_processes():
    again = pickle.loads(pickle.dumps(DivergedError("step 3: gone", 3)))
    assert (str(again), again.step) == ("step 3: gone", 3)
    assert isinstance(again, ArithmeticError)
