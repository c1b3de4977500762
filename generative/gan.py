"""Generative adversarial networks: a generator x = G(z), z ~ N(0, 1), against a critic D(x).

    loss              of the critic                                                  of the generator
    non-saturating    softplus(-D(x)) + softplus(D(G(z)))                            softplus(-D(G(z)))
    hinge             max(0, 1 - D(x)) + max(0, 1 + D(G(z)))                         -D(G(z))
    wasserstein       D(G(z)) - D(x) + w (|grad D(y)| - 1)^2, y between x and G(z)   -D(G(z))

Sources: I. Goodfellow et al., arXiv:1406.2661, section 3; J. Lim, J. Ye, arXiv:1705.02894, eqs. (6) and (7); I.
Gulrajani et al., arXiv:1704.00028, eq. (3); spectral normalisation: T. Miyato et al., arXiv:1802.05957, algorithm 1.
"""

import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrize

from generative.conditions import Condition
from generative.model import TorchModel, size
from generative.networks.coders import ConvDecoder, ConvEncoder
from generative.networks.dense import Coupled, Dense, Paired
from generative.networks.scale import Scale
from generative.noise import Noise, generator, hashed
from generative.objectives import Batch, Objective
from generative.symmetries import check_flip, flipped, turned
from generative.two_sample import N_NEIGHBOURS, neighbours
from generative.vae import CollapseWarning
from neural.optimizers import Schedule

WATCH_EVERY = 100  # steps
COLLAPSED = 0.1  # coverage below which the generator has collapsed
SMALLEST = 1e-12  # under the square root of the norm of a gradient


class Loss(NamedTuple):
    """Of the critic, from its values for data and for samples; of the generator, from those for samples."""

    critic: Callable[[Tensor, Tensor], Tensor]
    generator: Callable[[Tensor], Tensor]


def _non_saturating(real: Tensor, fake: Tensor) -> Tensor:
    return F.softplus(-real) + F.softplus(fake)


def _hinge(real: Tensor, fake: Tensor) -> Tensor:
    return F.relu(1 - real) + F.relu(1 + fake)


def _wasserstein(real: Tensor, fake: Tensor) -> Tensor:
    return fake - real


def _convincing(fake: Tensor) -> Tensor:
    return F.softplus(-fake)


LOSSES = {
    "non-saturating": Loss(_non_saturating, _convincing),
    "hinge": Loss(_hinge, torch.neg),
    "wasserstein": Loss(_wasserstein, torch.neg),
}


class SpectralNorm(nn.Module):
    """A weight, over its largest singular value, which one power iteration follows in every training step."""

    def __init__(self, weight: Tensor, seed: int) -> None:
        super().__init__()
        v = torch.randn(weight[0].numel(), generator=generator(seed)).to(weight)
        self.register_buffer("v", F.normalize(v, dim=0))
        with torch.no_grad():
            for _ in range(20):
                self._iterate(weight.flatten(1))

    def _iterate(self, matrix: Tensor) -> Tensor:
        v = self.get_buffer("v")
        u = F.normalize(matrix @ v, dim=0)
        v.copy_(F.normalize(matrix.T @ u, dim=0))
        return u

    def forward(self, weight: Tensor) -> Tensor:
        matrix = weight.flatten(1)
        with torch.no_grad():
            u = self._iterate(matrix) if self.training else F.normalize(matrix @ self.get_buffer("v"), dim=0)
            v = self.get_buffer("v").clone()
        return weight / torch.dot(u, matrix @ v)


def spectral_norm(module: nn.Module, seed: int) -> nn.Module:
    """Every linear and convolutional layer of ``module`` with a spectral norm of 1."""
    for k, layer in enumerate(list(module.modules())):
        if isinstance(layer, nn.Linear | nn.Conv2d):
            parametrize.register_parametrization(layer, "weight", SpectralNorm(layer.weight, hashed(seed, k)))
    return module


def plain(module: nn.Module) -> nn.Module:
    """``module``, whose layers had a spectral norm, with layers of the plain class and the same parameters."""
    for parent in list(module.modules()):
        for name, layer in parent._modules.items():
            if layer is not None and parametrize.is_parametrized(layer, "weight"):
                parent._modules[name] = _bare(layer)
    return module


def _bare(layer: Any) -> nn.Module:
    bare = object.__new__(type(layer).__bases__[0])
    bare.__dict__.update(layer.__dict__)
    bare._modules = {}
    bare._parameters = {**layer._parameters, "weight": layer.parametrizations["weight"].original}
    return bare


