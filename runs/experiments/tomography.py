"""A quantum state from measurements in one basis: a Boltzmann machine learns the spins of a transverse-field chain.

The ground state is positive in the z basis, so that psi(s) = sqrt(p(s)) = e^(-F(s)/2) with p of the machine is the
whole state. Every hidden unit comes twice, with the same weights, so that psi is itself a machine, ``nqs.SpinRBM``:
variational Monte Carlo goes on from it without any measurement. The same reconstruction from fewer measurements, with
as many updates, shows how its error falls.

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
    n_data: int = Field(20_000, ge=100, le=100_000_000, description="measurements of all spins")
    n_hidden: int = Field(10, ge=1, le=10_000, description="hidden units, each of them twice")
    k: int = Field(5, ge=1, le=1_000_000, description="Gibbs steps for each update of the persistent chains")
    n_epochs: int = Field(40, ge=1, le=10_000_000, description="passes through the data")
    batch_size: int = Field(100, ge=1, le=100_000_000, description="measurements for each update")
    learning_rate: float = Field(0.01, gt=0, allow_inf_nan=False, description="of Adam; falls to 0 along a cosine")
    n_vmc_steps: int = Field(200, ge=0, le=10_000_000, description="most steps of variational Monte Carlo; 0 for none")
    vmc_error: float = Field(1e-4, gt=0, allow_inf_nan=False, description="relative error of the energy it stops at")


FEWER = (100, 10)  # reconstructions from the whole data divided by these numbers


class TomographyRun:
    """Training, then the fidelity and the energy of the state that was reconstructed, by sums over all its elements."""

    def __init__(self, settings: TomographySettings) -> None:
        import nqs
        from nqs.exact.diagonalisation import lowest, matrix, spins_of

        self.settings = settings
        self.system = nqs.TransverseFieldIsing(nqs.Chain(settings.n_spins), J=settings.J, h=settings.h)
        spectrum = lowest(self.system)
        self.truth, self.hamiltonian = np.abs(spectrum.states[:, 0]), matrix(self.system)
        self.spins = spins_of(np.arange(len(self.truth)), settings.n_spins).astype(np.float64)
        rng = np.random.default_rng(settings.seed)
        p = self.truth**2 / np.sum(self.truth**2)
        self.data = self.spins[rng.choice(len(p), settings.n_data, p=p)]
        self.model, self.fit = self._reconstruction(self.data)
        self.measured: dict[str, Measurement] = {}
        self.exact: Mapping[str, float] = {"energy": float(spectrum.energies[0]), "fidelity": 1.0}

    def _reconstruction(self, data: np.ndarray) -> tuple[Any, Any]:
        """A machine and its training, with as many updates for any number of measurements."""
        from neural.optimizers import Adam, CosineDecay

        settings = self.settings
        model = paired_machine(settings.n_spins, settings.n_hidden, settings.seed)
        n_updates = settings.n_epochs * -(-settings.n_data // settings.batch_size)
        n_epochs = -(-n_updates // -(-len(data) // settings.batch_size))
        optimizer = Adam(CosineDecay(settings.learning_rate, n_updates))
        options: Any = {"k": settings.k, "n_epochs": n_epochs, "batch_size": settings.batch_size}
        return model, model.fit(data, optimizer=optimizer, **options)

    def amplitudes(self, model: Any = None) -> np.ndarray:
        """psi = sqrt(p) of the machine for all configurations, normalised."""
        return normalised(-0.5 * (model or self.model).free_energy(self.spins))

    def fidelity(self, psi: np.ndarray) -> float:
        """|<psi|truth>|^2."""
        return float(psi @ self.truth) ** 2

    def energy(self, psi: np.ndarray) -> float:
        """<psi|H|psi>, above the exact energy by the variational principle."""
        return float(psi @ (self.hamiltonian @ psi))

    def wave_function(self) -> Any:
        """The machine as a variational state: the same parameters, with one unit of every pair."""
        import nqs

        n_spins, n_hidden = self.settings.n_spins, self.settings.n_hidden
        psi, (a, b, W) = nqs.SpinRBM(self.system, n_hidden / n_spins, dtype=float), self.model.machine
        return psi._replace(real=type(psi.real)(0.5 * a, b[:n_hidden].copy(), W[:, :n_hidden].copy()))

    def steps_to_converge(self, psi: Any) -> int:
        """Steps of variational Monte Carlo until the exact energy of the state is within ``vmc_error``."""
        import nqs

        settings, exact = self.settings, self.exact["energy"]
        optimizer = nqs.StochasticReconfiguration(0.05)
        options: Any = {"n_samples": 1024, "n_chains": 128, "seed": settings.seed, "threads": settings.threads}
        vmc = nqs.VMC(self.system, psi, nqs.SpinFlip(), optimizer, **options)
        for step in range(settings.n_vmc_steps):
            if self.energy(normalised(vmc.psi.log_psi(self.spins))) < exact + settings.vmc_error * abs(exact):
                return step
            next(iter(vmc.steps(1)))
        return settings.n_vmc_steps

    def training(self) -> Iterator[Progress]:
        while self.fit.epoch < self.settings.n_epochs:
            epoch = next(self.fit)
            psi = self.amplitudes()
            numbers = {"fidelity": self.fidelity(psi), "energy": self.energy(psi), "energy_error": 0.0}
            numbers |= {"pseudo_likelihood": epoch.pseudo_likelihood, "gradient_norm": epoch.gradient_norm}
            yield Progress(epoch.epoch, self.settings.n_epochs, numbers)

    def measuring(self) -> Iterator[Progress]:
        import nqs

        psi, n_phases = self.amplitudes(), len(FEWER) + 2
        self._keep(energy=self.energy(psi), fidelity=self.fidelity(psi))
        for phase, fewer in enumerate(FEWER, 1):
            n = max(1, self.settings.n_data // fewer)
            model, fit = self._reconstruction(self.data[:n])
            for _ in fit:
                pass
            self._keep(**{f"infidelity_{n}": 1.0 - self.fidelity(self.amplitudes(model))})
            yield Progress(phase, n_phases, {"fidelity": self.fidelity(self.amplitudes(model))})
        self._keep(**{f"infidelity_{self.settings.n_data}": 1.0 - self.fidelity(psi)})
        if self.settings.n_vmc_steps:
            start = nqs.SpinRBM(self.system, self.settings.n_hidden / self.settings.n_spins, dtype=float, seed=1)
            random, ours = self.steps_to_converge(start), self.steps_to_converge(self.wave_function())
            self._keep(vmc_steps=ours, vmc_steps_from_random=random, vmc_steps_saved=random - ours)
        yield Progress(n_phases, n_phases, {"fidelity": self.fidelity(psi), "energy": self.energy(psi)})

    def _keep(self, **values: float) -> None:
        from montecarlo.estimates import Estimate

        self.measured |= {name: Measurement(Estimate(float(value), 0.0)) for name, value in values.items()}

    def measurements(self) -> dict[str, Measurement]:
        return self.measured

    def samples(self) -> dict[str, np.ndarray]:
        """The measurements that were learned from, -1 and +1, shape (n_data, n_spins)."""
        return {"measurements": self.data.astype(np.int8)}

    def state(self) -> dict[str, Any]:
        return {"step": self.fit.epoch, "training": self.fit.state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.fit.restore(state["training"])


def normalised(log_psi: np.ndarray) -> np.ndarray:
    """The elements of a positive state from their logarithms."""
    psi = np.exp(log_psi - log_psi.max())
    return psi / np.linalg.norm(psi)


def paired_machine(n_spins: int, n_hidden: int, seed: int) -> Any:
    """A symmetric ``IsingRBM`` in which units j and ``n_hidden`` + j have the same weights."""
    from generative import IsingRBM

    class Paired(IsingRBM):
        def project(self, machine: Any) -> Any:
            machine = super().project(machine)
            half = 0.5 * (machine.weights[:, :n_hidden] + machine.weights[:, n_hidden:])
            return machine._replace(weights=np.tile(half, 2))

    model = Paired(n_spins, 2 * n_hidden, seed=seed, scale=0.05, symmetric=True)
    model.machine = model.project(model.machine)
    return model


def start(settings: TomographySettings) -> Run:
    """The run of these settings."""
    return TomographyRun(settings)


EXPERIMENT = Experiment("tomography", TomographySettings, start)
