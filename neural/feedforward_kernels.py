"""Compiled feed-forward networks, most with one output such as log psi(x): one input at a time.

Each function takes the network, a ``workspace`` made once for each thread, and the input x, a contiguous vector of
shape (d_in,), and allocates nothing. The formulas for batches are in ``neural.feedforward``.
"""

from typing import NamedTuple

import numpy as np

from neural.activations import IDENTITY, activate
from neural.feedforward import FeedForward
from neural.jit import kernel

Array = np.ndarray

TILED = 32  # inputs of a layer from which taking four outputs together pays


class Workspace(NamedTuple):
    """What the kernels write on, for one thread; see ``workspace``.

    ``values``, ``slopes`` and ``adjoints`` hold a_l, f'(z_l) and d output / d z_l, l = 0..L, one after the other;
    ``left`` and ``right`` the rows a, J_1 ... J_d, D of a layer and of the next; ``slope`` and ``curvature`` f' and f''
    of one layer.
    """

    values: Array
    slopes: Array
    adjoints: Array
    left: Array
    right: Array
    slope: Array
    curvature: Array


def workspace(net: FeedForward, n_directions: int = 0, n_outputs: int = 1) -> Workspace:
    """Space for the kernels on ``net``; ``n_directions`` is that of ``laplacian_along``, if it is used.

    Only ``continue_from_first`` is for networks of several outputs. Raises ``ValueError`` unless there are
    ``n_outputs`` of them.
    """
    if net.sizes[-1] != n_outputs:
        expected = "one output" if n_outputs == 1 else f"{n_outputs} outputs"
        raise ValueError(f"the kernels are for networks with {expected}, this one has {net.sizes[-1]}")
    total, widest = net.sizes.sum(), net.sizes.max()
    n = max(int(net.sizes[0]), n_directions)
    rows = (2 + n + n % 2) * widest  # a, J and D; ``_product`` takes two at a time
    return Workspace(
        values=np.zeros(total),
        slopes=np.ones(total),  # those of the inputs stay 1
        adjoints=np.zeros(total),
        left=np.zeros(rows),
        right=np.zeros(rows),
        slope=np.zeros(widest),
        curvature=np.zeros(widest),
    )


@kernel
def value(net: FeedForward, work: Workspace, x: Array) -> float:
    """The output for one input x, shape (d_in,)."""
    n, width = x.size, net.sizes[1]
    _copy(x, work.values)
    _affine(net.theta[: (n + 1) * width], x, work.values[n : n + width])
    return continue_from_first(net, work)


@kernel
def continue_from_first(net: FeedForward, work: Workspace) -> float:
    """The last output, where z_1 stands in ``work.values`` behind the inputs; all are the last ``work.values``."""
    start, position, n_in = 0, int(net.sizes[0]), int(net.sizes[0])
    for l in range(net.codes.size):
        n_out = net.sizes[l + 1]
        stop, end = start + (n_in + 1) * n_out, position + n_out
        z = work.values[position:end]
        if l > 0:
            _affine(net.theta[start:stop], work.values[position - n_in : position], z)
        activate(net.codes[l], z, work.slopes[position:end], work.curvature)
        start, position, n_in = stop, end, n_out
    return work.values[position - 1]


@kernel
def value_gradient(net: FeedForward, work: Workspace, x: Array, gradient: Array) -> float:
    """The output for one input x; d output / d x_i goes to ``gradient``, both of shape (d_in,)."""
    output = value(net, work, x)
    _backward(net, work)
    _copy(work.adjoints[: x.size], gradient)
    return output


@kernel
def parameter_gradient(net: FeedForward, work: Workspace, x: Array, out: Array) -> float:
    """The output for one input x; d output / d theta goes to ``out``, shape (n_parameters,), as ``flatten`` orders."""
    output = value(net, work, x)
    _backward(net, work)
    start, position, n_in = 0, x.size, x.size
    for l in range(net.codes.size):
        n_out = net.sizes[l + 1]
        a, delta = work.values[position - n_in : position], work.adjoints[position : position + n_out]
        for o in range(n_out):
            _scaled(delta[o], a, out[start : start + n_in])
            start += n_in
        _copy(delta, out[start : start + n_out])
        start, position, n_in = start + n_out, position + n_out, n_out
    return output


