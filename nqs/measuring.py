"""What a measurement adds up: the energy, the acceptance, and observables, numbers or arrays of them."""

import itertools
from collections.abc import Iterator, Mapping
from typing import Any, cast

import numpy as np

from montecarlo.moments import Moments
from montecarlo.statistics import Accumulator
from neural.saved import Saved
from nqs.checks import check_values
from nqs.observables import Density, Observable, WithEnergies
from nqs.spin_space import SpinSpace

NUMBERS_IN_MEMORY = 2**22  # of one observable at a time
IMAGINARY = "imaginary part"  # of the local energies, where psi has a phase: its mean is 0, but not its variance
TAKEN = {"energy", "acceptance", IMAGINARY}
Sums = dict[str, Any]  # an Accumulator for a number, Moments for an array


def estimators(observables: Any, psi: Any, space: SpinSpace | None = None) -> dict[str, Observable]:
    """The observables by name, operators as their local estimators for psi, which is 0 outside of a ``space`` of spins.

    Raises ``TypeError`` for anything but a mapping from names to observables, ``ValueError`` for names that are taken.
    """
    if not isinstance(observables, Mapping) or not all(isinstance(name, str) for name in observables):
        found = type(observables).__name__
        raise TypeError(f'expected observables by name, such as {{"r": squared_radius}}, got {found}')
    if taken := TAKEN & set(observables):
        raise ValueError(f"expected other names of observables than {', '.join(sorted(taken))}: it is measured anyway")
    return {name: estimator_of(name, observable, psi, space) for name, observable in observables.items()}


def estimator_of(name: str, observable: Any, psi: Any, space: SpinSpace | None = None) -> Observable:
    """A function of configurations: the observable itself, or ``local_estimator(psi)`` of an operator.

    The local estimator of an operator A is Re (A psi)(x) / psi(x), whose mean over |psi|^2 is <A>.
    """
    if (local := getattr(observable, "local_estimator", None)) is not None and not isinstance(observable, type):
        return local(psi) if space is None else local(psi, space)
    if isinstance(observable, type) or not callable(observable):
        found = f"the class {observable.__name__} itself" if isinstance(observable, type) else repr(observable)
        raise TypeError(f"expected the observable {name} to be a function or an operator, got {found}")
    return cast(Observable, observable)


def continues(sums: Sums, observables: Mapping[str, Observable], x: np.ndarray) -> bool:
    """Whether sums are those of these observables, whose values for one configuration x tell their shapes."""
    if set(sums) - {IMAGINARY} != {"energy", "acceptance", *observables}:
        return False
    for name, observable in observables.items():
        shape = next(values_of(name, observable, x[:, None], np.zeros((1, 1), dtype=complex))).shape[2:]
        found = sums[name].sums.shape[1:] if isinstance(sums[name], Moments) else ()
        if found != shape:
            return False
    return True


def add_round(sums: Sums, recorded: Any, acceptance: float, observables: Mapping[str, Observable]) -> None:
    """Add a round of samples, of which ``recorded`` has the local energies and configurations, to the ``sums``."""
    energies = recorded.energies
    sums.setdefault("energy", Accumulator()).update(energies)
    if recorded.imaginary.any():
        sums.setdefault(IMAGINARY, Accumulator()).update(recorded.imaginary)
        energies = energies + 1j * recorded.imaginary
    sums.setdefault("acceptance", Accumulator()).update(np.full((1, recorded.energies.shape[1]), acceptance))
    for name, observable in observables.items():
        if isinstance(observable, Density):
            n_steps = recorded.energies.shape[1]
            sums.setdefault(name, Moments()).add(*observable.sums_and_squares(recorded.configurations), n_steps)
            continue
        blocks = values_of(name, observable, recorded.configurations, energies)
        first = next(blocks)
        if first.ndim == 2:
            sums.setdefault(name, Accumulator()).update(np.concatenate([first, *blocks]))
        else:
            sums.setdefault(name, Moments()).update(itertools.chain([first], blocks))


def values_of(name: str, observable: Observable, x: np.ndarray, energies: np.ndarray) -> Iterator[np.ndarray]:
    """The values of some chains at a time, shape (some chains, n_samples, ...), to save memory.

    x : shape (n_chains, n_samples, ...), with their local energies, shape (n_chains, n_samples)
    """
    start, count = 0, 1  # the first chain shows how large the values are
    while start < len(x):
        some = slice(start, start + count)
        flat = x[some].reshape(-1, *x.shape[2:])
        found = observable(flat, energies[some].ravel()) if isinstance(observable, WithEnergies) else observable(flat)
        values = check_values(name, found, len(flat))
        yield values.reshape(-1, x.shape[1], *values.shape[1:])
        start += count
        count = max(1, NUMBERS_IN_MEMORY * len(x[some]) // max(1, values.size))


def sums_from_state(saved: Saved, n_chains: int) -> Sums:
    """The sums whose ``state()`` were saved, by name, all of them after the same number of steps.

    Raises ``ValueError`` for what a measurement with this number of chains could not have saved.
    """
    if not saved.state:
        return {}
    saved.names(("energy", "acceptance"), optional=saved.state)
    kinds = {name: Moments if "sums" in saved.part(name) else Accumulator for name in saved.state}
    sums: Sums = {
        name: kind.from_state(saved.part(name), 1 if name == "acceptance" else n_chains) for name, kind in kinds.items()
    }
    for name, each in sums.items():
        if each.n_steps != (expected := sums["energy"].n_steps) and name != IMAGINARY:
            saved.refuse(f"{expected} steps, as of the energy", each.n_steps, f"{name}/n_steps")
    if not np.isfinite(sums["energy"].blocks).all() or not isinstance(sums["acceptance"], Accumulator):
        saved.refuse("finite local energies", "NaN or infinity", "energy/blocks")
    return sums
