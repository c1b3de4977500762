"""A Gaussian process through a noisy energy curve."""

from typing import Any, ClassVar, NamedTuple

import numpy as np
from pydantic import Field

from ..experiments.experiment import Progress
from ..style import BLUE, GREY, ORANGE
from .lesson import Finding, LessonSettings, Outcome, Records, lesson

LOW, HIGH = 0.25, 1.2  # of the parameter


class GaussianProcessSettings(LessonSettings):
    """The energy of a trial state over its parameter, from noisy energies, with a band that says how far to trust it.

    The prior is a random function with the covariance k(x, x') = a^2 exp(-(x - x')^2 / 2 l^2); points y have the noise
    s. Given them, with K = k(X, X) + s^2, the function at x is normal with mean k(x, X) K^-1 y and variance k(x, x) -
    k(x, X) K^-1 k(X, x). a and l maximise log p(y) = -y K^-1 y / 2 - log det(K) / 2 - n log(2 pi) / 2. The state
    exp(-alpha x^2) in a harmonic trap has E(alpha) = alpha / 2 + 1 / (8 alpha), with the minimum 1/2 at alpha = 1/2.
    The band is exact for functions drawn from the prior; a curve that is not one, with a and l fitted to it, has a
    minimum that scatters about 1.4 times as much as the posterior says.

    Source: C. E. Rasmussen, C. K. I. Williams, Gaussian Processes for Machine Learning (2006), eqs. (2.23)-(2.24) and
    (2.30).
    """

    QUICK: ClassVar = {"n_worlds": 200}

    n_points: int = Field(30, ge=5, le=500, description="noisy energies")
    noise: float = Field(0.01, gt=0, allow_inf_nan=False, description="their standard deviation, in units of omega")
    n_worlds: int = Field(2000, ge=10, description="functions drawn from the prior, to see how many the bands cover")


