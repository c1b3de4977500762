"""What every family in torch keeps: one line for each in FAMILIES."""

import copy
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch

from generative import GAN, MADE, VAE, Autoencoder, CausalCNN, Classes, Diffusion, Flow, SiteTransformer, SpinDiffusion
from generative.diffusion import DDIM, DDPM, ProbabilityFlow
from generative.model import TorchModel
from neural.divergence import DivergedError

FAMILIES: dict[str, Callable[..., TorchModel]] = {
    "made": lambda **o: MADE((4, 4), 2, **o),
    "made, all symmetries": lambda **o: MADE((4, 4), 2, flip=True, translation=True, **o),
    "causal cnn": lambda **o: CausalCNN((4, 4), 4, 1, **o),
    "transformer": lambda **o: SiteTransformer((4, 4), 8, 2, 1, **o),
    "vae": lambda **o: VAE((4, 4), "spins", hidden=(16,), n_importance=4, flip=True, couplings=True, **o),
    "vae, real": lambda **o: VAE((4, 4), "real", hidden=(16,), n_importance=4, **o),
    "vae, unit, convolutions": lambda **o: VAE((4, 4), "unit", channels=(4,), n_importance=4, **o),
    "autoencoder": lambda **o: Autoencoder((4, 4), "bits", hidden=(16,), corruption=0.1, **o),
    "gan": lambda **o: GAN((4, 4), "real", hidden=(16,), **o),
    "gan, spins": lambda **o: GAN((4, 4), "spins", hidden=(16,), couplings=True, flip=True, **o),
    "gan, spectral": lambda **o: GAN((4, 4), "bits", channels=(4,), spectral=True, loss="hinge", **o),
    "diffusion": lambda **o: Diffusion((4, 4), hidden=(16,), sampler=DDIM(5), n_steps=4, **o),
    "diffusion, spins": lambda **o: Diffusion(
        (4, 4), "spins", hidden=(16,), translation=True, sampler=DDPM(3), n_steps=3, **o
    ),
    "diffusion, unit": lambda **o: Diffusion(
        (4, 4), "unit", channels=(8, 8), sampler=ProbabilityFlow(2), n_steps=2, n_probes=1, **o
    ),
    "spin diffusion": lambda **o: SpinDiffusion((4, 4), "bits", hidden=(16,), n_steps=5, **o),
    "spin diffusion, convolutions": lambda **o: SpinDiffusion((4, 4), channels=(8,), n_steps=5, **o),
    "flow": lambda **o: Flow((4, 4), n_maps=1, hidden=(16,), **o),
}


def rows(model: TorchModel, n: int = 64, seed: int = 0) -> np.ndarray:
    """Rows of the kind of a model."""
    rng = np.random.default_rng(seed)
    if model.values == "real":
        return rng.normal(300, 100, (n, 16))
    if model.values == "unit":
        return rng.random((n, 16))
    bits = (rng.random((n, 16)) < 0.5).astype(float)
    return bits if model.values == "bits" else 2 * bits - 1


def trained(make: Callable[..., TorchModel], **options: Any) -> TorchModel:
    """After two steps, with an average of the parameters."""
    model = make(seed=1, **options)
    labels = None if model.condition is None else np.arange(64) % 3
    list(model.fit(rows(model), labels=labels, n_steps=2, batch_size=32, ema=0.5))
    return model


def seen(model: TorchModel, **options: Any) -> Iterator[np.ndarray]:
    """What a model says: samples, and the likelihood of rows."""
    if not isinstance(model, Autoencoder):
        yield model.sample(3, 2, **options)
    if model.likelihood is not None:
        yield model.log_prob(rows(model, 3), **options)


def assert_same(a: TorchModel, b: TorchModel, **options: Any) -> None:
    for mine, other in zip(seen(a, **options), seen(b, **options), strict=True):
        np.testing.assert_array_equal(mine, other)


COPIES: dict[str, Callable[[Any], Any]] = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda model: pickle.loads(pickle.dumps(model)),
}


@pytest.mark.parametrize("make_copy", COPIES)
@pytest.mark.parametrize("name", FAMILIES)
def test_copies_are_equal_and_independent(name, make_copy):
    """They sample from the averaged parameters, train on, and leave the model alone."""
    model = trained(FAMILIES[name])
    other = COPIES[make_copy](model)
    assert other == model
    assert repr(other) == repr(model)
    assert_same(model, other)
    assert other.training is None
    before = list(seen(model))
    list(other.fit(rows(model), n_steps=3, batch_size=32, learning_rate=0.1))
    assert other != model
    for mine, old in zip(seen(model), before, strict=True):
        np.testing.assert_array_equal(mine, old)
    next(model.fit(rows(model), n_steps=1))


@pytest.mark.parametrize("name", FAMILIES)
def test_a_line_describes_a_model(name):
    model = FAMILIES[name]()
    assert repr(model).startswith(f"{type(model).__name__}(shape (4, 4), {model.values}, {model.n_parameters} param")
    assert "\n" not in repr(model)
    assert model == FAMILIES[name]() != FAMILIES[name](seed=5)


