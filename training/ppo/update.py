"""PPO's update of one module: its own epochs and minibatches, and no waste.

Same mathematics as RLlib's `PPOTorchLearner` (a test holds the two together), but the parameters of
a module lie in one buffer, so that Adam, the norm of the gradient and the check for finite numbers
are one operation each; and gradients are written out: through compiled loops (`blocks.py`), or,
for networks that these do not know, in torch (`gradients.py`).
"""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ...envs.core.errors import PacesetterError
from ..compiled import adam
from ..policies.network import ActorCritic
from .blocks import BlockGradient, Writer
from .columns import GRADIENT_NORM, LOG_PROBABILITY, MEAN_KL, TERMS, Columns
from .gradients import LossOptions, write_gradient
from .peers import Peers
from .shares import Held


class NonFiniteTrainingError(PacesetterError):
    """A loss or gradient stopped being a number; the step was not taken."""


def non_finite(name: str) -> NonFiniteTrainingError:
    """What is said of a module whose gradient is not finite."""
    return NonFiniteTrainingError(
        f"the gradient of module {name!r} is not finite; the step was not taken. Lower its "
        "learning rate or clip, or check the market's rewards with 'pacesetter check'."
    )


class FlatParameters:
    """All parameters of a module as views of one buffer, and their gradients of another.

    Args:
        module: its parameters are re-pointed into the buffer; values stay.
    """

    def __init__(self, module: nn.Module):
        parameters = list(module.parameters())
        values = torch.cat([p.detach().reshape(-1) for p in parameters])
        self.buffer = nn.Parameter(values)
        self.gradient = self.buffer.grad = torch.zeros_like(values)
        start = 0
        for parameter in parameters:
            end = start + parameter.numel()
            parameter.data = self.buffer.data[start:end].view_as(parameter)
            parameter.grad = self.gradient[start:end].view_as(parameter)
            start = end
        self._values, self._slopes = self.buffer.detach().numpy(), self.gradient.numpy()
        self._moments: tuple[Tensor, ...] = ()
        self._moment_arrays: tuple[NDArray[np.float32], ...] = ()

    def optimizer(self) -> torch.optim.Adam:
        """One fused Adam over all of them."""
        return torch.optim.Adam([self.buffer], fused=True)

    def take_from_first(self, peers: Peers) -> None:
        """Start from, or go on with, the parameters of the first of several learners."""
        peers.take_from_first(self.buffer.data)

    def clip(self, largest_norm: float) -> float:
        """Scale the gradient to at most the given norm; return the norm it had."""
        norm = float(adam.norm(self._slopes))
        if norm > largest_norm:
            adam.scale(self._slopes, np.float32(largest_norm / (norm + 1e-6)))
        return norm

    def follow(self, optimizer: torch.optim.Optimizer) -> None:
        """One step of an `optimizer` of these parameters, on its own state."""
        state, options = optimizer.state[self.buffer], optimizer.param_groups[0]
        if not state:  # it makes its state with its first step
            optimizer.step()
            return
        count, first, second = self._arrays(state["step"], state["exp_avg"], state["exp_avg_sq"])
        count += 1
        adam.step(
            self._values,
            self._slopes,
            first,
            second,
            float(count),
            float(options["lr"]),
            options["betas"],
            options["eps"],
        )

    def _arrays(self, *moments: Tensor) -> tuple[NDArray[np.float32], ...]:
        """The same numbers for NumPy; kept, as torch takes longer for them than Adam does."""
        kept = len(self._moments) == len(moments)
        if not (kept and all(map(operator.is_, self._moments, moments))):
            self._moments, self._moment_arrays = moments, tuple(m.numpy() for m in moments)
        return self._moment_arrays


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


class Trainee:
    """A module with what trains it.

    Args:
        name: of the module.
        module: with its critic.
        flat: its parameters.
        optimizer: over `flat`.
        threads: that share a minibatch; the result does not depend on it.
    """

    def __init__(
        self,
        name: str,
        module: ActorCritic,
        flat: FlatParameters,
        optimizer: torch.optim.Optimizer,
        threads: int = 1,
    ):
        self.name, self.module, self.flat, self.optimizer = name, module, flat, optimizer
        self._blocks: BlockGradient | None = None
        if BlockGradient.knows(module):
            self._blocks = BlockGradient(module, flat.buffer.data, flat.gradient, threads)

    @property
    def compiled(self) -> bool:
        """Whether gradients come from compiled loops."""
        return self._blocks is not None

    def through_torch(self) -> None:
        """Write gradients in torch, as for networks that no loop knows."""
        self._blocks = None

    def update(
        self,
        columns: Columns,
        options: UpdateOptions,
        shuffle: torch.Generator,
        held: Held | None = None,
    ) -> dict[str, float]:
        """Go through a batch; the terms of the loss in the last step, and its gradient's norm.

        Args:
            columns: of the batch, or of the rows that this learner holds.
            options: how to go through it.
            shuffle: the same for all learners that share the batch.
            held: which rows the columns are, where others hold the rest; None: all.

        Raises:
            NonFiniteTrainingError: a gradient is not finite.
        """
        rows = len(columns[LOG_PROBABILITY]) if held is None else held.rows
        size = min(rows, options.minibatch_size or rows)
        minibatches = rows // size  # the remainder joins the last one
        ends = [*(size * number for number in range(1, minibatches)), rows]
        gradient = self._through_torch if self._blocks is None else self._blocks.of
        terms: dict[str, float] = {}
        for epoch in range(options.epochs):
            order = torch.randperm(rows, generator=shuffle)
            own, limits = (order, ends) if held is None else held.own(order, ends)
            write = gradient(columns, own, options.loss)
            begun = start = 0
            for end, limit in zip(ends, limits, strict=True):
                last = epoch == options.epochs - 1 and end == rows
                terms = write(start, limit, last)
                if held is not None:
                    share = (limit - start) / (end - begun)
                    terms = self._add_up(held.peers, share, terms if last else None)
                terms[GRADIENT_NORM] = self._step(options.largest_norm)
                begun, start = end, limit
        return terms

    def _through_torch(self, columns: Columns, order: Tensor, options: LossOptions) -> Writer:
        """What writes the gradient of part of an epoch, for networks that no loop knows."""
        gathered = {key: column.index_select(0, order) for key, column in columns.items()}

        def write(start: int, end: int, report: bool) -> dict[str, float]:
            part = {key: column[start:end] for key, column in gathered.items()}
            if start < end:
                return write_gradient(self.module, part, options, report)
            self.flat.gradient.zero_()  # others hold the rows of this minibatch
            priced = () if options.kl_coefficient is None else (MEAN_KL,)
            return dict.fromkeys((*TERMS, *priced), 0.0) if report else {}

        return write

    def _add_up(
        self, peers: Peers, share: float, terms: dict[str, float] | None
    ) -> dict[str, float]:
        """From the mean over the rows held here to that over the whole minibatch.

        Args:
            peers: who holds the other rows.
            share: of the minibatch's rows that are held here.
            terms: of the loss, over the rows held here; None: are not wanted.
        """
        self.flat.gradient.mul_(share)
        peers.add_up(self.flat.gradient)
        if terms is None:
            return {}
        sums = torch.tensor([terms[name] * share for name in terms], dtype=torch.float64)
        peers.add_up(sums)
        return dict(zip(terms, sums.tolist(), strict=True))

    def _step(self, largest_norm: float) -> float:
        """Follow the gradient that was written; returns its norm before it was clipped."""
        norm = self.flat.clip(largest_norm)
        if not math.isfinite(norm):
            raise non_finite(self.name)
        self.flat.follow(self.optimizer)
        return norm
