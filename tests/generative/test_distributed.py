"""One training in two processes on the CPU: the losses and parameters of one process, and the same in both."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from two_processes import N_PROCESSES, trained

from generative.autoregressive import MADE
from generative.distributed import launch

SCRIPT = Path(__file__).with_name("two_processes.py")
ROOT = Path(__file__).parents[2]


def test_two_processes_learn_what_one_learns(tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    done = subprocess.run([sys.executable, SCRIPT, tmp_path], env=environment, capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr.decode()
    first, second = (json.loads((tmp_path / f"{rank}.json").read_text()) for rank in range(N_PROCESSES))
    alone = trained(None, N_PROCESSES)
    for name, expected in alone.items():
        assert first[name] == second[name]
        for key, values in expected.items():
            np.testing.assert_allclose(first[name][key], values, rtol=2e-5, atol=1e-6, err_msg=f"{name} {key}")


def test_the_parts_of_a_batch_without_noise_change_only_the_rounding():
    """Also where the last batch has fewer rows than parts."""
    rows = np.sign(np.random.default_rng(0).normal(size=(50, 9)))
    losses = []
    for parts in (1, 3):
        model = MADE((3, 3), 3)
        fit = model.fit(rows, n_epochs=5, batch_size=16, parts=parts)
        losses.append([record.losses["nll"] for record in fit])
        losses[-1] += torch.nn.utils.parameters_to_vector(model.network.parameters()).tolist()
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-5, atol=1e-6)


class Fabric:
    """What a training asks of one of four processes."""

    global_rank, world_size, device = 1, 4, torch.device("cpu")


@pytest.mark.parametrize("parts", [0, 6])
def test_parts_that_cannot_be_shared_are_refused(parts):
    options: Any = dict(fabric=Fabric(), parts=parts)
    with pytest.raises(ValueError, match=f"multiple of the number of processes, 4, got {parts}"):
        MADE((3, 3)).fit(np.ones((10, 9)), n_epochs=1, **options)


def test_a_missing_package_is_named_with_its_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "lightning_fabric", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install \"born\[distributed\]\""):
        launch(2)
