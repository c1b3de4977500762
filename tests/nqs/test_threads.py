"""Runs that are shared by threads, forked, sent to other processes, or interrupted."""

import copy
import multiprocessing
import os
import pickle
import signal
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import nqs
from neural.jit import COMPILED
from neural.loops import UnusedLoopWarning
from tests.nqs.runs_of_vmc import TRAP, dot, trap

compiled_only = pytest.mark.skipif(not COMPILED, reason="one thread at a time anyway")


def test_two_threads_may_not_share_a_run():
    vmc = trap()
    steps = vmc.steps(3)
    next(steps)
    with ThreadPoolExecutor(1) as other:
        for use in (lambda: next(vmc.steps(1)), lambda: vmc.measure(640), lambda: vmc.restore(trap().state())):
            with pytest.raises(RuntimeError, match="expected one thread at a time to use this VMC, found another one"):
                other.submit(use).result()
        list(steps)
        other.submit(vmc.measure, 64 * 400).result()  # it may be handed over


@compiled_only
def test_two_threads_may_not_run_the_same_chains():
    vmc = trap(n_samples=64 * 20000)
    refused = []

    def use() -> None:
        try:
            vmc.chains.run(vmc.psi, vmc._target(2.0, 20000)[1], 20000)
        except RuntimeError as error:
            refused.append(str(error))

    threads = [threading.Thread(target=use) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 1
    assert "expected one thread at a time to use these chains" in refused[0]


def test_a_loop_within_a_loop_of_the_same_thread():
    vmc = trap()
    for _ in vmc.steps(2):
        vmc.measure(64 * 400)


def step_of(vmc: nqs.VMC, n: int = 1) -> list[float]:
    return [step.energy.mean for step in vmc.steps(n)]


def send_step(connection: Any, vmc: nqs.VMC) -> None:
    connection.send(step_of(vmc))


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_run_goes_on_in_another_process(method):
    """A process that is forked has none of the threads, one that is spawned gets the run as a pickle."""
    vmc = trap(threads=2)
    step_of(vmc)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forks where there are threads
        context = multiprocessing.get_context(method)
        here, there = context.Pipe()
        process = context.Process(target=send_step, args=(there, vmc))
        process.start()
    assert here.poll(60), "the process does not answer"
    assert here.recv() == step_of(vmc)
    process.join()


@pytest.mark.parametrize("make", [copy.copy, copy.deepcopy, lambda vmc: pickle.loads(pickle.dumps(vmc))])
def test_copies_continue_by_themselves_to_the_same_bits(make):
    vmc = dot(threads=2)
    step_of(vmc)
    for _ in vmc.measuring(640, {"x": lambda x: x[:, 0, 0]}):
        pass
    twin = make(vmc)
    np.testing.assert_equal(twin.state(), vmc.state())
    expected = step_of(vmc, 3)
    assert step_of(twin, 3) == expected


class Stop(Exception):
    pass


@pytest.mark.parametrize("threads", [1, 3])
def test_chains_are_whole_after_an_exception(monkeypatch, threads):
    """In the middle of a step: the parameters are those before it, and the chains sample on, all of them."""
    vmc: Any = trap(TRAP.omega / 2.4, threads=threads)
    step_of(vmc)
    before = vmc.psi.parameters
    calls = 0

    def interrupted(*args: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls > 2:
            raise Stop
        return draw(*args)

    draw = vmc.chains._draw
    monkeypatch.setattr("montecarlo.chains.NOISE_BYTES", 64 * 8 * 6 * 4)
    monkeypatch.setattr(vmc.chains, "_draw", interrupted)
    with pytest.raises(Stop):
        step_of(vmc)
    monkeypatch.undo()
    assert np.array_equal(vmc.psi.parameters, before)
    measured = vmc.measure(64 * 400)
    width = vmc.psi.alpha
    exact = TRAP.n_particles * np.sum(width / 2 + TRAP.omega**2 / (8 * width))
    assert abs(measured.energy.z(exact)) < 3.3


@compiled_only
def test_ctrl_c_is_noticed_within_a_long_run():
    """A burn-in of minutes ends within a second, and the threads with it."""
    next(dot().steps(1))  # compiles
    vmc = dot(threads=2, n_burn_in=10**8)
    sent = []

    def interrupt() -> None:
        sent.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)

    timer = threading.Timer(1.5, interrupt)
    timer.start()
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # background jobs begin by ignoring it
    try:
        with pytest.raises(KeyboardInterrupt):
            vmc.burn_in()
    finally:
        signal.signal(signal.SIGINT, before)
    assert time.monotonic() - sent[0] < 1.0
    timer.join()


def test_parts_of_chains_that_are_run_one_after_the_other_make_no_difference(monkeypatch):
    """However slow the moves seem to be, and so however few chains go at once."""
    whole = step_of(trap(), 2)
    for patience in (1e-12, 1e-4, 1e9):
        monkeypatch.setattr("montecarlo.chains.PATIENCE", patience)
        assert step_of(trap(threads=3), 2) == whole


def test_a_loop_that_is_never_run():
    for make in (lambda: trap().steps(3), lambda: trap().measuring(640)):
        with pytest.warns(UnusedLoopWarning, match=r"is a loop that was never run: write for record in"):
            make()
    list(trap().steps(0))
    trap().steps(3).close()
