"""States of torch modules and optimizers as nested dictionaries of arrays and numbers, and back."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from neural.saved import Saved

Tree = dict[str, Any]


def arrays(state: Mapping[str, torch.Tensor]) -> Tree:
    """Copies of tensors as arrays."""
    return {name: tensor.detach().cpu().numpy().copy() for name, tensor in state.items()}


def tensors(tree: Mapping[str, Any]) -> dict[str, torch.Tensor]:
    """Arrays, and the numbers that arrays without axes became in a file, as tensors."""
    return {name: torch.from_numpy(np.array(array)) for name, array in tree.items()}


def module_tree(module: nn.Module) -> Tree:
    """Parameters and buffers by name."""
    return arrays(module.state_dict())


def checked(saved: Saved, own: Mapping[str, torch.Tensor], optional: Mapping[str, torch.Tensor] | None = None) -> Tree:
    """Arrays with the names, shapes and types of ``own``, all finite; of the ``optional`` ones where there are none.

    Raises ``ValueError`` that says which entry is not as expected.
    """
    optional = optional or {}
    saved.names(own.keys() - optional.keys(), optional)
    kinds = {name: (tuple(each.shape), each.detach().cpu().numpy().dtype) for name, each in own.items()}
    missing = {name: each for name, each in arrays(optional).items() if name not in saved}
    return {name: missing[name] if name in missing else saved.array(name, *kinds[name]) for name in own}


def unwritten(module: nn.Module) -> dict[str, torch.Tensor]:
    """What buffers that older states lack were then: a module tells by its ``unwritten``."""
    return {
        f"{path}.{name}".lstrip("."): value
        for path, each in module.named_modules()
        for name, value in getattr(each, "unwritten", dict)().items()
    }


def checked_module(saved: Saved, module: nn.Module) -> Tree:
    """A state of ``module``. Raises ``ValueError`` for the state of another one."""
    return checked(saved, module.state_dict(), unwritten(module))


def restore_module(module: nn.Module, tree: Mapping[str, Any]) -> None:
    """Put back what ``module_tree`` returned. Raises ``ValueError`` where it does not fit."""
    module.load_state_dict(tensors(checked_module(Saved(tree, "network"), module)))


def optimizer_tree(optimizer: torch.optim.Optimizer) -> Tree:
    """What the optimizer remembers of each parameter, by its number."""
    return {str(i): arrays(memory) for i, memory in optimizer.state_dict()["state"].items()}


def checked_optimizer(saved: Saved, vector: torch.Tensor, n_updates: int) -> Tree:
    """A state of Adam for one ``vector`` of parameters after at most ``n_updates``. Raises ``ValueError``."""
    if not saved.state and n_updates == 0:
        return {}
    saved.names(["0"])
    memory = saved.part("0")
    memory.names(["step", "exp_avg", "exp_avg_sq"])
    shape, dtype = tuple(vector.shape), vector.detach().cpu().numpy().dtype
    step = np.float32(memory.number("step", least=1, most=n_updates))
    squares = memory.array("exp_avg_sq", shape, dtype, least=0)
    return {"0": {"step": step, "exp_avg": memory.array("exp_avg", shape, dtype), "exp_avg_sq": squares}}


def restore_optimizer(optimizer: torch.optim.Optimizer, tree: Mapping[str, Any]) -> None:
    """Put back what ``optimizer_tree`` returned."""
    groups = optimizer.state_dict()["param_groups"]
    state = {int(i): tensors(memory) for i, memory in tree.items()}
    optimizer.load_state_dict({"state": state, "param_groups": groups})
