"""The pendulum's equation solved by a network that is told the equation."""

from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from ..experiments.experiment import Progress
from ..style import BLUE, GREY, ORANGE
from .lesson import Finding, LessonSettings, Outcome, Records, lesson

PERIOD = 2 * np.pi


class PendulumPINN(LessonSettings):
    """A network theta(t) solves the equation of the pendulum, for small and for large angles, and finds g from points.

    With time in units of sqrt(l / g_0), the residual is e(t) = theta'' + g sin theta, or theta'' + g theta for small
    angles, and the loss L = mean e^2 + L_IC + L_data with L_IC = (theta(0) - theta_0)^2 + (theta'(0) - omega_0)^2 and
    L_data = mean (theta(t_i) - theta_i)^2, each term where it applies. The derivatives are automatic, forwards. The
    loss is a sum of squares and is lowered as such, by trust-region steps with the Jacobian. The time is cut in
    windows, each a network that starts where the last one ended, so that several periods can be followed. For the
    inverse problem g is one more parameter, and ten noisy points take the place of the initial values.

    Source: M. Raissi, P. Perdikaris, G. E. Karniadakis, J. Comput. Phys. 378, 686 (2019); G. C. de Miranda et al.
    (2025), arXiv:2505.13042, section III.2, eqs. (27)-(29).
    """

    QUICK: ClassVar = {"n_windows": 1, "n_iterations": 15}

    amplitude: float = Field(2.0, gt=0, lt=3, description="first angle of the full equation, in radians, at rest")
    n_windows: int = Field(8, ge=1, le=100, description="of half a small-angle period each")
    n_iterations: int = Field(100, ge=1, description="steps of least squares for each window")
    width: int = Field(16, ge=1, le=500, description="of the two hidden layers")
    noise: float = Field(0.01, gt=0, allow_inf_nan=False, description="of the ten points, in radians")


class Window:
    """A network of two hidden layers for the times start ... start + length, as a function of its parameters.

    The residuals are those of the equation at ``n_points`` times, each over the root of their number, and what
    ``others`` adds; the loss is their sum of squares, lowered by least squares.
    """

    def __init__(self, start: float, length: float, width: int, seed: int, n_points: int = 48) -> None:
        import torch

        from neural import FeedForward

        net = FeedForward.init((1, width, width, 1), ("tanh", "tanh", "identity"), seed)
        self.start, self.length, self.theta = start, length, torch.tensor(net.theta)
        self.shapes = [weights.shape for weights in net.weights]
        self.times = start + length * torch.linspace(0, 1, n_points, dtype=torch.float64)[:, None]

    def motion(self, theta: Any, t: Any) -> Any:
        """Angle, velocity and acceleration at the times t (n, 1), for parameters theta laid out as in FeedForward."""
        import torch

        from generative.derivatives import Motion, along

        layers, begin = [], 0
        for n_in, n_out in self.shapes:
            middle, end = begin + n_in * n_out, begin + (n_in + 1) * n_out
            layers.append((theta[begin:middle].reshape(n_out, n_in).T, theta[middle:end]))
            begin = end
        rate = 2 / self.length
        path = Motion((t - self.start) * rate - 1, torch.full_like(t, rate), torch.zeros_like(t))
        return along(layers, "tanh", path)

    def equation(self, theta: Any, force: Any) -> Any:
        """theta'' - force(theta) at all times, over the root of their number."""
        motion = self.motion(theta, self.times)
        return (motion.second - force(motion.value))[:, 0] / len(self.times) ** 0.5

    def started_at(self, theta: Any, angle: float, velocity: float) -> Any:
        """theta(start) - angle and theta'(start) - velocity."""
        import torch

        first = self.motion(theta, self.times[:1])
        return torch.cat([first.value[0] - angle, first.first[0] - velocity])


def minimise(residuals: Any, start: Any, n_steps: int) -> tuple[Any, float]:
    """The parameters with the least sum of squares, and that sum."""
    import torch
    from scipy.optimize import least_squares
    from torch.func import jacrev

    derivatives: Any = jacrev(residuals)
    jacobian: Any = lambda p: derivatives(torch.tensor(p)).numpy()  # noqa: E731
    found = least_squares(
        lambda p: residuals(torch.tensor(p)).numpy(),
        start.numpy(),
        jacobian,
        method="trf",
        tr_solver="exact",
        x_scale=1.0,
        ftol=1e-12,
        xtol=1e-12,
        gtol=1e-12,
        max_nfev=n_steps,
    )
    return torch.tensor(found.x), 2 * float(found.cost)


def forces() -> dict[str, Any]:
    """theta'' for both equations, with g = 1."""
    import torch

    return {"small": lambda theta: -theta, "full": lambda theta: -torch.sin(theta)}


