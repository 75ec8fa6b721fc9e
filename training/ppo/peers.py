"""Learners that share every minibatch, each in its process, through torch's process group.

RLlib sets the group up: gloo between processors, NCCL between graphics cards. All learners must ask
the same in the same order; whatever they ask waits for the others.
"""

from __future__ import annotations

import torch
import torch.distributed
from torch import Tensor


class PeerLostError(RuntimeError):
    """Another learner has gone; what happened to it is told by its own error."""


class Peers:
    """This learner's door to the others.

    Attributes:
        number: of this learner, from 0.
        count: of all.
    """

    def __init__(self) -> None:
        self.number = torch.distributed.get_rank()
        self.count = torch.distributed.get_world_size()

    def add_up(self, values: Tensor) -> None:
        """Replace values by their sums over all learners, in which all agree to the last digit."""
        try:
            torch.distributed.all_reduce(values)
        except RuntimeError as error:
            raise PeerLostError("another learner is gone") from error

    def take_from_first(self, values: Tensor) -> None:
        """Replace values by those of learner 0."""
        try:
            torch.distributed.broadcast(values, 0)
        except RuntimeError as error:
            raise PeerLostError("another learner is gone") from error

    def moments(self, values: Tensor, rows: int) -> tuple[Tensor, Tensor]:
        """Mean and variance over the last axis of what all learners hold together.

        Args:
            values: of this learner, ``(k, r)``.
            rows: of all learners together.

        Returns:
            Two of ``(k,)``, in single precision.
        """
        wide = values.double()
        mean = wide.sum(-1)
        self.add_up(mean)
        mean /= rows
        squares = (wide - mean[:, None]).square().sum(-1)
        self.add_up(squares)
        return mean.float(), (squares / rows).float()
