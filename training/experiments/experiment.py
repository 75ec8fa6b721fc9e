"""What an experiment is: everything that decides the outcome of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Annotated

from annotated_types import Ge, Lt

from ...envs.core.errors import PacesetterError
from ...envs.core.market import Market
from ...leaders.game import StackelbergGame
from ...leaders.leader import Guide, LeaderSettings
from ...leaders.objectives.objective import Measure, Objective
from ...leaders.objectives.references import Samples
from .settings import EvaluationSettings, FollowerSettings, TrainingSettings

LONGEST_NAME = 200  # bytes; file systems allow 255, and the seed is added


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """Everything that decides the outcome of a run, and how it is carried out.

    Attributes:
        name: file name without its ending, unless the file says otherwise; names run folders.
        description: one line for lists and reports.
        seed: of all randomness in training.
        market: the game.
        objective: what the leader wants.
        leader: who sets θ, and how.
        followers: the followers' policies, of every group that has no options of its own.
        own_followers: group name -> the policies of that group.
        training: the loop.
        evaluation: how the result is measured.
        samples: the reference samples that the objective compares with, once they have been read;
            see `bound`. They go wherever the experiment goes: to workers and into the run folder.
    """

    name: str
    description: str = ""
    # NumPy's global generator, which Ray seeds in its workers, takes no larger seed.
    seed: Annotated[int, Ge(0), Lt(2**32)] = 0
    market: Market
    objective: Objective
    leader: LeaderSettings
    followers: FollowerSettings = field(default_factory=FollowerSettings)
    own_followers: Mapping[str, FollowerSettings] = field(
        default_factory=dict, metadata={"option": False}
    )
    training: TrainingSettings = field(default_factory=TrainingSettings)
    evaluation: EvaluationSettings = field(default_factory=EvaluationSettings)
    samples: Samples | None = field(
        default=None, compare=False, repr=False, metadata={"option": False}
    )

    def __post_init__(self) -> None:
        """Refuse a name that cannot be a folder's name."""
        if len(self.name.encode()) > LONGEST_NAME:
            raise PacesetterError(
                f"name: {self.name[:60]!r}… is too long to name a folder; at most {LONGEST_NAME} "
                "characters."
            )
        bad = [c for c in self.name if c in "/\\" or not c.isprintable()]
        if not self.name or self.name.startswith(".") or bad:
            raise PacesetterError(
                f"name: {self.name!r} cannot name a folder; use letters, digits, '_' and '-'."
            )

    def followers_of(self, group: str) -> FollowerSettings:
        """The options of one group."""
        return self.own_followers.get(group, self.followers)

    def bound(self) -> Experiment:
        """This experiment with its reference samples read: nothing is read or solved after it.

        Raises:
            PacesetterError: a sample cannot be had.
        """
        return self if self.samples is not None else replace(self, samples=self._read_samples)

    @cached_property
    def bound_objective(self) -> Objective:
        """The objective with its reference samples as arrays."""
        samples = self._read_samples if self.samples is None else self.samples
        return self.objective.holding(samples)

    @cached_property
    def _read_samples(self) -> Samples:
        return self.objective.samples(self.market)

    def guide(self) -> Guide:
        """The leader's guide, not yet begun."""
        characteristics = self.market.characteristics
        return self.leader.guide(characteristics, self.seed, self.training.iterations)

    @property
    def interval_steps(self) -> int:
        """Steps between two settings of θ."""
        interval = self.leader.interval
        return self.market.steps_per_episode if interval == "episode" else interval

    @cached_property
    def measure(self) -> Measure:
        """The objective bound to the market."""
        return self.bound_objective.measure(self.market, self.interval_steps)

    @cached_property
    def numbers_kept(self) -> int:
        """Numbers in the state of one copy, and in what its followers see."""
        state, groups = self.market.reset(0), self.market.groups
        numbers = sum(getattr(value, "size", 0) for value in vars(state).values())
        return numbers + sum(group.size * group.observation_space.shape[0] for group in groups)

    def game(self, measure: Measure | None = None) -> StackelbergGame:
        """The market under the leader's slow clock, not yet begun; bound anew, or as `measure`."""
        return StackelbergGame(self.market, self.bound_objective, self.leader.interval, measure)
