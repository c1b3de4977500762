"""What VMC refuses, what stops it, and what it warns of."""

import warnings
from typing import Any

import numpy as np

from montecarlo.metropolis import Metropolis
from neural.divergence import DivergedError
from neural.optimizers import Optimizer
from nqs.proposals.spin_flip import SpinMove
from nqs.reconfiguration import StochasticReconfiguration
from nqs.spin_space import SpinSpace
from nqs.systems.spin_system import SpinSystem
from nqs.systems.system import System
from nqs.wavefunctions.wavefunction import WaveFunction

FAR = 10.0  # extents of a system, beyond which no particle is found; a hundred times as many for a poor guess


class VMCWarning(UserWarning):
    """Something that casts doubt on the numbers, with one line of advice."""


def check_arguments(system: Any, psi: Any, proposal: Any, optimizer: Any) -> None:
    """A TypeError or ValueError for what does not belong together."""
    if not isinstance(system, System | SpinSystem) or not isinstance(psi, WaveFunction):
        raise TypeError(f"expected a system, then a wave function, got {_kind(system)} and {_kind(psi)}")
    if isinstance(proposal, (type, Metropolis if isinstance(system, SpinSystem) else SpinMove)):
        raise TypeError(f"expected a proposal for {_kind(system)}, got {_kind(proposal)}")
    if not isinstance(optimizer, StochasticReconfiguration | Optimizer):
        raise TypeError(f"expected an optimizer such as StochasticReconfiguration(0.05), got {_kind(optimizer)}")
    if isinstance(system, SpinSystem):
        system.check(psi)
    else:
        _check_particles(system, psi)
    if not np.isfinite(psi.parameters).all():
        bad = [name for name, array in psi.named_parameters().items() if not np.isfinite(array).all()]
        raise ValueError(f"expected finite parameters, got NaN or infinity in {', '.join(bad)}")


def space_of(system: Any, proposal: Any) -> SpinSpace | None:
    """The space of spins that the moves sample, or None for particles."""
    return system.space_for(proposal) if isinstance(system, SpinSystem) else None


def started(system: Any, psi: Any, proposal: Any, n: int, generator: np.random.Generator) -> tuple[Any, np.ndarray]:
    """The wave function in the space that the moves sample, and ``n`` first configurations there.

    Raises ``ValueError`` for moves of spins that keep a magnetisation which is not fixed or not known.
    """
    space = space_of(system, proposal)
    if space is None:
        return psi, system.first_configurations(n, generator)
    return psi.within(space.magnetisation), space.first_configurations(n, generator)


def _check_particles(system: System, psi: WaveFunction) -> None:
    if psi.shape != system.shape:
        raise ValueError(
            f"expected a wave function of {system.n_particles} particles in {system.n_dims} dimensions, "
            f"got one for (n_particles, n_dims) = {psi.shape}"
        )
    if _has_equal_spins(system) and not psi.antisymmetric:
        raise ValueError(
            f"expected a wave function that is antisymmetric for {psi.shape[0]} fermions, "
            f"got {type(psi).__name__}: multiply it with nqs.Slater(system)"
        )
    if _has_equal_spins(system) and not psi.symmetric:
        factors = getattr(psi, "factors", (psi,))
        names = ", ".join(type(factor).__name__ for factor in factors if not factor.symmetric)
        message = f"{names} changes when electrons of the same spin are exchanged, so that psi is not antisymmetric"
        advice = "the energy may fall below that of fermions; PairNetwork, or Neural with pooled powers, is symmetric"
        warnings.warn(f"{message}: {advice}", VMCWarning, stacklevel=4)


def _has_equal_spins(system: Any) -> bool:
    """Whether two of the particles are fermions of the same spin."""
    return getattr(system, "fermions", False) and max(system.n_up, system.n_particles - system.n_up) > 1


def _kind(found: Any) -> str:
    return f"the class {found.__name__} itself" if isinstance(found, type) else type(found).__name__


def check_energies(step: int, energies: np.ndarray) -> None:
    """A DivergedError for local energies, shape (n_chains, n_samples), that are not all finite."""
    if complaint := not_finite(energies):
        raise DivergedError(f"step {step}: {complaint}; a smaller learning rate or a larger shift may help", step)


def not_finite(energies: np.ndarray) -> str:
    """What is wrong with local energies, shape (n_chains, n_samples), that are not all finite; else empty."""
    bad = ~np.isfinite(energies)
    if not bad.any():
        return ""
    chain, sample = np.argwhere(bad)[0]
    found = f"{np.count_nonzero(bad)} of {energies.size} local energies are not finite"
    where = f"first in chain {chain} at sample {sample}"
    return f"{found}, {where}; where particles meet the wave function needs the cusp of the interaction"


def run_away(system: Any, psi: Any, x: np.ndarray) -> str:
    """What is wrong with configurations, (n_chains, n_particles, n_dims), of a psi that cannot be normalised."""
    if x.ndim != 3:
        return ""
    exponents = {name: array.min() for name, array in psi.named_parameters().items() if name.endswith("alpha")}
    negative = ", ".join(f"{name} is {least:.3g}" for name, least in exponents.items() if least < 0)
    distance = np.max(np.abs(x))
    if not distance > (FAR if negative else 100 * FAR) * np.max(system.extent):
        return ""
    found = f"particles are {distance:.2g} from the centre, so that psi cannot be normalised"
    return f"{found}: {negative}" if negative else found


def check_values(name: str, values: Any, n: int) -> np.ndarray:
    """The values of an observable, shape (n, ...), or a ValueError."""
    if np.shape(values)[:1] != (n,):
        raise ValueError(
            f"expected the observable {name} to return {n} numbers or arrays for {n} configurations, one for each, "
            f"got shape {np.shape(values)}"
        )
    return np.asarray(values)
