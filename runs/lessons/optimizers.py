"""Every optimizer of the core on two functions and on digits, and gradients that vanish with depth."""

from typing import Any, ClassVar, NamedTuple

import numpy as np
from pydantic import Field

from ..experiments.experiment import Progress
from .lesson import Finding, LessonSettings, Outcome, Records, lesson

RATES = {  # for Rosenbrock, Beale and digits
    "GradientDescent": (1e-3, 1e-2, 0.5),
    "Momentum": (2e-4, 2e-3, 0.05),
    "Nesterov": (2e-4, 2e-3, 0.05),
    "AdaGrad": (0.5, 0.5, 0.05),
    "RMSProp": (1e-3, 1e-2, 1e-3),
    "Adam": (2e-2, 2e-2, 5e-3),
    "AdamW": (2e-2, 2e-2, 5e-3),
}
ACTIVATIONS = ("sigmoid", "tanh", "relu")


class Optimizers(LessonSettings):
    """Gradient descent, momentum, Nesterov, AdaGrad, RMSProp, Adam and AdamW find minima and train a classifier.

    All do p <- p - rate d, with d the gradient g, its sum u <- 0.9 u + g, or g over the root of its mean square.
    Rosenbrock's valley f = (1 - x)^2 + 100 (y - x^2)^2 has its minimum at (1, 1); Beale's f = (1.5 - x + x y)^2 +
    (2.25 - x + x y^2)^2 + (2.625 - x + x y^3)^2 at (3, 0.5). Digits are 8 x 8 pixels in 10 classes. The gradient of the
    weights in layer l holds a product of the slopes of all layers above: at most 1/4 each for the sigmoid, so that it
    vanishes with depth.

    Source: the papers named in neural/optimizers.py; H. H. Rosenbrock, Comput. J. 3, 175 (1960); X. Glorot, Y. Bengio,
    AISTATS 2010, section 4.
    """

    QUICK: ClassVar = {"n_steps": 200, "n_epochs": 1}

    n_steps: int = Field(6000, ge=1, description="steps on Rosenbrock's and Beale's functions")
    n_epochs: int = Field(20, ge=1, description="passes through the digits")
    depth: int = Field(10, ge=2, le=50, description="layers of the networks whose gradients are shown")


class Landscape(NamedTuple):
    """A function of the plane, where to start, and where its minimum is."""

    function: Any
    start: tuple[float, float]
    minimum: tuple[float, float]


def rosenbrock(x: Any, y: Any) -> Any:
    """(1 - x)^2 + 100 (y - x^2)^2."""
    a, b = 1.0 - x, y - x * x
    return a * a + 100.0 * (b * b)


def beale(x: Any, y: Any) -> Any:
    """(1.5 - x + x y)^2 + (2.25 - x + x y^2)^2 + (2.625 - x + x y^3)^2."""
    a, b, c = 1.5 - x + x * y, 2.25 - x + x * (y * y), 2.625 - x + x * (y * y * y)
    return a * a + b * b + c * c


LANDSCAPES = {
    "rosenbrock": Landscape(rosenbrock, (-1.2, 1.0), (1.0, 1.0)),
    "beale": Landscape(beale, (1.0, 1.0), (3.0, 0.5)),
}


def learn(settings: Optimizers) -> Records:
    """One record for each optimizer."""
    findings: dict[str, Finding] = {}
    arrays: dict[str, np.ndarray] = {}
    digits = Digits(settings.seed)
    for done, (name, rates) in enumerate(RATES.items(), start=1):
        for (title, landscape), rate in zip(LANDSCAPES.items(), rates):
            path = descend(landscape, name, rate, settings.n_steps)
            distance = float(np.hypot(*(path[-1] - landscape.minimum)))
            findings[f"{title}_{name}"] = Finding(distance, most=0.1, unit="from the minimum")
            arrays[f"{title}_{name}"] = path[np.unique(np.geomspace(1, len(path), 400).astype(int)) - 1]
        losses, accuracy = digits.train(name, rates[2], settings.n_epochs, settings.seed)
        findings[f"digits_{name}"] = Finding(accuracy, least=0.94, unit="of the test digits")
        arrays[f"loss_{name}"] = losses
        yield Progress(done, len(RATES), {"loss": losses[-1], "accuracy": accuracy})
    for activation in ACTIVATIONS:
        norms = digits.gradient_norms(activation, settings.depth, settings.seed)
        per_layer = (norms[0] / norms[-2]) ** (1 / (len(norms) - 2)) if len(norms) > 2 else norms[0] / norms[-1]
        bound = {"most": 0.25} if activation == "sigmoid" else {"least": 0.25}
        findings[f"gradient_per_layer_{activation}"] = Finding(per_layer, **bound, unit="times the one above")
        arrays[f"norms_{activation}"] = norms
    return Outcome(findings, arrays)


