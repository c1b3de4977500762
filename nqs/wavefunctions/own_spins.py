"""Wave functions of spins that are written as log psi alone: what the sampler asks for, by evaluating them."""

from typing import Any, NamedTuple

import numpy as np

from montecarlo.metropolis import accept, refresh, workspace
from neural.jit import copy, kernel
from neural.jit.differentiation import value
from nqs.complex_derivatives import RealParameters
from nqs.log_derivatives import Dense
from nqs.own import Own, OwnFunction
from nqs.spins import multiply_flip_ratios, ratio
from nqs.wavefunctions.own import Evaluators, Tape, derivative_writer, evaluators, make_tape
from nqs.wavefunctions.spin_state import SpinState
from nqs.wavefunctions.wavefunction import jacobian, log_psi, log_ratio, row_size, write_row


class OwnSpinState(Own, SpinState):
    """Base class of the wave functions that ``nqs.log_psi`` makes for spins."""

    __slots__ = ()
    own_fields = ("n_sites", "sector")

    @property
    def is_complex(self) -> bool:
        return False

    @classmethod
    def register_own(cls) -> None:
        register(cls, cls.own_function, cls.own_kinds)

    @property
    def shape(self) -> tuple[int]:
        return (self.n_sites,)  # type: ignore[attr-defined]


class OwnComplexState(OwnSpinState):
    """Those of functions that return the pair (log |psi|, phase)."""

    __slots__ = ()

    @property
    def is_complex(self) -> bool:
        return True


class _Work(NamedTuple):
    values: np.ndarray  # log |psi| and the phase, now and as proposed, (2, 2)
    proposed: np.ndarray  # the proposed configuration
    tape: Tape


def register(cls: Any, factory: OwnFunction, kinds: tuple[str, ...]) -> None:
    """Register what the sampler asks for, for the class of a function."""
    is_pair = issubclass(cls, OwnComplexState)
    modulus = evaluators(factory, kinds, 0 if is_pair else None)
    phase = evaluators(factory, kinds, 1) if is_pair else None
    evaluate = _values_of(modulus.evaluate, None if phase is None else phase.evaluate)

    @workspace.register(cls)
    def workspace_of_own(psi):
        x = np.ones(psi.shape, dtype=np.int8)
        return _Work(np.zeros((2, 2)), x, make_tape(modulus, psi, x))

    @refresh.register(cls)
    def refresh_own(psi, work, x):
        evaluate(psi, x, work.values[0])

    @log_psi.register(cls)
    def log_psi_of_own(psi, work, x):
        return complex(work.values[0, 0], work.values[0, 1])

    _register_moves(cls, evaluate)
    _register_rows(cls, modulus, phase)


def _register_moves(cls: Any, evaluate: Any) -> None:
    @kernel
    def propose(psi, work, x, flips):
        """Leave the values of x with the sites of ``flips`` turned over in work.values[1]."""
        copy(x, work.proposed)
        for k in range(1, flips[0] + 1):
            work.proposed[flips[k]] = -x[flips[k]]
        evaluate(psi, work.proposed, work.values[1])

    @log_ratio.register(cls)
    def log_ratio_of_own(psi, work, x, i, new):
        propose(psi, work, x, new)
        return work.values[1, 0] - work.values[0, 0]

    @accept.register(cls)
    def accept_own(psi, work, x, i, new):
        copy(work.values[1], work.values[0])

    @ratio.register(cls)
    def ratio_of_own(psi, work, x, flips):
        propose(psi, work, x, flips)
        return _change(work)

    @multiply_flip_ratios.register(cls)
    def multiply_flip_ratios_of_own(psi, work, x, out):
        copy(x, work.proposed)
        for i in range(x.size):
            work.proposed[i] = -x[i]
            evaluate(psi, work.proposed, work.values[1])
            work.proposed[i] = x[i]
            z = complex(out[0, i], out[1, i]) * _change(work)
            out[0, i], out[1, i] = z.real, z.imag


@kernel
def _change(work):
    """psi(x') / psi(x) for what was proposed last."""
    size = np.exp(work.values[1, 0] - work.values[0, 0])
    angle = work.values[1, 1] - work.values[0, 1]
    return complex(size * np.cos(angle), size * np.sin(angle))


def _register_rows(cls: Any, modulus: Evaluators, phase: Evaluators | None) -> None:
    write_modulus = derivative_writer(modulus)

    @row_size.register(cls)
    def row_size_of_own(psi):
        return psi.n_parameters * (2 if psi.is_complex else 1)

    if phase is None:

        @write_row.register(cls)
        def write_row_of_own(psi, work, x, row):
            write_modulus(psi, x, work.tape, row)

        return

    write_phase = derivative_writer(phase)

    @write_row.register(cls)
    def write_row_of_own_pair(psi, work, x, row):
        n = row.size // 2
        write_modulus(psi, x, work.tape, row[:n])
        write_phase(psi, x, work.tape, row[n:])

    @jacobian.register(cls)
    def jacobian_of_own(psi, rows):
        n = psi.n_parameters
        return RealParameters(Dense(rows[:, :n] + 1j * rows[:, n:]))


def _values_of(modulus: Any, phase: Any) -> Any:
    """A kernel that writes log |psi| and the phase to ``out``."""
    if phase is None:

        @kernel
        def evaluate(psi, x, out):
            out[0] = value(modulus(psi, x))

        return evaluate

    @kernel
    def evaluate_both(psi, x, out):
        out[0], out[1] = value(modulus(psi, x)), value(phase(psi, x))

    return evaluate_both
