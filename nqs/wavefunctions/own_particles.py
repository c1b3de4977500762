"""Wave functions of particles that are written as log |psi| alone: what the sampler asks for, by differentiation."""

from typing import Any, NamedTuple

import numpy as np

from montecarlo.metropolis import accept, refresh, workspace
from neural.jit import copy, kernel
from neural.jit.differentiation import adjoints, curvature, entry_of, jets, new_tape, slope, start, value
from nqs.wavefunctions.own import LANES, Evaluators
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

TAPE_FROM = 48  # parameters, from which a tape is cheaper than jets
SHORTEST_TAPE = 1000  # entries


class OwnState(WaveFunction):
    """Base class of the wave functions that ``nqs.log_psi`` makes for particles."""

    __slots__ = ()
    made_by: Any

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
    tape: np.ndarray
    partials: np.ndarray  # the tape, as float64
    adjoints: np.ndarray


def register(cls: type, f: Evaluators) -> None:
    """Register what the sampler asks for, for the class of a function."""
    evaluate, by_parameters, on_tape = f.evaluate, f.by_parameters, f.on_tape

    @kernel
    def count_entries(psi, x, tape, n_parameters):
        start(tape, n_parameters)
        on_tape(psi, x, tape)

    @workspace.register(cls)
    def workspace_of_own(psi):
        n_entries = 1
        if psi.n_parameters >= TAPE_FROM:
            tape = new_tape(1)
            count_entries(psi, np.random.default_rng(0).standard_normal(psi.shape), tape, psi.n_parameters)
            n_entries = SHORTEST_TAPE + 2 * int(tape[0, 0])
        tape = new_tape(n_entries)
        return _Work(np.empty(2), np.empty(psi.shape), tape, tape.view(np.float64), np.empty(n_entries))

    @refresh.register(cls)
    def refresh_own(psi, work, x):
        work.values[0] = value(evaluate(psi, x))

    @log_psi.register(cls)
    def log_psi_of_own(psi, work, x):
        return work.values[0]

    @log_ratio.register(cls)
    def log_ratio_of_own(psi, work, x, i, new):
        copy(x, work.proposed)
        copy(new[: x.shape[1]], work.proposed[i])
        work.values[1] = value(evaluate(psi, work.proposed))
        return work.values[1] - work.values[0]

    @accept.register(cls)
    def accept_own(psi, work, x, i, new):
        work.values[0] = work.values[1]

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

    @row_size.register(cls)
    def row_size_of_own(psi):
        return psi.n_parameters

    @write_row.register(cls)
    def write_row_of_own(psi, work, x, row):
        if row.size >= TAPE_FROM:
            start(work.tape, row.size)
            result = on_tape(psi, x, work.tape)
            if adjoints(work.tape, work.partials, entry_of(result), row.size, work.adjoints):
                copy(work.adjoints[1 : row.size + 1], row)
                return
        for first in range(0, row.size, LANES):
            jet = by_parameters(psi, x, -first)
            for k in range(first, min(first + LANES, row.size)):
                row[k] = slope(jet, k - first)
