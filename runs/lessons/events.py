"""Signal against background: logistic regression, a network, and boosted trees."""

from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from ..experiments.experiment import Progress
from ..style import BLUE, GREEN, GREY, ORANGE
from .lesson import Finding, LessonSettings, Outcome, Records, lesson

MASS, RESOLUTION = 125.0, 0.1  # of the resonance in GeV; relative, of an energy
NORMAL_MEAN = np.array([0.6, 0.4, -0.3])
NORMAL_COVARIANCE = np.array([[1.0, 0.5, 0.2], [0.5, 1.0, 0.3], [0.2, 0.3, 1.0]])


class Events(LessonSettings):
    """Pairs of particles from a resonance are told from pairs that only met, by their momenta and angles.

    The signal decays isotropically from a mass of 125 GeV with some momentum across the beam; in the background two
    particles have independent momenta and angles. Both are seen with 10 % resolution as (p_T1, p_T2, eta_1, eta_2,
    d phi). What tells them apart is m^2 = 2 p_T1 p_T2 (cosh d eta - cos d phi), which no linear score can find. The ROC
    curve is the efficiency for signal over that for background as a threshold moves; the area under it, AUC, is the
    probability that a signal scores higher. For two normal distributions with one covariance C and a distance of means
    d, logistic regression is the best there is, with AUC = Phi(sqrt(d C^-1 d / 2)): the first check.

    Source: P. Baldi, P. Sadowski, D. Whiteson, Nature Communications 5, 4308 (2014); J. A. Hanley, B. J. McNeil,
    Radiology 143, 29 (1982).
    """

    QUICK: ClassVar = {"n_events": 2000, "n_epochs": 3}

    n_events: int = Field(40_000, ge=200, description="events, half of them signal, a quarter for the test")
    n_epochs: int = Field(40, ge=1, description="passes through the training events for the network")
    width: int = Field(48, ge=1, le=1000, description="of its two hidden layers")


def signal(rng: np.random.Generator, n: int) -> np.ndarray:
    """Isotropic decays of the resonance, as (p_T1, p_T2, eta_1, eta_2, d phi)."""
    cosine, azimuth = rng.uniform(-1, 1, n), rng.uniform(0, 2 * np.pi, n)
    sine = np.sqrt(1 - cosine**2)
    p = MASS / 2 * np.stack([sine * np.cos(azimuth), sine * np.sin(azimuth), cosine])
    across, rapidity = rng.exponential(40.0, n), rng.normal(0, 1, n)
    one, other = (boost(np.stack([np.full(n, MASS / 2), *(sign * p)]), across, rapidity) for sign in (1, -1))
    return observables(one, other, rng)


def boost(particle: np.ndarray, across: np.ndarray, rapidity: np.ndarray) -> np.ndarray:
    """(E, p_x, p_y, p_z) from the frame of the resonance to one where it has p_x = across and the rapidity."""
    E, x, y, z = particle
    energy = np.hypot(MASS, across)
    E, x = (energy * E + across * x) / MASS, (across * E + energy * x) / MASS
    return np.stack(
        [E * np.cosh(rapidity) + z * np.sinh(rapidity), x, y, z * np.cosh(rapidity) + E * np.sinh(rapidity)]
    )


def background(rng: np.random.Generator, n: int) -> np.ndarray:
    """Two particles with nothing in common."""
    pair = []
    for _ in range(2):
        pt, phi, eta = 20 + rng.exponential(35.0, n), rng.uniform(0, 2 * np.pi, n), rng.normal(0, 1.3, n)
        pair.append(pt * np.stack([np.cosh(eta), np.cos(phi), np.sin(phi), np.sinh(eta)]))
    return observables(pair[0], pair[1], rng)