@pytest.fixture
def double() -> Iterator[None]:
    """Double precision as the default type of torch."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("name", FAMILIES)
def test_the_default_type_of_torch_changes_nothing(name, double):
    options: Any = {} if name.startswith("gan, sp") else {"condition": Classes(3)}
    ask: Any = {"condition": [0, 1, 2]} if options else {}
    model = trained(FAMILIES[name], **options)
    assert {p.dtype for p in model.network.parameters()} == {torch.float32}
    torch.set_default_dtype(torch.float32)
    assert_same(trained(FAMILIES[name], **options), model, **ask)


@pytest.mark.parametrize("name", FAMILIES)
def test_it_works_in_inference_mode(name):
    """Samples, likelihoods and training are the same, and so are those of a copy."""
    model, other = trained(FAMILIES[name]), trained(FAMILIES[name])
    expected = list(seen(model))
    with torch.inference_mode():
        for mine, outside in zip(seen(other), expected, strict=True):
            np.testing.assert_array_equal(mine, outside)
        assert_same(copy.deepcopy(other), other)
        list(other.fit(rows(other), n_steps=2, batch_size=32))
    list(model.fit(rows(model), n_steps=2, batch_size=32))
    assert_same(model, other)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_training_that_is_never_iterated_leaves_a_model_alone(name):
    model = trained(FAMILIES[name])
    before = list(seen(model))
    model.fit(rows(model, seed=3), n_steps=2, ema=0.9)
    for now, old in zip(seen(model), before, strict=True):
        np.testing.assert_array_equal(now, old)


@pytest.mark.parametrize("name", FAMILIES)
def test_rows_of_another_kind_are_refused_everywhere(name):
    model = FAMILIES[name]()
    wrong = np.full((40, 16), np.nan) if model.values == "real" else rows(model) * 3 + 0.5
    with pytest.raises(ValueError, match=r"expected .*training data.*found"):
        model.fit(wrong, n_steps=1)
    with pytest.raises(ValueError, match=r"expected .*validation data.*found"):
        model.fit(rows(model), validation=wrong, n_steps=1)
    with pytest.raises(ValueError, match=r"expected (training data|configurations) of shape \(n, 16\)"):
        model.fit(rows(model)[:, :5], n_steps=1) if model.likelihood is None else model.log_prob(rows(model)[:, :5])


@pytest.mark.parametrize("name", FAMILIES)
def test_mistaken_calls_are_answered_in_a_line(name):
    model, x = FAMILIES[name](), rows(FAMILIES[name]())
    for option, message in {"epochs": "did you mean 'n_epochs'", "batchsize": "'batch_size'", "xyz": "one of"}.items():
        pattern = rf"unknown option '{option}': .*{message}"
        with pytest.raises(TypeError, match=pattern):
            model.fit(x, **{option: 1})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"expected device=.cpu.: torch finds"):
        model.fit(x, n_steps=1, device="cuda:9")
    with pytest.raises(ValueError, match="expected no condition"):
        model.fit(x, labels=np.zeros(64), n_steps=1)
    with pytest.raises(ValueError, match="expected a learning rate"):
        model.fit(x, n_steps=1, learning_rate=-1.0)
    for found in (
        torch.utils.data.TensorDataset(torch.from_numpy(x)),
        torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.from_numpy(x))),
    ):
        with pytest.raises(ValueError, match=r"expected training data as an array .* found a (Tensor|Data)"):
            model.fit(found, n_steps=1)


@pytest.mark.parametrize("name", [name for name in FAMILIES if not name.startswith("gan, sp")])
def test_labels_that_do_not_fit_are_refused(name):
    model = FAMILIES[name](condition=Classes(3))
    with pytest.raises(ValueError, match=r"one label for each of 64 rows.*found shape \(63,\)"):
        model.fit(rows(model), labels=np.zeros(63, int), n_steps=1)
    with pytest.raises(ValueError, match=r"labels 0 \.\. 2"):
        model.fit(rows(model), labels=np.full(64, 3), n_steps=1)
    with pytest.raises(ValueError, match="expected a condition"):
        model.fit(rows(model), n_steps=1)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_rate_that_is_far_too_large_is_an_outcome_with_a_name(name):
    """The model is then as it was, and can be trained."""
    model = FAMILIES[name](seed=1)
    before = list(seen(model))
    with pytest.raises(DivergedError, match=r"step \d+: .*learning rate.*back at step 0"):
        list(model.fit(rows(model), n_steps=40, record_every=4, batch_size=32, learning_rate=1e30))
    if model.values in ("spins", "bits"):  # the units of others have been learned
        for now, old in zip(seen(model), before, strict=True):
            np.testing.assert_array_equal(now, old)
    list(model.fit(rows(model), n_steps=4, batch_size=32))


@pytest.mark.parametrize("name", FAMILIES)
def test_the_plain_call_does_not_run_away(name):
    for seed in range(2):
        model = FAMILIES[name](seed=seed)
        *_, last = model.fit(rows(model, 256, seed), n_steps=40, record_every=4)
        assert all(np.isfinite(loss) for loss in last.losses.values())


@pytest.mark.parametrize("name", ["vae, real", "gan"])
def test_a_state_from_before_units_were_learned_has_those_of_the_network(name):
    model = FAMILIES[name]()
    state = model.state()
    old = {key: value for key, value in state["network"].items() if ".mean" not in key and ".deviation" not in key
           and "scale" not in key}  # fmt: skip
    other = FAMILIES[name](seed=3)
    other.restore({"network": old})
    assert other._made()["network"].keys() == state["network"].keys()
    assert_same(model, other)


@pytest.mark.parametrize("shape", [(0,), (-2, 2), (2.5,), 4, "ab", ()])
def test_impossible_shapes_are_refused(shape):
    for make in (MADE, VAE, GAN, Diffusion, SpinDiffusion, Flow):
        with pytest.raises(ValueError, match="expected the shape of one configuration"):
            make(shape)
