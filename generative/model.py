"""What all models in torch share: fit, sample, log_prob, a condition, and their state.

A family implements ``objectives``, ``_sample`` and, where it can, ``_log_prob``; it says in ``likelihood`` what the
last one returns.
"""

import copy
import difflib
import inspect
import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from numbers import Integral
from typing import Any, ClassVar, Literal, Self

import numpy as np
import torch
from torch import Tensor, nn

from generative.conditions import Condition, encode
from generative.datasets.dataset import Dataset, check_configurations
from generative.noise import Noise
from generative.objectives import Objective
from generative.symmetries import augmentation
from generative.training import Training
from generative.trees import Tree, arrays, module_tree, restore_module
from neural.optimizers import Schedule

Array = np.ndarray
Likelihood = Literal["exact", "lower", "upper", "stochastic"]


class TorchModel:
    """A generative model whose parameters are those of ``network``.

    network : a ``torch.nn.Module``
    shape : of one configuration; its n_features numbers are a row
    values : "bits", "spins", "unit" or "real", what ``fit`` expects and ``sample`` returns
    condition : ``Classes`` or ``Interval``, or None for a model of one distribution
    likelihood : what ``log_prob`` returns: log p "exact", a "lower" or an "upper" bound of it, a "stochastic"
        estimate, or None where there is none
    """

    likelihood: ClassVar[Likelihood | None] = None

    def __init__(
        self,
        network: Any,
        shape: tuple[int, ...],
        values: str,
        condition: Condition | None = None,
        seed: int = 0,
    ) -> None:
        size(shape)
        self.network: Any = network
        self.shape, self.values = tuple(map(int, shape)), values
        self.condition, self.seed = condition, seed
        self.training: Training | None = None

    @property
    def n_features(self) -> int:
        """Numbers in one configuration."""
        return int(np.prod(self.shape))

    @property
    def n_parameters(self) -> int:
        """Numbers that are learned."""
        return sum(each.numel() for each in self.network.parameters())

    def __repr__(self) -> str:
        return f"{type(self).__name__}(shape {self.shape}, {self.values}, {self.n_parameters} parameters)"

    def __getstate__(self) -> dict[str, Any]:
        """Copies have the parameters that this model samples from, and none of its training."""
        with self._averaged():
            return copy.deepcopy({**self.__dict__, "training": None})

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

    @torch.inference_mode(mode=False)
    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        other = object.__new__(type(self))
        other.__setstate__(self.__getstate__())
        return other

    def __eq__(self, other: object) -> bool:
        """Whether two models are made alike and sample from the same parameters."""
        if type(self) is not type(other) or not isinstance(other, TorchModel):
            return NotImplemented
        return _alike(self._made(), other._made())

    __hash__ = None  # type: ignore[assignment]  # parameters change

    def _made(self) -> dict[str, Any]:
        """What two equal models have in common, and their parameters."""
        own = {k: v for k, v in vars(self).items() if k[0] != "_" and k != "training" and not isinstance(v, nn.Module)}
        with self._averaged():
            return {**own, "network": module_tree(self.network)}

    def _averaged(self) -> Any:
        return nullcontext() if self.training is None else self.training.averaged()

    @property
    def n_condition(self) -> int:
        """Features of a condition."""
        return 0 if self.condition is None else self.condition.n_features

    def objectives(self, learning_rate: float | Schedule) -> list[Objective]:
        """The losses of the family, first the one to be validated."""
        raise NotImplementedError

    def _sample(self, noise: Noise, condition: Tensor | None) -> Tensor:
        """One row (noise.n, n_features) for every row of ``noise``, computed row by row."""
        raise NotImplementedError

    def _log_prob(self, x: Tensor, condition: Tensor | None, noise: Noise) -> Tensor:
        """Nats, shape (n,), for rows x; ``noise`` has a stream for each, for bounds that need one."""
        raise NotImplementedError

    @torch.inference_mode(mode=False)
    def fit(
        self,
        data: Dataset | Any,
        *,
        labels: Any = None,
        validation: Any = None,
        validation_labels: Any = None,
        learning_rate: float | Schedule = 1e-3,
        flip: bool = False,
        translation: bool = False,
        **options: Any,
    ) -> Training:
        """Train on ``data``: iterate over the records, or stop whenever it is enough.

        data : a ``Dataset``, with its labels where the model has a condition and its test rows for validation, or rows
            (n, n_features) with ``labels`` (n,) and maybe ``validation`` rows and labels
        flip, translation : train on random images of the rows under s -> -s, and under shifts of the periodic lattice
        options : n_epochs or n_steps, batch_size, record_every, clip, ema, patience, device, precision, seed of
            ``generative.training.Training``

        The model is as it was until the first record is asked for. Raises ``ValueError`` for data that the model cannot
        represent, ``TypeError`` for an unknown option, ``DivergedError`` as ``Training`` does.
        """
        check_options(options, "labels", "validation", "validation_labels", "learning_rate", "flip", "translation")
        if isinstance(data, Dataset):
            if self.condition is not None:
                labels = data.train_labels if labels is None else labels
                validation_labels = data.test_labels if validation is None else validation_labels
            validation = data.test if validation is None else validation
            data = data.train
        rows = self.tensor(data, "training data")
        features = self._encoded(labels, len(rows))
        held_out = None
        if validation is not None:
            x = self.tensor(validation, "validation data")
            held_out = (x, self._encoded(validation_labels, len(x)))
        symmetry = augmentation(self.shape, self.values, flip, translation) if flip or translation else None
        options = {"seed": self.seed, **options}
        return self.train(rows, features, held_out, symmetry, learning_rate, options)

    def _encoded(self, labels: Any, n: int) -> Tensor | None:
        features = encode(self.condition, labels, n)
        return None if features is None else features.to(self.dtype)

    def train(
        self,
        rows: Tensor | None,
        condition: Tensor | None,
        validation: Any,
        symmetry: Any,
        learning_rate: float | Schedule,
        options: Mapping[str, Any],
    ) -> Training:
        """The training of this model by its own objectives."""

        def begin(training: Training) -> None:
            if rows is not None:
                self._learn(rows)
            self._began(training)

        objectives = self.objectives(learning_rate)
        more: Any = dict(validation=validation, augment=symmetry, begin=begin, **options)
        return Training(self.network, objectives, rows, condition, **more)

    def _learn(self, rows: Tensor) -> None:
        """Take from the rows what training does not change, such as their units."""

    def _began(self, training: Training) -> None:
        self.training = training

    def tensor(self, x: Any, what: str = "configurations") -> Tensor:
        """Rows of the kind of ``values``. Raises ``ValueError`` that says how to convert what was found."""
        rows = check_configurations(x, self.n_features, self.values, what)
        return torch.from_numpy(np.ascontiguousarray(rows)).to(self.dtype)

    @property
    def dtype(self) -> torch.dtype:
        return next(self.network.parameters()).dtype

    @property
    def device(self) -> torch.device:
        return next(self.network.parameters()).device

    @contextmanager
    def evaluating(self) -> Iterator[None]:
        """Without gradients, and with the averaged parameters where training keeps an average."""
        was_training = self.network.training
        self.network.eval()
        try:
            with torch.no_grad(), self._averaged():
                yield
        finally:
            self.network.train(was_training)

    @torch.inference_mode(mode=False)
    def sample(self, n: int, seed: int, *, condition: Any = None, batch_size: int = 1024) -> Array:
        """``n`` configurations (n, n_features). Row i depends on ``seed``, i and its condition alone.

        condition : one for all rows, or one for each. It holds for any ``batch_size``, to the rounding of sums.
        """
        if n < 1 or batch_size < 1:
            raise ValueError(f"expected n >= 1 and batch_size >= 1, got {n} and {batch_size}")
        features = self._encoded(condition, n)
        parts = []
        with self.evaluating():
            for first in range(0, n, batch_size):
                rows = slice(first, min(first + batch_size, n))
                noise = Noise(seed, rows.stop - first, first, self.device, self.dtype)
                parts.append(self._sample(noise, self._features(features, rows)).cpu().numpy())
        return np.concatenate(parts)

    @torch.inference_mode(mode=False)
    def log_prob(self, x: Any, *, condition: Any = None, seed: int = 0, batch_size: int = 1024) -> Array:
        """log p(x) in nats, float64 (n,), or the bound that ``likelihood`` names; ``seed`` is of the bounds' noise."""
        if self.likelihood is None:
            raise ValueError(f"expected a model with a likelihood; {type(self).__name__} has none")
        rows = self.tensor(x)
        features = self._encoded(condition, len(rows))
        parts = []
        with self.evaluating():
            for first in range(0, len(rows), batch_size):
                part = slice(first, min(first + batch_size, len(rows)))
                noise = Noise(seed, part.stop - first, first, self.device, self.dtype)
                log_p = self._log_prob(rows[part].to(self.device), self._features(features, part), noise)
                parts.append(log_p.double().cpu().numpy())
        return np.concatenate(parts)

    def _features(self, features: Tensor | None, rows: slice) -> Tensor | None:
        return None if features is None else features[rows].to(self.device)

    def at(self, condition: Any) -> "Conditioned":
        """The distribution for one condition, with ``sample`` and ``log_prob`` of its own."""
        encode(self.condition, condition, 1)
        return Conditioned(self, condition)

    def state(self) -> Tree:
        """The parameters, and their average where there is one, as a tree of arrays."""
        tree: Tree = {"network": module_tree(self.network)}
        if self.training is not None and self.training.average is not None:
            with self.training.averaged():
                tree["average"] = arrays(self.network.state_dict())
        return tree

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take the parameters of a ``state``: the average, where it has one, to sample from."""
        restore_module(self.network, state.get("average", state["network"]))
        self.training = None


def size(shape: tuple[int, ...]) -> int:
    """The numbers in one configuration of a shape. Raises ``ValueError`` unless it has positive whole lengths."""
    lengths = tuple(shape) if isinstance(shape, Iterable) else ()
    if not lengths or not all(isinstance(each, Integral) and each > 0 for each in lengths):
        raise ValueError(f"expected the shape of one configuration, such as (8, 8) or (2,), got {shape!r}")
    return math.prod(map(int, lengths))


def check_options(options: Mapping[str, Any], *others: str) -> None:
    """Raises ``TypeError`` for an option that a training does not have, and names the nearest that it has."""
    named = [each.name for each in inspect.signature(Training).parameters.values() if each.kind == each.KEYWORD_ONLY]
    known = [*others, *(name for name in named if name not in ("validation", "augment", "begin"))]
    for name in options:
        if name not in known:
            nearest = difflib.get_close_matches(name, known, 1, 0.5)
            hint = f"did you mean {nearest[0]!r}?" if nearest else f"expected one of {', '.join(known)}"
            raise TypeError(f"unknown option {name!r}: {hint}")


def _alike(a: Any, b: Any) -> bool:
    """Whether two values are equal, arrays and what holds them included."""
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return a.keys() == b.keys() and all(_alike(a[name], b[name]) for name in a)
    if isinstance(a, np.ndarray | Tensor):
        return type(a) is type(b) and a.shape == b.shape and bool((a == b).all())
    return bool(a == b)


class Conditioned:
    """A conditional model at one condition; an argument for ``generative.evaluate``."""

    def __init__(self, model: TorchModel, condition: Any) -> None:
        self.model, self.condition = model, condition
        self.values, self.likelihood = model.values, model.likelihood

    def sample(self, n: int, seed: int) -> Array:
        """``n`` configurations (n, n_features)."""
        return self.model.sample(n, seed, condition=self.condition)

    def log_prob(self, x: Any) -> Array:
        """Nats, shape (n,)."""
        return self.model.log_prob(x, condition=self.condition)