class Process(NamedTuple):
    """A normal prior of functions: amplitude a, length l, and noise s of the points."""

    amplitude: float
    length: float
    noise: float

    def covariance(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """k(x, y), shape (len(x), len(y))."""
        return self.amplitude**2 * np.exp(-0.5 * ((x[:, None] - y) / self.length) ** 2)

    def posterior(self, x: np.ndarray, y: np.ndarray, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean (n,) and covariance (n, n) of the function at ``at`` given points (x, y)."""
        from scipy.linalg import cho_factor, cho_solve

        k = self.covariance(at, x)
        factor = cho_factor(self.covariance(x, x) + self.noise**2 * np.eye(len(x)), lower=True)
        return k @ cho_solve(factor, y), self.covariance(at, at) - k @ cho_solve(factor, k.T)

    def log_likelihood(self, x: np.ndarray, y: np.ndarray) -> float:
        """log p(y), in nats."""
        K = self.covariance(x, x) + self.noise**2 * np.eye(len(x))
        return float(-0.5 * (y @ np.linalg.solve(K, y) + np.linalg.slogdet(K)[1] + len(x) * np.log(2 * np.pi)))


def energy_of(alpha: np.ndarray) -> np.ndarray:
    """alpha / 2 + 1 / (8 alpha), in units of omega."""
    return alpha / 2 + 1 / (8 * alpha)


def learn(settings: GaussianProcessSettings) -> Records:
    """The best prior, its posterior, scikit-learn's, and how often bands cover."""
    from scipy.optimize import minimize

    rng = np.random.default_rng(settings.seed)
    x = np.sort(rng.uniform(LOW, HIGH, settings.n_points))
    energy = energy_of(x) + settings.noise * rng.normal(size=len(x))
    y, grid = energy - energy.mean(), np.linspace(LOW, HIGH, 381)

    def cost(logs: np.ndarray) -> float:
        return -Process(np.exp(logs[0]), np.exp(logs[1]), settings.noise).log_likelihood(x, y)

    best = minimize(cost, np.log([0.1, 0.3]), method="Nelder-Mead", options={"xatol": 1e-6, "fatol": 1e-9})
    amplitude, length = map(float, np.exp(best.x))
    process = Process(amplitude, length, settings.noise)
    mean, covariance = process.posterior(x, y, grid)
    band = np.sqrt(np.maximum(np.diag(covariance), 0))
    minima = grid[draws(rng, mean, covariance, 500).argmin(axis=1)]
    covered = np.empty(settings.n_worlds)
    for world in range(settings.n_worlds):
        covered[world] = one_world(process, x, rng)
        if (world + 1) % 50 == 0:
            yield Progress(world + 1, settings.n_worlds, {"covered": float(covered[: world + 1].mean())})
    findings = {
        **against_scikit_learn(process, x, y, grid, mean, band),
        "minimum_at": Finding(minima.mean(), 0.5, 0.05),
        "minimum_at_by_posterior": Finding(minima.std(), unit="standard deviation"),
        "lowest_energy": Finding(mean.min() + energy.mean(), 0.5, 0.01, unit="omega"),
        "covered_by_one_sigma": Finding(
            covered.mean(), 0.682689, error=(0.682689 * 0.317311 / len(covered)) ** 0.5, unit="of drawn functions"
        ),
        "length": Finding(process.length),
        "amplitude": Finding(process.amplitude, unit="omega"),
    }
    arrays = {"x": x, "energy": energy, "grid": grid, "mean": mean + energy.mean(), "band": band}
    return Outcome(findings, arrays)


def draws(rng: np.random.Generator, mean: np.ndarray, covariance: np.ndarray, n: int) -> np.ndarray:
    """Normal vectors, shape (n, len(mean)), also for a covariance that is singular within rounding."""
    values, vectors = np.linalg.eigh(covariance)
    return mean + (rng.normal(size=(n, len(mean))) * np.sqrt(np.maximum(values, 0))) @ vectors.T


def one_world(process: Process, x: np.ndarray, rng: np.random.Generator) -> bool:
    """Whether the one-sigma band at a random place covers a function drawn from the prior, seen at x with noise."""
    at = np.append(x, rng.uniform(LOW, HIGH))
    f = draws(rng, np.zeros(len(at)), process.covariance(at, at), 1)[0]
    mean, covariance = process.posterior(x, f[:-1] + process.noise * rng.normal(size=len(x)), at[-1:])
    return abs(f[-1] - mean[0]) < np.sqrt(covariance[0, 0])


def against_scikit_learn(
    process: Process, x: np.ndarray, y: np.ndarray, grid: np.ndarray, mean: np.ndarray, band: np.ndarray
) -> dict[str, Finding]:
    """Largest differences of mean, band and log-likelihood from scikit-learn's process with the same prior."""
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel

    kernel = ConstantKernel(process.amplitude**2) * RBF(process.length)
    fixed: Any = None  # keeps the prior as it is
    peer = GaussianProcessRegressor(kernel, alpha=process.noise**2, optimizer=fixed).fit(x[:, None], y)
    found: Any = peer.predict(grid[:, None], return_std=True)
    likelihood: Any = peer.log_marginal_likelihood_value_
    return {
        "mean_of_peer": Finding(np.max(np.abs(found[0] - mean)), 0.0, 1e-8, unit="omega"),
        "band_of_peer": Finding(np.max(np.abs(found[1] - band)), 0.0, 1e-7, unit="omega"),
        "log_likelihood_of_peer": Finding(process.log_likelihood(x, y), float(likelihood), 1e-8, unit="nats"),
    }


def draw(result: Any, figure: Any) -> None:
    """Points, truth, and the posterior with two standard deviations."""
    figure.set_size_inches(7, 4.5)
    axes, s = figure.subplots(), result.samples
    axes.fill_between(
        s["grid"],
        s["mean"] - 2 * s["band"],
        s["mean"] + 2 * s["band"],
        color=BLUE,
        alpha=0.25,
        linewidth=0,
        label="two standard deviations",
    )
    axes.plot(s["grid"], s["mean"], color=BLUE, label="posterior mean")
    axes.plot(s["grid"], energy_of(s["grid"]), color=ORANGE, linestyle="--", label="truth")
    axes.errorbar(s["x"], s["energy"], result.config["noise"], fmt="o", ms=3, color=GREY, label="points")
    lowest = result.measurement["minimum_at"].estimate.mean
    axes.set(xlabel="alpha", ylabel="energy / omega", title=f"Lowest at alpha = {lowest:.3f}")
    axes.legend(frameon=False, fontsize=8)


EXPERIMENT = lesson("gaussian-process", GaussianProcessSettings, learn, draw)
