"""The PettingZoo view of a Stackelberg game: agents ``leader`` and the market's followers.

A leader moves first and followers see its move before they answer; a parallel step has one action
of everybody. The leader's turn is therefore *a step of its own*: its action sets θ, followers'
actions are ignored, nothing else moves and every reward is zero. At every other step followers play
and the leader's action is ignored. Every info says under ``turn`` whose turn comes next.

The leader's action a ∈ [−1, 1]^d is mapped linearly onto the bounds of θ,
``θ = low + (a + 1) / 2 · (high − low)``.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import numpy as np
from gymnasium.spaces import Box
from numpy.typing import ArrayLike

from ..envs.core.arrays import detached
from ..envs.core.group import LEADER
from ..envs.core.market import Market
from ..envs.parallel import Dictionaries, DictionaryView, Roster, checked_action, seed_or_entropy
from .game import Interval, StackelbergGame
from .objectives.general import Objective


class ParallelGame(DictionaryView):
    """One copy of a Stackelberg game as a PettingZoo `ParallelEnv`.

    θ stands until it is set again, over resets too. The leader's reward is the objective of an
    interval, paid at its end, and zero at all other steps. Infos of followers hold the path
    quantities and, where the leader is not an agent, the leader's reward as ``leader_reward``.

    Args:
        market: the physics.
        objective: what the leader is paid for.
        interval: follower steps between two settings of θ, or ``"episode"``.
        leader_acts: False leaves the leader out: θ is set from outside by `set_characteristics`,
            as for a search leader, and every step is a step of the market.

    Attributes:
        market: the physics.
        game: the slow clock around it.
        characteristics_space: of θ, a `Box` of shape ``(d,)``.

    Raises:
        PacesetterError: see `StackelbergGame`.
    """

    def __init__(
        self,
        market: Market,
        objective: Objective,
        interval: Interval = "episode",
        leader_acts: bool = True,
    ):
        self._roster = Roster(market)
        observations = dict(self._roster.observation_spaces)
        actions = dict(self._roster.action_spaces)
        if leader_acts:
            space = Box(-1.0, 1.0, (len(market.characteristics),), np.float32)
            observations = {LEADER: deepcopy(market.leader_observation_space), **observations}
            actions = {LEADER: space, **actions}
        super().__init__(f"{market.name}_game", observations, actions)
        self.market = market
        self.game = StackelbergGame(market, objective, interval)
        self.characteristics_space = market.characteristics.space
        self._leader_acts = leader_acts
        self._theta = market.characteristics.validate(None)

    @property
    def theta(self) -> dict[str, float]:
        """The characteristics in force, name -> value."""
        return self.market.characteristics.named(self._theta[0])

    def set_characteristics(self, theta: ArrayLike | Mapping[str, float]) -> None:
        """Set θ from now on; a leader that acts sets it again on its next turn.

        Raises:
            PacesetterError: θ is out of bounds.
        """
        self._set(detached(self.market.characteristics.validate(theta)))

    def reset(
        self, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
        """Begin an episode; see `ParallelMarket.reset` for `seed` and `options`."""
        if options and "theta" in options:
            self.set_characteristics(options["theta"])
        if seed is None and self.game.market_state is not None:
            self.game.restart(np.array([True]))
        else:
            self.game.reset(seed_or_entropy(seed), 1, self._theta)
        self._begin()
        return self._observe(), self._with_turn({agent: {} for agent in self._roster.agents})

    def step(self, actions: dict[str, Any]) -> Dictionaries:
        """The leader's move on its turn, a step of the market otherwise.

        Raises:
            PacesetterError: no episode is under way, an agent is unknown, or an action that counts
                is missing or not in its space.
        """
        self._check_step(actions)
        if self._leader_is_next():
            return self._move_leader(actions)
        played = self.game.step(self._roster.arrays(actions))
        self._leader_has_moved = False
        rewards = self._roster.rewards(played.rewards)
        infos = self._roster.infos(played.quantities)
        leader_reward = float(played.leader_reward[0])
        if self._leader_acts:
            rewards = {LEADER: leader_reward, **rewards}
        else:
            for info in infos.values():
                info["leader_reward"] = leader_reward
        ends = self._end(bool(played.terminated[0]), bool(played.truncated[0]))
        return self._observe(), rewards, *ends, self._with_turn(infos)

    def _move_leader(self, actions: Mapping[str, Any]) -> Dictionaries:
        action = checked_action(LEADER, actions, self.action_spaces[LEADER])
        self._set(self.market.characteristics.from_action(action[None]))
        self._leader_has_moved = True
        ends = self._end(False, False)
        infos = self._with_turn({agent: {} for agent in self._roster.agents})
        return self._observe(), dict.fromkeys(self.agents, 0.0), *ends, infos

    def _begin(self) -> None:
        super()._begin()
        self._leader_has_moved = False

    def _leader_is_next(self) -> bool:
        turn = bool(self.agents) and bool(self.game.leader_turn()[0])
        return self._leader_acts and turn and not self._leader_has_moved

    def _set(self, theta: Any) -> None:
        self._theta = theta
        if self.game.market_state is not None:
            self.game.set_theta(theta, np.array([True]))

    def _observe(self) -> dict[str, Any]:
        state = self.game.market_state
        observations = self._roster.by_agent(self.market.observe(state))
        if self._leader_acts:
            seen = np.array(self.market.leader_observe(state)[0])
            observations = {LEADER: seen, **observations}
        return observations

    def _with_turn(self, infos: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        """Say whose turn comes next, where the leader takes turns."""
        if not self._leader_acts:
            return infos
        turn = self._leader_is_next()
        followers = bool(self.agents) and not turn
        told = {agent: {**info, "turn": followers} for agent, info in infos.items()}
        return {LEADER: {"turn": turn}, **told}


def parallel_game(
    market: Market,
    objective: Objective,
    interval: Interval = "episode",
    leader_acts: bool = True,
) -> ParallelGame:
    """The PettingZoo view of a game; see `ParallelGame`."""
    return ParallelGame(market, objective, interval, leader_acts)
