"""Closed forms for the Ising model on the square lattice, finite and infinite; symbols as in ``exact_ising``.

Sources: B. Kaufman, Phys. Rev. 76, 1232 (1949), eq. (57); A. E. Ferdinand and M. E. Fisher, Phys. Rev. 185, 832 (1969);
L. Onsager, Phys. Rev. 65, 117 (1944), eqs. (108)-(117); C. N. Yang, Phys. Rev. 85, 808 (1952), eq. (96).
"""

import math
from typing import NamedTuple

import numpy as np

Array = np.ndarray
Shape = tuple[int, int]

CRITICAL_TEMPERATURE = 2.0 / math.log(1.0 + math.sqrt(2.0))  # in units of J


class Thermodynamics(NamedTuple):
    """``log_z`` and ``entropy`` in nats, ``energy`` and ``specific_heat`` per site."""

    log_z: float
    energy: float
    specific_heat: float
    entropy: float


def checked_temperature(temperature: float) -> float:
    """The temperature as a float; raises ``ValueError`` unless it is positive and finite."""
    if not 0 < temperature < math.inf:
        raise ValueError(f"expected a finite temperature > 0, got {temperature}")
    return float(temperature)


class _Series(NamedTuple):
    """log|f| and its first two derivatives; products of functions are sums of these."""

    log: float
    first: float
    second: float


def _log_product(m: int, gamma: Array, first: Array, second: Array, sign: float) -> _Series:
    """The series of prod_r (e^(m gamma_r / 2) + sign e^(-m gamma_r / 2)) in K, from gamma_r(K) and its derivatives."""
    x = 0.5 * m * gamma
    ratio = np.tanh(x) if sign > 0 else 1.0 / np.tanh(x)  # f'/f for f = 2 cosh x or 2 sinh x
    logs = np.abs(x) + np.log1p(sign * np.exp(-2 * np.abs(x)))
    slopes = 0.5 * m * first * ratio
    curvatures = 0.5 * m * second * ratio + (0.5 * m * first) ** 2 * (1 - ratio**2)
    return _Series(float(logs.sum()), float(slopes.sum()), float(curvatures.sum()))


def _gammas(K: float, n: int, parity: int) -> tuple[Array, Array, Array]:
    """gamma_{2r + parity}, r = 0 .. n - 1, and their first and second derivatives in K."""
    angle = math.pi * (2 * np.arange(n) + parity) / n
    s, c = math.sinh(2 * K), math.cosh(2 * K)
    # cosh 2K coth 2K = s + 1/s
    cosh = s + 1 / s - np.cos(angle)
    slope, curvature = 2 * c * (1 - 1 / s**2), 4 * s * (1 - 1 / s**2) + 8 * c**2 / s**3
    gamma = np.arccosh(np.maximum(cosh, 1.0))
    with np.errstate(divide="ignore", invalid="ignore"):
        first = slope / np.sinh(gamma)
        second = (curvature - first**2 * cosh) / np.sinh(gamma)
    if parity == 0:
        gamma[0], first[0], second[0] = 2 * K + math.log(math.tanh(K)), 2 + 2 / s, -4 * c / s**2
    return gamma, first, second


def _taylor(term: _Series, scale: float) -> Array:
    """f, f' and f'' of a function, divided by e^scale."""
    return math.exp(term.log - scale) * np.array([1.0, term.first, term.first**2 + term.second])


def _four_products(K: float, n: int, m: int) -> tuple[Array, float]:
    """The sum of the four products, its derivatives in K divided by e^scale, and the scale."""
    odd, even = _gammas(K, n, 1), _gammas(K, n, 0)
    terms = [_log_product(m, *odd, 1.0), _log_product(m, *odd, -1.0), _log_product(m, *even, 1.0)]
    rest = _log_product(m, even[0][1:], even[1][1:], even[2][1:], -1.0)
    scale = max(term.log for term in terms)
    # gamma_0 is 0 at the critical point: its sinh has derivatives there, the logarithm of it has not
    x, dx, d2x = (0.5 * m * each[0] for each in even)
    f = 2 * np.array([np.sinh(x), np.cosh(x) * dx, np.sinh(x) * dx**2 + np.cosh(x) * d2x])
    g = _taylor(rest, scale)
    last = np.array([f[0] * g[0], f[0] * g[1] + f[1] * g[0], f[0] * g[2] + 2 * f[1] * g[1] + f[2] * g[0]])
    return last + sum(_taylor(term, scale) for term in terms), scale


