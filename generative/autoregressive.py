"""Autoregressive models of spins and bits: exact log-probabilities, and samples one site after the other.

    log q(s) = sum_i log q(s_i | s_0 .. s_(i-1)),      q(s_i = +1 | ...) = sigmoid(f_i(s_0 .. s_(i-1)))

The network f is dense with masks (``MADE``), convolutional (``CausalCNN``) or a transformer (``SiteTransformer``).

With ``flip`` the model is exactly symmetric under s -> -s: it describes t = s_0 s, whose first spin is +1, and s_0 is
+1 or -1 with equal probability, q(s) = q(t) / 2. With ``translation`` it is the mixture of all shifts of itself on the
periodic lattice, q(s) = (1/N) sum_g q(g s).

Trained from data, by the likelihood, or from the energy alone: the variational free energy

    F_q = <E + T log q>_q >= F

by samples of the model, with the gradient <(R - b) d log q>, R = E / T + log q, and for b the mean R of the other
samples (D. Wu, L. Wang, P. Zhang, Phys. Rev. Lett. 122, 080602 (2019), eqs. (2)-(5); W. Kool, H. van Hoof, M. Welling,
ICLR workshop 2019, eq. (8)). R is constant at the solution, so that the noise vanishes there.
"""

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from generative.conditions import Condition, Interval, encode
from generative.datasets.ising import IsingTarget
from generative.importance import Variational, variational
from generative.model import TorchModel, check_options, size
from generative.networks import CausalConv, CausalTransformer, MaskedDense
from generative.noise import Noise
from generative.objectives import Batch, Objective
from generative.symmetries import translations
from generative.training import Training
from neural.optimizers import Schedule

ROWS_OF_IMAGES = 4096  # configurations in memory when all shifts are summed


