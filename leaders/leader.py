"""Who sets θ. One small interface, two kinds.

*Search leaders* set θ between episodes from the results so far; because followers are conditioned
on θ, they propose as many candidates at once as there are parallel copies. *Policy leaders* act
inside the episode and are trained beside the followers. Which of them a leader is, or whether it is
something else again, it says itself: by its guide, and by the policy that acts for it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Annotated, Any, ClassVar, Literal, Protocol

from annotated_types import Ge
from numpy.typing import NDArray

from ..envs.core.characteristics import Characteristics
from .policy.options import LeaderPolicyOptions

Interval = Literal["episode"] | Annotated[int, Ge(1)]
"""Follower steps between two settings of θ, or once per episode."""

Draw = Callable[[int], NDArray]
"""From a number of copies to θ, ``(number, d)``."""


class Guide(Protocol):
    """What the training loop asks of a leader: which θ next, and what it has learned."""

    def next_theta(self, slots: int) -> NDArray | None:
        """θ of every copy that the leader leads, ``(slots, d)``; None: its policy sets θ there."""

    def learn(self, theta: NDArray, values: NDArray, last: bool) -> None:
        """Take note of an iteration.

        Args:
            theta: in the leader's intervals that ended, ``(k, d)``.
            values: the objective of each of them, ``(k,)``.
            last: there will be no other iteration.
        """

    def answer(self, acting: Callable[[], NDArray]) -> NDArray:
        """The leader's θ so far, ``(d,)``.

        Args:
            acting: gives the θ that the leader's policy sets on average at the start of an episode,
                ``(d,)``; called for a leader with a policy alone.
        """

    def state(self) -> dict[str, Any]:
        """Everything that changes, as JSON-compatible values."""

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` returned."""


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
    def guide(self, characteristics: Characteristics, seed: int) -> Guide:
        """What the training loop follows.

        Raises:
            PacesetterError: options that do not fit these characteristics.
        """

    @property
    def policy(self) -> LeaderPolicyOptions | None:
        """Options of the policy that acts for the leader inside the episode; None without one."""
        return None

    def drawn_answer(self, characteristics: Characteristics, seed: int) -> Draw | None:
        """Where the answer is a known distribution, what draws from it; None: it is one θ."""
        return None
