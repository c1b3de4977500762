"""The one-body density matrix of particles, and the occupations of its natural orbitals."""

import zlib

import numpy as np

from montecarlo.moments import Estimates, Moments
from neural.records import ByContents
from nqs.systems.system import System, check_positive_integer
from nqs.wavefunctions.determinants import lowest_states
from nqs.wavefunctions.wavefunction import WaveFunction


class DensityMatrix(ByContents):
    """rho_ij = n int phi_i(r) rho(r, r') phi_j(r') dr dr' of n particles in oscillator orbitals phi; an observable.

    For each configuration one particle r_p is chosen and moved to an r' drawn from a normal distribution q:

        rho_ij = n < phi_i(r_p) phi_j(r') psi(x') / (psi(x) q(r')) >,   made symmetric.

    The trace is n when the orbitals are complete. The random numbers are a function of the configurations, so that a
    measurement that is continued gives the same bits.

    Parameters
    ----------
    psi : the wave function that is measured; where it is of fermions, with the sign of ``Slater`` or ``PowerJastrow``
    system : its system; the orbitals are those of an oscillator with 1 / (2 length^2) as frequencies
    n_orbitals : how many, the lowest first
    particles : those of one kind, such as ``slice(0, n_up)`` for spin up; all by default

    Raises
    ------
    ValueError : where the sign of the wave function is not known

    Source: W. L. McMillan, Phys. Rev. 138, A442 (1965), eq. (17); P.-O. Lowdin, Phys. Rev. 97, 1474 (1955).
    """

    def __init__(self, psi: WaveFunction, system: System, n_orbitals: int = 10, particles: slice = slice(None)) -> None:
        self.psi, self.fermions, self.omega = psi, system.fermions, 0.5 / system.length**2
        self.states = lowest_states(self.omega, check_positive_integer("n_orbitals", n_orbitals))
        self.chosen = np.arange(system.n_particles)[particles]
        self.width = system.extent / 4
        self._signs(np.zeros((0, *psi.shape)))

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Shape (n, n_orbitals, n_orbitals)."""
        generator = np.random.default_rng(zlib.crc32(x.tobytes()))
        rows, particle = np.arange(len(x)), generator.choice(self.chosen, len(x))
        new = generator.standard_normal((len(x), x.shape[2])) * self.width
        log_density = -0.5 * ((new / self.width) ** 2 + np.log(2 * np.pi * self.width**2)).sum(axis=1)
        moved = x.copy()
        moved[rows, particle] = new
        ratio = np.exp(self.psi.log_psi(moved) - self.psi.log_psi(x) - log_density)
        ratio *= self._signs(moved) * self._signs(x) * len(self.chosen)
        here, there = self.orbitals(x[rows, particle]), self.orbitals(new)
        product = here[:, :, None] * (there * ratio[:, None])[:, None, :]
        return (product + product.swapaxes(1, 2)) / 2

    def orbitals(self, position: np.ndarray) -> np.ndarray:
        """phi_j(r), of norm 1, for positions (n, n_dims): shape (n, n_orbitals)."""
        u = np.sqrt(self.omega) * position
        values = np.ones((len(u), len(self.states)))
        for d, omega in enumerate(self.omega):
            one = np.empty((len(u), self.states.max() + 1))
            one[:, 0] = (omega / np.pi) ** 0.25 * np.exp(-0.5 * u[:, d] ** 2)
            for k in range(1, one.shape[1]):
                one[:, k] = np.sqrt(2 / k) * u[:, d] * one[:, k - 1]
                if k > 1:
                    one[:, k] -= np.sqrt((k - 1) / k) * one[:, k - 2]
            values *= one[:, self.states[:, d]]
        return values

    def _signs(self, x: np.ndarray) -> np.ndarray:
        """The sign of psi(x), shape (n,); there is none for bosons."""
        sign = np.ones(len(x))
        for factor in getattr(self.psi, "factors", (self.psi,)) if self.fermions else ():
            if (sign_of := getattr(factor, "sign", None)) is not None:
                sign = sign * sign_of(x)
            elif factor.antisymmetric:
                raise ValueError(f"expected a wave function whose sign is known, got {type(factor).__name__} in it")
        return sign

    def derived(self, name: str, sums: Moments) -> dict[str, Estimates]:
        """The occupations of the natural orbitals, the largest first: eigenvalues, by the jackknife over chains."""
        return {f"{name}_occupations": sums.jackknife(lambda matrix: np.linalg.eigvalsh(matrix)[::-1])}
