"""The market as one deviator meets it: all others, and a leader that moves θ, stand as they are.

Both views are markets, so that whatever trains and plays a market trains and plays them. What
stands draws from a generator of its own, which begins anew with every `reset`: two deviators that
are played from one seed meet the same others, draw by draw.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
import torch
from gymnasium.spaces import Box
from numpy.typing import ArrayLike

from ...envs.core.arrays import Array
from ...envs.core.characteristics import Characteristics
from ...envs.core.group import Group
from ...envs.core.market import Actions, Market, Shocks
from ...envs.core.random_streams import Shock
from ...envs.core.state import State
from ...envs.core.step import Step
from ..policies.policies import Policies


@dataclass(frozen=True)
class Led(Market):
    """A market whose θ a leader's policy sets within the episode, for followers who learn.

    Attributes:
        market: the market.
        leader: policies with a leader's among them; None: θ stands as it is given.
        interval: steps between two settings of θ.
    """

    market: Market
    leader: Policies | None = None
    interval: int = 1

    name: ClassVar[str] = "of a certificate"
    state_type: ClassVar[type[State]] = State
    namespaces: ClassVar[tuple[str, ...]] = ("numpy",)

    def __post_init__(self) -> None:
        """Nothing to check: the market has been."""

    @property
    def characteristics(self) -> Characteristics:
        """Those of the market."""
        return self.market.characteristics

    @property
    def groups(self) -> tuple[Group, ...]:
        """Those of the market."""
        return self.market.groups

    @property
    def steps_per_episode(self) -> int:
        """Those of the market."""
        return self.market.steps_per_episode

    @property
    def leader_observation_space(self) -> Box:
        """That of the market."""
        return self.market.leader_observation_space

    @property
    def quantities(self) -> dict[str, str]:
        """Those of the market."""
        return self.market.quantities

    @property
    def step_shocks(self) -> dict[str, Shock]:
        """Those of the market."""
        return self.market.step_shocks

    @property
    def reset_shocks(self) -> dict[str, Shock]:
        """Those of the market."""
        return self.market.reset_shocks

    @property
    def ends_at_horizon(self) -> bool:
        """As in the market."""
        return self.market.ends_at_horizon

    def initial(self, theta: Array, shocks: Shocks) -> dict[str, Array]:
        """As in the market."""
        return self.market.initial(theta, shocks)

    def transition(self, state: Any, actions: Actions, shocks: Shocks) -> Step:
        """As in the market."""
        return self.market.transition(state, actions, shocks)

    def observe(self, state: Any) -> dict[str, Array]:
        """As in the market."""
        return self.market.observe(state)

    def leader_observe(self, state: Any) -> Array:
        """As in the market."""
        return self.market.leader_observe(state)

    def information_costs(self, state: Any) -> dict[str, Array]:
        """As in the market."""
        return self.market.information_costs(state)

    def reset(
        self,
        seed: int,
        copies: int = 1,
        theta: ArrayLike | Mapping[str, float] | None = None,
        like: Array | None = None,
    ) -> Any:
        """As in the market."""
        return self.market.reset(seed, copies, theta)

    def restart(self, state: Any, finished: Any) -> Any:
        """As in the market."""
        return self.market.restart(state, finished)

    def step(self, state: Any, actions: Actions) -> Step:
        """As in the market."""
        return self.market.step(state, actions)

    def with_theta(self, state: Any, theta: Array) -> Any:
        """The state under the leader's θ where it is its turn, or under the one that is given."""
        if self.leader is None:
            return self.market.with_theta(state, theta)
        turn = state.clock % self.interval == 0
        moved = np.where(turn[:, None], self.leader.theta(state), state.theta)
        return self.market.with_theta(state, moved)

    def lost_episodes(self, state: Any) -> list[str]:
        """As in the market."""
        return self.market.lost_episodes(state)


@dataclass(frozen=True)
class Deviation(Led):
    """The market of who deviates: one follower, or the whole of its group, against the rest.

    Copy b has follower b, modulo their number, deviate, so that every one of them does somewhere.

    Attributes:
        rest: who decides for all others.
        group: whose followers deviate.
        alone: one follower of it in each copy; False: all of them.
    """

    rest: Policies = field(kw_only=True)
    group: str = field(kw_only=True)
    alone: bool = field(default=True, kw_only=True)
    _generator: torch.Generator = field(default_factory=torch.Generator, init=False, compare=False)

    @property
    def groups(self) -> tuple[Group, ...]:
        """The one who deviates, under the name of its group."""
        (found,) = (group for group in self.market.groups if group.name == self.group)
        return (replace(found, size=1) if self.alone else found,)

    def _own(self, values: Array) -> Array:
        """Of values ``(B, N, …)`` those of who deviates, ``(B, 1, …)`` or all."""
        if not self.alone:
            return values
        rows = np.arange(len(values))
        return values[rows, rows % values.shape[1]][:, None]

    def observe(self, state: Any) -> dict[str, Array]:
        """What the deviator sees."""
        return {self.group: self._own(np.asarray(self.market.observe(state)[self.group]))}

    def information_costs(self, state: Any) -> dict[str, Array]:
        """What information costs the deviator."""
        costs = self.market.information_costs(state)
        return {self.group: self._own(costs[self.group])} if self.group in costs else {}

    def reset(
        self,
        seed: int,
        copies: int = 1,
        theta: ArrayLike | Mapping[str, float] | None = None,
        like: Array | None = None,
    ) -> Any:
        """As in the market; the rest draws from the same numbers for the same seed."""
        self._generator.manual_seed(seed)
        return self.market.reset(seed, copies, theta)

    def step(self, state: Any, actions: Actions) -> Step:
        """A step in which the deviator does as it likes, and the rest as ever."""
        chosen = dict(self.rest.act(state, self._generator))
        own = np.asarray(actions[self.group])
        if self.alone:
            everybody = np.array(chosen[self.group])
            rows = np.arange(len(everybody))
            everybody[rows, rows % everybody.shape[1]] = own[:, 0]
            own = everybody
        chosen[self.group] = own
        step = self.market.step(state, chosen)
        return replace(step, rewards={self.group: self._own(np.asarray(step.rewards[self.group]))})
