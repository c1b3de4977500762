"""Objects of every public class copy, travel to other processes, compare and print; a new member needs an example."""

import copy
import inspect
import multiprocessing
import pickle
from typing import Any

import numpy as np
import pytest

import montecarlo
import neural
import nqs
from montecarlo import estimate
from neural.records import same
from nqs import observables, spin_observables
from nqs.density_matrix import DensityMatrix
from tests.nqs.runs_of_vmc import DOT, SR, TRAP, dot

ELECTRONS = nqs.QuantumDot(3)
BOSONS = nqs.HardSphereBosons(3)
LINE = nqs.CalogeroSutherland(3)
RING = nqs.TransverseFieldIsing(nqs.Chain(4))
EDGES = np.linspace(0, 3, 7)
WALK = np.random.default_rng(0).standard_normal((40, 30))

EXAMPLES: dict[str, Any] = {
    # systems and lattices
    "CalogeroSutherland": LINE,
    "DoubleDot": nqs.DoubleDot(),
    "GaussianInteraction": nqs.GaussianInteraction(2),
    "HardSphereBosons": BOSONS,
    "Heisenberg": nqs.Heisenberg(nqs.Chain(4)),
    "HarmonicOscillator": TRAP,
    "J1J2": nqs.J1J2(nqs.Square(2, 3), J2=0.4),
    "PauliSum": nqs.PauliSum([(1.0, "X0"), (0.5, "Z0 Z1"), (0.3, "Y1 Y2")], 3),
    "QuantumDot": DOT,
    "TransverseFieldIsing": RING,
    "Chain": nqs.Chain(5),
    "Graph": nqs.Graph([(0, 1), (1, 2)]),
    "Honeycomb": nqs.Honeycomb(2, 2),
    "Kagome": nqs.Kagome(2, 2),
    "Square": nqs.Square(2, 3),
    "Triangular": nqs.Triangular(3),
    # wave functions
    "Backflow": nqs.Backflow(ELECTRONS),
    "Gaussian": nqs.Gaussian(TRAP),
    "GaussianRBM": nqs.GaussianRBM(DOT, 3, seed=1),
    "HardSphereJastrow": nqs.HardSphereJastrow(BOSONS),
    "Jastrow": nqs.Jastrow(DOT),
    "Neural": nqs.Neural(DOT, (3,), seed=1),
    "PadeJastrow": nqs.PadeJastrow(DOT),
    "PairNetwork": nqs.PairNetwork(DOT, seed=1),
    "PowerJastrow": nqs.PowerJastrow(LINE),
    "Product": nqs.Slater(ELECTRONS) * nqs.PadeJastrow(ELECTRONS) * nqs.GaussianRBM(ELECTRONS, 2, seed=1),
    "Slater": nqs.Slater(ELECTRONS),
    "SpinJastrow": nqs.SpinJastrow(RING),
    "SpinNeural": nqs.SpinNeural(RING, seed=1),
    "SpinSpace": nqs.SpinSpace(6, 0),
    "SpinRBM": nqs.SpinRBM(RING, 1) * nqs.SpinJastrow(RING),
    "SymmetricRBM": nqs.SymmetricRBM(RING, 1),
    "default_wavefunction": nqs.default_wavefunction(ELECTRONS),
    # proposals and optimizers
    "Gibbs": nqs.Gibbs(),
    "Langevin": nqs.Langevin(0.2),
    "RandomWalk": nqs.RandomWalk(),
    "SpinExchange": nqs.SpinExchange(nqs.Heisenberg(nqs.Chain(4))),
    "SpinFlip": nqs.SpinFlip(0.1),
    "StochasticReconfiguration": SR(0.05),
    "AdaGrad": neural.AdaGrad(0.1),
    "Adam": neural.Adam(neural.CosineDecay(0.1, 20)),
    "AdamW": neural.AdamW(0.1),
    "Constant": neural.Constant(0.1),
    "CosineDecay": neural.CosineDecay(0.1, 20),
    "ExponentialDecay": neural.ExponentialDecay(0.1, 0.9),
    "GradientDescent": neural.GradientDescent(0.1),
    "Momentum": neural.Momentum(0.1),
    "Nesterov": neural.Nesterov(0.1),
    "RMSProp": neural.RMSProp(0.1),
    "WarmUp": neural.WarmUp(0.1, 5),
    # networks
    "BinaryBoltzmann": neural.BinaryBoltzmann.init(3, 2, seed=1),
    "FeedForward": neural.FeedForward.init([2, 3, 1], ["tanh", "identity"], 1),
    "GaussianBoltzmann": neural.GaussianBoltzmann.init(3, 2, seed=1),
    "SpinBoltzmann": neural.SpinBoltzmann.init(3, 2, seed=1),
    # numbers with errors
    "Accumulator": montecarlo.Accumulator().update(WALK),
    "Blocking": montecarlo.blocking(WALK),
    "Estimate": estimate(WALK),
    "Estimates": montecarlo.Moments().update([WALK[..., None]]).estimate(),
    "Moments": montecarlo.Moments().update([WALK[..., None]]),
    # observables
    "RadialDensity": observables.RadialDensity(EDGES),
    "Density": observables.Density(EDGES, particles=slice(0, 1)),
    "PairCorrelation": observables.PairCorrelation(EDGES, "equal", 1),
    "DensityMatrix": DensityMatrix(nqs.Gaussian(TRAP), TRAP, 3),
    "trap_energy": observables.trap_energy(TRAP),
    "interaction_energy": observables.interaction_energy(TRAP),
    "kinetic_energy": observables.kinetic_energy(TRAP),
    "virial": observables.virial(TRAP),
    "squared_radius": observables.squared_radius,
    "staggered_magnetisation": spin_observables.staggered_magnetisation(nqs.Chain(4)),
    "correlation": spin_observables.correlation(nqs.Chain(4), 1),
    "structure_factor": spin_observables.structure_factor(nqs.Chain(4), np.array([np.pi])),
    "transverse_magnetisation": spin_observables.transverse_magnetisation(nqs.SpinRBM(RING)),
    "Correlations": spin_observables.Correlations(nqs.Chain(4)),
    "StructureFactors": spin_observables.StructureFactors(nqs.Chain(4)),
    "VScore": spin_observables.VScore(4),
}
# Base classes, which have no objects of their own; runs, which change and are in test_threads.
NO_EXAMPLES = {"Lattice", "SpinState", "WaveFunction", "VMC", "TimeEvolution"}
WAYS = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda each: pickle.loads(pickle.dumps(each)),
}


