"""The experiment ``quench``: beside exact evolution, and continued to the same bits."""

from pathlib import Path

import numpy as np
from sameness import differences

from runs import runner
from runs.experiments import find
from runs.plots import picture
from runs.progress import Display

SMALL = {"length": 4, "alpha": 2, "time": 0.4, "n_times": 5, "checkpoint": 0.0}


class StopAfter(Display):
    """Raises what Ctrl-C does after the given number of records."""

    def __init__(self, record: int) -> None:
        self.left = record

    def advance(self, progress):
        import os
        import signal

        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGINT)


def start(path: Path, display: Display, **settings):
    experiment = find("quench")
    return runner.start(experiment, experiment.settings(**{**SMALL, **settings}), path, display)


def test_beside_exact_evolution(tmp_path):
    result = start(tmp_path / "quench.h5", Display())
    trace = result.trace
    np.testing.assert_allclose(trace["time"], np.linspace(0, 0.4, 5))
    np.testing.assert_allclose(trace["transverse_magnetisation"], trace["exact_magnetisation"], atol=1e-3)
    assert trace["exact_magnetisation"].max() - trace["exact_magnetisation"].min() > 0.02
    assert trace["infidelity"].max() < 1e-4
    assert np.ptp(trace["energy"]) < 1e-3
    assert (
        abs(result.measurement["transverse_magnetisation"].estimate.mean - result.exact["transverse_magnetisation"])
        < 1e-3
    )
    assert len(picture(result).axes) == 3


def test_stopped_it_continues_to_the_same_bits(tmp_path):
    whole = start(tmp_path / "whole.h5", Display())
    path = tmp_path / "stopped.h5"
    assert start(path, StopAfter(2)).status == "interrupted"
    assert differences(runner.resume(path, Display()), whole) == []
