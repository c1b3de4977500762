"""Loss functions: the value and its gradient with respect to the network's output.

A loss is a function ``loss(outputs, targets) -> (value, gradient)`` with ``gradient`` of the shape of ``outputs``.
The averages are:

``sum_squared_error``
    sum over samples and components, without a factor 1/2.
``mean_squared_error``, ``binary_cross_entropy``
    mean over samples and components.
``categorical_cross_entropy``
    mean over samples (the components are the classes).

The cross-entropies take logits, not probabilities, in nats, and neither overflow nor lose digits for large ones;
``check_outputs`` refuses outputs that cannot be logits.
"""

from collections.abc import Callable

import numpy as np

from neural.activations import sigmoid, unknown

Array = np.ndarray
Loss = Callable[[Array, Array], tuple[float, Array]]


def sum_squared_error(outputs: Array, targets: Array) -> tuple[float, Array]:
    """sum (a - y)^2 and its gradient 2 (a - y); ``outputs`` a and ``targets`` y of the same shape."""
    difference = outputs - _same_shape(outputs, targets)
    return float(np.vdot(difference, difference)), 2.0 * difference


def mean_squared_error(outputs: Array, targets: Array) -> tuple[float, Array]:
    """mean (a - y)^2 and its gradient 2 (a - y) / size."""
    difference = outputs - _same_shape(outputs, targets)
    return float(np.vdot(difference, difference)) / outputs.size, (2.0 / outputs.size) * difference


def binary_cross_entropy(outputs: Array, targets: Array) -> tuple[float, Array]:
    """mean of -y log p - (1 - y) log(1 - p) with p = sigmoid(z); ``outputs`` are the logits z, ``targets`` y in [0, 1].

    Each term is max(z, 0) - y z + log(1 + e^-|z|), its derivative p - y.
    """
    targets = _same_shape(outputs, targets)
    terms = np.maximum(outputs, 0.0) - outputs * targets + np.log1p(np.exp(-np.abs(outputs)))
    return float(np.mean(terms)), (sigmoid(outputs) - targets) / outputs.size


def categorical_cross_entropy(outputs: Array, targets: Array) -> tuple[float, Array]:
    """mean over samples of -sum_k y_k log p_k with p = softmax(z).

    ``outputs`` are the logits z, shape (n, n_classes); ``targets`` are class numbers, shape (n,), or probabilities
    y, shape (n, n_classes). Raises ``ValueError`` for a class number outside 0..n_classes-1.
    """
    if np.ndim(targets) == 1:
        targets = _one_hot(np.asarray(targets), outputs.shape[-1])
    targets = _same_shape(outputs, targets)
    log_p = _log_softmax(outputs)
    gradient = np.exp(log_p) * targets.sum(axis=-1, keepdims=True) - targets
    return -float(np.vdot(targets, log_p)) / len(outputs), gradient / len(outputs)


LOSSES: dict[str, Loss] = {
    function.__name__: function
    for function in (sum_squared_error, mean_squared_error, binary_cross_entropy, categorical_cross_entropy)
}


LOGITS = ("binary_cross_entropy", "categorical_cross_entropy")  # what they take: any real numbers
BOUNDED = ("sigmoid", "tanh", "sine")  # outputs that are none


def check_outputs(loss: Loss, activation: str) -> None:
    """Raise ``ValueError`` for a loss that takes logits of outputs that are squashed already: it would do so again."""
    name = getattr(loss, "__name__", "")
    if LOSSES.get(name) is loss and name in LOGITS and activation in BOUNDED:
        squashed = "sigmoid" if name == "binary_cross_entropy" else "softmax"
        raise ValueError(
            f"expected logits, outputs with the activation 'identity', for the loss {name}, which takes their "
            f"{squashed} itself; found {activation!r}: take 'identity', and {squashed} of the outputs to predict"
        )


def find_loss(loss: str | Loss) -> Loss:
    """The loss of that name, or ``loss`` itself if it is a function; ``ValueError`` naming the nearest name."""
    if callable(loss):
        return loss
    if loss not in LOSSES:
        raise ValueError(unknown("loss", loss, LOSSES))
    return LOSSES[loss]


def _log_softmax(logits: Array) -> Array:
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def _same_shape(outputs: Array, targets: Array) -> Array:
    if np.shape(targets) != outputs.shape:
        raise ValueError(f"expected targets of shape {outputs.shape}, like the outputs, got {np.shape(targets)}")
    return np.asarray(targets, dtype=np.float64)


def _one_hot(labels: Array, n_classes: int) -> Array:
    if not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(f"expected class numbers as integers, got {labels.dtype}; use labels.astype(int)")
    if labels.size and not (labels.min() >= 0 and labels.max() < n_classes):
        raise ValueError(f"expected class numbers in 0..{n_classes - 1}, found {labels.min()}..{labels.max()}")
    return np.eye(n_classes)[labels]