def kaufman(shape: Shape, temperature: float, coupling: float = 1.0) -> Thermodynamics:
    """Thermodynamics of the ferromagnet on a torus of n x m sites, exact for every size.

        Z = (2 sinh 2K)^(nm/2) / 2 * (prod 2 cosh(m gamma_{2r+1}/2) + prod 2 sinh(m gamma_{2r+1}/2)
                                      + prod 2 cosh(m gamma_{2r}/2) + prod 2 sinh(m gamma_{2r}/2)),   r = 0 .. n-1
        cosh gamma_r = cosh 2K coth 2K - cos(pi r / n),        gamma_0 = 2K + ln tanh K

    An axis of two sites has two bonds between them, as everywhere on a torus.
    """
    n, m = shape
    if not (n >= 2 and m >= 2 and coupling > 0):
        raise ValueError(f"expected at least 2 x 2 sites and coupling > 0, got {shape} and {coupling}")
    K, n_sites = coupling / checked_temperature(temperature), n * m
    (z, dz, d2z), scale = _four_products(K, n, m)
    log_z = 0.5 * n_sites * math.log(2 * math.sinh(2 * K)) - math.log(2) + scale + math.log(z)
    slope = n_sites / math.tanh(2 * K) + float(dz / z)
    curvature = -2 * n_sites / math.sinh(2 * K) ** 2 + float(d2z / z - (dz / z) ** 2)
    energy = -coupling * slope
    return Thermodynamics(log_z, energy / n_sites, K**2 * curvature / n_sites, log_z + energy / temperature)


def onsager(temperature: float, coupling: float = 1.0) -> Thermodynamics:
    """The infinite square lattice; ``log_z`` and ``entropy`` are per site.

        ln Z / N = ln 2 + (1/2 pi^2) int_0^pi int_0^pi ln(cosh^2 2K - sinh 2K (cos a + cos b)) da db
        energy   = -J coth 2K (1 + (2/pi) (2 tanh^2 2K - 1) K1(k)),      k = 2 sinh 2K / cosh^2 2K

    The specific heat is infinite at the critical temperature. K1, E1: complete elliptic integrals.
    """
    from scipy.integrate import quad
    from scipy.special import ellipe, ellipkm1

    K = abs(coupling) / checked_temperature(temperature)
    s, c = math.sinh(2 * K), math.cosh(2 * K)
    q = (s**2 - 1) / c**2  # 2 tanh^2 2K - 1; its square is 1 - k^2

    def inner(a: float) -> float:
        """(1/pi) times the integral over b, known in closed form."""
        x = c**2 / s - math.cos(a)
        return math.log(s * (x + math.sqrt(max(x * x - 1, 0.0))) / 2)

    integral, _ = quad(inner, 0, math.pi, epsabs=1e-13, epsrel=1e-13, limit=200)
    log_z = math.log(2) + integral / (2 * math.pi)
    k1, e1 = float(ellipkm1(q**2)), float(ellipe(1 - q**2))
    small = q * k1 if q else 0.0
    energy = -abs(coupling) / math.tanh(2 * K) * (1 + 2 / math.pi * small)
    bracket = 2 * (k1 - e1) - (1 - q) * (math.pi / 2 + small)
    heat = 2 / math.pi * (K / math.tanh(2 * K)) ** 2 * bracket
    return Thermodynamics(log_z, energy, heat, log_z + energy / temperature)


def yang(temperature: float, coupling: float = 1.0) -> float:
    """Spontaneous magnetisation of the infinite square lattice, (1 - sinh(2K)^-4)^(1/8), 0 above T_c."""
    s = math.sinh(2 * coupling / checked_temperature(temperature))
    return (1 - s**-4) ** 0.125 if s > 1 else 0.0
