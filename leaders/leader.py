"""Who sets θ. One small interface, two kinds.

*Search leaders* set θ between episodes from the results so far; because followers are conditioned
on θ, they propose as many candidates at once as there are parallel copies. *Policy leaders* act
inside the episode and are trained by RLlib beside the followers.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Ge
from numpy.typing import NDArray

from ..envs.core.characteristics import Characteristics

Interval = Literal["episode"] | Annotated[int, Ge(1)]
"""Follower steps between two settings of θ, or once per episode."""


class SearchLeader(ABC):
    """Interface of a leader that sets θ between episodes.

    `propose` and `learn` are called in turn; everything a leader remembers is in `state`, so that a
    resumed run goes on with the same proposals.
    """

    @abstractmethod
    def propose(self, number: int) -> NDArray:
        """Candidates to try next, ``(number, d)``, each within bounds and constraints."""

    @abstractmethod
    def learn(self, theta: NDArray, values: NDArray) -> None:
        """Take note of the objective, ``(n,)``, measured at θ, ``(n, d)``. Larger is better."""

    @abstractmethod
    def best(self) -> NDArray:
        """The leader's answer so far, ``(d,)``."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """Everything needed to go on, as JSON-compatible values."""

    @abstractmethod
    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` returned."""


class LeaderSettings(ABC):
    """Interface of a leader's options: a frozen dataclass with the fields of its YAML section.

    Attributes:
        interval: the slow clock, ``"episode"`` or the follower steps between two settings of θ.
        candidates: of a search leader, how many different θ are tried at once, each on an equal
            share of its copies; None: one per copy.
        update_every: iterations per update of the leader (followers update in each): the slow time
            scale. A search leader measures its candidates over so many iterations.
    """

    name: ClassVar[str]
    interval: Interval
    candidates: int | None = None
    update_every: int = 1

    @abstractmethod
    def search(self, characteristics: Characteristics, seed: int) -> SearchLeader | None:
        """The search leader with these options; None for a leader trained by RLlib."""
