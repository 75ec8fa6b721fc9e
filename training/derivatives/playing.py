"""One episode of every copy under given θ, in NumPy or torch: what the objective is worth there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...envs.core.arrays import detached, namespace
from ...envs.core.errors import PacesetterError
from ..experiments.experiment import Experiment

Act = Callable[[Any], dict[str, Any]]
"""From the state of the market to actions, group -> ``(B, N, …)``."""


@dataclass(frozen=True)
class Episode:
    """What one episode of B copies is worth.

    Attributes:
        values: mean over the leader's intervals of what the objective pays, ``(B,)``, of the
            namespace of θ.
        quantities: path quantity -> mean over copies, agents and steps.
    """

    values: Any
    quantities: dict[str, float]


def play_episode(experiment: Experiment, theta: Any, seed: int, act: Act) -> Episode:
    """Play one episode with θ as it stands; gradients flow where θ and the actions carry them.

    Args:
        experiment: its market, objective and interval.
        theta: ``(B, d)``, NumPy or torch. Copy b has the seed ``seed + b``, whatever θ is.
        seed: of the market.
        act: who acts for all followers.
    """
    game = experiment.game(experiment.measure)
    copies = theta.shape[0]
    game.reset(seed, copies, theta)
    total: Any = 0.0
    paid = np.zeros(copies)
    going = np.ones(copies, dtype=bool)
    sums: dict[str, float] = {}
    steps = experiment.market.steps_per_episode
    for time in range(steps):
        step = game.step(act(game.market_state))
        counted = step.interval_ended & going
        if counted.any():
            total = total + _where(counted, step.leader_reward)
            paid += counted
        for name, value in step.quantities.items():
            sums[name] = sums.get(name, 0.0) + float(detached(value).mean())
        ended = step.terminated | step.truncated
        going = going & ~ended
        if not going.any():
            steps = time + 1
            break
        if ended.any():
            game.restart(ended)
    number = np.maximum(paid, 1.0)
    return Episode(
        total / _like(number, total), {name: value / steps for name, value in sums.items()}
    )


def play_path(experiment: Experiment, theta: Any, seed: int, act: Act) -> dict[str, Any]:
    """What the objective records of one whole episode, name -> ``(B, T, …)``; see `play_episode`.

    Raises:
        PacesetterError: an episode ended before its horizon, so that paths differ in length.
    """
    market, record = experiment.market, experiment.measure.record
    state = market.reset(seed, theta.shape[0], theta)
    kept: dict[str, list[Any]] = {}
    for time in range(1, market.steps_per_episode + 1):
        step = market.step(state, act(state))
        state = step.state
        for name, value in record(step).items():
            kept.setdefault(name, []).append(value)
        if time < market.steps_per_episode and detached(step.terminated).any():
            raise PacesetterError(
                f"statistics of whole episodes cannot be compared where episodes end early: one of "
                f"market {market.name!r} ended after {time} of {market.steps_per_episode} steps."
            )
    return {name: namespace(steps[0]).stack(steps, axis=1) for name, steps in kept.items()}


def _where(rows: np.ndarray, values: Any) -> Any:
    """The values in some rows, zero elsewhere; a product would make NaN of what is infinite."""
    if rows.all():
        return values
    if isinstance(values, np.ndarray):
        return np.where(rows, values, 0.0)
    import torch

    return torch.where(torch.from_numpy(rows), values, 0.0)


def _like(array: np.ndarray, other: Any) -> Any:
    if isinstance(other, np.ndarray):
        return array
    import torch

    return torch.from_numpy(array)
