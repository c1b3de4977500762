"""Observables of particles for ``VMC.measure``: plain functions of configurations, shape (n, n_particles, n_dims).

    edges = np.linspace(0, 5, 51)
    vmc.measure(2**20, {"radial_density": RadialDensity(edges), "my_own": lambda x: x[:, 0, 0] ** 2})

A function returns one number for each configuration, shape (n,), or an array of them, shape (n, ...). What also needs
the local energies takes them as a second argument and is marked with ``WithEnergies``. ``axes`` of an observable, where
it has them, name the axes of its array.
"""

import itertools
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np

from neural.jit import kernel
from neural.records import Bound, ByContents, Record
from nqs.systems.hard_sphere_bosons import HardSphereBosons
from nqs.systems.system import SPINLESS, System, external_potential, interaction, potential

Observable = Callable[..., np.ndarray]


class Axis(NamedTuple):
    """An axis of an observable: its name, the edges of its bins or the values along it, and their unit."""

    name: str
    values: np.ndarray
    unit: str = ""


class _Function(NamedTuple):
    function: Observable


class WithEnergies(Record, _Function):
    """An observable that is a function of configurations and their local energies, shape (n,), maybe complex."""

    def __call__(self, x: np.ndarray, energies: np.ndarray) -> np.ndarray:
        return self.function(x, energies)


class Operator(Protocol):
    """What is an observable only together with a wave function, such as a sum of Pauli matrices."""

    def local_estimator(self, psi: Any, /) -> Observable:
        """The function of configurations drawn from |psi|^2 whose mean is the expectation value."""
        ...


@runtime_checkable
class Deriving(Protocol):
    """An observable from whose sums further estimates follow, such as the eigenvalues of a matrix."""

    def derived(self, name: str, sums: Any) -> dict[str, Any]:
        """Estimates by their names."""
        ...


# Energies


@kernel
def _potentials(system, x, out):
    for s in range(x.shape[0]):
        out[s, 0] = external_potential(system, x[s])
        out[s, 1] = interaction(system, x[s])


@kernel
def _virials(system, x, scaled, step, out):
    for s in range(x.shape[0]):
        difference = 0.0
        for sign in (1, -1):
            for i in range(x.shape[1]):
                for d in range(x.shape[2]):
                    scaled[i, d] = x[s, i, d] * (1.0 + sign * step)
            difference += sign * potential(system, scaled)
        out[s] = difference / (2.0 * step)


def _parts(system: System, x: np.ndarray) -> np.ndarray:
    """External potential and interaction, shape (n, 2)."""
    out = np.empty((len(x), 2))
    _potentials(system, np.ascontiguousarray(x), out)
    return out


def trap_energy(system: System) -> Observable:
    """The energy of the particles in the external potential."""
    return Bound(_part, system, 0)


def interaction_energy(system: System) -> Observable:
    """The energy of the interaction."""
    return Bound(_part, system, 1)


def kinetic_energy(system: System) -> WithEnergies:
    """T_L = E_L - V, the local kinetic energy."""
    return WithEnergies(Bound(_kinetic, system))


def _part(system: System, which: int, x: np.ndarray) -> np.ndarray:
    return _parts(system, x)[:, which]


def _kinetic(system: System, x: np.ndarray, energies: np.ndarray) -> np.ndarray:
    return energies - _parts(system, x).sum(axis=1)


def virial(system: System, step: float = 1e-4) -> WithEnergies:
    """2 T_L - sum_i x_i . grad_i V, whose mean vanishes for an eigenstate, and where psi is best under scaling.

    In a harmonic trap it is 2 T - 2 V_trap + V_int for the Coulomb repulsion. The derivative of V along the scaling of
    x is a central difference with the relative ``step``. Not for hard spheres, whose force is not in V.

    Source: V. Fock, Z. Phys. 63, 855 (1930).
    """
    return WithEnergies(Bound(_virial, system, step))


def _virial(system: System, step: float, x: np.ndarray, energies: np.ndarray) -> np.ndarray:
    forces = np.empty(len(x))
    _virials(system, np.ascontiguousarray(x), np.empty(x.shape[1:]), step, forces)
    return 2 * _kinetic(system, x, energies) - forces


# Histograms


