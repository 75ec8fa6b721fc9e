"""Acting and remembering: what a module does in B copies, kept as the arrays it learns from."""

from __future__ import annotations

from copy import deepcopy
from typing import Any, NamedTuple

import numpy as np
import torch
from gymnasium.spaces import Discrete
from numpy.typing import NDArray
from torch import Tensor

from ...envs.core.group import Group
from ...leaders.game import GameStep
from ..compiled.crew import Crew
from ..experiments.settings import FollowerSettings
from ..policies import distributions, inference
from ..policies.actions import to_action_space
from ..policies.turns import Turns
from .rollout import ClosedIntervals, ModuleRollout, leader_rollout


class Room(NamedTuple):
    """Steps of a recorder to be written.

    Attributes:
        steps: their indices.
        observations: ``(k, B, N, D)``.
        actions: ``(k, B, N, A)``, on the normalised scale.
    """

    steps: slice
    observations: NDArray[np.float32]
    actions: NDArray[Any]


class FollowerRecorder:
    """The experience of one group over T steps.

    Args:
        group: the followers.
        steps, copies: T and B.
        settings: of the followers.
        crew: threads that share what the network is asked; None: this one alone.
    """

    def __init__(
        self,
        group: Group,
        steps: int,
        copies: int,
        settings: FollowerSettings,
        crew: Crew | None = None,
    ):
        self.group = group
        self._crew = crew
        self._bounds = settings.action_bounds
        self.discrete = isinstance(group.action_space, Discrete)
        # Whether information costs enter the rewards.
        self.pays_information = settings.information_cost and group.information_cost
        rows = (steps, copies, group.size)
        self._observations = np.empty((*rows, *group.observation_space.shape), dtype=np.float32)
        self._actions = np.empty(
            (*rows, *group.action_space.shape), dtype=np.int64 if self.discrete else np.float32
        )
        self._log_probability = np.empty(rows, dtype=np.float32)
        self._rewards = np.empty(rows, dtype=np.float32)
        self._price = np.empty(rows, dtype=np.float32) if self.pays_information else None
        self._deciding: NDArray[np.bool_] | None = None
        self._inputs: NDArray[np.float32] | None = None
        self._keeps_inputs = settings.kl_coefficient > 0
        self.information_paid = 0.0

    def heed(self, time: int, deciding: NDArray[Any]) -> None:
        """Note whose action counts in this step, ``(B, N)``; all, where nobody says so."""
        if self._deciding is None:
            self._deciding = np.ones(self._rewards.shape, dtype=bool)
        self._deciding[time] = deciding > 0

    def act(
        self, time: int, module: Any, observation: NDArray[Any], price: Any, generator: Any
    ) -> NDArray[Any]:
        """Draw an action per agent, ``(B, N, …)`` in the group's action space.

        Args:
            time: index of the step.
            module: the group's `ActorCritic`.
            observation: ``(B, N, D)``.
            price: of information, ``(B, N)``; read if the group pays for it.
            generator: torch generator of the runner.
        """
        copies, agents = observation.shape[:2]
        self._observations[time] = observation
        rows = torch.from_numpy(self._observations[time]).reshape(copies * agents, -1)
        inputs = inference.distribution_inputs(module, rows, self._crew)
        drawn = distributions.sample(inputs, self.discrete, generator, self.pays_information)
        self._actions[time] = drawn.actions.numpy().reshape(self._actions.shape[1:])
        self._log_probability[time] = drawn.log_probability.numpy().reshape(copies, agents)
        if drawn.information is not None and self._price is not None:
            cost = price * drawn.information.numpy().reshape(copies, agents)
            self._price[time] = price
            self._rewards[time] = -cost
        else:
            self._rewards[time] = 0.0
        if self._keeps_inputs:
            if self._inputs is None:
                shape = (*self._rewards.shape, inputs.shape[-1])
                self._inputs = np.empty(shape, dtype=np.float32)
            self._inputs[time] = inputs.numpy().reshape(copies, agents, -1)
        return to_action_space(self._actions[time], self.group.action_space, self._bounds)

    def room(self, time: int, number: int) -> Room:
        """Where so many steps from an index on are written, by who plays them all at once."""
        part = slice(time, time + number)
        return Room(part, self._observations[part], self._actions[part])

    def fill(
        self, room: Room, noise: Tensor, log_deviation: Tensor, rewards: NDArray[np.float64]
    ) -> None:
        """Finish steps whose observations and actions were written.

        Args:
            room: that of the steps, k.
            noise: standard normal, of which the actions were made, ``(k, B · N, A)``.
            log_deviation: of the policy, ``(B · N, A)``.
            rewards: ``(k, B, N)``.
        """
        likely = distributions.log_probability_of_noise(noise, log_deviation)
        self._log_probability[room.steps] = likely.numpy().reshape(rewards.shape)
        self._rewards[room.steps] = rewards

    def reward(self, time: int, reward: NDArray[Any]) -> None:
        """Add the market's reward, ``(B, N)``, to the information cost already there."""
        self._rewards[time] += reward

    def rollout(
        self,
        terminated: NDArray[np.bool_],
        ended: NDArray[np.bool_],
        boot: list[tuple[int, NDArray[np.int64], NDArray[Any]]],
    ) -> ModuleRollout:
        """Everything recorded.

        Args:
            terminated, ended: of the copies, ``(T, B)``.
            boot: (time, copies ``(k,)``, their final observations ``(k, N, D)``).
        """
        agents = self._rewards.shape[2]
        times, rows, final = [], [], []
        for time, which, observation in boot:
            own = (which[:, None] * agents + np.arange(agents)).reshape(-1)
            times.append(np.full(len(own), time, dtype=np.int64))
            rows.append(own)
            final.append(observation.reshape(len(own), -1).astype(np.float32))
        width = self._observations.shape[-1]
        return ModuleRollout(
            observations=self._flat(self._observations),
            actions=self._flat(self._actions),
            log_probability=self._flat(self._log_probability),
            rewards=self._flat(self._rewards),
            terminated=np.repeat(terminated, agents, axis=1),
            ended=np.repeat(ended, agents, axis=1),
            boot_index=np.stack([np.concatenate(times), np.concatenate(rows)])
            if times
            else np.zeros((2, 0), dtype=np.int64),
            boot_observations=np.concatenate(final) if final else np.zeros((0, width), np.float32),
            distribution_inputs=None if self._inputs is None else self._flat(self._inputs),
            information_price=None if self._price is None else self._flat(self._price),
            valid=None if self._deciding is None else self._flat(self._deciding),
        )

    def _flat(self, array: NDArray[Any]) -> NDArray[Any]:
        return array.reshape(array.shape[0], array.shape[1] * array.shape[2], *array.shape[3:])


