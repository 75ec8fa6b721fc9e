"""Playing trained policies out: the one loop that every evaluation uses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from ..experiments.experiment import Experiment
from .step_limit import StepLimit

Theta = NDArray[np.float64] | Callable[[Any], NDArray[np.float64]]
"""θ for all copies ``(d,)`` or each ``(B, d)``, or a leader: market state -> ``(B, d)``."""


class Actors(Protocol):
    """Whoever decides for all followers: trained `Policies`, or a benchmark."""

    def act(
        self, state: Any, generator: torch.Generator, greedy: bool = False
    ) -> dict[str, NDArray[Any]]:
        """Actions in a market state, group -> ``(B, N, …)``."""


@dataclass(frozen=True)
class Played:
    """What happened in E episodes of T steps in B copies.

    Attributes:
        quantities: path quantities, name -> ``(E, T, B, …)``; NaN after an episode that ended
            before its horizon.
        rewards: group -> reward per agent, before information costs, ``(E, T, B)``; NaN likewise.
        objective: the leader's rewards, one per interval, ``(intervals,)``.
        episode: which of the E · B episodes each of them is from, ``(intervals,)``; those of one
            episode are not independent.
    """

    quantities: dict[str, NDArray[np.float64]]
    rewards: dict[str, NDArray[np.float64]]
    objective: NDArray[np.float64]
    episode: NDArray[np.int64]


def play(
    experiment: Experiment,
    policies: Actors,
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
    game = experiment.game()
    game.reset(settings.seed, copies)
    generator = torch.Generator().manual_seed(settings.seed)
    quantities: dict[str, list[Any]] = {name: [] for name in market.quantities}
    rewards: dict[str, list[Any]] = {group.name: [] for group in market.groups}
    objective, episode = [], []
    everywhere = np.ones(copies, dtype=bool)
    with StepLimit(experiment.training.step_timeout_seconds) as limit:
        for number in range(episodes):
            going = everywhere
            for time in range(market.steps_per_episode):
                limit.begin()
                turn = game.leader_turn()
                if turn.any():
                    chosen = theta(game.market_state) if callable(theta) else theta
                    game.set_theta(market.characteristics.validate(chosen, copies), turn)
                step = game.step(policies.act(game.market_state, generator, greedy))
                for name, value in step.quantities.items():
                    quantities[name].append(_where(going, value))
                for name, reward in step.rewards.items():
                    rewards[name].append(_where(going, np.mean(reward, axis=1)))
                if (paid := step.interval_ended & going).any():
                    objective.append(step.leader_reward[paid])
                    episode.append(number * copies + np.flatnonzero(paid))
                ended = step.terminated | step.truncated
                if ended.any() and time < market.steps_per_episode - 1:
                    # The copy plays on, as the batch has one length, but what it does is left out.
                    going = going & ~ended
                    game.restart(ended)
            game.restart(everywhere)

    def by_episode(values: list[Any]) -> NDArray[np.float64]:
        stacked = np.stack(values)
        return stacked.reshape(episodes, market.steps_per_episode, *stacked.shape[1:])

    return Played(
        {name: by_episode(values) for name, values in quantities.items()},
        {name: by_episode(values) for name, values in rewards.items()},
        np.concatenate(objective),
        np.concatenate(episode),
    )


def _where(going: NDArray[np.bool_], value: Any) -> NDArray[np.float64]:
    """NaN in the copies that have ended; ``value`` is ``(B, …)``."""
    value = np.asarray(value)
    if going.all():
        return value
    return np.where(going.reshape(-1, *[1] * (value.ndim - 1)), value, np.nan)
