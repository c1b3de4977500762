"""A convolutional network reads digits, beside filters that were made by hand."""

from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from .lesson import Finding, LessonSettings, Outcome, Records, lesson
from .supervised import predicted, supervised

EDGES = np.array([[[-1, 0, 1]] * 3, [[-1] * 3, [0] * 3, [1] * 3]]) / 3


class DigitsCNN(LessonSettings):
    """A convolutional network tells 8 x 8 pixel digits apart; its first filters are compared with edge filters.

    A convolution is y_k(r) = f(b_k + sum_d W_k(d) x(r + d)), the same small filter everywhere; pooling keeps the
    largest of 2 x 2 values. Two convolutions, pooling, a third, pooling, and a linear layer of logits are trained on
    the cross-entropy, with digits moved by up to one pixel. The edge filters are (1/3) (-1 0 1) in every row, the slope
    in x, and its transpose, the slope in y.

    Source: Y. LeCun et al., Proc. IEEE 86, 2278 (1998); edge filters: J. M. S. Prewitt (1970); M. Hjorth-Jensen,
    Advanced machine learning and data analysis for the physical sciences (2025).
    """

    QUICK: ClassVar = {"n_epochs": 2}

    n_epochs: int = Field(40, ge=1, description="passes through the training digits")
    n_filters: int = Field(16, ge=1, le=256, description="of the first convolution; the others have 2 and 4 times more")
    learning_rate: float = Field(3e-3, gt=0, le=1, description="of Adam; falls to 0 along a cosine")


def network(n: int, seed: int) -> Any:
    """Logits (b, 10) of rows of 64 pixels."""
    from torch import nn

    from generative.networks import Conv2d, Linear, initialise

    net = nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)),
        Conv2d(1, n, padding="zeros", gain=1.4),
        nn.ReLU(),
        Conv2d(n, 2 * n, padding="zeros", gain=1.4),
        nn.ReLU(),
        nn.MaxPool2d(2),
        Conv2d(2 * n, 4 * n, padding="zeros", gain=1.4),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        Linear(16 * n, 10),
    )
    initialise(net, seed)
    return net


def moved(x: Any, generator: Any) -> Any:
    """Every digit moved by -1, 0 or 1 pixels in both directions, with empty pixels at the edges."""
    import torch
    from torch.nn.functional import pad

    images = pad(x.view(-1, 8, 8), (1, 1, 1, 1))
    dx, dy = torch.randint(3, (2, len(x), 1), generator=generator)
    rows, columns = (torch.arange(8) + d for d in (dy, dx))
    return images[torch.arange(len(x))[:, None, None], rows[:, :, None], columns[:, None, :]].reshape(len(x), 64)


def learn(settings: DigitsCNN) -> Records:
    """Training, test digits, and the filters."""
    from torch import tensor
    from torch.nn.functional import conv2d, cross_entropy, one_hot

    from generative.datasets import digits

    data: Any = digits(binarise=False, seed=settings.seed)
    net = network(settings.n_filters, settings.seed)
    targets = one_hot(tensor(data.train_labels).long(), 10).numpy()
    yield from supervised(
        net,
        cross_entropy,
        data.train,
        targets,
        n_epochs=settings.n_epochs,
        seed=settings.seed,
        learning_rate=settings.learning_rate,
        threads=settings.threads,
        augment=moved,
    )
    right = predicted(net, data.test).argmax(axis=1) == data.test_labels
    image = tensor(data.test[:1].reshape(1, 1, 8, 8)).double()
    edges = conv2d(image, tensor(EDGES)[:, None], padding=1)[0].numpy()
    findings = {
        "accuracy": Finding(right.mean(), least=0.985, unit="of the test digits"),
        "wrong": Finding(int(np.sum(~right)), unit=f"of {len(right)} test digits"),
        "edge_of_a_ramp": Finding(np.sum(EDGES[0] * np.arange(3.0)), 2.0, 1e-12, unit="for a slope of 1 per pixel"),
    }
    filters = net[1].weight.detach().numpy()[:, 0]
    return Outcome(findings, {"image": image[0, 0].numpy(), "edges": edges, "filters": filters})


def draw(result: Any, figure: Any) -> None:
    """A digit, its edges in x and y, and the filters that were learnt."""
    filters = result.samples["filters"]
    columns = 8
    rows = -(-len(filters) // columns)
    figure.set_size_inches(10, 3.5 + 1.2 * rows)
    top, bottom = figure.subfigures(2, 1, height_ratios=[3, 1.2 * rows])
    names = ("a digit", "edges in x", "edges in y", "filter in x", "filter in y")
    images = (result.samples["image"], *result.samples["edges"], *EDGES)
    for axes, image, name in zip(top.subplots(1, 5), images, names):
        _show(axes, image, name)
    for axes, image in zip(bottom.subplots(rows, columns).flat, filters):
        _show(axes, image, "")
    bottom.suptitle(f"Filters learnt: {100 * result.measurement['accuracy'].estimate.mean:.1f} % of test digits right")


def _show(axes: Any, image: np.ndarray, name: str) -> None:
    largest = np.abs(image).max()
    axes.imshow(image, cmap="RdBu_r", vmin=-largest, vmax=largest)
    axes.set_title(name, fontsize=10)
    axes.set_axis_off()


EXPERIMENT = lesson("digits-cnn", DigitsCNN, learn, draw)
