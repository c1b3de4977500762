"""How to train where nothing is said: rates, shift and momentum of stochastic reconfiguration that suit a system."""

from typing import NamedTuple

from neural.optimizers import CosineDecay, ExponentialDecay
from nqs.reconfiguration import StochasticReconfiguration
from nqs.systems.spin_system import SpinSystem
from nqs.systems.system import System


class Recipe(NamedTuple):
    """The learning rate falls along half a cosine, the shift exponentially to its last value."""

    learning_rate: float
    final_learning_rate: float
    first_shift: float
    shift: float
    shift_decay: float  # factor of a step
    momentum: float

    def optimizer(self, n_steps: int) -> StochasticReconfiguration:
        """For a training of ``n_steps``."""
        return StochasticReconfiguration(
            CosineDecay(self.learning_rate, max(1, n_steps - 1), self.final_learning_rate),
            shift=ExponentialDecay(self.first_shift, self.shift_decay, self.shift),
            momentum=self.momentum,
        )


def default_recipe(system: System | SpinSystem) -> Recipe:
    """Rates are times, in the units of the system: see ``system.time``.

    Weights that lattice symmetries share have derivatives that are sums over the group: the shift begins at 1. It stays
    larger where the ground state has signs.
    """
    if not isinstance(system, SpinSystem):
        return Recipe(0.1 * system.time, 0.005 * system.time, 1e-4, 1e-4, 1.0, 0.0)
    shift, decay = (1e-4, 0.97) if system.stoquastic else (1e-3, 0.98)
    return Recipe(0.2 * system.time, 0.01 * system.time, 1.0, shift, decay, 0.97)


def default_optimizer(system: System | SpinSystem, n_steps: int) -> StochasticReconfiguration:
    """Stochastic reconfiguration that suits the system and its default wave function, for a training of ``n_steps``."""
    return default_recipe(system).optimizer(n_steps)
