"""What Hamiltonians of spins conserve and where their ground states are, against dense matrices of Pauli matrices."""

import functools
from typing import Any, cast

import numpy as np
import pytest

import nqs
from nqs.exact import FullSummation, ground_state_energy, lowest, matrix
from nqs.systems.ground_sector import Bonds, by_theorem

pytestmark = pytest.mark.interpreted
PAULI = {
    "1": np.eye(2),
    "X": np.array([[0, 1], [1, 0]]),
    "Y": np.array([[0, -1j], [1j, 0]]),
    "Z": np.diag([1, -1]),
}
LETTERS = np.array(list("1XYZ"))
STAR = [(0, i) for i in range(1, 6)]


def dense(terms: list[tuple[complex, str]], n_sites: int) -> np.ndarray:
    """The matrix of a sum of products, site 0 being the first factor and spin up the first state of each."""
    total = np.zeros((2**n_sites, 2**n_sites), dtype=complex)
    for coefficient, string in terms:
        factors = [np.eye(2)] * n_sites
        for token in string.split():
            factors[int(token[1:])] = factors[int(token[1:])] @ PAULI[token[0]]
        total += coefficient * functools.reduce(np.kron, factors)
    return total


def spins_in_order(n_sites: int) -> np.ndarray:
    """The configurations in the order of the rows of ``dense``."""
    return 1 - 2 * ((np.arange(2**n_sites)[:, None] >> np.arange(n_sites)[::-1]) & 1)


def random_terms(rng: np.random.Generator, n_sites: int, conserving: bool) -> list[tuple[complex, str]]:
    """Real coefficients of random products, or sums of exchanges, fields and their products with other spins."""
    terms: list[tuple[complex, str]] = []
    for _ in range(rng.integers(1, 8)):
        c = float(rng.standard_normal())
        if not conserving:
            letters = rng.choice(LETTERS, n_sites)
            terms.append((c, " ".join(f"{letter}{i}" for i, letter in enumerate(letters) if letter != "1")))
            continue
        i, j, *others = rng.permutation(n_sites)
        tail = f" Z{others[0]}" if others and rng.random() < 0.4 else ""
        kind = rng.integers(4)
        if kind == 0:
            terms += [(c, f"X{i} X{j}{tail}"), (c, f"Y{i} Y{j}{tail}")]
        elif kind == 1:
            terms += [(c, f"X{i} Y{j}{tail}"), (-c, f"Y{i} X{j}{tail}")]
        else:
            terms.append((c, f"Z{i} Z{j}{tail}" if kind == 2 else f"Z{i}"))
    return terms


@pytest.mark.parametrize("seed", range(40))
def test_random_sums(seed):
    """What is conserved, the ground state and its sector, and expectation values, by dense linear algebra alone."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 6))
    terms = random_terms(rng, n, conserving=seed % 2 == 0)
    h, system = dense(terms, n), nqs.PauliSum(terms, n)
    x = spins_in_order(n)
    total = x.sum(axis=1)
    conserved = np.abs(h * (total[:, None] - total[None])).max() < 1e-12
    assert system.conserves_magnetisation == conserved
    assert ground_state_energy(system) == pytest.approx(np.linalg.eigvalsh(h)[0], abs=1e-10)
    np.testing.assert_allclose(dense(system.terms, n), h, atol=1e-12)
    if conserved:
        bottoms = {m: np.linalg.eigvalsh(h[np.ix_(total == m, total == m)])[0] for m in np.unique(total)}
        assert bottoms[system.magnetisation] == pytest.approx(min(bottoms.values()), abs=1e-10)
    else:
        assert system.magnetisation is None


@pytest.mark.parametrize("seed", range(20))
def test_expectations_inside_a_sector(seed):
    """psi is 0 outside of its magnetisation, for every operator and every estimator."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(3, 6))
    terms = random_terms(rng, n, conserving=seed % 2 == 0)
    a, operator, x = dense(terms, n), nqs.PauliSum(terms, n), spins_in_order(n)
    lattice = nqs.Chain(n, periodic=False)
    m = int(rng.choice(np.arange(-n + 2, n, 2)))
    psi = nqs.SpinRBM(nqs.Heisenberg(lattice, magnetisation=m), 1, seed=seed, scale=0.4)
    inside = x.sum(axis=1) == m
    amplitudes = np.where(inside, np.exp(psi.within(None).log_psi(x)), 0)
    amplitudes /= np.linalg.norm(amplitudes)
    value, image = np.real(np.vdot(amplitudes, a @ amplitudes)), a @ amplitudes
    spread = np.linalg.norm(image - np.vdot(amplitudes, image) * amplitudes) ** 2
    whole = FullSummation(psi)
    assert whole.expectation(operator) == pytest.approx(value, abs=1e-12)
    assert whole.variance(operator) == pytest.approx(spread, abs=1e-12)
    local = operator.local_estimator(psi, psi.space)(x[inside])
    assert np.abs(amplitudes[inside]) ** 2 @ local == pytest.approx(value, abs=1e-12)
    everywhere = psi.within(None)
    free = np.exp(everywhere.log_psi(x))
    free /= np.linalg.norm(free)
    value = np.real(np.vdot(free, a @ free))
    assert FullSummation(everywhere).expectation(operator) == pytest.approx(value, abs=1e-12)
    assert np.abs(free) ** 2 @ operator.local_estimator(everywhere, everywhere.space)(x) == pytest.approx(
        value, abs=1e-12
    )


