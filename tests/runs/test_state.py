"""A saved state is compared with what a fresh run would save before any of it is used."""

import numpy as np
import pytest

from runs.experiments import find
from runs.state import check_state


class Saves:
    """A run that saves a tree, which may also hold ``best``."""

    optional_state = ("best",)

    def __init__(self, tree):
        self.tree = tree

    def state(self):
        return self.tree


OWN = {
    "step": 0,
    "ready": False,
    "rate": 0.1,
    "lowest": np.inf,
    "kind": "PCG64",
    "x": np.ones((4, 2), dtype=np.int8),
    "parameters": {"a": np.zeros(3), "unknown": np.full(2, np.nan)},
    "recent": np.empty(0),
    "measured": {},
}
GOOD = {
    "step": 7,
    "lowest": 1.5,
    "recent": np.zeros(5),
    "measured": {"energy": {"blocks": np.zeros((2, 9))}},
    "best": {"a": np.zeros(3)},
    "parameters": {"a": np.ones(3), "unknown": np.ones(2)},
}
BAD = {
    "step": [-1, 1.5, True, "1", np.zeros(2), {}],
    "ready": [1, "yes"],
    "rate": [np.nan, np.inf, "fast"],
    "kind": [3],
    "x": [np.ones((3, 2), np.int8), np.ones((4, 2)), np.ones((4, 2), ">i2"), 1, {}],
    "parameters": [{"a": np.zeros(4)}, {"a": np.full(3, np.inf)}, {"a": np.zeros(3), "b": np.zeros(3)}, np.zeros(3)],
    "more": [1.0],
}


def test_what_a_run_may_have_saved_passes():
    check_state(Saves(OWN), OWN)  # type: ignore[arg-type]
    check_state(Saves(OWN), {**OWN, **GOOD})  # type: ignore[arg-type]


@pytest.mark.parametrize(("name", "leaf"), [(name, leaf) for name, leaves in BAD.items() for leaf in leaves], ids=repr)
def test_what_it_cannot_have_saved_is_refused_by_name(name, leaf):
    with pytest.raises(ValueError, match=f"/{name}"):
        check_state(Saves(OWN), {**OWN, name: leaf})  # type: ignore[arg-type]


@pytest.mark.filterwarnings("ignore")
def test_a_comparison_of_models_continues_with_its_second_one():
    """The state of a later contestant is not that of the first, which a fresh run begins with."""
    experiment = find("ising-showdown")
    fields = {"temperatures": (3.0,), "families": ("made", "vae"), "n_data": 500, "n_updates": 20, "width": 16}
    settings = experiment.settings.model_validate({**fields, "size": 4, "n_measure": 100, "batch_size": 100})
    run, state = experiment.start(settings), {}
    for _ in run.training():
        state = run.state()
        if state["at"] == 1:
            break
    again = experiment.start(settings)
    check_state(again, state)
    again.restore(state)
    np.testing.assert_equal(again.state(), state)
    with pytest.raises(ValueError, match="at: expected a contestant of 0 to 2, found 3"):
        check_state(again, {**state, "at": 3})
