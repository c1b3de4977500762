"""States of torch modules and optimizers as nested dictionaries of arrays and numbers, and back."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

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


def restore_module(module: nn.Module, tree: Mapping[str, Any]) -> None:
    """Put back what ``module_tree`` returned. Raises ``ValueError`` where names or shapes differ."""
    own, state = module.state_dict(), tensors(tree)
    if own.keys() != state.keys() or any(own[name].shape != state[name].shape for name in own):
        raise ValueError(f"expected a state with {len(own)} arrays of a network of this shape, found another network")
    module.load_state_dict(state)


def optimizer_tree(optimizer: torch.optim.Optimizer) -> Tree:
    """What the optimizer remembers of each parameter, by its number."""
    return {str(i): arrays(memory) for i, memory in optimizer.state_dict()["state"].items()}


def restore_optimizer(optimizer: torch.optim.Optimizer, tree: Mapping[str, Any]) -> None:
    """Put back what ``optimizer_tree`` returned."""
    groups = optimizer.state_dict()["param_groups"]
    state = {int(i): tensors(memory) for i, memory in tree.items()}
    optimizer.load_state_dict({"state": state, "param_groups": groups})
