"""The record of an epoch of a Boltzmann machine, and the state of its training, read without trust."""

from typing import Any, NamedTuple

import numpy as np

from generative.boltzmann.likelihood import LogLikelihood
from neural.saved import Saved

Array = np.ndarray


class Epoch(NamedTuple):
    """One pass through the data; ``epoch`` counts from 1.

    gradient_norm : mean over the batches
    reconstruction : mean squared difference of a unit and its mean after one step to the hidden units and back
    pseudo_likelihood : log p(v_i | others) of one random unit in each row, times n_visible: nats per configuration
    free_energy_gap : mean F of the validation rows less that of training rows, nats; grows with overfitting
    chain_correlation : of the units of a chain before and after the k steps of an update: 1 stands still, 0 is new
    learning_rate : that of the last update, shortened where chains could not have followed, see ``restraint``
    log_likelihood : of the validation rows (or of training rows), where it was asked for

    The first four but the norm are measured on 64 rows at most.
    """

    epoch: int
    gradient_norm: float
    reconstruction: float
    pseudo_likelihood: float
    free_energy_gap: float | None
    chain_correlation: float
    log_likelihood: LogLikelihood | None
    learning_rate: float
    wall_time: float

    def __str__(self) -> str:
        gap = "" if self.free_energy_gap is None else f"  F gap {self.free_energy_gap:.3g}"
        likelihood = "" if self.log_likelihood is None else f"  log p {self.log_likelihood}"
        return (
            f"epoch {self.epoch}  |gradient| {self.gradient_norm:.3g}  reconstruction {self.reconstruction:.4g}"
            f"  pseudo-likelihood {self.pseudo_likelihood:.4g}{gap}  chain correlation {self.chain_correlation:.2f}"
            f"{likelihood}  {self.wall_time:.3f} s"
        )


def saved_memory(saved: Saved, own: dict[str, Array]) -> dict[str, Array]:
    """What an optimizer remembers, as much as its ``own`` memory now."""
    if not own and "memory" not in saved:
        return {}
    kept = saved.part("memory")
    kept.names(own)
    return {name: kept.array(name, each.shape, np.float64) for name, each in own.items()}


def checked_state(saved: Saved, own: dict[str, Any], model: Any, later: dict[str, Any]) -> dict[str, Any]:
    """The entries of a saved training, if they are what one with the state ``own`` would save.

    later : entries that older states lack, and their values there
    """
    saved.names(own.keys() - {"memory", *later}, optional=["memory", *later])
    found = {
        "model": saved.part("model").state,
        "epoch": saved.integer("epoch"),
        "updates": saved.integer("updates"),
        "memory": saved_memory(saved, own["memory"]),
    }
    for name in ("chains", "hidden_mean", "levels"):
        if name in own:
            found[name] = saved.array(name, own[name].shape, own[name].dtype)
    for rows in (model.decode(found["chains"]), *found.get("levels", ())):
        model.check(rows, "saved chains")
    if "tempering_steps" in own:
        found["tempering_steps"] = saved.integer("tempering_steps")
    return found | {name: saved.entry(name) if name in saved else value for name, value in later.items()}
