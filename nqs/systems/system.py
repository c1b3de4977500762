"""What every system of particles offers.

A system is a NamedTuple of numbers and arrays with the fields ``n_particles`` and ``n_dims``, an ``exact_energy``
(a float, or None where none is known), a natural ``length`` in which first configurations are drawn, and its
``potential``: the sum of ``external_potential`` and ``interaction``, unless it registers another. Fermions have the
field ``n_up``, too: particles 0 .. n_up - 1 have the spin up, the others down. Units: hbar = m = e = 1.
"""

import math
from numbers import Real
from typing import Any

import numpy as np

from neural.jit import generic
from neural.records import Record

SPINLESS = -1  # n_up of particles that have no spin
SMALLEST, LARGEST = 1e-9, 1e9  # numbers that physics is given in


class System(Record):
    """Base class of the systems of particles in continuous space."""

    __slots__ = ()
    n_particles: int
    n_dims: int
    configuration_dtype = np.float64
    energy_dtype = np.float64

    def _arguments(self) -> dict[str, Any]:
        return {name: value for name, value in super()._arguments().items() if (name, value) != ("n_up", SPINLESS)}

    @property
    def shape(self) -> tuple[int, int]:
        """Of a configuration: (n_particles, n_dims)."""
        return self.n_particles, self.n_dims

    @property
    def exact_energy(self) -> float | None:
        """The exact ground-state energy, where one is known."""
        return None

    @property
    def energy_bounds(self) -> tuple[float, float]:
        """Between which every energy lies, as far as is known."""
        return -math.inf, math.inf

    @property
    def fermions(self) -> bool:
        """Whether the wave function changes its sign when two particles of equal spin are exchanged."""
        return getattr(self, "n_up", SPINLESS) != SPINLESS

    @property
    def length(self) -> np.ndarray:
        """The extent of the cloud along each axis, shape (n_dims,)."""
        raise NotImplementedError

    @property
    def time(self) -> float:
        """The unit of steps in imaginary time: 1 / omega of the steepest axis, less for a large interaction."""
        return 2 * float(self.length.min()) ** 2

    @property
    def extent(self) -> np.ndarray:
        """Half the size of a box that holds the cloud, for densities on a grid; shape (n_dims,)."""
        return 5 * self.length

    def own_state(self, factory: Any, kinds: tuple[str, ...], values: list[Any]) -> Any:
        """The wave function that ``nqs.log_psi`` made of a function, for these particles."""
        from nqs.wavefunctions.own_particles import OwnState

        return factory.class_for(OwnState, kinds)._make((*values, self.n_particles, self.n_dims))

    def first_configurations(self, n: int, generator: np.random.Generator) -> np.ndarray:
        """Normally distributed particles of the size of the cloud, shape (n, n_particles, n_dims)."""
        return generator.standard_normal((n, self.n_particles, self.n_dims)) * self.length


@generic
def local_energy(system: Any, psi: Any, work: Any, x: np.ndarray, scratch: np.ndarray) -> Any:
    """E_L(x) = (H psi)(x) / psi(x); ``work`` belongs to x, ``scratch`` has at least 2 rows of the shape of x."""
    ...


@generic
def potential(system: Any, x: np.ndarray) -> float:
    """The potential energy V(x) of a configuration x, shape (n_particles, n_dims)."""
    ...


@generic
def external_potential(system: Any, x: np.ndarray) -> float:
    """The part of V(x) that acts on each particle for itself: the trap."""
    ...


@generic
def interaction(system: Any, x: np.ndarray) -> float:
    """The part of V(x) between particles, 0 unless a system registers another."""
    ...


@potential.register(System)
def _(system, x):
    return external_potential(system, x) + interaction(system, x)


@interaction.register(System)
def _(system, x):
    return 0.0


def check_particles(system: Any) -> None:
    """A TypeError for anything but a system of particles, to which wave functions of particles belong."""
    if not isinstance(system, System):
        raise TypeError(f"expected a system of particles, such as HarmonicOscillator(), got {type(system).__name__}")


def check_positive_integer(name: str, value: int) -> int:
    """``value`` as an int, or a ValueError that names what was expected and found."""
    if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < 1:
        raise ValueError(f"expected {name} to be a whole number >= 1, got {value!r}")
    return int(value)


def check_positive(name: str, value: float) -> float:
    """``value`` as a float, or a ValueError that names what was expected and found."""
    if not (isinstance(value, Real) and 0 < value < np.inf):
        raise ValueError(f"expected {name} to be a positive number, got {value}")
    return float(value)


def check_scale(name: str, value: float, least: float = SMALLEST, most: float = LARGEST) -> float:
    """``value`` as a float, or a ValueError where it is so small or large that something under- or overflows."""
    if not least <= check_positive(name, value) <= most:
        raise ValueError(f"expected {name} to be a number from {least:g} to {most:g}, got {value}")
    return float(value)


def check_non_negative(name: str, value: float) -> float:
    """``value`` as a float, or a ValueError that names what was expected and found."""
    if not (isinstance(value, Real) and 0 <= value < np.inf):
        raise ValueError(f"expected {name} to be 0 or a positive number, got {value}")
    return float(value)


def check_n_up(n_up: int | None, n_particles: int) -> int:
    """How many of the particles have the spin up, by default half of them or one more, or a ValueError."""
    if n_up is None:
        return (n_particles + 1) // 2
    if not isinstance(n_up, int | np.integer) or isinstance(n_up, bool) or not 0 <= n_up <= n_particles:
        raise ValueError(f"expected n_up to be a whole number from 0 to n_particles = {n_particles}, got {n_up!r}")
    return int(n_up)


def frequencies(omega: Any, n_dims: int) -> np.ndarray:
    """``one_for_each_axis`` of the frequencies of a trap, none of them extreme."""
    found = one_for_each_axis("omega", omega, n_dims)
    for each in found:
        check_scale("omega", float(each))
    return found


def one_for_each_axis(name: str, values: Any, n_dims: int) -> np.ndarray:
    """Positive numbers, shape (n_dims,), from one number or one for each axis, or a ValueError."""
    found = np.atleast_1d(np.asarray(values))
    if found.dtype.kind not in "iuf" or found.shape not in ((1,), (n_dims,)):
        raise ValueError(f"expected {name} to be one number or {n_dims}, one for each axis, got {values!r}")
    numbers = found.astype(np.float64)
    for number in numbers:
        check_positive(name, number)
    return np.broadcast_to(numbers, (n_dims,)).copy()
