"""Who samples and who learns: on the processor, or on the torch device that a run names."""

from __future__ import annotations

import torch

from ...envs.core.group import LEADER
from ..experiments.experiment import Experiment
from ..policies.network import ActorCritic
from .device.sampler import DeviceSampler
from .device.trainee import DeviceTrainee
from .sampler import Sampler
from .update import FlatParameters, Trainee


def sampler_of(experiment: Experiment, worker: int = 0) -> Sampler | DeviceSampler:
    """What samples an experiment."""
    if experiment.training.device is None:
        return Sampler(experiment, worker)
    return DeviceSampler(experiment, worker)


def trainee_of(
    experiment: Experiment, name: str, module: ActorCritic, flat: FlatParameters
) -> Trainee | DeviceTrainee:
    """What trains a module; a leader's few decisions are learned from on the processor."""
    training = experiment.training
    if training.device is None or name == LEADER:
        return Trainee(name, module, flat, flat.optimizer(), training.learner_threads)
    device = torch.device(training.device)
    return DeviceTrainee(name, module, flat, flat.optimizer(), device, training.cuda_graphs)


SHUFFLES = ("shuffle", "device_shuffle")
"""Keys of a state of `Shuffles`."""


class Shuffles:
    """Generators of the order in which batches are gone through.

    Args:
        experiment: says where batches are.
        seed: of all of them.
    """

    def __init__(self, experiment: Experiment, seed: int):
        device = experiment.training.device
        self._main = torch.Generator().manual_seed(seed)
        self._device: torch.Generator | None = None
        if device is not None:
            self._device = torch.Generator(device=device).manual_seed(seed)

    def of(self, name: str) -> torch.Generator:
        """That of a module."""
        return self._main if self._device is None or name == LEADER else self._device

    def state(self) -> dict[str, torch.Tensor]:
        """What `restore` goes on from."""
        state = {"shuffle": self._main.get_state()}
        if self._device is not None:
            state["device_shuffle"] = self._device.get_state()
        return state

    def restore(self, state: dict[str, torch.Tensor]) -> None:
        """Go on from what `state` returned."""
        self._main.set_state(state["shuffle"])
        if self._device is not None and "device_shuffle" in state:
            self._device.set_state(state["device_shuffle"])
