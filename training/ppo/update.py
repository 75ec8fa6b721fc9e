"""PPO's update of one module: its own epochs and minibatches, and no waste.

Same mathematics as RLlib's `PPOTorchLearner` (a test holds the two together), but the parameters of
a module lie in one buffer, so that Adam, the norm of the gradient and the check for finite numbers
are one operation each; gradients are written out (`gradients.py`); and what is only reported is
computed once per update.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import nn

from ...envs.core.errors import PacesetterError
from ..policies.network import ActorCritic
from .columns import GRADIENT_NORM, LOG_PROBABILITY, Columns
from .gradients import LossOptions, write_gradient


class NonFiniteTrainingError(PacesetterError):
    """A loss or gradient stopped being a number; the step was not taken."""


class FlatParameters:
    """All parameters of a module as views of one buffer, and their gradients of another.

    Args:
        module: its parameters are re-pointed into the buffer; values stay.
    """

    def __init__(self, module: nn.Module):
        parameters = list(module.parameters())
        values = torch.cat([p.detach().reshape(-1) for p in parameters])
        self.buffer = nn.Parameter(values)
        self.buffer.grad = torch.zeros_like(values)
        start = 0
        for parameter in parameters:
            end = start + parameter.numel()
            parameter.data = self.buffer.data[start:end].view_as(parameter)
            parameter.grad = self.buffer.grad[start:end].view_as(parameter)
            start = end

    def optimizer(self) -> torch.optim.Adam:
        """One fused Adam over all of them."""
        return torch.optim.Adam([self.buffer], fused=True)

    def clip(self, largest_norm: float) -> float:
        """Scale the gradient to at most the given norm; return the norm it had."""
        gradient = self.buffer.grad
        assert gradient is not None
        norm = float(torch.linalg.vector_norm(gradient))
        if norm > largest_norm:
            gradient.mul_(largest_norm / (norm + 1e-6))
        return norm


@dataclass(frozen=True)
class UpdateOptions:
    """How often a batch is gone through, and in what steps.

    Attributes:
        epochs: passes over the batch.
        minibatch_size: rows of a gradient step; None: all.
        largest_norm: of a gradient.
        loss: weights of the terms.
    """

    epochs: int
    minibatch_size: int | None
    largest_norm: float
    loss: LossOptions


@dataclass(frozen=True)
class Trainee:
    """A module with what trains it.

    Attributes:
        name: of the module.
        module: with its critic.
        flat: its parameters.
        optimizer: over `flat`.
    """

    name: str
    module: ActorCritic
    flat: FlatParameters
    optimizer: torch.optim.Optimizer

    def update(
        self, columns: Columns, options: UpdateOptions, shuffle: torch.Generator
    ) -> dict[str, float]:
        """Go through a batch; the terms of the loss in the last step, and its gradient's norm.

        Raises:
            NonFiniteTrainingError: a gradient is not finite.
        """
        rows = len(columns[LOG_PROBABILITY])
        size = min(rows, options.minibatch_size or rows)
        minibatches = rows // size  # the remainder joins the last one
        last = options.epochs * minibatches - 1
        gathered = {key: torch.empty_like(column) for key, column in columns.items()}
        terms: dict[str, float] = {}
        for epoch in range(options.epochs):
            order = torch.randperm(rows, generator=shuffle)
            for key, column in columns.items():
                torch.index_select(column, 0, order, out=gathered[key])
            for number in range(minibatches):
                start = number * size
                end = rows if number == minibatches - 1 else start + size
                part = {key: column[start:end] for key, column in gathered.items()}
                report = epoch * minibatches + number == last
                terms = self._step(part, options, report)
        return terms

    def _step(self, part: Columns, options: UpdateOptions, report: bool) -> dict[str, float]:
        """One gradient step on one minibatch."""
        terms = write_gradient(self.module, part, options.loss, report)
        norm = self.flat.clip(options.largest_norm)
        if not math.isfinite(norm):
            raise NonFiniteTrainingError(
                f"the gradient of module {self.name!r} is not finite; the step was not taken. "
                "Lower its learning rate or clip, or check the market's rewards with 'pacesetter "
                "check'."
            )
        self.optimizer.step()
        return terms | {GRADIENT_NORM: norm}
