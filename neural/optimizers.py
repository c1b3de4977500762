"""First-order optimizers on flat parameter vectors, and learning-rate schedules.

    state = optimizer.init(n_parameters)
    parameters, state = optimizer.update(parameters, gradient, state)

An optimizer is a frozen set of hyperparameters. What it remembers is in ``State``, a step count and named arrays:
saved and restored, they continue to the same bits. Every update is

    parameters <- parameters - learning_rate(step) * direction

with the direction d of the optimizer for the gradient g, and after it g + l2 * parameters + l1 * sign(parameters)
where a penalty l1 |p| + l2 p^2 / 2 is set. The conventions are those of ``torch.optim``.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from numbers import Real
from typing import ClassVar, NamedTuple

import numpy as np

Array = np.ndarray
Schedule = Callable[[int], float]


class State(NamedTuple):
    """What an optimizer remembers: ``step`` counts updates, ``memory`` holds arrays of shape (n_parameters,)."""

    step: int
    memory: Mapping[str, Array]


def _check(name: str, value: float, low: float, high: float = math.inf) -> None:
    """Hyperparameters lie in [low, high)."""
    if not (isinstance(value, Real) and low <= value < high):
        raise ValueError(f"expected {low} <= {name} < {high}, got {value!r}")


def _check_positive(name: str, value: float) -> None:
    if not (isinstance(value, Real) and 0 < value < math.inf):
        raise ValueError(f"expected a finite {name} > 0, got {value!r}")


@dataclass(frozen=True)
class Constant:
    """The same ``rate`` at every step."""

    rate: float

    def __post_init__(self) -> None:
        _check("rate", self.rate, 0)

    def __call__(self, step: int) -> float:
        return self.rate


@dataclass(frozen=True)
class ExponentialDecay:
    """rate * decay^step with 0 < decay <= 1, but no less than ``least``."""

    rate: float
    decay: float
    least: float = 0.0

    def __post_init__(self) -> None:
        _check("rate", self.rate, 0)
        _check("least", self.least, 0)
        if not 0 < self.decay <= 1:
            raise ValueError(f"expected 0 < decay <= 1, got {self.decay}")

    def __call__(self, step: int) -> float:
        return max(self.rate * self.decay**step, self.least)


@dataclass(frozen=True)
class CosineDecay:
    """From ``rate`` to ``final`` in ``n_steps`` along half a cosine, and constant from there.

    Source: I. Loshchilov and F. Hutter, ICLR 2017, arXiv:1608.03983, eq. (5), without restarts.
    """

    rate: float
    n_steps: int
    final: float = 0.0

    def __post_init__(self) -> None:
        _check("rate", self.rate, 0)
        _check("final", self.final, 0)
        _check("n_steps", self.n_steps, 1)

    def __call__(self, step: int) -> float:
        progress = min(step / self.n_steps, 1.0)
        return self.final + (self.rate - self.final) * (1.0 + math.cos(math.pi * progress)) / 2.0


@dataclass(frozen=True)
class WarmUp:
    """min(1, (step + 1) / n_steps) times the rate of ``schedule``, itself a number or any schedule."""

    schedule: float | Schedule
    n_steps: int

    def __post_init__(self) -> None:
        if not callable(self.schedule):
            _check("schedule", self.schedule, 0)
        _check("n_steps", self.n_steps, 1)

    def __call__(self, step: int) -> float:
        rate = self.schedule(step) if callable(self.schedule) else self.schedule
        return min(1.0, (step + 1) / self.n_steps) * rate


@dataclass(frozen=True)
class Optimizer:
    """What all optimizers share; a member of the family is ``memory`` and ``_direction``.

    learning_rate : a number, or a schedule of the step, counted from 0
    l1, l2 : penalties of l1 |p| + l2 p^2 / 2 for every parameter p, through the gradient

    Raises ``ValueError`` for hyperparameters outside their range.
    """

    memory: ClassVar[tuple[str, ...]] = ()

    learning_rate: float | Schedule
    l1: float = 0.0
    l2: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            if field.name != "learning_rate" or not callable(self.learning_rate):
                self._check_field(field.name, getattr(self, field.name))

    @staticmethod
    def _check_field(name: str, value: float) -> None:
        """Momenta and decays, the weights of the past, lie in [0, 1); epsilon is positive, the rest not negative."""
        if name == "epsilon":
            _check_positive(name, value)
        else:
            _check(name, value, 0, 1 if name in ("momentum", "decay", "beta1", "beta2") else math.inf)

    def init(self, n_parameters: int) -> State:
        """The state before the first update."""
        if n_parameters < 1:
            raise ValueError(f"expected at least one parameter, got {n_parameters}")
        return State(0, {name: np.zeros(n_parameters) for name in self.memory})

    def rate(self, step: int) -> float:
        """The learning rate of update number ``step``, counted from 0."""
        return self.learning_rate(step) if callable(self.learning_rate) else self.learning_rate

    def update(self, parameters: Array, gradient: Array, state: State) -> tuple[Array, State]:
        """New parameters and the new state, the arguments left as they are. All vectors have shape (n_parameters,).

        Raises ``ValueError`` for vectors of different lengths and for the state of another optimizer.
        """
        self._check_vectors(parameters, gradient, state)
        if self.l2:
            gradient = gradient + self.l2 * parameters
        if self.l1:
            gradient = gradient + self.l1 * np.sign(parameters)
        direction, memory = self._direction(parameters, gradient, state)
        return parameters - self.rate(state.step) * direction, State(state.step + 1, memory)

    def _check_vectors(self, parameters: Array, gradient: Array, state: State) -> None:
        if tuple(state.memory) != self.memory:
            raise ValueError(
                f"{type(self).__name__} remembers {list(self.memory)}, but this state has {list(state.memory)}: "
                "take the state from init of the same optimizer"
            )
        for name, vector in (("gradient", gradient), *state.memory.items()):
            if vector.shape != parameters.shape or parameters.ndim != 1:
                raise ValueError(
                    f"expected parameters and {name} as vectors of one length, "
                    f"got shapes {parameters.shape} and {vector.shape}"
                )

    def _direction(self, parameters: Array, gradient: Array, state: State) -> tuple[Array, dict[str, Array]]:
        """The direction of descent and the new memory."""
        raise NotImplementedError


@dataclass(frozen=True)
class GradientDescent(Optimizer):
    """d = g."""

    def _direction(self, parameters: Array, gradient: Array, state: State) -> tuple[Array, dict[str, Array]]:
        return gradient, {}


@dataclass(frozen=True)
class Momentum(Optimizer):
    """u <- momentum u + g, d = u.

    Source: B. T. Polyak, USSR Comp. Math. Math. Phys. 4(5), 1 (1964).
    """

    memory: ClassVar[tuple[str, ...]] = ("velocity",)

    momentum: float = 0.9

    def _direction(self, parameters: Array, gradient: Array, state: State) -> tuple[Array, dict[str, Array]]:
        velocity = self.momentum * state.memory["velocity"] + gradient
        return self._step(velocity, gradient), {"velocity": velocity}

    def _step(self, velocity: Array, gradient: Array) -> Array:
        return velocity


@dataclass(frozen=True)
class Nesterov(Momentum):
    """u <- momentum u + g, d = g + momentum u: momentum with the gradient one step ahead.

    Source: I. Sutskever et al., ICML 2013, eqs. (3)-(4), written for the parameters ahead.
    """

    def _step(self, velocity: Array, gradient: Array) -> Array:
        return gradient + self.momentum * velocity


@dataclass(frozen=True)
class AdaGrad(Optimizer):
    """s <- s + g^2, d = g / (sqrt(s) + epsilon).

    Source: J. Duchi, E. Hazan, Y. Singer, J. Mach. Learn. Res. 12, 2121 (2011), section 1.
    """

    memory: ClassVar[tuple[str, ...]] = ("sum_of_squares",)

    epsilon: float = 1e-10

    def _direction(self, parameters: Array, gradient: Array, state: State) -> tuple[Array, dict[str, Array]]:
        squares = state.memory["sum_of_squares"] + gradient**2
        return gradient / (np.sqrt(squares) + self.epsilon), {"sum_of_squares": squares}


@dataclass(frozen=True)
class RMSProp(Optimizer):
    """s <- decay s + (1 - decay) g^2, d = g / (sqrt(s) + epsilon).

    Source: T. Tieleman and G. Hinton, Neural Networks for Machine Learning, lecture 6.5 (2012).
    """

    memory: ClassVar[tuple[str, ...]] = ("mean_square",)

    decay: float = 0.99
    epsilon: float = 1e-8

    def _direction(self, parameters: Array, gradient: Array, state: State) -> tuple[Array, dict[str, Array]]:
        square = self.decay * state.memory["mean_square"] + (1 - self.decay) * gradient**2
        return gradient / (np.sqrt(square) + self.epsilon), {"mean_square": square}


@dataclass(frozen=True)
class Adam(Optimizer):
    """m <- beta1 m + (1 - beta1) g, s <- beta2 s + (1 - beta2) g^2, d = m' / (sqrt(s') + epsilon).

    m' = m / (1 - beta1^t) and s' = s / (1 - beta2^t), with t = 1 at the first update, undo the start from zero.

    Source: D. P. Kingma and J. Ba, ICLR 2015, arXiv:1412.6980, algorithm 1.
    """

    memory: ClassVar[tuple[str, ...]] = ("first_moment", "second_moment")

    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8

    def _direction(self, parameters: Array, gradient: Array, state: State) -> tuple[Array, dict[str, Array]]:
        t = state.step + 1
        first = self.beta1 * state.memory["first_moment"] + (1 - self.beta1) * gradient
        second = self.beta2 * state.memory["second_moment"] + (1 - self.beta2) * gradient**2
        direction = first / (1 - self.beta1**t) / (np.sqrt(second / (1 - self.beta2**t)) + self.epsilon)
        return direction, {"first_moment": first, "second_moment": second}


@dataclass(frozen=True)
class AdamW(Adam):
    """The direction of Adam plus weight_decay * parameters, which, unlike l2, the moments do not see.

    Source: I. Loshchilov and F. Hutter, ICLR 2019, arXiv:1711.05101, algorithm 2.
    """

    weight_decay: float = 0.01

    def _direction(self, parameters: Array, gradient: Array, state: State) -> tuple[Array, dict[str, Array]]:
        direction, memory = super()._direction(parameters, gradient, state)
        return direction + self.weight_decay * parameters, memory
