"""Who sets θ. One small interface, two kinds.

*Search leaders* set θ between episodes from the results so far; because followers are conditioned
on θ, they propose as many candidates at once as there are parallel copies. *Policy leaders* act
inside the episode and are trained beside the followers. Which of them a leader is, or whether it is
something else again, it says itself: by its guide, and by the policy that acts for it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, Protocol, runtime_checkable

from annotated_types import Ge
from numpy.typing import NDArray

from ..envs.core.characteristics import Characteristics
from ..envs.core.market import Market
from ..envs.core.rollouts import Laboratory
from .objectives.target import Target
from .policy.options import LeaderPolicyOptions

Interval = Literal["episode"] | Annotated[int, Ge(1)]
"""Follower steps between two settings of θ, or once per episode."""

How = Literal["auto", "pathwise", "forward", "ordered", "score", "differences"]
"""By what the objective is differentiated; see `training.derivatives`."""
Slope = Literal["auto", "implicit", "network", "none"]
"""Where the slope of followers' answers to θ comes from; ``none`` holds their actions fixed."""


@dataclass(frozen=True)
class Measured:
    """What a leader is told about θ. Rows belong together; what was not asked for is None.

    Attributes:
        theta: ``(n, d)``.
        values: of the objective, ``(n,)``.
        gradients: of the objective by θ, in its units, ``(n, d)``.
        gradient_errors: standard errors of the gradients, ``(n, d)``.
        judged, judged_errors: the same by central differences, where a check was asked for.
        judge_rules: whether differences are nearer the truth where the two disagree.
        statistics: of a path, mean over the copies, ``(n, m)``.
        rows: the statistics of every path, ``(n, copies, m)``.
        jacobians: of the mean statistics by θ, ``(n, m, d)``; over the first half of the copies,
            so that the scatter of the second half is independent of it.
        jacobian_rows: of every path of that half, ``(n, copies // 2, m, d)``.
        target: what the statistics are to come to.
        episodes: that were played for the answer; 0 where the leader asked nothing.
        note: how it was done and why, for the log.
    """

    theta: NDArray
    values: NDArray
    gradients: NDArray | None = None
    gradient_errors: NDArray | None = None
    judged: NDArray | None = None
    judged_errors: NDArray | None = None
    judge_rules: bool = True
    statistics: NDArray | None = None
    rows: NDArray | None = None
    jacobians: NDArray | None = None
    jacobian_rows: NDArray | None = None
    target: Target | None = None
    episodes: int = 0
    note: str = ""


Want = Literal["gradients", "statistics", "jacobians"]
Score = Callable[[Any], Any]
"""From the statistics of every path, ``(B, m)``, NumPy or torch, to a number each, ``(B,)``."""


@dataclass(frozen=True)
class Question:
    """What a leader wants to be told beyond the value of its intervals.

    Attributes:
        theta: where, ``(n, d)``.
        how: estimator of the derivative.
        slope: of followers' answers.
        width: of a difference, as a share of the range of a characteristic.
        copies: episodes per θ.
        judge: whether central differences are wanted beside it.
        wants: which fields of `Measured` are asked for.
        score: what takes the place of the objective: the gradient is that of its mean. It stands
            for weights on statistics that depend on these, as a discriminator's do, so that one
            play and one pass backwards are enough.
        fresh: False: the same episodes in every iteration.
        bank: how many sets of episodes there are, which come back in turn; None: always new ones.
        about: an estimate of θ, ``(d,)``, that further statistics of the objective wait for; None:
            they are left out.
    """

    theta: NDArray
    how: How = "auto"
    slope: Slope = "auto"
    width: float = 0.1
    copies: int = 16
    judge: bool = False
    wants: frozenset[Want] = frozenset({"gradients"})
    score: Score | None = None
    fresh: bool = True
    bank: int | None = None
    about: NDArray | None = None

    def __post_init__(self) -> None:
        """Statistics are many, and have a gradient by what they are worth alone."""
        if {"gradients", "statistics"} <= self.wants and self.score is None:
            raise ValueError("the gradient of statistics is asked for without a score of them.")

    @property
    def seeds(self) -> int:
        """How many different episodes are played."""
        return len(self.theta) * self.copies


Draw = Callable[[int], NDArray]
"""From a number of copies to θ, ``(number, d)``."""


