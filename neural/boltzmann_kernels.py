"""The energies of ``neural.boltzmann`` for one configuration, compiled, and without allocating memory.

A caller keeps v (n_visible,), the angles theta (n_hidden,) and the hidden means (n_hidden,) between calls:

    angles(machine, v, theta)                      theta = b + x W from scratch, n_visible * n_hidden operations
    shift_angles(machine, i, change, theta)        the same after v_i has moved by ``change``, n_hidden operations
    log_sum(machine, theta, means)                 sum_j g(theta_j); writes <h_j | v> into means
    visible_energy(machine, v)                     F(v) = visible_energy - log_sum
    visible_gradient(machine, v, means, i)         dF/dv_i, for Gaussian visibles
    visible_laplacian(machine, means)              sum_i d^2F/dv_i^2, for Gaussian visibles
    parameter_gradient(machine, v, means, out)     dF/d(parameters) in the order of ``flatten``
    draw_hidden, draw_visible                      the two halves of a Gibbs step

The symbols and their formulas are those of ``neural.boltzmann``.
"""

from typing import Any

import numpy as np
from numpy.random import Generator

from neural.boltzmann import BinaryBoltzmann, GaussianBoltzmann, SpinBoltzmann, log_2cosh_sum, softplus_sum
from neural.jit import generic, kernel
from neural.special import sigmoid

Array = np.ndarray
Machine = BinaryBoltzmann | SpinBoltzmann | GaussianBoltzmann


@generic
def log_sum(machine: Machine, theta: Array, means: Array) -> Any:
    """sum_j g(theta_j), and the means g'(theta_j) into ``means``: F(v) = visible_energy(machine, v) - log_sum."""


@log_sum.register(BinaryBoltzmann)
@log_sum.register(GaussianBoltzmann)
def _(machine, theta, means):
    return softplus_sum(theta, means)


@log_sum.register(SpinBoltzmann)
def _(machine, theta, means):
    return log_2cosh_sum(theta, means)


@kernel
def sigma_of(machine: Any, i: int) -> float:
    """sigma_i of Gaussian visibles, whether it is a number, one for all, or one for each visible unit."""
    if isinstance(machine.sigma, float):
        return machine.sigma
    return machine.sigma[min(i, machine.sigma.size - 1)]


@generic
def input_scale(machine: Machine, i: int) -> Any:
    """dx_i/dv_i: 1, or 1 / sigma_i^2 for Gaussian visibles."""


@input_scale.register(BinaryBoltzmann)
@input_scale.register(SpinBoltzmann)
def _(machine, i):
    return 1.0


@input_scale.register(GaussianBoltzmann)
def _(machine, i):
    return 1.0 / sigma_of(machine, i) ** 2


@kernel
def shift_angles(machine: Machine, i: int, change: float, theta: Array) -> None:
    """theta_j += W_ij dx_i: the angles after v_i has moved by ``change``."""
    step = change * input_scale(machine, i)
    row = machine.weights[i]
    for j in range(theta.size):
        theta[j] += row[j] * step


@kernel
def angles(machine: Machine, v: Array, theta: Array) -> None:
    """theta = b + x W, written into ``theta`` (n_hidden,)."""
    for j in range(theta.size):
        theta[j] = machine.hidden_bias[j]
    for i in range(v.size):
        shift_angles(machine, i, v[i], theta)


@generic
def visible_energy(machine: Machine, v: Array) -> Any:
    """The part of E without hidden units: -a.v, or sum_i (v_i - a_i)^2 / 2 sigma_i^2."""


@visible_energy.register(BinaryBoltzmann)
@visible_energy.register(SpinBoltzmann)
def _(machine, v):
    total = 0.0
    for i in range(v.size):
        total -= machine.visible_bias[i] * v[i]
    return total


@visible_energy.register(GaussianBoltzmann)
def _(machine, v):
    total = 0.0
    for i in range(v.size):
        total += ((v[i] - machine.visible_bias[i]) / sigma_of(machine, i)) ** 2
    return 0.5 * total


@kernel
def _pull(machine: Machine, means: Array, i: int) -> float:
    """(W <h>)_i."""
    row = machine.weights[i]
    total = 0.0
    for j in range(means.size):
        total += row[j] * means[j]
    return total


@generic
def visible_gradient(machine: Machine, v: Array, means: Array, i: int) -> Any:
    """dF/dv_i = (v_i - a_i - sum_j W_ij <h_j>) / sigma_i^2, for Gaussian visibles."""


