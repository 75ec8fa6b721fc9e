"""A hand-written PPO loop in plain torch, after CleanRL: the yardstick for RLlib's overhead.

One file, one policy, no framework: the networks, the task, the epochs and the minibatches of the
contender, on vectorised copies of the market. It is written as one would write it who cares for
speed: no validation in distributions, no gradients where none are needed, a fused Adam.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from gymnasium.spaces import Discrete
from torch import Tensor, nn
from torch.distributions import Categorical

from ...envs.core.errors import PacesetterError
from ...envs.core.market import Market
from ..experiments.settings import FollowerSettings


class Agent(nn.Module):
    """Actor and critic.

    Args:
        inputs: entries of an observation.
        hidden: widths of the hidden layers.
        actions: number of actions.
    """

    def __init__(self, inputs: int, hidden: tuple[int, ...], actions: int):
        super().__init__()
        self.actor = _network(inputs, hidden, actions, 0.01)
        self.critic = _network(inputs, hidden, 1, 1.0)

    def distribution(self, observations: Tensor) -> Categorical:
        """Of actions, ``(n,)``."""
        return Categorical(logits=self.actor(observations), validate_args=False)

    def value(self, observations: Tensor) -> Tensor:
        """Of observations, ``(n,)``."""
        return self.critic(observations).squeeze(-1)


class ReferenceLoop:
    """PPO on one group of followers with Discrete actions, under θ drawn from the prior.

    Args:
        market: the task; it has one group.
        settings: networks and PPO's options.
        copies, steps: parallel copies B and steps T of a rollout.
        seed: of everything.

    Raises:
        PacesetterError: the market has several groups, or actions that are not Discrete.
    """

    def __init__(
        self, market: Market, settings: FollowerSettings, copies: int, steps: int, seed: int = 0
    ):
        (group,) = market.groups[:1]
        if len(market.groups) > 1 or not isinstance(group.action_space, Discrete):
            raise PacesetterError(
                f"the reference loop plays markets of one group with Discrete actions, not "
                f"{market.name!r}."
            )
        torch.manual_seed(seed)
        self._market, self._group, self._settings = market, group, settings
        self._generator = np.random.default_rng(seed)
        self._width = group.observation_space.shape[0]
        self._state = market.reset(seed, copies)
        self._draw_theta(np.ones(copies, dtype=bool))
        self.agent = Agent(self._width, settings.hidden_layers, int(group.action_space.n))
        self._optimizer = torch.optim.Adam(
            self.agent.parameters(), lr=settings.learning_rate, eps=1e-5, fused=True
        )
        shape = (steps, copies * group.size)
        self._observations = torch.zeros((*shape, self._width))
        self._actions = torch.zeros(shape, dtype=torch.int64)
        self._log_probability, self._rewards, self._values, self._ended = torch.zeros((4, *shape))

    def iterate(self) -> None:
        """One rollout and one update."""
        self.sample()
        self.learn()

    @torch.no_grad()
    def sample(self) -> None:
        """T steps of every copy."""
        agents = self._group.size
        for time in range(len(self._rewards)):
            observation = self._observe()
            distribution = self.agent.distribution(observation)
            action = distribution.sample()
            self._observations[time], self._actions[time] = observation, action
            self._log_probability[time] = distribution.log_prob(action)
            self._values[time] = self.agent.value(observation)
            chosen = action.numpy().reshape(-1, agents)
            step = self._market.step(self._state, {self._group.name: chosen})
            self._state = step.state
            reward = step.rewards[self._group.name].reshape(-1)
            self._rewards[time] = torch.from_numpy(reward).float()
            ended = step.terminated | step.truncated
            if step.truncated.any():  # the value of what would have followed joins the reward
                follows = self.agent.value(self._observe()) * self._settings.discount
                cut = torch.from_numpy(np.repeat(step.truncated, agents))
                self._rewards[time] += torch.where(cut, follows, 0.0)
            self._ended[time] = torch.from_numpy(np.repeat(ended, agents)).float()
            if ended.any():
                self._state = self._market.restart(self._state, ended)
                self._draw_theta(ended)
        self._next_value = self.agent.value(self._observe())

    def learn(self) -> None:
        """All epochs over the rollout."""
        settings = self._settings
        advantages = self._advantages()
        observations = self._observations.reshape(-1, self._width)
        actions, old = self._actions.reshape(-1), self._log_probability.reshape(-1)
        targets = (advantages + self._values).reshape(-1)
        advantage = advantages.reshape(-1)
        advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
        for _ in range(settings.epochs):
            for rows in torch.randperm(len(actions)).split(settings.minibatch_size):
                distribution = self.agent.distribution(observations[rows])
                ratio = (distribution.log_prob(actions[rows]) - old[rows]).exp()
                clipped = ratio.clamp(1.0 - settings.clip, 1.0 + settings.clip)
                gain = torch.min(advantage[rows] * ratio, advantage[rows] * clipped).mean()
                error = (self.agent.value(observations[rows]) - targets[rows]).square().mean()
                loss = error - gain
                if settings.entropy_coefficient:
                    loss = loss - settings.entropy_coefficient * distribution.entropy().mean()
                self._optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(self.agent.parameters(), settings.gradient_clip)
                self._optimizer.step()

    def _advantages(self) -> Tensor:
        settings = self._settings
        result = torch.zeros_like(self._rewards)
        running, next_value = torch.zeros_like(self._next_value), self._next_value
        for time in range(len(result) - 1, -1, -1):
            goes_on = 1.0 - self._ended[time]
            error = self._rewards[time] + settings.discount * next_value * goes_on
            error = error - self._values[time]
            running = error + settings.discount * settings.gae_lambda * goes_on * running
            result[time], next_value = running, self._values[time]
        return result

    def _observe(self) -> Tensor:
        observation = self._market.observe(self._state)[self._group.name]
        return torch.from_numpy(np.array(observation)).reshape(-1, self._width)

    def _draw_theta(self, rows: Any) -> None:
        drawn = self._market.characteristics.draw(self._generator, len(rows))
        theta = np.where(rows[:, None], drawn, self._state.theta)
        self._state = self._market.set_characteristics(self._state, theta)


def _network(inputs: int, hidden: tuple[int, ...], outputs: int, gain: float) -> nn.Sequential:
    layers: list[nn.Module] = []
    for width in hidden:
        layers += [_linear(inputs, width, math.sqrt(2.0)), nn.Tanh()]
        inputs = width
    return nn.Sequential(*layers, _linear(inputs, outputs, gain))


def _linear(inputs: int, outputs: int, gain: float) -> nn.Linear:
    layer = nn.Linear(inputs, outputs)
    nn.init.orthogonal_(layer.weight, gain)
    nn.init.zeros_(layer.bias)
    return layer
