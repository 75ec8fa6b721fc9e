"""One environment inside an adapted market, and what it said last."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from gymnasium.spaces import Discrete
from numpy.typing import NDArray

from ..core.dotted import told
from ..core.errors import PacesetterError
from .declarations import Declarations
from .fidelity import lost_by_pickling


@dataclass(frozen=True)
class Outcome:
    """What one step of one environment brings.

    Attributes:
        rewards: of all agents, ``(ΣN,)``.
        quantities: name -> value.
        terminated, truncated: end of the episode.
    """

    rewards: NDArray[np.float64]
    quantities: dict[str, float]
    terminated: bool
    truncated: bool


class AdaptedCopy:
    """An environment that is changed in place, and its last observations.

    It is built and reset when it is first looked at, under the θ then in force; another θ before
    the first step resets it again with the same seed. So an episode depends on its seed and on the
    θ under which it is played, not on when that θ was set.

    Args:
        build: makes an environment.
        declared: its declarations.
        seed: of the episode.

    Attributes:
        seed: of the episode.
        observations: group name -> ``(N, D)``, flat, without θ̂.
        leader_observation: ``(L,)``.
        lost: why the environment of this episode is gone, after the copy was pickled: pickling
            would not give it back as it was. Then only another episode can begin. Empty otherwise.
    """

    def __init__(self, build: Callable[[], Any], declared: Declarations, seed: int):
        self.seed = seed
        self.lost = ""
        self.observations: dict[str, NDArray[np.float32]] = {}
        self.leader_observation = np.zeros(1, dtype=np.float32)
        self._build = build
        self._declared = declared
        self._environment: Any = None
        self._theta: NDArray[np.float64] | None = None
        self._steps = 0

    def branch(self) -> AdaptedCopy:
        """An independent copy."""
        twin = object.__new__(type(self))
        vars(twin).update(vars(self))  # observations are replaced, never changed, and are shared
        try:
            twin._environment = deepcopy(self._environment)
        except Exception as error:
            raise PacesetterError(
                f"{self._declared.path}: declares `branchable = True`, but cannot be copied "
                f"({type(error).__name__}: {error}). Leave `branchable` out, or define "
                "__deepcopy__."
            ) from error
        return twin

    def __getstate__(self) -> dict[str, Any]:
        """Everything; without an environment that would not come back as it is.

        Nothing is lost before the first step: the episode begins again with the same seed.
        """
        content = dict(vars(self))
        if self._environment is not None and (reason := lost_by_pickling(self._environment)):
            content |= {"_environment": None, "_theta": None}
            content["lost"] = reason if self._steps > 0 else ""
        return content

    def take_over(self, other: AdaptedCopy) -> None:
        """Use the environment of an episode that is over, instead of building a new one."""
        self._environment = other._environment
        other._environment, other._theta, other._steps = None, None, -1

    def follow(self, theta: NDArray[np.float64]) -> Self:
        """Put θ, ``(d,)``, in force, and begin the episode if it has not begun."""
        if self._theta is not None and np.array_equal(theta, self._theta):
            return self
        if self._steps < 0 or self.lost:
            raise self._used_up()
        if self._environment is None:
            self._environment = self._build()
        if self._steps == 0:
            self._begin(theta)
            return self
        self._environment.set_characteristics(self._declared.own_theta(theta))
        self._theta = np.array(theta)
        if self._declared.observes_characteristics and hasattr(self._environment, "observe"):
            self._see({a: self._environment.observe(a) for a in self._declared.agents})
        elif self._declared.has_leader_observation:
            self._see({})
        return self

    def _begin(self, theta: NDArray[np.float64]) -> None:
        """Reset the environment under θ.

        Raises:
            PacesetterError: it fails, or not all agents are there.
        """
        path = self._declared.path
        try:
            self._environment.set_characteristics(self._declared.own_theta(theta))
            seen = self._environment.reset(seed=self.seed)
        except PacesetterError:
            raise
        except (Exception, SystemExit) as error:
            raise PacesetterError(
                f"{path}: set_characteristics() or reset() failed:\n{told(error)}"
            ) from error
        if not (isinstance(seen, tuple) and len(seen) == 2 and isinstance(seen[0], Mapping)):
            raise PacesetterError(
                f"{path}: reset() must return observations and infos, two dictionaries by agent, "
                f"got {type(seen).__name__}."
            )
        absent = [agent for agent in self._declared.agents if agent not in seen[0]]
        if absent:
            raise PacesetterError(
                f"{path}: {absent[0]!r} is among possible_agents, but reset() returns no "
                "observation for it. A market's agents are all there from the first step to the "
                "last: keep one that joins later in the game from the start, with actions of no "
                "effect and reward 0, or leave it out of possible_agents."
            )
        self._refuse_new_spaces()
        self._theta = np.array(theta)
        self._see(seen[0])

    def _refuse_new_spaces(self) -> None:
        """Spaces are those that were declared at first: networks are made for them."""
        for group, agents in self._declared.members.items():
            for kind, declared in (
                ("observation_space", self._declared.observation_spaces[group]),
                ("action_space", self._declared.action_spaces[group]),
            ):
                found = getattr(self._environment, kind)(agents[0])
                if found is not declared and found != declared:
                    raise PacesetterError(
                        f"{self._declared.path}: {kind}({agents[0]!r}) is {found} now, and was "
                        f"{declared} at first; spaces must not change. Declare the largest, and "
                        "fill up what is shown."
                    )

    def step(self, actions: Mapping[str, NDArray[Any]], clock: int) -> Outcome:
        """Step the environment.

        Args:
            actions: group name -> ``(N, A)`` or ``(N,)``.
            clock: steps so far in the state that is stepped.

        Raises:
            PacesetterError: that state has been stepped before, only some agents have come to
                their end, or a reward, observation or quantity is missing.
        """
        if self._steps != clock or self.lost:
            raise self._used_up()
        outcome = self._environment.step(self._own_actions(actions))
        try:
            seen, rewards, terminations, truncations, infos = outcome
        except (TypeError, ValueError):
            size = f" of {len(outcome)}" if isinstance(outcome, tuple) else ""
            raise PacesetterError(
                f"{self._declared.path}: step() must return five dictionaries by agent, "
                "observations, rewards, terminations, truncations and infos; it returned a "
                f"{type(outcome).__name__}{size}."
            ) from None
        self._steps += 1
        agents = self._declared.agents
        if joined := set(self._environment.agents) - set(agents):
            raise PacesetterError(
                f"{self._declared.path}: {min(map(str, joined))!r} joined after {self._steps} "
                "step(s) and is not among possible_agents. A market's agents are all there from "
                "the first step to the last: declare it, and keep it in the game from the start "
                "with actions of no effect and reward 0."
            )
        gone = [a for a in agents if terminations.get(a, True) or truncations.get(a, True)]
        ended = len(gone) == len(agents) or not self._environment.agents
        if gone and not ended:
            raise PacesetterError(
                f"{self._declared.path}: {gone[0]!r} came to its end after {self._steps} step(s), "
                "but others go on, which is not supported: a market's agents are fixed. Keep it in "
                "the game, with actions of no effect and reward 0, until all end together."
            )
        missing = [a for a in agents if a not in rewards or (not ended and a not in seen)]
        if missing:
            raise PacesetterError(
                f"{self._declared.path}: step() returned no reward or no observation for "
                f"{missing[0]!r}."
            )
        self._see(seen)
        paid = np.array([self._number(f"reward of {a!r}", rewards[a]) for a in agents])
        truncated = ended and any(truncations.values())
        return Outcome(
            rewards=paid,
            quantities=self._quantities(infos.get(agents[0], {})),
            terminated=ended and not truncated,
            truncated=truncated,
        )

    def _see(self, observations: Mapping[str, Any]) -> None:
        """Note what is seen; an agent without a final observation keeps its last one."""
        noted = {}
        for group, agents in self._declared.members.items():
            before = self.observations.get(group, [None] * len(agents))
            rows = [observations.get(a, row) for a, row in zip(agents, before, strict=True)]
            noted[group] = self._rows(group, agents, rows)
        self.observations = noted
        if self._declared.has_leader_observation:
            seen = np.array(self._environment.leader_observe(), dtype=np.float32)
            self.leader_observation = seen.reshape(-1)

    def _rows(self, group: str, agents: Sequence[str], seen: Sequence[Any]) -> NDArray[np.float32]:
        """Observations as flat rows, ``(N, D)``."""
        try:
            rows = [np.asarray(row, dtype=np.float32).reshape(-1) for row in seen]
        except (TypeError, ValueError) as error:
            raise PacesetterError(
                f"{self._declared.path}: an observation of group {group!r} is no array of numbers "
                f"({error})."
            ) from error
        space: Any = self._declared.observation_spaces[group]
        size = int(np.prod(space.shape))
        for agent, row, value in zip(agents, rows, seen, strict=True):
            if row.size != size:
                raise PacesetterError(
                    f"{self._declared.path}: the observation of {agent!r} has shape "
                    f"{np.shape(value)} after {self._steps} step(s), and its space {space.shape}."
                )
        stacked = np.stack(rows)
        if np.isnan(stacked).any():
            agent = agents[int(np.argwhere(np.isnan(stacked))[0, 0])]
            raise PacesetterError(
                f"{self._declared.path}: the observation of {agent!r} holds NaN after "
                f"{self._steps} step(s): {np.asarray(seen[agents.index(agent)])!s:.60}."
            )
        return stacked

    def _number(self, what: str, value: Any) -> float:
        """A finite number that the environment gave."""
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = np.nan
        if not np.isfinite(number):
            raise PacesetterError(
                f"{self._declared.path}: the {what} is {value!s:.60} after {self._steps} step(s), "
                "which is not a finite number."
            )
        return number

    def _own_actions(self, actions: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
        """Actions by agent in the environment's own spaces."""
        own: dict[str, Any] = {}
        for group, agents in self._declared.members.items():
            space: Any = self._declared.action_spaces[group]
            for agent, action in zip(agents, actions[group], strict=True):
                if isinstance(space, Discrete):
                    own[agent] = int(action) + int(space.start)
                else:
                    # Rounding may overshoot a bound by the last digit.
                    array = np.asarray(action).reshape(space.shape).astype(space.dtype)
                    own[agent] = np.clip(array, space.low, space.high)
        return own

    def _quantities(self, info: Mapping[str, Any]) -> dict[str, float]:
        for name in self._declared.quantities:
            if name not in info:
                raise PacesetterError(
                    f"{self._declared.path}: quantity {name!r} is declared, but the info of "
                    f"{self._declared.agents[0]!r} after a step holds "
                    f"{', '.join(map(str, info)) or 'nothing'}."
                )
        return {
            name: self._number(f"quantity {name!r}", info[name])
            for name in self._declared.quantities
        }

    def _used_up(self) -> PacesetterError:
        if self.lost:
            return PacesetterError(
                f"{self._declared.path}: this state was pickled, and its environment is gone, "
                f"because {self.lost}. Restart the copies of Market.lost_episodes."
            )
        return PacesetterError(
            f"{self._declared.path}: this state has been stepped before, and its environment has "
            "changed since. Go on from the newest state, or declare `branchable = True` in the "
            "class; every step then copies the environment first."
        )