@visible_gradient.register(GaussianBoltzmann)
def _(machine, v, means, i):
    return (v[i] - machine.visible_bias[i] - _pull(machine, means, i)) * input_scale(machine, i)


@generic
def visible_laplacian(machine: Machine, means: Array) -> Any:
    """sum_i d^2F/dv_i^2 = sum_i (1/sigma_i^2 - sum_j (W_ij/sigma_i^2)^2 <h_j>(1 - <h_j>)), for Gaussian visibles."""


@visible_laplacian.register(GaussianBoltzmann)
def _(machine, means):
    total = 0.0
    for i in range(machine.visible_bias.size):
        row = machine.weights[i]
        variance = 0.0
        for j in range(means.size):
            variance += row[j] ** 2 * means[j] * (1.0 - means[j])
        scale = input_scale(machine, i)
        total += scale - scale**2 * variance
    return total


@kernel
def _bias_and_weight_gradient(machine: Machine, v: Array, means: Array, centre: float, out: Array) -> None:
    """dF/da_i = -(x_i - centre x of a_i), dF/db = -<h>, dF/dW = -x (x) <h>; ``centre`` is 1 for Gaussian visibles."""
    n_visible, n_hidden = machine.weights.shape
    for j in range(n_hidden):
        out[n_visible + j] = -means[j]
    for i in range(n_visible):
        scale = input_scale(machine, i)
        x = v[i] * scale
        out[i] = centre * machine.visible_bias[i] * scale - x
        block = out[n_visible + n_hidden + i * n_hidden :]
        for j in range(n_hidden):
            block[j] = -x * means[j]


@generic
def parameter_gradient(machine: Machine, v: Array, means: Array, out: Array) -> Any:
    """dF/d(parameters) into ``out`` (n_parameters,), in the order of ``flatten``."""


@parameter_gradient.register(BinaryBoltzmann)
@parameter_gradient.register(SpinBoltzmann)
def _(machine, v, means, out):
    _bias_and_weight_gradient(machine, v, means, 0.0, out)


@parameter_gradient.register(GaussianBoltzmann)
def _(machine, v, means, out):
    _bias_and_weight_gradient(machine, v, means, 1.0, out)
    if not isinstance(machine.sigma, float):
        _sigma_gradient(machine, v, means, out[out.size - machine.sigma.size :])


@kernel
def _sigma_gradient(machine: Machine, v: Array, means: Array, out: Array) -> None:
    """dF/dsigma_i = (2 v_i (W <h>)_i - (v_i - a_i)^2) / sigma_i^3, summed over i if there is one sigma for all."""
    out[:] = 0.0
    for i in range(v.size):
        squared_distance = (v[i] - machine.visible_bias[i]) ** 2
        slope = 2.0 * v[i] * _pull(machine, means, i) - squared_distance
        out[min(i, out.size - 1)] += slope / sigma_of(machine, i) ** 3


@generic
def draw_hidden(machine: Machine, means: Array, generator: Generator, h: Array) -> Any:
    """h ~ p(h | v) into ``h``, from the conditional means and one uniform of ``generator`` for each unit."""


@draw_hidden.register(BinaryBoltzmann)
@draw_hidden.register(GaussianBoltzmann)
def _(machine, means, generator, h):
    for j in range(h.size):
        h[j] = 1.0 if generator.random() < means[j] else 0.0


@draw_hidden.register(SpinBoltzmann)
def _(machine, means, generator, h):
    for j in range(h.size):
        h[j] = 1.0 if 2.0 * generator.random() - 1.0 < means[j] else -1.0


@generic
def draw_visible(machine: Machine, h: Array, generator: Generator, v: Array) -> Any:
    """v ~ p(v | h) into ``v``, from one uniform of ``generator`` for each unit, or one standard normal."""


@draw_visible.register(BinaryBoltzmann)
def _(machine, h, generator, v):
    for i in range(v.size):
        field = machine.visible_bias[i] + _pull(machine, h, i)
        v[i] = 1.0 if generator.random() < sigmoid(field) else 0.0


@draw_visible.register(SpinBoltzmann)
def _(machine, h, generator, v):
    for i in range(v.size):
        field = machine.visible_bias[i] + _pull(machine, h, i)
        v[i] = 1.0 if generator.random() < sigmoid(2.0 * field) else -1.0


@draw_visible.register(GaussianBoltzmann)
def _(machine, h, generator, v):
    for i in range(v.size):
        mean = machine.visible_bias[i] + _pull(machine, h, i)
        v[i] = mean + sigma_of(machine, i) * generator.standard_normal()
