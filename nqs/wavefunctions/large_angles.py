"""Compiled: ratios of a spin machine by logarithms, right within rounding for parameters of any size.

    log psi(x') - log psi(x) = -2 sum_k a_k s_k + sum_j ( log cosh theta'_j - log cosh theta_j )

Each logarithm costs as much as a dozen of the products that ``spin_machine`` uses instead. But in those products
cosh 2W - sinh 2W = exp(-2W) loses digits for large W, for many sites at once sooner, and exp(2 theta) overflows.
"""

import numpy as np

from neural.jit import kernel

LARGE = 6.0  # weight, times the sites of a move: beyond it products lose more than 1e-6 of a ratio
STEEP = 4.0  # weight: beyond it exp(2 theta) loses too much in each update by products
WIDE = 150.0  # angle that some configuration can have: beyond it exp(2 theta) cannot be kept
SMALLEST, LARGEST = 1e-290, 1e290  # results of products in between are right


def largest_weight(weights: np.ndarray) -> float:
    """max |Re W|."""
    return float(np.abs(np.real(weights)).max(initial=0.0))


def needs_logarithms(hidden_bias: np.ndarray, weights: np.ndarray) -> bool:
    """Whether updates by products could go wrong in some configuration."""
    widest = float(np.max(np.abs(np.real(hidden_bias)) + np.abs(np.real(weights)).sum(axis=0), initial=0.0))
    return not (widest <= WIDE and largest_weight(weights) <= STEEP)


@kernel
def within_range(z):
    """Whether a product of many numbers has neither overflowed nor lost digits to an underflow."""
    size = abs(z.real) + abs(z.imag)
    return size > SMALLEST and size < LARGEST  # False for NaN


@kernel
def log_cosh(z):
    """log cosh z = z + log(1 + exp(-2 z)) - log 2 for Re z >= 0, and it is even."""
    z = z if z.real >= 0.0 else -z
    return z + np.log(1.0 + np.exp(-2.0 * z)) - np.log(2.0)


@kernel
def angle(work, j):
    """theta_j, up to a multiple of i pi, which changes the sign of cosh."""
    complex_parts = work.theta.shape[0] > 1
    if work.by_logarithms:
        return complex(work.theta[0, j], work.theta[1, j] if complex_parts else 0.0)
    return 0.5 * np.log(complex(work.u[0, j], work.u[1, j] if complex_parts else 0.0))


@kernel
def log_ratio_by_logarithms(work, x, flips):
    """log( psi(x') / psi(x) ), complex, for x' with the sites of ``flips`` turned over."""
    complex_parts = work.theta.shape[0] > 1
    value = 0j
    for k in range(1, flips[0] + 1):
        i = flips[k]
        value -= 2.0 * x[i] * complex(work.visible_bias[0, i], work.visible_bias[1, i] if complex_parts else 0.0)
    for j in range(work.theta.shape[1]):
        theta = angle(work, j)
        turned = theta
        for k in range(1, flips[0] + 1):
            i = flips[k]
            turned -= 2.0 * x[i] * complex(work.weights[i, 0, j], work.weights[i, 1, j] if complex_parts else 0.0)
        value += log_cosh(turned) - log_cosh(theta)
    return value


@kernel
def ratio_by_logarithms(work, x, flips):
    """psi(x') / psi(x), not above the largest double."""
    value = log_ratio_by_logarithms(work, x, flips)
    size = np.exp(min(value.real, 700.0))
    return complex(size * np.cos(value.imag), size * np.sin(value.imag)) if work.theta.shape[0] > 1 else size + 0j
