"""What a PettingZoo environment declares about itself, read and checked before the first step."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium.spaces import Box, Discrete, Space
from numpy.typing import NDArray
from pettingzoo import AECEnv, ParallelEnv

from ..core.characteristics import Characteristic, Characteristics
from ..core.errors import PacesetterError
from ..core.group import Group

CURES = {
    "characteristics_space": "characteristics_space = Box(0.0, 1.0, (1,))  # what a leader sets",
    "set_characteristics": "def set_characteristics(self, theta): self.theta = theta  # shape (1,)",
    "max_steps": "max_steps = 50  # steps of an episode",
    "possible_agents": 'possible_agents = ["firm_0", "firm_1"]',
    "observation_space": "def observation_space(self, agent): return self._seen  # a Box",
    "action_space": "def action_space(self, agent): return self._actions  # a Box or Discrete",
    "reset": "def reset(self, seed=None, options=None): ...  # observations, infos",
    "step": "def step(self, actions): ...  # observations, rewards, …",
}
WRAPPER = """\
    class Mine(pettingzoo.utils.BaseParallelWrapper):
        characteristics_space = Box(0.0, 1.0, (1,))
        max_steps = 50
        def __init__(self): super().__init__({built})
        def set_characteristics(self, theta): self.unwrapped.… = theta[0]"""
METHODS = ("set_characteristics", "observation_space", "action_space", "reset", "step")


@dataclass(frozen=True)
class Declarations:
    """An environment's declarations in a market's terms.

    Attributes:
        path: where the environment was found, for messages.
        characteristics: the θ space.
        theta_space: the environment's own space of θ.
        groups: follower types.
        members: group name -> agents, in the order of the arrays.
        observation_spaces: group name -> the environment's own space of an observation.
        action_spaces: group name -> the environment's own space of an action.
        steps: of an episode.
        leader_observation_space: what a leader sees.
        has_leader_observation: whether the environment has `leader_observe`.
        quantities: key of the first agent's info -> description.
        observes_characteristics: whether the environment's own observations show θ.
    """

    path: str
    characteristics: Characteristics
    theta_space: Box
    groups: tuple[Group, ...]
    members: dict[str, list[str]]
    observation_spaces: dict[str, Space[Any]]
    action_spaces: dict[str, Space[Any]]
    steps: int
    leader_observation_space: Box
    has_leader_observation: bool
    quantities: dict[str, str]
    observes_characteristics: bool

    @property
    def agents(self) -> list[str]:
        """All agents, in the order of the arrays."""
        return [agent for members in self.members.values() for agent in members]

    def view(self, theta: NDArray[np.float64]) -> NDArray[np.float32]:
        """θ̂ appended to observations: θ scaled to [−1, 1], ``(B, d)``, or nothing, ``(B, 0)``."""
        if self.observes_characteristics:
            return np.zeros((len(theta), 0), dtype=np.float32)
        low, high = self.characteristics.low, self.characteristics.high
        span = np.where(high > low, high - low, 1.0)
        return (2.0 * (theta - low) / span - (high > low)).astype(np.float32)

    def own_theta(self, theta: NDArray[np.float64]) -> NDArray[Any]:
        """One θ, ``(d,)``, in the environment's own number type and within its own bounds."""
        space = self.theta_space
        return np.clip(theta.astype(space.dtype), space.low, space.high)


def declarations(environment: Any, path: str) -> Declarations:
    """Read an environment's declarations.

    Raises:
        PacesetterError: a member is missing, or one is of a kind that markets do not have.
    """
    check_members(environment, path)
    theta_space = environment.characteristics_space
    characteristics = _characteristics(environment, path)
    members = _members(environment, path)
    observes = bool(getattr(environment, "observes_characteristics", False))
    names = () if observes else characteristics.names
    has_leader = hasattr(environment, "leader_observe")
    leader_space = getattr(environment, "leader_observation_space", None)
    if leader_space is None and not has_leader:
        leader_space = Box(-1.0, 1.0, (1,), np.float32)
    elif not has_leader or not isinstance(leader_space, Box):
        raise PacesetterError(
            f"{path}: leader_observation_space (a Box) and leader_observe() go together; define "
            "both or neither."
        )
    return Declarations(
        path=path,
        characteristics=characteristics,
        theta_space=theta_space,
        groups=tuple(_group(environment, g, a, names, path) for g, a in members.items()),
        members=members,
        observation_spaces={g: environment.observation_space(a[0]) for g, a in members.items()},
        action_spaces={g: environment.action_space(agents[0]) for g, agents in members.items()},
        steps=_steps(environment, path),
        leader_observation_space=_flat(leader_space),
        has_leader_observation=has_leader,
        quantities=dict(getattr(environment, "quantities", {})),
        observes_characteristics=observes,
    )


def check_members(environment: Any, path: str) -> None:
    """Refuse an environment that lacks a member.

    Args:
        environment: an environment, or its class, whose methods alone are looked at, as other
            members may be made by its constructor.

    Raises:
        PacesetterError: names every missing member and shows a line that would cure it.
    """
    needed: tuple[str, ...] = METHODS
    if not isinstance(environment, type):
        needed = ("characteristics_space", "possible_agents", *METHODS)
    _check_parallel(environment, path)
    missing = [name for name in needed if not hasattr(environment, name)]
    if not isinstance(environment, type) and _declared_steps(environment) is None:
        missing.append("max_steps")
    if missing:
        lines = "\n".join(f"    {CURES[name]}" for name in missing)
        raise PacesetterError(
            f"{path}: to be a market, this environment lacks {', '.join(missing)}. Add, in its "
            f"class:\n{lines}\nIf the class is a library's, in one of your own around it:\n"
            f"{WRAPPER.format(built='…')}"
        )


