"""A feed-forward network of the spins as a wave function."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from montecarlo.metropolis import accept, refresh, workspace
from neural import feedforward_kernels as network
from neural.feedforward import FeedForward
from neural.jit import kernel
from nqs.complex_derivatives import RealParameters
from nqs.log_derivatives import Dense, Jacobian
from nqs.spins import multiply_flip_ratios, ratio
from nqs.systems.spin_system import SpinSystem, check_spins
from nqs.systems.system import check_positive_integer
from nqs.wavefunctions.spin_rbm import check_dtype
from nqs.wavefunctions.spin_state import SpinState
from nqs.wavefunctions.wavefunction import jacobian, log_psi, log_ratio, row_size, write_row


class _Fields(NamedTuple):
    net: FeedForward
    sector: np.ndarray  # (0,) or (1,): the magnetisation in which psi is not 0


class SpinNeural(SpinState, _Fields):
    """psi(s) = exp( f(s) ), or exp( f_1(s) + i f_2(s) ): a network f with one output, or with two for a phase.

    The parameters are real. What enters the first activation, z = b + W^T s, is kept, so that turning a site over
    changes it by one row of W.

    Parameters
    ----------
    system : the system it is for
    hidden : the widths of the hidden layers
    activation : of the hidden layers
    dtype : complex for two outputs, float for a positive psi
    seed : of the weights (Glorot); those of the outputs are scaled by ``scale``, so that psi starts nearly constant

    Raises
    ------
    ValueError : for parameters outside these ranges

    Source: Z. Cai and J. Liu, Phys. Rev. B 97, 035116 (2018), eq. (3).
    """

    __slots__ = ()

    def __new__(
        cls,
        system: SpinSystem,
        hidden: Sequence[int] = (32, 32),
        *,
        activation: str = "tanh",
        dtype: type = complex,
        seed: int = 0,
        scale: float = 0.1,
    ) -> "SpinNeural":
        space = check_spins(system)
        if not isinstance(hidden, Sequence) or len(hidden) == 0:
            raise ValueError(f"expected the widths of the hidden layers, such as (32, 32), got {hidden!r}")
        widths = [check_positive_integer("hidden", width) for width in hidden]
        sizes = (system.n_sites, *widths, 2 if check_dtype(dtype) else 1)
        net = FeedForward.init(sizes, [activation] * len(widths) + ["identity"], seed=seed)
        net.weights[-1][...] *= scale
        return cls._make((net, space.sector))

    @property
    def shape(self) -> tuple[int]:
        return (int(self.net.sizes[0]),)

    @property
    def is_complex(self) -> bool:
        return bool(self.net.sizes[-1] == 2)


class Work(NamedTuple):
    net: network.Workspace
    weights: np.ndarray  # W of the first layer, (n_sites, n_units)
    bias: np.ndarray  # (n_units,)
    angles: np.ndarray  # (2, n_units): z now, and for a proposed move
    output: np.ndarray  # f_1 and f_2 now


@workspace.register(SpinNeural)
def _(psi):
    weights, bias = np.ascontiguousarray(psi.net.weights[0]), psi.net.biases[0].copy()
    net = network.workspace(psi.net, n_outputs=int(psi.net.sizes[-1]))
    return Work(net, weights, bias, np.empty((2, bias.size)), np.zeros(2))


@refresh.register(SpinNeural)
def _(psi, work, x):
    for j in range(work.bias.size):
        work.angles[0, j] = work.bias[j]
    for i in range(x.size):
        _add(float(x[i]), work.weights[i], work.angles[0])
    value = _evaluate(psi, work, work.angles[0])
    work.output[0] = value.real
    work.output[1] = value.imag


@kernel
def _add(factor, vector, out):
    for j in range(np.uintp(out.size)):
        out[j] += factor * vector[j]


@kernel
def _evaluate(psi, work, angles):
    """f_1 + i f_2 for what enters the first activation."""
    n_sites = psi.net.sizes[0]
    for j in range(angles.size):
        work.net.values[n_sites + j] = angles[j]
    last = network.continue_from_first(psi.net, work.net)
    if psi.net.sizes[-1] == 1:
        return complex(last, 0.0)
    return complex(work.net.values[work.net.values.size - 2], last)


@kernel
def _turned(psi, work, x, flips):
    """f for x with the sites of ``flips`` turned over, minus f now; leaves z in ``angles[1]``."""
    for j in range(work.bias.size):
        work.angles[1, j] = work.angles[0, j]
    for k in range(1, flips[0] + 1):
        _add(-2.0 * x[flips[k]], work.weights[flips[k]], work.angles[1])
    return _evaluate(psi, work, work.angles[1]) - complex(work.output[0], work.output[1])


@log_psi.register(SpinNeural)
def _(psi, work, x):
    return complex(work.output[0], work.output[1])


@log_ratio.register(SpinNeural)
def _(psi, work, x, i, new):
    return _turned(psi, work, x, new).real


@accept.register(SpinNeural)
def _(psi, work, x, i, new):
    """The network has seen the move last: its z and its outputs are those of the new configuration."""
    values = work.net.values
    for j in range(work.bias.size):
        work.angles[0, j] = work.angles[1, j]
    work.output[0] = values[values.size - psi.net.sizes[-1]]
    work.output[1] = values[values.size - 1] if psi.net.sizes[-1] == 2 else 0.0


@kernel
def _exp(z):
    size = np.exp(z.real)
    return complex(size, 0.0) if z.imag == 0.0 else complex(size * np.cos(z.imag), size * np.sin(z.imag))


@ratio.register(SpinNeural)
def _(psi, work, x, flips):
    return _exp(_turned(psi, work, x, flips))


@multiply_flip_ratios.register(SpinNeural)
def _(psi, work, x, out):
    for i in range(x.size):
        for j in range(work.bias.size):
            work.angles[1, j] = work.angles[0, j] - 2.0 * x[i] * work.weights[i, j]
        change = _evaluate(psi, work, work.angles[1]) - complex(work.output[0], work.output[1])
        factor = complex(out[0, i], out[1, i]) * _exp(change)
        out[0, i], out[1, i] = factor.real, factor.imag


@row_size.register(SpinNeural)
def _(psi):
    return psi.net.sizes[0]


@write_row.register(SpinNeural)
def _(psi, work, x, row):
    for i in range(x.size):
        row[i] = x[i]


@jacobian.register(SpinNeural)
def _(psi: SpinNeural, rows: np.ndarray) -> Jacobian:
    gradients = psi.net.per_sample_gradients(rows)
    return RealParameters(Dense(gradients[:, 0] + 1j * gradients[:, 1])) if psi.is_complex else Dense(gradients)
