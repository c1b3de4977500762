"""What every wave function of spins promises, tried on each of them and on products, over all configurations."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.special import logsumexp

import nqs
from montecarlo.metropolis import accept, refresh, workspace
from neural.jit import COMPILED, kernel
from nqs.energy import local_energies
from nqs.exact import matrix
from nqs.exact.diagonalisation import spins_of
from nqs.wavefunctions.wavefunction import jacobian, log_psi, log_ratio, row_size, write_row
from tests.nqs import own_functions
from tests.nqs.convergence import assert_second_order

pytestmark = pytest.mark.interpreted

RING = nqs.TransverseFieldIsing(nqs.Chain(6), J=1.0, h=0.7, longitudinal=0.3)
ALL = spins_of(np.arange(2**6), 6)
MOVES = np.array([[1, 4, 0, 0, 0, 0, 0], [2, 1, 3, 0, 0, 0, 0], [3, 5, 0, 2, 0, 0, 0], [6, 0, 1, 2, 3, 4, 5]])
MASKS = [0b10000, 0b1010, 0b100101, 0b111111]


def normal(*shape: int) -> np.ndarray:
    return np.random.default_rng(3).standard_normal(shape)


# One line for each wave function and product: its name, how it is made.
STATES: dict[str, Callable[[], nqs.SpinState]] = {
    "SpinRBM real": lambda: nqs.SpinRBM(RING, 1.5, dtype=float, seed=1, scale=0.4),
    "SpinRBM complex": lambda: nqs.SpinRBM(RING, 2, dtype=complex, seed=2, scale=0.4),
    "SymmetricRBM real": lambda: nqs.SymmetricRBM(RING, 2, dtype=float, seed=5, scale=0.3),
    "SymmetricRBM complex": lambda: nqs.SymmetricRBM(
        RING, 1, permutations=nqs.Chain(6).symmetries[::2], seed=6, scale=0.2
    ),
    "SpinJastrow real": lambda: nqs.SpinJastrow(RING, dtype=float, seed=7, scale=0.3),
    "SpinNeural complex": lambda: nqs.SpinNeural(RING, (5, 4), seed=9, scale=0.8),
    "own real": lambda: own_functions.ordered(RING, field=0.2, couplings=0.3 * normal(6, 6)),
    "own complex": lambda: own_functions.turning(RING, weights=0.5 * normal(6), phases=normal(6)),
    "SpinRBM real * SpinJastrow complex": lambda: (
        nqs.SpinRBM(RING, 0.5, dtype=float, seed=4, scale=0.3) * nqs.SpinJastrow(RING, seed=8, scale=0.2)
    ),
}
# Symmetric machines run the kernels of SpinRBM, J1J2 those of Heisenberg, and a function that returns a number a part
# of those of one that returns a pair: compiled a second time they cost seconds each and show nothing new. As plain
# Python everything is tried.
KERNELS = [name for name in STATES if not (COMPILED and name.startswith(("SymmetricRBM", "own real")))]
HAMILTONIANS = [
    RING,
    RING.hamiltonian,
    nqs.Heisenberg(nqs.Chain(6), anisotropy=0.6),
    nqs.J1J2(nqs.Square(2, 3), J2=0.4, marshall=False),
    nqs.PauliSum([(0.3, "Y0 X1"), (0.2, "Z1 Y2 Z4"), (1.0, "X0 X1 X5"), (1.0, "Y0 Y1"), (0.4, "")], n_sites=6),
]


@pytest.fixture(params=STATES)
def any_psi(request):
    return STATES[request.param]()


@pytest.fixture(params=KERNELS)
def psi(request):
    return STATES[request.param]()


def test_log_psi_of_a_machine():
    for name in ("SpinRBM real", "SpinRBM complex"):
        psi: Any = STATES[name]()
        a, b, w = psi.couplings()
        expected = np.exp(ALL @ a) * np.cosh(b + ALL @ w).prod(axis=1)
        np.testing.assert_allclose(np.exp(psi.log_psi(ALL)), expected, rtol=1e-12)
        assert np.iscomplexobj(psi.log_psi(ALL)) == psi.is_complex


def test_log_psi_of_a_jastrow_factor():
    psi: Any = STATES["SpinJastrow real"]()
    pairs = [x[i] * x[j] for x in ALL.astype(float) for i in range(6) for j in range(i + 1, 6)]
    expected = ALL @ psi.real.bias + np.reshape(pairs, (64, 15)) @ psi.real.couplings
    np.testing.assert_allclose(psi.log_psi(ALL), expected, rtol=1e-12)


def test_log_psi_of_a_network():
    psi: Any = STATES["SpinNeural complex"]()
    (first, second, last), biases = psi.net.weights, psi.net.biases
    outputs = np.tanh(np.tanh(ALL @ first + biases[0]) @ second + biases[1]) @ last + biases[2]
    np.testing.assert_allclose(psi.log_psi(ALL), outputs[:, 0] + 1j * outputs[:, 1], rtol=1e-12)
    positive = nqs.SpinNeural(RING, (5,), dtype=float)
    assert not positive.is_complex


def test_ratios_of_moves_of_one_and_many_sites(psi):
    amplitudes = np.exp(psi.log_psi(ALL))
    expected = np.stack([amplitudes[np.arange(64) ^ mask] / amplitudes for mask in MASKS], axis=1)
    np.testing.assert_allclose(psi.ratios(ALL, MOVES), expected, rtol=1e-10)
    nothing = np.zeros((1, 7), dtype=np.int64)
    np.testing.assert_array_equal(psi.ratios(ALL, nothing), np.ones((64, 1)))


def test_ratios_of_all_single_flips(psi):
    amplitudes = np.exp(psi.log_psi(ALL))
    flipped = np.arange(64)[:, None] ^ (1 << np.arange(6))
    np.testing.assert_allclose(psi.flip_ratios(ALL), amplitudes[flipped] / amplitudes[:, None], rtol=1e-10)


def test_local_energy_is_a_row_of_the_hamiltonian(psi):
    check_local_energy(psi, RING)


@pytest.mark.parametrize("system", HAMILTONIANS, ids=lambda system: type(system).__name__)
def test_local_energies_of_every_hamiltonian(system):
    if COMPILED and isinstance(system, nqs.J1J2):
        pytest.skip("the kernel of Heisenberg")
    check_local_energy(nqs.SpinJastrow(RING, seed=8, scale=0.3), system)


def check_local_energy(psi: nqs.SpinState, system: nqs.TransverseFieldIsing) -> None:
    amplitudes = np.exp(psi.log_psi(ALL))
    expected = matrix(system) @ amplitudes / amplitudes
    np.testing.assert_allclose(local_energies(system, psi, ALL), expected, rtol=1e-9, atol=1e-9)


def test_log_derivatives_by_finite_differences(any_psi):
    psi, x = any_psi, ALL[::5]
    exact = psi.log_derivatives(x)
    for k in range(0, psi.n_parameters, 3):
        step = np.zeros(psi.n_parameters)
        step[k] = 1.0

        def difference(h: float, step: np.ndarray = step) -> np.ndarray:
            up, down = (psi.with_parameters(psi.parameters + sign * h * step).log_psi(x) for sign in (1, -1))
            return (up - down) / (2 * h)

        if np.abs(difference(0.5) - difference(0.25)).max() > 1e-9:  # not linear in this parameter
            assert_second_order(difference, exact[:, k])
        np.testing.assert_allclose(difference(1e-4), exact[:, k], atol=1e-6)


@pytest.mark.parametrize("lattice", [nqs.Square(2, 3), nqs.Honeycomb(1, 3)], ids=str)
def test_symmetric_machines(lattice):
    system = nqs.TransverseFieldIsing(lattice)
    psi = nqs.SymmetricRBM(system, 2, permutations=lattice.symmetries, seed=1, scale=0.4)
    for permutation in lattice.symmetries:
        np.testing.assert_allclose(np.exp(psi.log_psi(ALL[:, permutation])), np.exp(psi.log_psi(ALL)), rtol=1e-10)
    translated = nqs.SymmetricRBM(system, 2, seed=1, scale=0.4)
    some = [np.exp(translated.log_psi(ALL[:, p])) - np.exp(translated.log_psi(ALL)) for p in lattice.point_group]
    assert np.abs(some).max() > 1e-3


@pytest.mark.parametrize(
    "make",
    [STATES["SpinRBM complex"], STATES["SymmetricRBM complex"], lambda: nqs.SpinJastrow(RING, scale=0.2)],
    ids=["SpinRBM", "SymmetricRBM", "SpinJastrow"],
)
def test_complex_parameters_are_holomorphic(make):
    """d log psi / d Im = i d log psi / d Re for each parameter."""
    psi = make()
    real, imaginary = np.split(psi.log_derivatives(ALL), 2, axis=1)
    np.testing.assert_array_equal(imaginary, 1j * real)


def test_parameters_there_and_back(psi):
    vector = np.random.default_rng(0).standard_normal(psi.n_parameters)
    np.testing.assert_array_equal(psi.with_parameters(vector).parameters, vector)


@kernel
def _walk(psi, work, x, moves, log_ratios, row):
    """Carry out moves one after the other and note their log ratios; in the end write a row."""
    refresh(psi, work, x)
    for m in range(moves.shape[0]):
        log_ratios[m] = log_ratio(psi, work, x, 0, moves[m])
        accept(psi, work, x, 0, moves[m])
        for k in range(1, moves[m, 0] + 1):
            x[moves[m, k]] = -x[moves[m, k]]
    write_row(psi, work, x, row)


def test_thousands_of_updates_drift_little(psi):
    """The log ratios add up to the difference of log psi, and the rows agree with those of a fresh workspace."""
    generator = np.random.default_rng(5)
    moves = MOVES[generator.integers(len(MOVES), size=3000)].copy()
    moves[:, 1:] = (moves[:, 1:] + generator.integers(6, size=(3000, 1))) % 6
    x, work, log_ratios = ALL[11].copy(), workspace(psi), np.empty(3000)
    before, row = psi.log_psi(x), np.empty(row_size(psi))
    _walk(psi, work, x, moves, log_ratios, row)
    assert log_ratios.sum() == pytest.approx(np.real(psi.log_psi(x) - before), abs=1e-8)
    found = jacobian(psi, row[None]).dense()[0]
    np.testing.assert_allclose(found, psi.log_derivatives(x), atol=1e-8)


def test_saturated_units_come_back():
    """tanh theta is 1 within rounding at theta = 24, and right again once the spins have turned back."""
    psi = nqs.SpinRBM(RING, 1 / 6, dtype=float)
    psi = psi._replace(real=psi.real._replace(weights=np.full((6, 1), 4.0), hidden_bias=np.array([0.5])))
    x, work = -ALL[-1], workspace(psi)
    moves = np.array([[1, site] for turn in range(20) for site in (*range(6), *range(6))])
    log_ratios, row = np.empty(len(moves)), np.empty(row_size(psi))
    _walk(psi, work, x, moves, log_ratios, row)
    assert row[6] == pytest.approx(np.tanh(0.5 + x.sum() * 4.0), rel=1e-9)
    assert abs(log_ratios.sum()) < 1e-8


@pytest.mark.parametrize("dtype", [float, complex])
def test_one_unit_with_many_strong_couplings(dtype):
    """cosh(358 w) / cosh(360 w) = exp(-2 w) within rounding, though exp(720) overflows."""
    system = nqs.TransverseFieldIsing(nqs.Chain(360))
    psi, up = nqs.SpinRBM(system, 1 / 360, dtype=dtype), np.ones(360, dtype=np.int8)
    w = 1 + 0.001j if psi.is_complex else 1.0
    psi = with_couplings(psi, np.zeros(360), np.zeros(1), np.full((360, 1), w))
    one, every = np.arange(361) * 0, np.array([360, *range(360)])
    one[0] = 1
    assert psi.flip_ratios(up)[0, 7] == pytest.approx(np.exp(-2 * w), rel=1e-12)
    np.testing.assert_allclose(psi.ratios(up, np.array([one, every]))[0], [np.exp(-2 * w), 1], rtol=1e-12)
    assert np.isfinite(psi.log_derivatives(up)).all()
    assert np.isfinite(local_energies(system, psi, up[None])).all()


def with_couplings(psi: Any, a: np.ndarray, b: np.ndarray, w: np.ndarray) -> nqs.SpinState:
    real = psi.real._replace(visible_bias=np.real(a), hidden_bias=np.real(b), weights=np.real(w).copy())
    if not psi.is_complex:
        return psi._replace(real=real)
    imaginary = psi.imaginary._replace(
        visible_bias=np.imag(a) + 0 * np.real(a), hidden_bias=np.imag(b) + 0 * np.real(b), weights=np.imag(w).copy()
    )
    return psi._replace(real=real, imaginary=imaginary)


@pytest.mark.parametrize("name", ["SpinRBM real", "SpinRBM complex"])
@pytest.mark.parametrize("size", [1.5, 4.5, 9.0, 60.0, 400.0], ids=str)
def test_ratios_of_machines_with_large_weights(name, size):
    """Against logarithms of sums of exponentials, by SciPy."""
    small: Any = STATES[name]()
    a, b, w = (size / 0.4 * each for each in small.couplings())
    psi = with_couplings(small, a, b, w)
    theta = ALL @ w + b
    expected = ALL @ a + (logsumexp([theta, -theta], axis=0) - np.log(2)).sum(axis=1)
    np.testing.assert_allclose(np.exp(psi.log_psi(ALL) - expected), 1, rtol=1e-12 * size)
    moved = np.stack([expected[np.arange(64) ^ mask] - expected for mask in MASKS], axis=1)
    usual = np.abs(np.real(moved)) < 300
    assert usual.any()
    found = psi.ratios(ALL, MOVES)
    scale = np.abs(expected).max() * 1e-13
    np.testing.assert_allclose(found[usual], np.exp(moved[usual]), rtol=max(1e-6, scale))
    assert np.isfinite(found).all()
    flipped = np.arange(64)[:, None] ^ (1 << np.arange(6))
    singles = expected[flipped] - expected[:, None]
    usual = np.abs(np.real(singles)) < 300
    np.testing.assert_allclose(psi.flip_ratios(ALL)[usual], np.exp(singles[usual]), rtol=max(1e-6, scale))


@pytest.mark.parametrize("size", [4.5, 60.0])
@pytest.mark.parametrize("name", ["SpinRBM real", "SpinRBM complex"])
def test_updates_of_machines_with_large_weights(name, size):
    small: Any = STATES[name]()
    psi = with_couplings(small, *(size / 0.4 * each for each in small.couplings()))
    moves = np.tile(MOVES, (30, 1))
    x, work, log_ratios, row = ALL[11].copy(), workspace(psi), np.empty(len(moves)), np.empty(row_size(psi))
    before = psi.log_psi(x)
    _walk(psi, work, x, moves, log_ratios, row)
    assert log_ratios.sum() == pytest.approx(np.real(psi.log_psi(x) - before), abs=1e-9 * size)
    np.testing.assert_allclose(row, psi.rows(x), atol=1e-8)


def test_machines_with_large_angles_stay_finite():
    psi = nqs.SpinRBM(RING, 1, dtype=float)
    large = psi._replace(real=psi.real._replace(hidden_bias=np.full(6, 300.0)))
    np.testing.assert_allclose(large.log_psi(ALL), large.log_psi(ALL[0]) + (large.log_psi(ALL) - large.log_psi(ALL[0])))
    assert np.isfinite(large.log_psi(ALL)).all()
    assert np.isfinite(large.flip_ratios(ALL)).all()


def test_a_warning_where_signs_are_needed():
    frustrated = nqs.Heisenberg(nqs.Triangular(3), J=1.0)
    with pytest.warns(nqs.SignProblemWarning, match="SpinRBM with real parameters is positive"):
        frustrated.check(nqs.SpinRBM(frustrated, dtype=float))
    frustrated.check(nqs.SpinRBM(frustrated, dtype=complex))
    nqs.Heisenberg(nqs.Square(4)).check(nqs.SpinRBM(nqs.Heisenberg(nqs.Square(4)), dtype=float))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nqs.SpinRBM(RING, 0.0), "expected alpha to be a positive number"),
        (lambda: nqs.SpinRBM(RING, 0.01), "expected alpha of at least 0.167, one hidden unit"),
        (lambda: nqs.SpinRBM(RING, dtype=int), "expected dtype to be float or complex"),
        (lambda: nqs.SpinRBM(RING).log_psi(np.zeros(6)), "expected spins"),
        (lambda: nqs.SpinRBM(RING).log_psi(np.ones(5)), "expected spins"),
        (lambda: nqs.SpinRBM(RING) * nqs.SpinRBM(nqs.Heisenberg(nqs.Chain(4))), "expected two factors for the same"),
        (lambda: nqs.Heisenberg(nqs.Chain(4)).check(nqs.SpinRBM(RING)), "expected a wave function of 4 sites"),
        (lambda: nqs.SymmetricRBM(RING, 1, permutations=np.zeros((2, 6), int)), "expected permutations of 6 sites"),
        (lambda: nqs.SymmetricRBM(RING, 0), "expected alpha to be a whole number"),
        (lambda: nqs.SpinNeural(RING, ()), "expected the widths of the hidden layers"),
        (lambda: nqs.SpinNeural(RING, (4, 0)), "expected hidden to be a whole number"),
        (lambda: nqs.SpinFlip(1.0), "expected global_flips to be at least 0 and below 1"),
    ],
)
def test_arguments_out_of_range(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_log_psi_in_a_kernel_is_that_of_the_method(psi):
    work, x = workspace(psi), ALL[7]
    refresh(psi, work, x)
    assert log_psi(psi, work, x) == pytest.approx(psi.log_psi(x), rel=1e-12)