# Theorems against diagonalisation


def lowest_of_each(bonds: Bonds) -> dict[int, float]:
    terms: list[tuple[complex, str]] = []
    for (i, j), z, xy in zip(bonds.edges, bonds.ising, bonds.exchange, strict=True):
        terms += [(z, f"Z{i} Z{j}"), (xy / 2, f"X{i} X{j}"), (xy / 2, f"Y{i} Y{j}")]
    system = nqs.PauliSum(terms, bonds.n_sites)
    return {m: lowest(system, magnetisation=m).energies[0] for m in range(-bonds.n_sites, bonds.n_sites + 1, 2)}


def random_bonds(rng: np.random.Generator, kind: str) -> Bonds:
    """Bonds on a random graph that a theorem is about, with the exchange turned on a random set of sites."""
    n = int(rng.integers(2, 7))
    turned, colours = rng.choice([-1, 1], n), rng.integers(0, 2, n)
    pairs = [(i, j) for i in range(n) for j in range(i) if rng.random() < 0.6 or j == i - 1]
    if kind == "antiferromagnet":
        pairs = [(i, j) for i, j in pairs if colours[i] != colours[j]] or [(0, 1)]
    edges = np.array(pairs)
    strength, factor = rng.uniform(0.2, 1.5, len(pairs)), rng.uniform(0, 1, len(pairs))
    signs = turned[edges[:, 0]] * turned[edges[:, 1]]
    if kind == "isotropic":
        sizes = strength * rng.choice([-1, 1], len(pairs))
        return Bonds(n, edges, sizes, 2 * sizes * signs)
    if kind == "easy plane":
        return Bonds(n, edges, strength * factor * rng.choice([-1, 1], len(pairs)), -2 * strength * signs)
    ising = strength if kind == "antiferromagnet" else -strength
    return Bonds(n, edges, ising, 2 * strength * factor * rng.choice([-1, 1], len(pairs)))


@pytest.mark.parametrize("kind", ["isotropic", "ferromagnet", "easy plane", "antiferromagnet"])
@pytest.mark.parametrize("seed", range(8))
def test_theorems_name_a_sector_of_the_ground_state(kind, seed):
    bonds = random_bonds(np.random.default_rng(seed), kind)
    found = by_theorem(bonds)
    assert found is not None
    energies = lowest_of_each(bonds)
    assert energies[found] == pytest.approx(min(energies.values()), abs=1e-9)


@pytest.mark.parametrize(
    ("system", "magnetisation", "energy"),
    [
        (nqs.Heisenberg(nqs.Chain(6), J=-1.0, anisotropy=2.0), 6, -3.0),
        (nqs.Heisenberg(nqs.Chain(6), J=1.0, anisotropy=-1.5), 6, -2.25),
        (nqs.Heisenberg(nqs.Chain(5, periodic=False)), 1, None),
        (nqs.Heisenberg(nqs.Graph(STAR)), 0, -1.75),  # of a spin 1/2 and five others: -(5 / 2 + 1) / 2
        (nqs.Heisenberg(nqs.Graph(STAR), anisotropy=3.0), 4, None),
        (nqs.Heisenberg(nqs.Graph(STAR), anisotropy=0.3), 0, None),
        (nqs.Heisenberg(nqs.Chain(8), J=-1.0), 0, -2.0),
        (nqs.J1J2(nqs.Chain(3), 1.0, 0.0), 1, -0.75),
        (nqs.Heisenberg(nqs.Chain(2), J=1.0), 0, -0.75),
    ],
    ids=str,
)
def test_ground_states_of_exchange_models(system, magnetisation, energy):
    assert system.magnetisation == magnetisation
    everything = lowest(system).energies[0]
    assert ground_state_energy(system) == pytest.approx(everything, abs=1e-10)
    if energy is not None:
        assert everything == pytest.approx(energy, abs=1e-10)


