"""Several GPUs, or several machines: the processes of one training, through the package lightning-fabric, an extra.

    fabric = launch(n_processes=4)                      # this script now runs in four processes
    for record in model.fit(data, fabric=fabric): ...   # each computes a part of every batch; all learn the same

Every process draws its rows from the same order of the data, and the gradients are summed in one message for each
update (``generative.training``). Only the first, with ``fabric.is_global_zero``, should print and write files.
"""

from importlib import import_module
from typing import Any


def launch(n_processes: int | str = "auto", n_machines: int = 1, accelerator: str = "auto") -> Any:
    """Start the other processes, which run this script from its beginning, and return the Fabric that connects them.

    n_processes : on each machine; "auto" for one on each GPU, or one on the CPU
    accelerator : "cpu", "cuda", or "auto" for the fastest there is

    Under ``torchrun`` or Slurm, the processes that these have started are connected. Raises ``ModuleNotFoundError``
    where the package is not installed.
    """
    try:
        fabric: Any = import_module("lightning_fabric").Fabric
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "expected the package lightning-fabric, which connects processes; found none: "
            'pip install "born[distributed]"'
        ) from None
    processes = fabric(accelerator=accelerator, devices=n_processes, num_nodes=n_machines, strategy="ddp")
    processes.launch()
    return processes
