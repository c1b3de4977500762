"""Variational autoencoders, and autoencoders as the case without the prior.

    p(x) = int p(x | z) N(z; 0, 1) dz,    q(z | x) = N(z; m(x), v(x))
    loss = -E_q log p(x | z) + beta KL(q | N(0, 1))

With couplings, a spin or bit also sees those before it in the lattice: p(x | z) = prod_i p(x_i | z, x_0 .. x_(i-1))
has the log odds h_i(z) + sum_j<i J_ij x_j. Spins that are independent given z have the correlations of neighbours only
from z, and the code of each correlation costs nats.

Source: D. P. Kingma, M. Welling, arXiv:1312.6114, eqs. (7) and (10); beta: I. Higgins et al., ICLR 2017; the bound
with several samples and active units: Y. Burda, R. Grosse, R. Salakhutdinov, arXiv:1509.00519, eqs. (8) and (11);
a decoder that sees what it has decoded: X. Chen et al., arXiv:1611.02731, section 2.
"""

import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from generative.conditions import Condition
from generative.decoders import Real, decoded
from generative.model import TorchModel, size
from generative.networks.coders import ConvDecoder, ConvEncoder
from generative.networks.dense import Couplings, Dense
from generative.noise import Noise, hashed
from generative.symmetries import turned
from generative.training import Batch, Objective
from neural.optimizers import Schedule

Array = np.ndarray

ACTIVE = 0.01  # variance over the data of the mean of q, from which a latent unit counts as active
WATCH_EVERY = 20  # steps
IMPORTANCE_ROWS = 2**16  # decoded at a time


class CollapseWarning(UserWarning):
    """A model that ignores its latent units, or a generator that covers little of the data."""