class LeaderRecorder:
    """Open and closed intervals of a policy leader, kept across rollouts until they are learned.

    Args:
        turns: what the leader sees, and which θ its actions set.
        entries: of θ, d.
        copies: B.
        once_per_episode: the leader decides once per episode. Its return is then the objective of
            that decision alone, even where the market would go on: it never decides in the state
            that the episode ends in, so there is no value of that state to bootstrap from.
    """

    def __init__(
        self,
        turns: Turns,
        entries: int,
        copies: int,
        once_per_episode: bool,
    ):
        self._turns = turns
        self._once_per_episode = once_per_episode
        self._open = np.zeros(copies, dtype=bool)
        width = turns.observation_space.shape[0]
        self._observation = np.zeros((copies, width), dtype=np.float32)
        self._action = np.zeros((copies, entries), dtype=np.float32)
        self._log_probability = np.zeros(copies, dtype=np.float32)
        self._inputs = np.zeros((copies, 2 * entries), dtype=np.float32)
        self._closed: list[ClosedIntervals] = []

    def act(self, module: Any, state: Any, rows: NDArray[np.bool_], generator: Any) -> NDArray[Any]:
        """Open an interval in the copies `rows`, ``(B,)`` bool, and return θ, ``(B, d)``."""
        observation = self._turns.sees(state)
        rows_seen = torch.from_numpy(np.ascontiguousarray(observation))
        inputs = inference.distribution_inputs(module, rows_seen)
        drawn = distributions.sample(inputs, False, generator)
        action = drawn.actions.numpy()
        self._open |= rows
        self._observation[rows] = observation[rows]
        self._action[rows] = action[rows]
        self._log_probability[rows] = drawn.log_probability.numpy()[rows]
        self._inputs[rows] = inputs.numpy()[rows]
        return self._turns.theta(state, action)

    def close(self, step: GameStep, state: Any) -> None:
        """Close the open intervals that ended with this step, which led to a state."""
        rows = np.flatnonzero(step.interval_ended & self._open)
        if not rows.size:
            return
        next_observation = self._turns.sees(state)
        self._open[rows] = False
        self._closed.append(
            ClosedIntervals(
                rows=rows,
                observations=self._observation[rows],
                actions=self._action[rows],
                log_probability=self._log_probability[rows],
                distribution_inputs=self._inputs[rows],
                rewards=step.leader_reward[rows],
                terminated=step.terminated[rows] | self._once_per_episode,
                ended=(step.terminated | step.truncated)[rows],
                next_observations=next_observation[rows].astype(np.float32),
            )
        )

    def drop_open(self, rows: Any = ...) -> None:
        """Forget the open intervals of the copies `rows`, ``(B,)`` bool, or of all."""
        self._open[rows] = False

    def rollout(self, keeps_inputs: bool) -> ModuleRollout | None:
        """Hand over the closed intervals and forget them; None if there are none."""
        if not self._closed:
            return None
        packed = leader_rollout(self._closed, len(self._open), keeps_inputs)
        self._closed = []
        return packed

    def state(self) -> dict[str, Any]:
        """Everything that changes."""
        fixed = ("_turns", "_once_per_episode")
        return {key: value for key, value in vars(self).items() if key not in fixed}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` returned."""
        vars(self).update(deepcopy(state))
