"""Followers of one type: what they see, and what they may do."""

from __future__ import annotations

from dataclasses import dataclass

from gymnasium.spaces import Box, Discrete

from .errors import PacesetterError

LEADER = "leader"
"""The name of the leader among the agents and policies of a game."""
NOT_IN_NAMES = '<>:"/\\|?*.'  # of groups, which name files and RLlib's modules


@dataclass(frozen=True)
class Group:
    """Followers of one type, who share one policy.

    Attributes:
        name: singular noun, e.g. ``producer``; agents are called ``producer_0``, ….
        size: number of agents, N.
        observation_space: of one agent, a float32 `Box` of shape ``(D,)``.
        action_space: of one agent, a `Box` of shape ``(A,)`` or a `Discrete`.
        view: labels of the last entries of the observation, the agent's own view θ̂ of the
            characteristics: all of θ, some of it, or a private draw from it.
        information_cost: whether these agents pay for information (see `Market.information_costs`).
        ordered: of a `Discrete` group, whether its actions are points of a line that `transition`
            takes between them, too: forecasts, prices. A derivative can then follow them.

    Raises:
        PacesetterError: the name is the leader's, or cannot name a file.
    """

    name: str
    size: int
    observation_space: Box
    action_space: Box | Discrete
    view: tuple[str, ...]
    information_cost: bool = False
    ordered: bool = False

    def __post_init__(self) -> None:
        """Refuse a name that would be taken for another, or lost."""
        if self.name == LEADER:
            raise PacesetterError(
                f"a group is called {LEADER!r}, which is the name of whoever sets the "
                "characteristics; call it otherwise, for instance 'principal'."
            )
        name = self.name if isinstance(self.name, str) else ""
        if not name.strip() or not name.isprintable() or set(name) & set(NOT_IN_NAMES):
            raise PacesetterError(
                f"group {self.name!r}: its policy is saved in a file of that name, so it must be a "
                f"text without any of {' '.join(NOT_IN_NAMES)} in it; use letters, digits and '_'."
            )
