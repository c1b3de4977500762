"""Least squares, plain and with two penalties: closed forms, bias and variance."""

from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from ..experiments.experiment import Progress
from ..style import BLUE, GREEN, GREY, ORANGE
from .lesson import Finding, LessonSettings, Outcome, Records, lesson

TRUE = (0.5, -1.0, 0.0, 2.0)  # coefficients of 1, x, x^2, x^3
GRID = np.linspace(-1, 1, 101)
METHODS = ("ordinary", "ridge", "lasso")


class LeastSquares(LessonSettings):
    """A polynomial of high degree is fitted to noisy points of y = 0.5 - x + 2 x^3, with and without a penalty.

    The cost is |y - X w|^2 / n + penalty: nothing for ordinary least squares, w = (X^T X)^-1 X^T y; lambda |w|^2 for
    ridge, w = (X^T X + n lambda)^-1 X^T y; lambda |w|_1 for the lasso, which has a closed form where X^T X = n, the
    ordinary w moved towards 0 by lambda / 2 and stopped there. The columns of X are the Legendre polynomials from P_1
    on, centred like y, so that the mean is free. Over resampled points (bootstrap) with the fits y, and f the truth,
    mean (y - f)^2 = mean (<y> - f)^2 + var y: bias squared and variance.

    Source: M. Hjorth-Jensen, Advanced machine learning and data analysis for the physical sciences (2025), sections on
    ordinary least squares, ridge and lasso; R. Tibshirani, J. R. Stat. Soc. B 58, 267 (1996), eq. (3).
    """

    QUICK: ClassVar = {"n_bootstrap": 20, "n_penalties": 5}

    n_points: int = Field(60, ge=20, description="noisy points with x in [-1, 1]")
    degree: int = Field(12, ge=3, le=30, description="of the polynomial that is fitted")
    noise: float = Field(0.3, gt=0, allow_inf_nan=False, description="standard deviation of the noise")
    n_bootstrap: int = Field(200, ge=2, description="resampled sets of points")
    n_penalties: int = Field(25, ge=2, description="values of the penalty, from 1e-4 to 1")


class Fit:
    """The three fits of points (x, y) to P_1 ... P_degree, centred."""

    def __init__(self, x: np.ndarray, y: np.ndarray, degree: int) -> None:
        self.degree, self.n, self.mean_y = degree, len(x), y.mean()
        X = self.columns(x)
        self.mean_X = X.mean(axis=0)
        self.X, self.y = X - self.mean_X, y - self.mean_y

    def columns(self, x: np.ndarray) -> np.ndarray:
        """P_1(x) ... P_degree(x), shape (n, degree)."""
        return np.polynomial.legendre.legvander(x, self.degree)[:, 1:]

    def ordinary(self) -> np.ndarray:
        """(X^T X)^-1 X^T y, by orthogonal transformations."""
        return np.linalg.lstsq(self.X, self.y)[0]

    def ridge(self, penalty: float) -> np.ndarray:
        """(X^T X + n penalty)^-1 X^T y."""
        return np.linalg.solve(self.X.T @ self.X + self.n * penalty * np.eye(self.degree), self.X.T @ self.y)

    def lasso(self, penalties: np.ndarray) -> np.ndarray:
        """By scikit-learn's coordinate descent, whose alpha is half the penalty: shape (n_penalties, degree)."""
        from sklearn.linear_model import lasso_path

        order = np.argsort(penalties)[::-1]  # it returns falling penalties
        alphas: Any = penalties[order] / 2
        _, w, _ = lasso_path(self.X, self.y, alphas=alphas, tol=1e-4, max_iter=100_000)
        return np.asarray(w).T[np.argsort(order)]

    def __call__(self, w: np.ndarray, x: np.ndarray) -> np.ndarray:
        """The polynomials with coefficients w (..., degree) at x."""
        return self.mean_y + w @ (self.columns(x) - self.mean_X).T


def truth(x: np.ndarray) -> np.ndarray:
    """The polynomial behind the points."""
    return np.polynomial.Polynomial(TRUE)(x)


