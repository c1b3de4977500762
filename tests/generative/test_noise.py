"""Noise: every row a stream of its own, uniform and normal."""

import numpy as np
import pytest
import torch
from scipy.stats import kstest

from generative.noise import Noise, generator, hashed, mix

pytestmark = pytest.mark.interpreted


def test_words_are_those_of_integer_arithmetic():
    golden, mask = 0x9E3779B97F4A7C15, 2**64 - 1
    noise = Noise(seed=7, n=3, first=5)
    words = torch.cat([noise.words(2), noise.words(3)], dim=1).numpy().astype(np.uint64)
    for row, found in enumerate(words):
        start = mix((hashed(7) + (5 + row + 1) * golden) & mask)
        assert [int(word) for word in found] == [mix((start + (k + 1) * golden) & mask) for k in range(5)]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_rows_do_not_depend_on_the_batch(dtype):
    whole = Noise(3, 100, dtype=dtype)
    parts = [Noise(3, n, first, dtype=dtype) for first, n in ((0, 1), (1, 60), (61, 39))]
    for draw in ("uniform", "normal", "uniform"):
        expected = getattr(whole, draw)(4, 3)
        assert expected.shape == (100, 4, 3)
        assert torch.equal(torch.cat([getattr(part, draw)(4, 3) for part in parts]), expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_distributions(dtype):
    noise = Noise(1, 200, dtype=dtype)
    u, z = noise.uniform(500).numpy(), noise.normal(500).numpy()
    assert u.min() >= 0
    assert u.max() < 1
    assert kstest(u.ravel(), "uniform").pvalue > 1e-3
    assert kstest(z.ravel(), "norm").pvalue > 1e-3
    # neighbouring rows and neighbouring numbers are uncorrelated: 1e5 products have a standard error of 0.0032
    assert abs(np.mean(z[1:] * z[:-1])) < 4 * 0.0032
    assert abs(np.mean(z[:, 1:] * z[:, :-1])) < 4 * 0.0032


def test_the_shared_generator_is_left_alone():
    before = torch.get_rng_state()
    Noise(0, 10).normal(3)
    torch.rand(3, generator=generator(1, 2))
    assert torch.equal(torch.get_rng_state(), before)


def test_seeds_of_several_numbers_differ_by_their_order():
    seeds = {hashed(a, b) for a in range(30) for b in range(30)}
    assert len(seeds) == 900
    assert hashed(1, 2) == hashed(1, 2)


def test_arguments_are_checked():
    with pytest.raises(ValueError, match="expected seed >= 0"):
        Noise(-1, 3)
