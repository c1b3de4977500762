"""The fully visible Boltzmann machine of spins, and the inverse Ising problem.

    p(s) = e^(-E(s)) / Z,      E = -h.s - sum_{i<j} J_ij s_i s_j,      s in {-1, +1}

    fit "exact"                to 20 spins: Newton's method on the likelihood, with all averages by enumeration
    fit "pseudo-likelihood"    any size: each spin given all others, a logistic regression, J symmetrised by its mean
    fit "pcd"                  any size: gradient of the likelihood, with averages of the model over persistent chains

Sources: H. C. Nguyen, R. Zecchina, J. Berg, Adv. Phys. 66, 197 (2017), eqs. (23), (98)-(102); pseudo-likelihood:
P. Ravikumar, M. Wainwright, J. Lafferty, Ann. Stat. 38, 1287 (2010); persistent chains: T. Tieleman, ICML 2008.
"""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from generative.boltzmann.objects import Comparable
from generative.boltzmann.options import check_counts
from generative.datasets.dataset import check_configurations
from montecarlo.estimates import Estimate
from neural.boltzmann import softplus_of_rows
from neural.divergence import DivergedError, Signal, Watch
from neural.memory import check_memory
from neural.optimizers import Adam, CosineDecay, Optimizer
from neural.saved import Saved

Array = np.ndarray

MOST_SPINS = 20  # of an enumeration
PSEUDO_LIKELIHOOD_ROWS = 1000
TOLERANCE = 1e-9  # of the largest gradient


class Iteration(NamedTuple):
    """One step: the objective in nats per configuration, and the largest component of its gradient.

    The objective is the one that is maximised; for persistent chains, whose likelihood is not known, the
    pseudo-likelihood of at most 1000 rows.
    """

    step: int
    objective: float
    largest_gradient: float


