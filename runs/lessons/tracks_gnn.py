"""Message passing finds which hits of a detector belong to one particle."""

from typing import Any, ClassVar, NamedTuple

import numpy as np
from pydantic import Field

from ..experiments.experiment import Progress
from ..style import BLUE, GREY, ORANGE
from .lesson import Finding, LessonSettings, Outcome, Records, lesson

RADII = np.array([3.0, 6.0, 10.0, 15.0, 21.0, 28.0, 36.0, 45.0]) / 45  # of the layers, in units of the last
RESOLUTION = 1e-3  # of phi r and of z
COUNTS = (5, 10, 20, 40)


class TracksGNN(LessonSettings):
    """Hits in eight layers around a beam are nodes, pairs on neighbouring layers edges: which edges lie on a track?

    Straight tracks have phi = const; in a magnetic field, with a radius R of curvature, phi(r) = phi_0 + asin(r / 2R)
    and z(r) = z_0 + 2R cot(theta) asin(r / 2R). Nodes carry h = (r, phi, z), edges e = (d eta, d phi), with the
    pseudorapidity eta = asinh(z / r). In three rounds messages pass along the edges: e <- MLP(h_i, h_j, e), h <- MLP(h,
    sum of e from inside, sum of e from outside); then the logit of an edge is MLP(h_i, h_j, e). Efficiency is the share
    of true edges that are kept, purity the share of kept edges that are true. For comparison, each hit is joined to the
    one with the least d eta^2 + d phi^2 on the next layer.

    Source: S. Farrell et al., arXiv:1810.06111; P. W. Battaglia et al., arXiv:1612.00222.
    """

    QUICK: ClassVar = {"n_events": 8, "n_steps": 20, "width": 8, "n_test": 2}

    n_events: int = Field(400, ge=2, description="events to learn from, of 5 to 40 tracks")
    n_test: int = Field(40, ge=1, description="events for each number of tracks in the test")
    n_steps: int = Field(1200, ge=1, description="updates, each with four events")
    width: int = Field(32, ge=2, le=1024, description="of the hidden layers and of the messages")
    learning_rate: float = Field(3e-3, gt=0, le=1, description="of Adam; falls to 0 along a cosine")


class Event(NamedTuple):
    """Hits (n, 3) as (r, phi, z), edges (m, 2) from the inner to the outer hit, features (m, 2), labels (m,)."""

    hits: np.ndarray
    edges: np.ndarray
    features: np.ndarray
    labels: np.ndarray


def event(rng: np.random.Generator, n_tracks: int) -> Event:
    """Tracks from near the centre, half of them straight, half of them helices, hit by hit."""
    phi, z = rng.uniform(-np.pi, np.pi, n_tracks), rng.normal(0, 0.02, n_tracks)
    slope = np.sinh(rng.uniform(-1.0, 1.0, n_tracks))  # cot(theta)
    curvature = rng.choice([-1, 1], n_tracks) * rng.uniform(0.1, 0.8, n_tracks) * (rng.random(n_tracks) < 0.5)
    turn = np.arcsin(0.5 * RADII * curvature[:, None])  # r / 2R
    path = np.where(curvature[:, None] == 0, RADII, 2 * turn / np.where(curvature == 0, 1, curvature)[:, None])
    r = np.broadcast_to(RADII, turn.shape)
    phi = phi[:, None] + turn + RESOLUTION / r * rng.normal(size=r.shape)
    z = z[:, None] + slope[:, None] * path + RESOLUTION * rng.normal(size=r.shape)
    hits = np.stack([r, wrapped(phi), z], axis=-1).transpose(1, 0, 2)  # layer by layer
    hits = np.stack([layer[rng.permutation(n_tracks)] for layer in np.concatenate([hits, track_numbers(hits)], axis=2)])
    return graph(hits[..., :3].reshape(-1, 3), hits[..., 3].ravel(), n_tracks)


def track_numbers(hits: np.ndarray) -> np.ndarray:
    """The number of the track of each hit, as one more column."""
    return np.broadcast_to(np.arange(hits.shape[1])[:, None], (*hits.shape[:2], 1))