def _check_parallel(environment: Any, path: str) -> None:
    """Refuse an AEC environment, in which agents move one after the other."""
    kind = environment if isinstance(environment, type) else type(environment)
    turns = hasattr(environment, "agent_iter") or hasattr(environment, "agent_selection")
    if issubclass(kind, ParallelEnv) or not (issubclass(kind, AECEnv) or turns):
        return
    name = path.rpartition(":")[2]
    raise PacesetterError(
        f"{path}: is an AEC environment, whose agents move in turn; those of a market move "
        "together. If it is parallelizable, convert it with "
        "pettingzoo.utils.conversions.aec_to_parallel, in a class of your own, and name that:\n"
        f"{WRAPPER.format(built=f'aec_to_parallel({name}())')}"
    )


def _declared_steps(environment: Any) -> Any:
    metadata = getattr(environment, "metadata", None) or {}
    return getattr(environment, "max_steps", metadata.get("max_steps"))


def _steps(environment: Any, path: str) -> int:
    steps = _declared_steps(environment)
    if not isinstance(steps, (int, np.integer)) or steps < 1:
        raise PacesetterError(f"{path}: max_steps must be a whole number >= 1, got {steps!r}.")
    return int(steps)


def _characteristics(environment: Any, path: str) -> Characteristics:
    space = environment.characteristics_space
    if not isinstance(space, Box) or len(space.shape) != 1 or not space.is_bounded():
        raise PacesetterError(
            f"{path}: characteristics_space must be a bounded Box of shape (d,), got {space}."
        )
    names = list(getattr(environment, "characteristics_names", ()))
    names = names or [f"theta_{i}" for i in range(space.shape[0])]
    # A float32 bound such as 0.1 is meant, and typed by the user, as the decimal number.
    low, high = ([float(str(x)) for x in bound] for bound in (space.low, space.high))
    middle = [(a + b) / 2 for a, b in zip(low, high, strict=True)]
    default = list(getattr(environment, "characteristics_default", middle))
    if not len(names) == len(default) == len(low) or len(set(names)) < len(names):
        raise PacesetterError(
            f"{path}: characteristics_names and characteristics_default must have one entry for "
            f"each of the {len(low)} of characteristics_space, and no name twice."
        )
    return Characteristics(
        [
            Characteristic(str(name), lowest, highest, float(value))
            for name, lowest, highest, value in zip(names, low, high, default, strict=True)
        ]
    )


def _members(environment: Any, path: str) -> dict[str, list[str]]:
    """Which agents form which group: as declared, or by name and spaces."""
    agents = list(environment.possible_agents)
    if twice := sorted({str(agent) for agent in agents if agents.count(agent) > 1}):
        raise PacesetterError(
            f"{path}: possible_agents names {twice[0]!r} twice; every agent needs a name of its "
            "own, such as 'firm_0' and 'firm_1'."
        )
    declared = getattr(environment, "groups", None)
    if declared is not None:
        members = {name: list(group) for name, group in dict(declared).items()}
        if sorted(a for group in members.values() for a in group) != sorted(agents):
            raise PacesetterError(
                f"{path}: groups must hold every agent of possible_agents once; got {members} for "
                f"{agents}."
            )
    else:
        members = {}
        for agent in agents:
            numbered = re.fullmatch(r"(.+)_\d+", agent)
            members.setdefault(numbered[1] if numbered else "agent", []).append(agent)
    for name, group in members.items():
        _check_alike(environment, name, group, path)
    return members


def _check_alike(environment: Any, name: str, agents: list[str], path: str) -> None:
    """Agents of one group share a policy, so they need equal spaces."""
    first = agents[0]
    for agent in agents[1:]:
        if environment.observation_space(agent) != environment.observation_space(
            first
        ) or environment.action_space(agent) != environment.action_space(first):
            raise PacesetterError(
                f"{path}: agents {first!r} and {agent!r} of group {name!r} have different spaces "
                "and cannot share a policy. Say who belongs together, e.g.\n"
                f'    groups = {{"{first}s": ["{first}"], "{agent}s": ["{agent}"]}}'
            )


def _group(
    environment: Any, name: str, agents: list[str], view: tuple[str, ...], path: str
) -> Group:
    seen, actions = environment.observation_space(agents[0]), environment.action_space(agents[0])
    if not isinstance(seen, Box):
        raise PacesetterError(
            f"{path}: the observation space of {agents[0]!r} is {type(seen).__name__}, but must be "
            "a Box; return arrays, e.g. with gymnasium.spaces.flatten."
        )
    if isinstance(actions, Box) and actions.is_bounded():
        actions = _flat(actions)
    elif isinstance(actions, Discrete):
        actions = Discrete(int(actions.n))
    else:
        raise PacesetterError(
            f"{path}: the action space of {agents[0]!r} must be a bounded Box or a Discrete, got "
            f"{actions}."
        )
    seen = _flat(seen)
    ones = np.ones(len(view), dtype=np.float32)
    seen = Box(np.append(seen.low, -ones), np.append(seen.high, ones), dtype=np.float32)
    try:
        return Group(name, len(agents), seen, actions, view)
    except PacesetterError as error:
        raise PacesetterError(
            f"{path}: {error} Groups are named by the agents, or by the class itself:\n"
            f'    groups = {{"firms": {agents!r}, …}}'
        ) from None


def _flat(space: Box) -> Box:
    low, high = (bound.reshape(-1).astype(np.float32) for bound in (space.low, space.high))
    return Box(low, high, dtype=np.float32)
