"""Percent of the machine: how much of an iteration's time its products of matrices take alone."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from torch import nn

from ...compiled.layers import turn
from ...compiled.products import forward_products, minibatch_products
from ...experiments.experiment import Experiment
from ...policies.inference import block_size, shape_of
from ...policies.network import ActorCritic
from ...policies.specification import model_config, module_spaces

BLOCK = 1024
"""Rows at which products alone are as fast as at any other number."""
PARTS = ("acting", "values", "learning")


def products_of(experiment: Experiment) -> dict[str, Callable[[], None]]:
    """All products of one iteration of the followers, by `PARTS`, each to be carried out by a call.

    Args:
        experiment: every group decides in every step of every copy.
    """
    training = experiment.training
    work: dict[str, list[Callable[[], None]]] = {part: [] for part in PARTS}
    for group in experiment.market.groups:
        observation, action = module_spaces(experiment)[group.name]
        module = ActorCritic(observation, action, model_config(experiment, group.name))
        decisions = training.copies * group.size
        rows = decisions * training.rollout_steps
        assert module.critic is not None
        actor, critic = _Products(module.actor), _Products(module.critic)
        work["acting"].append(actor.of(decisions, training.rollout_steps, learning=False))
        work["values"].append(critic.of(rows, 1, learning=False))
        # An epoch goes through all rows, whatever its minibatches are.
        epochs = experiment.followers_of(group.name).epochs
        work["learning"] += [network.of(rows, epochs, learning=True) for network in (actor, critic)]

    def together(pieces: list[Callable[[], None]]) -> Callable[[], None]:
        def carry_out() -> None:
            for piece in pieces:
                piece()

        return carry_out

    return {part: together(pieces) for part, pieces in work.items()}


def seconds_of_products(
    experiment: Experiment, clock: Callable[[], float] = time.perf_counter
) -> Callable[[], float]:
    """A measurement of all of `products_of`, by the clock by which iterations are measured."""
    work = products_of(experiment)

    def measure() -> float:
        began = clock()
        for carry_out in work.values():
            carry_out()
        return clock() - began

    return measure


class _Products:
    """Those of one network."""

    def __init__(self, network: nn.Sequential):
        _, self._widths, parameters = shape_of(network)
        self._flat = np.concatenate([p.detach().numpy().reshape(-1) for p in parameters])

    def of(self, rows: int, times: int, learning: bool) -> Callable[[], None]:
        """So many rows, so many times: in blocks of the learner, or of inference."""
        generator, widths = np.random.default_rng(0), self._widths
        inputs = generator.standard_normal((rows, widths[0]), dtype=np.float32)
        size = min(rows, BLOCK) if learning else block_size(rows)
        kept = np.empty(size * widths[1:].sum(), dtype=np.float32)
        given = generator.standard_normal(size * widths.max(), dtype=np.float32)
        room = np.empty_like(given)
        flat, turned, gradient = self._flat, np.empty_like(self._flat), np.empty_like(self._flat)
        turn(flat, widths, size, turned)

        def multiply() -> None:
            for _ in range(times):
                if learning:
                    minibatch_products(
                        *(inputs, size, flat, turned, widths, kept, gradient, given, room)
                    )
                    continue
                for start in range(0, rows, size):
                    forward_products(inputs[start : start + size], flat, turned, widths, kept)

        return multiply
