"""The elementary functions of the kernels against 80-bit arithmetic, and where they overflow."""

import numpy as np
import pytest

from neural.jit import bits_of_float, bits_of_float32, count_ones, float32_of_bits, float_of_bits, kernel
from neural.special import exp, exp_of_negative_32, sigmoid, sigmoid_32, softplus

pytestmark = pytest.mark.interpreted
EPSILON = np.finfo(np.float64).eps


@kernel
def _each(x, exponentials, sigmoids, softpluses):
    """A loop over arrays, since only there does the compiler vectorise."""
    for i in range(x.size):
        exponentials[i] = exp(x[i])
        sigmoids[i] = sigmoid(x[i])
        softpluses[i] = softplus(x[i])


@kernel
def _through_bits(x, bits, back):
    for i in range(x.size):
        bits[i] = bits_of_float(x[i])
        back[i] = float_of_bits(bits[i])


@kernel
def _each_32(x, exponentials, sigmoids, back):
    for i in range(x.size):
        exponentials[i] = exp_of_negative_32(-abs(x[i]))
        sigmoids[i] = sigmoid_32(x[i])
        back[i] = float32_of_bits(bits_of_float32(x[i]))


def evaluate(x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    out = np.empty((3, x.size))
    _each(x, *out)
    return out[0], out[1], out[2]


def relative_error(found: np.ndarray, exact: np.ndarray) -> float:
    return float(np.max(np.abs((found - exact) / exact)))


def extended(x: np.ndarray) -> np.ndarray:
    if np.finfo(np.longdouble).eps > EPSILON / 100:
        pytest.skip("needs a long double of more than 64 bits")
    return x.astype(np.longdouble)


def test_exp_within_4e_16():
    x = np.random.default_rng(0).uniform(-708, 709, 20_000)
    assert relative_error(evaluate(x)[0], np.exp(extended(x))) < 4e-16


def test_exp_of_small_arguments():
    x = np.concatenate([s * np.logspace(-300, 0, 301) for s in (-1.0, 1.0)])
    assert relative_error(evaluate(x)[0], np.exp(extended(x))) < 4e-16
    assert evaluate(np.zeros(1))[0][0] == 1.0


def test_sigmoid_and_softplus_to_rounding():
    x = np.random.default_rng(1).uniform(-700, 700, 20_000)
    x[::2] /= 50  # as many in the bend as on the asymptotes
    _, sigmoids, softpluses = evaluate(x)
    assert relative_error(sigmoids, 1 / (1 + np.exp(-extended(x)))) < 4 * EPSILON
    assert relative_error(softpluses, np.log1p(np.exp(extended(x)))) < 4 * EPSILON


def test_extreme_arguments():
    x = np.array([-np.inf, -1e308, -709.0, 709.5, 1e308, np.inf, np.nan])
    exponentials, sigmoids, softpluses = evaluate(x)
    assert np.all((exponentials[:3] > 0) & (exponentials[:3] < 1e-307))
    assert np.all(exponentials[3:6] == np.inf)
    assert np.all((sigmoids[:3] >= 0) & (sigmoids[:3] < 1e-307))
    assert np.all(sigmoids[3:6] == 1)
    assert np.all((softpluses[:3] >= 0) & (softpluses[:3] < 1e-307))
    assert np.array_equal(softpluses[3:6], x[3:6])
    assert np.isnan([exponentials[6], sigmoids[6], softpluses[6]]).all()


def test_bits_of_floats():
    x = np.array([0.0, -0.0, 1.0, -1.5, 5e-324, np.inf])
    bits, back = np.empty(x.size, dtype=np.int64), np.empty(x.size)
    _through_bits(x, bits, back)
    assert np.array_equal(bits, x.view(np.int64))
    assert np.array_equal(back.view(np.int64), x.view(np.int64))


def test_single_precision():
    x = np.linspace(-80, 80, 20_001).astype(np.float32)
    exponentials, sigmoids, back = np.empty((3, x.size), dtype=np.float32)
    _each_32(x, exponentials, sigmoids, back)
    epsilon = np.finfo(np.float32).eps
    assert relative_error(exponentials, np.exp(-np.abs(extended(x)))) < 2 * epsilon
    assert relative_error(sigmoids, 1 / (1 + np.exp(-extended(x)))) < 4 * epsilon
    assert np.array_equal(back.view(np.int32), x.view(np.int32))


def test_extreme_arguments_in_single_precision():
    x = np.array([-np.inf, -1e30, 1e30, np.inf, np.nan], dtype=np.float32)
    exponentials, sigmoids, back = np.empty((3, x.size), dtype=np.float32)
    _each_32(x, exponentials, sigmoids, back)
    assert np.all((exponentials[:4] >= 0) & (exponentials[:4] < 2e-38))
    assert np.all((sigmoids[:2] >= 0) & (sigmoids[:2] < 2e-38))
    assert np.all(sigmoids[2:4] == 1)
    assert np.isnan([exponentials[4], sigmoids[4]]).all()


@kernel
def _count_all(words, out):
    for i in range(words.size):
        out[i] = count_ones(words[i])


def test_ones_among_the_bits_of_a_word():
    words = np.array([0, 1, 2**63, 2**64 - 1, 0x5555555555555555, 0xF0F0F0F0F0F0F0F1], dtype=np.uint64)
    out = np.empty(len(words), dtype=np.int64)
    _count_all(words, out)
    assert out.tolist() == [0, 1, 1, 64, 32, 33]