class Autoregressive(TorchModel):
    """An autoregressive model whose ``network`` is causal: output i is a function of the sites before i.

    network : with ``forward(x, condition)`` and ``conditionals(n, condition)`` as in ``generative.networks.masked``
    shape : of the lattice; sites are visited in row-major order
    values : "spins" or "bits"
    flip, translation : symmetries of the model; the likelihood of a mixture of N shifts costs N times as much
    """

    likelihood = "exact"

    def __init__(
        self,
        network: Any,
        shape: tuple[int, ...],
        values: str = "spins",
        condition: Condition | None = None,
        flip: bool = False,
        translation: bool = False,
        seed: int = 0,
    ) -> None:
        if values not in ("spins", "bits"):
            raise ValueError(f'expected values "spins" or "bits", got {values!r}')
        super().__init__(network, shape, values, condition, seed)
        self.flip = flip
        self.images = translations(self.shape) if translation else None

    def objectives(self, learning_rate: float | Schedule) -> list[Objective]:
        """The negative log-likelihood in nats; with translation its bound, the mean over the shifts of a row."""
        return [Objective("nll", self._nll, list(self.network.parameters()), learning_rate)]

    def _nll(self, batch: Batch) -> Tensor:
        s = self._spins(batch.x)
        if self.images is not None:
            chosen = torch.randint(len(self.images), (len(s),), generator=batch.generator, device=s.device)
            s = s.gather(1, self.images.to(s.device)[chosen])
        return -self._log_base(s, batch.condition).mean()

    def _spins(self, x: Tensor) -> Tensor:
        return x if self.values == "spins" else 2 * x - 1

    def _log_base(self, s: Tensor, condition: Tensor | None) -> Tensor:
        """log q of spins (b, N), before the mixture of shifts."""
        if not self.flip:
            return F.logsigmoid(s * self.network(s, condition)).sum(dim=1)
        t = s * s[:, :1]
        return F.logsigmoid(t * self.network(t, condition))[:, 1:].sum(dim=1) - math.log(2)

    def _draw_base(self, u: Tensor, condition: Tensor | None) -> Tensor:
        """Spins (n, N) from uniform numbers u (n, N), before the mixture of shifts."""
        s = torch.zeros_like(u)
        output = self.network.conditionals(len(u), condition)
        first = 1 if self.flip else 0
        s[:, :first] = 1
        for i in range(u.shape[1]):
            logit = output(s, i)  # in turn for every site, as the network keeps what it has computed
            if i >= first:
                s[:, i] = torch.where(u[:, i] < torch.sigmoid(logit), 1.0, -1.0)
        return s * torch.where(u[:, :1] < 0.5, 1.0, -1.0).to(s) if self.flip else s

    def _sample(self, noise: Noise, condition: Tensor | None) -> Tensor:
        s = self._draw_base(noise.uniform(self.n_features), condition)
        if self.images is not None:
            chosen = (noise.uniform(1)[:, 0] * len(self.images)).long()
            s = s.gather(1, self.images.to(s.device)[chosen])
        return s if self.values == "spins" else (s + 1) / 2

    def _log_prob(self, x: Tensor, condition: Tensor | None, noise: Noise) -> Tensor:
        s = self._spins(x)
        if self.images is None:
            return self._log_base(s, condition)
        parts = []
        for image in self.images.to(s.device).split(max(1, ROWS_OF_IMAGES // len(s))):
            shifted = s[:, image].flatten(0, 1)
            repeated = None if condition is None else condition.repeat_interleave(len(image), 0)
            parts.append(self._log_base(shifted, repeated).view(len(s), -1))
        return torch.logsumexp(torch.cat(parts, dim=1), dim=1) - math.log(len(self.images))

    def fit_energy(
        self,
        target: IsingTarget | list[IsingTarget],
        *,
        n_steps: int = 1000,
        batch_size: int = 256,
        learning_rate: float | Schedule = 1e-3,
        annealing: float = 0.5,
        clip: float | None = 1.0,
        **options: Any,
    ) -> Training:
        """Train on the energy alone; the records have the variational free energy, the energy
        and the entropy of the model, all per site.

        target : for a model with the condition ``Interval``, targets on one lattice at several temperatures that
            share each batch equally
        annealing : fraction of the steps in which 1 / T grows from 0 to its value. The logits of ``MADE`` are given
            2 J / T times the sum of the neighbours before, exact where the bonds are a tree, and learn the rest. A
            short annealing may lose configurations for good, which importance weights cannot tell.
        options : as for ``fit``

        Raises ``ValueError`` where targets and condition do not fit.
        """
        targets = target if isinstance(target, list) else [target]
        objective = Reinforce(self, targets, batch_size, annealing)
        options = {"seed": self.seed, "batch_size": batch_size, "clip": clip, "n_steps": n_steps, **options}
        parameters = list(self.network.parameters())
        losses = [Objective("surrogate", objective.loss, parameters, learning_rate, settled=math.inf)]
        check_options(options)
        return Training(self.network, losses, None, begin=self._began, **options)

    def thermodynamics(self, target: IsingTarget, n_samples: int, seed: int = 0) -> Variational:
        """Bound and importance-weighted values of the free energy and the energy, and the entropy of the model."""
        condition = None if self.condition is None else target.temperature
        x = self.sample(n_samples, seed, condition=condition)
        s = x if self.values == "spins" else 2 * x - 1
        log_q = self.log_prob(x, condition=condition)
        return variational(target.energy(s), log_q, target.temperature, target.lattice.n_sites, seed)


def _couplings(targets: list[IsingTarget]) -> Tensor:
    """2 J / T for every bond, shape (N, N), with the mean 1 / T of the targets."""
    n, beta = targets[0].lattice.n_sites, sum(1 / target.temperature for target in targets) / len(targets)
    i, j = torch.from_numpy(targets[0].lattice.edges).T
    bond = torch.tensor(2 * beta * targets[0].coupling, dtype=torch.float32)
    matrix = torch.zeros(n, n, dtype=torch.float32).index_put_((i, j), bond, accumulate=True)
    return matrix + matrix.T


class Reinforce:
    """The surrogate <(R - b) log q> whose gradient is that of F_q / T; R and b count as constants."""

    def __init__(self, model: Autoregressive, targets: list[IsingTarget], batch_size: int, annealing: float) -> None:
        temperatures = [target.temperature for target in targets]
        if any(target.lattice.n_sites != model.n_features for target in targets):
            raise ValueError(f"expected targets of {model.n_features} sites, the sites of the model")
        if (len(targets) > 1) != (model.condition is not None) or not isinstance(model.condition, Interval | None):
            raise ValueError("expected one target, or several and a model with the condition Interval")
        self.model, self.targets, self.annealing = model, targets, annealing
        self.rows_of_each(batch_size)
        self.condition = encode(model.condition, temperatures if model.condition else None, len(targets))
        self.beta = 1 / torch.tensor(temperatures, dtype=torch.float64)[:, None]
        self.edges = torch.from_numpy(targets[0].lattice.edges).T
        self.couplings = _couplings(targets)

    def rows_of_each(self, n: int) -> int:
        """Of ``n`` rows, for every target. Raises ``ValueError`` unless they are as many, and two at least."""
        rows, rest = divmod(n, len(self.targets))
        if rows < 2 or rest:
            raise ValueError(f"expected a batch_size of {len(self.targets)} equal parts >= 2, got {n}")
        return rows

    def energy(self, s: Tensor) -> Tensor:
        """E of spins, shape (n_targets, rows)."""
        i, j = self.edges.to(s.device)
        return -self.targets[0].coupling * (s[:, i] * s[:, j]).sum(dim=1).view(len(self.targets), -1)

    def loss(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """For samples drawn with the batch's generator."""
        model, like = self.model, batch.x
        rows, condition = self.rows_of_each(len(like)), None
        if self.condition is not None:
            condition = self.condition.to(like.device, like.dtype).repeat_interleave(rows, 0)
        growing = min(1.0, batch.progress / self.annealing) if self.annealing else 1.0
        if hasattr(model.network, "couple"):
            model.network.couple(growing * self.couplings)
        with torch.no_grad():
            shape: Any = (len(like), model.n_features)
            u = torch.rand(shape, generator=batch.generator, device=like.device, dtype=like.dtype)
            s = model._draw_base(u, condition)
        log_q = model._log_base(s, condition).view(len(self.targets), -1)
        energy, beta = self.energy(s), self.beta.to(like.device, like.dtype)
        with torch.no_grad():
            reward = growing * beta * energy + log_q
            advantage = (reward - reward.mean(dim=1, keepdim=True)) * (rows / (rows - 1))
            n = model.n_features
            free = (energy + log_q / beta).mean() / n
            spread = reward.std(dim=1).mean()
        numbers = {"free_energy": free, "internal_energy": energy.mean() / n, "entropy": -log_q.detach().mean() / n}
        return (advantage * log_q).mean(), {**numbers, "spread": spread}


class MADE(Autoregressive):
    """Dense layers with masks, ``units`` hidden units per site in each of ``n_layers``; other arguments as above."""

    def __init__(
        self,
        shape: tuple[int, ...],
        units: int = 8,
        n_layers: int = 2,
        *,
        values: str = "spins",
        condition: Condition | None = None,
        flip: bool = False,
        translation: bool = False,
        seed: int = 0,
    ) -> None:
        n_condition = 0 if condition is None else condition.n_features
        network = MaskedDense(size(shape), units, n_layers, n_condition, seed)
        super().__init__(network, shape, values, condition, flip, translation, seed)


class CausalCNN(Autoregressive):
    """Convolutions over the rows above and the sites to the left; ``padding`` "circular" for periodic lattices."""

    def __init__(
        self,
        shape: tuple[int, int],
        channels: int = 16,
        n_layers: int = 3,
        kernel: int = 3,
        padding: str = "circular",
        *,
        values: str = "spins",
        condition: Condition | None = None,
        flip: bool = False,
        translation: bool = False,
        seed: int = 0,
    ) -> None:
        n_condition = 0 if condition is None else condition.n_features
        network = CausalConv(shape, channels, n_layers, kernel, padding, n_condition, seed)
        super().__init__(network, shape, values, condition, flip, translation, seed)


class SiteTransformer(Autoregressive):
    """Attention over the sites before; ``width`` numbers for each site."""

    def __init__(
        self,
        shape: tuple[int, ...],
        width: int = 32,
        n_heads: int = 4,
        n_layers: int = 2,
        *,
        values: str = "spins",
        condition: Condition | None = None,
        flip: bool = False,
        translation: bool = False,
        seed: int = 0,
    ) -> None:
        n_condition = 0 if condition is None else condition.n_features
        network = CausalTransformer(size(shape), width, n_heads, n_layers, n_condition, seed)
        super().__init__(network, shape, values, condition, flip, translation, seed)
