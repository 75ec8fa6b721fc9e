"""The parallel view of all copies: what PettingZoo has by agent, by group as arrays.

    env = vector_parallel_env("cobweb", copies=64)
    observations, infos = env.reset(seed=0)  # {"producer": (64, 6, 4)}
    observations, rewards, terminations, truncations, infos = env.step({"producer": actions})

Copy b seeded with ``seed + b`` is the PettingZoo view of the same market and seed.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium.spaces import Space
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from ..core.errors import unknown
from ..core.group import Group
from ..core.market import Market
from .copies import Copies, Theta, market_of

ByGroup = dict[str, NDArray[Any]]


class VectorParallelMarket:
    """B copies of a market with arrays by group, ``(B, N, …)``.

    Copies whose episode ends begin a new one in the same step; ``infos["final_observations"]`` then
    holds what was seen last, group -> ``(B, N, D)``, and ``infos["quantities"]`` holds the market's
    path quantities at every step.

    Args:
        market: with one group or several.
        copies: B.
        theta: see `copies.Theta`.

    Attributes:
        num_copies: B.
        possible_agents: names by group, as in the PettingZoo view.

    Raises:
        PacesetterError: nobody acts in the market, or θ is not allowed.
    """

    def __init__(self, market: Market, copies: int, theta: Theta = None):
        self._copies = Copies(market, copies, theta)
        self.market, self.num_copies = market, self._copies.number
        self.metadata = {"name": market.name, "render_modes": [], "autoreset_mode": "same_step"}
        self.characteristics_space = market.characteristics.space
        self._groups = {group.name: group for group in market.groups}
        self.possible_agents = {
            group.name: [f"{group.name}_{i}" for i in range(group.size)] for group in market.groups
        }

    def observation_space(self, group: str) -> Space[Any]:
        """Of one agent of a group."""
        return self._group(group).observation_space

    def action_space(self, group: str) -> Space[Any]:
        """Of one agent of a group."""
        return self._group(group).action_space

    def batched_action_space(self, group: str) -> Space[Any]:
        """Of all copies and agents of a group, ``(B, N, …)``, to draw actions from."""
        found = self._group(group)
        return batch_space(batch_space(found.action_space, found.size), self.num_copies)

    @property
    def theta(self) -> NDArray[np.float64]:
        """θ in force, ``(B, d)``."""
        return self._copies.theta

    def set_characteristics(self, theta: Theta) -> None:
        """Set θ from now on; episodes that have begun go on.

        Raises:
            PacesetterError: θ is out of bounds.
        """
        self._copies.set_theta(theta)

    def reset(
        self, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[ByGroup, dict[str, Any]]:
        """Begin an episode in every copy; ``options={"theta": …}`` sets θ first.

        Raises:
            PacesetterError: a seed, option or θ that is not allowed.
        """
        return self._copies.reset(seed, options), {}

    def step(self, actions: ByGroup) -> tuple[ByGroup, ByGroup, ByGroup, ByGroup, dict[str, Any]]:
        """Play one step of every copy.

        Args:
            actions: group -> ``(B, N, A)`` within the Box, or ``(B, N)`` integers.

        Returns:
            observations ``(B, N, D)``, rewards, terminations and truncations ``(B, N)`` by group,
            and infos.

        Raises:
            PacesetterError: an action is missing or not in its space, or no episode has begun.
        """
        turn = self._copies.step(actions)
        infos: dict[str, Any] = {"quantities": turn.quantities}
        if turn.ended.any():
            infos["final_observations"] = turn.final
        ends = [
            {
                name: np.broadcast_to(which[:, None], (self.num_copies, group.size))
                for name, group in self._groups.items()
            }
            for which in (turn.terminated, turn.truncated)
        ]
        return turn.observations, turn.rewards, ends[0], ends[1], infos

    def close(self) -> None:
        """Nothing is held open."""

    def _group(self, name: str) -> Group:
        if name not in self._groups:
            raise unknown("group", name, self._groups)
        return self._groups[name]


def vector_parallel_env(
    market: Market | str, copies: int = 64, theta: Theta = None, **options: Any
) -> VectorParallelMarket:
    """All copies of a market with arrays by group.

    Args:
        market: a market, or a name or dotted path that `make` knows.
        copies: B.
        theta: fixed, by name, ``(d,)`` or ``(B, d)``; ``"drawn"`` for every episode; or defaults.
        options: of the market, where it is given by name.

    Raises:
        PacesetterError: an unknown name or option, or θ out of bounds.
    """
    return VectorParallelMarket(market_of(market, options), copies, theta)