def gaussian_kl(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(m, v) | N(0, 1)) = (m^2 + v - log v - 1) / 2 in nats, element by element."""
    return 0.5 * (mean**2 + log_variance.exp() - log_variance - 1)


class VAE(TorchModel):
    """Encoder and decoder, dense with ``hidden`` units or convolutional with ``channels``.

    shape : of one configuration
    values : "bits", "spins", "unit" or "real"; they choose p(x | z), see ``generative.decoders``. Real numbers may have
        any unit: ``fit`` takes mean and deviation of each feature from the data
    n_latent : numbers in z
    hidden : widths of the encoder, and backwards of the decoder
    channels : of convolutions instead, for images and lattices whose sides 2^len(channels) divides
    padding : of convolutions, "circular" for periodic lattices, "zeros" for images
    beta : weight of the prior
    warm_up : fraction of the training in which the weight grows from 0 to ``beta``
    flip : for spins and bits, p(x) = (p_0(x) + p_0(-x)) / 2: p_0 learns each row with most of its spins up, as a smooth
        decoder of a normal z has no way to two separate halves of the data
    couplings : of spins or bits with those before them, in row-major order; with a condition, linear in its features.
        They leave to z what they cannot say: of Ising spins not the neighbours but the magnetisation, 0.2 nats
    n_importance : K of ``log_prob``, which draws K values of z for each row,
        log (1/K) sum_k p(x | z_k) p(z_k) / q(z_k | x): on average a lower bound of log p(x), tighter with larger K

    A ``CollapseWarning`` tells when no latent unit is active in the last half of the training.
    """

    likelihood = "lower"

    def __init__(
        self,
        shape: tuple[int, ...],
        values: str = "bits",
        *,
        n_latent: int = 8,
        hidden: Sequence[int] = (256,),
        channels: Sequence[int] | None = None,
        padding: str = "circular",
        activation: str = "relu",
        beta: float = 1.0,
        warm_up: float = 0.0,
        flip: bool = False,
        couplings: bool = False,
        n_importance: int = 64,
        condition: Condition | None = None,
        seed: int = 0,
    ) -> None:
        if (flip or couplings) and values not in ("spins", "bits"):
            raise ValueError(f'expected values "spins" or "bits" for flip=True or couplings=True, got {values!r}')
        if n_latent < 1 or beta < 0 or not 0 <= warm_up <= 1 or n_importance < 1:
            raise ValueError(
                "expected n_latent >= 1, beta >= 0, 0 <= warm_up <= 1 and n_importance >= 1, "
                f"got {n_latent}, {beta}, {warm_up} and {n_importance}"
            )
        n, n_condition = size(shape), 0 if condition is None else condition.n_features
        seeds: Any = [dict(n_condition=n_condition, seed=hashed(seed, k)) for k in range(2)]
        if channels is None:
            encoder: nn.Module = Dense(n, hidden, 2 * n_latent, activation=activation, **seeds[0])
            decoder: nn.Module = Dense(n_latent, hidden[::-1], n, activation=activation, **seeds[1])
        else:
            encoder = ConvEncoder(shape, channels, 2 * n_latent, padding=padding, **seeds[0])
            decoder = ConvDecoder(n_latent, channels, shape, padding=padding, **seeds[1])
        self.decoded = decoded(values, n)
        network = nn.ModuleDict({"encoder": encoder, "decoder": decoder, "decoded": self.decoded})
        self.couplings = Couplings(n, n_condition, causal=True) if couplings else None
        if self.couplings is not None:
            network["couplings"] = self.couplings
        super().__init__(network, shape, values, condition, seed)
        self.encoder, self.decoder = encoder, decoder
        self.n_latent, self.beta, self.warm_up, self.n_importance = n_latent, beta, warm_up, n_importance
        self.flip, self._warned = flip, False

    def objectives(self, learning_rate: float | Schedule) -> list[Objective]:
        return [Objective("loss", self.loss, list(self.network.parameters()), learning_rate, settled=self.warm_up)]

    def _learn(self, rows: Tensor) -> None:
        if isinstance(self.decoded, Real):
            self.decoded.scale.learn(rows)

    def loss(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss, with the lower bound "elbo" (for beta = 1), the part "kl" of it, and active units."""
        x = self.turned_up(batch.x) if self.flip else batch.x
        mean, log_variance = self.posterior(x, batch.condition)
        noise = torch.randn(mean.shape, generator=batch.generator, device=mean.device, dtype=mean.dtype)
        h = self.decoder(mean + torch.exp(0.5 * log_variance) * noise, condition=batch.condition)
        if self.couplings is not None:
            h = h + self.couplings(x, batch.condition)
        misfit, kl = self.decoded.misfit(x, h), gaussian_kl(mean, log_variance).sum()
        beta = self.beta * min(1.0, batch.progress / self.warm_up) if self.warm_up else self.beta
        loss = (misfit + (kl if beta == 1 else beta * kl)) / len(mean)
        kl = kl.detach() / len(mean)
        elbo = -loss.detach() if beta == 1 else (beta - 1) * kl - loss.detach()
        elbo = elbo - math.log(2) if self.flip else elbo
        return loss, {"elbo": elbo, "kl": kl, **self._watch(batch, mean)}

    def _watch(self, batch: Batch, mean: Tensor) -> dict[str, Tensor]:
        if batch.step % WATCH_EVERY or len(mean) < 2 or not self.network.training:
            return {}
        active = (mean.detach().var(dim=0) > ACTIVE).sum()
        if active == 0 and batch.progress >= 0.5 and not self._warned:
            self._warned = True
            warnings.warn(
                f"step {batch.step}: none of {self.n_latent} latent units is active; the decoder ignores them: "
                "lower beta, warm it up, or make the decoder smaller",
                CollapseWarning,
                stacklevel=2,
            )
        return {"active_units": active.to(mean)}

    def posterior(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Mean and log variance of q(z | x), each (b, n_latent)."""
        x = self.decoded.scale.standard(x) if isinstance(self.decoded, Real) else x
        mean, log_variance = self.encoder(x, condition=condition).chunk(2, dim=1)
        return mean, log_variance

    def turned(self, x: Tensor) -> Tensor:
        """-x of spins, 1 - x of bits."""
        return turned(x, self.values)

    def turned_up(self, x: Tensor) -> Tensor:
        """Rows turned where most of their spins are down, or half of them and the first."""
        s = x if self.values == "spins" else 2 * x - 1
        return torch.where(s.sum(dim=1, keepdim=True) + 0.5 * s[:, :1] > 0, x, self.turned(x))

    def _sample(self, noise: Noise, condition: Tensor | None) -> Tensor:
        z = noise.normal(self.n_latent)
        x = self._in_turn(self.decoder(z, condition=condition), condition, lambda h: self.decoded.draw(h, noise))
        return torch.where(noise.uniform(1) < 0.5, x, self.turned(x)) if self.flip else x

    def _in_turn(self, h: Tensor, condition: Tensor | None, emit: Callable[[Tensor], Tensor]) -> Tensor:
        """What ``emit`` makes of the log odds h (b, n_features); with couplings one feature after the other."""
        if self.couplings is None:
            return emit(h)
        x = torch.zeros_like(h)
        for i in range(h.shape[1]):
            x[:, i : i + 1] = emit((h[:, i] + self.couplings.site(x, i, condition))[:, None])
        return x

    def _log_prob(self, x: Tensor, condition: Tensor | None, noise: Noise) -> Tensor:
        if not self.flip:
            return self._bound(x, condition, noise)
        both = torch.stack([self._bound(each, condition, noise) for each in (x, self.turned(x))])
        return torch.logsumexp(both, dim=0) - math.log(2)

    def _bound(self, x: Tensor, condition: Tensor | None, noise: Noise) -> Tensor:
        """That of log p_0."""
        posterior = self.posterior(x, condition)
        at_once = max(1, IMPORTANCE_ROWS // len(x))
        counts = [min(at_once, self.n_importance - k) for k in range(0, self.n_importance, at_once)]
        log_w = [self._log_weights(x, condition, posterior, noise.normal(k, self.n_latent)) for k in counts]
        return torch.logsumexp(torch.cat(log_w, dim=1), dim=1) - math.log(self.n_importance)

    def _log_weights(self, x: Tensor, condition: Tensor | None, posterior: tuple[Tensor, Tensor], e: Tensor) -> Tensor:
        """log p(x | z) p(z) / q(z | x) at z = m + sqrt(v) e for e (b, k, n_latent): shape (b, k)."""
        mean, log_variance = posterior
        z = mean[:, None] + torch.exp(0.5 * log_variance)[:, None] * e
        log_ratio = 0.5 * (e**2 - z**2 + log_variance[:, None]).sum(-1)
        k = e.shape[1]
        repeated = None if condition is None else condition.repeat_interleave(k, dim=0)
        h = self.decoder(z.flatten(0, 1), condition=repeated).unflatten(0, (-1, k))
        if self.couplings is not None:
            h = h + self.couplings(x, condition)[:, None]
        return self.decoded.log_prob(x[:, None], h) + log_ratio

    @torch.inference_mode(mode=False)
    def encode(self, x: Any, condition: Any = None) -> Array:
        """The means of q(z | x), (n, n_latent); with flip of the rows with most spins up."""
        rows = self.tensor(x).to(self.device)
        rows = self.turned_up(rows) if self.flip else rows
        with self.evaluating():
            return self.posterior(rows, self._all_features(condition, len(rows)))[0].cpu().numpy()

    @torch.inference_mode(mode=False)
    def decode(self, z: Any, condition: Any = None) -> Array:
        """The expectation of x given z (n, n_latent): (n, n_features); with couplings in mean-field theory."""
        z = torch.as_tensor(np.asarray(z), dtype=self.dtype, device=self.device)
        with self.evaluating():
            features = self._all_features(condition, len(z))
            return self._in_turn(self.decoder(z, condition=features), features, self.decoded.mean).cpu().numpy()

    def _all_features(self, condition: Any, n: int) -> Tensor | None:
        return self._features(self._encoded(condition, n), slice(None))

    def reconstruct(self, x: Any, condition: Any = None) -> Array:
        """``decode(encode(x))``, with flip of the rows with most spins up."""
        return self.decode(self.encode(x, condition), condition)

    def activity(self, x: Any, condition: Any = None) -> Array:
        """The variance over rows of the mean of q(z | x), (n_latent,); a unit is active above 0.01."""
        return self.encode(x, condition).var(axis=0)


class Autoencoder(VAE):
    """An encoder z = m(x) and a decoder, trained for -log p(x | z) alone; no distribution of z, so no samples.

    corruption : 0 for a plain autoencoder; otherwise x is restored from a copy with that part of its bits or spins
        flipped, or with normal noise of that width (P. Vincent et al., ICML 2008)
    """

    likelihood = None

    def __init__(
        self, shape: tuple[int, ...], values: str = "bits", *, corruption: float = 0.0, **options: Any
    ) -> None:
        super().__init__(shape, values, **options)
        if options.get("flip") or options.get("couplings"):
            raise ValueError("expected flip=False and couplings=False: an autoencoder restores rows from their z alone")
        if corruption < 0 or (values in ("bits", "spins") and corruption >= 0.5):
            raise ValueError(f"expected corruption >= 0, and below 1/2 for bits and spins, got {corruption}")
        self.corruption = corruption

    def loss(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        z, _ = self.posterior(self.corrupted(batch.x, batch.generator), batch.condition)
        h = self.decoder(z, condition=batch.condition)
        return -self.decoded.log_prob(batch.x, h).mean(), self._watch(batch, z)

    def corrupted(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """``x`` with noise."""
        if self.corruption == 0:
            return x
        if self.values in ("unit", "real"):
            return x + self.corruption * torch.randn(x.shape, generator=generator, device=x.device, dtype=x.dtype)
        turned = torch.rand(x.shape, generator=generator, device=x.device, dtype=x.dtype) < self.corruption
        return torch.where(turned, -x if self.values == "spins" else 1 - x, x)

    def _sample(self, noise: Noise, condition: Tensor | None) -> Tensor:
        raise ValueError("an autoencoder has no distribution to sample from; expected a VAE")