@kernel
def laplacian(net: FeedForward, work: Workspace, x: Array, gradient: Array) -> tuple[float, float]:
    """The output and its Laplacian for one input x; the gradient goes to ``gradient``, both of shape (d_in,).

    The rows a, J_1 ... J_d, D of ``FeedForward.laplacian`` pass each layer in one matrix product.
    """
    d, n = x.size, net.sizes[1]
    stop = (d + 1) * n
    _affine(net.theta[:stop], x, work.left[:n])
    for i in range(d):
        for o in range(n):
            work.left[(i + 1) * n + o] = net.theta[o * d + i]  # J W = W, as J = 1
    _fill(0.0, work.left[(d + 1) * n : (d + 2) * n])
    _bend(net.codes[0], d, n, work.left, work)
    return _propagate(net, work, 1, stop, gradient)


@kernel
def laplacian_along(
    net: FeedForward, work: Workspace, x: Array, jacobian: Array, second: Array, gradient: Array
) -> tuple[float, float]:
    """The output and its Laplacian for y, where the inputs x(y) are themselves functions of coordinates y.

    ``jacobian`` d x_i / d y_c, shape (n_directions, d_in); ``second`` the Laplacian of each x_i for y, shape (d_in,).
    The gradient for y goes to ``gradient``, shape (n_directions,). Raises ``ValueError`` if the workspace was made for
    fewer directions.
    """
    n, d = jacobian.shape
    if work.left.size < (2 + n + n % 2) * work.slope.size:
        raise ValueError("expected a workspace with more directions: make it by workspace(net, n_directions)")
    _copy(x, work.left)
    for c in range(n):
        _copy(jacobian[c], work.left[(c + 1) * d :])
    _copy(second, work.left[(n + 1) * d :])
    return _propagate(net, work, 0, 0, gradient)


@kernel
def _propagate(net: FeedForward, work: Workspace, first: int, start: int, gradient: Array) -> tuple[float, float]:
    """The rows in ``work.left`` through the layers from ``first``, whose parameters begin at ``start``, to the last."""
    n, inputs, outputs = gradient.size, work.left, work.right
    for l in range(first, net.codes.size):
        n_in, n_out = net.sizes[l], net.sizes[l + 1]
        middle, stop = start + n_in * n_out, start + (n_in + 1) * n_out
        _product(net.theta[start:middle], n + 2, n_in, inputs, n_out, outputs)
        _add(net.theta[middle:stop], outputs)
        _bend(net.codes[l], n, n_out, outputs, work)
        start, inputs, outputs = stop, outputs, inputs
    _copy(inputs[1 : n + 1], gradient)
    return inputs[0], inputs[n + 1]


@kernel
def _bend(code: int, n_directions: int, width: int, rows: Array, work: Workspace) -> None:
    """Activation of the rows z, J, D of a layer: a = f(z), D <- f' D + f'' sum_i J_i^2, J <- f' J."""
    if code == IDENTITY:
        return
    slope, curvature = work.slope[:width], work.curvature[:width]
    activate(code, rows[:width], slope, curvature)
    second = rows[(n_directions + 1) * width : (n_directions + 2) * width]
    for o in range(width):
        second[o] *= slope[o]
    for c in range(1, n_directions + 1):
        row = rows[c * width : (c + 1) * width]
        for o in range(width):
            second[o] += curvature[o] * row[o] * row[o]
            row[o] *= slope[o]


@kernel
def _backward(net: FeedForward, work: Workspace) -> None:
    """d output / d z_l for every layer, and for the inputs, after ``value``: delta <- f' (W delta)."""
    stop, end = net.theta.size, work.values.size
    work.adjoints[end - 1] = work.slopes[end - 1]
    for l in range(net.codes.size - 1, -1, -1):
        n_in, n_out = net.sizes[l], net.sizes[l + 1]
        start, position = stop - (n_in + 1) * n_out, end - n_out
        delta, slope = work.adjoints[position - n_in : position], work.slopes[position - n_in : position]
        _back(net.theta[start:stop], work.adjoints[position:end], delta)
        for i in range(n_in):
            delta[i] *= slope[i]
        stop, end = start, position


