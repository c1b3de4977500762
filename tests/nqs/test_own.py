"""Physics of one's own: a potential, or log psi, as one plain function."""

import copy
import math
import pickle
from typing import Any, cast

import numpy as np
import pytest

import nqs
from neural.jit import COMPILED
from nqs.energy import local_energies
from nqs.exact import ground_state_energy
from tests.nqs import own_functions

WELL = nqs.Trap(1, 1, omega=3.0, potential=own_functions.double_well, depth=1.0, width=1.0)
TRAP = nqs.HarmonicOscillator(3, 2)
RING = nqs.TransverseFieldIsing(nqs.Chain(4))
FEW: Any = {"n_samples": 512, "n_chains": 8, "seed": 1}
PAIRS = own_functions.pairs(TRAP, alpha=np.array([0.4, 0.7]), beta=0.6, powers=np.array([1]))


def test_a_potential_of_a_function_is_measured():
    """The mean energy of exp(-a x^2) by quadrature; V is the function alone, without omega."""
    a, depth, width = 0.8, WELL.depth, WELL.width
    x = np.linspace(-8, 8, 4001)
    density = np.exp(-2 * a * x**2)
    local = a - 2 * a**2 * x**2 + depth * (x**2 - width**2) ** 2
    exact = (density * local).sum() / density.sum()
    assert WELL.exact_energy is None
    assert type(WELL).__name__ == "double_well"
    vmc = nqs.VMC(WELL, nqs.Gaussian(WELL, a), nqs.RandomWalk(), nqs.StochasticReconfiguration(0.1), **FEW)
    energy = vmc.measure(2**15 if COMPILED else 2**12).energy
    assert energy.mean == pytest.approx(exact, abs=4 * energy.error)
    assert energy.error < 0.1 * exact


def test_a_potential_that_is_the_trap_is_the_trap():
    """Zero variance at the exact state, by a potential that is written out."""

    @nqs.potential
    def harmonic(x, k):
        energy = 0.0
        for i in range(len(x)):
            energy += 0.5 * k * x[i, 0] ** 2
        return energy

    system = nqs.Trap(2, 1, omega=2.0, potential=harmonic, k=4.0)
    psi = nqs.Gaussian(system)
    x = np.random.default_rng(0).standard_normal((5, 2, 1))
    np.testing.assert_allclose(local_energies(system, psi, x), 2.0, rtol=1e-12)


def test_an_own_state_of_spins_reaches_the_exact_energy():
    """Of two spins every positive state is a Jastrow state."""
    pair = nqs.TransverseFieldIsing(nqs.Chain(2, periodic=False), J=1.0, h=0.7)
    psi = own_functions.ordered(pair, field=0.0, couplings=np.zeros((2, 2)))
    vmc = nqs.VMC(pair, psi, nqs.SpinFlip(), nqs.StochasticReconfiguration(0.2), n_samples=512, n_chains=64, seed=1)
    for _ in vmc.steps(40):
        pass
    energy = vmc.measure(2**10).energy
    assert energy.mean == pytest.approx(ground_state_energy(pair), abs=1e-3)


@pytest.mark.parametrize("way", [copy.copy, copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))])
@pytest.mark.parametrize("example", [WELL, PAIRS], ids=["potential", "log psi"])
def test_copies_are_equal_and_of_the_same_class(example, way):
    twin = way(example)
    assert type(twin) is type(example)
    assert twin == example
    assert "\n" not in repr(example)


def test_one_function_is_a_state_of_many_systems_and_kinds():
    other = own_functions.pairs(WELL, alpha=np.array([0.4]), beta=0.6, powers=np.array([1]))
    assert type(other) is type(PAIRS)
    assert other.shape == (1, 1)
    assert PAIRS.n_parameters == 3
    assert set(PAIRS.named_parameters()) == {"alpha", "beta"}
    assert PAIRS.symmetric
    normal = np.random.default_rng(0).standard_normal
    assert not own_functions.machine(TRAP, a=normal((3, 2)), b=normal(1), W=normal((3, 2, 1))).symmetric


def test_mistakes_are_one_line():
    with pytest.raises(TypeError, match="expected the parameters alpha, beta, powers of pairs, found alpha"):
        own_functions.pairs(TRAP, alpha=0.3)
    with pytest.raises(ValueError, match="expected beta to be a finite number"):
        own_functions.pairs(TRAP, alpha=0.3, beta=math.nan, powers=np.array([1]))
    with pytest.raises(TypeError, match="the configuration first"):
        nqs.log_psi(lambda *x: 0.0)
    with pytest.raises(TypeError, match="expected another name than n_dims"):
        nqs.log_psi(lambda x, n_dims: n_dims)(TRAP, n_dims=0.5)
    with pytest.raises(TypeError, match="expected a function decorated with"):
        nqs.Trap(potential=cast(Any, lambda x: 0.0))
    with pytest.raises(ValueError, match="whole number >= 1"):
        nqs.Trap(0, potential=own_functions.double_well, depth=1.0, width=1.0)
