"""Polyak–Ruppert averaging: the policies handed over are means over the last iterations.

With a constant step the weights of a network keep jittering around the solution; their mean over
many iterations does not (Polyak & Juditsky 1992). Training itself is not touched.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from ..policies.network import ActorCritic
from ..runs.whole_files import whole_file

COUNT = "count"


class WeightAverage:
    """Running mean of the weights of live modules.

    Args:
        modules: module name -> network whose weights change under training.
    """

    def __init__(self, modules: Mapping[str, ActorCritic]):
        self._modules = modules
        self._mean: dict[str, dict[str, Tensor]] = {}
        self._count = 0

    def add(self) -> None:
        """Take the present weights into the mean."""
        self._count += 1
        for name, module in self._modules.items():
            mean = self._mean.setdefault(name, {})
            for key, value in module.state_dict().items():
                if key in mean:
                    mean[key] += (value.double() - mean[key]) / self._count
                else:
                    mean[key] = value.double().clone()

    def modules(self) -> dict[str, ActorCritic]:
        """Copies with the mean weights; with the present ones if there is no mean."""
        averaged = {name: copy.deepcopy(module) for name, module in self._modules.items()}
        for name, mean in self._mean.items():
            state = averaged[name].state_dict()
            averaged[name].load_state_dict({k: mean[k].to(state[k].dtype) for k in state})
        return averaged

    def save(self, path: Path) -> None:
        """Write the mean as safetensors."""
        tensors = {f"{n}/{k}": value for n, mean in self._mean.items() for k, value in mean.items()}
        with whole_file(path) as temporary:
            save_file({COUNT: torch.tensor(self._count), **tensors}, temporary)

    def restore(self, path: Path) -> None:
        """Go on from what `save` wrote."""
        tensors = load_file(path)
        self._count = int(tensors.pop(COUNT))
        for key, value in tensors.items():
            name, _, entry = key.partition("/")
            self._mean.setdefault(name, {})[entry] = value