def wrapped(angle: np.ndarray) -> np.ndarray:
    """The angle between -pi and pi."""
    return np.mod(angle + np.pi, 2 * np.pi) - np.pi


def graph(hits: np.ndarray, track: np.ndarray, n_tracks: int) -> Event:
    """All pairs on neighbouring layers whose differences of eta and phi could be those of a track."""
    eta = np.arcsinh(hits[:, 2] / hits[:, 0])
    pairs = []
    for layer in range(len(RADII) - 1):
        inner, outer = (np.arange(n_tracks) + k * n_tracks for k in (layer, layer + 1))
        pairs.append(np.stack(np.meshgrid(inner, outer, indexing="ij"), axis=-1).reshape(-1, 2))
    i, j = np.concatenate(pairs).T
    features = np.column_stack([eta[j] - eta[i], wrapped(hits[j, 1] - hits[i, 1])])
    near = (np.abs(features[:, 0]) < 0.6) & (np.abs(features[:, 1]) < 0.2)
    labels = track[i] == track[j]
    return Event(hits, np.column_stack([i, j])[near], features[near], labels[near] * 1.0)


def together(events: list[Event]) -> tuple[Any, ...]:
    """Several events as one graph in torch: hits, edges, features, labels."""
    import torch

    offsets = np.cumsum([0, *(len(each.hits) for each in events[:-1])])
    edges = np.concatenate([each.edges + offset for each, offset in zip(events, offsets)])
    rest = (np.concatenate([getattr(each, name) for each in events]) for name in ("hits", "features", "labels"))
    hits, features, labels = (torch.tensor(part, dtype=torch.float32) for part in rest)
    return hits, torch.tensor(edges), features, labels


