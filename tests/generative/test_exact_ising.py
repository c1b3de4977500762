"""Exact Ising values: published limits, reference values, and three independent methods against each other."""

import math

import numpy as np
import pytest

from generative.datasets.exact_ising import (
    CRITICAL_TEMPERATURE,
    correlation,
    energy_distribution,
    enumerate_states,
    kaufman,
    magnetisation_distribution,
    magnetisation_moments,
    onsager,
    yang,
)

T_C = 2.26918531421302

# Of an independent implementation (enumeration for L = 4, transfer matrix for L = 8):
# log Z, energy and specific heat per site, entropy
THERMODYNAMICS = {
    (4, 2.0): (17.1053671187316, -1.75538028877744, 0.605532657210045, 3.0623248085121),
    (4, T_C): (15.5219154587553, -1.56562378763832, 0.78326682592891, 4.48271982968402),
    (4, 3.0): (13.2810334555837, -1.0170696269551, 0.603134714253505, 7.85666211182317),
    (8, 2.0): (66.3445818792278, -1.7456831702932, 0.714122602855142, 10.4827204298454),
    (8, T_C): (60.1417807890692, -1.49158910743971, 1.14555923989441, 18.0730690456),
    (8, 3.0): (52.261409659555, -0.841315427851915, 0.483966471435658, 34.3133471987141),
}
# <|m|>, <m^2>, <m^4>
MOMENTS = {
    (4, 2.0): (0.918943267401972, 0.868921681642318, 0.804530078689037),
    (4, T_C): (0.84386044481342, 0.761358908568672, 0.665691213267369),
    (4, 3.0): (0.601291326039113, 0.450988140848037, 0.31695897792928),
    (8, T_C): (0.777331092786856, 0.646911574994238, 0.485815234125937),
}


def torus(n: int, m: int) -> np.ndarray:
    site = np.arange(n * m).reshape(n, m)
    bonds = [np.stack([site, np.roll(site, -1, axis)], axis=-1).reshape(-1, 2) for axis in (0, 1)]
    return np.concatenate(bonds)


def grid(n: int, m: int) -> np.ndarray:
    site = np.arange(n * m).reshape(n, m)
    down, right = (site[:-1], site[1:]), (site[:, :-1], site[:, 1:])
    return np.concatenate([np.stack(pair, axis=-1).reshape(-1, 2) for pair in (down, right)])


@pytest.mark.parametrize(("size", "temperature"), THERMODYNAMICS)
def test_kaufman_reaches_the_references(size, temperature):
    values = kaufman((size, size), temperature)
    np.testing.assert_allclose(values, THERMODYNAMICS[size, temperature], rtol=1e-8)


@pytest.mark.parametrize(("size", "temperature"), MOMENTS)
def test_moments_of_the_magnetisation_reach_the_references(size, temperature):
    distribution = magnetisation_distribution((size, size), temperature)
    moments = magnetisation_moments(distribution, size**2, temperature)
    np.testing.assert_allclose(moments[:3], MOMENTS[size, temperature], rtol=1e-10)


@pytest.mark.parametrize("shape", [(2, 2), (2, 4), (3, 3), (3, 4), (4, 3), (3, 5), (4, 4)])
@pytest.mark.parametrize("temperature", [0.7, T_C, 5.0])
def test_kaufman_is_the_enumeration(shape, temperature):
    states = enumerate_states(shape[0] * shape[1], torus(*shape))
    np.testing.assert_allclose(kaufman(shape, temperature), states.thermodynamics(temperature), rtol=1e-11, atol=1e-13)


# Of Kaufman's formula in 80 digits, with derivatives by differences: energy and specific heat per site of 3 x 4 spins
EDGES = {
    0.005: (-2.0, 0.0),
    0.3: (-1.9999999999790152, 1.8653281186643376e-09),
    1e3: (-0.0020010043416859823, 2.0020130334299571e-06),
    1e6: (-2.0000010000043333e-06, 2.000002000013e-12),
    1e8: (-2.00000001e-08, 2.00000002e-16),
    1e12: (-2.000000000001e-12, 2.000000000002e-24),
}


@pytest.mark.parametrize("temperature", EDGES)
def test_kaufman_is_exact_at_the_edges(temperature):
    values, ground = kaufman((3, 4), temperature), 24 / temperature + math.log(2)
    energy, heat = EDGES[temperature]
    assert values.energy == pytest.approx(energy, rel=1e-14)
    assert values.specific_heat == pytest.approx(heat, rel=1e-10)
    assert values.entropy == pytest.approx(math.log(2) if temperature < 1 else 12 * math.log(2), rel=1e-5)
    assert values.log_z == pytest.approx(ground if temperature < 1 else 12 * math.log(2), rel=1e-5)


