"""Operators as observables of sampled spins, inside a sector and out of it, against the sum over all configurations."""

from typing import Any, NamedTuple, cast

import numpy as np
import pytest

import nqs
from montecarlo.metropolis import accept, refresh, workspace
from neural.jit import COMPILED, kernel
from nqs import spin_observables as observables
from nqs.exact import FullSummation, lowest
from nqs.spins import multiply_flip_ratios, ratio
from nqs.wavefunctions.wavefunction import log_psi, log_ratio, row_size, write_row
from tests.nqs.runs_of_vmc import SR

RING = nqs.TransverseFieldIsing(nqs.Chain(6), h=0.8)
HEISENBERG = nqs.Heisenberg(nqs.Chain(6))
OPEN = nqs.Heisenberg(nqs.Chain(5, periodic=False))
XXZ = nqs.Heisenberg(nqs.Square(2, 3), anisotropy=0.5, magnetisation=2)

# Diagonal or not, conserving or not, with one and many moves, on fewer sites than the system has.
OPERATORS = {
    "X": nqs.PauliSum([(1.0, "X0")]),
    "XX": nqs.PauliSum([(1.0, "X0 X1")]),
    "exchange": nqs.PauliSum([(0.5, "X0 X2"), (0.5, "Y0 Y2")]),
    "current": nqs.PauliSum([(1.0, "X0 Y1"), (-1.0, "Y0 X1")]),
    "field and more": nqs.PauliSum([(1.0, "Z2"), (0.3, "X0 X1 X2 X3"), (-0.2, "Y0 Z1 Y3"), (0.5, "")]),
}


def vmc(system: Any, proposal: Any, **options: Any) -> nqs.VMC:
    psi = nqs.SpinJastrow(system, seed=2, scale=0.2)
    return nqs.VMC(system, psi, proposal, SR(0.05), **{"seed": 1, "n_chains": 16, "threads": 1, **options})


@pytest.mark.parametrize(
    ("system", "proposal"),
    [
        (RING, nqs.SpinFlip()),
        (HEISENBERG, nqs.SpinExchange(HEISENBERG)),
        (OPEN, nqs.SpinExchange(OPEN)),
        (XXZ, nqs.SpinExchange(XXZ)),
        (HEISENBERG, nqs.SpinFlip()),
    ],
    ids=["all", "M = 0", "M = 1", "M = 2", "all of a conserving one"],
)
def test_operators_are_measured_with_honest_errors(system, proposal):
    run = vmc(system, proposal)
    measured = run.measure(2**15, {**OPERATORS, "H": system, "H + 1": system.hamiltonian}).observables
    whole = FullSummation(run.psi)
    assert whole.basis.magnetisation == run.psi.space.magnetisation
    for name, operator in OPERATORS.items():
        exact = whole.expectation(operator)
        assert abs(measured[name].mean - exact) < 4 * measured[name].error + 1e-12, name
    assert measured["H"].mean == pytest.approx(run.measured().energy.mean, rel=1e-9)
    assert measured["H + 1"].mean == pytest.approx(measured["H"].mean, rel=1e-9)
    if whole.basis.magnetisation is not None:
        assert (measured["X"].mean, measured["X"].error) == (0, 0)
    else:
        assert abs(measured["X"].mean) > 0.1


def test_transverse_magnetisation_vanishes_in_a_sector():
    """Also where it was made of the wave function that knew of no sector."""
    system = nqs.Heisenberg(nqs.Chain(4))
    psi = nqs.SpinJastrow(nqs.TransverseFieldIsing(nqs.Chain(4)), dtype=float, seed=1)
    run = nqs.VMC(system, psi, nqs.SpinExchange(system), SR(0.05), seed=1, n_burn_in=20, threads=1)
    sx = observables.transverse_magnetisation
    measured = run.measure(2**10, {"given": sx(psi), "own": sx(run.psi)}).observables
    assert [measured[name].mean for name in ("given", "own")] == [0, 0]
    assert FullSummation(run.psi).expectation(nqs.PauliSum([(1.0, "X0")], 4)) == 0
    assert sx(psi)(run.chains.x).mean() > 0.9  # of psi on all configurations


