"""Feed-forward networks a_l = f_l(a_{l-1} W_l + b_l), l = 1..L, a_0 = x: batches of inputs, in NumPy.

A network is one vector of parameters and two integer arrays, so that networks of every architecture run through the
same machine code in ``neural.feedforward_kernels``, which serves one input at a time.
"""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from neural.activations import ACTIVATIONS, NAMES, Activation, activation_code, unknown
from neural.losses import Loss, check_outputs, find_loss
from neural.records import Record

Array = np.ndarray

INITIALISATIONS = {
    "glorot": lambda rng, n_in, n_out: rng.uniform(-1.0, 1.0, (n_in, n_out)) * np.sqrt(6.0 / (n_in + n_out)),
    "he": lambda rng, n_in, n_out: rng.normal(size=(n_in, n_out)) * np.sqrt(2.0 / n_in),
    "normal": lambda rng, n_in, n_out: rng.normal(size=(n_in, n_out)),
}


class Derivatives(NamedTuple):
    """A network and its derivatives for the inputs x, shape (n, d_in).

    ``value`` (n, d_out), ``gradient`` d a_k / d x_i (n, d_out, d_in), ``laplacian`` sum_i d2 a_k / d x_i2 (n, d_out);
    for d_out = 1 without the axis of the output: (n,), (n, d_in), (n,).
    """

    value: Array
    gradient: Array
    laplacian: Array


class _Layer(NamedTuple):
    weights: Array
    bias: Array
    f: Activation


class _Pass(NamedTuple):
    """What one layer saw: a = f(z), z = inputs W + b."""

    inputs: Array
    z: Array
    a: Array


class _Fields(NamedTuple):
    theta: Array
    sizes: Array
    codes: Array