class BoltzmannMachine(Comparable):
    """Spins -1 and +1 with fields ``h`` (n,) and symmetric couplings ``J`` (n, n), zero on the diagonal."""

    values = "spins"

    def __init__(self, n_visible: int) -> None:
        if n_visible < 1:
            raise ValueError(f"expected at least one spin, got {n_visible}")
        self.h, self.J = np.zeros(n_visible), np.zeros((n_visible, n_visible))

    @property
    def n_visible(self) -> int:
        """Number of spins."""
        return len(self.h)

    def __repr__(self) -> str:
        n = self.n_visible
        return f"BoltzmannMachine(n_visible={n}, {n * (n + 1) // 2} parameters)"

    def state(self) -> dict[str, Any]:
        """Everything that defines the model, as a tree of arrays."""
        return {"h": self.h.copy(), "J": self.J.copy()}

    def restore(self, state: Any) -> None:
        """Take over what ``state`` returned. Raises ``ValueError`` for a state that is not one of such a model."""
        saved, n = Saved(state), self.n_visible
        saved.names(["h", "J"])
        h, J = saved.array("h", (n,), np.float64), saved.array("J", (n, n), np.float64)
        if not np.array_equal(J, J.T) or J.diagonal().any():
            saved.refuse("symmetric couplings with zeros on the diagonal", "others", "J")
        self.h, self.J = h, J

    def energy(self, s: Any) -> Array:
        """E(s), shape (n,)."""
        s = np.asarray(s, dtype=np.float64)
        return -s @ self.h - 0.5 * np.einsum("ni,ni->n", s @ self.J, s)

    def log_partition(self) -> float:
        """log Z by enumeration. Raises ``ValueError`` for more than 20 spins."""
        return float(np.logaddexp.reduce(-self.energy(self._configurations())))

    @property
    def likelihood(self) -> str | None:
        """Of which kind ``log_prob`` is; None where there are too many spins for it."""
        return "exact" if self.n_visible <= MOST_SPINS else None

    def log_prob(self, x: Any) -> Array:
        """log p(s) in nats, shape (n,), for up to 20 spins."""
        return -self.energy(check_configurations(x, self.n_visible, "spins")) - self.log_partition()

    def log_likelihood(self, x: Any) -> Estimate:
        """The mean of log p over the rows, in nats per configuration."""
        values = self.log_prob(x)
        error = float(values.std(ddof=1)) / math.sqrt(len(values)) if len(values) > 1 else math.nan
        return Estimate(float(values.mean()), error, n=len(values))

    def pseudo_log_likelihood(self, x: Any) -> Array:
        """sum_i log p(s_i | all others), shape (n,)."""
        s = check_configurations(x, self.n_visible, "spins").astype(np.float64)
        return -softplus_of_rows(-2.0 * s * (self.h + s @ self.J))

    def sample(self, n: int, seed: Any, *, n_sweeps: int = 200) -> Array:
        """``n`` configurations (n, n_visible), each from ``n_sweeps`` sweeps of heat bath of a chain of its own."""
        rng = np.random.default_rng(seed)
        s = rng.choice([-1.0, 1.0], size=(n, self.n_visible))
        self._sweep(s, n_sweeps, rng)
        return s

    def _sweep(self, s: Array, n_sweeps: int, rng: np.random.Generator) -> None:
        """Sweeps of heat bath, in place: p(s_i = 1 | others) = (1 + tanh(h_i + sum_j J_ij s_j)) / 2."""
        for _ in range(n_sweeps):
            for i in range(self.n_visible):
                field = self.h[i] + s @ self.J[i]
                s[:, i] = np.where(2.0 * rng.random(len(s)) - 1.0 < np.tanh(field), 1.0, -1.0)

    def fit(
        self,
        train: Any,
        method: str = "auto",
        *,
        n_steps: int = 50,
        l2: float = 0.0,
        n_chains: int = 1000,
        k: int = 1,
        optimizer: Optimizer | None = None,
        seed: Any = 0,
    ) -> Iterator[Iteration]:
        """Maximise the likelihood ("exact", to 20 spins, or "pcd") or the pseudo-likelihood; yields each step.

        "exact" and "pseudo-likelihood" take Newton's method; "auto" takes the exact likelihood where it can. ``l2`` is
        half the penalty of the squared couplings per configuration, which data with fewer configurations than
        parameters needs.

        Raises ``DivergedError``, with the fields and couplings of the last step that was in order, where it runs away.

        "pcd" moves ``n_chains`` chains by ``k`` sweeps of heat bath for each of ``n_steps`` updates of the
        ``optimizer``, Adam with a rate that falls from 0.02 along a cosine unless given.
        """
        if method not in ("auto", "exact", "pseudo-likelihood", "pcd"):
            raise ValueError(f'expected method "exact", "pseudo-likelihood", "pcd" or "auto", got {method!r}')
        check_counts(n_steps=n_steps, n_chains=n_chains, k=k)
        check_memory(n_chains * self.n_visible * 24, f"{n_chains} chains", "a smaller n_chains")
        s = check_configurations(train, self.n_visible, "spins", "training data").astype(np.float64)
        if method == "pcd":
            chains = np.random.default_rng(seed)
            return self._fit_with_chains(
                s, n_chains, k, n_steps, l2, optimizer or Adam(CosineDecay(0.02, n_steps)), chains
            )
        exact = method == "exact" or (method == "auto" and self.n_visible <= MOST_SPINS // 2)
        return self._fit_exactly(s, n_steps, l2) if exact else self._fit_conditionals(s, n_steps, l2)

    def _fit_with_chains(
        self, s: Array, n_chains: int, k: int, n_steps: int, l2: float, optimizer: Optimizer, rng: np.random.Generator
    ) -> Iterator[Iteration]:
        """The gradient is <s>, <s s> of the data less that over the chains."""
        n, pairs = self.n_visible, np.triu_indices(self.n_visible, 1)
        data, rows = _means(s, pairs), s[:PSEUDO_LIKELIHOOD_ROWS]
        chains, penalty = rng.choice([-1.0, 1.0], size=(n_chains, n)), np.repeat([0.0, l2], [n, len(pairs[0])])
        parameters = np.concatenate([self.h, self.J[pairs]])
        state, good = optimizer.init(parameters.size), (self.h, self.J)
        watch = Watch("negative pseudo-likelihood", unit=1.0, advice="a lower learning rate or a larger k may help")
        for step in range(1, n_steps + 1):
            self._sweep(chains, k, rng)
            gradient = data - _means(chains, pairs) - penalty * parameters
            parameters, state = optimizer.update(parameters, -gradient, state)
            self.h = parameters[:n].copy()
            self._set_pairs(pairs, parameters[n:])
            objective = float(self.pseudo_log_likelihood(rows).mean())
            try:
                guessing = Signal(-objective, high=2 * n * math.log(2), cause="guessing is better")
                watch.see(step, -objective, negative_pseudo_likelihood=guessing)
            except DivergedError:
                self.h, self.J = good
                raise
            good = (self.h, self.J) if watch.calm else good
            yield Iteration(step, objective, float(np.abs(gradient).max()))

    def _configurations(self) -> Array:
        n = self.n_visible
        if n > MOST_SPINS:
            raise ValueError(
                f'expected at most {MOST_SPINS} spins for an exact sum, found {n}: use "pseudo-likelihood"'
            )
        return 2.0 * ((np.arange(2**n)[:, None] >> np.arange(n)) & 1) - 1.0

    def _fit_exactly(self, s: Array, n_steps: int, l2: float) -> Iterator[Iteration]:
        """The gradient is <s>, <s s> of the data less that of the model, the Hessian their covariance in the model."""
        states, pairs = self._configurations(), np.triu_indices(self.n_visible, 1)
        features, data = _features(states, pairs), _features(s, pairs).mean(axis=0)
        parameters = np.concatenate([self.h, self.J[pairs]])
        penalty = np.repeat([0.0, l2], [self.n_visible, len(pairs[0])])
        for step in range(1, n_steps + 1):
            log_w = features @ parameters
            log_z = float(np.logaddexp.reduce(log_w))
            p = np.exp(log_w - log_z)
            mean = p @ features
            gradient = data - mean - penalty * parameters
            objective = float(data @ parameters) - log_z - 0.5 * float(penalty @ parameters**2)
            yield Iteration(step, objective, float(np.abs(gradient).max()))
            if np.abs(gradient).max() < TOLERANCE:
                return
            hessian = (features * p[:, None]).T @ features - np.outer(mean, mean) + np.diag(penalty)
            parameters = parameters + _damped(np.linalg.lstsq(hessian, gradient, rcond=1e-12)[0])
            self.h = parameters[: self.n_visible].copy()
            self._set_pairs(pairs, parameters[self.n_visible :])

    def _set_pairs(self, pairs: tuple[Array, Array], couplings: Array) -> None:
        self.J = np.zeros((self.n_visible, self.n_visible))
        self.J[pairs] = couplings
        self.J = self.J + self.J.T

    def _fit_conditionals(self, s: Array, n_steps: int, l2: float) -> Iterator[Iteration]:
        """log p(s_i | others) = -log(1 + e^(-2 s_i f_i)) with the field f_i = h_i + sum_j J_ij s_j, for each spin."""
        n_rows, n = s.shape
        design = np.concatenate([np.ones((n_rows, 1)), s], axis=1)
        B = np.concatenate([self.h[:, None], self.J], axis=1)  # row i: h_i and J_i.
        for step in range(1, n_steps + 1):
            fields = design @ B.T
            means = np.tanh(fields)
            largest = 0.0
            for i in range(n):
                free = np.delete(np.arange(n + 1), i + 1)
                x, penalty = design[:, free], np.r_[0.0, np.full(n - 1, l2)]
                gradient = x.T @ (s[:, i] - means[:, i]) / n_rows - penalty * B[i, free]
                hessian = (x * (1 - means[:, i : i + 1] ** 2)).T @ x / n_rows + np.diag(penalty)
                B[i, free] += _damped(np.linalg.lstsq(hessian, gradient, rcond=1e-12)[0])
                largest = max(largest, float(np.abs(gradient).max()))
            objective = -float(softplus_of_rows(-2.0 * s * fields).mean())
            self.h, self.J = B[:, 0].copy(), 0.5 * (B[:, 1:] + B[:, 1:].T)
            yield Iteration(step, objective, largest)
            if largest < TOLERANCE:
                return


def _features(s: Array, pairs: tuple[Array, Array]) -> Array:
    """s_i, and s_i s_j for all pairs."""
    return np.concatenate([s, s[:, pairs[0]] * s[:, pairs[1]]], axis=1)


def _means(s: Array, pairs: tuple[Array, Array]) -> Array:
    """The averages of ``_features`` over the rows."""
    return np.concatenate([s.mean(axis=0), (s.T @ s / len(s))[pairs]])


def _damped(step: Array, largest: float = 1.0) -> Array:
    """A Newton step, shortened where a parameter would change by more than ``largest``."""
    return step * min(1.0, largest / max(float(np.abs(step).max()), 1e-300))