class _Own(NamedTuple):
    bias: np.ndarray


class Own(nqs.SpinState, _Own):
    """A wave function of a user's own, exp(sum_i a_i s_i), that was written without knowing of sectors."""

    __slots__ = ()

    @property
    def shape(self) -> tuple[int]:  # type: ignore[override]
        return self.bias.shape  # type: ignore[return-value]

    @property
    def is_complex(self) -> bool:
        return False


class Nothing(NamedTuple):
    nothing: np.ndarray


@kernel
def _change(psi, x, flips):
    total = 0.0
    for k in range(1, flips[0] + 1):
        total -= 2.0 * psi.bias[flips[k]] * x[flips[k]]
    return total


@workspace.register(Own)
def _(psi):
    return Nothing(np.zeros(1))


@refresh.register(Own)
def _(psi, work, x):
    pass


@accept.register(Own)
def _(psi, work, x, i, new):
    pass


@log_psi.register(Own)
def _(psi, work, x):
    value = 0j
    for i in range(x.size):
        value += psi.bias[i] * x[i]
    return value


@log_ratio.register(Own)
def _(psi, work, x, i, new):
    return _change(psi, x, new)


@ratio.register(Own)
def _(psi, work, x, flips):
    return np.exp(_change(psi, x, flips)) + 0j


@multiply_flip_ratios.register(Own)
def _(psi, work, x, out):
    for i in range(x.size):
        out[0, i] *= np.exp(-2.0 * psi.bias[i] * x[i])
        out[1, i] *= np.exp(-2.0 * psi.bias[i] * x[i])


@row_size.register(Own)
def _(psi):
    return psi.bias.size


@write_row.register(Own)
def _(psi, work, x, row):
    for i in range(x.size):
        row[i] = x[i]


@pytest.mark.interpreted
@pytest.mark.skipif(COMPILED, reason="as plain Python, without its own kernels to compile")
def test_a_state_of_ones_own_in_a_sector():
    psi = Own(0.3 * np.random.default_rng(1).standard_normal(6))
    run = nqs.VMC(HEISENBERG, psi, nqs.SpinExchange(HEISENBERG), SR(0.05), seed=1, n_chains=16, n_samples=16, threads=1)
    sx = observables.transverse_magnetisation(psi)
    measured = run.measure(2**13, {"X": OPERATORS["X"], "XX": OPERATORS["XX"], "sx": sx}).observables
    assert measured["X"].mean == measured["sx"].mean == 0
    assert abs(measured["XX"].z(FullSummation(psi, 0).expectation(OPERATORS["XX"]))) < 4


def test_renyi_entropy_inside_a_sector():
    """Exchanging a region may leave the sector, where psi is 0."""
    system = nqs.Heisenberg(nqs.Chain(4, periodic=False))
    psi = nqs.SpinRBM(system, 1, dtype=float, seed=2, scale=0.3)
    whole, sites = FullSummation(psi, 0), np.array([0, 1])
    assert whole.entropy(sites) == pytest.approx(0.61021, abs=5e-6)
    x, p = whole.basis.spins, whole.probabilities
    first, second = np.divmod(np.arange(len(x) ** 2), len(x))
    pairs = observables.renyi_2(psi, np.concatenate([x[first], x[second]]), sites)
    assert -np.log(np.sum(p[first] * p[second] * pairs)) == pytest.approx(whole.entropy(sites), rel=1e-12)
    drawn = x[np.random.default_rng(1).choice(len(x), 40_000, p=p)]
    values = observables.renyi_2(psi, drawn, sites)
    error = values.std() / np.sqrt(len(values))
    assert abs(values.mean() - np.exp(-0.6102080635141317)) < 4 * error
    with pytest.raises(ValueError, match="expected configurations with the magnetisation 0"):
        observables.renyi_2(psi, np.ones((4, 4), dtype=np.int8), sites)