def learn(settings: LeastSquares) -> Records:
    """Fits of resampled points for every penalty; closed forms against scikit-learn."""
    rng = np.random.default_rng(settings.seed)
    penalties = np.geomspace(1e-4, 1.0, settings.n_penalties)
    x = np.linspace(-1, 1, settings.n_points)
    y = truth(x) + settings.noise * rng.normal(size=len(x))
    curves = []
    for done in range(1, settings.n_bootstrap + 1):
        rows = rng.integers(0, len(x), len(x))
        fit = Fit(x[rows], y[rows], settings.degree)
        weights = np.array([np.tile(fit.ordinary(), (len(penalties), 1)), [fit.ridge(p) for p in penalties]])
        curves.append(fit(np.concatenate([weights, fit.lasso(penalties)[None]]), GRID))
        numbers = {name: float(np.mean((curve - truth(GRID)) ** 2)) for name, curve in zip(METHODS, curves[-1][:, 0])}
        yield Progress(done, settings.n_bootstrap, numbers)
    f = np.array(curves)  # (bootstrap, method, penalty, grid)
    bias, variance = np.mean((f.mean(axis=0) - truth(GRID)) ** 2, axis=-1), np.mean(f.var(axis=0), axis=-1)
    total = np.mean((f - truth(GRID)) ** 2, axis=(0, -1))
    findings = against_scikit_learn(x, y, settings.degree)
    findings["bias_plus_variance"] = Finding(np.max(np.abs(bias + variance - total) / total), 0.0, 1e-10)
    for name, row in zip(METHODS[1:], total[1:]):
        findings[f"{name}_error_of_ordinary"] = Finding(row.min() / total[0, 0], most=1.0, unit="at the best penalty")
    arrays = {"penalties": penalties, "bias": bias, "variance": variance, "x": x, "y": y}
    best = [int(row.argmin()) for row in total]
    return Outcome(findings, {**arrays, "fits": np.array([f[:, k, i].mean(axis=0) for k, i in enumerate(best)])})


def against_scikit_learn(x: np.ndarray, y: np.ndarray, degree: int) -> dict[str, Finding]:
    """Largest differences of the coefficients, relative to the largest coefficient."""
    from sklearn.linear_model import Lasso, LinearRegression, Ridge

    fit, penalty = Fit(x, y, degree), 1e-3
    basis = np.linalg.qr(fit.X)[0] * np.sqrt(fit.n)  # the same polynomials with X^T X = n
    w = basis.T @ fit.y / fit.n
    soft = np.sign(w) * np.maximum(np.abs(w) - penalty / 2, 0)
    pairs = {
        "ordinary": (fit.ordinary(), LinearRegression(tol=1e-14).fit(fit.X, fit.y).coef_),
        "ridge": (fit.ridge(penalty), Ridge(alpha=fit.n * penalty).fit(fit.X, fit.y).coef_),
        "lasso": (soft, Lasso(alpha=penalty / 2, tol=1e-12, max_iter=100_000).fit(basis, fit.y).coef_),
    }
    return {
        f"{name}_of_peer": Finding(np.max(np.abs(a - b)) / np.max(np.abs(b)), 0.0, 1e-6)
        for name, (a, b) in pairs.items()
    }


def draw(result: Any, figure: Any) -> None:
    """Fits at the best penalty, and bias, variance and their sum over the penalty."""
    figure.set_size_inches(12, 4)
    left, *others = figure.subplots(1, 3)
    s = result.samples
    left.plot(s["x"], s["y"], ".", color=GREY, label="points")
    left.plot(GRID, truth(GRID), color="black", label="truth")
    for name, curve, colour in zip(METHODS, s["fits"], (GREEN, BLUE, ORANGE)):
        left.plot(GRID, curve, color=colour, label=name)
    left.set(xlabel="x", title="Mean of the fits at the best penalty", ylim=(-1.2, 2.2))
    left.legend(frameon=False, fontsize=8)
    for axes, name, k in zip(others, METHODS[1:], (1, 2)):
        bias, variance = s["bias"][k], s["variance"][k]
        axes.loglog(s["penalties"], bias, color=BLUE, label="bias squared")
        axes.loglog(s["penalties"], variance, color=ORANGE, label="variance")
        axes.loglog(s["penalties"], bias + variance, color="black", label="sum")
        axes.axhline(s["bias"][0, 0] + s["variance"][0, 0], color=GREY, linestyle="--", label="ordinary")
        axes.set(xlabel="penalty", title=name.capitalize())
        axes.legend(frameon=False, fontsize=8)


EXPERIMENT = lesson("least-squares", LeastSquares, learn, draw)