class Guide(Protocol):
    """What the training loop asks of a leader: which θ next, and what it has learned."""

    def next_theta(self, slots: int) -> NDArray | None:
        """θ of every copy that the leader leads, ``(slots, d)``; None: its policy sets θ there."""

    def question(self) -> Question | None:
        """What to measure for it now, with derivatives; None: its intervals' values are enough."""

    def learn(self, measured: Measured, last: bool) -> None:
        """Take note of an iteration.

        Args:
            measured: the answer to its question, or θ ``(k, d)`` and objective ``(k,)`` of the
                leader's intervals that ended.
            last: there will be no other iteration.
        """

    def answer(self, acting: Callable[[], NDArray]) -> NDArray:
        """The leader's θ so far, ``(d,)``.

        Args:
            acting: gives the θ that the leader's policy sets on average at the start of an episode,
                ``(d,)``; called for a leader with a policy alone.
        """

    def warnings(self) -> list[str]:
        """What a user must know about the answer, in sentences; empty where all is well."""

    def figures(self) -> dict[str, float]:
        """Numbers that belong to the answer, such as standard errors; they join the results."""

    def state(self) -> dict[str, Any]:
        """Everything that changes, as JSON-compatible values."""

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` returned."""


class Distribution(Protocol):
    """A distribution over θ that a leader has inferred."""

    def sample(self, number: int, seed: int) -> NDArray:
        """Draws of θ, ``(number, d)``, the same for the same seed."""

    def log_prob(self, theta: NDArray) -> NDArray:
        """Log density at θ, ``(n, d)`` to ``(n,)``, per unit of θ."""

    def mean(self) -> NDArray:
        """The mean of θ, ``(d,)``."""


class KeptDistribution(Distribution, Protocol):
    """One that can be written to a run folder."""

    def tensors(self) -> dict[str, NDArray]:
        """Its weights, name -> array."""

    def record(self) -> dict[str, Any]:
        """All else that it is made of, as JSON-compatible values."""


@runtime_checkable
class GuideWithPosterior(Protocol):
    """A guide whose leader's answer is a distribution, of which θ is the mean."""

    def posterior(self) -> KeptDistribution:
        """The distribution so far."""

    def begin_at(self, distribution: KeptDistribution) -> None:
        """Start from another fit of the same characteristics, and not from the prior."""


@runtime_checkable
class GuideWithScalars(Protocol):
    """A guide that adds figures of its own to the history."""

    def scalars(self) -> dict[str, float]:
        """Of the last iteration, ``group/name`` -> number; the same names in all, NaN for none."""


@runtime_checkable
class GuideToSettle(Protocol):
    """A guide that settles a weight before its first iteration."""

    def settle(self, covered: Callable[[float, int], float]) -> None:
        """Choose it, if it is to be chosen.

        Args:
            covered: share of so many θ drawn from the prior that intervals of 80 % cover under a
                weight; a fit for each.
        """


@runtime_checkable
class GuideWithLaboratory(Protocol):
    """A guide that learns who trades, and plays in the market's laboratory itself."""

    def enter(self, laboratory: Laboratory) -> None:
        """Take the laboratory, and prepare or go on; called once, before the first iteration."""

    def iterate(self) -> Measured:
        """One iteration; the value is how good the world is."""

    def scalars(self) -> dict[str, float]:
        """What is noted of an iteration; the same names in all."""

    def weights(self) -> dict[str, NDArray[Any]]:
        """The answer: weights of the world agent, name -> array."""


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
        wants_statistics: whether it compares statistics of paths, which the objective must declare.
        wants_paths: whether it also needs the reference path by path.
        followers_may_learn: whether it can follow a market whose followers change.
        certified_around: how far beside its answer, as a share of each range, followers are also
            trained from scratch where they are so at the answer; 0: nowhere.
        wants_laboratory: whether it replaces the market's own traders.
    """

    name: ClassVar[str]
    wants_statistics: ClassVar[bool] = False
    wants_paths: ClassVar[bool] = False
    followers_may_learn: ClassVar[bool] = True
    certified_around: ClassVar[float] = 0.0
    wants_laboratory: ClassVar[bool] = False
    interval: Interval
    candidates: int | None = None
    update_every: int = 1

    @abstractmethod
    def guide(self, characteristics: Characteristics, seed: int, iterations: int) -> Guide:
        """What the training loop follows.

        Args:
            characteristics: the θ space.
            seed: of the leader's own draws.
            iterations: how often it will be told something.

        Raises:
            PacesetterError: options that do not fit these characteristics.
        """

    @property
    def policy(self) -> LeaderPolicyOptions | None:
        """Options of the policy that acts for the leader inside the episode; None without one."""
        return None

    @property
    def sharpens(self) -> bool:
        """Whether it estimates θ first, and gives the estimate to statistics that wait for one."""
        return False

    @property
    def posterior_options(self) -> Any:
        """Options of the distribution over θ that it infers; None where its answer is one θ."""
        return None

    def laboratory(self, market: Market, seed: int) -> Laboratory | None:
        """Where its guide plays, if it is one with a laboratory."""
        return None

    def drawn_answer(self, characteristics: Characteristics, seed: int) -> Draw | None:
        """Where the answer is a known distribution, what draws from it; None: it is one θ."""
        return None