def test_operators_during_an_evolution():
    """X_0 X_1 of a ring of spins, exactly summed and sampled, is that of the wave function at that time."""
    psi = nqs.SpinJastrow(RING, seed=3, scale=0.3)
    operator = OPERATORS["XX"]
    for proposal in (None, nqs.SpinFlip()):
        evolution = nqs.TimeEvolution(RING, psi, proposal, n_samples=4096, tolerance=1e-2, seed=1, threads=1)
        (moment,) = evolution.at([0.05], {"XX": operator})
        exact = FullSummation(evolution.psi).expectation(operator)
        found = moment.observables["XX"]
        assert abs(found.mean - exact) < 4 * found.error + 1e-10


def test_an_evolution_does_not_leave_the_sector_of_its_state():
    psi = nqs.SpinJastrow(HEISENBERG, seed=3, scale=0.3)
    with pytest.raises(ValueError, match=r"expected a wave function of every magnetisation, as psi.within\(None\) is"):
        nqs.TimeEvolution(RING, psi)
    evolution = nqs.TimeEvolution(HEISENBERG, psi)
    assert evolution.psi.space.magnetisation == 0


def test_operators_on_other_sites_are_refused():
    run = vmc(HEISENBERG, nqs.SpinExchange(HEISENBERG))
    with pytest.raises(ValueError, match="expected an operator on 6 sites, got one on 8"):
        run.measure(256, {"H": nqs.PauliSum([(1.0, "X7")])})
    with pytest.raises(ValueError, match="expected an operator on 6 sites, got one on 4"):
        run.measure(256, {"H": nqs.Heisenberg(nqs.Chain(4))})
    dot = nqs.HarmonicOscillator(2, 1)
    particles = nqs.VMC(dot, nqs.Gaussian(dot, 0.5), nqs.RandomWalk(), SR(0.05))
    with pytest.raises(TypeError, match="expected a wave function of spins for Heisenberg, got Gaussian"):
        particles.measure(256, cast(Any, {"H": HEISENBERG}))


# Moves that stay in a sector and reach all of it


def test_two_dimers():
    """Bonds that do not connect all sites are not enough: the ground state has M = 0 on each dimer."""
    system = nqs.Heisenberg(nqs.Graph([(0, 1), (2, 3)]))
    proposal = nqs.SpinExchange(system)
    assert len(proposal.pairs) == 6
    psi = nqs.SpinRBM(system, 2, dtype=float, seed=1, scale=0.1)
    run = nqs.VMC(system, psi, proposal, SR(0.1), n_samples=1024, seed=1, n_burn_in=20, threads=1)
    for _ in run.steps(150):
        pass
    assert run.measure(2**12).energy.mean == pytest.approx(-1.5, abs=1e-3)
    with pytest.raises(ValueError, match="expected pairs that connect all sites"):
        nqs.VMC(system, psi, proposal._replace(pairs=np.array([(0, 1), (2, 3)])), SR(0.1))


def test_global_flips_keep_no_magnetisation_but_zero():
    with pytest.raises(ValueError, match="expected global_flips=0 for the magnetisation 1, whose sign they change"):
        nqs.SpinExchange(OPEN, global_flips=0.1)
    proposal = nqs.SpinExchange(nqs.Heisenberg(nqs.Chain(4)), global_flips=0.1)
    other = nqs.Heisenberg(nqs.Chain(4), magnetisation=2)
    with pytest.raises(ValueError, match="expected global_flips=0 for the magnetisation 2"):
        nqs.VMC(other, nqs.SpinJastrow(other), proposal, SR(0.05))


def test_the_open_chain_of_five_in_its_sector():
    psi = nqs.SpinRBM(OPEN, 1, dtype=float, seed=2, scale=0.5)
    assert FullSummation(psi).expectation(OPEN) == pytest.approx(-1.27634, abs=5e-6)
    run = nqs.VMC(OPEN, psi, nqs.SpinExchange(OPEN), SR(0.05), n_chains=16, n_samples=16, seed=1, threads=1)
    assert abs(run.measure(2**15).energy.z(-1.27634)) < 4
    assert (run.chains.x.sum(axis=1) == 1).all()


def test_moves_of_another_system_are_refused():
    two = nqs.PauliSum([(1.0, "X0 X1"), (1.0, "Y0 Y1")])
    with pytest.raises(ValueError, match="expected pairs of the sites 0 to 1, got others"):
        nqs.VMC(two, nqs.SpinJastrow(two), nqs.SpinExchange(HEISENBERG), SR(0.05))


