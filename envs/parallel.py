"""The PettingZoo view of a market: one copy, dictionaries, agents named ``producer_0``, ….

    env = parallel_env(name, **options)
    observations, infos = env.reset(seed=0)
    actions = {agent: env.action_space(agent).sample() for agent in env.agents}
    observations, rewards, terminations, truncations, infos = env.step(actions)

What changes lives in the market's `State`, as in every view; dictionaries are made of its arrays.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import Any

import numpy as np
from gymnasium.spaces import Box, Discrete, Space
from numpy.typing import ArrayLike
from pettingzoo import ParallelEnv

from .core.arrays import detached
from .core.errors import PacesetterError, UnusableRewardError, nearest, unknown
from .core.market import Actions, Market
from .registry import make

Dictionaries = tuple[
    dict[str, Any], dict[str, float], dict[str, bool], dict[str, bool], dict[str, dict[str, Any]]
]
"""Observations, rewards, terminations, truncations and infos of a step, by agent."""


class Roster:
    """A market's followers by name, and the way between dictionaries and arrays of one copy.

    Every agent has spaces of its own, because each keeps its own random state for sampling.

    Attributes:
        agents: names, group by group.
        observation_spaces, action_spaces: of every agent.
    """

    def __init__(self, market: Market):
        self._names = {g.name: [f"{g.name}_{i}" for i in range(g.size)] for g in market.groups}
        self.agents = [agent for names in self._names.values() for agent in names]
        self.observation_spaces: dict[str, Space[Any]] = {}
        self.action_spaces: dict[str, Space[Any]] = {}
        for group in market.groups:
            for agent in self._names[group.name]:
                self.observation_spaces[agent] = deepcopy(group.observation_space)
                self.action_spaces[agent] = deepcopy(group.action_space)

    def arrays(self, actions: Mapping[str, Any]) -> Actions:
        """Actions by agent as arrays by group, ``(1, N, A)`` or ``(1, N)``.

        Raises:
            PacesetterError: an action is missing or not in the agent's space.
        """
        return {
            group: np.stack(
                [checked_action(agent, actions, self.action_spaces[agent]) for agent in names]
            )[None]
            for group, names in self._names.items()
        }

    def by_agent(self, arrays: Mapping[str, Any]) -> dict[str, Any]:
        """Arrays by group, ``(1, N, …)``, as values by agent."""
        return {
            agent: np.array(arrays[group][0, i])
            for group, names in self._names.items()
            for i, agent in enumerate(names)
        }

    def rewards(self, arrays: Mapping[str, Any]) -> dict[str, float]:
        """Rewards by group, ``(1, N)``, by agent.

        Raises:
            UnusableRewardError: the market gives another number of them.
        """
        for group, names in self._names.items():
            if arrays[group].shape != (1, len(names)):
                raise UnusableRewardError(
                    f"the market's rewards of group {group!r} have the shape "
                    f"{tuple(arrays[group].shape)}, and {len(names)} agent(s) in one copy have "
                    f"{(1, len(names))}; try the market with 'pacesetter check'."
                )
        return {agent: float(reward) for agent, reward in self.by_agent(arrays).items()}

    def infos(self, quantities: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """The path quantities for every agent: floats, or ``(N,)`` arrays where one per agent."""
        return {
            agent: {
                name: float(value[0]) if value.ndim == 1 else np.array(value[0])
                for name, value in quantities.items()
            }
            for agent in self.agents
        }


class DictionaryView(ParallelEnv):
    """What the PettingZoo views share: named agents with spaces, who live from reset to end.

    Args:
        name: of the environment, for PettingZoo's metadata.
        observation_spaces, action_spaces: of every agent.
    """

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012

    def __init__(
        self,
        name: str,
        observation_spaces: dict[str, Space[Any]],
        action_spaces: dict[str, Space[Any]],
    ):
        self.metadata = {"name": name, "render_modes": [], "is_parallelizable": True}
        self.render_mode = None
        self.observation_spaces = observation_spaces
        self.action_spaces = action_spaces
        self.possible_agents = list(observation_spaces)
        self.agents: list[str] = []
        self._begun = False

    def observation_space(self, agent: str) -> Space[Any]:
        """Of one agent; always the same object.

        Raises:
            PacesetterError: there is no such agent.
        """
        return self._of(agent, self.observation_spaces)

    def action_space(self, agent: str) -> Space[Any]:
        """Of one agent; always the same object.

        Raises:
            PacesetterError: there is no such agent.
        """
        return self._of(agent, self.action_spaces)

    def close(self) -> None:
        """Nothing is held open."""

    def _of(self, agent: str, spaces: dict[str, Space[Any]]) -> Space[Any]:
        if agent not in spaces:
            raise unknown("agent", agent, spaces)
        return spaces[agent]

    def _begin(self) -> None:
        self.agents = list(self.possible_agents)
        self._begun = True

    def _check_step(self, agents: Iterable[str]) -> None:
        """Refuse a step outside an episode, or for agents that do not exist."""
        if not self.agents:
            what = "the episode has ended" if self._begun else "no episode has begun"
            raise PacesetterError(f"step: {what}; call reset() first.")
        for agent in agents:
            if agent not in self.action_spaces:
                raise unknown("agent", agent, self.possible_agents)

    def _end(self, terminated: bool, truncated: bool) -> tuple[dict[str, bool], dict[str, bool]]:
        """Terminations and truncations by agent; at the end of an episode nobody is left."""
        agents = self.agents
        if terminated or truncated:
            self.agents = []
        return dict.fromkeys(agents, terminated), dict.fromkeys(agents, truncated)


class ParallelMarket(DictionaryView):
    """One copy of a market as a PettingZoo `ParallelEnv`.

    The characteristics stand until they are set again, over resets too. Observations are float32
    arrays; actions are integers or float32 arrays in the agent's `Box`. After the last step of an
    episode `agents` is empty, and the final observations are those to bootstrap from if it was
    truncated.

    Args:
        market: the physics.
        theta: characteristics to begin with; see `Characteristics.validate`.

    Attributes:
        market: the physics.
        characteristics_space: of θ, a `Box` of shape ``(d,)``.

    Raises:
        PacesetterError: θ is not allowed, or nobody acts in the market.
    """

    def __init__(self, market: Market, theta: ArrayLike | Mapping[str, float] | None = None):
        if not market.groups:
            raise PacesetterError(
                f"market {market.name!r} has no agents that act, so there is nothing for other "
                "libraries to do; step it as arrays (`Market.reset`, `Market.step`)."
            )
        self._roster = Roster(market)
        super().__init__(market.name, self._roster.observation_spaces, self._roster.action_spaces)
        self.metadata["max_steps"] = market.steps_per_episode
        self.market = market
        self.characteristics_space = market.characteristics.space
        self._theta = detached(market.characteristics.validate(theta))
        self._state: Any = None

    @property
    def theta(self) -> dict[str, float]:
        """The characteristics in force, name -> value."""
        return self.market.characteristics.named(self._theta[0])

    def set_characteristics(self, theta: ArrayLike | Mapping[str, float]) -> None:
        """Set θ from now on, ``(d,)`` or name -> value; an episode that has begun goes on.

        Raises:
            PacesetterError: θ is out of bounds.
        """
        self._theta = detached(self.market.characteristics.validate(theta))
        if self._state is not None:
            self._state = self.market.set_characteristics(self._state, self._theta)

    def reset(
        self, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
        """Begin an episode.

        Args:
            seed: begins the random streams anew, as `Market.reset` does; None goes on with them,
                and with fresh entropy if there are none yet.
            options: ``{"theta": …}`` sets the characteristics first.

        Returns:
            observations and (empty) infos by agent.

        Raises:
            PacesetterError: a seed or θ that is not allowed.
        """
        if options and "theta" in options:
            self.set_characteristics(options["theta"])
        if seed is None and self._state is not None:
            self._state = self.market.restart(self._state, np.array([True]))
        else:
            self._state = self.market.reset(seed_or_entropy(seed), 1, self._theta)
        self._begin()
        return self._observe(), {agent: {} for agent in self.agents}

    def step(self, actions: dict[str, Any]) -> Dictionaries:
        """Play one step with an action of every agent.

        Returns:
            observations, rewards, terminations, truncations and infos by agent. Infos hold the
            market's path quantities: floats, or ``(N,)`` arrays where there is one per agent.

        Raises:
            PacesetterError: no episode is under way, an agent is unknown or has no action, or an
                action is not in its space.
        """
        self._check_step(actions)
        step = self.market.step(self._state, self._roster.arrays(actions))
        self._state = step.state
        rewards = self._roster.rewards(step.rewards)
        ends = self._end(bool(step.terminated[0]), bool(step.truncated[0]))
        return self._observe(), rewards, *ends, self._roster.infos(step.quantities)

    def _observe(self) -> dict[str, Any]:
        return self._roster.by_agent(self.market.observe(self._state))


def parallel_env(
    market: Market | str,
    theta: ArrayLike | Mapping[str, float] | None = None,
    **options: Any,
) -> ParallelMarket:
    """The PettingZoo view of a market.

    Args:
        market: a market, or a name or dotted path that `make` knows.
        theta: characteristics to begin with, the defaults if None.
        options: of the market, where it is given by name.

    Raises:
        PacesetterError: an unknown name or option, or θ out of bounds.
    """
    if isinstance(market, Market):
        if options:
            raise PacesetterError(
                f"options {', '.join(options)}: market {market.name!r} is already built; give its "
                "name instead, or build it with these options."
            )
        return ParallelMarket(market, theta)
    return ParallelMarket(make(market, **options), theta)


def seed_or_entropy(seed: int | None) -> int:
    """The seed, or one from the operating system where none is given."""
    return int(np.random.SeedSequence().generate_state(1)[0]) if seed is None else int(seed)


def checked_action(agent: str, actions: Mapping[str, Any], space: Space[Any]) -> Any:
    """The action of one agent, an integer or float32 ``(A,)``.

    Raises:
        PacesetterError: it is missing, or not in the space; the message says what is.
    """
    if agent not in actions:
        raise PacesetterError(f"step: no action for agent {agent!r}{nearest(agent, actions)}.")
    action = actions[agent]
    if isinstance(space, Discrete):
        number, choices = np.asarray(action), int(space.n)
        if number.shape == () and number.dtype.kind in "iu" and 0 <= int(number) < choices:
            return int(number)
        allowed = f"a whole number from 0 to {choices - 1}"
    else:
        assert isinstance(space, Box)
        try:
            array = np.asarray(action, dtype=np.float32)
        except (TypeError, ValueError, FloatingPointError):
            array = np.array(np.nan)
        # A NaN is neither above the lower nor below the upper bound.
        if array.shape == space.shape and ((array >= space.low) & (array <= space.high)).all():
            return array
        allowed = f"an array of shape {space.shape} in {_bounds(space)}"
    raise PacesetterError(f"step: action of agent {agent!r} must be {allowed}, got {action!r}.")


def _bounds(space: Box) -> str:
    low, high = np.unique(space.low), np.unique(space.high)
    if len(low) == len(high) == 1:
        return f"[{low[0]:g}, {high[0]:g}]"
    return f"[{space.low.tolist()}, {space.high.tolist()}]"
