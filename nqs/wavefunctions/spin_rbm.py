"""The restricted Boltzmann machine of spins as a wave function, with real or complex parameters."""

from typing import NamedTuple

import numpy as np

from nqs.complex_derivatives import Holomorphic
from nqs.log_derivatives import Jacobian
from nqs.machine_derivatives import MachineJacobian
from nqs.systems.spin_system import SpinSystem, check_spins
from nqs.systems.system import check_positive
from nqs.wavefunctions.spin_machine import SpinMachine, spins_and_tanh
from nqs.wavefunctions.wavefunction import jacobian, row_size


class Couplings(NamedTuple):
    """The real, or the imaginary parts of the parameters of a machine."""

    visible_bias: np.ndarray  # a, (n_sites,)
    hidden_bias: np.ndarray  # b, (n_hidden,)
    weights: np.ndarray  # W, (n_sites, n_hidden)


class _Fields(NamedTuple):
    real: Couplings
    imaginary: Couplings | tuple[()]
    sector: np.ndarray  # (0,) or (1,): the magnetisation in which psi is not 0


class SpinRBM(SpinMachine, _Fields):
    """A restricted Boltzmann machine of visible and hidden spins +-1, summed over the hidden ones:

        psi(s) = exp( sum_i a_i s_i ) prod_j cosh theta_j,    theta_j = b_j + sum_i s_i W_ij

    With complex parameters psi is holomorphic in them; with real ones it is positive.

    Parameters
    ----------
    system : the system it is for
    alpha : hidden units for each site; n_hidden = alpha n_sites, rounded
    dtype : complex or float
    seed : of the parameters, normally distributed with standard deviation ``scale`` (of each part)

    Raises
    ------
    ValueError : for parameters outside these ranges

    Source: G. Carleo and M. Troyer, Science 355, 602 (2017), eq. (2), up to the factor 2 for each hidden unit.
    """

    __slots__ = ()

    def __new__(
        cls, system: SpinSystem, alpha: float = 1, *, dtype: type = complex, seed: int = 0, scale: float = 0.01
    ) -> "SpinRBM":
        space = check_spins(system)
        n_hidden = round(check_positive("alpha", alpha) * system.n_sites)
        if n_hidden < 1:
            raise ValueError(f"expected alpha of at least {1 / system.n_sites:.3g}, one hidden unit, got {alpha}")
        normal = np.random.default_rng(seed).standard_normal

        def draw() -> Couplings:
            return Couplings(
                scale * normal(system.n_sites), scale * normal(n_hidden), scale * normal((system.n_sites, n_hidden))
            )

        return cls._make((draw(), draw() if check_dtype(dtype) else (), space.sector))

    @property
    def shape(self) -> tuple[int]:
        return self.real.visible_bias.shape  # type: ignore[return-value]

    @property
    def is_complex(self) -> bool:
        return len(self.imaginary) > 0

    def couplings(self) -> tuple[np.ndarray, ...]:
        return joined(self.real, self.imaginary)


def check_dtype(dtype: type) -> bool:
    """Whether the parameters are complex. Raises ``ValueError`` unless ``dtype`` is float or complex."""
    if dtype not in (float, complex, np.float64, np.complex128):
        raise ValueError(f"expected dtype to be float or complex, got {dtype!r}")
    return dtype in (complex, np.complex128)


def joined(real: tuple[np.ndarray, ...], imaginary: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
    """The parameters as complex arrays, or the real ones where there are no others."""
    return tuple(a + 1j * b for a, b in zip(real, imaginary, strict=True)) if imaginary else tuple(real)


@row_size.register(SpinRBM)
def _(psi):
    n_sites, n_hidden = psi.real.weights.shape
    return 1 + n_sites + (1 + n_hidden) * (2 if len(psi.imaginary) > 0 else 1)


@jacobian.register(SpinRBM)
def _(psi: SpinRBM, rows: np.ndarray) -> Jacobian:
    spins, t = spins_and_tanh(rows, psi.real.weights.shape[0], psi.is_complex)
    inner = MachineJacobian(spins, t)
    return Holomorphic(inner) if psi.is_complex else inner