def learn(settings: PendulumPINN) -> Records:
    """Both equations window by window, then g."""
    import torch

    torch.set_num_threads(settings.threads)
    findings, arrays = {}, {}
    total = 2 * settings.n_windows + 1
    for k, (name, force) in enumerate(forces().items()):
        theta, omega = (0.2 if name == "small" else settings.amplitude), 0.0
        truth = solution(name, theta, until=settings.n_windows * PERIOD / 2)
        curve = []
        for window in range(settings.n_windows):
            part = Window(window * PERIOD / 2, PERIOD / 2, settings.width, settings.seed + window)

            def residuals(p: Any, part: Window = part, force: Any = force, at: Any = (theta, omega)) -> Any:
                return torch.cat([part.equation(p, force), part.started_at(p, *at)])

            parameters, last = minimise(residuals, part.theta, settings.n_iterations)
            fine = torch.linspace(part.start, part.start + part.length, 100, dtype=torch.float64)[:, None]
            motion = part.motion(parameters, fine)
            curve.append(np.hstack([fine.numpy(), motion.value.numpy()]))
            theta, omega = float(motion.value[-1, 0]), float(motion.first[-1, 0])
            error = float(np.max(np.abs(curve[-1][:, 1] - truth(curve[-1][:, 0]))))
            yield Progress(1 + window + k * settings.n_windows, total, {"loss": last, "error": error})
        arrays[name] = np.concatenate(curve)
        largest = np.max(np.abs(arrays[name][:, 1] - truth(arrays[name][:, 0])))
        findings[f"largest_error_{name}"] = Finding(largest, most=1e-3, unit="radians, against scipy")
    found, error, points, loss = gravity(settings)
    findings["g_from_ten_points"] = Finding(found, 1.0, error=error, unit="g_0")
    yield Progress(total, total, {"loss": loss, "error": abs(found - 1)})
    return Outcome(findings, {**arrays, "points": points})


def solution(name: str, theta: float, omega: float = 0.0, g: float = 1.0, until: float = 100 * PERIOD) -> Any:
    """theta(t) for 0 <= t <= until by scipy."""
    from scipy.integrate import solve_ivp

    def slope(_: float, y: np.ndarray) -> list[float]:
        return [y[1], -g * (y[0] if name == "small" else np.sin(y[0]))]

    found = solve_ivp(slope, (0, until), [theta, omega], "DOP853", dense_output=True, rtol=1e-11, atol=1e-12).sol
    return lambda t: found(t)[0]


def gravity(settings: PendulumPINN) -> tuple[float, float, np.ndarray, float]:
    """g in units of g_0 from ten points of the full equation, its standard error, the points, and the loss.

    The error is that of a fit of g and both initial values to the points, sigma^2 (J^T J)^-1, with derivatives J by
    differences.
    """
    import torch

    rng = np.random.default_rng(settings.seed)
    t = np.linspace(0.0, PERIOD, 10)
    points = solution("full", settings.amplitude, until=PERIOD)(t) + settings.noise * rng.normal(size=10)
    window = Window(0.0, PERIOD, settings.width, settings.seed)
    times, targets = (torch.tensor(a)[:, None] for a in (t, points))

    def residuals(p: Any) -> Any:
        data = (window.motion(p[:-1], times).value - targets)[:, 0] / 10**0.5
        return torch.cat([window.equation(p[:-1], lambda theta: -p[-1] * torch.sin(theta)), data])

    guess = torch.tensor([0.7], dtype=torch.float64)
    parameters, last = minimise(residuals, torch.cat([window.theta, guess]), 2 * settings.n_iterations)
    step = 1e-4
    changes = [
        np.subtract(*(solution("full", *(start + sign * step * unit), until=PERIOD)(t) for sign in (1, -1)))
        for start in [np.array([settings.amplitude, 0.0, 1.0])]
        for unit in np.eye(3)
    ]
    J = np.array(changes).T / (2 * step)
    error = settings.noise * np.sqrt(np.linalg.inv(J.T @ J)[2, 2])
    return float(parameters[-1]), float(error), np.column_stack([t, points]), last


def draw(result: Any, figure: Any) -> None:
    """Both solutions with their errors."""
    figure.set_size_inches(11, 6)
    panels = figure.subplots(2, 2, sharex=True)
    for column, name in zip(panels.T, ("small", "full")):
        t, theta = result.samples[name].T
        truth = solution(name, theta[0], until=t[-1])(t)
        column[0].plot(t / PERIOD, truth, color=GREY, linewidth=4, alpha=0.5, label="scipy")
        column[0].plot(t / PERIOD, theta, color=BLUE, label="network")
        if name == "full":
            points = result.samples["points"]
            column[0].plot(points[:, 0] / PERIOD, points[:, 1], "o", ms=4, color=ORANGE, label="ten points for g")
        column[0].set(title={"small": "Small angles", "full": "Full equation"}[name], ylabel="theta / rad")
        column[0].margins(y=0.25)
        column[0].legend(frameon=False, fontsize=8, loc="upper center", ncols=3)
        column[1].semilogy(t / PERIOD, np.abs(theta - truth) + 1e-12, color=BLUE)
        column[1].axhline(1e-3, color="black", linewidth=0.8, linestyle="--")
        column[1].set(xlabel="time / small-angle period", ylabel="error / rad", ylim=(1e-9, 1e-2))


EXPERIMENT = lesson("pendulum-pinn", PendulumPINN, learn, draw)