def test_a_frustrated_anisotropic_model_is_searched_or_asks():
    small = nqs.Heisenberg(nqs.Triangular(3), anisotropy=2.0)
    assert small.magnetisation == lowest_magnetisation(small)
    large = nqs.Heisenberg(nqs.Triangular(4), anisotropy=2.0)
    assert large.magnetisation is None
    psi, optimizer = nqs.SpinJastrow(large), nqs.StochasticReconfiguration(0.05)
    with pytest.raises(ValueError, match=r"which is not known for 16 sites: give it, as in Heisenberg\(\.\.\., magnet"):
        nqs.VMC(large, psi, nqs.SpinExchange(large), optimizer)
    given = nqs.Heisenberg(nqs.Triangular(4), anisotropy=2.0, magnetisation=4)
    assert given.magnetisation == 4
    vmc = nqs.VMC(given, psi, nqs.SpinExchange(given), optimizer)
    assert (vmc.chains.x.sum(axis=1) == 4).all()
    assert vmc.psi.space == nqs.SpinSpace(16, 4)


def lowest_magnetisation(system: nqs.Heisenberg) -> int:
    """The smallest |M| of the sectors that share the lowest energy."""
    n = system.n_sites
    energies = {m: lowest(system, magnetisation=m).energies[0] for m in range(n % 2, n + 1, 2)}
    return min(m for m, energy in energies.items() if energy < min(energies.values()) + 1e-9)


def test_a_field_along_z_moves_the_ground_state():
    """Two spins: the singlet at -3, or both along a field of -h sum_i Z_i with -2 h + 1."""
    exchange = [(1.0, "X0 X1"), (1.0, "Y0 Y1"), (1.0, "Z0 Z1")]
    for h, magnetisation, energy in [(1.0, 0, -3.0), (3.0, 2, -5.0), (-3.0, -2, -5.0)]:
        system = nqs.PauliSum([*exchange, (-h, "Z0"), (-h, "Z1")])
        assert system.conserves_magnetisation
        assert (system.magnetisation, ground_state_energy(system)) == (magnetisation, pytest.approx(energy))


def test_a_given_magnetisation():
    lattice = nqs.Chain(6)
    system = nqs.Heisenberg(lattice, magnetisation=4)
    assert ground_state_energy(system) == pytest.approx(lowest(system, magnetisation=4).energies[0])
    assert system.exact_energy is None  # the closed form is that of M = 0
    assert nqs.Heisenberg(lattice, magnetisation=0).exact_energy is not None
    psi = nqs.SpinJastrow(system, dtype=float)
    assert psi.space.magnetisation == 4
    with pytest.raises(ValueError, match=r"expected SpinExchange\(system\) for the magnetisation 4, got SpinFlip"):
        nqs.VMC(system, psi, nqs.SpinFlip(), nqs.StochasticReconfiguration(0.05))
    kept = nqs.PauliSum([(1.0, "X0 X1"), (1.0, "Y0 Y1")], n_sites=3, magnetisation=-1)
    assert kept.magnetisation == -1


# Degenerate levels


@pytest.mark.parametrize("lattice", [nqs.Chain(8), nqs.Square(3)], ids=str)
def test_degenerate_levels_are_complete(lattice):
    """The level of the largest total spin, N / 2, is (N + 1)-fold."""
    system = nqs.Heisenberg(lattice, J=-1.0)
    energies = np.full(8, -0.25 * len(lattice.edges))
    found = lowest(system, 8)
    np.testing.assert_allclose(found.energies, energies, atol=1e-9)
    np.testing.assert_allclose(found.states.T @ found.states, np.eye(8), atol=1e-9)


