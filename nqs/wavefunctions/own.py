"""A wave function of one's own: log psi as a plain function, everything else by differentiation.

    @nqs.log_psi
    def mine(x, alpha, beta):                      # x: (n_particles, n_dims)
        value = 0.0
        for i in range(len(x)):
            value -= alpha * x[i, 0] ** 2 + beta * x[i, 0] ** 4
        return value

    psi = mine(system, alpha=0.5, beta=0.1)        # floats and float arrays are the parameters, whole numbers constants

The function is compiled and evaluated anew for every move; ``neural.jit.differentiation`` lists what it may use. Its
gradient and Laplacian come from jets of coordinates, log-derivatives from jets or from a tape of the operations,
whichever is cheaper, all of them correct to rounding.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from neural.jit import copy, kernel
from neural.jit.differentiation import adjoints, differentiable, entry_of, jets, new_tape, recorded, slope, start
from nqs.own import OwnFunction, calling

LANES = 4  # coordinates, or parameters, whose derivatives one call gives
TAPE_FROM = 48  # parameters, from which a tape is cheaper than jets
SHORTEST_TAPE = 1000  # entries


class LogPsi(OwnFunction):
    """What ``log_psi`` makes of a function: called with a system and parameters, it returns a wave function."""

    what = "log psi"

    def __call__(self, system: Any, **parameters: Any) -> Any:
        """The wave function of the system that begins with these parameters.

        Raises ``TypeError`` for missing or unknown parameters, ``ValueError`` for values that are not finite.
        """
        values = self.values(parameters)
        return system.own_state(self, self.kinds(parameters), values)

    def returns_pair(self, x: np.ndarray, kinds: tuple[str, ...], values: list[Any]) -> bool:
        """Whether the function returns (log |psi|, phase) instead of a number: found by calling it once."""
        arguments = (value[0] if kind == "number" else value for kind, value in zip(kinds, values))
        return isinstance(self.function(x, *arguments), tuple)


def log_psi(function: Callable[..., Any]) -> LogPsi:
    """Make a family of wave functions from a function (x, parameters...) that returns log |psi(x)|.

    For spins it may return the pair (log |psi|, phase).
    """
    return LogPsi(function)


class Evaluators:
    """The function with its parameters taken from a wave function psi, on the three kinds of numbers.

    evaluate : (psi, x), where the coordinates may be jets
    by_parameters : (psi, x, first), parameter k having the derivative 1 in the lane first + k
    record : (psi, x, tape, n_parameters) -> the entry of the result, parameter k being the entry k + 1
    """

    def __init__(self, evaluate: Any, by_parameters: Any, on_tape: Any) -> None:
        self.evaluate, self.by_parameters = evaluate, by_parameters

        @kernel
        def record(psi, x, tape, n_parameters):
            start(tape, n_parameters)
            return entry_of(on_tape(psi, x, tape))

        self.record = record


def evaluators(factory: OwnFunction, kinds: tuple[str, ...], part: int | None = None) -> Evaluators:
    """Compiled when first called; ``part`` is 0 or 1 of a function that returns a pair."""
    f = differentiable(factory.function)
    names = {"jets": jets, "recorded": recorded, "LANES": LANES}
    plain, by_jets, on_tape = [], [], []
    place = "0"
    for name, kind in zip(factory.names, kinds):
        element = "[0]" if kind == "number" else ""
        plain.append(f"psi.{name}{element}")
        if kind == "constant":
            by_jets.append(f"psi.{name}")
            on_tape.append(f"psi.{name}")
            continue
        by_jets.append(f"jets(psi.{name}, first + {place}, LANES, 1){element}")
        on_tape.append(f"recorded(psi.{name}, 1 + {place}, tape){element}")
        place += f" + psi.{name}.size"
    element = "" if part is None else f"[{part}]"
    heads = ("evaluate(psi, x)", "by_parameters(psi, x, first)", "on_tape(psi, x, tape)")
    made = zip(heads, (plain, by_jets, on_tape))
    return Evaluators(*(kernel(calling(f, head, arguments, names, element)) for head, arguments in made))


class Tape(NamedTuple):
    """Room for the operations of one evaluation."""

    entries: np.ndarray
    partials: np.ndarray  # the same memory, as float64
    adjoints: np.ndarray


def make_tape(f: Evaluators, psi: Any, x: np.ndarray) -> Tape:
    """A tape with twice the room that the configuration x takes; none where jets are cheaper."""
    n_entries = 1
    if psi.n_parameters >= TAPE_FROM:
        trial = new_tape(1)
        f.record(psi, x, trial, psi.n_parameters)
        n_entries = SHORTEST_TAPE + 2 * int(trial[0, 0])
    entries = new_tape(n_entries)
    return Tape(entries, entries.view(np.float64), np.empty(n_entries))


def derivative_writer(f: Evaluators) -> Any:
    """A kernel that writes d f / d parameters of x to a row, from a tape or, where that has no room, by jets."""
    by_parameters, record = f.by_parameters, f.record

    @kernel
    def write(psi, x, tape, row):
        n = row.size
        if n >= TAPE_FROM:
            result = record(psi, x, tape.entries, n)
            if adjoints(tape.entries, tape.partials, result, n, tape.adjoints):
                copy(tape.adjoints[1 : n + 1], row)
                return
        for first in range(0, n, LANES):
            jet = by_parameters(psi, x, -first)
            for k in range(first, min(first + LANES, n)):
                row[k] = slope(jet, k - first)

    return write
