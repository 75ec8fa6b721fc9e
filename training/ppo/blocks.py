"""PPO's gradient through compiled loops, for the networks that these know.

Between the products of matrices an update does little arithmetic in many small steps, and with
networks of this size the steps of torch take longer than the arithmetic. Where the activation is
one that `compiled.layers` has, and everything is in single precision,
`gradients.write_gradient` is replaced by one call per minibatch. A test holds the two together.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ..compiled import gradient as loops
from ..compiled import heads
from ..compiled.crew import Crew
from ..policies.inference import block_size, shape_of
from ..policies.network import ActorCritic
from . import columns as names
from .columns import INFORMATION_PRICE, Columns
from .gradients import LossOptions

Writer = Callable[[int, int, bool], dict[str, float]]
"""Writes the gradient over rows from … to … of an epoch, and returns the terms if asked."""

REPORTED = {
    names.POLICY_LOSS: heads.POLICY_LOSS,
    names.VALUE_LOSS: heads.VALUE_LOSS,
    names.ENTROPY: heads.ENTROPY,
    names.CLIPPED_SHARE: heads.CLIPPED,
}


class BlockGradient:
    """The gradient of one module's loss, written into the flat vector that its parameters have.

    Args:
        module: with a critic, in single precision on the processor.
        values, gradient: its parameters and their gradients, ``(P,)``, in the module's own order:
            log deviations, actor, critic.
        threads: that share the blocks of a minibatch; the result does not depend on it.
    """

    def __init__(self, module: ActorCritic, values: Tensor, gradient: Tensor, threads: int = 1):
        assert module.critic is not None
        self._module = module
        self._flat, self._gradient = values.detach().numpy(), gradient.numpy()
        self._discrete = module.log_deviation is None
        deviations = module.log_deviation
        first = 0 if deviations is None else deviations.numel()
        (activation, actor, parameters), critic = shape_of(module.actor), shape_of(module.critic)
        learned = deviations is not None and deviations.requires_grad
        size_of_actor = sum(parameter.numel() for parameter in parameters)
        self._layout = (first, first + size_of_actor, actor, critic.widths, activation, learned)
        self._crew, self._tile = Crew(threads), loops.TILE
        self._rooms = [np.empty(0, dtype=np.float32) for _ in range(threads)]

    @staticmethod
    def knows(module: ActorCritic) -> bool:
        """Whether the loops can go through this module."""
        networks = [n for n in (module.actor, module.critic) if n is not None]
        kinds = {shape_of(network).activation for network in networks}
        return len(networks) == 2 and len(kinds) == 1 and None not in kinds

    def of(self, columns: Columns, order: Tensor, options: LossOptions) -> Writer:
        """What writes the gradient of the mean loss over part of a batch.

        Args:
            columns: of the batch, ``(R, …)``.
            order: in which its rows are gone through, ``(R,)``.
            options: weights of the terms.
        """
        read, rows = self._read(columns, options), order.numpy()
        go_through = loops.categorical_minibatch if self._discrete else loops.normal_minibatch
        coefficients = (options.clip, options.entropy_coefficient, options.kl_coefficient or 0.0)
        of_values = (self._module.value_scale, options.value_coefficient)

        def write(start: int, end: int, report: bool) -> dict[str, float]:
            if start == end:  # others hold the rows of this minibatch
                self._gradient[:] = 0.0
                return _means(np.zeros((1, heads.TERMS)), 0.0, options) if report else {}
            size, share = block_size(end - start), 1.0 / (end - start)
            blocks = math.ceil((end - start) / size)
            gradients = np.empty((blocks, len(self._flat)), dtype=np.float32)
            terms = np.zeros((blocks, heads.TERMS))
            of_policy, of_value = _single(*coefficients, share), _single(*of_values, share)
            sizes = (size, self._tile)
            fixed = (read, of_policy, of_value, rows[start:end], sizes, self._flat, self._layout)

            def work(counter: NDArray[np.int64], thread: int) -> None:
                go_through(*fixed, gradients, terms, self._room_for(size, thread), counter)

            if blocks == 1:
                work(np.zeros(1, dtype=np.int64), 0)
            else:
                self._crew.run(work, end - start)
            loops.add_up(gradients, self._gradient)
            return _means(terms, share, options) if report else {}

        return write

    def _read(self, columns: Columns, options: LossOptions) -> tuple[Any, ...]:
        """Columns as the loops read them; empty where there are none."""
        prices = columns.get(INFORMATION_PRICE)
        old = None if options.kl_coefficient is None else columns[names.DISTRIBUTION_INPUTS]
        part = (
            columns[names.ACTIONS].numpy(),
            columns[names.LOG_PROBABILITY].numpy(),
            columns[names.ADVANTAGES].numpy(),
            np.empty(0, np.float32) if prices is None else prices.numpy(),
            np.empty((0, 0), np.float32) if old is None else old.numpy(),
        )
        return columns[names.OBSERVATIONS].numpy(), columns[names.VALUE_TARGETS].numpy(), part

    def _room_for(self, size: int, thread: int) -> NDArray[np.float32]:
        _, _, actor, critic, _, _ = self._layout
        needed = 2 * len(self._flat) + loops.room_of(min(size, self._tile), actor, critic)
        if len(self._rooms[thread]) < needed:
            self._rooms[thread] = np.empty(needed, dtype=np.float32)
        return self._rooms[thread]


def _means(terms: NDArray[np.float64], share: float, options: LossOptions) -> dict[str, float]:
    """What is reported of the loss, from the blocks' sums."""
    means = terms.sum(axis=0) * share
    result = {name: float(means[entry]) for name, entry in REPORTED.items()}
    if options.kl_coefficient is not None:
        result[names.MEAN_KL] = float(means[heads.DIVERGENCE])
    return result


def _single(*values: float) -> tuple[np.float32, ...]:
    return tuple(np.float32(value) for value in values)