def test_every_public_class_has_an_example():
    public = {name: getattr(module, name) for module in (nqs, montecarlo, neural) for name in module.__all__}
    classes = {
        name for name, found in public.items() if inspect.isclass(found) and not issubclass(found, BaseException)
    }
    assert classes - NO_EXAMPLES <= set(EXAMPLES)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", EXAMPLES)
def test_a_copy_is_equal(name, way):
    example = EXAMPLES[name]
    twin = WAYS[way](example)
    assert type(twin) is type(example)
    if isinstance(example, montecarlo.Accumulator | montecarlo.Moments):
        assert same(twin.state(), example.state())
        return
    if name == "Blocking":  # a plain tuple of arrays
        assert same(tuple(twin), tuple(example))
        return
    assert twin == example
    assert (twin != example) is False
    assert twin != 3
    assert (example == "text") is False
    if not isinstance(example, nqs.WaveFunction):
        assert hash(twin) == hash(example)


@pytest.mark.parametrize("way", WAYS)
def test_a_copy_of_a_wave_function_shares_no_parameters(way):
    for name, psi in EXAMPLES.items():
        if isinstance(psi, nqs.WaveFunction) and psi.n_parameters:
            before, twin = psi.parameters, WAYS[way](psi)
            for array in arrays_of(twin):
                array += 1.0
            assert np.array_equal(psi.parameters, before), name
            assert twin != psi