@pytest.mark.parametrize("k", [2, 12, 40])
def test_many_levels_against_the_whole_spectrum(k):
    system = nqs.Heisenberg(nqs.Chain(8))
    everything = np.linalg.eigvalsh(matrix(system).toarray())
    found = lowest(system, k)
    np.testing.assert_allclose(found.energies, everything[:k], atol=1e-9)
    residual = matrix(system) @ found.states - found.states * found.energies
    np.testing.assert_allclose(residual, 0, atol=1e-7)


def test_degenerate_levels_of_a_complex_matrix():
    """Momentum 1 of a ring, where the matrix is complex."""
    system = nqs.Heisenberg(nqs.Chain(12), J=-1.0, anisotropy=0.0, marshall=False)
    found = lowest(system, 10, momentum=1)
    everything = np.linalg.eigvalsh(matrix(system, found.basis).toarray())
    np.testing.assert_allclose(found.energies, everything[:10], atol=1e-9)


# The space, and what is refused


def test_a_space_of_spins():
    space = nqs.SpinSpace(5, 1)
    assert (space.size, space.n_up) == (10, 3)
    x = space.first_configurations(100, np.random.default_rng(1))
    assert space.contains(x).all()
    assert len(np.unique(x, axis=0)) == 10
    assert not space.contains(-x).any()
    np.testing.assert_array_equal(space.keeps(x, np.array([0, 1])), x[:, 0] != x[:, 1])
    assert nqs.SpinSpace(5).size == 32


def test_a_wave_function_is_zero_outside_of_its_space():
    psi = nqs.SpinRBM(nqs.Heisenberg(nqs.Chain(4)), 1, seed=1)
    up = np.ones(4, dtype=np.int8)
    assert psi.log_psi(up) == -np.inf
    assert np.isfinite(psi.within(None).log_psi(up))
    x = np.array([[1, -1, 1, -1]])
    assert not psi.flip_ratios(x).any()
    moves = np.array([[1, 0, 0], [2, 0, 1], [2, 0, 2]])
    assert (psi.ratios(x, moves)[0] != 0).tolist() == [False, True, False]
    assert (psi.within(None).ratios(x, moves)[0] != 0).all()
    product = psi.within(None) * nqs.SpinJastrow(nqs.Heisenberg(nqs.Chain(4)))
    assert product.space.magnetisation == 0
    assert product.within(2).space.magnetisation == 2


FOUR = nqs.Heisenberg(nqs.Chain(4))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nqs.Heisenberg(nqs.Chain(4), magnetisation=1), "expected a magnetisation that 4 spins"),
        (lambda: nqs.Heisenberg(nqs.Chain(4), magnetisation=6), "expected a magnetisation that 4 spins"),
        (lambda: nqs.SpinSpace(4, cast(Any, 0.0)), "expected a magnetisation that 4 spins"),
        (lambda: nqs.PauliSum([(1.0, "X0")], magnetisation=1), "expected a sum that conserves the magnetisation"),
        (lambda: FullSummation(nqs.SpinRBM(FOUR), 2), r"expected the magnetisation 0 of the wave function"),
        (lambda: nqs.SpinRBM(FOUR).ratios(np.ones((1, 4)), np.array([[1, 0]])), "with the magnetisation 0, where"),
        (lambda: nqs.SpinRBM(FOUR).ratios(np.array([[1, -1, 1, -1]]), np.array([[1, 4]])), "how many of the sites 0"),
        (lambda: nqs.SpinRBM(FOUR).within(2) * nqs.SpinRBM(FOUR), "expected two factors of one magnetisation"),
        (lambda: nqs.J1J2(nqs.Chain(3), 1.0, 0.5), "expected J2 = 0 on a lattice without second neighbours"),
    ],
)
def test_arguments_out_of_range(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("make", [nqs.SpinRBM, nqs.SymmetricRBM, nqs.SpinJastrow, nqs.SpinNeural, nqs.SpinExchange])
def test_particles_are_no_spins(make):
    with pytest.raises(TypeError, match=r"expected a system of spins, such as .* got HarmonicOscillator"):
        make(nqs.HarmonicOscillator(2, 1))


def test_heisenberg_on_three_sites_is_j1j2_without_second_neighbours():
    left, right = nqs.Heisenberg(nqs.Chain(3)), nqs.J1J2(nqs.Chain(3), 1.0, 0.0)
    np.testing.assert_array_equal(matrix(left).toarray(), matrix(right).toarray())
