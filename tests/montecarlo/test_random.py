"""One generator for each chain, saved and restored."""

import numpy as np
import pytest

from montecarlo.random import generator_states, restore_generators, spawn
from neural.saved import Saved


def draws(generators: list[np.random.Generator], n: int = 100) -> np.ndarray:
    return np.array([generator.standard_normal(n) for generator in generators])


def test_a_chain_has_the_same_numbers_whatever_the_number_of_chains():
    assert np.array_equal(draws(spawn(3, 2)), draws(spawn(3, 5))[:2])
    assert np.array_equal(draws(spawn(np.random.SeedSequence(3), 2)), draws(spawn(3, 2)))


def test_chains_and_seeds_differ():
    numbers = np.vstack([draws(spawn(seed, 20)) for seed in (0, 1, 2**64 + 1)])
    assert np.unique(numbers).size == numbers.size


def test_generators_of_one_seed_are_uncorrelated():
    """All correlations of 40 chains together, by chi-squared."""
    n = 10_000
    numbers = draws(spawn(0, 40), n)
    correlations = (numbers @ numbers.T / n)[np.triu_indices(40, 1)]
    z = (np.sum(n * correlations**2) - correlations.size) / np.sqrt(2 * correlations.size)
    assert abs(z) < 3.3


def restored_from(states: np.ndarray) -> list[np.random.Generator]:
    return restore_generators(Saved({"generators": states}), "generators", len(states))


@pytest.mark.parametrize("draw", ["standard_normal", "standard_exponential", "random"])
def test_restored_generators_continue(draw):
    generators = spawn(7, 3)
    for k, generator in enumerate(generators):
        getattr(generator, draw)(10 * k + 1)
    restored = restored_from(generator_states(generators))
    for one, other in zip(generators, restored, strict=True):
        assert np.array_equal(getattr(one, draw)(50), getattr(other, draw)(50))


def test_half_a_word_is_saved():
    """A 32-bit number leaves half of a 64-bit word for the next call."""
    (generator,) = spawn(0, 1)
    generator.integers(0, 2**32, dtype=np.uint32)
    states = generator_states([generator])
    assert states.shape == (1, 6)
    assert states.dtype == np.uint64
    assert states[0, 4] == 1
    (restored,) = restored_from(states)
    assert np.array_equal(
        generator.integers(0, 2**32, 9, dtype=np.uint32), restored.integers(0, 2**32, 9, dtype=np.uint32)
    )


def test_no_global_generator_is_touched():
    before = np.random.get_state()[1].copy()  # type: ignore  # noqa: NPY002
    draws(spawn(0, 2))
    assert np.array_equal(np.random.get_state()[1], before)  # type: ignore  # noqa: NPY002


def test_no_chains():
    assert spawn(0, 0) == []
    assert generator_states([]).shape == (0, 6)
    assert restored_from(np.empty((0, 6), dtype=np.uint64)) == []
