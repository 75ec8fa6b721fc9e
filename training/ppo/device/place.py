"""Which device a run keeps its arrays on, whether it is there, and whether they have room."""

from __future__ import annotations

import os

import numpy as np
import torch

from ....envs.core.errors import PacesetterError
from ....envs.core.group import Group
from ...experiments.experiment import Experiment
from ...experiments.settings import FollowerSettings

FLOAT = 4
SPARE = 0.95  # of what is free may be asked for


def device_of(experiment: Experiment) -> torch.device:
    """The torch device of an experiment that is trained on one.

    Raises:
        PacesetterError: torch has no CUDA, there is no such device, or too little memory on it.
    """
    name = experiment.training.device
    assert name is not None
    if name == "cuda":
        _check_cuda()
    needed, free = memory_needed(experiment), free_memory(name)
    if needed > SPARE * free:
        training = experiment.training
        raise PacesetterError(
            f"training.device: {name} would need about {needed / 1e9:.3g} GB for "
            f"{training.copies} copies of {training.rollout_steps} steps, and {free / 1e9:.3g} GB "
            f"are free; set training.copies to {_most_copies(experiment, free)} or less, or lower "
            "training.rollout_steps."
        )
    return torch.device(name)


def _check_cuda() -> None:
    if torch.version.cuda is None:
        raise PacesetterError(
            f"training.device: cuda needs a torch that is built for CUDA, and this one "
            f"({torch.__version__}) is not; install one as pytorch.org says for your system, or "
            "set training.device: cpu."
        )
    if not torch.cuda.is_available() or not torch.cuda.device_count():
        raise PacesetterError(
            f"training.device: cuda, and torch {torch.__version__} finds no such device here. See "
            "whether 'nvidia-smi' shows one, that its driver is new enough for CUDA "
            f"{torch.version.cuda}, and that CUDA_VISIBLE_DEVICES does not hide it; or set "
            "training.device: cpu."
        )


def free_memory(name: str) -> float:
    """Bytes that nobody uses on a device."""
    if name == "cuda":
        free, _ = torch.cuda.mem_get_info()
        kept = torch.cuda.memory_reserved() - torch.cuda.memory_allocated()
        return float(free + kept)
    try:
        return float(os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (ValueError, OSError):
        return 8e9


def memory_needed(experiment: Experiment, copies: int | None = None) -> float:
    """Bytes that rollouts, shocks, advantages and minibatches take, estimated.

    Args:
        experiment: whose arrays are meant.
        copies: B; its own if None.
    """
    training, market = experiment.training, experiment.market
    copies = training.copies if copies is None else copies
    steps = copies * training.rollout_steps
    shocks = sum(shock.size for shock in market.step_shocks.values())
    starts = training.rollout_steps / market.steps_per_episode + 1
    again = sum(shock.size for shock in market.reset_shocks.values())
    total = FLOAT * copies * (training.rollout_steps * shocks + starts * again)
    for group in market.groups:
        settings = experiment.followers_of(group.name)
        total += steps * group.size * _per_decision(group, settings)
        rows = min(settings.minibatch_size, steps * group.size)
        width = sum(settings.hidden_layers)
        total += FLOAT * 6 * width * (rows + copies * group.size)
    return total


def _per_decision(group: Group, settings: FollowerSettings) -> float:
    """Bytes of one row: what is kept of it, the noise, values and advantages, its place."""
    space, action = group.observation_space, group.action_space
    entries = int(np.prod(action.shape, dtype=int)) or 2
    inputs = 2 * entries if settings.kl_coefficient > 0 else 0
    return FLOAT * (1.25 * (space.shape[0] + 3) + 2 * entries + inputs + 12) + 24


def _most_copies(experiment: Experiment, free: float) -> int:
    """How many would fit."""
    one = memory_needed(experiment, 1)
    return max(1, int(SPARE * free / one))
