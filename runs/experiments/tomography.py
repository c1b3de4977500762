"""A quantum state from measurements in one basis: a Boltzmann machine learns the spins of a transverse-field chain.

The ground state is positive in the z basis, so that psi(s) = sqrt(p(s)) with p of the machine is the whole state.
Source: G. Torlai et al., Nature Physics 14, 447 (2018).
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from pydantic import Field

from ..result import Measurement
from .experiment import Experiment, Progress, Run
from .settings import Settings


class TomographySettings(Settings):
    """Reconstruct the ground state of a transverse-field Ising ring from spins measured along z."""

    n_spins: int = Field(10, ge=3, le=14, description="spins on the ring")
    J: float = Field(1.0, gt=0, allow_inf_nan=False, description="coupling of neighbours along z")
    h: float = Field(1.0, gt=0, allow_inf_nan=False, description="transverse field")
    n_data: int = Field(20_000, ge=100, description="measurements of all spins")
    n_hidden: int = Field(10, ge=1, le=10_000, description="hidden units")
    k: int = Field(5, ge=1, description="Gibbs steps for each update of the persistent chains")
    n_epochs: int = Field(40, ge=1, description="passes through the data")
    batch_size: int = Field(100, ge=1, description="measurements for each update")
    learning_rate: float = Field(0.01, gt=0, allow_inf_nan=False, description="of Adam; falls to 0 along a cosine")


class TomographyRun:
    """Training, then the fidelity and the energy of the state that was reconstructed, by sums over all its elements."""

    def __init__(self, settings: TomographySettings) -> None:
        import nqs
        from generative import IsingRBM
        from neural.optimizers import Adam, CosineDecay
        from nqs.exact.diagonalisation import lowest, matrix, spins_of

        self.settings = settings
        system = nqs.TransverseFieldIsing(nqs.Chain(settings.n_spins), J=settings.J, h=settings.h)
        spectrum = lowest(system)
        self.truth, self.hamiltonian = np.abs(spectrum.states[:, 0]), matrix(system)
        self.spins = spins_of(np.arange(len(self.truth)), settings.n_spins).astype(np.float64)
        rng = np.random.default_rng(settings.seed)
        p = self.truth**2 / np.sum(self.truth**2)
        self.data = self.spins[rng.choice(len(p), settings.n_data, p=p)]
        self.model = IsingRBM(settings.n_spins, settings.n_hidden, seed=settings.seed, scale=0.05, symmetric=True)
        n_updates = settings.n_epochs * -(-settings.n_data // settings.batch_size)
        optimizer = Adam(CosineDecay(settings.learning_rate, n_updates))
        self.fit: Any = self.model.fit(
            self.data, k=settings.k, n_epochs=settings.n_epochs, batch_size=settings.batch_size, optimizer=optimizer
        )
        self.exact: Mapping[str, float] = {"energy": float(spectrum.energies[0]), "fidelity": 1.0}

    def amplitudes(self) -> np.ndarray:
        """psi = sqrt(p) of the machine for all configurations, normalised."""
        psi = np.exp(0.5 * self.model.log_prob(self.spins))
        return psi / np.linalg.norm(psi)

    def fidelity(self) -> float:
        """|<psi|truth>|^2."""
        return float(self.amplitudes() @ self.truth) ** 2

    def energy(self) -> float:
        """<psi|H|psi>, above the exact energy by the variational principle."""
        psi = self.amplitudes()
        return float(psi @ (self.hamiltonian @ psi))

    def training(self) -> Iterator[Progress]:
        while self.fit.epoch < self.settings.n_epochs:
            epoch = next(self.fit)
            numbers = {"fidelity": self.fidelity(), "energy": self.energy(), "energy_error": 0.0}
            numbers |= {"pseudo_likelihood": epoch.pseudo_likelihood, "gradient_norm": epoch.gradient_norm}
            yield Progress(epoch.epoch, self.settings.n_epochs, numbers)

    def measuring(self) -> Iterator[Progress]:
        yield Progress(1, 1, {"fidelity": self.fidelity(), "energy": self.energy()})

    def measurements(self) -> dict[str, Measurement]:
        from montecarlo.estimates import Estimate

        values = {"energy": self.energy(), "fidelity": self.fidelity()}
        return {name: Measurement(Estimate(value, 0.0)) for name, value in values.items()}

    def samples(self) -> dict[str, np.ndarray]:
        """The measurements that were learned from, -1 and +1, shape (n_data, n_spins)."""
        return {"measurements": self.data.astype(np.int8)}

    def state(self) -> dict[str, Any]:
        return {"step": self.fit.epoch, "training": self.fit.state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.fit.restore(state["training"])


def start(settings: TomographySettings) -> Run:
    """The run of these settings."""
    return TomographyRun(settings)


EXPERIMENT = Experiment("tomography", TomographySettings, start)