@pytest.mark.parametrize("temperature", [1e-300, 0.004, 0.05, 1e6, 1e8, 1e300])
def test_kaufman_and_enumeration_agree_at_the_edges(temperature):
    states = enumerate_states(12, torus(3, 4)).thermodynamics(temperature)
    np.testing.assert_allclose(kaufman((3, 4), temperature), states, rtol=1e-12, atol=1e-14)


# Of the formulas in 80 digits
PLANE = {
    0.005: (-2.0, 0.0),
    0.3: (-1.9999999999790152, 1.8653247196887e-09),
    1e3: (-0.0020000033333376003, 2.0000100000213333e-06),
    1e6: (-2.0000000000033333e-06, 2.00000000001e-12),
    1e8: (-2.0e-08, 2.0e-16),
}


@pytest.mark.parametrize("temperature", PLANE)
def test_onsager_at_the_edges(temperature):
    values = onsager(temperature)
    energy, heat = PLANE[temperature]
    assert values.energy == pytest.approx(energy, rel=1e-14)
    assert values.specific_heat == pytest.approx(heat, rel=1e-10)
    assert values.log_z == pytest.approx(2 / temperature if temperature < 1 else math.log(2), rel=1e-5)
    assert yang(temperature) == pytest.approx(float(temperature < 1), abs=1e-5)


@pytest.mark.parametrize("scale", [1e-150, 1e-7, 1e100])
def test_only_the_ratio_of_temperature_and_coupling_matters(scale):
    unit = np.array([1.0, scale, 1.0, 1.0])
    np.testing.assert_allclose(kaufman((4, 4), 2.5 * scale, scale), kaufman((4, 4), 2.5) * unit, rtol=1e-13)
    np.testing.assert_allclose(onsager(2.5 * scale, scale), onsager(2.5) * unit, rtol=1e-13)
    states = enumerate_states(9, grid(3, 3))
    found, expected = states.thermodynamics(2.5 * scale, scale), states.thermodynamics(2.5)
    np.testing.assert_allclose(found, expected * unit, rtol=1e-13)
    np.testing.assert_allclose(
        energy_distribution((3, 3), 2.5 * scale, scale),
        energy_distribution((3, 3), 2.5) * np.array([[scale], [1.0]]),
        rtol=1e-12,
        atol=1e-15 * min(1.0, scale),
    )


@pytest.mark.parametrize("coupling", [1.0, -1.0])
@pytest.mark.parametrize("temperature", [0.002, 0.05])
def test_cold_strips_are_in_their_ground_states(coupling, temperature):
    """Of a square of even sides: all spins equal, or a chessboard."""
    energy = energy_distribution((4, 4), temperature, coupling)
    assert energy.mean(energy.values) == pytest.approx(-32.0)
    m = magnetisation_distribution((4, 4), temperature, coupling)
    moments = magnetisation_moments(m, 16, temperature)
    assert moments.m2 == pytest.approx(float(coupling > 0), abs=1e-12)
    assert correlation((4, 4), temperature, coupling) == pytest.approx([1.0, coupling, 1.0])


def test_a_magnetisation_that_is_always_zero_has_no_binder_cumulant():
    moments = enumerate_states(2, [[0, 1]]).magnetisation(1e-3, -1.0)
    assert moments.m2 == 0.0
    assert math.isnan(moments.binder)


def test_a_frustrated_lattice_that_is_too_cold_is_refused():
    with pytest.raises(ValueError, match="higher temperature"):
        energy_distribution((3, 3), 1e-3, -1.0)


def test_five_by_five_is_enumerated():
    states = enumerate_states(25, torus(5, 5))
    assert states.counts.sum() == 2**25
    np.testing.assert_allclose(kaufman((5, 5), 2.0), states.thermodynamics(2.0), rtol=1e-12)


