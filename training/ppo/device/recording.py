"""Acting and remembering on a device: rollouts that are made once and written again and again."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from gymnasium.spaces import Box, Discrete
from torch import Tensor

from ....envs.core.group import Group
from ...experiments.settings import FollowerSettings
from ...policies import distributions
from ...policies.actions import share_of_range
from ..rollout import ModuleRollout
from .mirror import Mirror, padded


class DeviceRecorder:
    """The experience of one group over T steps; the device's `FollowerRecorder`.

    Args:
        group: the followers.
        steps, copies: T and B.
        settings: of the followers.
        device: of everything here.
    """

    def __init__(
        self,
        group: Group,
        steps: int,
        copies: int,
        settings: FollowerSettings,
        device: torch.device,
    ):
        self.group, self._settings = group, settings
        self.discrete = isinstance(group.action_space, Discrete)
        self.pays_information = settings.information_cost and group.information_cost
        rows = (steps, copies, group.size)
        shape = group.action_space.shape
        self._entries = group.observation_space.shape[0]
        self._place: dict[str, Any] = {"device": device}
        self._observations = torch.zeros((*rows, padded(self._entries)), **self._place)
        kind = torch.int64 if self.discrete else torch.float32
        self._actions = torch.zeros((*rows, *shape), dtype=kind, **self._place)
        self.noise = torch.zeros((*rows, *(shape or (1,))), **self._place)
        self._log_probability = torch.zeros(rows, **self._place)
        self._rewards = torch.zeros(rows, **self._place)
        self._price = torch.zeros(rows, **self._place) if self.pays_information else None
        self._paid = torch.zeros(rows, **self._place) if self.pays_information else None
        self._inputs: Tensor | None = None
        if settings.kl_coefficient > 0:
            self._inputs = torch.zeros((*rows, self._outputs), **self._place)
        self._boot: dict[int, Tensor] = {}
        if isinstance(group.action_space, Box):
            low, high = group.action_space.low, group.action_space.high
            self._low = torch.as_tensor(low, **self._place)
            self._span = torch.as_tensor(high - low, **self._place)

    @property
    def first_action(self) -> Tensor:
        """That of the first step, ``(B, N, …)``, of the shape and type of all."""
        return self._actions[0]

    @property
    def _outputs(self) -> int:
        space = self.group.action_space
        return int(space.n) if isinstance(space, Discrete) else 2 * int(np.prod(space.shape))

    def draw(self, generator: torch.Generator) -> None:
        """All noise of the coming T steps."""
        if self.discrete:
            self.noise.uniform_(generator=generator)
        else:
            self.noise.normal_(generator=generator)

    def act(self, time: int, mirror: Mirror, observation: Tensor, price: Any) -> Tensor:
        """Draw an action per agent, ``(B, N, …)`` in the group's action space.

        Args:
            time: index of the step.
            mirror: of the group's network.
            observation: ``(B, N, D)``.
            price: of information, ``(B, N)``; read if the group pays for it.
        """
        kept = self._observations[time]
        kept[:, :, : self._entries] = observation
        inputs = mirror.inputs_of_actions(kept.view(-1, kept.shape[-1]))
        noise = self.noise[time].view(len(inputs), -1)
        drawn = distributions.drawn(inputs, noise, self.discrete, self.pays_information)
        actions = self._actions[time]
        actions.copy_(drawn.actions.view(actions.shape))
        self._log_probability[time] = drawn.log_probability.view(actions.shape[:2])
        if drawn.information is not None and self._price is not None and self._paid is not None:
            self._price[time] = price
            self._paid[time] = price * drawn.information.view(actions.shape[:2])
        if self._inputs is not None:
            self._inputs[time] = inputs.view(*actions.shape[:2], -1)
        if self.discrete:
            return actions
        share = share_of_range(torch, actions, self._settings.action_bounds)
        return self._low + share * self._span

    def reward(self, time: int, reward: Tensor) -> None:
        """Keep the market's reward, ``(B, N)``, less what was paid for information."""
        self._rewards[time] = reward if self._paid is None else reward - self._paid[time]

    def look_up_after(self, time: int, observation: Tensor) -> None:
        """Keep what is seen after a step, of which the value is looked up, ``(B, N, D)``."""
        kept = self._boot.get(time)
        if kept is None:
            kept = self._boot[time] = torch.zeros_like(self._observations[0])
        kept[:, :, : self._entries] = observation

    def means(self) -> tuple[Tensor, Tensor]:
        """Reward per agent and step, before and after information costs."""
        net = self._rewards.mean()
        return (net if self._paid is None else net + self._paid.mean()), net

    def rollout(
        self, terminated: list[bool], ended: list[bool], looked: list[int]
    ) -> ModuleRollout:
        """Everything recorded; the tensors are written again by the next sample.

        Args:
            terminated, ended: of every step, in all copies alike.
            looked: after which steps values are looked up.
        """
        steps, copies, agents = self._rewards.shape
        rows = copies * agents
        wide = torch.arange(rows, **self._place)
        times = torch.tensor(looked, dtype=torch.int64, device=wide.device)
        boot = torch.stack([times.repeat_interleave(rows), wide.repeat(len(looked))])
        seen = [self._boot[time].view(rows, -1) for time in looked]
        flags = torch.tensor([terminated, ended], device=wide.device)[:, :, None]
        ends = flags.expand(2, steps, rows)
        width = self._observations.shape[-1]
        return ModuleRollout(
            observations=self._flat(self._observations),
            actions=self._flat(self._actions),
            log_probability=self._flat(self._log_probability),
            rewards=self._flat(self._rewards),
            terminated=ends[0],
            ended=ends[1],
            boot_index=boot,
            boot_observations=torch.cat(seen) if seen else torch.zeros((0, width), **self._place),
            distribution_inputs=None if self._inputs is None else self._flat(self._inputs),
            information_price=None if self._price is None else self._flat(self._price),
        )

    def _flat(self, tensor: Tensor) -> Tensor:
        return tensor.view(tensor.shape[0], tensor.shape[1] * tensor.shape[2], *tensor.shape[3:])