def optimizer(name: str, rate: float) -> Any:
    """The optimizer of that name; AdamW without decay would be Adam."""
    import neural

    make = getattr(neural, name)
    return make(rate, weight_decay=1e-4) if name == "AdamW" else make(rate)


def descend(landscape: Landscape, name: str, rate: float, n_steps: int) -> np.ndarray:
    """The way down, shape (n_steps + 1, 2), by gradients in reverse mode."""
    from neural.autodiff import gradient

    method, p = optimizer(name, rate), np.array(landscape.start)
    state, path = method.init(2), [p]
    for _ in range(n_steps):
        p, state = method.update(p, np.array(gradient(landscape.function, *p)[1]), state)
        path.append(p)
    return np.array(path)


class Digits:
    """Handwritten digits of 64 pixels, a fifth of them for the test."""

    def __init__(self, seed: int) -> None:
        from generative.datasets import digits

        data = digits(binarise=False, seed=seed)
        self.x, self.x_test = data.train.astype(np.float64), data.test.astype(np.float64)
        self.y, self.y_test = (np.asarray(labels, dtype=int) for labels in (data.train_labels, data.test_labels))

    def train(self, name: str, rate: float, n_epochs: int, seed: int) -> tuple[np.ndarray, float]:
        """Losses of the epochs and the accuracy on the test digits of a network with 32 hidden units."""
        from neural import FeedForward, fit

        epochs = list(
            fit(
                FeedForward.init((64, 32, 10), ("relu", "identity"), seed, "he"),
                self.x,
                self.y,
                optimizer=optimizer(name, rate),
                loss="categorical_cross_entropy",
                batch_size=32,
                n_epochs=n_epochs,
                seed=seed,
            )
        )
        right = epochs[-1].model(self.x_test).argmax(axis=1) == self.y_test
        return np.array([epoch.loss for epoch in epochs]), float(right.mean())

    def gradient_norms(self, activation: str, depth: int, seed: int) -> np.ndarray:
        """Root mean square of the gradient of each layer's weights, before any training, shape (depth,)."""
        from neural import FeedForward

        sizes, activations = (64, *[32] * (depth - 1), 10), (*[activation] * (depth - 1), "identity")
        net = FeedForward.init(sizes, activations, seed, "he" if activation == "relu" else "glorot")
        _, slope = net.backprop(self.x[:256], self.y[:256], "categorical_cross_entropy")
        return np.array([np.sqrt(np.mean(w**2)) for w in slope.weights])


def draw(result: Any, figure: Any) -> None:
    """Ways down both landscapes, losses on the digits, gradients against depth."""
    figure.set_size_inches(11, 9)
    (top_left, top_right), (left, right) = figure.subplots(2, 2)
    windows = {"rosenbrock": (top_left, (-2, 2), (-1, 3)), "beale": (top_right, (0, 4.5), (-1, 1.5))}
    for title, (axes, x_range, y_range) in windows.items():
        x, y = np.meshgrid(np.linspace(x_range[0], x_range[1], 200), np.linspace(y_range[0], y_range[1], 200))
        landscape = LANDSCAPES[title]
        axes.contour(x, y, np.log10(landscape.function(x, y) + 1e-3), 15, colors="#cccccc", linewidths=0.6)
        for k, name in enumerate(RATES):
            axes.plot(*result.samples[f"{title}_{name}"].T, color=f"C{k}", linewidth=1, label=name)
        axes.plot(*landscape.minimum, "k*", ms=10)
        axes.set(xlim=x_range, ylim=y_range, title=title.capitalize())
    for k, name in enumerate(RATES):
        losses = result.samples[f"loss_{name}"]
        left.semilogy(np.arange(1, len(losses) + 1), losses, "o-", ms=2, color=f"C{k}", label=name)
    left.set(xlabel="epoch", ylabel="cross-entropy / nats", title="Digits")
    left.legend(frameon=False, fontsize=8)
    for name in ACTIVATIONS:
        norms = result.samples[f"norms_{name}"]
        right.semilogy(np.arange(1, len(norms) + 1), norms, "o-", label=name)
    right.set(xlabel="layer", ylabel="gradient of a weight", title="Gradients before training")
    right.legend(frameon=False, fontsize=8)


EXPERIMENT = lesson("optimizers", Optimizers, learn, draw)