@pytest.mark.interpreted
@pytest.mark.parametrize("coupling", [1.0, -0.5])
def test_enumeration_is_the_sum_over_all_configurations(coupling):
    """The Gray code against a plain sum over the 2^9 configurations of an open lattice."""
    edges, temperature = grid(3, 3), 1.7
    s = 1 - 2 * ((np.arange(512)[:, None] >> np.arange(9)) & 1)
    energy, m = -coupling * (s[:, edges[:, 0]] * s[:, edges[:, 1]]).sum(axis=1), s.mean(axis=1)
    p = np.exp(-energy / temperature)
    z = p.sum()
    p /= z
    states = enumerate_states(9, edges)
    values, moments = states.thermodynamics(temperature, coupling), states.magnetisation(temperature, coupling)
    variance = p @ energy**2 - (p @ energy) ** 2
    expected = (math.log(z), p @ energy / 9, variance / (9 * temperature**2), -p @ np.log(p))
    np.testing.assert_allclose(values, expected, rtol=1e-12)
    np.testing.assert_allclose(moments[:3], (p @ abs(m), p @ m**2, p @ m**4), rtol=1e-12)


@pytest.mark.parametrize("periodic", [True, False])
def test_transfer_matrix_is_the_enumeration(periodic):
    shape, temperature = (3, 4), 2.1
    states = enumerate_states(12, (torus if periodic else grid)(*shape))
    joint, _ = states.joint(temperature)
    np.testing.assert_allclose(
        magnetisation_distribution(shape, temperature, periodic=periodic).probabilities, joint.sum(axis=0), atol=1e-14
    )
    np.testing.assert_allclose(
        energy_distribution(shape, temperature, periodic=periodic).probabilities, joint.sum(axis=1), atol=1e-14
    )


def test_energy_distribution_has_the_moments_of_kaufman():
    energy = energy_distribution((6, 6), 2.0)
    exact = kaufman((6, 6), 2.0)
    mean = energy.mean(energy.values)
    assert mean / 36 == pytest.approx(exact.energy, rel=1e-11)
    assert energy.mean((energy.values - mean) ** 2) / (36 * 2.0**2) == pytest.approx(exact.specific_heat, rel=1e-9)


def test_correlation_is_the_sum_over_all_configurations():
    edges, temperature = torus(4, 3), 2.0
    s = 1 - 2 * ((np.arange(2**12)[:, None] >> np.arange(12)) & 1)
    p = np.exp((s[:, edges[:, 0]] * s[:, edges[:, 1]]).sum(axis=1) / temperature)
    rows = s.reshape(-1, 4, 3)
    expected = [p @ (rows[:, 0, 0] * rows[:, r, 0]) / p.sum() for r in range(3)]
    np.testing.assert_allclose(correlation((4, 3), temperature), expected, rtol=1e-12)


@pytest.mark.parametrize("temperature", [1.5, 2.2, 2.4, 4.0])
def test_large_lattices_approach_onsager(temperature):
    """Corrections decay as exp(-L/xi), but for the ln 2 of the two ordered phases in log Z."""
    n = 256
    finite, infinite = kaufman((n, n), temperature), onsager(temperature)
    degeneracy = math.log(2) if temperature < CRITICAL_TEMPERATURE else 0.0
    assert (finite.log_z - degeneracy) / n**2 == pytest.approx(infinite.log_z, abs=1e-12)
    assert finite.energy == pytest.approx(infinite.energy, abs=1e-10)
    assert finite.specific_heat == pytest.approx(infinite.specific_heat, abs=1e-7)


def test_onsager_at_the_critical_point():
    """Known in closed form: energy -sqrt 2, ln Z / N = ln(2)/2 + 2 Catalan / pi."""
    catalan = 0.915965594177219015
    critical = onsager(CRITICAL_TEMPERATURE)
    assert critical.energy == pytest.approx(-math.sqrt(2), rel=1e-12)
    assert critical.log_z == pytest.approx(math.log(2) / 2 + 2 * catalan / math.pi, rel=1e-12)


def test_spontaneous_magnetisation():
    """The long-range order of a strip is that of the plane, deep in the ordered phase."""
    assert yang(2.5) == 0.0
    assert math.sqrt(correlation((16, 6), 1.2)[-1]) == pytest.approx(yang(1.2), rel=1e-5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: kaufman((4, 4), 0.0), "temperature > 0"),
        (lambda: kaufman((4, 4), 1.0, coupling=-1.0), "coupling > 0"),
        (lambda: kaufman((1, 4), 1.0), "2 x 2"),
        (lambda: enumerate_states(26, [[0, 1]]), "25 sites"),
        (lambda: enumerate_states(3, [[0, 3]]), "sites 0 to 2"),
        (lambda: magnetisation_distribution((4, 11), 2.0), "2 to 10 sites"),
    ],
)
def test_errors_say_what_was_expected(call, message):
    with pytest.raises(ValueError, match=message):
        call()