def network(width: int, seed: int) -> Any:
    """A module from (hits, edges, features) to one logit for each edge."""
    import torch
    from torch import nn

    from generative.networks import feed_forward

    class MessagePassing(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            w = width

            def mlp(k: int, n_in: int, n_out: int) -> nn.Module:
                return feed_forward((n_in, w, n_out), "relu", seed + k)

            self.node, self.edge, self.logit = mlp(0, 3, w), mlp(1, 2, w), mlp(2, 3 * w, 1)
            self.edges = nn.ModuleList(mlp(3 + k, 3 * w, w) for k in range(3))
            self.nodes = nn.ModuleList(mlp(6 + k, 3 * w, w) for k in range(3))

        def forward(self, hits: Any, edges: Any, features: Any) -> Any:
            (i, j), nothing = edges.T, torch.zeros(len(hits), width)
            h, e = self.node(hits), self.edge(features * torch.tensor([3.0, 10.0]))
            for along_edges, at_nodes in zip(self.edges, self.nodes):
                e = e + along_edges(torch.cat([h[i], h[j], e], dim=1))
                inside, outside = nothing.index_add(0, j, e), nothing.index_add(0, i, e)
                h = h + at_nodes(torch.cat([h, inside, outside], dim=1))
            return self.logit(torch.cat([h[i], h[j], e], dim=1))[:, 0]

    return MessagePassing()


def learn(settings: TracksGNN) -> Records:
    """Training, then efficiency and purity against the number of tracks."""
    import torch
    from torch.nn.functional import binary_cross_entropy_with_logits

    from generative.training import Objective, Training
    from neural.optimizers import CosineDecay

    torch.set_num_threads(settings.threads)
    rng = np.random.default_rng(settings.seed)
    events = [event(rng, int(n)) for n in rng.integers(min(COUNTS), max(COUNTS) + 1, settings.n_events)]
    net = network(settings.width, settings.seed)

    def loss(batch: Any) -> Any:
        hits, edges, features, labels = together([events[int(k)] for k in batch.x[:, 0]])
        return binary_cross_entropy_with_logits(net(hits, edges, features), labels)

    numbers = torch.arange(len(events), dtype=torch.float32)[:, None]
    rate = CosineDecay(settings.learning_rate, settings.n_steps)
    steps = Training(
        net,
        [Objective("loss", loss, list(net.parameters()), rate)],
        numbers,
        n_steps=settings.n_steps,
        batch_size=4,
        record_every=max(1, settings.n_steps // 50),
        clip=1.0,
        seed=settings.seed,
    )
    for record in steps:
        yield Progress(record.step, settings.n_steps, {"loss": record.losses["loss"]})
    net.eval()
    tests = [[event(rng, n) for _ in range(settings.n_test)] for n in COUNTS]
    scores = np.array([score(net, each) for each in tests])
    findings = {}
    for n, (efficiency, purity) in zip(COUNTS, scores[:, :2]):
        least = 0.95 if n <= 20 else None
        findings[f"efficiency_{n}_tracks"] = Finding(efficiency, least=least)
        findings[f"purity_{n}_tracks"] = Finding(purity, least=least)
    findings["purity_over_nearest"] = Finding(scores[-1, 1] - scores[-1, 3], least=0.0, unit="at 40 tracks")
    example = tests[2][0]
    arrays = {"scores": scores, "hits": example.hits, "edges": example.edges, "labels": example.labels}
    return Outcome(findings, {**arrays, "kept": probabilities(net, example) > 0.5})


def probabilities(net: Any, one: Event) -> np.ndarray:
    """Of every edge of an event."""
    import torch

    with torch.no_grad():
        hits, edges, features, _ = together([one])
        return torch.sigmoid(net(hits, edges, features)).numpy()


def score(net: Any, events: list[Event]) -> list[float]:
    """Efficiency and purity of the network, then of the nearest hit on the next layer."""
    labels = np.concatenate([each.labels for each in events]) == 1
    n_true = sum(len(each.hits) // len(RADII) * (len(RADII) - 1) for each in events)
    kept = np.concatenate([probabilities(net, each) > 0.5 for each in events])
    near = np.concatenate([nearest(each) for each in events])
    pairs = [[np.sum(labels & k) / n_true, np.sum(labels & k) / max(1, np.sum(k))] for k in (kept, near)]
    return [float(value) for pair in pairs for value in pair]


def nearest(one: Event) -> np.ndarray:
    """For every hit, the edge to the outer layer with the least d eta^2 + d phi^2."""
    distance = np.sum(one.features**2, axis=1)
    order = np.lexsort((distance, one.edges[:, 0]))
    _, first = np.unique(one.edges[order, 0], return_index=True)
    kept = np.zeros(len(distance), dtype=bool)
    kept[order[first]] = True
    return kept


def draw(result: Any, figure: Any) -> None:
    """An event seen along the beam, with its edges, and efficiency and purity."""
    figure.set_size_inches(10.5, 5)
    left, right = figure.subplots(1, 2)
    s = result.samples
    x, y = s["hits"][:, 0] * np.cos(s["hits"][:, 1]), s["hits"][:, 0] * np.sin(s["hits"][:, 1])
    kinds = ((s["kept"] & (s["labels"] == 1), BLUE, "right"), (s["kept"] & (s["labels"] == 0), ORANGE, "wrong"))
    for chosen, colour, name in kinds:
        i, j = s["edges"][chosen].T
        left.plot([x[i], x[j]], [y[i], y[j]], color=colour, linewidth=0.8)
        left.plot([], [], color=colour, label=name)
    left.plot(x, y, ".", ms=3, color=GREY)
    left.set(title="Edges that were kept: 20 tracks", aspect="equal", xlabel="x", ylabel="y")
    left.legend(frameon=False)
    names = ("efficiency", "purity", "efficiency, nearest hit", "purity, nearest hit")
    for column, name, colour, dash in zip(s["scores"].T, names, (BLUE, ORANGE, BLUE, ORANGE), ("-", "-", ":", ":")):
        right.plot(COUNTS, column, "o", color=colour, linestyle=dash, label=name)
    right.set(xlabel="tracks in an event", ylim=(None, 1.005), title="Edges of the test events")
    right.legend(frameon=False)


EXPERIMENT = lesson("tracks-gnn", TracksGNN, learn, draw)
