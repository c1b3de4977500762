"""Wave functions of particles that are written as log |psi| alone: what the sampler asks for, by differentiation."""

from typing import Any, NamedTuple

import numpy as np

from montecarlo.metropolis import accept, refresh, workspace
from neural.jit import copy, kernel
from neural.jit.differentiation import curvature, jets, slope, value
from nqs.own import Own, OwnFunction
from nqs.wavefunctions.own import LANES, Tape, derivative_writer, evaluators, make_tape
from nqs.wavefunctions.wavefunction import (
    WaveFunction,
    drift,
    gradient_laplacian,
    log_psi,
    log_ratio,
    proposed_drift,
    row_size,
    write_row,
)


class OwnState(Own, WaveFunction):
    """Base class of the wave functions that ``nqs.log_psi`` makes for particles."""

    __slots__ = ()
    own_fields = ("n_particles", "n_dims")

    @classmethod
    def register_own(cls) -> None:
        register(cls, cls.own_function, cls.own_kinds)

    @property
    def shape(self) -> tuple[int, int]:
        return self.n_particles, self.n_dims  # type: ignore[attr-defined]

    @property
    def symmetric(self) -> bool:
        """Whether exchanging two particles changes nothing, as found at a few random configurations."""
        x = np.random.default_rng(0).standard_normal((8, *self.shape))
        turned = np.roll(x, 1, axis=1)
        swapped = x.copy()
        swapped[:, :2] = x[:, 1::-1] if self.shape[0] > 1 else x[:, :2]
        at = [self.log_psi(each) for each in (x, turned, swapped)]
        return all(np.allclose(at[0], other, rtol=1e-9, atol=1e-12, equal_nan=True) for other in at[1:])


class _Work(NamedTuple):
    values: np.ndarray  # log |psi| now and as proposed
    proposed: np.ndarray  # the proposed configuration
    tape: Tape


def register(cls: Any, factory: OwnFunction, kinds: tuple[str, ...]) -> None:
    """Register what the sampler asks for, for the class of a function."""
    f = evaluators(factory, kinds)
    evaluate, write = f.evaluate, derivative_writer(f)

    @workspace.register(cls)
    def workspace_of_own(psi):
        x = np.random.default_rng(0).standard_normal(psi.shape)
        return _Work(np.empty(2), np.empty(psi.shape), make_tape(f, psi, x))

    @refresh.register(cls)
    def refresh_own(psi, work, x):
        work.values[0] = value(evaluate(psi, x))

    @log_psi.register(cls)
    def log_psi_of_own(psi, work, x):
        return work.values[0]

    @row_size.register(cls)
    def row_size_of_own(psi):
        return psi.n_parameters

    @write_row.register(cls)
    def write_row_of_own(psi, work, x, row):
        write(psi, x, work.tape, row)

    _register_moves(cls, evaluate)
    _register_gradients(cls, evaluate)


def _register_moves(cls: Any, evaluate: Any) -> None:
    @log_ratio.register(cls)
    def log_ratio_of_own(psi, work, x, i, new):
        copy(x, work.proposed)
        copy(new[: x.shape[1]], work.proposed[i])
        work.values[1] = value(evaluate(psi, work.proposed))
        return work.values[1] - work.values[0]

    @accept.register(cls)
    def accept_own(psi, work, x, i, new):
        work.values[0] = work.values[1]


def _register_gradients(cls: Any, evaluate: Any) -> None:
    @kernel
    def add_particle_gradient(psi, x, i, out):
        n_dims = x.shape[1]
        jet = evaluate(psi, jets(x, -i * n_dims, LANES, 1))
        for d in range(n_dims):
            out[d] += slope(jet, d)

    @drift.register(cls)
    def drift_of_own(psi, work, x, i, out):
        add_particle_gradient(psi, x, i, out)

    @proposed_drift.register(cls)
    def proposed_drift_of_own(psi, work, x, i, new, out):
        add_particle_gradient(psi, work.proposed, i, out)

    @gradient_laplacian.register(cls)
    def gradient_laplacian_of_own(psi, work, x, gradient):
        laplacian, n_dims = 0.0, x.shape[1]
        for first in range(0, x.size, LANES):
            jet = evaluate(psi, jets(x, -first, LANES, 2))
            for k in range(first, min(first + LANES, x.size)):
                gradient[k // n_dims, k % n_dims] += slope(jet, k - first)
                laplacian += curvature(jet, k - first)
        return laplacian