class FeedForward(Record, _Fields):
    """A feed-forward network; make one with ``init`` or ``from_layers``.

    ``theta`` holds W_1, b_1, W_2, b_2, ... one after the other, each W_l of shape (n_in, n_out) column after column, so
    that the weights of one unit are contiguous; ``sizes`` the widths (d_in, ..., d_out); ``codes`` the activation of
    each layer. A gradient for the parameters is again a ``FeedForward``, with the derivatives in place of parameters.
    """

    __slots__ = ()

    @classmethod
    def init(
        cls,
        sizes: Sequence[int],
        activations: Sequence[str],
        seed: int | np.random.Generator,
        initialisation: str = "glorot",
        scale: float = 1.0,
    ) -> "FeedForward":
        """A random network of widths ``sizes`` = (d_in, hidden ..., d_out), one activation for each layer.

        The weights are ``scale`` times a draw: ``"glorot"`` uniform within sqrt(6 / (n_in + n_out)) (Glorot and
        Bengio, AISTATS 2010, eq. 16), ``"he"`` normal with variance 2 / n_in (He et al., arXiv:1502.01852, eq. 10),
        ``"normal"`` standard normal. The biases are zero. Raises ``ValueError`` for an unknown name or sizes that
        make no network.
        """
        if initialisation not in INITIALISATIONS:
            raise ValueError(unknown("initialisation", initialisation, INITIALISATIONS))
        net = _zeros(sizes, activations)
        rng = np.random.default_rng(seed)
        for weights in net.weights:
            weights[...] = scale * INITIALISATIONS[initialisation](rng, *weights.shape)
        return net

    @classmethod
    def from_layers(
        cls, weights: Sequence[Array], biases: Sequence[Array], activations: Sequence[str]
    ) -> "FeedForward":
        """The network with copies of these weights, each (n_in, n_out), and biases, each (n_out,)."""
        net = _zeros([len(weights[0]), *(len(b) for b in biases)], activations)
        for new, old in zip((*weights, *biases), (*net.weights, *net.biases), strict=True):
            if np.shape(new) != old.shape:
                raise ValueError(f"expected an array of shape {old.shape} between its neighbours, got {np.shape(new)}")
            old[...] = new
        return net

    @property
    def weights(self) -> tuple[Array, ...]:
        """W_1, W_2, ..., each (n_in, n_out): views, so that writing to them changes the network."""
        return tuple(layer.weights for layer in self._layers())

    @property
    def biases(self) -> tuple[Array, ...]:
        """b_1, b_2, ..., each (n_out,): views, so that writing to them changes the network."""
        return tuple(layer.bias for layer in self._layers())

    @property
    def activations(self) -> tuple[str, ...]:
        """The name of each layer's activation."""
        return tuple(NAMES[code] for code in self.codes)

    def __call__(self, x: Array) -> Array:
        """The outputs, shape (..., d_out), for inputs x, shape (..., d_in)."""
        return self._forward(self._inputs(x))[-1].a

    def backprop(self, x: Array, y: Array, loss: str | Loss = "sum_squared_error") -> tuple[float, "FeedForward"]:
        """The loss of the outputs for ``x`` (n, d_in) against ``y``, and its gradient for the parameters.

        ``loss`` is a name of ``neural.losses.LOSSES`` or a function like those. Raises ``ValueError`` for a loss of
        logits where the last activation is bounded, as a sigmoid is.
        """
        function = self.check_loss(loss)
        trace = self._forward(self._inputs(x, ndim=2))
        value, output_gradient = function(trace[-1].a, y)
        return value, self._pullback(trace, output_gradient)[0]

    def check_loss(self, loss: str | Loss) -> Loss:
        """The loss of that name, if it is one for the outputs of this network; ``ValueError`` otherwise."""
        function = find_loss(loss)
        check_outputs(function, NAMES[self.codes[-1]])
        return function

    def pullback(self, x: Array, output_gradient: Array) -> tuple["FeedForward", Array]:
        """The gradients of sum(output_gradient * net(x)) for the parameters and for x, the latter (n, d_in).

        ``output_gradient`` has the shape of ``net(x)``, (n, d_out). With the gradient that a loss returns this is
        backpropagation to the inputs; with ones, for d_out = 1, the second is the gradient of each output.
        """
        trace = self._forward(self._inputs(x, ndim=2))
        expected, found = trace[-1].a.shape, np.shape(output_gradient)
        if found != expected:
            raise ValueError(f"expected an output gradient of shape {expected}, got {found}")
        gradient, delta = self._pullback(trace, output_gradient)
        return gradient, delta @ self.weights[0].T

    def per_sample_gradients(self, x: Array) -> Array:
        """d a_k / d theta for every input of ``x`` (n, d_in): shape (n, d_out, n_parameters).

        For d_out = 1 the axis of the output is dropped: (n, n_parameters), in the order of ``flatten``.
        """
        trace, layers = self._forward(self._inputs(x, ndim=2)), self._layers()
        n, d_out = trace[-1].a.shape
        out = np.empty((n, d_out, self.theta.size))
        blocks, delta = self._replace(theta=out)._layers(), np.eye(d_out)[None]
        for l in reversed(range(len(layers))):
            delta = delta * layers[l].f.slope(trace[l].z, trace[l].a)[:, None]
            np.multiply(trace[l].inputs[:, None, :, None], delta[:, :, None], out=blocks[l].weights)
            blocks[l].bias[...] = delta
            delta = _matmul(delta, layers[l].weights.T)
        return out[:, 0] if d_out == 1 else out

    def laplacian(self, x: Array) -> Derivatives:
        """Value, gradient and Laplacian for the inputs x (n, d_in), carried forward together through the layers.

        With z = a W + b a layer maps the Jacobian J to f'(z) (J W) and the Laplacian D to
        f'(z) (D W) + f''(z) sum_i (J W)_i^2; at the inputs J = 1 and D = 0.
        """
        a = self._inputs(x, ndim=2)
        jacobian, laplacian = np.eye(a.shape[1])[None], np.zeros_like(a)
        for weights, bias, f in self._layers():
            z, jacobian, laplacian = a @ weights + bias, _matmul(jacobian, weights), laplacian @ weights
            a = f.value(z)
            slope = f.slope(z, a)
            laplacian = slope * laplacian + f.curvature(z, a) * np.sum(jacobian**2, axis=1)
            jacobian = slope[:, None] * jacobian
        if a.shape[1] == 1:
            return Derivatives(a[:, 0], jacobian[:, :, 0], laplacian[:, 0])
        return Derivatives(a, jacobian.transpose(0, 2, 1), laplacian)

    def _layers(self) -> list[_Layer]:
        """Views of the last axis of theta."""
        layers, start, leading = [], 0, self.theta.shape[:-1]
        for n_in, n_out, name in zip(self.sizes[:-1], self.sizes[1:], self.activations, strict=True):
            middle, stop = start + n_in * n_out, start + (n_in + 1) * n_out
            weights = self.theta[..., start:middle].reshape(*leading, n_out, n_in).swapaxes(-1, -2)
            layers.append(_Layer(weights, self.theta[..., middle:stop], ACTIVATIONS[name]))
            start = stop
        return layers

    def _inputs(self, x: Array, ndim: int | None = None) -> Array:
        x = np.asarray(x, dtype=np.float64)
        if x.shape[-1:] != (self.sizes[0],) or ndim not in (None, x.ndim):
            raise ValueError(f"expected inputs of shape ({'n' if ndim else '...'}, {self.sizes[0]}), got {x.shape}")
        return x

    def _forward(self, a: Array) -> list[_Pass]:
        trace = []
        for weights, bias, f in self._layers():
            z = a @ weights
            z += bias
            trace.append(_Pass(a, z, f.value(z)))
            a = trace[-1].a
        return trace

    def _pullback(self, trace: list[_Pass], delta: Array) -> tuple["FeedForward", Array]:
        """The gradient for the parameters and for z_1, given ``delta`` for the outputs (n, d_out)."""
        gradient = self._replace(theta=np.empty_like(self.theta))
        layers, derivatives = self._layers(), gradient._layers()
        for l in reversed(range(len(layers))):
            delta = delta * layers[l].f.slope(trace[l].z, trace[l].a)
            np.matmul(trace[l].inputs.T, delta, out=derivatives[l].weights)
            np.sum(delta, axis=0, out=derivatives[l].bias)
            if l > 0:
                delta = delta @ layers[l].weights.T
        return gradient, delta


def _matmul(stack: Array, weights: Array) -> Array:
    """(n, m, k) times (k, j) as one matrix product."""
    n, m, k = stack.shape
    return (stack.reshape(n * m, k) @ weights).reshape(n, m, weights.shape[1])


def _zeros(sizes: Sequence[int], activations: Sequence[str]) -> FeedForward:
    if len(sizes) < 2 or min(sizes) < 1:
        raise ValueError(f"expected at least two sizes (d_in, ..., d_out), all positive, got {tuple(sizes)}")
    if isinstance(activations, str) or len(activations) != len(sizes) - 1:
        raise ValueError(f"expected a tuple of {len(sizes) - 1} activations, one for each layer, got {activations!r}")
    n_parameters = sum((n_in + 1) * n_out for n_in, n_out in itertools.pairwise(sizes))
    codes = [activation_code(name) for name in activations]
    return FeedForward(np.zeros(n_parameters), np.array(sizes, dtype=np.int64), np.array(codes, dtype=np.int64))
