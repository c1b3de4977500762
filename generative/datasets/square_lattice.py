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


# Both closed forms are made of the angles cosh gamma(a) = s + 1/s - cos a with s = sinh 2K, in which s and 1/s may be
# exchanged. With x the smaller of the two, gamma = ln 2 - ln x + w, and w = -x cos a + ... is small where x is, at high
# temperatures as at low ones. What is left of log Z without N ln 2, or without the ground states' 2 K N, is a sum of w.


class _Modes(NamedTuple):
    """w, its derivatives in x, and dw/dx + cos a, which is of the order of x, for several angles a."""

    w: Array
    first: Array
    second: Array
    centred: Array


def _modes(x: float, angle: Array) -> _Modes:
    """w(x) = ln (A + S) / 2 with A = 1 + x^2 - x cos a and S = sqrt(A^2 - x^2) > 0."""
    c = np.cos(angle)
    d, A = x - c, 1 + x * (x - c)
    S = np.sqrt(((1 - x) ** 2 + 2 * x * np.sin(angle / 2) ** 2) * (A + x))
    g, dg, dS = x * (1 + d**2) - 2 * c, 1 + d**2 + 2 * x * d, (A * (x + d) - x) / S
    first = (x + g / (S + 1)) / S
    second = (1 + (dg - g * dS / (S + 1)) / (S + 1) - first * dS) / S
    centred = x * (1 + (1 + d**2 + c * g * (S + 2) / (S + 1)) / (S + 1)) / S
    return _Modes(np.log1p((x * d + (S - 1)) / 2), first, second, centred)


def _mode_at_zero(x: float) -> _Modes:
    """The same at a = 0, where S = (1 - x) r, r = sqrt(1 + x^2), may vanish."""
    r = math.sqrt(1 + x * x)
    q, dq = (1 + x) / (r * (r + 1)), (r * (r + 1) - (1 + x) * (2 * r + 1) * x / r) / (r * (r + 1)) ** 2
    w = math.log1p((x * (x - 1) + (1 - x) * r - 1) / 2)
    return _Modes(*(np.array([each]) for each in (w, x * q - 1, q + x * dq, x * q)))


class _Series(NamedTuple):
    """log|f| and its first two derivatives in x; products of functions are sums of these."""

    log: float
    first: float
    second: float


def _powers(x: float, m: int, modes: _Modes) -> tuple[Array, Array, Array]:
    """e^(-m gamma) and its derivatives in x."""
    p, u = np.exp(-modes.w) / 2, 1 - x * modes.first
    e = x * p
    return e**m, m * p * e ** (m - 1) * u, m * p**2 * e ** (m - 2) * (m * u**2 - 1 - x * x * modes.second)


def _log_product(x: float, m: int, modes: _Modes, sign: float) -> _Series:
    """The series of prod_r e^(m w_r / 2) (1 + sign e^(-m gamma_r)); the cosines of all angles have the sum 0."""
    e, de, d2e = _powers(x, m, modes)
    slope = sign * de / (1 + sign * e)
    logs = 0.5 * m * modes.w + np.log1p(sign * e)
    slopes, curvatures = (
        0.5 * m * modes.centred + slope,
        0.5 * m * modes.second + sign * d2e / (1 + sign * e) - slope**2,
    )
    return _Series(float(logs.sum()), float(slopes.sum()), float(curvatures.sum()))


def _taylor(term: _Series, scale: float) -> Array:
    """f, f' and f'' of a function, divided by e^scale."""
    return math.exp(term.log - scale) * np.array([1.0, term.first, term.first**2 + term.second])


def _four_products(x: float, n: int, m: int, ordered: bool) -> _Series:
    """log of the sum of Kaufman's four products, without the factors (2 / x)^(n m / 2).

    The one with sinh(m gamma_0 / 2) is positive in the ``ordered`` phase, negative above the critical temperature, and
    0 between them, where it has derivatives, which its logarithm has not.
    """
    odd = _modes(x, math.pi * (2 * np.arange(n) + 1) / n)
    rest, zero = _modes(x, 2 * math.pi * np.arange(1, n) / n), _mode_at_zero(x)
    even = _Modes(*map(np.concatenate, zip(zero, rest)))
    terms = [_log_product(x, m, odd, 1.0), _log_product(x, m, odd, -1.0), _log_product(x, m, even, 1.0)]
    others, e = _log_product(x, m, rest, -1.0), [float(each[0]) for each in _powers(x, m, zero)]
    w, dw, d2w = (0.5 * m * float(each[0]) for each in (zero.w, zero.centred, zero.second))
    others = _Series(others.log + w, others.first + dw, others.second + d2w)
    scale = max(term.log for term in terms)
    g, f = _taylor(others, scale), [1 - e[0], -e[1], -e[2]]
    last = np.array([f[0] * g[0], f[0] * g[1] + f[1] * g[0], f[0] * g[2] + 2 * f[1] * g[1] + f[2] * g[0]])
    z, dz, d2z = sum(_taylor(term, scale) for term in terms) + (last if ordered else -last)
    return _Series(scale + math.log(z), float(dz / z), float(d2z / z - (dz / z) ** 2))


