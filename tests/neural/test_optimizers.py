"""Optimizers against torch.optim, closed forms and their own saved state."""

import math
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

from neural.optimizers import (
    AdaGrad,
    Adam,
    AdamW,
    Constant,
    CosineDecay,
    ExponentialDecay,
    GradientDescent,
    Momentum,
    Nesterov,
    Optimizer,
    RMSProp,
    State,
    WarmUp,
)

N = 23

PAIRS = {
    "GradientDescent": (GradientDescent(0.03), torch.optim.SGD, dict(lr=0.03)),
    "GradientDescent, l2": (GradientDescent(0.03, l2=0.1), torch.optim.SGD, dict(lr=0.03, weight_decay=0.1)),
    "Momentum": (Momentum(0.02, momentum=0.8), torch.optim.SGD, dict(lr=0.02, momentum=0.8)),
    "Nesterov": (Nesterov(0.02), torch.optim.SGD, dict(lr=0.02, momentum=0.9, nesterov=True)),
    "AdaGrad": (AdaGrad(0.3), torch.optim.Adagrad, dict(lr=0.3)),
    "RMSProp": (RMSProp(0.01, decay=0.95), torch.optim.RMSprop, dict(lr=0.01, alpha=0.95)),
    "RMSProp, l2": (RMSProp(0.01, l2=0.2), torch.optim.RMSprop, dict(lr=0.01, weight_decay=0.2)),
    "Adam": (Adam(0.05), torch.optim.Adam, dict(lr=0.05)),
    "Adam, l2": (Adam(0.05, beta1=0.8, l2=0.1), torch.optim.Adam, dict(lr=0.05, betas=(0.8, 0.999), weight_decay=0.1)),
    "AdamW": (AdamW(0.05, weight_decay=0.3), torch.optim.AdamW, dict(lr=0.05, weight_decay=0.3)),
}
OPTIMIZERS = [pair[0] for pair in PAIRS.values()]


class Problem(NamedTuple):
    """Losses L_t(p) = p.K p / 2 + sum cos(c p) + f_t.p, t = 0, 1, ...

    The random f_t stand for the noise of mini-batches. They also keep the gradient away from zero, where RMSProp
    turns chaotic and no two roundings agree.
    """

    start: np.ndarray
    stiffness: np.ndarray
    wave_numbers: np.ndarray
    forces: np.ndarray


def make_problem() -> Problem:
    rng = np.random.default_rng(0)
    roots = rng.normal(size=(N, N)) / math.sqrt(N)
    return Problem(rng.normal(size=N), roots @ roots.T, rng.uniform(1.0, 2.0, N), rng.normal(size=(100, N)))


PROBLEM = make_problem()


def run(optimizer: Optimizer, n_steps: int, start: np.ndarray = PROBLEM.start, state: State | None = None):
    parameters, state = start, state or optimizer.init(N)
    _, stiffness, wave_numbers, forces = PROBLEM
    for _ in range(n_steps):
        gradient = stiffness @ parameters - wave_numbers * np.sin(wave_numbers * parameters) + forces[state.step]
        parameters, state = optimizer.update(parameters, gradient, state)
    return parameters, state


def run_torch(optimizer_class, options: dict, n_steps: int, l1: float = 0.0, schedule=None) -> np.ndarray:
    """The same losses with autograd; ``schedule`` makes a torch scheduler of the optimizer."""
    start, stiffness, wave_numbers, forces = map(torch.tensor, PROBLEM)
    parameters = start.clone().requires_grad_()
    optimizer = optimizer_class([parameters], **options)
    scheduler = schedule(optimizer) if schedule else None
    for force in forces[:n_steps]:
        optimizer.zero_grad()
        loss = parameters @ stiffness @ parameters / 2 + torch.cos(wave_numbers * parameters).sum() + force @ parameters
        (loss + l1 * parameters.abs().sum()).backward()
        optimizer.step()
        if scheduler:
            scheduler.step()
    return parameters.detach().numpy()


@pytest.mark.parametrize("name", PAIRS)
def test_100_steps_equal_torch(name):
    optimizer, torch_class, options = PAIRS[name]
    ours, _ = run(optimizer, 100)
    np.testing.assert_allclose(ours, run_torch(torch_class, options, 100), rtol=1e-12, atol=1e-12)


def test_l1_equals_the_gradient_of_the_penalised_loss():
    ours, _ = run(GradientDescent(0.01, l1=0.2), 100)
    np.testing.assert_allclose(ours, run_torch(torch.optim.SGD, dict(lr=0.01), 100, l1=0.2), rtol=1e-12, atol=1e-12)


