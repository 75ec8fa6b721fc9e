"""The live follower networks as functions of the observation, for who differentiates through them.

Noise is common: two plays with one seed draw the same uniforms, whatever θ is.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import torch
from array_api_compat import is_torch_array
from gymnasium.spaces import Box, Discrete
from torch import Tensor

from ...envs.core.group import Group
from ..experiments.experiment import Experiment
from ..policies import distributions
from ..policies.actions import share_of_range
from ..policies.policies import Policies

Choices = Literal["drawn", "score", "ordered"]
"""What becomes of a choice among several: an index, an index with its likelihood, or a real."""


class Followers:
    """Follows the policies step by step.

    A Box action is the mean of its policy, cut off or bent into its range as in training; a
    Discrete one is drawn by its distribution function at a uniform number.

    Args:
        experiment: whose followers.
        policies: live networks.
        seed: of the draws.
        choices: ``ordered`` takes Discrete actions for points of a line and lets the derivative of
            x = F⁻¹(u) at fixed u pass, with F linear between the points; ``score`` keeps the
            likelihood of what was drawn.

    Attributes:
        log_likelihood: of all that was drawn so far, ``(B,)``; with ``score`` alone.
    """

    def __init__(self, experiment: Experiment, policies: Policies, seed: int, choices: Choices):
        self._market = experiment.market
        self._bounds = {
            group.name: experiment.followers_of(group.name).action_bounds
            for group in self._market.groups
        }
        self._modules = policies.modules
        self._generator = torch.Generator().manual_seed(seed)
        self._choices = choices
        self.log_likelihood: Tensor | float = 0.0

    def act(self, state: Any) -> dict[str, Any]:
        """Actions in a state of NumPy or torch, group -> ``(B, N, …)`` of the same namespace."""
        actions: dict[str, Any] = {}
        observations = self._market.observe(state) if self._market.groups else {}
        for group in self._market.groups:
            seen = observations[group.name]
            in_torch = is_torch_array(seen)
            rows = seen if in_torch else torch.from_numpy(np.array(seen))
            inputs = self._modules[group.name].distribution_inputs(rows.reshape(-1, rows.shape[-1]))
            chosen = self._decide(group, inputs, rows.shape[0])
            shaped = chosen.reshape(*rows.shape[:2], *chosen.shape[1:])
            actions[group.name] = shaped if in_torch else shaped.detach().numpy()
        return actions

    def _decide(self, group: Group, inputs: Tensor, copies: int) -> Tensor:
        space = group.action_space
        if isinstance(space, Box):
            mean = distributions.most_likely(inputs, discrete=False)
            share = share_of_range(torch, mean, self._bounds[group.name])
            low, high = torch.from_numpy(space.low), torch.from_numpy(space.high)
            return low + share * (high - low)
        assert isinstance(space, Discrete)
        return self._choose(inputs, copies)

    def _choose(self, inputs: Tensor, copies: int) -> Tensor:
        probabilities = torch.softmax(inputs.double(), dim=-1)
        cumulative = probabilities.cumsum(-1)
        uniform = torch.rand((len(inputs), 1), generator=self._generator, dtype=torch.float64)
        drawn = torch.searchsorted(cumulative.detach(), uniform, right=True)
        drawn = drawn.clamp(max=inputs.shape[-1] - 1)
        chance = probabilities.gather(-1, drawn)
        if self._choices == "score":
            likelihood = chance.log().reshape(copies, -1).sum(dim=1)
            self.log_likelihood = self.log_likelihood + likelihood
        if self._choices != "ordered":
            return drawn.squeeze(-1)
        below = cumulative.gather(-1, drawn) - chance
        between = (uniform - below) / chance
        return (drawn + between - between.detach()).squeeze(-1)