def histogram(values: np.ndarray, edges: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """For each row of ``values``, shape (n, m), how many lie in each of the equal bins, shape (n, n_bins)."""
    n, bins = len(values), len(edges) - 1
    index = np.floor((values - edges[0]) * (bins / (edges[-1] - edges[0]))).astype(np.int64)
    inside = (values >= edges[0]) & (index < bins)
    flat = (np.arange(n)[:, None] * bins + index)[inside]
    return np.bincount(flat, weights, minlength=n * bins).astype(np.float64).reshape(n, bins)


def shell_volumes(edges: np.ndarray, n_dims: int) -> np.ndarray:
    """Lengths (both sides of a line), areas or volumes of the shells between radii, shape (n_bins,)."""
    ball = {1: 2.0, 2: np.pi, 3: 4 * np.pi / 3}[n_dims]
    return ball * np.diff(edges**n_dims)


def equal_bins(edges: Any) -> np.ndarray:
    """Rising edges of bins of one width, or a ``ValueError``."""
    edges = np.asarray(edges, dtype=np.float64)
    widths = np.diff(edges)
    if edges.ndim != 1 or len(edges) < 2 or not (widths > 0).all() or np.ptp(widths) > 1e-9 * np.abs(edges).max():
        raise ValueError("expected the rising edges of bins of equal width, such as np.linspace(0, 5, 51)")
    return edges


class RadialDensity(ByContents):
    """rho(r) = < sum_i delta(|x_i| - r) > / (area of the shell): particles in a unit of volume at the distance r.

    ``particles`` chooses some of them, such as ``slice(0, n_up)`` for the density of spin up. The integral over space
    is the number of particles within the last edge.
    """

    def __init__(self, edges: Any, particles: slice = slice(None)) -> None:
        self.edges, self.particles = equal_bins(edges), particles

    @property
    def axes(self) -> tuple[Axis, ...]:
        return (Axis("r", self.edges),)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        r = np.linalg.norm(x[:, self.particles], axis=2)
        return histogram(r, self.edges) / shell_volumes(self.edges, x.shape[2])


class Density(ByContents):
    """The density on a grid over one or two of the coordinates: particles in a unit of length or area.

    Parameters
    ----------
    edges : of the bins along each of the coordinates
    coordinates : which ones; the density is integrated over the others
    particles : some of them, such as ``slice(0, n_up)``
    """

    def __init__(self, *edges: Any, coordinates: tuple[int, ...] = (0, 1), particles: slice = slice(None)) -> None:
        self.edges = tuple(equal_bins(each) for each in edges)
        self.coordinates, self.particles = coordinates[: len(edges)], particles
        if not 1 <= len(self.edges) <= 2:
            raise ValueError(f"expected the edges along one or two coordinates, got {len(self.edges)}")

    @property
    def axes(self) -> tuple[Axis, ...]:
        return tuple(Axis("xyz"[d], edges) for d, edges in zip(self.coordinates, self.edges))

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(len(edges) - 1 for edges in self.edges)

    @property
    def volume(self) -> float:
        """Of one bin."""
        return float(np.prod([edges[1] - edges[0] for edges in self.edges]))

    def __call__(self, x: np.ndarray) -> np.ndarray:
        rows, bins = self._bins(x)
        n_bins = int(np.prod(self.shape))
        counts = np.bincount(rows * n_bins + bins, minlength=len(x) * n_bins)
        return counts.reshape(len(x), *self.shape) / self.volume

    def sums_and_squares(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The sums over the samples of each chain of the density and of its squares, both (n_chains, *shape).

        From configurations (n_chains, n_samples, n_particles, n_dims), without an array that has all bins for each.
        """
        n_bins, (n_chains, n_samples) = int(np.prod(self.shape)), x.shape[:2]
        rows, bins = self._bins(x.reshape(-1, *x.shape[2:]))
        sums = np.bincount(rows // n_samples * n_bins + bins, minlength=n_chains * n_bins)
        occupied, counts = np.unique(rows * n_bins + bins, return_counts=True)
        chains = occupied // (n_samples * n_bins)
        squares = np.bincount(
            chains * n_bins + occupied % n_bins, counts.astype(np.float64) ** 2, minlength=n_chains * n_bins
        )
        shape = n_chains, *self.shape
        return sums.reshape(shape) / self.volume, squares.reshape(shape) / self.volume**2

    def _bins(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """For each particle that lies on the grid the row of its configuration and the number of its bin."""
        chosen = x[:, self.particles]
        index, inside = np.zeros(chosen.shape[:2], dtype=np.int64), np.ones(chosen.shape[:2], dtype=bool)
        for d, edges, bins in zip(self.coordinates, self.edges, self.shape):
            along = np.floor((chosen[:, :, d] - edges[0]) * (bins / (edges[-1] - edges[0]))).astype(np.int64)
            inside &= (along >= 0) & (along < bins)
            index = index * bins + along
        rows = np.broadcast_to(np.arange(len(x))[:, None], index.shape)
        return rows[inside], index[inside]


class PairCorrelation(ByContents):
    """< sum_{i<j} delta(|x_i - x_j| - r) > / (area of the shell): pairs in a unit of volume at the distance r.

    It tends to 0 for r -> 0 where particles avoid each other. ``pairs`` chooses "all", or pairs of "equal" or
    "opposite" spin where particles 0 .. n_up - 1 are up. The integral over space is the number of pairs.
    """

    def __init__(self, edges: Any, pairs: str = "all", n_up: int = -1) -> None:
        self.edges, self.pairs, self.n_up = equal_bins(edges), pairs, n_up
        if pairs not in ("all", "equal", "opposite"):
            raise ValueError(f"expected pairs to be one of all, equal, opposite, got {pairs!r}")

    @property
    def axes(self) -> tuple[Axis, ...]:
        return (Axis("r", self.edges),)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        return histogram(pair_distances(x, self._chosen), self.edges) / shell_volumes(self.edges, x.shape[2])

    def _chosen(self, i: int, j: int) -> bool:
        return self.pairs == "all" or ((i < self.n_up) == (j < self.n_up)) == (self.pairs == "equal")


def pair_distances(x: np.ndarray, chosen: Callable[[int, int], bool] = lambda i, j: True) -> np.ndarray:
    """|x_i - x_j| of the pairs i < j that are chosen, shape (n, n_pairs)."""
    pairs = np.array([p for p in itertools.combinations(range(x.shape[1]), 2) if chosen(*p)], dtype=int).reshape(-1, 2)
    return np.linalg.norm(x[:, pairs[:, 0]] - x[:, pairs[:, 1]], axis=2)


def pair_distance(x: np.ndarray) -> np.ndarray:
    """The mean over all pairs of |x_i - x_j|."""
    return pair_distances(x).mean(axis=1)


def squared_radius(x: np.ndarray) -> np.ndarray:
    """r^2, the mean over particles."""
    return (x**2).sum(axis=2).mean(axis=1)


# All together


def standard_observables(system: System, n_bins: int = 60) -> dict[str, Observable]:
    """Energies, densities and pair correlations that suit a system, on grids of the size of its cloud.

    With spins the radial densities and correlations of each kind; in two dimensions or more a density over x and y.
    """
    extent = system.extent
    smooth = not isinstance(system, HardSphereBosons)
    observables: dict[str, Observable] = {
        "kinetic": kinetic_energy(system),
        "trap": trap_energy(system),
        "interaction": interaction_energy(system),
        **({"virial": virial(system)} if smooth else {}),
        "squared_radius": squared_radius,
        **_densities(system, extent, n_bins),
    }
    if system.n_particles > 1:
        observables["pair_distance"] = pair_distance
        observables |= _correlations(system, np.linspace(0, 1.6 * extent.max(), n_bins + 1))
    return observables


def _densities(system: System, extent: np.ndarray, n_bins: int) -> dict[str, Observable]:
    radii, n_up = np.linspace(0, extent.max(), n_bins + 1), getattr(system, "n_up", SPINLESS)
    edges = [np.linspace(-half, half, 2 * (n_bins // 3) + 1) for half in extent[:2]]
    found: dict[str, Observable] = {"radial_density": RadialDensity(radii)}
    if 0 < n_up < system.n_particles:
        found["radial_density_up"] = RadialDensity(radii, slice(0, n_up))
        found["radial_density_down"] = RadialDensity(radii, slice(n_up, None))
    return {**found, "density": Density(*edges)}


def _correlations(system: System, edges: np.ndarray) -> dict[str, Observable]:
    n_up = getattr(system, "n_up", SPINLESS)
    if n_up == SPINLESS:
        return {"pair_correlation": PairCorrelation(edges)}
    kinds = {
        "equal": max(n_up, system.n_particles - n_up) > 1,
        "opposite": 0 < n_up < system.n_particles,
    }
    return {f"pair_correlation_{kind}": PairCorrelation(edges, kind, n_up) for kind, there in kinds.items() if there}
