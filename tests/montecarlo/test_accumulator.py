"""Chains that arrive in rounds give the estimate of the whole chains, in bounded memory."""

import numpy as np
import pytest

from montecarlo import Accumulator, estimate, split_r_hat
from tests.helpers_coverage import autoregressive


def chains(n_chains: int, n_steps: int, tau: float = 5, seed: int = 0) -> np.ndarray:
    return autoregressive(np.random.default_rng(seed), (n_chains, n_steps), tau)


def in_rounds(values: np.ndarray, longest: int, seed: int) -> Accumulator:
    """Rounds of random lengths, 1 to ``longest``."""
    accumulator, rng, start = Accumulator(), np.random.default_rng(seed), 0
    while start < values.shape[1]:
        stop = start + int(rng.integers(1, longest + 1))
        accumulator.update(values[:, start:stop])
        start = stop
    return accumulator


@pytest.mark.parametrize(
    ("n_chains", "n_steps", "longest"),
    [(1, 5000, 100), (1, 300_001, 9000), (5, 40_003, 700), (256, 2049, 64), (64, 3, 1)],
)
def test_rounds_give_the_estimate_of_the_whole(n_chains, n_steps, longest):
    values = chains(n_chains, n_steps)
    whole, rounds = Accumulator().update(values), in_rounds(values, longest, seed=1)
    np.testing.assert_array_equal(rounds.blocks, whole.blocks)
    one, other = whole.estimate(), rounds.estimate()
    assert repr(one) == repr(estimate(values))
    for name in ("mean", "error", "tau", "r_hat", "n_eff", "variance", "dof"):
        assert getattr(other, name) == pytest.approx(getattr(one, name), rel=1e-11, nan_ok=True)


@pytest.mark.parametrize(("n_chains", "n_steps"), [(3, 87_654), (300, 1027)])
def test_blocks_keep_the_moments_of_all_values(n_chains, n_steps):
    """Means, variance and R-hat are exact although only block means are kept."""
    values = 7 + chains(n_chains, n_steps)
    accumulator = Accumulator().update(values)
    result = accumulator.estimate()
    assert accumulator.level > 0
    assert result.mean == pytest.approx(values.mean(), rel=1e-14)
    assert result.variance == pytest.approx(values.var(ddof=1), rel=1e-12)
    # The odd block in the middle and the steps that fill no block are left out of the halves.
    assert result.r_hat == pytest.approx(split_r_hat(values), abs=2e-4)


def test_r_hat_of_blocks_is_exact_where_they_fill_the_halves():
    values = chains(2, 2**17)
    accumulator = Accumulator().update(values)
    assert accumulator.level == 2
    assert accumulator.estimate().r_hat == pytest.approx(split_r_hat(values), rel=1e-13)


def test_error_from_blocks_agrees_with_that_from_steps(monkeypatch):
    """Within 2 / sqrt(2 dof), the uncertainty of the error (most of it common to both)."""
    values = chains(4, 16_000, tau=20)
    fine = estimate(values)
    monkeypatch.setattr("montecarlo.statistics.BLOCKS_IN_MEMORY", 1024)
    coarse = estimate(values)
    assert fine.error == pytest.approx(coarse.error, rel=2 / np.sqrt(2 * min(fine.dof, coarse.dof)))
    assert fine.tau == pytest.approx(coarse.tau, rel=4 / np.sqrt(2 * min(fine.dof, coarse.dof)))


@pytest.mark.parametrize(("n_chains", "n_rounds"), [(1, 100), (256, 50)])
def test_memory_is_bounded(n_chains, n_rounds):
    accumulator = Accumulator()
    rng = np.random.default_rng(2)
    for _ in range(n_rounds):
        accumulator.update(rng.standard_normal((n_chains, 2**18 // n_chains)))
        assert sum(array.nbytes for array in accumulator.state().values()) < 8 * 70_000
    assert accumulator.estimate().n == n_rounds * 2**18
    assert abs(accumulator.estimate().z(0.0)) < 3.3


def test_a_restored_accumulator_continues_to_the_same_bits():
    values = chains(3, 70_123)
    original = Accumulator().update(values[:, :50_001])
    state = original.state()
    restored = Accumulator.from_state(state)
    for accumulator in (original, restored):
        accumulator.update(values[:, 50_001:60_000]).update(values[:, 60_000:])
    assert original.estimate() == restored.estimate()
    assert set(state) == set(restored.state())
    for name, array in original.state().items():
        np.testing.assert_array_equal(array, restored.state()[name])


def test_a_state_is_not_changed_by_further_rounds():
    accumulator = Accumulator().update(chains(1, 70_001))
    state = accumulator.state()
    before = {name: array.copy() for name, array in state.items()}
    accumulator.update(chains(1, 999))
    for name, array in state.items():
        np.testing.assert_array_equal(array, before[name])


def test_values_handed_over_may_be_overwritten():
    values = chains(2, 100)
    accumulator = Accumulator().update(values)
    expected = accumulator.estimate(warn=False)
    values[:] = 0
    assert accumulator.estimate(warn=False) == expected


def test_misuse_is_refused():
    with pytest.raises(ValueError, match="call update first"):
        Accumulator().estimate()
    with pytest.raises(ValueError, match="expected a round of the same 4 chains, found 3"):
        Accumulator().update(np.ones((4, 2))).update(np.ones((3, 2)))