# A layer's ``parameters`` are the rows of W^T, one for each output, then b. Rows are slices of flat vectors, as a
# reshape costs more than a row.


@kernel
def _affine(parameters: Array, a: Array, z: Array) -> None:
    """z = a W + b."""
    n_in = a.size
    bias = parameters[z.size * n_in :]
    for o in range(z.size):
        z[o] = bias[o] + _dot(a, parameters[o * n_in : (o + 1) * n_in])


@kernel
def _product(parameters: Array, n_rows: int, n_in: int, rows: Array, n_out: int, out: Array) -> None:
    """out = rows W, for (n_rows, n_in) and (n_rows, n_out) held flat, where an odd number of rows writes one more.

    Two rows share each weight, and with many inputs four outputs each input, so that fewer numbers are loaded.
    """
    tiled = n_out - n_out % 4 if n_in >= TILED else 0
    for r in range(0, n_rows, 2):
        x, y = rows[r * n_in : (r + 1) * n_in], rows[(r + 1) * n_in : (r + 2) * n_in]
        xw, yw = out[r * n_out : (r + 1) * n_out], out[(r + 1) * n_out : (r + 2) * n_out]
        for o in range(0, tiled, 4):
            w0, w1 = parameters[o * n_in : (o + 1) * n_in], parameters[(o + 1) * n_in : (o + 2) * n_in]
            w2, w3 = parameters[(o + 2) * n_in : (o + 3) * n_in], parameters[(o + 3) * n_in : (o + 4) * n_in]
            x0 = x1 = x2 = x3 = y0 = y1 = y2 = y3 = 0.0
            for i in range(n_in):
                x0 += x[i] * w0[i]
                x1 += x[i] * w1[i]
                x2 += x[i] * w2[i]
                x3 += x[i] * w3[i]
                y0 += y[i] * w0[i]
                y1 += y[i] * w1[i]
                y2 += y[i] * w2[i]
                y3 += y[i] * w3[i]
            xw[o], xw[o + 1], xw[o + 2], xw[o + 3] = x0, x1, x2, x3
            yw[o], yw[o + 1], yw[o + 2], yw[o + 3] = y0, y1, y2, y3
        for o in range(tiled, n_out):
            w = parameters[o * n_in : (o + 1) * n_in]
            x0 = y0 = 0.0
            for i in range(n_in):
                x0 += x[i] * w[i]
                y0 += y[i] * w[i]
            xw[o], yw[o] = x0, y0


@kernel
def _back(parameters: Array, delta: Array, out: Array) -> None:
    """out = W delta."""
    n_in, n_out = out.size, delta.size
    _fill(0.0, out)
    for o in range(0, n_out - 3, 4):
        w0, w1 = parameters[o * n_in : (o + 1) * n_in], parameters[(o + 1) * n_in : (o + 2) * n_in]
        w2, w3 = parameters[(o + 2) * n_in : (o + 3) * n_in], parameters[(o + 3) * n_in : (o + 4) * n_in]
        d0, d1, d2, d3 = delta[o], delta[o + 1], delta[o + 2], delta[o + 3]
        for i in range(n_in):
            out[i] += (d0 * w0[i] + d1 * w1[i]) + (d2 * w2[i] + d3 * w3[i])
    for o in range(n_out - n_out % 4, n_out):
        w = parameters[o * n_in : (o + 1) * n_in]
        for i in range(n_in):
            out[i] += delta[o] * w[i]


@kernel
def _dot(a: Array, b: Array) -> float:
    total = 0.0
    for i in range(a.size):
        total += a[i] * b[i]
    return total


@kernel
def _copy(vector: Array, out: Array) -> None:
    for i in range(vector.size):
        out[i] = vector[i]


@kernel
def _add(vector: Array, out: Array) -> None:
    for i in range(vector.size):
        out[i] += vector[i]


@kernel
def _fill(number: float, out: Array) -> None:
    for i in range(out.size):
        out[i] = number


@kernel
def _scaled(factor: float, vector: Array, out: Array) -> None:
    for i in range(vector.size):
        out[i] = factor * vector[i]