SCHEDULES = {
    "constant": (Constant(0.05), None),
    "exponential": (ExponentialDecay(0.05, 0.97), lambda o: torch.optim.lr_scheduler.ExponentialLR(o, 0.97)),
    "cosine": (CosineDecay(0.05, 120, 0.001), lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 120, 0.001)),
    "warm-up": (WarmUp(0.05, 10), lambda o: torch.optim.lr_scheduler.LinearLR(o, 0.1, total_iters=9)),
    "warm-up, then exponential": (
        WarmUp(ExponentialDecay(0.05, 0.97), 10),
        lambda o: torch.optim.lr_scheduler.ChainedScheduler(
            [
                torch.optim.lr_scheduler.LinearLR(o, 0.1, total_iters=9),
                torch.optim.lr_scheduler.ExponentialLR(o, 0.97),
            ]
        ),
    ),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules_equal_torch(name):
    schedule, torch_schedule = SCHEDULES[name]
    ours, _ = run(Adam(schedule), 100)
    theirs = run_torch(torch.optim.Adam, dict(lr=0.05), 100, schedule=torch_schedule)
    np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)


def test_cosine_stays_at_its_final_rate():
    schedule = CosineDecay(1.0, 10, 0.25)
    assert [schedule(0), schedule(5), schedule(10), schedule(1000)] == [1.0, 0.625, 0.25, 0.25]


def test_gradient_descent_on_a_parabola_is_a_geometric_sequence():
    optimizer, parameters, state = GradientDescent(0.125), np.array([3.0, -5.0]), State(0, {})
    for _ in range(20):
        parameters, state = optimizer.update(parameters, 2 * parameters, state)
    np.testing.assert_array_equal(parameters, np.array([3.0, -5.0]) * 0.75**20)
    assert state.step == 20


def test_decoupled_decay_without_gradient_shrinks_the_parameters_alone():
    optimizer, parameters = AdamW(0.5, weight_decay=0.5), np.array([2.0, -4.0])
    for step in range(1, 5):
        parameters, _ = optimizer.update(parameters, np.zeros(2), optimizer.init(2))
        np.testing.assert_array_equal(parameters, np.array([2.0, -4.0]) * 0.75**step)


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=list(PAIRS))
def test_a_saved_state_continues_to_the_same_bits(optimizer, tmp_path):
    scheduled = type(optimizer)(WarmUp(CosineDecay(0.05, 40), 5))
    straight, _ = run(scheduled, 40)
    half, state = run(scheduled, 17)
    saved: dict[str, Any] = {"parameters": half, "step": state.step, **state.memory}
    np.savez(tmp_path / "state.npz", **saved)
    with np.load(tmp_path / "state.npz") as file:
        restored = State(int(file["step"]), {name: file[name] for name in scheduled.memory})
        continued, _ = run(scheduled, 23, file["parameters"], restored)
    assert continued.tobytes() == straight.tobytes()


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=list(PAIRS))
def test_update_leaves_its_arguments_alone(optimizer):
    parameters, state = run(optimizer, 3)
    gradient = np.ones(N)
    before = [array.copy() for array in (parameters, gradient, *state.memory.values())]
    new, new_state = optimizer.update(parameters, gradient, state)
    for array, copy in zip((parameters, gradient, *state.memory.values()), before):
        np.testing.assert_array_equal(array, copy)
    assert not np.shares_memory(new, parameters)
    assert (state.step, new_state.step) == (3, 4)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: GradientDescent(-0.1), "learning_rate"),
        (lambda: GradientDescent(math.nan), "learning_rate"),
        (lambda: GradientDescent(0.1, l1=-1.0), "l1"),
        (lambda: Momentum(0.1, momentum=1.0), "momentum < 1"),
        (lambda: RMSProp(0.1, decay=-0.5), "decay"),
        (lambda: Adam(0.1, beta2=1.0), "beta2 < 1"),
        (lambda: Adam(0.1, epsilon=0.0), "epsilon > 0"),
        (lambda: AdamW(0.1, weight_decay=-1.0), "weight_decay"),
        (lambda: Adam(0.1).init(0), "at least one parameter"),
        (lambda: Constant(math.inf), "rate"),
        (lambda: ExponentialDecay(0.1, 0.5, -1.0), "least"),
        (lambda: ExponentialDecay(0.1, 1.5), "decay"),
        (lambda: CosineDecay(0.1, 0), "n_steps"),
        (lambda: WarmUp(-0.1, 5), "schedule"),
        (lambda: WarmUp(0.1, 0), "n_steps"),
        (lambda: Adam(0.1).update(np.ones(3), np.ones(4), Adam(0.1).init(3)), r"\(3,\) and \(4,\)"),
        (lambda: Adam(0.1).update(np.ones(3), np.ones(3), Adam(0.1).init(4)), "first_moment"),
        (lambda: Adam(0.1).update(np.ones(3), np.ones(3), Momentum(0.1).init(3)), "velocity"),
    ],
)
def test_arguments_that_make_no_sense(make, message):
    with pytest.raises(ValueError, match=message):
        make()