def observables(a: np.ndarray, b: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """What the detector sees of two particles (E, p_x, p_y, p_z), the harder one first, shape (n, 5)."""
    pt = np.stack([np.hypot(p[1], p[2]) for p in (a, b)])
    eta = np.stack([np.arcsinh(p[3] / np.maximum(t, 1e-9)) for p, t in zip((a, b), pt)])
    pt = pt * np.maximum(1 + RESOLUTION * rng.normal(size=pt.shape), 0.1)
    turn = np.abs(np.arctan2(a[2], a[1]) - np.arctan2(b[2], b[1]))
    order = np.argsort(-pt, axis=0)
    pt, eta = np.take_along_axis(pt, order, 0), np.take_along_axis(eta, order, 0)
    return np.column_stack([*pt, *eta, np.minimum(turn, 2 * np.pi - turn)])


def mass(x: np.ndarray) -> np.ndarray:
    """sqrt(2 p_T1 p_T2 (cosh d eta - cos d phi)), in GeV."""
    return np.sqrt(2 * x[:, 0] * x[:, 1] * (np.cosh(x[:, 2] - x[:, 3]) - np.cos(x[:, 4])))


def area(score: np.ndarray, t: np.ndarray) -> tuple[float, float]:
    """The AUC from the ranks of the scores, (R - n (n + 1) / 2) / (n m), and its standard error."""
    from scipy.stats import rankdata

    n, m = float(np.sum(t == 1)), float(np.sum(t == 0))
    auc = (np.sum(rankdata(score)[t == 1]) - n * (n + 1) / 2) / (n * m)
    q1, q2 = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    variance = auc * (1 - auc) + (n - 1) * (q1 - auc**2) + (m - 1) * (q2 - auc**2)
    return float(auc), float(np.sqrt(variance / (n * m)))


def learn(settings: Events) -> Records:
    """Three classifiers of the same events, and the exact check."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score, roc_curve

    from neural import Adam, CosineDecay, FeedForward, fit

    rng = np.random.default_rng(settings.seed)
    half = settings.n_events // 2
    x, t = np.concatenate([signal(rng, half), background(rng, half)]), np.repeat([1.0, 0.0], half)
    order = rng.permutation(len(x))
    x, t, n_train = x[order], t[order], 3 * len(x) // 4
    scaled = (x - x[:n_train].mean(axis=0)) / x[:n_train].std(axis=0)
    train, test = slice(n_train), slice(n_train, None)
    net: Any = FeedForward.init((5, settings.width, settings.width, 1), ("relu", "relu", "identity"), settings.seed)
    steps = settings.n_epochs * -(-n_train // 128)
    for epoch in fit(
        net,
        scaled[train],
        t[train, None],
        optimizer=Adam(CosineDecay(3e-3, steps)),
        loss="binary_cross_entropy",
        batch_size=128,
        n_epochs=settings.n_epochs,
        seed=settings.seed,
    ):
        net = epoch.model
        yield Progress(epoch.epoch, settings.n_epochs, {"loss": epoch.loss})
    trees: Any = HistGradientBoostingClassifier(random_state=settings.seed).fit(scaled[train], t[train])
    logistic = LogisticRegression().fit(scaled[train], t[train])
    scores = {
        "logistic": logistic.decision_function(scaled[test]),
        "network": net(scaled[test])[:, 0],
        "trees": trees.decision_function(scaled[test]),
    }
    areas = {name: area(score, t[test]) for name, score in scores.items()}
    findings = {f"auc_{name}": Finding(value, error=error) for name, (value, error) in areas.items()}
    findings["auc_network_over_logistic"] = Finding(areas["network"][0] - areas["logistic"][0], least=0.05)
    findings["auc_network_below_trees"] = Finding(areas["trees"][0] - areas["network"][0], most=0.01)
    peer = float(roc_auc_score(t[test], scores["network"]))
    findings["auc_of_peer"] = Finding(areas["network"][0], peer, 1e-12)
    findings["auc_normal"] = normal_check(rng, half)
    arrays = {name: np.array(roc_curve(t[test], score)[:2]) for name, score in scores.items()}
    arrays |= {"mass_signal": mass(x[t == 1][:5000]), "mass_background": mass(x[t == 0][:5000])}
    return Outcome(findings, arrays)


def normal_check(rng: np.random.Generator, n: int) -> Finding:
    """Logistic regression on two normal distributions, beside Phi(sqrt(d C^-1 d / 2))."""
    from scipy.stats import norm
    from sklearn.linear_model import LogisticRegression

    def draw(n: int) -> tuple[np.ndarray, np.ndarray]:
        noise = rng.multivariate_normal(np.zeros(3), NORMAL_COVARIANCE, 2 * n)
        t = np.repeat([1.0, 0.0], n)
        return noise + t[:, None] * NORMAL_MEAN, t

    model = LogisticRegression().fit(*draw(n))
    x, t = draw(n)
    auc, error = area(model.decision_function(x), t)
    exact = norm.cdf(np.sqrt(NORMAL_MEAN @ np.linalg.solve(NORMAL_COVARIANCE, NORMAL_MEAN) / 2))
    return Finding(auc, float(exact), error=error)


def draw(result: Any, figure: Any) -> None:
    """The mass of both kinds of events, and the ROC curves."""
    figure.set_size_inches(10, 4)
    left, right = figure.subplots(1, 2)
    bins = np.linspace(0, 400, 60)
    for name, colour in (("signal", BLUE), ("background", GREY)):
        left.hist(result.samples[f"mass_{name}"], bins, color=colour, alpha=0.6, label=name)
    left.set(xlabel="mass of the pair / GeV", ylabel="events", title="Never shown to the classifiers")
    left.legend(frameon=False)
    for name, colour in (("logistic", ORANGE), ("network", BLUE), ("trees", GREEN)):
        auc = result.measurement[f"auc_{name}"].estimate.mean
        right.plot(*result.samples[name], color=colour, label=f"{name}, AUC {auc:.3f}")
    right.plot([0, 1], [0, 1], color=GREY, linewidth=0.8, linestyle="--")
    right.set(xlabel="efficiency for background", ylabel="efficiency for signal", title="ROC")
    right.legend(frameon=False)


EXPERIMENT = lesson("events", Events, learn, draw)
