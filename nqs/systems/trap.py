"""Particles in a potential of one's own.

@nqs.potential
def quartic(x, strength):                          # x: (n_particles, n_dims)
    energy = 0.0
    for i in range(len(x)):
        energy += strength * x[i, 0] ** 4
    return energy

well = nqs.Trap(n_particles=2, n_dims=1, potential=quartic, strength=1.0)
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from neural.jit.differentiation import with_helpers
from nqs.own import Own, OwnFunction, calling
from nqs.systems.harmonic_oscillator import STATISTICS
from nqs.systems.system import (
    SPINLESS,
    System,
    check_n_up,
    check_positive_integer,
    external_potential,
    one_for_each_axis,
)


class Potential(OwnFunction):
    """What ``potential`` makes of a function: ``Trap(..., potential=it, parameter=...)`` is a system with it."""

    what = "potential"


def potential(function: Callable[..., Any]) -> Potential:
    """Make a potential of a function (x, parameters...) that returns V(x) of all particles at once.

    It is compiled: numbers, elements of arrays, loops, branches, functions of ``math`` or ``numpy`` of a number, and
    other functions decorated with ``neural.jit.kernel``; no new arrays.
    """
    return Potential(function)


class OwnTrap(Own, System):
    """Base class of the systems that ``Trap`` makes."""

    __slots__ = ()
    own_fields = ("n_particles", "n_dims", "omega", "n_up")
    omega: np.ndarray

    @classmethod
    def register_own(cls) -> None:
        f, parameters = with_helpers(cls.own_function.function), cls.own_function.names
        total = calling(f, "total(system, x)", (f"system.{name}" for name in parameters), {})
        external_potential.register(cls)(total)

    @property
    def length(self) -> np.ndarray:
        return np.sqrt(0.5 / self.omega)


def Trap(
    n_particles: int = 1,
    n_dims: int = 1,
    omega: float | Sequence[float] = 1.0,
    *,
    potential: Potential,
    statistics: str = "boson",
    n_up: int | None = None,
    **parameters: Any,
) -> Any:
    """Particles in a potential of one's own, H = -1/2 sum_i nabla_i^2 + V(x); units hbar = m = 1.

    Parameters
    ----------
    n_particles, n_dims : whole numbers from 1
    omega : one number or one for each axis; it is no part of V, but sets the scale 1 / sqrt(2 omega) of first
        configurations, of steps and of the default wave function
    potential : what ``nqs.potential`` made of a function V(x, parameters...)
    statistics : "boson" or "fermion" (spin 1/2)
    n_up : how many fermions have the spin up, half of them or one more by default: particles 0 .. n_up - 1
    parameters : of V, by name

    Raises
    ------
    TypeError : for another potential, or parameters that are not those of its function
    ValueError : for numbers outside these ranges
    """
    if not isinstance(potential, Potential):
        raise TypeError(f"expected a function decorated with @nqs.potential, found {potential!r}")
    n_particles = check_positive_integer("n_particles", n_particles)
    n_dims = check_positive_integer("n_dims", n_dims)
    if statistics not in STATISTICS:
        raise ValueError(f"expected statistics to be one of {', '.join(STATISTICS)}, got {statistics!r}")
    spins = SPINLESS if statistics == "boson" else check_n_up(n_up, n_particles)
    values = potential.values(parameters)
    kinds = potential.kinds(parameters)
    constants = (float(value[0]) if kind == "number" else value for kind, value in zip(kinds, values))
    fields = (*constants, n_particles, n_dims, one_for_each_axis("omega", omega, n_dims), spins)
    return potential.class_for(OwnTrap, kinds)._make(fields)