def gradient_penalty(critic: Callable[[Tensor], Tensor], x: Tensor, y: Tensor, u: Tensor) -> Tensor:
    """E (|grad D| - 1)^2 at u x + (1 - u) y for rows x, y and u (n, 1) in [0, 1].

    The norm is that of the whole row, and its derivative is finite where the gradient vanishes.
    """
    with torch.enable_grad():
        between = (u * x + (1 - u) * y).detach().requires_grad_()
        (slope,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
        value = ((torch.sqrt(slope.square().flatten(1).sum(1) + SMALLEST) - 1) ** 2).mean()
    return value if torch.is_grad_enabled() else value.detach()


class GAN(TorchModel):
    """Generator and critic, dense with ``hidden`` units or convolutional with ``channels``.

    shape : of one configuration
    values : "real", "unit", or "spins" and "bits", which are drawn with the generator's probabilities and pass the
        gradient of these on (the straight-through estimator, Y. Bengio et al., arXiv:1308.3432)
    n_latent : numbers in z
    flip : for spins and bits, each sample is turned with probability 1/2, so that G learns one half of the data: a
        smooth function of a normal z has no way to two separate halves
    couplings : in G of each feature with z, and in D of the features with each other, both linear in the condition;
        for dense networks. They bring the energies of spins at several temperatures from 20 % to 3 %.
    loss : "non-saturating", "hinge" or "wasserstein"
    penalty : weight of the gradient penalty; 10 for "wasserstein" and otherwise 0, unless given
    spectral : whether the critic's layers have a spectral norm of 1
    n_critic : updates of the critic for one of the generator; 5 for "wasserstein" and otherwise 1, unless given

    Training records the coverage of each 100th batch by as many samples, and their recall: parts of the data that have
    a sample near. A ``CollapseWarning`` tells when the coverage is below 0.1 after a fifth of the training. Samples
    come from the averaged generator where ``fit`` has ``ema``. There is no likelihood.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        values: str = "real",
        *,
        n_latent: int = 16,
        hidden: Sequence[int] = (128, 128),
        channels: Sequence[int] | None = None,
        padding: str = "circular",
        flip: bool = False,
        couplings: bool = False,
        loss: str = "wasserstein",
        penalty: float | None = None,
        spectral: bool = False,
        n_critic: int | None = None,
        condition: Condition | None = None,
        seed: int = 0,
    ) -> None:
        if loss not in LOSSES:
            raise ValueError(f"expected a loss of the names {', '.join(LOSSES)}, got {loss!r}")
        if values not in ("real", "unit", "spins", "bits"):
            raise ValueError(f'expected values "bits", "spins", "unit" or "real", got {values!r}')
        check_flip(flip, values)
        if n_latent < 1 or (n_critic is not None and n_critic < 1) or (penalty is not None and not penalty >= 0):
            found = f"{n_latent}, {n_critic} and {penalty}"
            raise ValueError(f"expected n_latent >= 1, n_critic >= 1 and penalty >= 0, got {found}")
        if couplings and (spectral or channels is not None):
            raise ValueError("expected spectral=False and no channels for couplings=True, which have no spectral norm")
        n, n_condition = size(shape), 0 if condition is None else condition.n_features
        seeds: Any = [dict(n_condition=n_condition, seed=hashed(seed, k)) for k in range(2)]
        if channels is None:
            of_noise, of_data = (Coupled, Paired) if couplings else (Dense, Dense)
            self.generator: nn.Module = of_noise(n_latent, hidden, n, activation="leaky_relu", **seeds[0])
            critic: nn.Module = of_data(n, hidden, 1, activation="leaky_relu", **seeds[1])
        else:
            self.generator = ConvDecoder(n_latent, channels, shape, padding=padding, **seeds[0])
            critic = ConvEncoder(shape, channels, 1, padding=padding, **seeds[1])
        self.critic = spectral_norm(critic, hashed(seed, 2)) if spectral else critic
        network = nn.ModuleDict({"generator": self.generator, "critic": self.critic})
        self.scale = Scale(n) if values == "real" else None
        if self.scale is not None:
            network["scale"] = self.scale
        super().__init__(network, shape, values, condition, seed)
        wasserstein = loss == "wasserstein"
        self.loss, self.n_latent, self.flip = LOSSES[loss], n_latent, flip
        self.penalty = (10.0 if wasserstein else 0.0) if penalty is None else penalty
        self.n_critic = (5 if wasserstein else 1) if n_critic is None else n_critic
        self.spectral, self._warned = spectral, False

    def __getstate__(self) -> dict[str, Any]:
        """Layers with a spectral norm are made anew from plain ones, as torch cannot pickle them."""
        state = super().__getstate__()
        if self.spectral:
            state["parameters"] = state["network"].state_dict()
            state["network"]["critic"] = state["critic"] = plain(state["critic"])
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        parameters = state.pop("parameters", None)
        self.__dict__.update(state)
        if parameters is not None:
            spectral_norm(self.critic, 0)
            self.network.load_state_dict(parameters)

    def objectives(self, learning_rate: float | Schedule) -> list[Objective]:
        betas = (0.5, 0.9)
        critic, made = list(self.critic.parameters()), list(self.generator.parameters())

        def slower(update: int) -> float:
            """A schedule counts the updates of its objective; so both rates are those of one step."""
            return learning_rate(update * self.n_critic) if callable(learning_rate) else learning_rate

        return [
            Objective("critic", self.critic_loss, critic, learning_rate, betas=betas, settled=math.inf),
            Objective("generator", self.generator_loss, made, slower, self.n_critic, betas, settled=math.inf),
        ]

    def _learn(self, rows: Tensor) -> None:
        if self.scale is not None:
            self.scale.learn(rows)

    def _standard(self, x: Tensor) -> Tensor:
        """Rows as the critic sees them."""
        return x if self.scale is None else self.scale.standard(x)

    def critic_loss(self, batch: Batch) -> Tensor:
        """The critic's loss, with the penalty."""
        with torch.no_grad():
            fake = self.made(batch)
        x = self._standard(batch.x)
        real, values = self._critic(x, batch.condition), self._critic(fake, batch.condition)
        loss = self.loss.critic(real, values).mean()
        if self.penalty:
            u = torch.rand(len(fake), 1, generator=batch.generator, device=fake.device, dtype=fake.dtype)
            loss = loss + self.penalty * gradient_penalty(lambda y: self._critic(y, batch.condition), x, fake, u)
        return loss

    def generator_loss(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """The generator's loss, and sometimes coverage and recall."""
        fake = self.made(batch)
        loss = self.loss.generator(self._critic(fake, batch.condition)).mean()
        return loss, self._watch(batch, fake.detach())

    def made(self, batch: Batch) -> Tensor:
        """As many samples as the batch has rows, as the critic sees them; the gradient goes through them."""
        n, noise = len(batch.x), batch.generator
        z = torch.randn(n, self.n_latent, generator=noise, device=batch.x.device, dtype=batch.x.dtype)
        h = self.generator(z, condition=batch.condition)
        if self.values in ("real", "unit"):
            return h if self.values == "real" else torch.sigmoid(h)
        p = torch.sigmoid(h)
        bits = (torch.rand(p.shape, generator=noise, device=p.device, dtype=p.dtype) < p).to(p)
        bits = bits + (p - p.detach())
        x = bits if self.values == "bits" else 2 * bits - 1
        return flipped(x, self.values, noise) if self.flip else x

    def _critic(self, x: Tensor, condition: Tensor | None) -> Tensor:
        return self.critic(x, condition=condition)[:, 0]

    def _watch(self, batch: Batch, fake: Tensor) -> dict[str, Tensor]:
        updates = batch.step // self.n_critic
        if updates % max(1, WATCH_EVERY // self.n_critic) or len(fake) <= N_NEIGHBOURS or not self.network.training:
            return {}
        data, samples = (each.double().cpu().numpy() for each in (self._standard(batch.x), fake))
        found = neighbours(data, samples)
        if found.coverage < COLLAPSED and batch.progress > 0.2 and not self._warned:
            self._warned = True
            warnings.warn(
                f"step {batch.step}: samples cover {found.coverage:.2f} of the data; the generator has collapsed: "
                'lower the learning rate, or take loss="wasserstein" and a larger n_critic',
                CollapseWarning,
                stacklevel=2,
            )
        return {"coverage": torch.tensor(found.coverage), "recall": torch.tensor(found.recall)}

    def _sample(self, noise: Noise, condition: Tensor | None) -> Tensor:
        h = self.generator(noise.normal(self.n_latent), condition=condition)
        if self.values in ("real", "unit"):
            return torch.sigmoid(h) if self.scale is None else self.scale.natural(h)
        bits = (noise.uniform(self.n_features) < torch.sigmoid(h)).to(h)
        x = bits if self.values == "bits" else 2 * bits - 1
        return torch.where(noise.uniform(1) < 0.5, x, turned(x, self.values)) if self.flip else x
