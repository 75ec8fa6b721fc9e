"""A policy leader's turn: what it sees, and which θ its action sets.

A leader whose action is θ itself sees what the market shows it. One that moves θ by steps goes on
from the θ in force in each copy, which it sees too.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium.spaces import Box
from numpy.typing import NDArray

from ...envs.core.arrays import detached
from ...envs.core.market import Market
from ...leaders.policy.options import LeaderPolicyOptions


class Turns:
    """How the policy of a leader and a market go together.

    Args:
        market: that is led.
        policy: options of the leader's policy; None: it has none, and only its market is known.
    """

    def __init__(self, market: Market, policy: LeaderPolicyOptions | None):
        self._market = market
        self._step = None if policy is None else policy.largest_step

    @property
    def observation_space(self) -> Box:
        """What the policy sees: the market's own entries, then θ in force, from −1 to 1."""
        space = self._market.leader_observation_space
        if self._step is None:
            return space
        entries = np.ones(len(self._market.characteristics), dtype=np.float32)
        return Box(np.append(space.low, -entries), np.append(space.high, entries))

    def sees(self, state: Any) -> NDArray[Any]:
        """The policy's observation in a state of the market, ``(B, L)``."""
        seen = np.asarray(detached(self._market.leader_observe(state)))
        if self._step is None:
            return seen
        theta = 2.0 * self._market.characteristics.to_unit(detached(state.theta)) - 1.0
        return np.concatenate([seen, theta], axis=1, dtype=np.float32)

    def theta(self, state: Any, action: NDArray[Any]) -> NDArray[np.float64]:
        """θ that actions ``(B, d)`` on [−1, 1] set, ``(B, d)``; beyond they are cut off."""
        space = self._market.characteristics
        if self._step is None:
            return space.from_action(action)
        step = self._step * np.clip(action.astype(np.float64), -1.0, 1.0)
        moved = detached(state.theta) + step * (space.high - space.low)
        return space.nearest_allowed(np.clip(moved, space.low, space.high))