# Moves that are always accepted


def frozen(n_sites: int) -> nqs.PauliSum:
    """Minus all sigma^x, plus the product of all sigma^z, which is +1 in one half of the configurations only."""
    fields = [(-1.0, f"X{i}") for i in range(n_sites)]
    return nqs.PauliSum([*fields, (1.0, " ".join(f"Z{i}" for i in range(n_sites)))], n_sites)


@pytest.mark.parametrize("n_chains", [1, 5])
@pytest.mark.parametrize("moves", [None, 2, 8, 3])
def test_both_parities_are_seen(n_chains, moves):
    """psi is constant: E_L = -N +- 1, each with probability 1/2."""
    system = frozen(4)
    psi = nqs.SpinJastrow(system, dtype=float, scale=0.0)
    options: Any = {"n_chains": n_chains, "n_samples": 100, "moves_per_sample": moves, "seed": 3, "threads": 1}
    run = nqs.VMC(system, psi, nqs.SpinFlip(), SR(0.05), **options)
    measured = run.measure(2000)
    assert measured.variance == pytest.approx(1, abs=1e-3)
    assert abs(measured.energy.mean + 4) < 2 * measured.energy.error


def test_both_orders_of_two_spins_are_seen():
    """The triplet of two spins has sigma^z = +-1 on its first site, equally often in every chain."""
    system = nqs.Heisenberg(nqs.Chain(2), J=-1.0)
    psi = nqs.SpinJastrow(system, dtype=float, scale=0.0)
    run = nqs.VMC(system, psi, nqs.SpinExchange(system), SR(0.05), n_samples=4, n_chains=4, seed=1, threads=1)
    measured = run.measure(4000, {"first": lambda x: x[:, 0].astype(float)}).observables["first"]
    assert abs(measured.mean) < 0.01
    assert measured.variance == pytest.approx(1, abs=1e-3)
    assert measured.r_hat < 1.01


def test_nearly_constant_states_against_the_sum_over_all_configurations():
    """Few moves are rejected, so that a chain would keep its parity for many samples."""
    system = frozen(4)
    psi = nqs.SpinJastrow(system, dtype=float, seed=1, scale=0.001)
    run = nqs.VMC(system, psi, nqs.SpinFlip(), SR(0.05), n_samples=1, n_chains=1, seed=3, threads=1)
    measured = run.measure(2**14).energy
    assert abs(measured.z(FullSummation(psi).expectation(system))) < 4
    assert measured.tau < 2


def test_usual_chains_make_the_moves_that_they_were_asked_for():
    run = vmc(RING, nqs.SpinFlip())
    run.burn_in()
    assert run.chains.state()["alternating"] is False


def test_chains_that_alternate_continue_to_the_same_bits():
    system = frozen(4)
    psi = nqs.SpinJastrow(system, dtype=float, seed=1, scale=0.001)

    def made() -> nqs.VMC:
        return nqs.VMC(system, psi, nqs.SpinFlip(), SR(1e-9), n_samples=64, n_chains=8, n_burn_in=9, seed=3, threads=1)

    whole, part = made(), made()
    energies = [step.energy.mean for step in whole.steps(4)]
    list(part.steps(2))
    state = part.state()
    assert state["chains"]["alternating"] is True
    other = made()
    other.restore(state)
    assert [step.energy.mean for step in other.steps(2)] == energies[2:]


def test_the_ground_state_of_an_easy_axis_ferromagnet_by_vmc():
    """It has all spins up: one configuration, from which no exchange leads away."""
    system = nqs.Heisenberg(nqs.Chain(6), J=-1.0, anisotropy=2.0)
    psi = nqs.SpinRBM(system, 1, dtype=float, seed=1)
    run = nqs.VMC(system, psi, nqs.SpinExchange(system), SR(0.05), n_samples=256, seed=1, n_burn_in=5, threads=1)
    list(run.steps(3))
    assert run.measure(256).energy.mean == pytest.approx(-3, rel=1e-12)
    assert lowest(system).energies[0] == pytest.approx(-3, rel=1e-12)
