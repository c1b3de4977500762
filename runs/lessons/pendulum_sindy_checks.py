"""Sparse regression on series: of the latent number of the lesson ``pendulum-sindy``, and of the Lorenz system."""

import importlib
import importlib.util
from typing import Any, NamedTuple

import numpy as np

from .lesson import Finding
from .pendulum_sindy_model import THRESHOLD

Array = np.ndarray
DEGREE = 4


class SeriesLaw(NamedTuple):
    """What sparse regression finds for z'' = f(z, z') from polynomials to degree 4 and sin z.

    sine : the coefficient of sin z
    n_terms : how many terms there are
    method : what found it, in words
    """

    sine: float
    n_terms: int
    method: str


def law_of_series(z: Array, v: Array, time_step: float) -> SeriesLaw:
    """From series z (n_swings, n_times) and v = z': by pysindy where it is installed, by our own regression elsewhere.

    Either takes v' from differences of v in time and knows nothing of the networks.
    """
    by = _by_pysindy if importlib.util.find_spec("pysindy") else _by_regression
    return by(z, v, time_step)


def _by_pysindy(z: Array, v: Array, time_step: float) -> SeriesLaw:
    pysindy: Any = importlib.import_module("pysindy")
    sine = pysindy.CustomLibrary([lambda x: np.sin(x)], [lambda name: f"sin {name}"])
    model = pysindy.SINDy(
        optimizer=pysindy.STLSQ(threshold=THRESHOLD, alpha=0.0),
        feature_library=pysindy.PolynomialLibrary(DEGREE) + sine,
    )
    model.fit([np.stack(pair, axis=1) for pair in zip(z, v)], t=time_step, feature_names=["z", "v"])
    names, row = model.get_feature_names(), model.coefficients()[1]
    return SeriesLaw(float(row[names.index("sin z")]), int(np.count_nonzero(row)), f"pysindy {pysindy.__version__}")


def _by_regression(z: Array, v: Array, time_step: float) -> SeriesLaw:
    from neural.sparse import monomials, sparse_regression

    state = np.stack([z[:, 1:-1].ravel(), v[:, 1:-1].ravel()], axis=1)
    terms = np.column_stack([monomials(state, DEGREE)[0], np.sin(state[:, 0])])
    rates = (v[:, 2:] - v[:, :-2]).reshape(-1, 1) / (2 * time_step)
    row = sparse_regression(terms, rates, THRESHOLD)[:, 0]
    return SeriesLaw(float(row[-1]), int(np.count_nonzero(row)), "sequential least squares (pysindy is not installed)")


def lorenz() -> dict[str, Finding]:
    """x' = 10 (y - x), y' = x (28 - z) - y, z' = x y - 8 z / 3 from a series with differences for derivatives."""
    from scipy.integrate import solve_ivp

    from neural.sparse import monomials, sparse_regression

    def slope(_: float, u: np.ndarray) -> list[float]:
        x, y, z = u
        return [10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z]

    t = np.arange(0.0, 20.0, 0.002)
    u = solve_ivp(slope, (0, 20), [-8.0, 7.0, 27.0], "DOP853", t, rtol=1e-10, atol=1e-10).y.T
    rates = (u[:-4] - 8 * u[1:-3] + 8 * u[3:-1] - u[4:]) / (12 * 0.002)
    terms, names = monomials(u[2:-2], 3)
    xi = sparse_regression(terms, rates, THRESHOLD)
    truth = {("y", 0): 10.0, ("x", 1): 28.0, ("z", 2): -8 / 3}
    findings = {
        f"lorenz_{name}_in_equation_{k + 1}": Finding(xi[names.index(name), k], value, 0.01)
        for (name, k), value in truth.items()
    }
    return {**findings, "lorenz_terms": Finding(int(np.count_nonzero(xi)), 7.0, 0.0)}