def kaufman(shape: Shape, temperature: float, coupling: float = 1.0) -> Thermodynamics:
    """Thermodynamics of the ferromagnet on a torus of n x m sites, exact for every size and temperature.

        Z = (2 sinh 2K)^(nm/2) / 2 * (prod 2 cosh(m gamma_{2r+1}/2) + prod 2 sinh(m gamma_{2r+1}/2)
                                      + prod 2 cosh(m gamma_{2r}/2) + prod 2 sinh(m gamma_{2r}/2)),   r = 0 .. n-1
        cosh gamma_r = cosh 2K coth 2K - cos(pi r / n),        gamma_0 = 2K + ln tanh K

    An axis of two sites has two bonds between them, as everywhere on a torus.
    """
    n, m = shape
    if not (n >= 2 and m >= 2 and coupling > 0):
        raise ValueError(f"expected at least 2 x 2 sites and coupling > 0, got {shape} and {coupling}")
    K, n_sites = coupling / checked_temperature(temperature), n * m
    phase = _phase(K)
    products = _four_products(phase.x, n, m, phase.ordered)
    log_z = products.log - math.log(2) + n_sites * phase.log
    slope = products.first * phase.dx + n_sites * phase.slope
    curvature = products.second * phase.dx**2 + products.first * phase.d2x + n_sites * phase.curvature
    return phase.thermodynamics(coupling, n_sites, log_z, slope, curvature)


class _Phase(NamedTuple):
    """x = sinh 2K or its inverse, the smaller of them, with its derivatives in K, and the part of log Z for each site
    that does not depend on the lattice's size: ``log`` and derivatives, ln 2 or, where ``ordered``, ln 2 sinh 2K - 2K.
    """

    K: float
    x: float
    dx: float
    d2x: float
    ordered: bool
    log: float
    slope: float
    curvature: float

    def thermodynamics(self, J: float, n_sites: int, log_z: float, slope: float, curvature: float) -> Thermodynamics:
        """From log Z, without 2 K for each site where ``ordered``, and its derivatives in K."""
        ground = 2.0 * self.ordered
        energy = -J * (ground + slope / n_sites)
        heat = max(0.0, self.K * (self.K * curvature) / n_sites)
        return Thermodynamics(log_z + n_sites * ground * self.K, energy, heat, log_z - self.K * slope)


def _phase(K: float) -> _Phase:
    e = math.exp(-2 * K)
    if e > math.sqrt(2) - 1:  # sinh 2K < 1
        s, c = math.sinh(2 * K), math.cosh(2 * K)
        return _Phase(K, s, 2 * c, 4 * s, False, math.log(2), 0.0, 0.0)
    x = 2 * e / (1 - e * e)
    r = math.sqrt(1 + x * x)  # coth 2K
    return _Phase(K, x, -2 * x * r, 4 * x * (1 + 2 * x * x), True, math.log1p(-e * e), 2 * x * x / (1 + r), -4 * x * x)


def _arithmetic_geometric(beta: float) -> tuple[float, float]:
    """1 - M and sum_n 2^(n-1) c_n^2 of the arithmetic-geometric mean M(1, 1 - beta), both accurate where small."""
    alpha, weight, total = 0.0, 0.5, 0.5 * beta * (2 - beta)
    while beta - alpha > 1e-16 * beta:
        c = 0.5 * (beta - alpha)
        product = alpha + beta - alpha * beta
        alpha, beta, weight = 0.5 * (alpha + beta), product / (1 + math.sqrt(1 - product)), 2 * weight
        total += weight * c * c
        if c < 1e-9 * beta:
            break
    return alpha, total


def onsager(temperature: float, coupling: float = 1.0) -> Thermodynamics:
    """The infinite square lattice; ``log_z`` and ``entropy`` are per site.

        ln Z / N = ln 2 + (1/2 pi^2) int_0^pi int_0^pi ln(cosh^2 2K - sinh 2K (cos a + cos b)) da db
        energy   = -J coth 2K (1 + (2/pi) q K1(k)),      k = 2 sinh 2K / cosh^2 2K,      q = 2 tanh^2 2K - 1
        heat     = (2/pi) (K coth 2K)^2 (2 K1 - 2 E1 - (1 - q) (pi/2 + q K1))

    The specific heat is infinite at the critical temperature. K1, E1: complete elliptic integrals, by the
    arithmetic-geometric mean of 1 and |q| (Abramowitz and Stegun, eqs. 17.6.3 and 17.6.4).
    """
    from scipy.integrate import quad

    K = abs(coupling) / checked_temperature(temperature)
    phase = _phase(K)
    integral, _ = quad(lambda a: _log_mode(phase.x, a), 0, math.pi, epsabs=1e-13, epsrel=1e-13, limit=200)
    log_z = phase.log + integral / (2 * math.pi)
    coth, beta = (
        math.hypot(1, phase.x) / (1 if phase.ordered else phase.x),
        2 * phase.x**2 / (1 + phase.x**2),
    )  # 1 - |q|
    if beta >= 1:
        return phase.thermodynamics(abs(coupling), 1, log_z, coth - 2.0 * phase.ordered, math.inf)
    alpha, total = _arithmetic_geometric(beta)
    small = (beta - alpha) / (1 - alpha)  # 1 - |q| / M
    if phase.ordered:
        slope = 2 * phase.x**2 / (1 + coth) - coth * small
        bracket = 2 * total / (1 - alpha) - beta * (2 - small)
    else:
        slope, bracket = coth * small, 2 * total / (1 - alpha) - (2 - beta) * small
    return phase.thermodynamics(abs(coupling), 1, log_z, slope, coth * (coth * bracket))


def _log_mode(x: float, a: float) -> float:
    """w at one angle."""
    A = 1 + x * (x - math.cos(a))
    S = math.sqrt(((1 - x) ** 2 + 2 * x * math.sin(a / 2) ** 2) * (A + x))
    return math.log((A + S) / 2)


def yang(temperature: float, coupling: float = 1.0) -> float:
    """Spontaneous magnetisation of the infinite square lattice, (1 - sinh(2K)^-4)^(1/8), 0 above T_c."""
    K = coupling / checked_temperature(temperature)
    phase = _phase(abs(K))
    return (1 - phase.x**4) ** 0.125 if K > 0 and phase.ordered else 0.0
