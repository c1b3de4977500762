"""How far a training may go in one step, and when it has gone astray.

Chains that move on with every update follow the model only while it changes slowly: by less, in nats of F, than they
forget. With the correlation rho of their units before and after an update, and the standard deviation D of the change
of F over the chains in one update, steps are shortened to

    D <= LARGEST_CHANGE (1 - rho) / rho

which leaves steps as they are as long as chains forget quickly. Without it, where all weight lies in a few valleys,
chains stay in theirs, the others deepen unseen, and the likelihood falls below that of no model at all.

That can be proved from any configuration v, as log Z >= -F(v): the mean of log p over the data is at most
min F(v) - <F>_data. Where that is below minus the logarithm of the number of configurations, the model is worse than
one in which all are equally likely.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray

LARGEST_CHANGE = 0.1  # nats in the time that the chains need to forget
FASTEST = 0.5, 1.5  # by which factors the steps become shorter and longer from one pass to the next
MOST_HALVINGS = 60
ERRORS = 3.0  # of the mean over the data, within which nothing is proved


def correlation(before: Array, after: Array) -> float:
    """The correlation of the units of the chains, pooled, about their means over the chains."""
    if before.shape != after.shape:
        return math.nan
    centre = 0.5 * (before.mean(axis=0) + after.mean(axis=0))
    x, y = before - centre, after - centre
    scale = math.sqrt(float(np.sum(x * x) * np.sum(y * y)))
    return float(np.sum(x * y)) / scale if scale else math.nan


def part_of_steps(part: float, rho: float, change: float) -> float:
    """Which part of the steps to take in the next pass, after ``part`` in this one.

    rho : correlation of the chains over an update; NaN where they are all equal
    change : standard deviation over the chains of what F changed in one update
    """
    if not 0 < change < math.inf or math.isnan(rho):
        return part
    allowed = LARGEST_CHANGE * (1.0 - min(rho, 1.0)) / rho if rho > 0 else math.inf
    shorter, longer = FASTEST
    return min(1.0, part * min(max(allowed / change, shorter), longer))


def shortened(change: Callable[[float], Array], largest: float) -> float:
    """The part 1, 1/2, 1/4, ... of a step with which F changes by a standard deviation of at most ``largest`` nats.

    change : F after that part of the step less F before, of several configurations
    """
    part = 1.0
    for _ in range(MOST_HALVINGS):
        with np.errstate(all="ignore"):
            found = float(np.std(change(part)))
        if found <= largest:  # False for NaN
            return part
        part *= 0.5
    return 0.0


def excess(machine: Any, rows: Array, others: Array) -> float:
    """<F> over ``rows``, less three errors, minus the lowest F of any: log p is below its negative."""
    ours, theirs = machine.free_energy(rows), machine.free_energy(others)
    with np.errstate(over="ignore", invalid="ignore"):
        error = float(ours.std()) / math.sqrt(len(ours))
    if not math.isfinite(error):
        return math.inf
    return float(ours.mean()) - ERRORS * error - float(min(ours.min(), theirs.min()))
