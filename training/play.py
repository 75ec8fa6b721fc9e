"""Playing trained policies out: the one loop that every evaluation uses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..leaders.game import StackelbergGame
from .experiment import Experiment
from .policies import Policies

Theta = NDArray[np.float64] | Callable[[Any], NDArray[np.float64]]
"""θ for all copies ``(d,)`` or each ``(B, d)``, or a leader: market state -> ``(B, d)``."""


@dataclass(frozen=True)
class Played:
    """What happened in E episodes of T steps in B copies.

    Attributes:
        quantities: path quantities, name -> ``(E, T, B, …)``.
        rewards: group -> reward per agent, before information costs, ``(E, T, B)``.
        objective: the leader's rewards, one per interval, ``(E · intervals · B,)``.
    """

    quantities: dict[str, NDArray[np.float64]]
    rewards: dict[str, NDArray[np.float64]]
    objective: NDArray[np.float64]


def play(
    experiment: Experiment,
    policies: Policies,
    theta: Theta,
    copies: int | None = None,
    episodes: int | None = None,
    greedy: bool = False,
) -> Played:
    """Play with actions drawn from the policies, as in training, or greedily.

    Args:
        experiment: its market, objective and evaluation settings.
        policies: who acts.
        theta: the leader's answer, or the leader.
        copies, episodes: B and E; the evaluation settings' own if None.
        greedy: every follower plays its most likely action.
    """
    settings = experiment.evaluation
    copies, episodes = copies or settings.copies, episodes or settings.episodes
    market = experiment.market
    game = StackelbergGame(market, experiment.objective, experiment.leader.interval)
    game.reset(settings.seed, copies)
    generator = torch.Generator().manual_seed(settings.seed)
    quantities: dict[str, list[Any]] = {name: [] for name in market.quantities}
    rewards: dict[str, list[Any]] = {group.name: [] for group in market.groups}
    objective = []
    everywhere = np.ones(copies, dtype=bool)
    for _ in range(episodes):
        for _ in range(market.steps_per_episode):
            turn = game.leader_turn()
            if turn.any():
                chosen = theta(game.market_state) if callable(theta) else theta
                game.set_theta(market.characteristics.validate(chosen, copies), turn)
            step = game.step(policies.act(game.market_state, generator, greedy))
            for name, value in step.quantities.items():
                quantities[name].append(value)
            for name, reward in step.rewards.items():
                rewards[name].append(np.mean(reward, axis=1))
            if step.interval_ended.any():
                objective.append(step.leader_reward[step.interval_ended])
        game.restart(everywhere)

    def by_episode(values: list[Any]) -> NDArray[np.float64]:
        stacked = np.stack(values)
        return stacked.reshape(episodes, market.steps_per_episode, *stacked.shape[1:])

    return Played(
        {name: by_episode(values) for name, values in quantities.items()},
        {name: by_episode(values) for name, values in rewards.items()},
        np.concatenate(objective),
    )