def arrays_of(model: tuple[Any, ...]) -> list[np.ndarray]:
    found: list[np.ndarray] = []
    for leaf in model:
        found += arrays_of(leaf) if isinstance(leaf, tuple) else [leaf] if isinstance(leaf, np.ndarray) else []
    return [array for array in found if array.dtype == np.float64]


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_object_prints_in_a_line(name):
    text = repr(EXAMPLES[name])
    if not isinstance(EXAMPLES[name], tuple) or name == "Blocking":
        return
    assert type(EXAMPLES[name]).__name__.replace("Spin", "") in text or "Product" in type(EXAMPLES[name]).__name__
    assert "\n" not in text
    assert len(text) < 200
    assert "array" not in text


def test_what_is_printed():
    assert repr(DOT) == "QuantumDot(n_particles=2, n_dims=2, omega=1, n_up=1)"
    assert repr(TRAP) == "HarmonicOscillator(n_particles=2, n_dims=2, omega=[1, 1.7])"
    assert repr(nqs.GaussianRBM(DOT, 4) * nqs.PadeJastrow(DOT)) == (
        "GaussianRBM(shape=(2, 2), n_parameters=26) * PadeJastrow(shape=(2, 2), n_parameters=1)"
    )


def test_what_differs_is_not_equal():
    assert nqs.QuantumDot(2, omega=1.0) != nqs.QuantumDot(2, omega=2.0)
    assert nqs.SpinRBM(RING, seed=1) != nqs.SpinRBM(RING, seed=2)
    assert nqs.RandomWalk(0.3) != nqs.Langevin(0.3)
    assert nqs.Chain(4) != nqs.Chain(4, periodic=False)
    assert nqs.Graph([(0, 1), (1, 2)]) != nqs.Graph([(0, 1), (0, 2)])
    assert observables.trap_energy(TRAP) != observables.interaction_energy(TRAP)


def test_numbers_that_are_not_known_are_equal():
    assert nqs.Estimate(1.0, 0.1) == pickle.loads(pickle.dumps(nqs.Estimate(1.0, 0.1)))
    assert nqs.Estimate(1.0, 0.1) != nqs.Estimate(1.0, 0.2)


@pytest.mark.parametrize("psi", [nqs.Gaussian(TRAP), EXAMPLES["Product"], EXAMPLES["SpinRBM"]], ids=repr)
def test_wave_functions_have_no_sums_and_multiples(psi):
    for wrong in (
        lambda: psi + psi,
        lambda: 2 * psi,
        lambda: psi * 3,
        lambda: np.float64(2) * psi,
        lambda: psi * np.ones(2),
        lambda: np.ones(2) * psi,
        lambda: sum([psi, psi]),
    ):
        with pytest.raises(TypeError, match="expected a product of two wave functions of one system"):
            wrong()


def test_particles_and_spins_have_no_product():
    for left, right in ((nqs.Gaussian(TRAP), EXAMPLES["SpinRBM"]), (EXAMPLES["SpinRBM"], nqs.Gaussian(TRAP))):
        with pytest.raises((TypeError, ValueError), match="expected"):
            _ = left * right


def log_psi_of(connection: Any, psi: Any, x: np.ndarray) -> None:
    connection.send((psi, psi.log_psi(x)))


def test_a_wave_function_in_a_new_process():
    psi, x = EXAMPLES["Product"], np.random.default_rng(0).standard_normal((4, 3, 2))
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=log_psi_of, args=(there, psi, x))
    process.start()
    assert here.poll(240)
    twin, values = here.recv()
    process.join()
    assert twin == psi
    assert np.array_equal(values, psi.log_psi(x))


# What is read from outside


def test_parameters_that_are_read_are_copies():
    vmc = dot()
    before = vmc.psi.parameters
    vmc.psi.parameters[:] = 0
    for array in (*vmc.psi.named_parameters().values(), *vmc.state()["parameters"].values()):
        array[...] = 7
    state = vmc.state()
    state["chains"]["x"][...] = 0
    state["optimizer"]["direction"][...] = 5
    assert np.array_equal(vmc.psi.parameters, before)
    assert vmc.chains.x.any()
    assert not vmc.optimizer_state.memory["direction"].any()
