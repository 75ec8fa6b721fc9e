"""Percent of the machine: how much of an iteration's time its products of matrices take alone."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from torch import nn

from ..compiled.products import forward_products, minibatch_products
from ..experiments.experiment import Experiment
from ..policies.inference import block_size, shape_of
from ..policies.network import ActorCritic
from ..policies.specification import model_config, module_spaces


def seconds_of_products(
    experiment: Experiment, clock: Callable[[], float] = time.perf_counter
) -> Callable[[], float]:
    """A measurement of all products of one iteration of the followers: acting, values, learning.

    Args:
        experiment: every group decides in every step of every copy.
        clock: by which the iteration is measured, too.
    """
    training = experiment.training
    work: list[Callable[[], None]] = []
    for group in experiment.market.groups:
        observation, action = module_spaces(experiment)[group.name]
        module = ActorCritic(observation, action, model_config(experiment, group.name))
        settings = experiment.followers_of(group.name)
        decisions = training.copies * group.size
        rows = decisions * training.rollout_steps
        size = min(rows, settings.minibatch_size or rows)
        assert module.critic is not None
        actor, critic = _Products(module.actor), _Products(module.critic)
        work += [
            actor.of(decisions, training.rollout_steps, learning=False),
            critic.of(rows, 1, learning=False),
        ]
        for network in (actor, critic):
            work.append(network.of(size, settings.epochs * (rows // size), learning=True))

    def measure() -> float:
        began = clock()
        for piece in work:
            piece()
        return clock() - began

    return measure


class _Products:
    """Those of one network."""

    def __init__(self, network: nn.Sequential):
        _, self._widths, parameters = shape_of(network)
        self._flat = np.concatenate([p.detach().numpy().reshape(-1) for p in parameters])

    def of(self, rows: int, times: int, learning: bool) -> Callable[[], None]:
        """So many rows, in blocks, so many times."""
        generator, widths = np.random.default_rng(0), self._widths
        inputs = generator.standard_normal((rows, widths[0]), dtype=np.float32)
        size = block_size(rows)
        kept = np.empty(size * widths[1:].sum(), dtype=np.float32)
        room = generator.standard_normal(2 * size * widths.max(), dtype=np.float32)
        gradient = np.empty_like(self._flat)

        def multiply() -> None:
            for _ in range(times):
                if learning:
                    minibatch_products(inputs, size, self._flat, widths, kept, gradient, room)
                    continue
                for start in range(0, rows, size):
                    forward_products(inputs[start : start + size], self._flat, widths, kept)

        return multiply
